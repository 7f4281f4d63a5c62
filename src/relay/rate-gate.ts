// Keeps one endpoint under its request limit. An idle endpoint costs nothing: only a burst is queued (by bottleneck).
import Bottleneck from 'bottleneck'

export interface RateGate {
  /** Runs `job` now if the endpoint is idle enough, else when its turn comes. */
  run<T>(job: () => Promise<T>): Promise<T>
}

/**
 * At most `requestsPerSecond` starts within any second: half of it as an immediate burst, half at an even pace.
 * Bottleneck alone would add a timer turn to every request, the one in an idle second included.
 */
export const createRateGate = (requestsPerSecond: number, nowMs: () => number): RateGate => {
  const half = Math.max(1, Math.floor(requestsPerSecond / 2))
  const queue = new Bottleneck({ maxConcurrent: null, minTime: Math.ceil(1000 / half) })
  let starts: number[] = []
  const start = <T>(job: () => Promise<T>): Promise<T> => {
    starts.push(nowMs())
    return job()
  }
  return {
    run: job => {
      const since = nowMs() - 1000
      starts = starts.filter(at => at > since)
      return starts.length < half && queue.empty() ? start(job) : queue.schedule(() => start(job))
    },
  }
}
