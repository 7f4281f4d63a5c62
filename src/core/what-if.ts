// Prices that are not on chain: the factors of a scenario, and the debt that turns at each step of a fall. Changes no book.
import { BPS, mulDivUp, WAD } from './fixed-point'
import type { PairDebt, PairQuery, PairTerms } from './pair-query'
import type { Address } from './primitives'
import type { WhatIf } from './strategy'

/** What each token's value is multiplied by, in WAD; tokens that are not named keep theirs. */
export type Factors = ReadonlyMap<Address, bigint>

/** The factor of a fall by `bps` basis points, exact; a fall of all or more leaves nothing. */
export const factorOfFallWad = (bps: bigint): bigint => (bps >= BPS ? 0n : ((BPS - bps) * WAD) / BPS)

/** `token` falls by `bps`, all else stays. */
export const fallOf = (token: Address, bps: bigint): Extract<WhatIf, { readonly kind: 'values' }> => ({
  kind: 'values',
  factorWad: new Map([[token, factorOfFallWad(bps)]]),
})

/**
 * `price` of `collateral` in units of `debt` once their values changed, rounded up: nobody is called under water who is not at the exact
 * price, and no close seizes more than it would. Null where the debt token is worth nothing: no price says so.
 */
export const priceAfterUp = (price: bigint, factors: Factors, collateral: Address, debt: Address): bigint | null => {
  const [up, down] = [factors.get(collateral) ?? WAD, factors.get(debt) ?? WAD]
  return down === 0n ? null : mulDivUp(price, up, down)
}

const NOTHING: PairDebt = { debt: 0n, positions: 0 }

/**
 * PairQuery.debtByLevel for terms in any order, which are the same or further apart than floats can err; null where the market can't be
 * judged: nothing is under water there.
 */
export const debtAtTerms = (query: PairQuery, market: number, terms: readonly (PairTerms | null)[]): readonly PairDebt[] => {
  const sorted = terms.flatMap(each => (each === null ? [] : [each])).sort((a, b) => b.threshold - a.threshold)
  const debts = query.debtByLevel(market, sorted)
  return terms.map(each => (each === null ? NOTHING : debts[sorted.indexOf(each)]!))
}
