// The adaptive rate model against the official SDK.
import { describe, expect, it } from '@jest/globals'
import { AdaptiveCurveIrmLib } from '@morpho-org/blue-sdk'
import fc from 'fast-check'
import { adaptiveRate, PROBES, roughAdaptiveRate, wExp } from '../../../strategies/morpho-blue/math'

const WAD = 10n ** 18n
const options = { seed: 20200313, numRuns: 500 }

describe('wExp', () => {
  it('default: as the SDK, over and beyond its range', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -50n * WAD, max: 100n * WAD }), x => {
        expect(wExp(x)).toBe(AdaptiveCurveIrmLib.wExp(x))
      }),
      options,
    )
    for (const x of [-41_446_531_673_892_822_312n, -41_446_531_673_892_822_313n, 93_859_467_695_000_404_319n, 0n, 1n, -1n])
      expect(wExp(x)).toBe(AdaptiveCurveIrmLib.wExp(x))
  })
})

describe('adaptiveRate', () => {
  const market = fc
    .tuple(fc.bigInt({ min: 0n, max: 1n << 100n }), fc.bigInt({ min: 0n, max: WAD }))
    .map(([supplyAssets, share]) => ({ supplyAssets, borrowAssets: (supplyAssets * share) / WAD }))
  const rate = fc.oneof(fc.constant(0n), fc.bigInt({ min: 31_709_791n, max: 63_419_583_967n }))
  const elapsed = fc.oneof(fc.bigInt({ min: 0n, max: 100n }), fc.bigInt({ min: 0n, max: 400_000_000n }))

  it('default: as the SDK', () => {
    fc.assert(
      fc.property(market, rate, elapsed, (totals, start, elapsedSec) => {
        const utilization = totals.supplyAssets === 0n ? 0n : (totals.borrowAssets * WAD) / totals.supplyAssets
        const expected = AdaptiveCurveIrmLib.getBorrowRate(utilization, start, elapsedSec)
        const found = adaptiveRate(totals, start, elapsedSec)
        expect(found).toEqual({ averageRateWad: expected.avgBorrowRate, endRateAtTarget: expected.endRateAtTarget })
      }),
      options,
    )
  })
  it('behavior: the rough one is within 1.5 %, jumps of the exponential included', () => {
    fc.assert(
      fc.property(market, rate, elapsed, (totals, start, elapsedSec) => {
        const exact = Number(adaptiveRate(totals, start, elapsedSec).averageRateWad) / 1e18
        const { borrowAssets, supplyAssets } = totals
        const rough = roughAdaptiveRate(Number(borrowAssets), Number(supplyAssets), Number(start) / 1e18, Number(elapsedSec))
        expect(Math.abs(rough / exact - 1)).toBeLessThan(0.015)
      }),
      { ...options, numRuns: 3_000 },
    )
  })
  it('behavior: the probes give different answers, at both ends of the bounds too', () => {
    const answers = PROBES.map(probe => adaptiveRate(probe, probe.known ? 1_268_391_679n : 0n, probe.elapsedSec).averageRateWad)
    expect(new Set(answers).size).toBe(PROBES.length)
  })
})
