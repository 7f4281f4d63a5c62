// Rounding, indices and health of Aave v3 by hand-made vectors; the contracts themselves are asked in pool.world.test.ts.
import { describe, expect, it } from '@jest/globals'
import { type ReserveIndices, rulesOfRevision } from '../../../strategies/aave-v3/abi'
import {
  accountHealth,
  collateralBalance,
  debtBalance,
  debtIndexAt,
  debtValue,
  liquidityIndexAt,
  percentDiv,
  percentDivDown,
  percentDivUp,
  percentMul,
  percentMulDown,
  percentMulUp,
  RAY,
  rayDiv,
  rayMul,
  wadDiv,
} from '../../../strategies/aave-v3/math'

const WAD = 10n ** 18n
const ETHER = WAD

describe('rulesOfRevision', () => {
  it('default', () => {
    expect([1n, 3n, 10n, 11n].map(rulesOfRevision)).toEqual(['v3.0', 'v3.0', 'v3.6', 'v3.7'])
  })
  it('behavior: a release that was not checked has no rules', () => {
    expect([0n, 2n, 9n, 12n].map(rulesOfRevision)).toEqual([null, null, null, null])
  })
})

describe('rounding', () => {
  it('default', () => {
    expect([rayMul(1n, RAY / 2n), rayMul(1n, RAY / 2n - 1n), rayDiv(1n, 2n * RAY), rayDiv(1n, 3n * RAY)]).toEqual([
      1n,
      0n,
      1n,
      0n,
    ])
    expect([wadDiv(1n, 3n), wadDiv(2n, 3n)]).toEqual([333333333333333333n, 666666666666666667n])
  })
  it('behavior: percentages go half up, down or up', () => {
    expect([percentMul(1n, 5_000n), percentMulDown(1n, 5_000n), percentMulUp(1n, 1n)]).toEqual([1n, 0n, 1n])
    expect([percentDiv(21n, 10_500n), percentDivDown(22n, 10_500n), percentDivUp(22n, 10_500n)]).toEqual([20n, 20n, 21n])
  })
  it('behavior: balances and values, by version', () => {
    const index = RAY + RAY / 2n
    expect([collateralBalance('v3.0', 1n, index), collateralBalance('v3.6', 1n, index)]).toEqual([2n, 1n])
    expect([debtBalance('v3.0', 1n, RAY + 1n), debtBalance('v3.6', 1n, RAY + 1n)]).toEqual([1n, 2n])
    expect([debtValue('v3.0', 1n, 3n, 2n), debtValue('v3.7', 1n, 3n, 2n)]).toEqual([1n, 2n])
  })
})

describe('indices', () => {
  const reserve: ReserveIndices = {
    liquidityIndexRay: RAY,
    variableBorrowIndexRay: RAY,
    liquidityRateRay: RAY / 10n,
    variableBorrowRateRay: RAY / 10n,
    updatedSec: 1_000n,
  }
  it('default', () => {
    expect(liquidityIndexAt(reserve, 1_000n + 31_536_000n)).toBe(RAY + RAY / 10n)
    // 1 + 0.1 + 0.1^2/2 + 0.1^3/6
    expect(debtIndexAt('v3.6', reserve, 1_000n + 31_536_000n)).toBe(1_105_166_666_666_666_666_666_666_667n)
    const binomial = debtIndexAt('v3.0', reserve, 1_000n + 31_536_000n)
    expect(binomial < debtIndexAt('v3.6', reserve, 1_000n + 31_536_000n)).toBe(true)
    expect(binomial > RAY + (RAY * 10516n) / 100_000n).toBe(true)
  })
  it('behavior: within the block of the last update nothing has accrued', () => {
    expect(liquidityIndexAt(reserve, 1_000n)).toBe(RAY)
    expect(debtIndexAt('v3.0', reserve, 999n)).toBe(RAY)
  })
  it('behavior: one and two seconds have no later terms in the binomial', () => {
    expect(debtIndexAt('v3.0', reserve, 1_001n)).toBe(RAY + RAY / 10n / 31_536_000n)
  })
})

describe('accountHealth', () => {
  const weth = { price: 3_300n * 10n ** 8n, unit: ETHER, liquidationThresholdBps: 8_000n, collateral: 3n * ETHER, debt: 0n }
  const usdc = { price: 10n ** 8n, unit: 10n ** 6n, liquidationThresholdBps: 0n, collateral: 0n, debt: 8_400n * 10n ** 6n }

  it('default', () => {
    const expected = {
      collateralBase: 9_900n * 10n ** 8n,
      debtBase: 8_400n * 10n ** 8n,
      averageThresholdBps: 8_000n,
    }
    expect(accountHealth('v3.0', [weth, usdc])).toEqual({ ...expected, healthFactorWad: 942_857_142_857_142_857n })
    expect(accountHealth('v3.6', [weth, usdc])).toEqual({ ...expected, healthFactorWad: 942_857_142_857_142_857n })
  })
  it('behavior: v3.0 cuts the average threshold to whole basis points, v3.6 does not', () => {
    const wbtc = { price: 10n ** 8n, unit: 1n, liquidationThresholdBps: 7_501n, collateral: 10_000n, debt: 0n }
    const dai = { price: 10n ** 8n, unit: 1n, liquidationThresholdBps: 7_500n, collateral: 10_000n, debt: 15_000n }
    expect(accountHealth('v3.0', [wbtc, dai]).healthFactorWad).toBe(WAD)
    expect(accountHealth('v3.6', [wbtc, dai]).healthFactorWad).toBe(1_000_066_666_666_666_666n)
  })
  it('behavior: collateral without a threshold counts in v3.6 only', () => {
    const idle = { price: 10n ** 8n, unit: 1n, liquidationThresholdBps: 0n, collateral: 7n, debt: 0n }
    expect(accountHealth('v3.0', [idle, usdc]).collateralBase).toBe(0n)
    expect(accountHealth('v3.6', [idle, usdc]).collateralBase).toBe(7n * 10n ** 8n)
    expect(accountHealth('v3.6', [idle, usdc]).healthFactorWad).toBe(0n)
  })
  it('behavior: no debt, no health factor', () => {
    expect(accountHealth('v3.7', [weth]).healthFactorWad).toBeNull()
    expect(accountHealth('v3.7', [])).toEqual({
      collateralBase: 0n,
      debtBase: 0n,
      averageThresholdBps: 0n,
      healthFactorWad: null,
    })
  })
})
