// Random markets of dust, huge share prices and positions a unit from the line: the index's list against plain bigint arithmetic.
import type { PairBook } from '../../src/core/pair-book'
import { createPairQuery, type PairQuery } from '../../src/core/pair-query'
import { createRandom } from '../../src/lab/world/random'
import {
  accountOf,
  bookOf,
  edgePrice,
  naiveUnderWater,
  type PairState,
  randomState,
  termsAt,
  type Unit,
} from '../../test/fixtures/pair-states'
import { compareLists, type Errors } from './naive'

const MOST_PER_STATE = 20
/** Large unkind markets, each asked at several prices before and after bad debt was written off and a tenth of its positions changed. */
const UNKIND = { markets: 40, positions: 5_000, prices: 5, changes: 500 }

const compareAt = (book: PairBook, query: PairQuery, state: PairState, price: bigint, errors: Errors): void =>
  compareLists(
    Array.from(query.underWater(0, termsAt(state, price)), slot => Number(BigInt(book.accountAt(slot))) - 1),
    naiveUnderWater(state, price),
    errors,
  )

/** Shares stay, assets fall: they get dearer to round, and keys made before are too low. */
const afterBadDebt = (unit: Unit, state: PairState, book: PairBook): PairState => {
  const fresh = randomState(unit, UNKIND.positions)
  const debts = [...state.debts]
  const collaterals = [...state.collaterals]
  for (let n = 0; n < UNKIND.changes; n++) {
    const at = Math.floor(unit() * UNKIND.positions)
    debts[at] = fresh.debts[at]!
    collaterals[at] = fresh.collaterals[at]!
    book.put(2n, 0, accountOf(at), debts[at], collaterals[at])
  }
  return { ...state, debts, collaterals, totalAssets: state.totalAssets / BigInt(2 + Math.floor(998 * unit())) }
}

/** Adds to `errors` what the index gets wrong in large markets of dust, huge share prices and bad debt. Returns how many positions there are. */
export const unkindMarkets = (seed: number, errors: Errors): number => {
  const { unit } = createRandom(seed, 'unkind markets')
  for (let market = 0; market < UNKIND.markets; market++) {
    let state = randomState(unit, UNKIND.positions)
    const book = bookOf(state)
    const query = createPairQuery(book)
    for (let n = 0; n < UNKIND.prices; n++) compareAt(book, query, state, edgePrice(unit, state), errors)
    state = afterBadDebt(unit, state, book)
    for (let n = 0; n < UNKIND.prices; n++) compareAt(book, query, state, edgePrice(unit, state), errors)
  }
  return UNKIND.markets * UNKIND.positions
}

/** Adds to `errors` what the index gets wrong in so many states. */
export const differential = (seed: number, states: number, errors: Errors): void => {
  const { unit } = createRandom(seed, 'pair states')
  for (let n = 0; n < states; n++) {
    const state = randomState(unit, 1 + Math.floor(unit() * MOST_PER_STATE))
    const book = bookOf(state)
    compareAt(book, createPairQuery(book), state, edgePrice(unit, state), errors)
  }
}
