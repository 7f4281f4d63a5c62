// The node's JSON into the house's values, checked field by field. Anything of the wrong shape is KeeperError 'rpc-malformed'.
import type { Address, Block, Hex, Log } from '../core/primitives'
import type { Receipt } from '../ports'
import { malformed } from './rpc-error'
import { isRecord } from './wire'

type Fields = Readonly<Record<string, unknown>>

const QUANTITY = /^0x[0-9a-f]{1,64}$/i
const BYTES = /^0x[0-9a-f]*$/i
const HASH = /^0x[0-9a-f]{64}$/i
const ADDRESS = /^0x[0-9a-f]{40}$/i
const BLOOM = /^0x[0-9a-f]{512}$/i

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80)

const lower = (value: string): Hex => value.toLowerCase() as Hex

const matching = (value: unknown, pattern: RegExp, what: string): Hex => {
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed(`${what} is ${shown(value)}`)
  return lower(value)
}

export const toFields = (value: unknown, what: string): Fields => {
  if (!isRecord(value)) throw malformed(`${what} is ${shown(value)}`)
  return value
}

export const toList = (value: unknown, what: string): readonly unknown[] => {
  if (!Array.isArray(value)) throw malformed(`${what} is ${shown(value)}`)
  return value
}

/** An unsigned integer up to 256 bits. */
export const toQuantity = (value: unknown, what: string): bigint => BigInt(matching(value, QUANTITY, what))

/** The same where it must fit a JavaScript integer. */
export const toSmall = (value: unknown, what: string): number => {
  const number = Number(matching(value, QUANTITY, what))
  if (!Number.isSafeInteger(number)) throw malformed(`${what} is ${shown(value)}`)
  return number
}

export const toHash = (value: unknown, what: string): Hex => matching(value, HASH, what)
export const toAddress = (value: unknown, what: string): Address => matching(value, ADDRESS, what)

/** Any number of whole bytes. */
export const toBytes = (value: unknown, what: string): Hex => {
  const found = matching(value, BYTES, what)
  if (found.length % 2 !== 0) throw malformed(`${what} is ${shown(value)}`)
  return found
}

/** A header, from eth_getBlockBy... or a newHeads event. Base fee and bloom may be missing; a bloom of another length counts as missing. */
export const toBlock = (chainId: number, value: unknown): Block => {
  const fields = toFields(value, 'a block')
  const { baseFeePerGas, logsBloom } = fields
  return {
    chainId,
    number: toQuantity(fields.number, 'block.number'),
    hash: toHash(fields.hash, 'block.hash'),
    parentHash: toHash(fields.parentHash, 'block.parentHash'),
    timestampSec: toQuantity(fields.timestamp, 'block.timestamp'),
    baseFeePerGasWei:
      baseFeePerGas === undefined || baseFeePerGas === null ? null : toQuantity(baseFeePerGas, 'block.baseFeePerGas'),
    gasUsed: toQuantity(fields.gasUsed, 'block.gasUsed'),
    gasLimit: toQuantity(fields.gasLimit, 'block.gasLimit'),
    logsBloom: typeof logsBloom === 'string' && BLOOM.test(logsBloom) ? lower(logsBloom) : null,
  }
}

/** Remembers the last value read: neighbours in a list of logs share contract, block and transaction, and then share its memory too. */
const remembering = <T>(read: (value: unknown, what: string) => T): ((value: unknown, what: string) => T) => {
  let last: { readonly value: unknown; readonly read: T } | null = null
  return (value, what) => {
    if (last === null || last.value !== value) last = { value, read: read(value, what) }
    return last.read
  }
}

const createLogReader = (): ((value: unknown) => Log | null) => {
  const toOwner = remembering(toAddress)
  const toEvent = remembering(toHash)
  const toSubject = remembering(toHash)
  const toNumber = remembering(toQuantity)
  const toBlockHash = remembering(toHash)
  const toTransactionHash = remembering(toHash)
  const toTopics = (value: unknown): readonly Hex[] =>
    toList(value, 'log.topics').map((topic, i) => (i === 0 ? toEvent : i === 1 ? toSubject : toHash)(topic, 'log.topic'))
  return value => {
    const fields = toFields(value, 'a log')
    if (fields.removed === true) return null
    return {
      address: toOwner(fields.address, 'log.address'),
      topics: toTopics(fields.topics),
      data: toBytes(fields.data, 'log.data'),
      blockNumber: toNumber(fields.blockNumber, 'log.blockNumber'),
      blockHash: toBlockHash(fields.blockHash, 'log.blockHash'),
      logIndex: toSmall(fields.logIndex, 'log.logIndex'),
      transactionHash: toTransactionHash(fields.transactionHash, 'log.transactionHash'),
    }
  }
}

/** Null for a log that the node says was removed by a reorg. */
export const toLog = (value: unknown): Log | null => createLogReader()(value)

/** Logs that still stand. */
export const toLogs = (value: unknown): readonly Log[] =>
  toList(value, 'logs')
    .map(createLogReader())
    .filter(log => log !== null)

/** Chains that charge nothing leave effectiveGasPrice out; then it is 0. */
export const toReceipt = (value: unknown): Receipt => {
  const fields = toFields(value, 'a receipt')
  const price = fields.effectiveGasPrice
  return {
    transactionHash: toHash(fields.transactionHash, 'receipt.transactionHash'),
    status: toQuantity(fields.status, 'receipt.status') === 1n ? 'success' : 'reverted',
    blockNumber: toQuantity(fields.blockNumber, 'receipt.blockNumber'),
    blockHash: toHash(fields.blockHash, 'receipt.blockHash'),
    transactionIndex: toSmall(fields.transactionIndex, 'receipt.transactionIndex'),
    gasUsed: toQuantity(fields.gasUsed, 'receipt.gasUsed'),
    effectiveGasPriceWei: price === undefined || price === null ? 0n : toQuantity(price, 'receipt.effectiveGasPrice'),
    logs: toLogs(fields.logs),
  }
}

export const toHexQuantity = (value: bigint): Hex => `0x${value.toString(16)}`
