// Closes against the pure contract model: exact now, and valid at any moment up to the horizon.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { wordAt } from '../../../src/core/abi-words'
import type { Address, Hex } from '../../../src/core/primitives'
import type { Step } from '../../../src/core/program'
import {
  accrue,
  adaptiveRate,
  isHealthy,
  type LiquidationTerms,
  liquidate,
  liquidationIncentiveWad,
  PRICE_SCALE,
  type Totals,
  toAssetsUp,
} from '../../../strategies/morpho-blue/math'
import { badDebtAfter, type Closing, createClose } from '../../../strategies/morpho-blue/opportunities'

const WAD = 10n ** 18n
const HORIZON_SEC = 120n
const address = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const morpho = address(7)

interface Case {
  readonly totals: Totals
  readonly rateAtTarget: bigint
  readonly lltvWad: bigint
  readonly price: bigint
  readonly borrowShares: bigint
  readonly collateral: bigint
}

const totalsAt = ({ totals, rateAtTarget }: Case, elapsedSec: bigint): Totals =>
  accrue(totals, adaptiveRate(totals, rateAtTarget, elapsedSec).averageRateWad, elapsedSec) ?? totals

const termsAt = (each: Case, elapsedSec: bigint): LiquidationTerms => {
  const { borrowAssets, borrowShares } = totalsAt(each, elapsedSec)
  return { borrowAssets, borrowShares, price: each.price, incentiveWad: liquidationIncentiveWad(each.lltvWad) }
}

const closingOf = (each: Case): Closing => ({
  morpho,
  params: { loanToken: address(1), collateralToken: address(2), oracle: address(3), irm: address(4), lltvWad: each.lltvWad },
  borrower: address(9),
  borrowShares: each.borrowShares,
  collateral: each.collateral,
  terms: termsAt(each, 12n),
  laterTerms: termsAt(each, 12n + HORIZON_SEC),
})

const amount = (maxBits: number): fc.Arbitrary<bigint> =>
  fc.integer({ min: 0, max: maxBits }).chain(bits => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }))

/**
 * Under-water positions of every size, many of them within the interest of a few slots of the point where debt plus incentive equals the
 * collateral: `ppb` is the distance from it in billionths.
 */
const underWater = fc
  .record({
    debt: amount(100),
    others: amount(100),
    sharePriceBps: fc.bigInt({ min: 9_999n, max: 30_000n }),
    utilizationBps: fc.bigInt({ min: 100n, max: 10_000n }),
    rateAtTarget: fc.bigInt({ min: 31_709_791n, max: 63_419_583_967n }),
    lltvWad: fc.constantFrom(625n, 770n, 860n, 915n, 945n, 980n).map(thousandths => thousandths * 10n ** 15n),
    collateral: amount(90),
    ppb: fc.oneof(fc.bigInt({ min: -3_000n, max: 3_000n }), fc.bigInt({ min: -200_000_000n, max: 900_000_000n })),
  })
  .map(({ debt, others, sharePriceBps, utilizationBps, collateral, ppb, ...rest }): Case => {
    const borrowAssets = debt + others + 1n
    const borrowShares = (borrowAssets * 10n ** 10n) / sharePriceBps
    const supplyAssets = (borrowAssets * 10_000n) / utilizationBps
    const totals = { borrowAssets, borrowShares, supplyAssets, supplyShares: supplyAssets * 1_000_000n, feeWad: 0n }
    const shares = (borrowShares * (debt + 1n)) / borrowAssets || 1n
    const held = collateral + 1n
    const even =
      (toAssetsUp(shares, borrowAssets, borrowShares) * liquidationIncentiveWad(rest.lltvWad) * PRICE_SCALE) / (WAD * held)
    return {
      ...rest,
      totals,
      borrowShares: shares,
      collateral: held,
      price: (even * (1_000_000_000n - ppb)) / 1_000_000_000n + 1n,
    }
  })
  .filter(each => !isHealthy(each.borrowShares, each.collateral, totalsAt(each, 12n), each.price, each.lltvWad))

const callOf = (steps: readonly Step[]): Extract<Step, { kind: 'call' }> => {
  const call = steps.find(step => step.kind === 'call')
  if (call === undefined) throw new Error('no call')
  return call
}

/** What `liquidate` is asked: words 6 and 7 after the selector. */
const askOf = (steps: readonly Step[]): { readonly seizedAssets: bigint; readonly repaidShares: bigint } => {
  const words: Hex = `0x${callOf(steps).data.slice(10)}`
  return { seizedAssets: wordAt(words, 6), repaidShares: wordAt(words, 7) }
}

const options = { seed: 20200312, numRuns: 1_000 }

