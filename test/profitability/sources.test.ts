import type { Close, Opportunity } from '../../src/core/opportunity'
import type { Address, TargetBlock } from '../../src/core/primitives'
import type { AssessContext } from '../../src/profitability/assess'
import { DEFAULT_GAS_MODEL } from '../../src/profitability/gas-model'
import { decide, type SelectPolicy } from '../../src/profitability/select'
import { createSources } from '../../src/profitability/sources'
import { fakeOpportunity } from '../fakes/opportunity'
import { fakePool } from '../fakes/pool'

const account = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const [WETH, USD, COIN] = [account(0xe1), account(0xd1), account(0xc1)]
const ETHER = 10n ** 18n
const USD_PER = 1_000_000n

const target: TargetBlock = { number: 101n, timestampSec: 1_012n, baseFeePerGasWei: 10n ** 9n }
const context: AssessContext = {
  wrappedNative: WETH,
  executor: account(0xbeef),
  gasPriceWei: 10n ** 9n,
  gasModel: DEFAULT_GAS_MODEL,
  maxHops: 3,
}
const policy: SelectPolicy = {
  bidShareBps: 0n,
  payee: { kind: 'none' },
  floorShareBps: 9_000n,
  minProfitWei: 0n,
  maxGasPerTransaction: 12_000_000n,
  graceSec: 60n,
}
const pools = [
  fakePool({ address: account(0xa1), tokens: [WETH, USD], reserves: [100_000n * ETHER, 20_000_000n * USD_PER] }),
  fakePool({ address: account(0xa2), tokens: [COIN, USD], reserves: [20_000_000n * ETHER, 20_000_000n * USD_PER] }),
]

/** Owes dollars; its ether, at 200 dollars and a bonus of 5 %, comes out of a reserve that holds `available`. */
const drawing = (n: number, usd: bigint, available: bigint): Opportunity => {
  const found = fakeOpportunity({
    account: account(n),
    payToken: USD,
    receiveToken: WETH,
    maxPay: usd * USD_PER,
    priceWad: (5n * 10n ** 15n * ETHER) / USD_PER,
    bonusBps: 500n,
  })
  return {
    ...found,
    closes: found.closes.map((close): Close => ({ ...close, source: { id: 'the reserve of ether', available } })),
  }
}

describe('sources', () => {
  test('default: who comes second gets what the first leaves, to the unit', () => {
    const available = 10n * ETHER
    const { plans, skips } = decide(
      pools,
      [drawing(2, 1_000n, available), drawing(1, 1_400n, available)],
      target,
      context,
      policy,
    )
    expect(skips).toEqual([])
    const takes = plans.flatMap(plan => plan.takes)
    expect(takes.map(({ position }) => position.account)).toEqual([account(1), account(2)])
    const [first, second] = takes.map(({ receiveAssets }) => receiveAssets) as [bigint, bigint]
    expect(first).toBe((1_400n * 105n * ETHER) / 20_000n)
    expect(first + second).toBeLessThanOrEqual(available)
    const more = drawing(2, 1_000n, available).closes[0]!.amountsFor(takes[1]!.payAssets + 1n)
    expect(first + more.received).toBeGreaterThan(available)
  })

  test('behavior: another way to close is taken where one has nothing left, and if there is none the skip says why', () => {
    const available = (1_400n * 105n * ETHER) / 20_000n
    const [first, second] = [drawing(1, 1_400n, available), drawing(2, 1_000n, available)]
    const other = fakeOpportunity({
      account: account(2),
      payToken: USD,
      receiveToken: COIN,
      maxPay: 900n * USD_PER,
      priceWad: (ETHER * ETHER) / USD_PER,
      bonusBps: 300n,
    })
    const both = decide(pools, [first, { ...second, closes: [...second.closes, ...other.closes] }], target, context, policy)
    expect(both.plans.flatMap(plan => plan.takes).map(({ receiveToken }) => receiveToken)).toEqual([WETH, COIN])
    const { plans, skips } = decide(pools, [first, second], target, context, policy)
    expect(plans.flatMap(plan => plan.takes)).toHaveLength(1)
    expect(skips).toMatchObject([{ reason: 'not-closable', position: { account: account(2) } }])
    expect(skips[0]!.message).toBe(`others of this block draw ${available} of the ${available} units of the reserve of ether`)
  })

  test('behavior: where nothing is short, or nothing shared, an opportunity stays the very same', () => {
    const sources = createSources()
    const [first, second] = [drawing(1, 1_000n, 100n * ETHER), drawing(2, 1_000n, 100n * ETHER)]
    expect(sources.capped(first)).toBe(first)
    sources.draw(first.closes[0]!, first.closes[0]!.maxPay)
    expect(sources.capped(second)).toBe(second)
    const own = fakeOpportunity({
      account: account(3),
      payToken: USD,
      receiveToken: WETH,
      maxPay: 1n,
      priceWad: 1n,
      bonusBps: 0n,
    })
    expect(sources.capped(own)).toBe(own)
  })
})
