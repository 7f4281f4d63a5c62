import fc from 'fast-check'
import type { Opportunity } from '../../src/core/opportunity'
import type { Pool } from '../../src/core/pool'
import type { Address } from '../../src/core/primitives'
import { assess } from '../../src/profitability/assess'
import { boundOf } from '../../src/profitability/bound'
import { DEFAULT_GAS_MODEL } from '../../src/profitability/gas-model'
import { createMarketDepth } from '../../src/profitability/market-depth'
import { type BestSize, bestSize } from '../../src/profitability/size'
import { type AssessContext, marginOf, valueAt, type Way, waysOf } from '../../src/profitability/valuation'
import { fakeOpportunity } from '../fakes/opportunity'
import { fakePool } from '../fakes/pool'

const WETH: Address = '0x00000000000000000000000000000000000000e1'
const USD: Address = '0x00000000000000000000000000000000000000d1'
const COIN: Address = '0x00000000000000000000000000000000000000c1'
const address = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const context: AssessContext = {
  wrappedNative: WETH,
  executor: address(0xbeef),
  gasPriceWei: 10n ** 9n,
  gasModel: DEFAULT_GAS_MODEL,
  maxHops: 3,
}

/** A WETH is 200 USD (6 decimals), a COIN (8 decimals) is 5,000 USD; each pool is off by up to 3 %, and as deep as it likes. */
const poolOf = (n: number, tokens: readonly [Address, Address], units: readonly [bigint, bigint]) =>
  fc
    .record({
      deep: fc.integer({ min: 1, max: 100_000 }),
      offBps: fc.integer({ min: -300, max: 300 }),
      feeBps: fc.constantFrom(1n, 5n, 30n, 100n),
    })
    .map(({ deep, offBps, feeBps }): Pool => {
      const reserves = [units[0] * BigInt(deep), (units[1] * BigInt(deep) * BigInt(10_000 + offBps)) / 10_000n] as const
      return fakePool({ address: address(n), tokens, reserves, feeBps })
    })

const [ETHER, DOLLAR, A_COIN] = [10n ** 18n, 10n ** 6n, 10n ** 8n]
const markets = fc.tuple(
  poolOf(1, [WETH, USD], [ETHER, 200n * DOLLAR]),
  poolOf(2, [WETH, USD], [ETHER, 200n * DOLLAR]),
  poolOf(3, [COIN, WETH], [A_COIN, 25n * ETHER]),
  poolOf(4, [COIN, USD], [A_COIN, 5_000n * DOLLAR]),
)

/** USD for WETH or COIN, WETH for COIN, at a bonus of up to 15 %: from dust to far more than any pool holds. */
const opportunities = fc
  .record({
    kind: fc.constantFrom('weth', 'coin', 'coin for weth'),
    dollars: fc.integer({ min: 1, max: 5_000_000 }),
    bonusBps: fc.integer({ min: 50, max: 1_500 }),
    funding: fc.constantFrom('callback' as const, 'upfront' as const),
    isFixed: fc.boolean(),
  })
  .map(({ kind, dollars, bonusBps, funding, isFixed }): Opportunity => {
    const [payToken, unit, receiveToken, priceWad] =
      kind === 'weth'
        ? [USD, DOLLAR, WETH, 5n * 10n ** 27n]
        : kind === 'coin'
          ? [USD, DOLLAR, COIN, 2n * 10n ** 16n]
          : [WETH, ETHER / 200n, COIN, 4n * 10n ** 6n]
    return fakeOpportunity({
      account: address(9),
      payToken,
      receiveToken,
      maxPay: BigInt(dollars) * unit,
      priceWad,
      bonusBps: BigInt(bonusBps),
      funding,
      ...(isFixed ? { minPay: BigInt(dollars) * unit } : {}),
    })
  })

const SHARES = [1n, 2n, 3n, 8n, 20n, 64n, 127n]

describe('boundOf', () => {
  test('default: no size from a 128th on earns more in a way than its bound (property)', () => {
    fc.assert(
      fc.property(markets, opportunities, (pools, opportunity) => {
        const depth = createMarketDepth(pools)
        for (const way of waysOf(depth, opportunity, context)) {
          const bound = boundOf(depth, way, context)
          if (bound !== null && bound.atMostWei === null) continue
          for (const share of SHARES) {
            const { minPay, maxPay } = way.close
            const value = minPay > maxPay / share ? null : valueAt(depth, way, maxPay / share, context)
            if (value === null) continue
            if (bound === null) expect(value.revenueWei).toBe(0n)
            else expect(marginOf(value, way, context)).toBeLessThanOrEqual(bound.atMostWei ?? 0n)
          }
        }
      }),
      { seed: 11, numRuns: 400 },
    )
  })
})

/** The best of all ways, each sized on its own. */
const exhaustive = (pools: readonly Pool[], opportunity: Opportunity): BestSize | null => {
  const depth = createMarketDepth(pools)
  const marginAt = (way: Way, pay: bigint): bigint | null => {
    const value = valueAt(depth, way, pay, context)
    return value === null ? null : marginOf(value, way, context)
  }
  const sizes = waysOf(depth, opportunity, context)
    .map(way => bestSize(way.close.minPay, way.close.maxPay, pay => marginAt(way, pay)))
    .filter(size => size !== null)
  return sizes.reduce<BestSize | null>((a, b) => (a === null || b.value > a.value ? b : a), null)
}

/** Of a position so large that the pools take less than this part, next to nothing may become nothing. */
const isNegligible = (size: bigint, opportunity: Opportunity): boolean => size * 16_384n < opportunity.closes[0]!.maxPay

describe('assess', () => {
  test('behavior: looking at the promising ways only loses next to nothing (property)', () => {
    fc.assert(
      fc.property(markets, opportunities, (pools, opportunity) => {
        const best = exhaustive(pools, opportunity)
        const found = assess(createMarketDepth(pools), opportunity, context)
        if (best === null || best.value <= 0n) expect(found.kind).toBe('none')
        else if (!isNegligible(best.size, opportunity)) {
          expect(found.kind).toBe('found')
          const margin = found.kind === 'found' ? found.candidate.marginWei : 0n
          expect(margin * 100n).toBeGreaterThanOrEqual(best.value * 99n)
        }
      }),
      { seed: 12, numRuns: 400 },
    )
  })

  test('behavior: rates of one position serve the next, also a much smaller one (property)', () => {
    fc.assert(
      fc.property(markets, opportunities, opportunities, (pools, first, second) => {
        const shared = createMarketDepth(pools)
        assess(shared, first, context)
        const after = assess(shared, second, context)
        const alone = assess(createMarketDepth(pools), second, context)
        if (alone.kind === 'none' || isNegligible(alone.candidate.pay, second)) return
        expect(after.kind).toBe('found')
        const margin = after.kind === 'found' ? after.candidate.marginWei : 0n
        expect(margin * 100n).toBeGreaterThanOrEqual(alone.candidate.marginWei * 99n)
      }),
      { seed: 13, numRuns: 200 },
    )
  })
})
