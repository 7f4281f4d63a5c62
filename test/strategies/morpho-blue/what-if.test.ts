// Prices that are not on chain, to the unit: what the conformance suite can only bound, against the contract's arithmetic over all positions.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Address } from '../../../src/core/primitives'
import type { Book } from '../../../src/core/strategy'
import type { MarketParams } from '../../../strategies/morpho-blue/abi'
import { isHealthy, PRICE_SCALE, type Totals, toAssetsUp } from '../../../strategies/morpho-blue/math'
import { configSchema, morphoBlue } from '../../../strategies/morpho-blue/strategy'
import { EVERYTHING, targetAfter } from '../conformance-world'
import { addressOf, blockAt, events, idOf, MORPHO, paramsOf, word } from './history'

/** Without interest, what is judged depends on price alone. */
const PARAMS: MarketParams = { ...paramsOf(0), irm: `0x${'0'.repeat(40)}` }
const BLOCK = blockAt(100n)
const TARGET = targetAfter(BLOCK)

interface Loan {
  readonly shares: bigint
  readonly collateral: bigint
}

const openBook = (loans: readonly Loan[], assets: bigint, price: bigint): { readonly book: Book; readonly totals: Totals } => {
  const book = morphoBlue.createBook(configSchema.parse({ address: MORPHO }), EVERYTHING)
  const on = events(BLOCK, idOf(0))
  book.beginBlock?.(BLOCK)
  book.fold(on.create(PARAMS))
  loans.forEach(({ shares, collateral }, i) => {
    book.fold(on.deposit(addressOf(600 + i), collateral))
    book.fold(on.borrow(addressOf(600 + i), i === 0 ? assets : 0n, shares))
  })
  book.acceptReads(
    BLOCK,
    book.blockReads().map(() => ({ kind: 'ok', data: `0x${word(price)}` })),
  )
  const borrowShares = loans.reduce((sum, { shares }) => sum + shares, 0n)
  return { book, totals: { borrowAssets: assets, borrowShares, supplyAssets: 0n, supplyShares: 0n, feeWad: 0n } }
}

const amount = fc.integer({ min: 0, max: 70 }).chain(bits => fc.bigInt({ min: 1n, max: 1n << BigInt(bits) }))
const loans = fc.array(fc.record({ shares: amount, collateral: amount }), { minLength: 1, maxLength: 40 })
const FALLS = [0n, 1n, 37n, 500n, 2_500n, 9_999n, 10_000n]

describe('debtAtRisk', () => {
  const check = (token: Address, priceAt: (price: bigint, fall: bigint) => bigint | null): void => {
    let turned = 0
    fc.assert(
      fc.property(loans, amount, fc.nat(39), fc.bigInt({ min: 1n, max: 20_000n }), (all, assets, which, scale) => {
        const { shares, collateral } = all[which % all.length]!
        const sum = all.reduce((total, each) => total + each.shares, 0n)
        const price = (((toAssetsUp(shares, assets, sum) * PRICE_SCALE) / collateral) * scale) / 10_000n + 1n
        const { book, totals } = openBook(all, assets, price)
        const naive = FALLS.map(fall => {
          const then = priceAt(price, fall)
          if (then === null) return { debt: 0n, positions: 0 }
          const under = all.filter(each => !isHealthy(each.shares, each.collateral, totals, then, PARAMS.lltvWad))
          const owed = under.reduce((total, each) => total + each.shares, 0n)
          return { debt: toAssetsUp(owed, totals.borrowAssets, totals.borrowShares), positions: under.length }
        })
        turned += naive.reduce((total, { positions }) => total + positions, 0)
        expect(book.debtAtRisk(TARGET, token, FALLS)).toEqual([
          {
            market: idOf(0),
            debtToken: PARAMS.loanToken,
            debtAssets: naive.map(({ debt }) => debt),
            positions: naive.map(({ positions }) => positions),
          },
        ])
      }),
      { seed: 20200312, numRuns: 150 },
    )
    expect(turned).toBeGreaterThan(1_000)
  }

  it('default: a fall of the collateral, dust and odd share prices included', () =>
    check(PARAMS.collateralToken, (price, fall) => (fall === 10_000n ? null : (price * (10_000n - fall) + 9_999n) / 10_000n)))
  it('behavior: a fall of the loan token heals', () =>
    check(PARAMS.loanToken, (price, fall) => (fall === 10_000n ? null : (price * 10_000n + (9_999n - fall)) / (10_000n - fall))))
  it('behavior: another token is no matter of this market', () => {
    const { book } = openBook([{ shares: 10n ** 12n, collateral: 1_000n }], 1_000_000n, PRICE_SCALE)
    expect(book.debtAtRisk(TARGET, addressOf(9), FALLS)).toEqual([])
  })
})

describe('opportunities at other prices', () => {
  it('default: faults and later questions are as if nothing had been asked', () => {
    const { book } = openBook([{ shares: 10n ** 12n, collateral: 1_300_000n }], 1_000_000n, PRICE_SCALE)
    expect(book.opportunities(TARGET)).toEqual([])
    const crash = { kind: 'values', factorWad: new Map([[PARAMS.collateralToken, 5n * 10n ** 17n]]) } as const
    const [hit] = book.opportunities(TARGET, crash)
    // All 1,300,000 units are worth 650,000 then: less than is owed, whatever the incentive.
    expect(hit?.closes[0]?.amountsFor(hit.closes[0].maxPay).received).toBe(1_300_000n)
    const broken = {
      kind: 'reads',
      results: book.blockReads().map(() => ({ kind: 'failed', why: 'reverted' }) as const),
    } as const
    expect(book.opportunities(TARGET, broken)).toEqual([])
    expect([book.opportunities(TARGET), book.faults()]).toEqual([[], []])
  })
})
