// What a campaign is: a name, and many seeded trials, each of which must end well. Unlike a benchmark it measures nothing but whether they do.
import type { BenchLine } from '../bench'

export interface CampaignOptions {
  readonly trials: number
  /** The first trial's; the others follow. A failed trial is run again, alone, with its own. */
  readonly seed: number
  /** Trials that ended so far. */
  readonly progress: (done: number) => void
  /** For people; never on stdout. */
  readonly say: (message: string) => void
}

/** The line of results, and whether all trials ended well. */
export interface CampaignEnd {
  readonly line: BenchLine
  readonly isPassed: boolean
}

export interface Campaign {
  readonly name: string
  readonly describe: string
  run(options: CampaignOptions): Promise<CampaignEnd>
}
