// What a run of the lab ends with: the figures that the table, the JSON lines and the page are made from.
import type { OutcomeKind } from '../../core/verdict'

/** One line of `--json` per position that was ever liquidatable. Amounts as decimal strings in base units. */
export interface EndedPosition {
  readonly position: string
  readonly market: string
  readonly outcome: OutcomeKind | 'open'
  readonly reason: string
  readonly repaid: string
  readonly seized: string
  readonly profitPredictedWei: string
  readonly profitRealisedWei: string
  readonly gasUsed: string
  /** Block of the inclusion; null if there is none. */
  readonly block: number | null
}

/** The last line of `--json`. */
export interface RunSummary {
  readonly liquidatable: number
  readonly closedFirstBlock: number
  readonly closedLater: number
  readonly open: number
  readonly profitPredictedWei: string
  readonly profitRealisedWei: string
  readonly worstPredictionErrorPct: number
  readonly badDebtUsd: number | null
  readonly badDebtUnattendedUsd: number | null
}

/** One block of the run, for the charts. */
export interface TimelinePoint {
  readonly block: number
  readonly timestampSec: number
  /** USD by asset name. */
  readonly prices: Readonly<Record<string, number>>
  readonly baseFeeGwei: number
  readonly closed: number
  readonly liquidatable: number
  readonly profitRealisedEth: number
  /** Null between samples. */
  readonly badDebtUsd: number | null
  readonly badDebtUnattendedUsd: number | null
  /** Head seen to bundle posted; null where nothing was sent. */
  readonly bundleMs: number | null
}

/** A market's row in the table. */
export interface MarketRow {
  readonly market: string
  /** null where each collateral has its own. */
  readonly lltvPct: number | null
  readonly positions: number
  readonly liquidatable: number
  readonly profitable: number
  readonly closedFirstBlock: number
  readonly closedLater: number
  readonly open: number
  readonly profitRealisedEth: number
}

export interface RunResult {
  readonly title: string
  readonly summary: RunSummary
  readonly referee: {
    readonly profitable: number
    readonly missed: number
    readonly late: number
    readonly minimumBadDebtUsd: number
  }
  readonly positions: readonly EndedPosition[]
  readonly markets: readonly MarketRow[]
  readonly timeline: readonly TimelinePoint[]
  readonly elapsedSec: number
}
