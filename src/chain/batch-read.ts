// Many view calls as one `eth_call` without a `to`: encodes for contracts/BatchReader.sol and decodes its answers.
// Must not send anything itself: `send` is the caller's.
import { size } from 'viem'
import { KeeperError } from '../core/errors'
import type { ReadCall, ReadResult } from '../core/folder'
import type { Hex } from '../core/primitives'
import { BatchReader } from './batch-reader-artifact'

/** What a call may use where it says nothing itself. */
export interface ReadDefaults {
  readonly gasCap: number
  readonly maxReturnBytes: number
}

/** Enough for an oracle over two vaults and four feeds; a callee that burns all of it delays nobody by more than a few ms. */
export const READ_DEFAULTS: ReadDefaults = { gasCap: 1_000_000, maxReturnBytes: 4_096 }

export interface BatchLimits {
  /** Of the whole request, the reader's own code included. */
  readonly maxBytes: number
  /** Of the calls' gas caps taken together. Caps are seldom used up: see `readInBatches`. */
  readonly maxGas: number
}

/** EIP-3860 bounds creation code. Gas: not bounded, what did not fit is asked again. */
export const BATCH_LIMITS: BatchLimits = { maxBytes: 49_152, maxGas: Number.POSITIVE_INFINITY }

/** `revert`: any size, works wherever the node hands out revert data. `return`: at most 24,576 bytes of answers. */
export type Delivery = 'revert' | 'return'

const HEAD_BYTES = 3
const TAIL_BYTES = 4
const GROUP_BYTES = 15
const READER_BYTES = size(BatchReader.bytecode)

interface Group {
  readonly calls: readonly ReadCall[]
  /** Shared target: tails differ. Not shared: the data are the same and targets differ. */
  readonly isShared: boolean
  readonly prefixHexLength: number
}

const gasCapOf = (call: ReadCall, defaults: ReadDefaults): number => call.gasCap ?? defaults.gasCap
const maxReturnOf = (call: ReadCall, defaults: ReadDefaults): number => call.maxReturnBytes ?? defaults.maxReturnBytes

const hasSameCaps = (a: ReadCall, b: ReadCall): boolean => a.gasCap === b.gasCap && a.maxReturnBytes === b.maxReturnBytes

const commonPrefix = (a: Hex, b: Hex, atMost: number): number => {
  let length = 0
  while (length < atMost && a.charCodeAt(length) === b.charCodeAt(length)) length += 1
  return length - (length % 2)
}

const MAX_GROUP = 65_535
const SELECTOR_HEX = 10

/** The group that starts at `from`: same data for many targets, or one target and selector with many arguments; the longer one. */
const groupAt = (calls: readonly ReadCall[], from: number): Group => {
  const first = calls[from]!
  const last = Math.min(calls.length, from + MAX_GROUP)
  let sameData = from + 1
  while (sameData < last && calls[sameData]!.data === first.data && hasSameCaps(calls[sameData]!, first)) sameData += 1
  let sameTarget = from + 1
  let prefix = first.data.length
  while (sameTarget < last) {
    const next = calls[sameTarget]!
    if (next.to !== first.to || next.data.length !== first.data.length || !hasSameCaps(next, first)) break
    const common = commonPrefix(first.data, next.data, prefix)
    if (common < SELECTOR_HEX) break
    prefix = common
    sameTarget += 1
  }
  return sameTarget > sameData
    ? { calls: calls.slice(from, sameTarget), isShared: true, prefixHexLength: prefix }
    : { calls: calls.slice(from, sameData), isShared: false, prefixHexLength: first.data.length }
}

const groupsOf = (calls: readonly ReadCall[]): readonly Group[] => {
  const groups: Group[] = []
  for (let from = 0; from < calls.length; ) {
    const group = groupAt(calls, from)
    groups.push(group)
    from += group.calls.length
  }
  return groups
}

const tailHexLength = (group: Group): number => group.calls[0]!.data.length - group.prefixHexLength

const bytesOf = (group: Group): number => {
  const perCall = tailHexLength(group) / 2 + (group.isShared ? 0 : 20)
  return GROUP_BYTES + (group.isShared ? 20 : 0) + (group.prefixHexLength - 2) / 2 + perCall * group.calls.length
}

const uint = (value: number, bytes: number): string => value.toString(16).padStart(bytes * 2, '0')

