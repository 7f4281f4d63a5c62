// Morpho's maths against the official SDK, and the facts that closes rely on.
import { describe, expect, it } from '@jest/globals'
import { MarketUtils, SharesMath } from '@morpho-org/blue-sdk'
import { MathLib } from '@morpho-org/morpho-ts'
import fc from 'fast-check'
import { MAX_UINT128 } from '../../../src/core/fixed-point'
import {
  accrue,
  isHealthy,
  type LiquidationTerms,
  liquidate,
  liquidationIncentiveWad,
  maxBorrowAssets,
  overflowsValue,
  PRICE_SCALE,
  repaidForShares,
  seizedForShares,
  sharesForSeized,
  toAssetsDown,
  toAssetsUp,
  toSharesDown,
  toSharesUp,
  wTaylorCompounded,
} from '../../../strategies/morpho-blue/math'

const WAD = 10n ** 18n
const check = (property: fc.IProperty<unknown>, numRuns = 400): void => fc.assert(property, { seed: 20200313, numRuns })
const run = <T>(arbitrary: fc.Arbitrary<T>, body: (value: T) => void): void =>
  check(fc.property(arbitrary, value => body(value)) as fc.IProperty<unknown>)

/** Amounts of all magnitudes: dust matters. */
const amount = (maxBits: number): fc.Arbitrary<bigint> =>
  fc.integer({ min: 0, max: maxBits }).chain(bits => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }))

const totals = fc
  .record({
    borrowAssets: amount(100),
    extra: amount(100),
    sharePriceBps: fc.bigInt({ min: 9_000n, max: 30_000n }),
    feeWad: fc.bigInt({ min: 0n, max: WAD / 4n }),
  })
  .map(({ borrowAssets, extra, sharePriceBps, feeWad }) => ({
    borrowAssets,
    borrowShares: (borrowAssets * 1_000_000n * 10_000n) / sharePriceBps,
    supplyAssets: borrowAssets + extra,
    supplyShares: ((borrowAssets + extra) * 1_000_000n * 10_000n) / sharePriceBps,
    feeWad,
  }))

/** A market with one position of it that owes and holds something, at a price around the liquidation point. */
const position = fc
  .record({
    totals,
    share: fc.bigInt({ min: 1n, max: 10_000n }),
    collateral: amount(90),
    nearness: fc.bigInt({ min: 1n, max: 30_000n }),
    lltvWad: fc.constantFrom(625n, 770n, 860n, 915n, 945n, 980n),
  })
  .map(({ totals, share, collateral, nearness, lltvWad }) => {
    const borrowShares = (totals.borrowShares * share) / 10_000n + 1n
    const held = collateral + 1n
    const debt = toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares)
    const price = (debt * PRICE_SCALE * nearness) / (10_000n * held) + 1n
    return {
      totals: { ...totals, borrowShares: totals.borrowShares + 1n },
      borrowShares,
      collateral: held,
      price,
      lltvWad: lltvWad * 10n ** 15n,
    }
  })

type Case = typeof position extends fc.Arbitrary<infer T> ? T : never
const termsOf = ({ totals, price, lltvWad }: Case): LiquidationTerms => ({
  borrowAssets: totals.borrowAssets,
  borrowShares: totals.borrowShares,
  price,
  incentiveWad: liquidationIncentiveWad(lltvWad),
})
const sdkMarket = ({ totals, price }: Case) => ({
  totalBorrowAssets: totals.borrowAssets,
  totalBorrowShares: totals.borrowShares,
  price,
})

describe('shares', () => {
  it('default: as the SDK converts, in all four directions', () => {
    run(fc.tuple(amount(120), totals), ([value, { borrowAssets, borrowShares }]) => {
      expect(toAssetsUp(value, borrowAssets, borrowShares)).toBe(SharesMath.toAssets(value, borrowAssets, borrowShares, 'Up'))
      expect(toAssetsDown(value, borrowAssets, borrowShares)).toBe(SharesMath.toAssets(value, borrowAssets, borrowShares, 'Down'))
      expect(toSharesUp(value, borrowAssets, borrowShares)).toBe(SharesMath.toShares(value, borrowAssets, borrowShares, 'Up'))
      expect(toSharesDown(value, borrowAssets, borrowShares)).toBe(SharesMath.toShares(value, borrowAssets, borrowShares, 'Down'))
    })
  })
})

describe('wTaylorCompounded', () => {
  it('default: as the SDK compounds', () => {
    run(fc.tuple(amount(40), amount(32)), ([rate, elapsed]) => {
      expect(wTaylorCompounded(rate, elapsed)).toBe(MathLib.wTaylorCompounded(rate, elapsed))
    })
  })
})

