// Whether an answer of logs can be what the chain holds: order, repeats, contradictions, logs that were not asked for. Judges one answer by
// itself; that logs are missing shows elsewhere.
import { compareLogs } from './log-filter'
import type { Log } from './primitives'

export interface CheckedLogs {
  /** In chain order, each once. */
  readonly logs: readonly Log[]
  /** Repeats that were dropped. */
  readonly doubled: number
  readonly isDisordered: boolean
  /** Why the answer is not to be believed at all, for a person; null: nothing speaks against it. */
  readonly complaint: string | null
}

const isSame = (a: Log, b: Log): boolean =>
  a.blockHash === b.blockHash &&
  a.address === b.address &&
  a.data === b.data &&
  a.topics.length === b.topics.length &&
  a.topics.every((topic, at) => topic === b.topics[at])

const placeOf = (log: Log): string => `log ${log.logIndex} of block ${log.blockNumber} (${log.blockHash})`

/** `belongs` says whether a log is one of those asked for. */
export const checkLogs = (given: readonly Log[], belongs: (log: Log) => boolean): CheckedLogs => {
  const isDisordered = given.some((log, at) => at > 0 && compareLogs(given[at - 1]!, log) > 0)
  const sorted = isDisordered ? [...given].sort(compareLogs) : given
  const stray = sorted.find(log => !belongs(log))
  let complaint = stray === undefined ? null : `${placeOf(stray)} was not asked for`
  const logs = sorted.filter((log, at) => {
    const before = sorted[at - 1]
    if (before === undefined || compareLogs(before, log) !== 0) {
      // One block number, one block: its logs stand side by side.
      if (before?.blockNumber === log.blockNumber && before.blockHash !== log.blockHash)
        complaint ??= `${placeOf(log)} and ${placeOf(before)} are of two forks`
      return true
    }
    if (!isSame(before, log)) complaint ??= `two logs claim to be ${placeOf(log)}`
    return false
  })
  return {
    logs: logs.length === given.length && !isDisordered ? given : logs,
    doubled: given.length - logs.length,
    isDisordered,
    complaint,
  }
}
