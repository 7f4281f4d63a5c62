// Random markets of dust, huge share prices and positions a unit from the line: the index's list against plain bigint arithmetic.
import { createPairQuery } from '../../src/core/pair-query'
import { createRandom } from '../../src/lab/world/random'
import { bookOf, edgePrice, naiveUnderWater, randomState, termsAt } from '../../test/fixtures/pair-states'
import { compareLists, type Errors } from './naive'

const MOST_PER_STATE = 20

/** Adds to `errors` what the index gets wrong in so many states. */
export const differential = (seed: number, states: number, errors: Errors): void => {
  const { unit } = createRandom(seed, 'pair states')
  for (let n = 0; n < states; n++) {
    const state = randomState(unit, 1 + Math.floor(unit() * MOST_PER_STATE))
    const book = bookOf(state)
    const price = edgePrice(unit, state)
    const found = createPairQuery(book).underWater(0, termsAt(state, price))
    compareLists(
      Array.from(found, slot => Number(BigInt(book.accountAt(slot))) - 1),
      naiveUnderWater(state, price),
      errors,
    )
  }
}
