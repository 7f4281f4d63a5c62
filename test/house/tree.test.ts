// Nothing of one machine in the tree, and a lock file that works on every platform.
import { filesUnder, read } from './tree'

interface LockEntry {
  readonly version?: string
  readonly resolved?: string
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = (): Readonly<Record<string, LockEntry>> =>
  (JSON.parse(read('package-lock.json')) as { readonly packages: Readonly<Record<string, LockEntry>> }).packages
const manifest = (): {
  readonly allowScripts: Readonly<Record<string, boolean>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
} => JSON.parse(read('package.json'))
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

const text = /\.(ts|js|cjs|json|md|sol|html|css|yml|yaml|example)$/

describe('tree', () => {
  it('behavior: no file names a path of one machine, a registry or a folder beside the project', () => {
    const marks = [
      ['/wo', 'rk/'],
      ['/tm', 'p/'],
      ['/ro', 'ot/'],
      ['/Use', 'rs/'],
      ['.npm', 'js.org'],
      ['.npm', 'js.com'],
      ['ver', 'daccio'],
      ['arti', 'factory'],
    ].map(parts => parts.join(''))
    const files = [
      ...filesUnder('src', 'strategies', 'test', 'contracts', 'docs', 'bench', '.ci'),
      'package.json',
      'package-lock.json',
      'README.md',
      '.env.example',
      'jest.config.js',
      'ecosystem.config.js',
    ]
    const found = files
      .filter(path => text.test(path) || path === '.ci/run')
      .flatMap(path => {
        const content = read(path)
        return marks.filter(mark => content.includes(mark)).map(mark => `${path}: ${mark}`)
      })
    expect(found).toEqual([])
  })

  it('behavior: only the shared-data fixture looks beside the project', () => {
    const outside = new RegExp(`\\.\\./${'shared'}/(data|vectors|reference)|\\.\\./\\.\\./\\.\\./${'shared'}`)
    const files = filesUnder('src', 'strategies', 'test', 'contracts', 'bench').filter(path => text.test(path))
    expect(files.filter(path => path !== 'test/fixtures/shared.ts' && outside.test(read(path)))).toEqual([])
  })
})

describe('lock file', () => {
  it('behavior: every optional package of every platform has its entry (npm run lock:platforms)', () => {
    const packages = lock()
    const names = new Set(Object.keys(packages).map(nameOf))
    const missing = Object.entries(packages).flatMap(([owner, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter(name => !names.has(name))
        .map(name => `${owner}: ${name}`),
    )
    expect(missing).toEqual([])
  })

  it('behavior: the local chain has a package for each platform', () => {
    const packages = lock()
    const version = packages['node_modules/@foundry-rs/anvil']?.version
    for (const [suffix, os, cpu] of [
      ['darwin-arm64', 'darwin', 'arm64'],
      ['darwin-amd64', 'darwin', 'x64'],
      ['linux-arm64', 'linux', 'arm64'],
      ['linux-amd64', 'linux', 'x64'],
      ['win32-amd64', 'win32', 'x64'],
    ] as const) {
      expect(packages[`node_modules/@foundry-rs/anvil-${suffix}`]).toMatchObject({
        version,
        os: [os],
        cpu: [cpu],
        optional: true,
      })
    }
  })

  it('behavior: no entry is tied to one registry', () => {
    expect(
      Object.entries(lock())
        .filter(([, entry]) => entry.resolved !== undefined)
        .map(([path]) => path),
    ).toEqual([])
  })

  it('behavior: versions are exact, and the lock file has them', () => {
    const { dependencies, devDependencies } = manifest()
    const packages = lock()
    const wrong = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([name, version]) => packages[`node_modules/${name}`]?.version !== version,
    )
    expect(wrong).toEqual([])
  })

  it('behavior: every package with an install script has been looked at (allowScripts)', () => {
    const { allowScripts } = manifest()
    const scripted = Object.entries(lock())
      .filter(([, entry]) => entry.hasInstallScript)
      .map(([path]) => nameOf(path))
    expect([...new Set(scripted)].filter(name => allowScripts[name] === undefined)).toEqual([])
  })
})
