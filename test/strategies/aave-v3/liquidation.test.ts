// Sizes of Aave v3 liquidations by hand-made vectors and by searching around the bounds; the contracts are asked in pool.world.test.ts.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { AaveRules } from '../../../strategies/aave-v3/abi'
import {
  accountHealth,
  blockedBy,
  type Liquidation,
  type LiquidationCase,
  type LiquidationFlags,
  liquidate,
  maxRepay,
  RAY,
  repayBounds,
} from '../../../strategies/aave-v3/math'

const USD = 10n ** 8n
const ETHER = 10n ** 18n
const USDC = 10n ** 6n

interface Sketch {
  readonly rules: AaveRules
  readonly ether: bigint
  readonly etherPrice: bigint
  readonly usdc: bigint
  readonly feeBps?: bigint
  readonly bonusBps?: bigint
  readonly thresholdBps?: bigint
  readonly otherDebtBase?: bigint
}

/** An account with WETH collateral and USDC debt. */
const caseOf = (sketch: Sketch): LiquidationCase => {
  const { rules, ether, etherPrice, usdc, otherDebtBase = 0n } = sketch
  const health = accountHealth(rules, [
    { price: etherPrice, unit: ETHER, liquidationThresholdBps: sketch.thresholdBps ?? 8_250n, collateral: ether, debt: 0n },
    { price: USD, unit: USDC, liquidationThresholdBps: 0n, collateral: 0n, debt: usdc },
    { price: 1n, unit: 1n, liquidationThresholdBps: 0n, collateral: 0n, debt: otherDebtBase },
  ])
  return {
    rules,
    health,
    collateralPrice: etherPrice,
    collateralUnit: ETHER,
    debtPrice: USD,
    debtUnit: USDC,
    bonusBps: sketch.bonusBps ?? 10_500n,
    protocolFeeBps: sketch.feeBps ?? 0n,
    collateralScaled: ether,
    collateralIndexRay: RAY,
    debt: usdc,
    debtIndexRay: RAY,
  }
}

const doneOf = (each: LiquidationCase, ask: bigint): Liquidation => {
  const result = liquidate(each, ask)
  if (result.kind !== 'done') throw new Error(result.why)
  return result.done
}

describe('maxRepay', () => {
  // 10 WETH at 2,000 and 0.825: healthy up to 16,500.
  const near = { ether: 10n * ETHER, etherPrice: 2_000n * USD, usdc: 17_000n * USDC }
  it('default', () => {
    expect(maxRepay(caseOf({ rules: 'v3.0', ...near }))).toBe(8_500n * USDC)
    expect(maxRepay(caseOf({ rules: 'v3.6', ...near }))).toBe(8_500n * USDC)
  })
  it('behavior: all of it at a health factor of 0.95 and below', () => {
    const deep = { ...near, usdc: 17_500n * USDC }
    expect((['v3.0', 'v3.6', 'v3.7'] as const).map(rules => maxRepay(caseOf({ rules, ...deep })))).toEqual([
      17_500n * USDC,
      17_500n * USDC,
      17_500n * USDC,
    ])
  })
  it('behavior: half of this debt in v3.0, half of all debt since', () => {
    const split = { ...near, usdc: 6_000n * USDC, otherDebtBase: 11_000n * USD }
    expect(maxRepay(caseOf({ rules: 'v3.0', ...split }))).toBe(3_000n * USDC)
    expect(maxRepay(caseOf({ rules: 'v3.6', ...split }))).toBe(6_000n * USDC)
  })
  it('behavior: small sides are closed whole since v3.3', () => {
    const small = { ether: ETHER, etherPrice: 2_000n * USD, usdc: 1_680n * USDC }
    expect(maxRepay(caseOf({ rules: 'v3.0', ...small }))).toBe(840n * USDC)
    expect(maxRepay(caseOf({ rules: 'v3.6', ...small }))).toBe(1_680n * USDC)
  })
})

