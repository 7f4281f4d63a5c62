// A log whose lines all carry some fixed fields (a chain's id, say).
import type { LogSink } from '../ports'

/** The same sink; `fixed` wins over a line's own fields. */
export const withFields = (log: LogSink, fixed: Readonly<Record<string, unknown>>): LogSink => ({
  log: (level, event, fields) => log.log(level, event, { ...fields, ...fixed }),
})