describe('accrue', () => {
  it('default: interest and fee shares as the SDK has them', () => {
    run(fc.tuple(totals, amount(36), amount(28)), ([before, rate, elapsed]) => {
      const after = accrue(before, rate, elapsed)
      const { interest, feeShares } = MarketUtils.getAccruedInterest(
        rate,
        {
          totalSupplyAssets: before.supplyAssets,
          totalSupplyShares: before.supplyShares,
          totalBorrowAssets: before.borrowAssets,
          fee: before.feeWad,
        },
        elapsed,
      )
      if (before.borrowAssets + interest > MAX_UINT128 || before.supplyAssets + interest > MAX_UINT128)
        return expect(after).toBeNull()
      expect(after).toEqual({
        ...before,
        borrowAssets: before.borrowAssets + interest,
        supplyAssets: before.supplyAssets + interest,
        supplyShares: before.supplyShares + feeShares,
      })
    })
  })
  it('behavior: nothing happens without time or rate', () => {
    const before = { borrowAssets: 5n, borrowShares: 5n, supplyAssets: 9n, supplyShares: 9n, feeWad: 1n }
    expect(accrue(before, 7n, 0n)).toBe(before)
    expect(accrue(before, 0n, 7n)).toBe(before)
  })
  it('behavior: null where the contract overflows 128 bits', () => {
    const before = { borrowAssets: 5n, borrowShares: 5n, supplyAssets: 9n, supplyShares: 9n, feeWad: 0n }
    expect(accrue(before, 1n << 200n, 1n)).toBeNull()
  })
})

describe('liquidationIncentiveWad', () => {
  it('default: as the SDK has it, capped at 15 %', () => {
    run(fc.bigInt({ min: 0n, max: WAD - 1n }), lltv => {
      expect(liquidationIncentiveWad(lltv)).toBe(MarketUtils.getLiquidationIncentiveFactor({ lltv }))
    })
    expect(liquidationIncentiveWad(0n)).toBe(1_150_000_000_000_000_000n)
  })
})

describe('isHealthy', () => {
  it('default: as the SDK judges', () => {
    run(position, each => {
      const { totals, borrowShares, collateral, price, lltvWad } = each
      expect(isHealthy(borrowShares, collateral, totals, price, lltvWad)).toBe(
        MarketUtils.isHealthy({ borrowShares, collateral }, sdkMarket(each), { lltv: lltvWad }),
      )
    })
  })
  it('behavior: overflow of the contract is told apart', () => {
    expect(overflowsValue(2n, 1n << 255n)).toBe(true)
    expect(overflowsValue(1n, 1n << 255n)).toBe(false)
    expect(maxBorrowAssets(3n, PRICE_SCALE, WAD / 2n)).toBe(1n)
  })
})

describe('liquidation amounts', () => {
  it('default: as the SDK has them', () => {
    run(fc.tuple(position, amount(100)), ([each, value]) => {
      expect(seizedForShares(value, termsOf(each))).toBe(
        MarketUtils.getLiquidationSeizedAssets(value, sdkMarket(each), { lltv: each.lltvWad }),
      )
      expect(sharesForSeized(value, termsOf(each))).toBe(
        MarketUtils.getLiquidationRepaidShares(value, sdkMarket(each), { lltv: each.lltvWad }),
      )
      expect(repaidForShares(value, termsOf(each))).toBe(MarketUtils.toBorrowAssets(value, sdkMarket(each)))
    })
  })
  it('behavior: a seizure fits the shares exactly up to what these shares seize', () => {
    run(fc.tuple(position, amount(100)), ([each, shares]) => {
      const terms = termsOf(each)
      const most = seizedForShares(shares, terms)
      expect(sharesForSeized(most, terms) <= shares).toBe(true)
      expect(sharesForSeized(most + 1n, terms) > shares).toBe(true)
    })
  })
})

describe('liquidate', () => {
  const terms: LiquidationTerms = {
    borrowAssets: 1_000_000n,
    borrowShares: 1_000_000_000_000n,
    price: PRICE_SCALE,
    incentiveWad: (11n * WAD) / 10n,
  }
  it('default: by shares', () => {
    const position = { borrowShares: 100_000_000_000n, collateral: 200_000n }
    expect(liquidate(position, terms, { seizedAssets: 0n, repaidShares: 100_000_000_000n })).toEqual({
      repaidAssets: 100_000n,
      repaidShares: 100_000_000_000n,
      seizedAssets: 110_000n,
      badDebtAssets: 0n,
      badDebtShares: 0n,
    })
  })
  it('behavior: seizing all collateral writes the rest off', () => {
    const position = { borrowShares: 100_000_000_000n, collateral: 55_000n }
    expect(liquidate(position, terms, { seizedAssets: 55_000n, repaidShares: 0n })).toEqual({
      repaidAssets: 50_000n,
      repaidShares: 50_000_000_000n,
      seizedAssets: 55_000n,
      badDebtAssets: 50_000n,
      badDebtShares: 50_000_000_000n,
    })
  })
  it('error: null where the contract reverts', () => {
    const position = { borrowShares: 100_000_000_000n, collateral: 55_000n }
    expect(liquidate(position, terms, { seizedAssets: 0n, repaidShares: 100_000_000_000n })).toBeNull()
    expect(liquidate(position, terms, { seizedAssets: 55_001n, repaidShares: 0n })).toBeNull()
    expect(liquidate(position, terms, { seizedAssets: 0n, repaidShares: 0n })).toBeNull()
    expect(liquidate(position, terms, { seizedAssets: 1n, repaidShares: 1n })).toBeNull()
    expect(liquidate({ borrowShares: 100n, collateral: 55_000n }, terms, { seizedAssets: 0n, repaidShares: 101n })).toBeNull()
  })
})
