// Ways to close one pair, against the maths of a single call: ranges, sizes that clear a side, two calls in one.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Close } from '../../../src/core/opportunity'
import type { Address } from '../../../src/core/primitives'
import type { AaveRules } from '../../../strategies/aave-v3/abi'
import {
  type AccountHealth,
  accountHealth,
  type LiquidationCase,
  leftoverOf,
  liquidate,
  RAY,
} from '../../../strategies/aave-v3/math'
import { closesOf, type Pair } from '../../../strategies/aave-v3/opportunities'

const USD = 10n ** 8n
const ETHER = 10n ** 18n
const USDC = 10n ** 6n
const address = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`

interface Sketch {
  readonly rules: AaveRules
  readonly ether: bigint
  readonly etherPrice: bigint
  readonly usdc: bigint
  readonly feeBps?: bigint
  readonly thresholdBps?: bigint
  readonly otherDebtBase?: bigint
  readonly liquidity?: bigint
  /** Interest on the debt until the call lands at the latest, in basis points. */
  readonly interestBps?: bigint
  /** What the collateral earns until then. */
  readonly earnsBps?: bigint
}

const healthOf = (sketch: Sketch, collateral: bigint, debt: bigint): AccountHealth =>
  accountHealth(sketch.rules, [
    { price: sketch.etherPrice, unit: ETHER, liquidationThresholdBps: sketch.thresholdBps ?? 8_250n, collateral, debt: 0n },
    { price: USD, unit: USDC, liquidationThresholdBps: 0n, collateral: 0n, debt },
    { price: 1n, unit: 1n, liquidationThresholdBps: 0n, collateral: 0n, debt: sketch.otherDebtBase ?? 0n },
  ])

/** WETH against USDC, all indices 1. */
const caseOf = (sketch: Sketch, usdc: bigint): LiquidationCase => ({
  rules: sketch.rules,
  health: healthOf(sketch, sketch.ether, usdc),
  collateralPrice: sketch.etherPrice,
  collateralUnit: ETHER,
  debtPrice: USD,
  debtUnit: USDC,
  bonusBps: 10_500n,
  protocolFeeBps: sketch.feeBps ?? 0n,
  collateralScaled: sketch.ether,
  collateralIndexRay: RAY,
  debt: usdc,
  debtIndexRay: RAY,
})

const laterOf = (sketch: Sketch): LiquidationCase => {
  const [owed, earned] = [10_000n + (sketch.interestBps ?? 0n), 10_000n + (sketch.earnsBps ?? 0n)]
  const debt = (sketch.usdc * owed) / 10_000n
  return {
    ...caseOf(sketch, debt),
    health: healthOf(sketch, (sketch.ether * earned) / 10_000n, debt),
    collateralIndexRay: (RAY * earned) / 10_000n,
    debtIndexRay: (RAY * owed) / 10_000n,
  }
}

const pairOf = (sketch: Sketch): Pair => ({
  pool: address(1),
  borrower: address(2),
  collateralToken: address(3),
  debtToken: address(4),
  now: caseOf(sketch, sketch.usdc),
  later: laterOf(sketch),
  liquidity: sketch.liquidity ?? 10n ** 30n,
  debtScaled: sketch.usdc,
  thresholdBps: sketch.thresholdBps ?? 8_250n,
  healthWith: (collateral, debt) => healthOf(sketch, collateral, debt),
  bounds: [laterOf(sketch)].map(each => ({ each, healthWith: (collateral, debt) => healthOf(sketch, collateral, debt) })),
})

/** What is approved, and what each call asks for. */
const asksOf = (close: Close, pay: bigint): { readonly approved: bigint; readonly asks: readonly bigint[] } => {
  const [approve, ...calls] = close.encode(pay, [])
  if (approve?.kind !== 'approve' || approve.amount.kind !== 'exact') throw new Error('no approval')
  const asks = calls.map(call => {
    if (call.kind !== 'call') throw new Error('no call')
    expect(call.data.slice(0, 10)).toBe('0x00a718a9')
    return BigInt(`0x${call.data.slice(10 + 3 * 64, 10 + 4 * 64)}`)
  })
  return { approved: approve.amount.value, asks }
}

const near = { rules: 'v3.0' as const, ether: 10n * ETHER, etherPrice: 2_000n * USD, usdc: 17_000n * USDC }

describe('closesOf', () => {
  it('default: the range, and the size above it that clears the debt', () => {
    const closes = closesOf(pairOf({ ...near, rules: 'v3.6', usdc: 17_500n * USDC, interestBps: 1n }))
    expect(closes.map(({ minPay, maxPay }) => [minPay < 10n, maxPay])).toEqual([
      [true, 16_500n * USDC],
      [false, 17_500n * USDC],
    ])
    expect(closes[1]!.minPay).toBe(17_500n * USDC)
    // To clear it some slots later, too, interest is asked for and held ready.
    const { approved, asks } = asksOf(closes[1]!, 17_500n * USDC)
    expect(asks).toEqual([17_501_750_000n])
    expect(approved).toBe(17_501_750_000n)
    expect(closes[1]!.amountsFor(17_500n * USDC)).toEqual({
      paid: 17_500n * USDC,
      received: 9_187_500_000_000_000_000n,
      needed: 17_501_750_000n,
    })
    expect(asksOf(closes[0]!, 5n * USDC)).toEqual({ approved: 5n * USDC, asks: [5n * USDC] })
  })

  it('behavior: two calls repay more than one under the close factor: at health 0.96, threshold 82.5 %, bonus 5 %, 29.9 %', () => {
    // 10 WETH at 2,000: healthy up to 16,500; at 0.96 the debt is 17,187.5.
    const pair = pairOf({ ...near, usdc: 17_187_500_000n })
    const [single, twice] = closesOf(pair)
    expect(single!.maxPay).toBe(8_593_750_000n)
    expect(asksOf(twice!, twice!.maxPay).asks).toHaveLength(2)
    expect(Number((twice!.maxPay * 100_000n) / single!.maxPay) / 1_000).toBeCloseTo(129.9, 1)
    expect(twice!.minPay).toBe(twice!.maxPay)
    const deep = closesOf(pairOf({ ...near, usdc: 17_500n * USDC }))
    expect(deep).toHaveLength(1)
    expect(closesOf({ ...pair, debtScaled: null })).toHaveLength(1)
  })

  it('behavior: the first of two calls still leaves it liquidatable when the collateral earns more than the debt costs until they land', () => {
    const sketch: Sketch = { ...near, usdc: 17_187_500_000n, earnsBps: 2n }
    const pair = pairOf(sketch)
    const twice = closesOf(pair)[1]!
    const { asks } = asksOf(twice, twice.maxPay)
    expect(asks).toHaveLength(2)
    const first = liquidate(pair.later, asks[0]!)
    if (first.kind !== 'done') throw new Error(first.why)
    const left = leftoverOf(pair.later, pair.debtScaled!, first.done)
    const collateral = (left.collateralScaled * pair.later.collateralIndexRay) / RAY
    expect(healthOf(sketch, collateral, left.debtScaled).healthFactorWad).toBeLessThan(10n ** 18n)
    // Nothing to spare: a first call as large as without the earnings would heal it.
    const [, still] = closesOf(pairOf({ ...sketch, earnsBps: 0n }))
    const bold = asksOf(still!, still!.maxPay)
    expect(bold.asks[0]!).toBeGreaterThan(asks[0]!)
  })

  it('behavior: a reserve that holds too little of the collateral bounds the range', () => {
    const pair = pairOf({ ...near, liquidity: ETHER })
    const closes = closesOf(pair)
    expect(closes).toHaveLength(1)
    const [only] = closes
    expect(only!.amountsFor(only!.maxPay).received).toBeLessThanOrEqual(ETHER)
    const more = liquidate(pair.now, only!.maxPay + 1n)
    expect(more.kind === 'done' && more.done.received > ETHER).toBe(true)
    expect(closesOf(pairOf({ ...near, liquidity: 0n }))).toEqual([])
  })

  it('behavior: amounts are what the calls take and give, now and later, and none is refused (property)', () => {
    const sketch = fc.record({
      rules: fc.constantFrom<AaveRules>('v3.0', 'v3.6', 'v3.7'),
      ether: fc.bigInt({ min: 1n, max: 20n * ETHER }),
      etherPrice: fc.bigInt({ min: USD / 100n, max: 5_000n * USD }),
      ratioBps: fc.bigInt({ min: 8_260n, max: 12_000n }),
      feeBps: fc.constantFrom(0n, 1_000n, 2_333n),
      otherDebtBase: fc.constantFrom(0n, 500n * USD, 9_000n * USD),
      interestBps: fc.constantFrom(0n, 1n, 20n),
      liquidity: fc.constantFrom(10n ** 30n, ETHER, 10n ** 15n),
      part: fc.bigInt({ min: 1n, max: 10_000n }),
    })
    let seen = 0
    let twice = 0
    fc.assert(
      fc.property(sketch, ({ part, ratioBps, ...drawn }) => {
        const usdc = (drawn.ether * drawn.etherPrice * ratioBps * USDC) / (ETHER * USD * 10_000n)
        const pair = pairOf({ ...drawn, usdc })
        for (const close of closesOf(pair)) {
          seen += 1
          expect(close.minPay).toBeLessThanOrEqual(close.maxPay)
          for (const pay of [close.minPay, close.minPay + ((close.maxPay - close.minPay) * part) / 10_000n, close.maxPay]) {
            const { paid, received, needed } = close.amountsFor(pay)
            const { approved, asks } = asksOf(close, pay)
            expect(paid).toBeLessThanOrEqual(pay)
            expect(needed).toBeGreaterThanOrEqual(paid)
            expect(approved).toBe(needed)
            expect(received).toBeLessThanOrEqual(pair.liquidity)
            let each = pair.now
            let [sumPaid, sumReceived] = [0n, 0n]
            for (const ask of asks) {
              const result = liquidate(each, ask)
              if (result.kind !== 'done') throw new Error(result.why)
              sumPaid += result.done.paid
              sumReceived += result.done.received
              const { collateralScaled, debtScaled } = leftoverOf(each, each.debt, result.done)
              each = {
                ...each,
                health: healthOf({ ...drawn, usdc }, collateralScaled, debtScaled),
                collateralScaled,
                debt: debtScaled,
              }
            }
            expect([sumPaid, sumReceived]).toEqual([paid, received])
            if (asks.length === 2) twice += 1
            const [first] = asks
            const later = asks.length === 1 ? liquidate(pair.later, first!) : null
            if (later !== null && later.kind === 'done') expect(later.done.paid).toBeLessThanOrEqual(needed)
            if (later !== null && drawn.otherDebtBase === 0n) expect(later.kind).toBe('done')
          }
        }
      }),
      { seed: 3, numRuns: 700 },
    )
    expect(seen).toBeGreaterThan(500)
    expect(twice).toBeGreaterThan(50)
  })
})
