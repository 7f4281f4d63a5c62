// Reads the relay's requests: parameters checked as the relay does, with its own error texts. Keeps no state.
import { keccak256 } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import type { PooledBundle } from './bundle-pool'
import { decodeRaw, type PoolTransaction } from './transaction'

const MAX_TRANSACTIONS = 100
const MAX_BYTES = 300_000

/** A refusal. `plain` ones are HTTP 400 {"error": text}; the others JSON-RPC errors in an HTTP 200. */
export class RelayRefusal extends Error {
  readonly code: number
  readonly isPlain: boolean
  constructor(message: string, options: { code: number; isPlain: boolean }) {
    super(message)
    this.name = 'RelayRefusal'
    this.code = options.code
    this.isPlain = options.isPlain
  }
}

const plain = (message: string): RelayRefusal => new RelayRefusal(message, { code: 400, isPlain: true })
const invalid = (message: string): RelayRefusal => new RelayRefusal(message, { code: -32602, isPlain: false })
const undecodable = (): RelayRefusal => new RelayRefusal('unable to decode bundle', { code: -32000, isPlain: false })

export interface RelayRequest {
  readonly id: unknown
  readonly method: string
  readonly params: readonly unknown[]
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses a body. Throws RelayRefusal: no JSON, a batch (the relay takes none), no method. */
export const parseRequest = (body: string): RelayRequest => {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw new RelayRefusal('parse error', { code: -32700, isPlain: false })
  }
  if (!isRecord(value) || typeof value.method !== 'string') {
    throw new RelayRefusal('invalid request', { code: -32600, isPlain: false })
  }
  return { id: value.id ?? null, method: value.method, params: Array.isArray(value.params) ? value.params : [] }
}

const HEX = /^0x[0-9a-fA-F]*$/

const hexBlock = (value: unknown): bigint => {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]+$/.test(value)) throw plain('block param must be a hex int')
  return BigInt(value)
}

const seconds = (value: unknown, name: string): bigint => {
  if (value === undefined || value === null) return 0n
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  throw invalid(`${name} must be a number`)
}

const uuid = (value: unknown): string | null => {
  if (value === undefined || value === null || value === '') return null
  const text = String(value)
  if (text.length !== 36) throw invalid(`invalid UUID length: ${text.length}`)
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) throw invalid('invalid UUID format')
  return text.toLowerCase()
}

const hashes = (value: unknown): ReadonlySet<string> => {
  if (value === undefined || value === null) return new Set()
  if (!Array.isArray(value) || value.some(hash => typeof hash !== 'string' || !/^0x[0-9a-fA-F]{64}$/.test(hash)))
    throw undecodable()
  return new Set(value.map((hash: string) => hash.toLowerCase()))
}

const rawTransactions = (value: unknown): readonly Hex[] => {
  if (!Array.isArray(value)) throw plain('missing txs')
  if (value.length > MAX_TRANSACTIONS) throw plain(`too many txs: ${value.length}, the limit is ${MAX_TRANSACTIONS}`)
  if (value.some(raw => typeof raw !== 'string' || !HEX.test(raw))) throw plain('unable to decode txs')
  const size = value.reduce((total: number, raw: string) => total + raw.length / 2 - 1, 0)
  if (size > MAX_BYTES) throw plain(`bundle too large: ${size} bytes, the limit is ${MAX_BYTES}`)
  return value as readonly Hex[]
}

const decodeAll = async (raws: readonly Hex[]): Promise<readonly PoolTransaction[]> => {
  try {
    return await Promise.all(raws.map(decodeRaw))
  } catch {
    throw plain('unable to decode txs')
  }
}

/** keccak256 of the concatenated transaction hashes, as the Flashbots relay computes it. */
export const bundleHashOf = (transactionHashes: readonly Hex[]): Hex =>
  keccak256(`0x${transactionHashes.map(hash => hash.slice(2)).join('')}`)

const firstParam = (params: readonly unknown[]): Readonly<Record<string, unknown>> => {
  const [first] = params
  if (!isRecord(first)) throw undecodable()
  return first
}

/** eth_sendBundle. `txs: []` with a uuid means: cancel. Throws RelayRefusal. */
export const readSendBundle = async (params: readonly unknown[], signer: Address): Promise<PooledBundle> => {
  const bundle = firstParam(params)
  const raws = rawTransactions(bundle.txs)
  const replacementUuid = uuid(bundle.replacementUuid ?? bundle.uuid)
  if (raws.length === 0 && replacementUuid === null) throw plain('missing txs')
  const targetBlock = hexBlock(bundle.blockNumber)
  const transactions = await decodeAll(raws)
  return {
    bundleHash: bundleHashOf(transactions.map(transaction => transaction.hash as Hex)),
    signer,
    transactions,
    raws,
    targetBlock,
    minTimestampSec: seconds(bundle.minTimestamp, 'minTimestamp'),
    maxTimestampSec: seconds(bundle.maxTimestamp, 'maxTimestamp'),
    revertingHashes: hashes(bundle.revertingTxHashes),
    replacementUuid,
  }
}

export interface CallBundle {
  readonly bundleHash: Hex
  readonly transactions: readonly PoolTransaction[]
  readonly blockNumber: bigint
  /** 'latest' or a number in hex. */
  readonly stateBlock: Hex | 'latest'
  readonly timestampSec: bigint | null
  readonly coinbase: Address | null
}

/** eth_callBundle. Throws RelayRefusal. */
export const readCallBundle = async (params: readonly unknown[]): Promise<CallBundle> => {
  const call = firstParam(params)
  const raws = rawTransactions(call.txs)
  if (raws.length === 0) throw plain('missing txs')
  const blockNumber = hexBlock(call.blockNumber)
  const state = call.stateBlockNumber ?? 'latest'
  const stateBlock = state === 'latest' ? 'latest' : (`0x${hexBlock(state).toString(16)}` as Hex)
  const timestampSec = seconds(call.timestamp, 'timestamp')
  const coinbase = typeof call.coinbase === 'string' ? (call.coinbase.toLowerCase() as Address) : null
  const transactions = await decodeAll(raws)
  const bundleHash = bundleHashOf(transactions.map(transaction => transaction.hash as Hex))
  return { bundleHash, transactions, blockNumber, stateBlock, timestampSec: timestampSec === 0n ? null : timestampSec, coinbase }
}

/** eth_cancelBundle: the uuid. Throws RelayRefusal. */
export const readCancelBundle = (params: readonly unknown[]): string => {
  const id = uuid(firstParam(params).replacementUuid)
  if (id === null) throw invalid('missing replacementUuid')
  return id
}

/** eth_sendRawTransaction: the signed bytes. Throws RelayRefusal. */
export const readRawTransaction = (params: readonly unknown[]): Hex => {
  const [raw] = params
  if (typeof raw !== 'string' || !HEX.test(raw)) throw invalid('unable to decode transaction')
  return raw as Hex
}
