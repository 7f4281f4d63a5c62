// The naive way: every position's health in bigint, one after another, over flat arrays. Baseline and judge of the index.
import type { PairBook } from '../../src/core/pair-book'
import { isHealthy } from '../../strategies/morpho-blue/math'
import type { Judged } from '../../strategies/morpho-blue/opportunities'

export interface FlatMarket {
  readonly slots: Uint32Array
  readonly debts: readonly bigint[]
  readonly collaterals: readonly bigint[]
}

export const flatten = (pairs: PairBook, number: number): FlatMarket => {
  const slots = pairs.slotsOf(number)
  return { slots, debts: Array.from(slots, pairs.debtAt), collaterals: Array.from(slots, pairs.collateralAt) }
}

/** Slots under water, in ascending order. */
export const naiveScan = (
  { slots, debts, collaterals }: FlatMarket,
  judged: Extract<Judged, { kind: 'ok' }>,
): readonly number[] => {
  const { totals, price, params } = judged
  const found: number[] = []
  for (let i = 0; i < slots.length; i++)
    if (!isHealthy(debts[i]!, collaterals[i]!, totals, price, params.lltvWad)) found.push(slots[i]!)
  return found
}

/** What lists of the index got wrong, over all that were compared. */
export interface Errors {
  missed: number
  wrong: number
  lists: number
}

export const compareLists = (found: Iterable<number>, naive: readonly number[], errors: Errors): void => {
  const expected = new Set(naive)
  let [hits, listed] = [0, 0]
  for (const slot of found) {
    listed += 1
    hits += expected.has(slot) ? 1 : 0
  }
  errors.missed += expected.size - hits
  errors.wrong += listed - hits
  errors.lists += 1
}
