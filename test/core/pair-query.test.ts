// The query against plain bigint arithmetic over all positions: nobody missed, nobody invented, whatever the book.
import { describe, expect, it } from '@jest/globals'
import type { PairBook } from '../../src/core/pair-book'
import { createPairQuery } from '../../src/core/pair-query'
import { createRandom } from '../../src/lab/world/random'
import {
  accountOf,
  bookOf,
  edgePrice,
  isUnderWater,
  naiveUnderWater,
  type PairState,
  randomState,
  termsAt,
} from '../fixtures/pair-states'

const SEED = 20200312

const numbersOf = (book: PairBook, slots: Iterable<number>): number[] =>
  Array.from(slots, slot => Number(BigInt(book.accountAt(slot))) - 1).sort((a, b) => a - b)

/** A market whose positions have these debts, one unit of collateral each and a share for a unit. */
const plain = (debts: readonly bigint[], collaterals: readonly bigint[]): PairState => ({
  debts,
  collaterals,
  totalAssets: 10n ** 24n - 1n,
  totalShares: 10n ** 24n - 1_000_000n,
  lltvWad: 10n ** 18n,
})

describe('underWater', () => {
  it('default: the suffix above the threshold, the riskiest last', () => {
    const state = plain([10n ** 18n, 3n * 10n ** 18n, 2n * 10n ** 18n], [10n ** 18n, 10n ** 18n, 10n ** 18n])
    const book = bookOf(state)
    const query = createPairQuery(book)
    const found = query.underWater(0, termsAt(state, (15n * 10n ** 36n) / 10n))
    expect(Array.from(found, slot => book.accountAt(slot))).toEqual([accountOf(2), accountOf(1)])
    expect(query.underWater(0, termsAt(state, 10n ** 37n)).length).toBe(0)
  })
  it('behavior: 800 random states, prices on the edge: as plain arithmetic says', () => {
    const { unit } = createRandom(SEED, 'pair query')
    let turned = 0
    for (let n = 0; n < 800; n++) {
      const state = randomState(unit, 1 + Math.floor(unit() * 20))
      const book = bookOf(state)
      const query = createPairQuery(book)
      for (let i = 0; i < 3; i++) {
        const price = edgePrice(unit, state)
        const naive = naiveUnderWater(state, price)
        expect(numbersOf(book, query.underWater(0, termsAt(state, price)))).toEqual(naive)
        turned += naive.length
      }
    }
    expect(turned).toBeGreaterThan(2_000)
  })
  it('behavior: a market whose shares get cheaper and dearer, and positions that come and go', () => {
    const { unit } = createRandom(SEED, 'pair query over time')
    for (let n = 0; n < 20; n++) {
      let state = randomState(unit, 40)
      const book = bookOf(state)
      const query = createPairQuery(book)
      for (let step = 0; step < 12; step++) {
        const fresh = randomState(unit, 40)
        const debts = state.debts.map((debt, i) => (unit() < 0.2 ? fresh.debts[i]! : debt))
        const collaterals = state.collaterals.map((collateral, i) => (unit() < 0.2 ? fresh.collaterals[i]! : collateral))
        state = { ...fresh, debts, collaterals, lltvWad: state.lltvWad }
        for (let i = 0; i < 40; i++) book.put(BigInt(step), 0, accountOf(i), debts[i]!, collaterals[i]!)
        const price = edgePrice(unit, state)
        expect(numbersOf(book, query.underWater(0, termsAt(state, price)))).toEqual(naiveUnderWater(state, price))
      }
    }
  })
  it('behavior: dust that only rounding puts under water is found, and only it', () => {
    // Worth 1 unit of debt each: real value 1.5 and 2, rounded down to 1 and 2.
    const state = { ...plain([1n, 1n, 1n], [1n, 2n, 3n]), lltvWad: 10n ** 18n }
    const book = bookOf(state)
    const query = createPairQuery(book)
    expect(numbersOf(book, query.underWater(0, termsAt(state, (10n ** 36n * 9n) / 10n)))).toEqual([0])
    expect(numbersOf(book, query.underWater(0, termsAt(state, (10n ** 36n * 4n) / 10n)))).toEqual([0, 1])
    expect(numbersOf(book, query.underWater(0, termsAt(state, 10n ** 36n)))).toEqual([])
  })
})

describe('debtByLevel', () => {
  it('default: the debt under water at each price, as plain arithmetic says', () => {
    const { unit } = createRandom(SEED, 'pair levels')
    for (let n = 0; n < 200; n++) {
      const state = randomState(unit, 1 + Math.floor(unit() * 30))
      const prices = Array.from({ length: 1 + Math.floor(unit() * 5) }, () => edgePrice(unit, state)).sort((a, b) =>
        a < b ? 1 : -1,
      )
      const query = createPairQuery(bookOf(state))
      const naive = prices.map(price => {
        const under = naiveUnderWater(state, price)
        return { debt: under.reduce((sum, i) => sum + state.debts[i]!, 0n), positions: under.length }
      })
      expect(
        query.debtByLevel(
          0,
          prices.map(price => termsAt(state, price)),
        ),
      ).toEqual(naive)
    }
  })
  it('behavior: no levels, no debt', () => {
    const state = plain([1n], [1n])
    expect(createPairQuery(bookOf(state)).debtByLevel(0, [])).toEqual([])
    expect(createPairQuery(bookOf(plain([], []))).debtByLevel(0, [termsAt(state, 1n)])).toEqual([{ debt: 0n, positions: 0 }])
  })
})

describe('byRisk', () => {
  it('default: all positions with debt and collateral, riskiest first, over all markets', () => {
    const { unit } = createRandom(SEED, 'pair risk')
    for (let n = 0; n < 40; n++) {
      const states = Array.from({ length: 1 + Math.floor(unit() * 6) }, () => randomState(unit, Math.floor(unit() * 12)))
      const book = bookOf({ ...states[0]!, debts: [], collaterals: [] })
      for (let number = 1; number < states.length; number++) book.addMarket()
      states.forEach((state, number) => {
        state.debts.forEach((debt, i) => {
          book.put(1n, number, accountOf(i), debt, state.collaterals[i]!)
        })
      })
      const terms = states.map(state => termsAt(state, state.debts.length === 0 ? 1n : edgePrice(unit, state)))
      const query = createPairQuery(book)
      const ranked = [...query.byRisk(terms.map((each, market) => ({ market, terms: each })))]
      const indexed = states.flatMap(({ debts, collaterals }) => debts.filter((debt, i) => debt > 0n && collaterals[i]! > 0n))
      expect(new Set(ranked.map(({ slot }) => slot)).size).toBe(indexed.length)
      expect(ranked.length).toBe(indexed.length)
      ranked.forEach(({ slot, risk }, i) => {
        expect(i === 0 || risk <= ranked[i - 1]!.risk).toBe(true)
        const market = book.marketAt(slot)
        // Never below the real risk, and never below 1 for whoever is under water.
        expect(risk).toBeGreaterThanOrEqual(
          (book.roughDebtAt(slot) / book.roughCollateralAt(slot) / terms[market]!.threshold) * (1 - 1e-12),
        )
        if (terms[market]!.isUnderWater(book.debtAt(slot), book.collateralAt(slot))) expect(risk).toBeGreaterThan(1 - 1e-11)
      })
    }
  })
})

describe('isUnderWater', () => {
  it('default: the naive verdict itself turns where value equals debt', () => {
    const state = plain([100n], [100n])
    expect([10n ** 36n, 10n ** 36n - 1n].map(price => isUnderWater(state, price, 100n, 100n))).toEqual([false, true])
  })
})
