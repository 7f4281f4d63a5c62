// pino behind the LogSink port: one JSON object a line, or a short coloured line on a terminal.
import pino from 'pino'
import type { LogLevel, LogSink } from '../ports'
import { plain } from './plain'
import { prettyLine } from './pretty'

export interface LogOptions {
  readonly level: LogLevel
  /** Takes finished lines, newline included. Hiding secrets is its part (scrub.ts). */
  readonly write: (text: string) => void
  /** For people instead of machines. */
  readonly isPretty?: boolean
  readonly hasColour?: boolean
}

/** The house's log. `event` is a short fixed name; what varies goes into fields. Bigints become decimal strings. */
export const createLog = ({ level, write, isPretty = false, hasColour = false }: LogOptions): LogSink => {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => write(isPretty ? prettyLine(line, hasColour) : line) },
  )
  return {
    log: (lineLevel, event, fields) => logger[lineLevel](fields === undefined ? {} : (plain(fields) as object), event),
  }
}
