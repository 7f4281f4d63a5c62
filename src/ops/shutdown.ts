// One way down: one AbortController, releasers last-in first-out, a second signal means now. It decides no exit code but 130's.
import type { LogSink } from '../ports'
import { EXIT } from './exit-code'

export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: (signal: string) => void): unknown
  off(signal: 'SIGINT' | 'SIGTERM', listener: (signal: string) => void): unknown
}

export interface Shutdown {
  /** Aborts at the first signal or call of `begin`: no new work from then on. */
  readonly signal: AbortSignal
  begin(reason: string): void
  /** Why it began; null if it has not. */
  reason(): string | null
  /** `release` runs when it is time to go, after everything that was registered later; at once if that time has passed. */
  onRelease(name: string, release: () => void | Promise<void>): void
  /** Runs all releasers once, going on past errors; gives the names of those that failed. Listens to no more signals afterwards. */
  release(): Promise<readonly string[]>
}

export interface ShutdownDeps {
  readonly signals: SignalSource
  readonly log: LogSink
  /** Ends the process at once; for the second signal. */
  readonly exitNow: (code: number) => void
}

/** Repeats of a signal within this time are the same wish (a terminal sends one to the whole group, npm passes it on again). */
const ECHO_MS = 250

export const createShutdown = ({ signals, log, exitNow }: ShutdownDeps): Shutdown => {
  const controller = new AbortController()
  const releasers: { readonly name: string; readonly release: () => void | Promise<void> }[] = []
  let reason: string | null = null
  let beganAtMs = 0
  let released: Promise<readonly string[]> | null = null

  const begin = (why: string): void => {
    if (reason !== null) return
    reason = why
    beganAtMs = performance.now()
    log.log('info', 'stopping', { reason: why })
    controller.abort()
  }
  const onSignal = (name: string): void => {
    if (reason === null) begin(name)
    else if (performance.now() - beganAtMs >= ECHO_MS) {
      log.log('warn', 'stopping-now', { reason: name })
      exitNow(EXIT.interrupted)
    }
  }
  signals.on('SIGINT', onSignal)
  signals.on('SIGTERM', onSignal)

  const releaseOne = async (name: string, release: () => void | Promise<void>): Promise<boolean> => {
    try {
      await release()
      return true
    } catch (error) {
      log.log('error', 'release-failed', { name, error })
      return false
    }
  }

  const releaseAll = async (): Promise<readonly string[]> => {
    const failed: string[] = []
    for (let next = releasers.pop(); next !== undefined; next = releasers.pop()) {
      if (!(await releaseOne(next.name, next.release))) failed.push(next.name)
    }
    signals.off('SIGINT', onSignal)
    signals.off('SIGTERM', onSignal)
    return failed
  }

  return {
    signal: controller.signal,
    begin,
    reason: () => reason,
    onRelease: (name, release) => {
      if (released === null) releasers.push({ name, release })
      else void releaseOne(name, release)
    },
    release: () => {
      released ??= releaseAll()
      return released
    },
  }
}
