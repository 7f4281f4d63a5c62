// Qin's two steps and the toxic frontier: the papers' own figures.
import { describe, expect, it } from '@jest/globals'
import { fallToToxicWad, repayToRestore, toxicLtvWad, twoStepGainWad, twoSteps } from '../../src/core/liquidation-theory'

const USD = 10n ** 8n
const WAD = 10n ** 18n

const gainPercent = (debt: bigint, collateral: bigint, thresholdBps: bigint, bonusBps: bigint): number => {
  const steps = twoSteps(debt, collateral, thresholdBps, bonusBps, 5_000n)
  return steps === null ? 0 : Number((twoStepGainWad(steps) * 100_000n) / WAD) / 1_000
}

describe('twoSteps', () => {
  it('default', () => {
    const steps = twoSteps(8_400n * USD, 9_900n * USD, 8_000n, 11_000n, 5_000n)
    expect(steps).toEqual({ first: 4_000n * USD, second: 2_200n * USD, single: 4_200n * USD })
    expect(gainPercent(8_400n * USD, 9_900n * USD, 8_000n, 11_000n)).toBe(47.619)
  })
  it('behavior: gains by health factor at threshold 82.5 %, bonus 5 %', () => {
    const collateral = 10n ** 18n
    const gains = [999n, 990n, 960n, 950n].map(milli => gainPercent((collateral * 825n) / milli, collateral, 8_250n, 10_500n))
    expect(gains[0]).toBeCloseTo(0.75, 2)
    expect(gains[1]).toBeCloseTo(7.5, 1)
    expect(gains[2]).toBeCloseTo(29.9, 1)
    expect(gains[3]).toBeCloseTo(37.4, 1)
  })
  it('behavior: null where one step does it all, the account is healthy, or repaying never heals it', () => {
    expect(twoSteps(8_400n, 9_900n, 8_000n, 11_000n, 10_000n)).toBeNull()
    expect(twoSteps(7_920n, 9_900n, 8_000n, 11_000n, 5_000n)).toBeNull()
    expect(twoSteps(9_500n, 9_900n, 9_500n, 11_000n, 5_000n)).toBeNull()
    expect(twoSteps(9_000n, 9_900n, 8_000n, 11_000n, 5_000n)).toBeNull()
  })
})

const tenThousandths = (wad: bigint): number => Number((wad + 5n * 10n ** 13n) / 10n ** 14n) / 100

describe('toxicLtvWad', () => {
  it('default', () => {
    expect([10_500n, 10_750n, 11_000n, 11_500n].map(bonus => tenThousandths(toxicLtvWad(bonus)))).toEqual([
      95.24, 93.02, 90.91, 86.96,
    ])
  })
  it('behavior: distance from a threshold, by the frontier of another protocol as well', () => {
    // Morpho: 1 / LIF = 1 - 0.3 * (1 - LLTV).
    const rows = [7_700n, 8_600n, 9_150n, 9_450n].map(bps => {
      const lltv = (bps * WAD) / 10_000n
      const toxic = WAD - (3n * (WAD - lltv)) / 10n
      return [tenThousandths(toxic), tenThousandths(fallToToxicWad(lltv, toxic))]
    })
    expect(rows).toEqual([
      [93.1, 17.29],
      [95.8, 10.23],
      [97.45, 6.11],
      [98.35, 3.91],
    ])
    expect(fallToToxicWad(WAD, WAD / 2n)).toBe(0n)
  })
})

describe('repayToRestore', () => {
  it('default: after it the health is 1 to the unit, rounded down', () => {
    // 10,000 of collateral at 80 %: healthy up to 8,000; 8,400 are owed.
    const repaid = repayToRestore(8_400n * USD, (8_000n * WAD) / 8_400n, 8_000n, 10_500n)!
    const [debt, collateral] = [8_400n * USD - repaid, 10_000n * USD - (repaid * 105n) / 100n]
    const excess = debt - (collateral * 80n) / 100n
    expect([repaid > 0n, excess >= 0n, excess < 10n]).toEqual([true, true, true])
  })
  it('behavior: the same as the first of two steps, to what the health was cut by', () => {
    const [debt, collateral] = [8_400n * USD, 9_900n * USD]
    const health = (collateral * 8_000n * WAD) / (debt * 10_000n)
    const gap = repayToRestore(debt, health, 8_000n, 11_000n)! - twoSteps(debt, collateral, 8_000n, 11_000n, 5_000n)!.first
    expect([gap >= 0n, gap <= 1n]).toEqual([true, true])
  })
  it('behavior: past the toxic ratio no repayment restores it', () => {
    expect(repayToRestore(100n, WAD / 2n, 9_600n, 10_500n)).toBeNull()
  })
})
