// What a benchmark is: a name, and a seeded run that ends in one line of results.

export interface BenchResult {
  readonly what: string
  readonly value: number
  readonly unit: string
  /** What it is compared with; null where there is nothing to compare with. */
  readonly baseline: number | null
  /** value / baseline. */
  readonly ratio: number | null
}

export interface BenchLine {
  readonly bench: string
  readonly results: readonly BenchResult[]
}

export interface BenchOptions {
  readonly seed: number
  /** A line for whoever waits; never on stdout. */
  readonly progress: (message: string) => void
  /** Where to write CPU profiles of the measured process; null: none are taken. */
  readonly profileDir: string | null
}

export interface Bench {
  readonly name: string
  readonly describe: string
  run(options: BenchOptions): Promise<BenchLine>
  /** The line as SVG text, where a picture says more. */
  readonly plot?: (line: BenchLine) => string
}

/** A result beside its baseline; both rounded to a thousandth, the ratio to a ten-thousandth. */
export const compared = (what: string, value: number, unit: string, baseline: number | null): BenchResult => ({
  what,
  value: Math.round(value * 1e3) / 1e3,
  unit,
  baseline: baseline === null ? null : Math.round(baseline * 1e3) / 1e3,
  ratio: baseline === null || baseline === 0 ? null : Math.round((value / baseline) * 1e4) / 1e4,
})

/** Nearest-rank percentile: the smallest sample that at least `share` of all do not exceed. Throws RangeError without samples. */
export const percentile = (samples: readonly number[], share: number): number => {
  const sorted = [...samples].sort((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (found === undefined) throw new RangeError('no samples')
  return found
}
