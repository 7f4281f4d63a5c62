// Who may import whom (docs/architecture.md), and which room owns which package.
import { ownImportsOf, packagesOf, productFiles } from './tree'

const ROOMS = [
  'core',
  'profitability',
  'risk',
  'venues',
  'chain',
  'relay',
  'store',
  'oracle',
  'ops',
  'watcher',
  'executor',
  'config',
  'lab',
  'commands',
] as const
type Room = (typeof ROOMS)[number] | 'strategies' | 'registry' | 'ports' | 'keeper' | 'compose' | 'cli' | 'main'

const roomOf = (path: string): Room => {
  const plain = path.replace(/\.ts$/, '')
  if (plain === 'strategies' || plain === 'strategies/index' || plain === 'src/venues/registry') return 'registry'
  if (plain.startsWith('strategies/')) return 'strategies'
  const [, first = ''] = plain.split('/')
  const room = ROOMS.find(each => each === first)
  if (room !== undefined) return room
  if (first === 'closing') return 'keeper'
  if (first === 'ports' || first === 'keeper' || first === 'compose' || first === 'cli' || first === 'main') return first
  throw new Error(`${path} belongs to no room: put it in one, or name the room here and in docs/architecture.md`)
}

const THIN: readonly Room[] = ['core', 'ports']
const WORKERS: readonly Room[] = ['chain', 'relay', 'store', 'oracle', 'ops', 'watcher', 'executor']
const PARTS: readonly Room[] = [
  ...WORKERS,
  'core',
  'ports',
  'profitability',
  'risk',
  'venues',
  'strategies',
  'registry',
  'config',
  'keeper',
]

const MAY_IMPORT: Readonly<Record<Room, readonly Room[]>> = {
  core: [],
  ports: ['core'],
  profitability: ['core'],
  risk: ['core'],
  venues: ['core'],
  strategies: ['core'],
  registry: ['core', 'venues', 'strategies'],
  chain: THIN,
  relay: THIN,
  store: THIN,
  oracle: THIN,
  ops: THIN,
  watcher: THIN,
  executor: THIN,
  config: THIN,
  keeper: [...WORKERS, ...THIN, 'profitability', 'risk'],
  compose: PARTS,
  lab: [...PARTS, 'compose'],
  commands: [...PARTS, 'compose', 'lab'],
  cli: [...PARTS, 'compose', 'lab', 'commands'],
  main: [...PARTS, 'compose', 'lab', 'commands', 'cli'],
}

const OWNERS: Readonly<Record<string, readonly string[]>> = {
  ethers: ['src/relay/'],
  '@flashbots/ethers-provider-bundle': ['src/relay/'],
  bottleneck: ['src/chain/', 'src/relay/'],
  dotenv: ['src/config/'],
  jiti: ['src/config/'],
  pino: ['src/ops/'],
  'prom-client': ['src/ops/'],
  'better-sqlite3': ['src/store/'],
  kysely: ['src/store/'],
  pg: ['src/store/'],
  commander: ['src/cli.ts'],
}

const folderOf = (path: string): string =>
  path
    .split('/')
    .slice(0, path.startsWith('src/venues') ? 3 : 2)
    .join('/')

describe('imports', () => {
  it('behavior: every file imports only what its room may', () => {
    const wrong = productFiles().flatMap(path => {
      const allowed = [roomOf(path), ...MAY_IMPORT[roomOf(path)]]
      return ownImportsOf(path)
        .filter(target => !allowed.includes(roomOf(target)))
        .map(target => `${path} -> ${target}`)
    })
    expect(wrong).toEqual([])
  })

  it('behavior: no strategy imports another, no venue another', () => {
    const wrong = productFiles()
      .filter(path => ['strategies', 'venues'].includes(roomOf(path)))
      .flatMap(path =>
        ownImportsOf(path)
          .filter(target => roomOf(target) === roomOf(path) && folderOf(target) !== folderOf(path))
          .map(target => `${path} -> ${target}`),
      )
    expect(wrong).toEqual([])
  })

  it('behavior: each package stays in the rooms that own it', () => {
    const wrong = productFiles().flatMap(path =>
      packagesOf(path)
        .filter(name => OWNERS[name]?.every(owner => !path.startsWith(owner)))
        .map(name => `${path} -> ${name}`),
    )
    expect(wrong).toEqual([])
  })

  it('behavior: no development dependency is imported by the product', () => {
    const { dependencies } = jest.requireActual<{ dependencies: Record<string, string> }>('../../package.json')
    const wrong = productFiles().flatMap(path =>
      packagesOf(path)
        .filter(name => !name.startsWith('node:') && dependencies[name] === undefined)
        .map(name => `${path} -> ${name}`),
    )
    expect(wrong).toEqual([])
  })
})