const encodeGroup = (group: Group, defaults: ReadDefaults): string => {
  const first = group.calls[0]!
  const head =
    uint(group.calls.length, 2) +
    uint(gasCapOf(first, defaults), 4) +
    uint(maxReturnOf(first, defaults), 4) +
    uint(group.prefixHexLength / 2 - 1, 2) +
    uint(tailHexLength(group) / 2, 2) +
    uint(group.isShared ? 1 : 0, 1)
  const shared = group.isShared ? first.to.slice(2) : ''
  const each = group.calls.map(call => (group.isShared ? '' : call.to.slice(2)) + call.data.slice(group.prefixHexLength))
  return head + shared + first.data.slice(2, group.prefixHexLength) + each.join('')
}

/** Data of an `eth_call` that has no `to`. At most 65,535 calls; see `splitBatch` for what fits in one. */
export const encodeBatch = (
  calls: readonly ReadCall[],
  defaults: ReadDefaults = READ_DEFAULTS,
  delivery: Delivery = 'revert',
): Hex => {
  const groups = groupsOf(calls).map(group => encodeGroup(group, defaults))
  const input = uint(delivery === 'return' ? 1 : 0, 1) + uint(calls.length, 2) + groups.join('')
  return `${BatchReader.bytecode}${input}${uint(input.length / 2, TAIL_BYTES)}`
}

const WHY = ['', 'reverted', 'too-long', 'no-code', 'no-gas']

/**
 * Answers in the order of `calls`; `returned` is the revert data (or the returned data, by the delivery asked for).
 * Throws KeeperError rpc-malformed where it is not what the reader would say.
 */
export const decodeBatch = (calls: readonly ReadCall[], returned: Hex): ReadResult[] => {
  const malformed = (why: string): KeeperError =>
    new KeeperError('rpc-malformed', `aggregated read: ${why}: ${returned.slice(0, 66)}`, { retryable: true })
  if (!returned.startsWith('0x01')) throw malformed('not an answer of the reader')
  let at = 4
  const results = calls.map((): ReadResult => {
    const status = Number.parseInt(returned.slice(at, at + 2), 16)
    if (Number.isNaN(status) || status >= WHY.length) throw malformed('cut short')
    if (status !== 0) {
      at += 2
      return { kind: 'failed', why: WHY[status]! }
    }
    const start = at + 8
    at = start + 2 * Number.parseInt(returned.slice(at + 2, start), 16)
    if (!(at <= returned.length)) throw malformed('cut short')
    return { kind: 'ok', data: `0x${returned.slice(start, at)}` }
  })
  if (at !== returned.length) throw malformed('too long')
  return results
}

/** Consecutive chunks that each fit `limits`; a call too large for any chunk gets one of its own. */
export const splitBatch = (
  calls: readonly ReadCall[],
  limits: BatchLimits = BATCH_LIMITS,
  defaults: ReadDefaults = READ_DEFAULTS,
): readonly (readonly ReadCall[])[] => {
  const fits = (count: number, from: number): boolean => {
    const part = calls.slice(from, from + count)
    const bytes = groupsOf(part).reduce((sum, group) => sum + bytesOf(group), READER_BYTES + HEAD_BYTES + TAIL_BYTES)
    return bytes <= limits.maxBytes && part.reduce((sum, call) => sum + gasCapOf(call, defaults), 0) <= limits.maxGas
  }
  const chunks: (readonly ReadCall[])[] = []
  for (let from = 0; from < calls.length; ) {
    // Size grows with the number of calls (a group more costs more than it can save), so the largest fit is found by halving.
    let low = 1
    let high = Math.min(calls.length - from, MAX_GROUP)
    if (fits(high, from)) low = high
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (fits(middle, from)) low = middle
      else high = middle - 1
    }
    chunks.push(calls.slice(from, from + low))
    from += low
  }
  return chunks
}

/**
 * Reads all `calls` through `send` (data of an `eth_call` without `to` -> its revert data), as few requests as fit. Calls that were not
 * tried, because hostile ones before them burnt their caps, are asked again; one that does not fit a request of its own is failed.
 */
export const readInBatches = async (
  calls: readonly ReadCall[],
  send: (data: Hex) => Promise<Hex>,
  limits: BatchLimits = BATCH_LIMITS,
  defaults: ReadDefaults = READ_DEFAULTS,
): Promise<readonly ReadResult[]> => {
  if (calls.length === 0) return []
  const chunks = splitBatch(calls, limits, defaults)
  const answers = await Promise.all(chunks.map(async chunk => decodeBatch(chunk, await send(encodeBatch(chunk, defaults)))))
  const results = answers.flat()
  const untried = results.flatMap((result, index) => (result.kind === 'failed' && result.why === 'no-gas' ? [index] : []))
  if (untried.length === 0 || untried.length === calls.length) return results
  const again = await readInBatches(
    untried.map(index => calls[index]!),
    send,
    limits,
    defaults,
  )
  untried.forEach((index, position) => {
    results[index] = again[position]!
  })
  return results
}
