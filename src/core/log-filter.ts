// Matching and merging of log filters, the same way for what is asked of a node and for what is done with its answer.
import type { Address, Hex, Log, LogFilter } from './primitives'

type Topics = LogFilter['topics']

const topicsMatch = (topics: Topics, log: Log): boolean =>
  topics.every((accepted, at) => {
    if (accepted === null) return true
    const topic = log.topics[at]
    return topic !== undefined && accepted.includes(topic)
  })

/** Whether `log` matches, with the meaning of LogFilter: no addresses, no match. */
export const logMatches = (filter: LogFilter, log: Log): boolean =>
  filter.addresses.includes(log.address) && topicsMatch(filter.topics, log)

/** Finds, for a log, the filters that match it; built once, then one map lookup per log whatever the number of addresses. */
export const createLogMatcher = (filters: readonly LogFilter[]): ((log: Log) => readonly number[]) => {
  const byAddress = new Map<Address, number[]>()
  filters.forEach((filter, index) => {
    for (const address of new Set(filter.addresses)) {
      const known = byAddress.get(address)
      if (known === undefined) byAddress.set(address, [index])
      else known.push(index)
    }
  })
  return log => (byAddress.get(log.address) ?? []).filter(index => topicsMatch(filters[index]!.topics, log))
}

/** One filter that lets through all that any of `filters` does: addresses joined, topics joined where all of them say something. */
export const coveringFilter = (filters: readonly LogFilter[]): LogFilter => {
  const used = filters.filter(filter => filter.addresses.length > 0)
  const addresses = [...new Set(used.flatMap(filter => filter.addresses))]
  const positions = Math.min(...used.map(filter => filter.topics.length), 4)
  const topics: (readonly Hex[] | null)[] = []
  for (let at = 0; at < positions && used.length > 0; at++) {
    const accepted = used.map(filter => filter.topics[at] ?? null)
    topics.push(accepted.includes(null) ? null : [...new Set(accepted.flatMap(list => list ?? []))])
  }
  while (topics.at(-1) === null) topics.pop()
  return { addresses, topics }
}

/** Chain order. Within a block the log index is unique. */
export const compareLogs = (a: Log, b: Log): number =>
  a.blockNumber === b.blockNumber ? a.logIndex - b.logIndex : a.blockNumber < b.blockNumber ? -1 : 1

/** Sorted in chain order, each log once. Of two logs in one place the first given stays. */
export const inChainOrder = (logs: readonly Log[]): readonly Log[] =>
  [...logs].sort(compareLogs).filter((log, at, sorted) => {
    const before = sorted[at - 1]
    return before === undefined || before.blockNumber !== log.blockNumber || before.logIndex !== log.logIndex
  })
