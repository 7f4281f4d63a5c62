// The sweep that spares quiet markets: it must never hide a position that time alone brings under water.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { ReadResult } from '../../../src/core/folder'
import { createPairQuery } from '../../../src/core/pair-query'
import { createLedger, createLogFold, type Market } from '../../../strategies/morpho-blue/ledger'
import { PRICE_SCALE } from '../../../strategies/morpho-blue/math'
import { createFinder, createJudge, type Finder, type Judge, thresholdOf } from '../../../strategies/morpho-blue/opportunities'
import type { Lore } from '../../../strategies/morpho-blue/reading'
import { createSweep, type Sweep } from '../../../strategies/morpho-blue/strategy'
import { addressOf, blockAt, events, idOf, MORPHO, paramsOf, word } from './history'

const WAD = 10n ** 18n
const BLOCK = blockAt(100n)

/** A market at full utilisation and the highest rate: debts grow by up to 800 % a year. `nearness` is in billionths of the limit. */
const openMarket = (nearness: readonly bigint[], rateAtTarget: bigint, collateral = WAD): Market => {
  const ledger = createLedger(() => undefined)
  const { fold, beginBlock } = createLogFold(MORPHO, ledger, () => true)
  const on = events(BLOCK, idOf(0))
  beginBlock(BLOCK)
  fold(on.create(paramsOf(0)))
  fold(on.rate(rateAtTarget, paramsOf(0).irm))
  let borrowed = 0n
  for (const [i, each] of nearness.entries()) {
    const debt = (((collateral * paramsOf(0).lltvWad) / WAD) * each) / 1_000_000_000n
    borrowed += debt
    fold(on.deposit(addressOf(700 + i), collateral))
    fold(on.borrow(addressOf(700 + i), debt, debt * 1_000_000n))
  }
  fold(on.supply(addressOf(1), borrowed, borrowed * 1_000_000n))
  return ledger.byId.get(idOf(0))!
}

const createJudged = (market: Market): { readonly judge: Judge; readonly finder: Finder; readonly sweep: Sweep } => {
  const lore: Lore = { models: new Map([[paramsOf(0).irm, 'adaptive']]), tokens: new Map() }
  const judge = createJudge(lore, undefined)
  const sweep = createSweep(market.pairs, judge.column, lore)
  sweep.touch(market)
  judge.reads([market])
  judge.accept([{ kind: 'ok', data: `0x${word(PRICE_SCALE)}` }])
  const scope = { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} }
  const finder = createFinder({ strategy: 's', morpho: MORPHO, horizonSec: 120n, scope }, judge, createPairQuery(market.pairs))
  return { judge, finder, sweep }
}

describe('createSweep', () => {
  it('behavior: leaves out no market that has a position under water, whatever the time', () => {
    const nearness = fc.array(fc.bigInt({ min: 990_000_000n, max: 1_000_000_000n }), { minLength: 1, maxLength: 5 })
    const steps = fc.array(fc.oneof(fc.nat(60), fc.nat(20_000), fc.nat(60_000_000)), { minLength: 1, maxLength: 30 })
    let candidates = 0
    fc.assert(
      fc.property(nearness, steps, fc.bigInt({ min: 31_709_791n, max: 63_419_583_967n }), (near, jumps, rate) => {
        const market = openMarket(near, rate)
        const { finder, sweep } = createJudged(market)
        let now = BLOCK.timestampSec
        for (const jump of jumps) {
          now += BigInt(jump)
          const found = finder.underWater(market, now)
          const isCandidate = sweep.candidates(now).length > 0
          candidates += isCandidate ? 1 : 0
          expect(isCandidate || found.length === 0).toBe(true)
        }
      }),
      { seed: 20200312, numRuns: 200 },
    )
    expect(candidates).toBeGreaterThan(100)
  })
  it('behavior: dust that rounding alone puts under water is not left out, and other dust does not make a candidate', () => {
    const nearness = fc.array(fc.bigInt({ min: 500_000_000n, max: 1_000_000_000n }), { minLength: 1, maxLength: 5 })
    const price = fc.bigInt({ min: 500n, max: 1_500n })
    let [needless, left] = [0, 0]
    fc.assert(
      fc.property(
        nearness,
        fc.bigInt({ min: 1n, max: 300n }),
        price,
        fc.nat(30_000_000),
        (near, collateral, thousandths, jump) => {
          const market = openMarket(near, 1_268_391_679n, collateral)
          const { judge, finder, sweep } = createJudged(market)
          judge.reads([market])
          judge.accept([{ kind: 'ok', data: `0x${word((PRICE_SCALE * thousandths) / 1_000n)}` }])
          const now = BLOCK.timestampSec + BigInt(jump)
          const found = finder.underWater(market, now)
          const isCandidate = sweep.candidates(now).length > 0
          expect(isCandidate || found.length === 0).toBe(true)
          if (isCandidate && found.length === 0) needless += 1
          if (!isCandidate) left += 1
        },
      ),
      { seed: 20200312, numRuns: 1_000 },
    )
    expect(left).toBeGreaterThan(200)
    expect(needless).toBeLessThan(left / 4)
  })
  it('behavior: a quiet market is no candidate for many blocks; time alone makes it one', () => {
    const market = openMarket([900_000_000n], 1_268_391_679n)
    const { sweep } = createJudged(market)
    for (let slot = 0n; slot < 100n; slot++) expect(sweep.candidates(BLOCK.timestampSec + 12n * slot)).toEqual([])
    expect(sweep.candidates(BLOCK.timestampSec + 86_400n * 1_000n)).toEqual([market.number])
  })
  it('behavior: without a price there are no candidates; with another price there may be', () => {
    const market = openMarket([900_000_000n], 1_268_391_679n)
    const { sweep, judge } = createJudged(market)
    const at = (result: ReadResult): readonly number[] => {
      judge.reads([market])
      judge.accept([result])
      return sweep.candidates(BLOCK.timestampSec)
    }
    expect(at({ kind: 'failed', why: 'reverted' })).toEqual([])
    expect(at({ kind: 'ok', data: `0x${word(0n)}` })).toEqual([])
    expect(at({ kind: 'ok', data: `0x${word((PRICE_SCALE * 91n) / 100n)}` })).toEqual([])
    expect(at({ kind: 'ok', data: `0x${word((PRICE_SCALE * 89n) / 100n)}` })).toEqual([market.number])
  })
})

describe('thresholdOf', () => {
  it('default: price times LLTV, in shares for a unit of collateral', () => {
    const totals = {
      borrowAssets: 1_000_000n - 1n,
      borrowShares: 2_000_000_000_000n - 1_000_000n,
      supplyAssets: 0n,
      supplyShares: 0n,
      feeWad: 0n,
    }
    expect(thresholdOf(totals, 3n * PRICE_SCALE, WAD / 2n)).toBeCloseTo(3 * 0.5 * 2_000_000, 3)
  })
})
