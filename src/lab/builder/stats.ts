// Counts what the builder got and what became of it. Sums only.
import type { BuiltBlock } from './assemble'

export interface BuilderStats {
  readonly blocks: number
  readonly bundlesReceived: number
  readonly bundlesIncluded: number
  readonly bundlesRejected: number
  /** Found waiting for a block that had passed. */
  readonly bundlesStale: number
  readonly requestsRefused: number
  readonly publicIncluded: number
  readonly paidWei: bigint
}

export const EMPTY_STATS: BuilderStats = {
  blocks: 0,
  bundlesReceived: 0,
  bundlesIncluded: 0,
  bundlesRejected: 0,
  bundlesStale: 0,
  requestsRefused: 0,
  publicIncluded: 0,
  paidWei: 0n,
}

export const withBlock = (stats: BuilderStats, block: BuiltBlock): BuilderStats => ({
  ...stats,
  blocks: stats.blocks + 1,
  bundlesIncluded: stats.bundlesIncluded + block.bundles.length,
  bundlesRejected: stats.bundlesRejected + block.rejected.length,
  bundlesStale: stats.bundlesStale + block.stale,
  publicIncluded: stats.publicIncluded + block.included.filter(({ place }) => place === 'public').length,
  paidWei: block.bundles.reduce((total, { paidWei }) => total + paidWei, stats.paidWei),
})
