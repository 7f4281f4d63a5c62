// The environment: secrets and per-machine overrides. The only reader of process.env, and of .env. Nothing here prints a secret.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'dotenv'
import { badConfig, nearest, type Problem } from './problem'
import { createSecret, type Secret } from './secret'

export interface Environment {
  /** Keys that sign liquidations; they hold gas money only. Empty: none given. */
  readonly operatorKeys: readonly Secret[]
  /** Our lasting identity at relays; null: none given. Holds no money. */
  readonly relayKey: Secret | null
  /** Pays for `bulwark deploy`; null: none given. */
  readonly deployerKey: Secret | null
  /** RPC endpoints that replace those of the file, by chain id. */
  readonly rpc: ReadonlyMap<number, readonly string[]>
  readonly configFile: string | null
}

export interface Variable {
  readonly name: string
  readonly description: string
  readonly isSecret: boolean
}

/** Every variable that is read, for .env.example and docs/configuration.md. `<id>` stands for a chain id. */
export const VARIABLES: readonly Variable[] = [
  {
    name: 'BULWARK_OPERATOR_KEYS',
    description:
      'Private keys that sign liquidations, separated by commas. `run` needs one. They hold gas money only: a stolen one cannot move the profit.',
    isSecret: true,
  },
  { name: 'BULWARK_OPERATOR_KEY', description: 'The same for one key.', isSecret: true },
  {
    name: 'BULWARK_RELAY_KEY',
    description: 'Private key of the identity that signs requests to relays. Keep it: reputation hangs on it. It needs no money.',
    isSecret: true,
  },
  {
    name: 'BULWARK_DEPLOYER_KEY',
    description:
      'Private key that pays for `bulwark deploy`. If it is the owner, it also sets the operators. Default: the first operator key.',
    isSecret: true,
  },
  {
    name: 'BULWARK_RPC_<id>',
    description: 'RPC endpoints of that chain, separated by commas, instead of those in the file.',
    isSecret: true,
  },
  {
    name: 'BULWARK_CONFIG',
    description: 'The configuration file. Default: bulwark.config.ts or bulwark.config.json in this folder.',
    isSecret: false,
  },
]

type Values = Readonly<Record<string, string | undefined>>

const RPC_VARIABLE = /^BULWARK_RPC_([1-9]\d*)$/
const KEY = /^(0x)?[0-9a-fA-F]{64}$/
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')

const keyOf = (text: string, variable: string, problems: Problem[]): Secret | null => {
  const digits = text.replace(/^0x/, '').toLowerCase()
  const value = KEY.test(text) ? BigInt(`0x${digits}`) : 0n
  if (value > 0n && value < CURVE_ORDER) return createSecret(`0x${digits}`)
  problems.push({ path: [variable], message: 'is not a private key: 64 hex digits, with or without 0x (the value is not shown)' })
  return null
}

const keysOf = (values: Values, variable: string, problems: Problem[]): readonly Secret[] =>
  listOf(values[variable]).flatMap(text => keyOf(text, variable, problems) ?? [])

const operatorKeysOf = (values: Values, problems: Problem[]): readonly Secret[] => {
  const keys = [...keysOf(values, 'BULWARK_OPERATOR_KEYS', problems), ...keysOf(values, 'BULWARK_OPERATOR_KEY', problems)]
  const distinct = new Map(keys.map(key => [key.reveal(), key]))
  return [...distinct.values()]
}

const singleKeyOf = (values: Values, variable: string, problems: Problem[]): Secret | null => {
  const keys = keysOf(values, variable, problems)
  if (keys.length > 1) problems.push({ path: [variable], message: 'holds more than one key' })
  return keys[0] ?? null
}

const isEndpoint = (text: string): boolean => /^(wss?|https?):\/\/\S+$/i.test(text) && URL.canParse(text)

const rpcOf = (values: Values, problems: Problem[]): ReadonlyMap<number, readonly string[]> => {
  const entries = Object.keys(values).flatMap(variable => {
    const id = RPC_VARIABLE.exec(variable)?.[1]
    const urls = listOf(values[variable])
    if (id === undefined || urls.length === 0) return []
    if (!urls.every(isEndpoint))
      problems.push({ path: [variable], message: 'must list ws://, wss://, http:// or https:// URLs, separated by commas' })
    return [[Number(id), urls] as const]
  })
  return new Map(entries)
}

/** A misspelt name in .env would silently do nothing. Names of the process itself are left alone: orchestrators invent some. */
const strangeNames = (names: readonly string[]): readonly Problem[] => {
  const known = VARIABLES.map(variable => variable.name)
  return names
    .filter(name => name.startsWith('BULWARK_') && !known.includes(name) && !RPC_VARIABLE.test(name))
    .map(name => {
      const meant = nearest(name, known)
      return {
        path: [name],
        message: `unknown variable (${meant === null ? '' : `did you mean ${meant}? `}known: ${known.join(', ')})`,
      }
    })
}

/** Values -> Environment. Throws KeeperError bad-config that lists every problem, without any value. */
export const parseEnvironment = (values: Values, namesInFile: readonly string[] = []): Environment => {
  const problems: Problem[] = [...strangeNames(namesInFile)]
  const environment: Environment = {
    operatorKeys: operatorKeysOf(values, problems),
    relayKey: singleKeyOf(values, 'BULWARK_RELAY_KEY', problems),
    deployerKey: singleKeyOf(values, 'BULWARK_DEPLOYER_KEY', problems),
    rpc: rpcOf(values, problems),
    configFile: values.BULWARK_CONFIG || null,
  }
  if (problems.length > 0) throw badConfig('The environment (.env included)', problems)
  return environment
}

/** Reads `.env` of `directory`, if there is one, and the process's own environment, which wins. Throws KeeperError bad-config. */
export const readEnvironment = (directory: string = process.cwd(), own: Values = process.env): Environment => {
  const file = resolve(directory, '.env')
  const inFile = existsSync(file) ? parse(readFileSync(file)) : {}
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined && value !== ''))
  return parseEnvironment({ ...inFile, ...given }, Object.keys(inFile))
}