describe('createClose', () => {
  it('behavior: valid from the target to the horizon, at full size and at any part', () => {
    fc.assert(
      fc.property(
        underWater,
        fc.bigInt({ min: 1n, max: 10_000n }),
        fc.bigInt({ min: 0n, max: HORIZON_SEC }),
        (each, partBps, delaySec) => {
          const close = createClose(closingOf(each))
          if (close === null) return
          for (const pay of [close.maxPay, (close.maxPay * partBps) / 10_000n, close.minPay]) {
            if (pay < close.minPay) continue
            const ask = askOf(close.encode(pay, []))
            for (const elapsed of [12n, 12n + delaySec, 12n + HORIZON_SEC])
              expect(liquidate(each, termsAt(each, elapsed), ask)).not.toBeNull()
          }
        },
      ),
      options,
    )
  })
  it('behavior: amounts are what the contract takes and gives at the target', () => {
    fc.assert(
      fc.property(underWater, fc.bigInt({ min: 1n, max: 10_000n }), (each, partBps) => {
        const close = createClose(closingOf(each))
        if (close === null) return
        for (const pay of [close.maxPay, (close.maxPay * partBps) / 10_000n, close.minPay, close.maxPay + 5n]) {
          if (pay < close.minPay) continue
          const { paid, received, needed } = close.amountsFor(pay)
          expect(needed).toBe(paid)
          const real = liquidate(each, termsAt(each, 12n), askOf(close.encode(pay, [])))
          expect({ paid, received }).toEqual({ paid: real?.repaidAssets, received: real?.seizedAssets })
          expect(paid <= pay).toBe(true)
        }
        expect(close.amountsFor(close.maxPay).paid).toBe(close.maxPay)
      }),
      options,
    )
  })
  it('behavior: what is asked for at most can not be exceeded by one unit', () => {
    fc.assert(
      fc.property(underWater, each => {
        const closing = closingOf(each)
        const close = createClose(closing)
        if (close === null) return
        const { seizedAssets, repaidShares } = askOf(close.encode(close.maxPay, []))
        // A unit of collateral is worth more than the debt, and interest will seize one more: as many shares as never do that.
        if (seizedAssets === 0n && repaidShares < each.borrowShares) return
        const more =
          seizedAssets > 0n
            ? { seizedAssets: seizedAssets + 1n, repaidShares: 0n }
            : { seizedAssets: 0n, repaidShares: repaidShares + 1n }
        expect(liquidate(each, closing.terms, more)).toBeNull()
      }),
      options,
    )
  })
  it('behavior: all debt or all collateral goes, but for what the interest up to the horizon is worth', () => {
    fc.assert(
      fc.property(underWater, each => {
        const closing = closingOf(each)
        const close = createClose(closing)
        if (close === null) return
        const { seizedAssets, repaidShares } = askOf(close.encode(close.maxPay, []))
        const isBoundary = liquidate(each, closing.terms, { seizedAssets: 0n, repaidShares: each.borrowShares }) !== null
        if (!isBoundary) expect(seizedAssets).toBe(each.collateral)
        else if (repaidShares === each.borrowShares) expect(seizedAssets).toBe(0n)
        else expect(liquidate(each, closing.laterTerms, { seizedAssets: 0n, repaidShares: each.borrowShares })).toBeNull()
        const real = liquidate(each, closing.terms, { seizedAssets, repaidShares })
        expect(badDebtAfter(closing)).toBe(real?.badDebtAssets)
      }),
      options,
    )
  })
  it('default: the call, its callback and the exact allowance', () => {
    const each: Case = {
      totals: {
        borrowAssets: 1_000_000n,
        borrowShares: 1_000_000_000_000n,
        supplyAssets: 2_000_000n,
        supplyShares: 2_000_000_000_000n,
        feeWad: 0n,
      },
      rateAtTarget: 1_268_391_679n,
      lltvWad: 860_000_000_000_000_000n,
      price: PRICE_SCALE,
      borrowShares: 100_000_000_000n,
      collateral: 110_000n,
    }
    const close = createClose(closingOf(each))
    const inside: Step = { kind: 'pay', token: address(2), to: address(8), amount: { kind: 'gained', token: address(2) } }
    const call = callOf(close!.encode(close!.maxPay, [inside]))
    expect(close).toMatchObject({ payToken: address(1), receiveToken: address(2), minPay: 1n, maxPay: 100_000n, paidWord: 0 })
    expect(close!.amountsFor(100_000n)).toEqual({ paid: 100_000n, received: 104_384n, needed: 100_000n })
    expect(call.to).toBe(morpho)
    expect(call.callback).toEqual({
      from: morpho,
      dataWord: 8,
      program: [inside, { kind: 'approve', token: address(1), spender: morpho, amount: { kind: 'argument', word: 0 } }],
    })
  })
})
