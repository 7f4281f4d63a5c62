import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  MAX_SQRT_RATIO,
  MAX_TICK,
  MIN_SQRT_RATIO,
  MIN_TICK,
  sqrtRatioAtTick,
  tickAtSqrtRatio,
} from '../../../src/venues/uniswap-v3/tick-math'

const anyTick = fc.integer({ min: MIN_TICK, max: MAX_TICK })

describe('sqrtRatioAtTick', () => {
  test('default: the values of TickMath’s own tests', () => {
    const known: readonly (readonly [number, bigint])[] = [
      [MIN_TICK, MIN_SQRT_RATIO],
      [MIN_TICK + 1, 4295343490n],
      [0, 1n << 96n],
      [50, 79426470787362580746886972461n],
      [100, 79625275426524748796330556128n],
      [50_000, 965075977353221155028623082916n],
      [MAX_TICK - 1, 1461373636630004318706518188784493106690254656249n],
      [MAX_TICK, MAX_SQRT_RATIO],
    ]
    for (const [tick, ratio] of known) expect(sqrtRatioAtTick(tick)).toBe(ratio)
  })

  test('behavior: rises with the tick by half a basis point', () => {
    fc.assert(
      fc.property(fc.integer({ min: MIN_TICK, max: MAX_TICK - 1 }), tick => {
        const [low, high] = [sqrtRatioAtTick(tick), sqrtRatioAtTick(tick + 1)]
        expect(high).toBeGreaterThan(low)
        expect(Number(high - low) / Number(low)).toBeCloseTo(Math.sqrt(1.0001) - 1, 8)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('error: no ratio outside the range', () => {
    for (const tick of [MIN_TICK - 1, MAX_TICK + 1, Number.NaN]) expect(() => sqrtRatioAtTick(tick)).toThrow(RangeError)
  })
})

describe('tickAtSqrtRatio', () => {
  test('default: the greatest tick whose ratio is not above the price', () => {
    fc.assert(
      fc.property(anyTick, fc.double({ min: 0, max: 1, noNaN: true }), (tick, share) => {
        const low = sqrtRatioAtTick(tick)
        const price = low + (low * BigInt(Math.floor(share * 1e9))) / 20_000_000_000_000n
        fc.pre(price < MAX_SQRT_RATIO)
        const found = tickAtSqrtRatio(price)
        expect(sqrtRatioAtTick(found)).toBeLessThanOrEqual(price)
        expect(sqrtRatioAtTick(found + 1)).toBeGreaterThan(price)
      }),
      { seed: 2, numRuns: 2000 },
    )
  })

  test('behavior: exact at every edge tried, and one unit beside it', () => {
    fc.assert(
      fc.property(fc.integer({ min: MIN_TICK + 1, max: MAX_TICK - 1 }), tick => {
        const edge = sqrtRatioAtTick(tick)
        expect([tickAtSqrtRatio(edge - 1n), tickAtSqrtRatio(edge), tickAtSqrtRatio(edge + 1n)]).toEqual([tick - 1, tick, tick])
      }),
      { seed: 3, numRuns: 2000 },
    )
    expect(tickAtSqrtRatio(MIN_SQRT_RATIO)).toBe(MIN_TICK)
    expect(tickAtSqrtRatio(MAX_SQRT_RATIO - 1n)).toBe(MAX_TICK - 1)
  })

  test('error: no tick outside the range', () => {
    for (const price of [0n, MIN_SQRT_RATIO - 1n, MAX_SQRT_RATIO]) expect(() => tickAtSqrtRatio(price)).toThrow(RangeError)
  })
})
