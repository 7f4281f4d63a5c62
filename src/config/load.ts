// Finds, reads and checks the configuration file. Throws KeeperError bad-config (exit code 78) for whatever a person must mend.
import { existsSync, readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { createJiti } from 'jiti'
import { KeeperError } from '../core/errors'
import type { Config, Registry } from './config'
import type { Environment } from './environment'
import { parseConfig } from './parse'
import { createSecret, type Secret } from './secret'

/** Looked for in this order where no file is named. */
export const CONFIG_FILES = ['bulwark.config.ts', 'bulwark.config.json'] as const

export interface LoadOptions {
  /** The file that the user named (--config); wins over BULWARK_CONFIG and over the usual names. */
  readonly file?: string | undefined
  readonly directory?: string
  readonly registry: Registry
  readonly environment: Environment
}

export interface LoadedConfig {
  readonly config: Config
  readonly file: string
}

const fail = (message: string, cause?: unknown): KeeperError =>
  new KeeperError('bad-config', message, { retryable: false, cause })
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const findFile = ({ file, directory = process.cwd(), environment }: LoadOptions): string => {
  const named = file ?? environment.configFile
  if (named !== null && named !== undefined) {
    const path = resolve(directory, named)
    if (existsSync(path)) return path
    throw fail(`There is no configuration file ${path} (named by ${file === undefined ? 'BULWARK_CONFIG' : '--config'}).`)
  }
  const found = CONFIG_FILES.map(name => resolve(directory, name)).find(path => existsSync(path))
  if (found !== undefined) return found
  throw fail(
    `There is no ${CONFIG_FILES.join(' or ')} in ${directory}. Name a file with --config, or write one: docs/configuration.md shows the smallest.`,
  )
}

const readJson = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    throw fail(`${file} is not valid JSON: ${reasonOf(error)}`, error)
  }
}

const readModule = async (file: string): Promise<unknown> => {
  try {
    return await createJiti(__filename, { moduleCache: false, fsCache: false }).import(file, { default: true })
  } catch (error) {
    throw fail(`${file} could not be loaded: ${reasonOf(error)}`, error)
  }
}

const readRaw = async (file: string): Promise<unknown> => {
  const kind = extname(file)
  if (kind === '.json') return readJson(file)
  if (['.ts', '.js', '.mjs', '.cjs', '.mts', '.cts'].includes(kind)) return readModule(file)
  throw fail(`${file}: a configuration file ends in .ts, .js or .json.`)
}

/** Loads, checks and applies the environment's RPC endpoints. */
export const loadConfig = async (options: LoadOptions): Promise<LoadedConfig> => {
  const file = findFile(options)
  const config = parseConfig(await readRaw(file), file, options.registry)
  const chains = config.chains.map(chain => ({ ...chain, rpc: options.environment.rpc.get(chain.id) ?? chain.rpc }))
  return { config: { ...config, chains }, file }
}

/** The part of an endpoint's URL that may hold a login or an API key; null if there is none. */
export const credentialsOf = (url: string): string | null => {
  const { username, password, pathname, search } = new URL(url)
  if (password !== '' || username !== '') return `${username}:${password}`
  const rest = `${pathname}${search}`
  return rest.length >= 8 ? rest : null
}

/** Every text that no log may show: keys, and what follows the host in endpoint URLs. */
export const secretsOf = (config: Config | null, environment: Environment): readonly Secret[] => {
  const keys = [...environment.operatorKeys, environment.relayKey, environment.deployerKey].filter(key => key !== null)
  const urls = [
    ...(config?.chains ?? []).flatMap(chain => [...chain.rpc, ...chain.relays.map(relay => relay.url)]),
    ...[...environment.rpc.values()].flat(),
  ]
  return [...keys, ...urls.flatMap(url => credentialsOf(url) ?? []).map(createSecret)]
}
