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

export interface Bench {
  readonly name: string
  readonly describe: string
  run(options: { readonly seed: number }): Promise<BenchLine>
}
