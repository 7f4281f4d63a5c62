import fc from 'fast-check'
import type { Address, TargetBlock } from '../../src/core/primitives'
import type { AssessContext } from '../../src/profitability/assess'
import { DEFAULT_GAS_MODEL } from '../../src/profitability/gas-model'
import { decide, profitOf, type SelectPolicy } from '../../src/profitability/select'
import { type FakeOpportunity, fakeOpportunity } from '../fakes/opportunity'
import { fakePool } from '../fakes/pool'

const WETH: Address = '0x00000000000000000000000000000000000000e1'
const USD: Address = '0x00000000000000000000000000000000000000d1'
const COIN: Address = '0x00000000000000000000000000000000000000c1'
const ETHER = 10n ** 18n
const account = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`

const target: TargetBlock = { number: 101n, timestampSec: 1_012n, baseFeePerGasWei: 10n ** 9n }
const context: AssessContext = {
  wrappedNative: WETH,
  executor: account(0xbeef),
  gasPriceWei: 10n ** 9n,
  gasModel: DEFAULT_GAS_MODEL,
  maxHops: 3,
}
const policy: SelectPolicy = {
  bidShareBps: 2_500n,
  payee: { kind: 'coinbase' },
  floorShareBps: 9_000n,
  minProfitWei: 0n,
  maxGasPerTransaction: 12_000_000n,
  graceSec: 60n,
}

/** 1 WETH = 200 USD (6 decimals), 100,000 WETH deep. */
const wethUsd = (scale = 1n) =>
  fakePool({
    address: account(0xa1),
    tokens: [WETH, USD],
    reserves: [(100_000n * ETHER * scale) / 100n, (20_000_000n * 10n ** 6n * scale) / 100n],
  })
const spec = (n: number, usd: bigint, bonusBps = 500n): FakeOpportunity => ({
  account: account(n),
  payToken: USD,
  receiveToken: WETH,
  maxPay: usd * 10n ** 6n,
  priceWad: (5n * 10n ** 15n * 10n ** 18n) / 10n ** 6n,
  bonusBps,
})
const owing = (n: number, usd: bigint, bonusBps = 500n) => fakeOpportunity(spec(n, usd, bonusBps))

describe('decide', () => {
  test('default: takes a profitable position whole, with gas, bid and floor in its numbers', () => {
    const { plans, skips } = decide([wethUsd(100n)], [owing(1, 1_000n)], target, context, policy)
    expect(skips).toEqual([])
    const plan = plans[0]!
    const take = plan.takes[0]!
    expect(take.payAssets).toBe(1_000n * 10n ** 6n)
    expect(take.receiveAssets).toBe(5_250_000_000_000_000_000n)
    // 5 % of 5 WETH less 0.3 % fee and a little impact.
    expect(take.revenueWei).toBeGreaterThan(233_000_000_000_000_000n)
    expect(take.revenueWei).toBeLessThan(236_000_000_000_000_000n)
    expect(take.leg.floorWei).toBe((take.revenueWei * 9_000n) / 10_000n)
    expect(plan.expected).toEqual(profitOf(take.revenueWei, plan.gas * 10n ** 9n, 2_500n))
    expect(plan.lastBlock).toBe(101n)
  })

  test('behavior: a position that earns less than its gas is skipped with both numbers', () => {
    const { plans, skips } = decide([wethUsd(100n)], [owing(1, 1n)], target, { ...context, gasPriceWei: 10n ** 11n }, policy)
    expect(plans).toEqual([])
    expect(skips[0]).toMatchObject({ reason: 'unprofitable' })
    expect(skips[0]!.message).toMatch(/earns \d+ wei, its gas costs \d+ wei/)
  })

  test('behavior: many ways too small to tell what they earn do not crowd out the one that pays, once pools have moved', () => {
    const tiny = Array.from({ length: 8 }, () => fakeOpportunity({ ...spec(2, 0n), maxPay: 5_000n }).closes[0]!)
    const whole = owing(2, 1_000n)
    const crowded = { ...whole, closes: [...tiny, ...whole.closes] }
    const { plans, skips } = decide([wethUsd(100n)], [owing(1, 2_000n), crowded], target, context, policy)
    expect(skips).toEqual([])
    expect(plans.flatMap(plan => plan.takes.map(take => take.payAssets))).toEqual([2_000n * 10n ** 6n, 1_000n * 10n ** 6n])
  })

  test('behavior: no pool to the debt token, or none to wrapped native, is said apart', () => {
    const coinDebt = fakeOpportunity({
      account: account(1),
      payToken: COIN,
      receiveToken: USD,
      maxPay: 10n ** 9n,
      priceWad: 10n ** 18n,
      bonusBps: 500n,
    })
    const coinUsd = fakePool({ address: account(0xa2), tokens: [COIN, USD], reserves: [10n ** 15n, 10n ** 15n] })
    expect(decide([wethUsd()], [coinDebt], target, context, policy).skips[0]).toMatchObject({ reason: 'no-route' })
    expect(decide([coinUsd], [coinDebt], target, context, policy).skips[0]).toMatchObject({ reason: 'no-native-route' })
  })

  test('behavior: on a thin pool the size is the best one, not the largest', () => {
    const thin = wethUsd(1n)
    const whole = owing(1, 100_000n)
    const take = decide([thin], [whole], target, context, policy).plans[0]!.takes[0]!
    const revenueAt = (pay: bigint): bigint => {
      const { received } = whole.closes[0]!.amountsFor(pay)
      const spent = thin.quoteExactOut(WETH, USD, pay)
      return spent === null ? -1n : received - spent.amountIn
    }
    const grid = Array.from({ length: 2_000 }, (_, i) => revenueAt((whole.closes[0]!.maxPay * BigInt(i + 1)) / 2_000n))
    const best = grid.reduce((a, b) => (a > b ? a : b))
    expect(take.payAssets).toBeLessThan(whole.closes[0]!.maxPay)
    expect(take.revenueWei * 10_000n).toBeGreaterThanOrEqual(best * 9_999n)
  })

  test('behavior: what must be paid upfront is lent by the pool that takes the collateral, spare included', () => {
    const spare = 7n
    const position = fakeOpportunity({ ...spec(1, 1_000n), funding: 'upfront', spare })
    const pool = wethUsd(100n)
    const take = decide([pool], [position], target, context, policy).plans[0]!.takes[0]!
    expect(take.payAssets).toBe(1_000n * 10n ** 6n)
    expect(take.revenueWei).toBe(take.receiveAssets - pool.quoteExactOut(WETH, USD, take.payAssets + spare)!.amountIn)
    // The fake pool's exact-out swap is what pays for it: the close's own call comes first, then the collateral.
    expect(take.leg.steps).toEqual([
      { kind: 'call', to: account(1), data: '0xabcdef01', fills: [], callback: null },
      { kind: 'pay', token: WETH, to: pool.address, amount: { kind: 'argument', word: 0 } },
    ])
  })

  test('behavior: collateral and debt in one token are lent by one pool and paid back through another', () => {
    const position = fakeOpportunity({ ...spec(1, 1_000n), receiveToken: USD, priceWad: 10n ** 18n, funding: 'upfront' })
    const other = fakePool({ address: account(0xa3), tokens: [WETH, USD], reserves: [10n ** 23n, 2n * 10n ** 13n], feeBps: 5n })
    const take = decide([wethUsd(100n), other], [position], target, context, policy).plans[0]!.takes[0]!
    expect(take.revenueWei).toBeGreaterThan(0n)
    expect(new Set(take.route.slice(0, 2)).size).toBe(2)
    const { skips } = decide([other], [position], target, context, policy)
    expect(skips[0]).toMatchObject({ reason: 'no-route', message: expect.stringContaining('two pools') })
  })

  test('behavior: what the protocol bars is a skip with its reason, or part of one', () => {
    const barred = { ...owing(1, 1_000n), closes: [], obstacle: 'reserve 0x0a is paused' }
    const partly = { ...owing(2, 1n), obstacle: 'collateral 0x0b is in its grace period' }
    const { skips } = decide([wethUsd(100n)], [barred, partly], target, { ...context, gasPriceWei: 10n ** 11n }, policy)
    expect(skips[0]).toMatchObject({ reason: 'not-closable', message: 'reserve 0x0a is paused' })
    expect(skips[1]).toMatchObject({ reason: 'unprofitable', message: expect.stringMatching(/gas costs .*; collateral 0x0b/) })
  })

  test('K21: positions of one block are quoted on the pool as the ones before leave it', () => {
    const pool = wethUsd(10n)
    const positions = [owing(1, 20_000n), owing(2, 20_000n), owing(3, 20_000n)]
    const takes = decide([pool], positions, target, context, policy).plans.flatMap(plan => plan.takes)
    expect(takes).toHaveLength(3)
    let now = pool
    for (const take of takes) {
      const spent = now.quoteExactOut(WETH, USD, take.payAssets)!
      expect(take.revenueWei).toBe(take.receiveAssets - spent.amountIn)
      now = spent.after as typeof pool
    }
    expect(takes[2]!.revenueWei).toBeLessThan(takes[0]!.revenueWei)
    // Floors bear the block's own trades in any order: none asks for more than 90 % of what is left after all of them.
    for (const take of takes) expect(take.leg.floorWei).toBeLessThanOrEqual((takes[2]!.revenueWei * 9_000n) / 10_000n)
    for (const take of takes) expect(take.leg.floorWei).toBeGreaterThan(0n)
  })

  test('behavior: a later trade the other way, which betters the pool, raises no floor above what the leg earns where it stands', () => {
    const back = fakeOpportunity({
      account: account(2),
      payToken: WETH,
      receiveToken: USD,
      maxPay: 300n * ETHER,
      priceWad: 200n * 10n ** 6n,
      bonusBps: 400n,
    })
    const takes = decide([wethUsd(10n)], [owing(1, 20_000n, 1_500n), back], target, context, policy).plans.flatMap(
      plan => plan.takes,
    )
    expect(takes.map(take => take.position.account)).toEqual([account(1), account(2)])
    for (const take of takes) expect(take.leg.floorWei).toBeLessThanOrEqual((take.revenueWei * 9_000n) / 10_000n)
  })

  test('behavior: a wave is packed into as few transactions as the gas bound allows', () => {
    const positions = Array.from({ length: 100 }, (_, i) => owing(i + 1, 500n))
    const { plans } = decide([wethUsd(100n)], positions, target, context, policy)
    expect(plans.flatMap(plan => plan.takes)).toHaveLength(100)
    for (const plan of plans) expect(plan.gas).toBeLessThanOrEqual(policy.maxGasPerTransaction)
    const perTransaction = (policy.maxGasPerTransaction - DEFAULT_GAS_MODEL.transaction) / plans[0]!.takes[0]!.gas
    expect(plans).toHaveLength(Math.ceil(100 / Number(perTransaction)))
    // Of equal size: a small last one would not be worth carrying behind dead ones.
    const sizes = plans.map(plan => plan.takes.length)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(plans.length)
  })

  test('behavior: three tokens, multi-hop: the profit ends in wrapped native, both modes considered', () => {
    const coinUsd = fakePool({
      address: account(0xa2),
      tokens: [COIN, USD],
      reserves: [10n ** 8n * 10n ** 18n, 10n ** 8n * 10n ** 6n],
    })
    const position = fakeOpportunity({
      account: account(9),
      payToken: USD,
      receiveToken: COIN,
      maxPay: 10_000n * 10n ** 6n,
      priceWad: 10n ** 30n,
      bonusBps: 700n,
    })
    const take = decide([wethUsd(100n), coinUsd], [position], target, context, policy).plans[0]!.takes[0]!
    // 7 % of 10,000 USD at 200 USD an ether is 3.5 ether, less fees.
    expect(take.revenueWei).toBeGreaterThan(3_300_000_000_000_000_000n)
    expect(take.revenueWei).toBeLessThan(3_500_000_000_000_000_000n)
    expect(take.leg.tokens).toEqual(expect.arrayContaining([USD, COIN]))
    expect(take.leg.tokens).not.toContain(WETH)
  })

  test('behavior: nothing planned ever loses by its own numbers (property)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ usd: fc.bigInt(1n, 200_000n), bonus: fc.bigInt(0n, 1_500n) }), { maxLength: 12 }),
        fc.bigInt(1n, 100n),
        fc.bigInt(0n, 10n ** 12n),
        (specs, scale, gasPriceWei) => {
          const positions = specs.map((spec, i) => owing(i + 1, spec.usd, spec.bonus))
          const { plans, skips } = decide([wethUsd(scale)], positions, target, { ...context, gasPriceWei }, policy)
          expect(plans.flatMap(plan => plan.takes).length + skips.length).toBe(positions.length)
          for (const plan of plans) {
            expect(plan.expected.netWei).toBeGreaterThan(0n)
            for (const take of plan.takes) expect(take.leg.floorWei).toBeGreaterThan(0n)
          }
        },
      ),
      { seed: 7, numRuns: 60 },
    )
  })
})
