import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Address } from '../../../src/core/primitives'
import { createPool, poolKey } from '../../../src/venues/uniswap-v3/pool'
import { sqrtRatioAtTick } from '../../../src/venues/uniswap-v3/tick-math'
import { fullRange, type TickTable, withTickChange } from '../../../src/venues/uniswap-v3/tick-table'

const [TOKEN_0, TOKEN_1, OTHER] = ['1', '2', '3'].map(digit => `0x${digit.repeat(40)}`) as [Address, Address, Address]
const SPACING = 60

const key = poolKey({ address: OTHER, token0: TOKEN_0, token1: TOKEN_1, feePips: 3000n, tickSpacing: SPACING })

interface Range {
  readonly lower: number
  readonly width: number
  readonly liquidity: bigint
}

const poolOf = (ranges: readonly Range[], tick: number, words = fullRange(SPACING)) => {
  let table: TickTable = { tickSpacing: SPACING, words, entries: [] }
  let liquidity = 0n
  for (const range of ranges) {
    const [lower, upper] = [range.lower * SPACING, (range.lower + range.width) * SPACING]
    table = withTickChange(table, lower, range.liquidity, range.liquidity)
    table = withTickChange(table, upper, range.liquidity, -range.liquidity)
    if (lower <= tick && tick < upper) liquidity += range.liquidity
  }
  return createPool(key, { sqrtPriceX96: sqrtRatioAtTick(tick), tick, liquidity, table })
}

const ranges = fc.array(
  fc.record({
    lower: fc.integer({ min: -300, max: 299 }),
    width: fc.integer({ min: 1, max: 300 }),
    liquidity: fc.bigInt(1n, 10n ** 24n),
  }),
  { minLength: 1, maxLength: 8 },
)

describe('createPool', () => {
  test('default: quotes a fee and a price impact on one range', () => {
    const pool = poolOf([{ lower: -100, width: 200, liquidity: 10n ** 21n }], 0)
    const quote = pool.quoteExactIn(TOKEN_0, TOKEN_1, 10n ** 18n)!
    // x(1-f)L / (L + x(1-f)) at price 1, rounded down.
    expect(quote.amountOut).toBe((997n * 10n ** 15n * 10n ** 21n) / (10n ** 21n + 997n * 10n ** 15n))
    expect(quote.amountIn).toBe(10n ** 18n)
    expect(pool.quoteExactIn(TOKEN_0, TOKEN_1, 10n ** 18n)!.after).not.toBe(pool)
  })

  test('behavior: null for other tokens, no amount, and more than the liquidity fills', () => {
    const pool = poolOf([{ lower: -10, width: 20, liquidity: 10n ** 18n }], 0)
    expect(pool.quoteExactIn(TOKEN_0, OTHER, 1n)).toBeNull()
    expect(pool.quoteExactIn(OTHER, TOKEN_0, 1n)).toBeNull()
    expect(pool.quoteExactIn(TOKEN_0, TOKEN_0, 1n)).toBeNull()
    expect(pool.quoteExactIn(TOKEN_0, TOKEN_1, 0n)).toBeNull()
    expect(pool.quoteExactIn(TOKEN_0, TOKEN_1, 1n << 255n)).toBeNull()
    expect(pool.quoteExactIn(TOKEN_0, TOKEN_1, 10n ** 18n)).toBeNull()
    expect(pool.quoteExactOut(TOKEN_0, TOKEN_1, 10n ** 18n)).toBeNull()
  })

  test('behavior: null where the price would leave the words that were read', () => {
    const wide = [{ lower: -2000, width: 4000, liquidity: 10n ** 18n }]
    const amount = 10n ** 19n
    expect(poolOf(wide, 0).quoteExactIn(TOKEN_0, TOKEN_1, amount)).not.toBeNull()
    expect(poolOf(wide, 0, { low: -1, high: 1 }).quoteExactIn(TOKEN_0, TOKEN_1, amount)).toBeNull()
    expect(poolOf(wide, 0, { low: -1, high: 1 }).quoteExactIn(TOKEN_0, TOKEN_1, 10n ** 16n)).not.toBeNull()
  })

  test('behavior: asking again, in any order, gives the same answers (the steps kept are only a memo)', () => {
    fc.assert(
      fc.property(
        ranges,
        fc.array(fc.bigInt(1n, 10n ** 24n), { minLength: 2, maxLength: 6 }),
        fc.boolean(),
        (list, amounts, down) => {
          const [from, to] = down ? ([TOKEN_0, TOKEN_1] as const) : ([TOKEN_1, TOKEN_0] as const)
          const shared = poolOf(list, 30)
          const ask = (amount: bigint, pool = shared) => {
            const [exactIn, exactOut] = [pool.quoteExactIn(from, to, amount), pool.quoteExactOut(from, to, amount)]
            return [exactIn?.amountOut, exactOut?.amountIn, exactIn?.gas]
          }
          const first = amounts.map(amount => ask(amount))
          expect([...amounts].reverse().map(amount => ask(amount))).toEqual([...first].reverse())
          expect(amounts.map(amount => ask(amount, poolOf(list, 30)))).toEqual(first)
        },
      ),
      { seed: 4, numRuns: 200 },
    )
  })

  test('behavior: rounding is always for the pool: no round trip gains, and buying back the output costs no more than was paid', () => {
    fc.assert(
      fc.property(ranges, fc.bigInt(1n, 10n ** 24n), fc.boolean(), (list, amount, down) => {
        const [from, to] = down ? ([TOKEN_0, TOKEN_1] as const) : ([TOKEN_1, TOKEN_0] as const)
        const pool = poolOf(list, 30)
        const quote = pool.quoteExactIn(from, to, amount)
        fc.pre(quote !== null && quote.amountOut > 0n)
        expect(pool.quoteExactOut(from, to, quote!.amountOut)!.amountIn).toBeLessThanOrEqual(amount)
        const back = quote!.after.quoteExactIn(to, from, quote!.amountOut)
        if (back !== null) expect(back.amountOut).toBeLessThan(amount)
      }),
      { seed: 5, numRuns: 300 },
    )
  })
})
