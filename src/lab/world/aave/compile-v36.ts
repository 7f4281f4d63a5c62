// Compiles the official v3.6 sources of the development packages once and keeps the result in an ignored cache folder.
// Nothing of it may be copied into this repository.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, posix } from 'node:path'
import { KeeperError } from '../../../core/errors'
import { type Artifact, type Artifacts, type LinkReferences, v30Artifacts } from './artifact'

const load = createRequire(__filename)

const ROOTS = [
  'protocol/configuration/PoolAddressesProvider',
  'protocol/configuration/ACLManager',
  'instances/PoolInstance',
  'instances/PoolConfiguratorInstance',
  'instances/ATokenInstance',
  'instances/VariableDebtTokenInstance',
  'misc/DefaultReserveInterestRateStrategyV2',
].map(name => `src/contracts/${name}.sol`)

interface SourceFolders {
  readonly origin: string
  readonly utilities: string
  readonly openzeppelin: string
}

const folders = (): SourceFolders => {
  const origin = load.resolve('@aave-dao/aave-v3-origin/package.json')
  const utilities = createRequire(origin).resolve('@bgd-labs/solidity-utils/package.json')
  const openzeppelin = createRequire(utilities).resolve('@openzeppelin/contracts/package.json')
  return { origin: dirname(origin), utilities: dirname(utilities), openzeppelin: dirname(openzeppelin) }
}

const fileOf = (path: string, { origin, utilities, openzeppelin }: SourceFolders): string => {
  const parts = path.split('/')
  if (parts[0] === 'openzeppelin-contracts') return join(openzeppelin, ...parts.slice(2))
  if (parts[0] === 'solidity-utils') return join(utilities, 'src', ...parts.slice(1))
  return join(origin, path)
}

/** All sources that the roots import, by the path that imports name. */
const gather = (where: SourceFolders): Readonly<Record<string, { readonly content: string }>> => {
  const sources: Record<string, { readonly content: string }> = {}
  const wanted = [...ROOTS]
  for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
    if (sources[path] !== undefined) continue
    const content = readFileSync(fileOf(path, where), 'utf8')
    sources[path] = { content }
    for (const [, imported] of content.matchAll(/(?:from|import)\s+['"]([^'"]+)['"]/g)) {
      wanted.push(imported!.startsWith('.') ? posix.join(posix.dirname(path), imported!) : imported!)
    }
  }
  return sources
}

interface CompilerOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts?: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly abi: Artifact['abi']
            readonly evm: { readonly bytecode: { readonly object: string; readonly linkReferences: LinkReferences } }
          }
        >
      >
    >
  >
}

type Compiled = Readonly<Record<string, Artifact>>

const compile = (): Compiled => {
  const solc = load('solc') as { compile(input: string): string }
  const settings = {
    optimizer: { enabled: true, runs: 200 },
    evmVersion: 'shanghai',
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.bytecode.linkReferences'] } },
  }
  const input = JSON.stringify({ language: 'Solidity', sources: gather(folders()), settings })
  const output = JSON.parse(solc.compile(input)) as CompilerOutput
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'))
  const found: Record<string, Artifact> = {}
  for (const file of Object.values(output.contracts ?? {}))
    for (const [name, { abi, evm }] of Object.entries(file))
      if (evm.bytecode.object.length > 0)
        found[name] = { abi, bytecode: `0x${evm.bytecode.object}`, linkReferences: evm.bytecode.linkReferences }
  return found
}

const versionOf = (name: string): string => (load(`${name}/package.json`) as { version: string }).version

const cached = (file: string): Compiled | null => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Compiled
  } catch {
    return null
  }
}

/** The ignored folder in the project's root, wherever this file was built to. */
const defaultCache = (): string => {
  for (let folder = __dirname; dirname(folder) !== folder; folder = dirname(folder))
    if (existsSync(join(folder, 'package.json'))) return join(folder, '.cache')
  return join(__dirname, '.cache')
}

const cacheFile = (cacheDir: string): string =>
  join(cacheDir, `aave-v3-origin-${versionOf('@aave-dao/aave-v3-origin')}-solc-${versionOf('solc')}.json`)

/** False where `v36Artifacts` would have to compile first. */
export const isV36Cached = (cacheDir: string = defaultCache()): boolean => {
  try {
    return existsSync(cacheFile(cacheDir))
  } catch {
    return false
  }
}

/** Another process may be reading, hence aside first. A folder that can't be written costs the time again, nothing else. */
const keep = (file: string, contracts: Compiled): void => {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(contracts))
    renameSync(`${file}.${process.pid}`, file)
  } catch {
    return
  }
}

const load36 = (cacheDir: string): Compiled => {
  try {
    const file = cacheFile(cacheDir)
    const known = cached(file)
    if (known !== null) return known
    const contracts = compile()
    keep(file, contracts)
    return contracts
  } catch (cause) {
    const message = `Aave v3.6 could not be compiled from the development packages, run \`npm ci\`: ${String(cause)}`
    throw new KeeperError('lab-failed', message, { retryable: false, cause })
  }
}

const loaded = new Map<string, Compiled>()

/** Contracts of v3.6, and the test token and oracle of v3.0. Where nothing is cached the call takes 15 s or more; throws KeeperError 'lab-failed'. */
export const v36Artifacts = (cacheDir: string = defaultCache()): Artifacts => {
  const known = loaded.get(cacheDir) ?? load36(cacheDir)
  loaded.set(cacheDir, known)
  return name => known[name] ?? v30Artifacts(name)
}
