// eth_getLogs over one block or a range of any length. Nodes limit ranges, results and time in ever other words: whatever they
// refuse is asked again in halves; whatever they cut off silently is asked for again from where it ends.
import { KeeperError } from '../core/errors'
import { checkLogs } from '../core/log-check'
import { coveringFilter, createLogMatcher, inChainOrder } from '../core/log-filter'
import type { Hex, Log, LogFilter } from '../core/primitives'
import type { LogSink, Meter } from '../ports'
import { toHexQuantity, toLogs } from './decode'
import { isRefusal, malformed, WireError } from './rpc-error'
import type { CallOptions, Transport } from './transport'

/** More addresses than this are not sent at once: some nodes refuse long lists. */
const MAX_ADDRESSES = 500

export interface LogQueryOptions {
  readonly transport: Transport
  readonly log: LogSink
  readonly meter: Meter
  readonly timeoutMs: number
  readonly firstSpan: bigint
  readonly maxSpan: bigint
  /** Ranges asked for at once. */
  readonly parallel: number
}

export interface LogQueries {
  ofBlock(hash: Hex, filters: readonly LogFilter[]): Promise<readonly Log[]>
  inRange(from: bigint, to: bigint, filters: readonly LogFilter[], onProgress?: (done: bigint) => void): Promise<readonly Log[]>
}

/** What eth_getLogs is asked, and which logs answer that. */
interface Query {
  readonly params: Readonly<Record<string, unknown>>
  readonly isAskedFor: (log: Log) => boolean
}

const queryOf = (filter: LogFilter, areAddressesSent: boolean): Query => {
  const { addresses, topics } = filter
  const matchesOf = createLogMatcher([filter])
  return {
    params: { ...(areAddressesSent ? { address: addresses } : {}), ...(topics.length === 0 ? {} : { topics }) },
    isAskedFor: log => !areAddressesSent || matchesOf(log).length > 0,
  }
}

/** The covering filter, or null when nothing can match. One block's logs are few: of very many addresses, all of the topics. */
const asQuery = (filters: readonly LogFilter[]): Query | null => {
  const cover = coveringFilter(filters)
  if (cover.addresses.length === 0) return null
  return queryOf(cover, cover.addresses.length <= MAX_ADDRESSES || !cover.topics[0])
}

/** The covering filter in as many questions as its addresses take: what others on the chain log with the same topics may be a thousand times more. */
const asQueries = (filters: readonly LogFilter[]): readonly Query[] => {
  const { addresses, topics } = coveringFilter(filters)
  const queries: Query[] = []
  for (let at = 0; at < addresses.length; at += MAX_ADDRESSES)
    queries.push(queryOf({ addresses: addresses.slice(at, at + MAX_ADDRESSES), topics }, true))
  return queries
}

const matchingOnly = (logs: readonly Log[], filters: readonly LogFilter[]): readonly Log[] => {
  const matchesOf = createLogMatcher(filters)
  return logs.filter(log => matchesOf(log).length > 0)
}

/** Whether a smaller range may succeed: anything but a missing method and a dead connection. */
const mayBeTooMuch = (error: unknown): boolean => {
  if (isRefusal(error)) return error.kind === 'refused' || error.kind === 'unknown-block'
  if (error instanceof WireError)
    return ['timeout', 'too-large', 'malformed'].includes(error.failure) || (error.status ?? 500) < 500
  return error instanceof KeeperError && error.code === 'rpc-malformed'
}

/** Result limits are round numbers, to people or to machines; an answer of such a length may have been cut. */
const mayBeCut = ({ length }: readonly Log[]): boolean => length >= 500 && (length % 500 === 0 || (length & (length - 1)) === 0)