describe('liquidate', () => {
  it('default', () => {
    const each = caseOf({ rules: 'v3.6', ether: 10n * ETHER, etherPrice: 2_000n * USD, usdc: 17_000n * USDC })
    expect(doneOf(each, 2_000n * USDC)).toEqual({
      paid: 2_000n * USDC,
      received: (105n * ETHER) / 100n,
      fee: 0n,
      isLast: false,
      writtenOff: 0n,
    })
    expect(doneOf(each, 10n ** 30n).paid).toBe(8_500n * USDC)
  })
  it('behavior: the protocol takes its share of the bonus', () => {
    const each = caseOf({ rules: 'v3.6', ether: 10n * ETHER, etherPrice: 2_000n * USD, usdc: 17_000n * USDC, feeBps: 1_000n })
    expect(doneOf(each, 2_000n * USDC)).toEqual({
      paid: 2_000n * USDC,
      received: (1_045n * ETHER) / 1_000n,
      fee: (5n * ETHER) / 1_000n,
      isLast: false,
      writtenOff: 0n,
    })
  })
  it('behavior: collateral that does not pay for all caps the repayment; what is left is written off since v3.3', () => {
    const sketch = { ether: ETHER, etherPrice: 2_100n * USD, usdc: 5_000n * USDC }
    expect(doneOf(caseOf({ rules: 'v3.0', ...sketch }), 5_000n * USDC)).toEqual({
      paid: 2_000n * USDC,
      received: ETHER,
      fee: 0n,
      isLast: false,
      writtenOff: 0n,
    })
    expect(doneOf(caseOf({ rules: 'v3.6', ...sketch }), 5_000n * USDC).writtenOff).toBe(3_000n * USDC)
    expect(doneOf(caseOf({ rules: 'v3.7', ...sketch }), 5_000n * USDC).writtenOff).toBe(3_000n * USDC)
  })
  it('behavior: v3.7 rounds the seizure down and the fee up', () => {
    const odd = { ether: 10n * ETHER, etherPrice: 2_000n * USD, usdc: 17_000n * USDC, feeBps: 1_000n, bonusBps: 10_501n }
    const before = doneOf(caseOf({ rules: 'v3.6', ...odd, etherPrice: 1_999_999_999_99n }), 1_234_567_891n)
    const since = doneOf(caseOf({ rules: 'v3.7', ...odd, etherPrice: 1_999_999_999_99n }), 1_234_567_891n)
    expect(since.received + since.fee <= before.received + before.fee).toBe(true)
    expect(since.fee >= before.fee).toBe(true)
    expect(since.received < before.received).toBe(true)
  })
  it('behavior: refused when healthy, when nothing moves, when dust would stay', () => {
    const sketch = { ether: 10n * ETHER, etherPrice: 2_000n * USD, usdc: 17_500n * USDC }
    expect(liquidate(caseOf({ rules: 'v3.6', ...sketch, usdc: 16_500n * USDC }), 1n)).toEqual({ kind: 'refused', why: 'healthy' })
    expect(liquidate(caseOf({ rules: 'v3.6', ...sketch }), 0n)).toEqual({ kind: 'refused', why: 'nothing' })
    expect(liquidate(caseOf({ rules: 'v3.6', ...sketch }), 16_501n * USDC)).toEqual({ kind: 'refused', why: 'dust' })
    expect(liquidate(caseOf({ rules: 'v3.0', ...sketch }), 16_501n * USDC).kind).toBe('done')
  })
})

/** Answers of a v3.7 pool compiled from its official sources, in random states. No package has that release. */
describe('liquidate, v3.7', () => {
  type Row = Readonly<Record<string, string>> & { readonly answer: Readonly<Record<string, string>> | null }
  const rows = JSON.parse(readFileSync(resolve(__dirname, '../../vectors/aave-v3.7-liquidations.json'), 'utf8')) as readonly Row[]

  it('behavior: equals recorded answers, whose rounding v3.6 would miss', () => {
    let missedBefore = 0
    for (const row of rows) {
      const figure = (name: string): bigint => BigInt(row[name]!)
      const each: LiquidationCase = {
        rules: 'v3.7',
        health: {
          collateralBase: figure('collateralBase'),
          debtBase: figure('debtBase'),
          averageThresholdBps: figure('averageThresholdBps'),
          healthFactorWad: figure('healthFactorWad'),
        },
        collateralPrice: figure('collateralPrice'),
        collateralUnit: figure('collateralUnit'),
        debtPrice: figure('debtPrice'),
        debtUnit: figure('debtUnit'),
        bonusBps: figure('bonusBps'),
        protocolFeeBps: figure('protocolFeeBps'),
        collateralScaled: figure('collateralScaled'),
        collateralIndexRay: figure('collateralIndexRay'),
        debt: figure('debt'),
        debtIndexRay: figure('debtIndexRay'),
      }
      const figures = (rules: AaveRules): readonly bigint[] | null => {
        const result = liquidate({ ...each, rules }, figure('ask'))
        return result.kind === 'refused' ? null : [result.done.paid, result.done.received, result.done.writtenOff]
      }
      const { answer } = row
      const expected = answer === null ? null : ['paid', 'received', 'writtenOff'].map(name => BigInt(answer[name]!))
      expect(figures('v3.7')).toEqual(expected)
      if (String(figures('v3.6')) !== String(expected)) missedBefore += 1
    }
    expect(rows.length).toBe(32)
    expect(missedBefore).toBeGreaterThanOrEqual(16)
  })
})

