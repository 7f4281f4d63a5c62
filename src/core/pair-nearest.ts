// The positions of pair markets for tables: all of them, or those nearest to liquidation without looking at the rest.
import { WAD } from './fixed-point'
import type { PositionView } from './opportunity'
import type { PairBook } from './pair-book'
import type { PairQuery, PairTerms } from './pair-query'

/** One market at the target, as the tables see it. */
export interface ViewedMarket {
  readonly number: number
  /** Null: it can't be judged. */
  readonly terms: PairTerms | null
  /** WAD, rounded down; null where the market can't be judged. */
  healthOf(debt: bigint, collateral: bigint): bigint | null
  /** Null for what is not shown. The slot has debt. */
  viewOf(slot: number): PositionView | null
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

const viewsOf = ({ number, viewOf }: ViewedMarket, pairs: PairBook): readonly PositionView[] =>
  Array.from(pairs.slotsOf(number)).flatMap(slot => (pairs.roughDebtAt(slot) === 0 ? [] : (viewOf(slot) ?? [])))

const nearest = (pairs: PairBook, query: PairQuery, markets: readonly ViewedMarket[], limit: number): readonly PositionView[] => {
  const { lowest, add, isFullBelow } = createLowest(limit)
  const byNumber = new Map(markets.map(market => [market.number, market]))
  const marketOf = (slot: number): ViewedMarket => byNumber.get(pairs.marketAt(slot))!
  const ranked: { readonly market: number; readonly terms: PairTerms }[] = []
  for (const { number, terms } of markets) {
    if (terms === null) continue
    ranked.push({ market: number, terms })
    // Debt without any collateral stands in no order of risk.
    if (pairs.ranked(number, terms.rounding).count === pairs.borrowersOf(number)) continue
    for (const slot of pairs.slotsOf(number)) if (pairs.debtAt(slot) > 0n && pairs.collateralAt(slot) === 0n) add(slot, 0n)
  }
  for (const { slot, risk } of query.byRisk(ranked)) {
    // The risk holds what rounding may add, so below 1 it bounds the health of all that follow.
    if (risk < 1 - 1e-9 && isFullBelow(BigInt(Math.floor((1 - 1e-9) * (1e18 / risk))))) break
    add(slot, marketOf(slot).healthOf(pairs.debtAt(slot), pairs.collateralAt(slot)) ?? WAD)
  }
  return lowest.flatMap(({ slot }) => marketOf(slot).viewOf(slot) ?? [])
}

/** See Book.positions. */
export const pairPositions = (
  pairs: PairBook,
  query: PairQuery,
  markets: readonly ViewedMarket[],
  limit?: number,
): readonly PositionView[] => {
  if (limit === undefined) return markets.flatMap(market => viewsOf(market, pairs))
  const views = [...nearest(pairs, query, markets, limit)]
  for (const market of markets) {
    if (views.length >= limit) break
    if (market.terms === null) views.push(...viewsOf(market, pairs).slice(0, limit - views.length))
  }
  return views
}
