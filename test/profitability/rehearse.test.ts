import type { Address } from '../../src/core/primitives'
import { DEFAULT_GAS_MODEL } from '../../src/profitability/gas-model'
import { rehearse } from '../../src/profitability/rehearse'
import type { SelectPolicy } from '../../src/profitability/select'
import { fakePool } from '../fakes/pool'

const WETH: Address = '0x00000000000000000000000000000000000000e1'
const USD: Address = '0x00000000000000000000000000000000000000d1'
const context = { wrappedNative: WETH, executor: USD, gasModel: DEFAULT_GAS_MODEL, maxHops: 3 }
const target = { number: 0n, timestampSec: 0n, baseFeePerGasWei: 0n }
const policy: SelectPolicy = {
  bidShareBps: 2_500n,
  payee: { kind: 'coinbase' },
  floorShareBps: 9_000n,
  minProfitWei: 0n,
  maxGasPerTransaction: 11_000_000n,
  graceSec: 60n,
}
const pool = fakePool({
  address: '0x00000000000000000000000000000000000000a1',
  tokens: [WETH, USD],
  reserves: [10n ** 22n, 2n * 10n ** 12n],
})

describe('rehearse', () => {
  test('default: plans come of it, so the whole way has run', () => {
    const plans = rehearse([pool], target, context, policy)
    expect(plans.length).toBeGreaterThanOrEqual(40)
    expect(plans.every(plan => plan.takes.length > 0 && plan.lastBlock === 0n)).toBe(true)
  })

  test('behavior: without pools, or with empty ones, there is nothing to rehearse with', () => {
    const empty = fakePool({ address: USD, tokens: [WETH, USD], reserves: [0n, 0n] })
    expect(rehearse([], target, context, policy)).toEqual([])
    expect(() => rehearse([empty], target, context, policy)).not.toThrow()
  })
})
