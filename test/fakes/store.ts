// Silent sinks that remember what they were told, for tests of rooms that log, count and record.
import type { LogLevel, LogSink, Meter } from '../../src/ports'

export interface LogLine {
  readonly level: LogLevel
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface FakeLog extends LogSink {
  readonly lines: LogLine[]
}

export const createFakeLog = (): FakeLog => {
  const lines: LogLine[] = []
  return {
    lines,
    log: (level, event, fields = {}) => {
      lines.push({ level, event, fields })
    },
  }
}

export interface FakeMeter extends Meter {
  /** Sum of counts by name. */
  readonly counts: Map<string, number>
  readonly gauges: Map<string, number>
}

export const createFakeMeter = (): FakeMeter => {
  const counts = new Map<string, number>()
  const gauges = new Map<string, number>()
  return {
    counts,
    gauges,
    count: (name, by = 1) => {
      counts.set(name, (counts.get(name) ?? 0) + by)
    },
    gauge: (name, value) => {
      gauges.set(name, value)
    },
    observe: () => undefined,
  }
}