describe('repayBounds', () => {
  it('default', () => {
    const sketch = { ether: 10n * ETHER, etherPrice: 2_000n * USD, usdc: 17_500n * USDC }
    expect(repayBounds(caseOf({ rules: 'v3.6', ...sketch }))).toEqual({ partialMax: 16_500n * USDC, clearing: 17_500n * USDC })
    expect(repayBounds(caseOf({ rules: 'v3.0', ...sketch }))).toEqual({ partialMax: 17_500n * USDC, clearing: null })
    expect(repayBounds(caseOf({ rules: 'v3.6', ...sketch, usdc: 16_000n * USDC }))).toEqual({ partialMax: null, clearing: null })
  })
  it('behavior: small accounts are closed whole or not at all', () => {
    const small = caseOf({ rules: 'v3.6', ether: ETHER, etherPrice: 900n * USD, usdc: 800n * USDC })
    expect(repayBounds(small)).toEqual({ partialMax: null, clearing: 800n * USDC })
  })
  it('behavior: at the bounds it is accepted, one unit more is refused or changes nothing', () => {
    const sketch = fc.record({
      rules: fc.constantFrom<AaveRules>('v3.0', 'v3.6', 'v3.7'),
      ether: fc.bigInt({ min: 1n, max: 20n * ETHER }),
      etherPrice: fc.bigInt({ min: USD / 100n, max: 5_000n * USD }),
      ratioBps: fc.bigInt({ min: 8_300n, max: 12_000n }),
      feeBps: fc.constantFrom(0n, 1_000n, 2_333n),
      bonusBps: fc.constantFrom(10_500n, 10_001n, 11_000n),
      otherDebtBase: fc.constantFrom(0n, 500n * USD, 9_000n * USD),
    })
    let judged = 0
    fc.assert(
      fc.property(sketch, drawn => {
        const usdc = (drawn.ether * drawn.etherPrice * drawn.ratioBps * USDC) / (ETHER * USD * 10_000n)
        const each = caseOf({ ...drawn, usdc })
        const { partialMax, clearing } = repayBounds(each)
        const most = maxRepay(each)
        if (partialMax !== null) {
          judged += 1
          // The smallest sizes may seize nothing.
          expect(['done', 'nothing']).toContain(liquidate(each, partialMax).kind === 'done' ? 'done' : 'nothing')
          for (const part of [2n, 3n, 17n]) expect(liquidate(each, partialMax / part)).not.toMatchObject({ why: 'dust' })
          const more = liquidate(each, partialMax + 1n)
          if (partialMax < most) expect(more).toEqual({ kind: 'refused', why: 'dust' })
          else expect(more).toEqual(liquidate(each, partialMax))
        }
        if (clearing !== null) {
          judged += 1
          const done = doneOf(each, clearing)
          expect(done).toEqual(doneOf(each, clearing + 1n))
          const isDebtCleared = done.paid >= each.debt
          const isCollateralCleared = done.received + done.fee === each.collateralScaled
          expect(isDebtCleared || isCollateralCleared).toBe(true)
        }
      }),
      { seed: 20251010, numRuns: 3_000 },
    )
    expect(judged).toBeGreaterThan(1_500)
  })
})

describe('blockedBy', () => {
  const open: LiquidationFlags = { isActive: true, isPaused: false, graceUntilSec: 0n }
  const near = 98n * 10n ** 16n
  const deep = 94n * 10n ** 16n
  it('default', () => {
    expect(blockedBy('v3.6', open, open, null, near, 100n)).toBeNull()
  })
  it('behavior: inactive and paused block on either side', () => {
    expect(blockedBy('v3.0', open, { ...open, isActive: false }, null, near, 100n)).toBe('inactive')
    expect(blockedBy('v3.0', { ...open, isActive: false }, open, null, near, 100n)).toBe('inactive')
    expect(blockedBy('v3.6', { ...open, isPaused: true }, open, null, deep, 100n)).toBe('paused')
    expect(blockedBy('v3.6', open, { ...open, isPaused: true }, null, deep, 100n)).toBe('paused')
  })
  it('behavior: the sentinel blocks from 0.95 up, and is gone in v3.7', () => {
    expect(blockedBy('v3.6', open, open, false, 95n * 10n ** 16n, 100n)).toBe('sentinel')
    expect(blockedBy('v3.6', open, open, true, near, 100n)).toBeNull()
    expect(blockedBy('v3.0', open, open, false, deep, 100n)).toBeNull()
    expect(blockedBy('v3.7', open, open, false, near, 100n)).toBeNull()
  })
  it('behavior: grace lasts through its last second; v3.0 has none', () => {
    const graced = { ...open, graceUntilSec: 100n }
    expect(blockedBy('v3.6', open, graced, null, deep, 100n)).toBe('grace')
    expect(blockedBy('v3.6', graced, open, null, deep, 101n)).toBeNull()
    expect(blockedBy('v3.0', graced, open, null, deep, 100n)).toBeNull()
  })
})
