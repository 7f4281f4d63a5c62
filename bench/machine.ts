// What the machine itself does to a measurement: a fixed piece of work timed in between, pauses of the garbage collector, load. A tail that
// the fixed work has too is not the measured code's.
import { cpus, loadavg } from 'node:os'
import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BenchResult, compared, percentile } from './bench'

/** Steps of the fixed work: about a third of a millisecond. */
const STEPS = 200_000

export interface Machine {
  /** Runs and times; `into` gets the sample. */
  time<T>(into: Samples, run: () => T): T
  /** Does the fixed work once. */
  control(): void
  /** Collects the young garbage of the bench itself, so that none of it falls into what is timed next. */
  tidy(): void
  /** Ends it; what it saw, and whether the garbage collector ran within these samples. */
  results(of: readonly Samples[]): Promise<readonly BenchResult[]>
}

interface Span {
  readonly from: number
  readonly to: number
}

/** Wall time of each run, and the time that all its threads were on a processor, which preemption does not touch. Milliseconds. */
export interface Samples {
  readonly wall: number[]
  readonly cpu: number[]
  readonly spans: Span[]
}

export const noSamples = (): Samples => ({ wall: [], cpu: [], spans: [] })

/**
 * What the naive way takes, in milliseconds: processor time of the fastest scan. Scans are long enough to be preempted often; a busy machine
 * must not make them look worse than they are.
 */
export const naiveOf = ({ cpu }: Samples): number => Math.min(...cpu)

const spin = (seed: number): number => {
  let x = seed | 1
  for (let step = 0; step < STEPS; step++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
  }
  return x
}

export const createMachine = (): Machine => {
  const controls: number[] = []
  const pauses: Span[] = []
  let state = 1
  const observer = new PerformanceObserver(list => {
    for (const { startTime, duration } of list.getEntries()) pauses.push({ from: startTime, to: startTime + duration })
  })
  observer.observe({ entryTypes: ['gc'] })
  for (let warm = 0; warm < 200; warm++) state = spin(state)
  return {
    time: (into, run) => {
      const before = process.cpuUsage()
      const from = performance.now()
      const result = run()
      const to = performance.now()
      const { user, system } = process.cpuUsage(before)
      into.wall.push(to - from)
      into.cpu.push((user + system) / 1_000)
      into.spans.push({ from, to })
      return result
    },
    control: () => {
      const from = performance.now()
      state = spin(state)
      controls.push(performance.now() - from)
    },
    tidy: () => globalThis.gc?.({ type: 'minor', execution: 'sync' }),
    results: async of => {
      // Entries come only once the loop turns.
      await sleep(50)
      observer.disconnect()
      const [p50, p99] = [percentile(controls, 0.5), percentile(controls, 0.99)]
      const spans = of.flatMap(samples => samples.spans)
      const within = pauses.filter(pause => spans.some(({ from, to }) => pause.from < to && pause.to > from))
      return [
        compared('control_ms_p99', p99, 'ms', p50),
        compared('gc_pauses_in_samples', within.length, 'pauses', null),
        compared('gc_pause_in_samples_ms_max', Math.max(0, ...within.map(({ from, to }) => to - from)), 'ms', null),
        compared('load_per_core', loadavg()[0]! / cpus().length, 'processes', null),
      ]
    },
  }
}

/** p99 and p50 of the wall time against the naive way, and what of the p99 is processor time. */
export const bothOf = (name: string, { wall, cpu }: Samples, naiveMs: number | null): readonly BenchResult[] => [
  compared(`${name}_p99`, percentile(wall, 0.99), 'ms', naiveMs),
  compared(`${name}_p50`, percentile(wall, 0.5), 'ms', naiveMs),
  compared(`${name.replace(/_ms$/, '_cpu_ms')}_p99`, percentile(cpu, 0.99), 'ms', null),
]
