// pino behind the LogSink port: one JSON object a line on stderr, or a short coloured line on a terminal. No secret leaves here.
import pino from 'pino'
import type { LogLevel, LogSink } from '../ports'
import { plain } from './plain'
import { prettyLine } from './pretty'

export interface LogOptions {
  readonly level: LogLevel
  /** Where lines go. Default: stderr, written at once, so that a crash loses none. */
  readonly write?: (text: string) => void
  /** For people instead of machines. */
  readonly isPretty?: boolean
  readonly hasColour?: boolean
  /** Texts that must never appear (keys, logins in URLs), whatever field or message they came in. */
  readonly secrets?: readonly { reveal(): string }[]
}

const HIDDEN = '[secret]'
const MIN_SECRET_LENGTH = 6

/** Hides each secret, a leading 0x aside, wherever it stands and in either case of hex. */
const createScrubber = (secrets: LogOptions['secrets'] = []): ((text: string) => string) => {
  const texts = secrets.map(secret => secret.reveal().replace(/^0x/, '')).filter(text => text.length >= MIN_SECRET_LENGTH)
  const patterns = texts.map(text => new RegExp(`(0x)?${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, 'gi'))
  return text => patterns.reduce((scrubbed, pattern) => scrubbed.replace(pattern, HIDDEN), text)
}

const writeToStderr = (): ((text: string) => void) => {
  const destination = pino.destination({ fd: 2, sync: true })
  return text => {
    destination.write(text)
  }
}

/** The house's log. `event` is a short fixed name; what varies goes into fields. Bigints become decimal strings. */
export const createLog = (options: LogOptions): LogSink => {
  const { level, write = writeToStderr(), isPretty = false, hasColour = false } = options
  const scrub = createScrubber(options.secrets)
  const shape = (line: string): string => (isPretty ? prettyLine(line, hasColour) : line)
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => write(scrub(shape(line))) },
  )
  return {
    log: (lineLevel, event, fields) => logger[lineLevel](fields === undefined ? {} : (plain(fields) as object), event),
  }
}
