// Positions as people see them: all of a market's, or the nearest to liquidation of all markets without looking at the rest.
import { WAD, wDivDown } from '../../src/core/fixed-point'
import type { PositionView } from '../../src/core/opportunity'
import type { PairQuery } from '../../src/core/pair-query'
import type { TargetBlock } from '../../src/core/primitives'
import { termsOf } from './finder'
import type { Judge, Judged } from './judge'
import type { Market } from './ledger'
import { maxBorrowAssets, toAssetsUp } from './math'

/** WAD, rounded down; null where the market can't be judged. */
const healthOf = (judged: Judged, borrowShares: bigint, collateral: bigint): bigint | null => {
  if (judged.kind === 'fault') return null
  const { totals, price, params } = judged
  const debtAssets = toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares)
  return wDivDown(maxBorrowAssets(collateral, price, params.lltvWad), debtAssets)
}

const viewOf = (strategy: string, market: Market, judged: Judged, slot: number): PositionView[] => {
  const { params } = market.state
  const [borrowShares, collateral] = [market.pairs.debtAt(slot), market.pairs.collateralAt(slot)]
  if (params === null || borrowShares === 0n) return []
  const totals = judged.kind === 'ok' ? judged.totals : market.state
  return [
    {
      strategy,
      market: market.id,
      account: market.pairs.accountAt(slot),
      collateralToken: params.collateralToken,
      debtToken: params.loanToken,
      collateralAssets: collateral,
      debtAssets: toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares),
      healthFactorWad: healthOf(judged, borrowShares, collateral),
    },
  ]
}

/** The `limit` lowest of the healths added, with their slots, lowest first. */
const createLowest = (limit: number) => {
  const lowest: { readonly slot: number; readonly health: bigint }[] = []
  return {
    lowest,
    add: (slot: number, health: bigint): void => {
      let at = lowest.length
      while (at > 0 && lowest[at - 1]!.health > health) at -= 1
      lowest.splice(at, 0, { slot, health })
      if (lowest.length > limit) lowest.pop()
    },
    /** Whether no health at or above `bound` would be taken any more. */
    isFullBelow: (bound: bigint): boolean => lowest.length === limit && lowest[limit - 1]!.health <= bound,
  }
}

export interface Views {
  /** See Book.positions. */
  positions(markets: readonly Market[], target: TargetBlock, limit?: number): readonly PositionView[]
}

export const createViews = (strategy: string, marketOf: (slot: number) => Market, judge: Judge, query: PairQuery): Views => {
  const all = (market: Market, judged: Judged): PositionView[] =>
    Array.from(market.pairs.slotsOf(market.number)).flatMap(slot => viewOf(strategy, market, judged, slot))

  const nearest = (judgements: ReadonlyMap<Market, Judged>, limit: number): PositionView[] => {
    const { lowest, add, isFullBelow } = createLowest(limit)
    const ranked: Parameters<PairQuery['byRisk']>[0][number][] = []
    for (const [{ pairs, number }, judged] of judgements) {
      if (judged.kind === 'fault') continue
      const terms = termsOf(judged.totals, judged.price, judged.params.lltvWad)
      ranked.push({ market: number, terms })
      // Debt without any collateral stands in no order of risk.
      if (pairs.ranked(number, terms.rounding).count === pairs.borrowersOf(number)) continue
      for (const slot of pairs.slotsOf(number)) if (pairs.debtAt(slot) > 0n && pairs.collateralAt(slot) === 0n) add(slot, 0n)
    }
    for (const { slot, risk } of query.byRisk(ranked)) {
      // The risk holds what rounding may add, so below 1 it bounds the health of all that follow.
      if (risk < 1 - 1e-9 && isFullBelow(BigInt(Math.floor((1 - 1e-9) * (1e18 / risk))))) break
      const market = marketOf(slot)
      const health = healthOf(judgements.get(market)!, market.pairs.debtAt(slot), market.pairs.collateralAt(slot))
      add(slot, health ?? WAD)
    }
    return lowest.flatMap(({ slot }) => {
      const market = marketOf(slot)
      return viewOf(strategy, market, judgements.get(market)!, slot)
    })
  }

  return {
    positions: (markets, target, limit) => {
      const judgements = new Map(markets.map(market => [market, judge.judge(market, target.timestampSec)]))
      if (limit === undefined) return [...judgements].flatMap(([market, judged]) => all(market, judged))
      const views = nearest(judgements, limit)
      for (const [market, judged] of judgements) {
        if (views.length >= limit) break
        if (judged.kind === 'fault') views.push(...all(market, judged).slice(0, limit - views.length))
      }
      return views
    },
  }
}
