// Keeps one endpoint under its request limit. While there is room a request goes straight through: bottleneck's timer
// would cost each one a millisecond or more; only what exceeds the limit queues in it.
import Bottleneck from 'bottleneck'

export interface RateGate {
  run<T>(job: () => Promise<T>): Promise<T>
  /** Ends queued jobs. */
  close(): void
}

/** At most about `perSecond` starts in any second; null: no limit. `nowMs` is a monotonic clock. */
export const createRateGate = (perSecond: number | null, nowMs: () => number): RateGate => {
  if (perSecond === null) return { run: job => job(), close: () => undefined }
  // Half of the second's room may go at once, the queue gets an even pace of the other half: together never more than the limit.
  const burst = Math.max(1, Math.floor(perSecond / 2))
  const pace = Math.max(1, perSecond - burst)
  const queue = new Bottleneck({ minTime: Math.ceil(1000 / pace) })
  let starts: number[] = []
  return {
    run: job => {
      const now = nowMs()
      starts = starts.filter(start => start > now - 1000)
      if (starts.length >= burst || queue.queued() > 0) return queue.schedule(job)
      starts.push(now)
      return job()
    },
    close: () => {
      void queue.stop({ dropWaitingJobs: true }).catch(() => undefined)
    },
  }
}
