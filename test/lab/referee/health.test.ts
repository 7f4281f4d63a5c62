import { describe, expect, test } from '@jest/globals'
import { candidateRoutes, pathsBetween } from '../../../src/lab/referee/candidate-routes'
import { closeOf, healthRatio, incentiveFactor, isUnhealthy, unpayableDebt } from '../../../src/lab/referee/health'

const WAD = 10n ** 18n
const LLTV = (86n * WAD) / 100n
const PRICE = 200n * 10n ** 24n
/** 1 whole collateral (18 decimals) against a debt in a 6-decimals token. */
const owing = (debtAssets: bigint) => ({
  account: '0x01' as const,
  collateralAssets: WAD,
  borrowShares: debtAssets * 10n ** 6n,
  debtAssets,
})

describe('health', () => {
  test('default', () => {
    expect(isUnhealthy(owing(172_000_000n), PRICE, LLTV)).toBe(false)
    expect(isUnhealthy(owing(172_000_001n), PRICE, LLTV)).toBe(true)
    expect(healthRatio(owing(86_000_000n), PRICE, LLTV)).toBeCloseTo(2, 12)
    expect(healthRatio(owing(0n), PRICE, LLTV)).toBe(Number.POSITIVE_INFINITY)
    expect(isUnhealthy(owing(0n), 0n, LLTV)).toBe(false)
  })

  test('behavior: the incentive grows as the LLTV falls, up to 15 %', () => {
    expect(Number(incentiveFactor((945n * WAD) / 1000n)) / 1e18).toBeCloseTo(1 / (1 - 0.3 * 0.055), 12)
    expect(Number(incentiveFactor((625n * WAD) / 1000n)) / 1e18).toBeCloseTo(1 / (1 - 0.3 * 0.375), 12)
    expect(incentiveFactor(0n)).toBe((115n * WAD) / 100n)
  })

  test('behavior: closes by shares while collateral covers the seizure, by collateral beyond', () => {
    expect(unpayableDebt(owing(180_000_000n), PRICE, LLTV)).toBe(0n)
    expect(closeOf(owing(180_000_000n), PRICE, LLTV, [1n, 1n])).toEqual({ seizedAssets: 0n, repaidShares: 180n * 10n ** 12n })
    expect(unpayableDebt(owing(199_000_000n), PRICE, LLTV)).toBeGreaterThan(0n)
    expect(closeOf(owing(199_000_000n), PRICE, LLTV, [1n, 4n])).toEqual({ seizedAssets: WAD / 4n, repaidShares: 0n })
  })
})

const [A, B, C] = [1, 2, 3].map(digit => `0x${String(digit).repeat(40)}` as const) as [
  `0x${string}`,
  `0x${string}`,
  `0x${string}`,
]
const pool = (token0: `0x${string}`, token1: `0x${string}`, fee: number) => ({
  token0: { address: token0 },
  token1: { address: token1 },
  fee,
})
const hex = (...parts: readonly string[]): string => `0x${parts.map(part => part.replace('0x', '')).join('')}`

describe('candidateRoutes', () => {
  const pools = [pool(A, B, 500), pool(A, B, 3_000), pool(B, C, 100), pool(A, C, 10_000)]

  test('default', () => {
    expect(pathsBetween(pools, A, B)).toEqual([hex(A, '0001f4', B), hex(A, '000bb8', B), hex(A, '002710', C, '000064', B)])
    expect(pathsBetween(pools, A, A)).toEqual(['0x'])
    expect(pathsBetween([], A, B)).toEqual([])
  })

  test('behavior: collateral that is wrapped native is not sold; debt in it is not bought', () => {
    expect(candidateRoutes(pools, A, B, A).every(route => route.sell === '0x' && route.buy !== '0x')).toBe(true)
    expect(candidateRoutes(pools, B, A, A).every(route => route.buy === '0x' && route.sell !== '0x')).toBe(true)
  })

  test('behavior: a pool that joins both is tried too, buying first', () => {
    const routes = candidateRoutes(pools, A, B, C)
    expect(routes.filter(route => route.isBuyFirst).map(route => route.buy)).toEqual([hex(B, '0001f4', A), hex(B, '000bb8', A)])
    expect(routes.filter(route => !route.isBuyFirst).length).toBeGreaterThan(0)
  })
})