export const createLogQueries = (options: LogQueryOptions): LogQueries => {
  const { transport, log, meter } = options
  let span = options.firstSpan
  let takesBlockHash = true

  /** The logs of one answer. One that can't be right is no answer: another node is asked, then again. */
  const ask = async (
    params: object,
    belongs: (log: Log) => boolean,
    more: Omit<CallOptions, 'check'> = {},
  ): Promise<readonly Log[]> => {
    let logs: readonly Log[] = []
    const check = (result: unknown): void => {
      const checked = checkLogs(toLogs(result), belongs)
      if (checked.complaint !== null) {
        meter.count('logs_foreign')
        throw malformed(checked.complaint)
      }
      if (checked.doubled > 0) meter.count('logs_doubled', checked.doubled)
      if (checked.isDisordered) meter.count('logs_disordered')
      logs = checked.logs
    }
    await transport.call('eth_getLogs', [params], { ...more, check })
    return logs
  }

  const fetchRange = async (query: Query, from: bigint, to: bigint): Promise<readonly Log[]> => {
    const range = { ...query.params, fromBlock: toHexQuantity(from), toBlock: toHexQuantity(to) }
    // One pass only where halving is the better second try.
    const rounds = to > from ? { rounds: 1 } : {}
    const belongs = (each: Log): boolean => each.blockNumber >= from && each.blockNumber <= to && query.isAskedFor(each)
    const logs = await ask(range, belongs, { timeoutMs: options.timeoutMs, ...rounds })
    const last = logs.at(-1)
    if (!mayBeCut(logs) || last === undefined || last.blockNumber <= from) return logs
    const rest = await fetchRange(query, last.blockNumber, to)
    return inChainOrder([...logs, ...rest])
  }

  const shrink = (from: bigint, to: bigint, error: unknown): void => {
    const half = (to - from + 1n) / 2n
    if (half < span) span = half > 0n ? half : 1n
    const message = error instanceof Error ? error.message : String(error)
    log.log('debug', 'log-range-halved', { from: from.toString(), to: to.toString(), message })
  }

  /** All logs of [from, to], in as many requests as the node wants. */
  const gather = async (query: Query, from: bigint, to: bigint): Promise<readonly Log[]> => {
    try {
      return await fetchRange(query, from, to)
    } catch (error) {
      if (to === from || !mayBeTooMuch(error)) throw error
      shrink(from, to, error)
      const middle = from + (to - from) / 2n
      return [...(await gather(query, from, middle)), ...(await gather(query, middle + 1n, to))]
    }
  }

  const nextRanges = (from: bigint, to: bigint): readonly { readonly from: bigint; readonly to: bigint }[] => {
    const ranges: { from: bigint; to: bigint }[] = []
    for (let start = from; start <= to && ranges.length < options.parallel; start += span) {
      ranges.push({ from: start, to: start + span - 1n < to ? start + span - 1n : to })
    }
    return ranges
  }

  const grow = (before: bigint): void => {
    if (span === before) span = span * 2n < options.maxSpan ? span * 2n : options.maxSpan
  }

  const byNumber = async (hash: Hex, query: Query): Promise<readonly Log[]> => {
    const block = await transport.call('eth_getBlockByHash', [hash, false])
    const number = typeof block === 'object' && block !== null && 'number' in block ? block.number : null
    if (number === null) throw new KeeperError('rpc-refused', `the node does not have block ${hash}`, { retryable: true })
    const logs = await ask({ ...query.params, fromBlock: number, toBlock: number }, query.isAskedFor)
    const stray = logs.find(each => each.blockHash !== hash)
    if (stray !== undefined) throw new KeeperError('rpc-refused', `block ${hash} is no longer canonical`, { retryable: true })
    return logs
  }

  const ofBlock = async (hash: Hex, query: Query): Promise<readonly Log[]> => {
    if (!takesBlockHash) return byNumber(hash, query)
    try {
      return await ask({ ...query.params, blockHash: hash }, each => each.blockHash === hash && query.isAskedFor(each))
    } catch (error) {
      if (!isRefusal(error, 'refused') || !/param|argument|blockhash|unsupported|unknown field|invalid/i.test(error.message))
        throw error
      const logs = await byNumber(hash, query)
      takesBlockHash = false
      log.log('warn', 'logs-by-hash-unsupported', { message: error.message })
      return logs
    }
  }

  return {
    ofBlock: async (hash, filters) => {
      const query = asQuery(filters)
      return query === null ? [] : inChainOrder(matchingOnly(await ofBlock(hash, query), filters))
    },
    inRange: async (from, to, filters, onProgress) => {
      const queries = asQueries(filters)
      const found: Log[] = []
      for (let next = from; queries.length > 0 && next <= to; ) {
        const before = span
        const ranges = nextRanges(next, to)
        const parts = await Promise.all(ranges.flatMap(range => queries.map(query => gather(query, range.from, range.to))))
        for (const part of parts) for (const each of matchingOnly(part, filters)) found.push(each)
        const done = ranges.at(-1)!.to
        next = done + 1n
        grow(before)
        onProgress?.(done)
      }
      if (queries.length === 0 && from <= to) onProgress?.(to)
      return inChainOrder(found)
    },
  }
}
