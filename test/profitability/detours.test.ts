import type { Opportunity } from '../../src/core/opportunity'
import type { Address, TargetBlock } from '../../src/core/primitives'
import type { Take } from '../../src/core/verdict'
import type { AssessContext } from '../../src/profitability/assess'
import { createDetours } from '../../src/profitability/detours'
import { DEFAULT_GAS_MODEL } from '../../src/profitability/gas-model'
import { decide, type SelectPolicy } from '../../src/profitability/select'
import { fakeOpportunity } from '../fakes/opportunity'
import { fakePool } from '../fakes/pool'

const account = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const [WETH, USD, COIN] = [account(0xe1), account(0xd1), account(0xc1)]
const ETHER = 10n ** 18n
const USD_UNIT = 1_000_000n

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

/** At the market's price; and at one that is twice too good, as of a token that nobody can move any more. */
const [honest, frozen] = [account(0xa1), account(0xa2)]
const pools = [
  fakePool({ address: honest, tokens: [WETH, USD], reserves: [100_000n * ETHER, 20_000_000n * USD_UNIT] }),
  fakePool({ address: frozen, tokens: [WETH, USD], reserves: [50_000n * ETHER, 20_000_000n * USD_UNIT] }),
  fakePool({ address: account(0xa3), tokens: [COIN, USD], reserves: [20_000_000n * ETHER, 20_000_000n * USD_UNIT] }),
]

const owing = (receiveToken: Address, priceWad: bigint, bonusBps: bigint): Opportunity =>
  fakeOpportunity({ account: account(1), payToken: USD, receiveToken, maxPay: 1_000n * USD_UNIT, priceWad, bonusBps })
const ether = owing(WETH, (5n * 10n ** 15n * ETHER) / USD_UNIT, 500n)
const coins = owing(COIN, (ETHER * ETHER) / USD_UNIT, 100n)
const position: Opportunity = { ...ether, closes: [...ether.closes, ...coins.closes] }

/** Somebody else whose leg went through `honest` alone. */
const sound = {
  ...decide([pools[0]!], [ether], target, context, policy).plans[0]!.takes[0]!,
  position: { ...ether.position, account: account(2) },
}

const takeOf = (opportunity: Opportunity): Take =>
  decide(pools, [opportunity], target, context, policy).plans.flatMap(plan => plan.takes)[0]!

describe('detours', () => {
  test('default: who failed goes around the pools, then without the pair, then as before', () => {
    const detours = createDetours()
    const routes: (readonly Address[])[] = []
    detours.worked(sound, 100n)
    for (let block = 100n; block < 104n; block++) {
      const take = takeOf(detours.apply(position, block))
      routes.push([take.receiveToken, ...new Set(take.route)])
      detours.failed(take, block)
    }
    expect(routes[0]).toEqual([WETH, frozen, honest])
    expect(routes[1]).toEqual([WETH, honest])
    expect(routes[2]![0]).toBe(COIN)
    expect(routes[3]).toEqual(routes[0])
  })

  test('behavior: what worked goes on; what was long ago is forgotten', () => {
    const detours = createDetours()
    detours.failed(takeOf(position), 100n)
    detours.worked(sound, 102n)
    for (const block of [103n, 106n]) {
      const take = takeOf(detours.apply(position, block))
      expect(take.route).not.toContain(frozen)
      detours.worked(take, block)
    }
    expect(detours.apply(position, 110n)).toBe(position)
    const fresh = createDetours()
    fresh.worked(takeOf(position), 100n)
    expect(fresh.apply(position, 100n)).toBe(position)
  })

  test('behavior: where nothing is left that pays, the pools are not avoided; the only pair stays', () => {
    const detours = createDetours()
    const only = { ...position, closes: ether.closes }
    const poor = [pools[1]!]
    const routeOf = (opportunity: Opportunity) =>
      decide(poor, [opportunity], target, context, policy).plans.flatMap(plan => plan.takes)[0]!
    detours.failed(routeOf(only), 100n)
    const avoiding = detours.apply(only, 101n)
    expect(avoiding.avoid).toEqual(new Set([frozen]))
    expect(routeOf(avoiding).route).toContain(frozen)
    detours.failed(routeOf(avoiding), 101n)
    expect(detours.apply(only, 102n)).toBe(only)
  })
})
