// How long to wait before trying again: doubling with jitter, so that many keepers do not come back in step.

export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
}

/** Milliseconds before try number `failures` (1: the first failure). `random` in [0, 1) picks from the upper half of the doubling delay. */
export const backoffMs = ({ minMs, maxMs }: Backoff, failures: number, random: number): number => {
  const full = Math.min(maxMs, minMs * 2 ** Math.min(Math.max(failures - 1, 0), 30))
  return full / 2 + (full / 2) * random
}

/** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
