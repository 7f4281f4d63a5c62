// Prices that are not on chain: factors, rounding, and debt at each step of a fall against plain arithmetic.
import { describe, expect, it } from '@jest/globals'
import { createPairQuery } from '../../src/core/pair-query'
import { debtAtTerms, factorOfFallWad, fallOf, priceAfterUp } from '../../src/core/what-if'
import { createRandom } from '../../src/lab/world/random'
import { bookOf, edgePrice, naiveUnderWater, randomState, termsAt } from '../fixtures/pair-states'

const WAD = 10n ** 18n
const [WETH, USDC] = [`0x${'e1'.repeat(20)}`, `0x${'05'.repeat(20)}`] as const

describe('priceAfterUp', () => {
  it('default: collateral over debt, rounded up', () => {
    expect(priceAfterUp(1_000n, new Map([[WETH, (9n * WAD) / 10n]]), WETH, USDC)).toBe(900n)
    expect(priceAfterUp(1_000n, new Map([[USDC, (9n * WAD) / 10n]]), WETH, USDC)).toBe(1_112n)
    expect(priceAfterUp(1_001n, new Map([[WETH, WAD / 2n]]), WETH, USDC)).toBe(501n)
    expect(priceAfterUp(1_000n, new Map(), WETH, USDC)).toBe(1_000n)
  })
  it('behavior: both at once cancel out; a collateral worth nothing has no price, a debt worth nothing none that could be said', () => {
    const both = new Map([
      [WETH, WAD / 3n],
      [USDC, WAD / 3n],
    ])
    expect(priceAfterUp(777n, both, WETH, USDC)).toBe(777n)
    expect(priceAfterUp(777n, new Map([[WETH, 0n]]), WETH, USDC)).toBe(0n)
    expect(priceAfterUp(777n, new Map([[USDC, 0n]]), WETH, USDC)).toBeNull()
  })
})

describe('fallOf', () => {
  it('default', () => {
    expect(fallOf(WETH, 250n)).toEqual({ kind: 'values', factorWad: new Map([[WETH, (975n * WAD) / 1_000n]]) })
    expect([0n, 1n, 10_000n, 20_000n].map(factorOfFallWad)).toEqual([WAD, (9_999n * WAD) / 10_000n, 0n, 0n])
  })
})

describe('debtAtTerms', () => {
  it('default: in any order, as plain arithmetic says; nothing where there are no terms', () => {
    const { unit } = createRandom(20200312, 'debt at terms')
    for (let n = 0; n < 150; n++) {
      const state = randomState(unit, 1 + Math.floor(unit() * 30))
      const first = edgePrice(unit, state)
      const prices = [first, (first * 11n) / 10n + 7n, null, first / 2n + 1n, (first * 3n) / 4n + 1n]
      const query = createPairQuery(bookOf(state))
      const naive = prices.map(price => {
        const under = price === null ? [] : naiveUnderWater(state, price)
        return { debt: under.reduce((sum, i) => sum + state.debts[i]!, 0n), positions: under.length }
      })
      expect(
        debtAtTerms(
          query,
          0,
          prices.map(price => (price === null ? null : termsAt(state, price))),
        ),
      ).toEqual(naive)
    }
  })
})
