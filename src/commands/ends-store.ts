// Where the daemon remembers ends: always in the log, and in the journal where there is one.
import type { Shutdown } from '../ops/shutdown'
import type { LogSink, Store } from '../ports'
import { createJsonlStore } from '../store/jsonl'

/** Skips in the log; the executor itself logs every outcome. */
export const logStore = (log: LogSink): Store => ({
  recordOutcome: () => undefined,
  recordSkip: (block, skip) =>
    log.log('debug', 'skip', {
      block: block.toString(),
      account: skip.position.account,
      market: skip.position.market,
      reason: skip.reason,
      message: skip.message,
    }),
})

/** The journal at `path` and the log. Throws bad-config where it can't be written. */
export const openJournal = (path: string, log: LogSink, shutdown: Shutdown): Store => {
  const journal = createJsonlStore(path)
  shutdown.onRelease('journal', journal.close)
  const inLog = logStore(log)
  return {
    recordOutcome: outcome => {
      journal.recordOutcome(outcome)
      inLog.recordOutcome(outcome)
    },
    recordSkip: (block, skip) => {
      journal.recordSkip(block, skip)
      inLog.recordSkip(block, skip)
    },
  }
}
