// Log and meter ports that remember what they were told.
import type { LogLevel, LogSink, Meter } from '../../src/ports'

export interface Quiet {
  readonly log: LogSink
  readonly meter: Meter
  readonly lines: readonly {
    readonly level: LogLevel
    readonly event: string
    readonly fields: Readonly<Record<string, unknown>>
  }[]
  /** Sum of a counter over all labels. */
  count(name: string): number
}

export const createQuiet = (): Quiet => {
  const lines: { level: LogLevel; event: string; fields: Readonly<Record<string, unknown>> }[] = []
  const counts = new Map<string, number>()
  return {
    log: { log: (level, event, fields = {}) => void lines.push({ level, event, fields }) },
    meter: {
      count: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
      gauge: () => undefined,
      observe: () => undefined,
    },
    lines,
    count: name => counts.get(name) ?? 0,
  }
}
