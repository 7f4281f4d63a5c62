// Random small books of baskets, changed and repriced without end: the index's list against plain bigint health of everybody.
import { type BasketIndex, createBasketIndex } from '../../src/core/basket-index'
import { createRandom } from '../../src/lab/world/random'
import {
  type BasketAccount,
  basketWeights,
  edgeTerms,
  isBasketUnder,
  randomAccount,
  randomTerms,
} from '../../test/fixtures/basket-states'
import { compareLists, type Errors } from '../pairs/naive'

const ASSETS = 5
const ACCOUNTS = 24
const MOST_ENTRIES = 6
/** States of one book, whose accounts and prices change from each to the next. */
const STATES_PER_BOOK = 250

const putAccount = (index: BasketIndex, slot: number, { columns, amounts }: BasketAccount): void =>
  index.set(slot, columns, Float64Array.from(amounts, Number))

/** Adds to `errors` what the index gets wrong in so many states. */
export const differential = (seed: number, states: number, errors: Errors): void => {
  const { unit } = createRandom(seed, 'basket states')
  for (let books = 0; books < states / STATES_PER_BOOK; books++) {
    const index = createBasketIndex()
    const held: BasketAccount[] = []
    let terms = randomTerms(unit, ASSETS)
    for (let state = 0; state < STATES_PER_BOOK; state++) {
      const slot = Math.floor(unit() * ACCOUNTS)
      held[slot] = randomAccount(unit, terms, MOST_ENTRIES)
      putAccount(index, slot, held[slot])
      if (unit() < 0.02) terms = randomTerms(unit, ASSETS)
      if (unit() < 0.3) index.refresh(basketWeights(terms), unit() < 0.3 ? 1 : undefined)
      const at = unit() < 0.8 ? edgeTerms(unit, terms, held[slot]) : randomTerms(unit, ASSETS)
      const isUnder = (each: number): boolean => isBasketUnder(at, held[each]!)
      const expected = held.flatMap((_, each) => (isUnder(each) ? [each] : []))
      compareLists(index.under(basketWeights(at), isUnder).slots, expected, errors)
    }
  }
}
