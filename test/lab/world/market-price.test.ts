import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  amountForUsd,
  bandX96,
  isqrt,
  nearTick,
  oraclePrice,
  priceOf,
  sqrtPriceX96,
  toWad,
  usdOf,
} from '../../../src/lab/world/market-price'

const Q96 = 2 ** 96

describe('market prices', () => {
  test('default', () => {
    const weth = { decimals: 18, priceWad: toWad(200) }
    const usdc = { decimals: 6, priceWad: toWad(1) }
    expect((Number(sqrtPriceX96(weth, usdc)) / Q96) ** 2).toBeCloseTo(200e-12, 20)
    expect((Number(sqrtPriceX96(usdc, weth)) / Q96) ** 2 / (1e12 / 200)).toBeCloseTo(1, 9)
    expect(oraclePrice(weth, usdc)).toBe(200n * 10n ** 24n)
    expect(amountForUsd(toWad(50), weth.priceWad, 18)).toBe(10n ** 18n / 4n)
    expect(usdOf(10n ** 8n, toWad(7_900), 8)).toBe(toWad(7_900))
  })

  test('behavior: isqrt is the floor of the root for any size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 400n }), n => {
        const root = isqrt(n)
        return root * root <= n && (root + 1n) * (root + 1n) > n
      }),
      { seed: 7, numRuns: 300 },
    )
  })

  test('behavior: the band is one fee wide on either side', () => {
    const { lowest, highest } = bandX96(10n ** 30n, 3_000)
    expect((Number(lowest) / 1e30) ** 2).toBeCloseTo(0.997, 9)
    expect((Number(highest) / 1e30) ** 2).toBeCloseTo(1 / 0.997, 9)
  })

  test('behavior: ticks fall on the spacing', () => {
    expect(nearTick(1, 60)).toBe(0)
    expect(nearTick(1.0001 ** 1_234, 60) % 60).toBe(0)
  })

  test('error: a token whose asset has no price', () => {
    expect(() => priceOf({}, { asset: 'ETH', symbol: 'WETH' })).toThrow('no price of WETH')
    expect(priceOf({}, { asset: null, symbol: 'USDC' })).toBe(10n ** 18n)
  })
})
