// The process as commands see it: text out, signals in, and one way to end. The only place that sets an exit code.
import pc from 'picocolors'
import { EXIT } from './exit-code'
import { createScrubber, type Scrubber } from './scrub'
import type { SignalSource } from './shutdown'

/** What a command may touch of the terminal and the process: an argument, so that tests give their own. */
export interface Io {
  /** stdout: results. */
  readonly out: (text: string) => void
  /** stderr: logs, progress, errors. */
  readonly err: (text: string) => void
  readonly isOutTerminal: boolean
  readonly isErrTerminal: boolean
  readonly hasColour: boolean
  /** Where the configuration and `.env` are looked for. */
  readonly directory: string
  readonly signals: SignalSource
  /** Ends the process at once. */
  readonly exitNow: (code: number) => void
  /** Both `out` and `err` pass through it. */
  readonly scrubber: Scrubber
}

export interface Terminal {
  readonly io: Io
  /** Runs `main`, sets the exit code that it gives, and sees to it that the process ends. */
  finish(main: (io: Io) => Promise<number>): Promise<void>
}

/** How long the event loop may take to empty after the end before we say what holds it, and end all the same. */
const IDLE_WITHIN_MS = 1_000

const ioOf = (host: NodeJS.Process): Io => {
  const scrubber = createScrubber()
  return {
    out: text => void host.stdout.write(scrubber.scrub(text)),
    err: text => void host.stderr.write(scrubber.scrub(text)),
    isOutTerminal: host.stdout.isTTY === true,
    isErrTerminal: host.stderr.isTTY === true,
    hasColour: pc.isColorSupported,
    directory: host.cwd(),
    signals: host,
    exitNow: code => host.exit(code),
    scrubber,
  }
}

/** Node would print the error unscrubbed and exit with 1, which tells a supervisor nothing. */
const catchStrays = (host: NodeJS.Process, io: Io): void => {
  const onStray = (error: unknown): void => {
    io.err(
      `bulwark: this is a bug of ours, please report it:\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
    io.exitNow(EXIT.bug)
  }
  host.on('uncaughtException', onStray)
  host.on('unhandledRejection', onStray)
  // The reader of our output has gone (`| head`): nobody is left to tell.
  host.stdout.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? io.exitNow(EXIT.done) : onStray(error)))
}

/** Wraps the running process. Call once. */
export const createTerminal = (host: NodeJS.Process): Terminal => {
  const io = ioOf(host)
  return {
    io,
    finish: async main => {
      catchStrays(host, io)
      const code = await main(io)
      host.exitCode = code
      setTimeout(() => {
        io.err(`bulwark: still held open by ${host.getActiveResourcesInfo().join(', ')}; ending all the same\n`)
        io.exitNow(code)
      }, IDLE_WITHIN_MS).unref()
    },
  }
}
