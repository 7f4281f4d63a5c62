// Hand-written hex against viem, the ABIs that the official v3.0 package ships, and the signatures of v3.6's sources.
import { describe, expect, it } from '@jest/globals'
import {
  type Abi,
  type AbiEvent,
  encodeAbiParameters,
  encodeFunctionData,
  encodeFunctionResult,
  parseAbi,
  toEventSelector,
  toFunctionSelector,
} from 'viem'
import { addressesIn, wordsOf, ZERO_ADDRESS } from '../../../src/core/abi-words'
import type { Address, Hex } from '../../../src/core/primitives'
import { v30Artifacts } from '../../../src/lab/world/aave/artifact'
import type { Reserve } from '../../../strategies/aave-v3/abi'
import * as abi from '../../../strategies/aave-v3/abi'

const address = (n: number): Address => `0x${n.toString(16).padStart(40, 'a')}`
const ok = (data: Hex) => ({ kind: 'ok', data }) as const
const failed = { kind: 'failed', why: 'reverted' } as const

const topicOf = (name: string, contract: string): Hex => {
  const event = (v30Artifacts(contract).abi as readonly AbiEvent[]).find(item => item.type === 'event' && item.name === name)
  if (event === undefined) throw new Error(`${contract} has no ${name}`)
  return toEventSelector(event)
}
const upper = (name: string): string => name[0]!.toUpperCase() + name.slice(1)

const LATER = {
  liquidationGracePeriodChanged: 'event LiquidationGracePeriodChanged(address indexed asset, uint40 gracePeriodUntil)',
  liquidationGracePeriodDisabled: 'event LiquidationGracePeriodDisabled(address indexed asset)',
  assetCollateralInEModeChanged: 'event AssetCollateralInEModeChanged(address indexed asset, uint8 categoryId, bool collateral)',
  assetBorrowableInEModeChanged: 'event AssetBorrowableInEModeChanged(address indexed asset, uint8 categoryId, bool borrowable)',
} as const
const laterTopic = (name: keyof typeof LATER): Hex => toEventSelector(LATER[name])

describe('topics', () => {
  it('default: every one is the official event', () => {
    for (const [name, topic] of Object.entries(abi.POOL_TOPIC))
      expect([name, topic]).toEqual([name, topicOf(upper(name), 'Pool')])
    for (const [name, topic] of Object.entries(abi.TOKEN_TOPIC)) expect(topic).toBe(topicOf(upper(name), 'AToken'))
    for (const [name, topic] of Object.entries(abi.STABLE_TOPIC)) expect(topic).toBe(topicOf(upper(name), 'StableDebtToken'))
    for (const [name, topic] of Object.entries(abi.PROVIDER_TOPIC))
      expect(topic).toBe(topicOf(upper(name), 'PoolAddressesProvider'))
    for (const group of [abi.RESERVE_TOPIC, abi.LIST_TOPIC, abi.CATEGORY_TOPIC])
      for (const [name, topic] of Object.entries(group))
        expect([name, topic]).toEqual([
          name,
          name in LATER ? laterTopic(name as keyof typeof LATER) : topicOf(upper(name), 'PoolConfigurator'),
        ])
    expect(abi.TOPIC_UPGRADED).toBe(toEventSelector('Upgraded(address)'))
  })
  it('behavior: both versions tell alike what both of them tell', () => {
    // Debt tokens of v3.0 and of v3.6 tell minting and burning as aTokens do.
    expect(abi.TOKEN_TOPIC.mint).toBe(topicOf('Mint', 'VariableDebtToken'))
    expect(abi.TOKEN_TOPIC.burn).toBe(toEventSelector('Burn(address,address,uint256,uint256,uint256)'))
  })
})

const views = parseAbi([
  'function POOL_REVISION() view returns (uint256)',
  'function ADDRESSES_PROVIDER() view returns (address)',
  'function getReservesList() view returns (address[])',
  'function getReserveData(address) view returns (uint256)',
  'function getLiquidationGracePeriod(address) view returns (uint40)',
  'function getVirtualUnderlyingBalance(address) view returns (uint128)',
  'function getUserConfiguration(address) view returns (uint256)',
  'function getUserEMode(address) view returns (uint256)',
  'function getUserAccountData(address) view returns (uint256, uint256, uint256, uint256, uint256, uint256)',
  'function getPoolConfigurator() view returns (address)',
  'function getPriceOracle() view returns (address)',
  'function getPriceOracleSentinel() view returns (address)',
  'function getAssetPrice(address) view returns (uint256)',
  'function isLiquidationAllowed() view returns (bool)',
  'function balanceOf(address) view returns (uint256)',
  'function scaledTotalSupply() view returns (uint256)',
  'function scaledBalanceOf(address) view returns (uint256)',
  'function principalBalanceOf(address) view returns (uint256)',
  'function getUserStableRate(address) view returns (uint256)',
  'function getUserLastUpdated(address) view returns (uint40)',
  'function getEModeCategoryCollateralConfig(uint8) view returns ((uint16 ltv, uint16 threshold, uint16 bonus))',
  'function getEModeCategoryCollateralBitmap(uint8) view returns (uint128)',
  'function getEModeCategoryBorrowableBitmap(uint8) view returns (uint128)',
  'function getEModeCategoryData(uint8) view returns ((uint16 ltv, uint16 threshold, uint16 bonus, address priceSource, string label))',
  'function liquidationCall(address, address, address, uint256, bool)',
])
const call = (functionName: string, ...args: readonly unknown[]): Hex =>
  encodeFunctionData({ abi: views as Abi, functionName, args: [...args] })
const answer = (functionName: string, result: unknown): Hex => encodeFunctionResult({ abi: views as Abi, functionName, result })

const reserve: Reserve = {
  id: 5,
  asset: address(1),
  aToken: address(2),
  debtToken: address(3),
  stableDebtToken: address(4),
  decimals: 18,
  ltvBps: 1n,
  thresholdBps: 2n,
  bonusBps: 3n,
  protocolFeeBps: 4n,
  isActive: true,
  isFrozen: false,
  isPaused: false,
  graceUntilSec: 0n,
  category: 0,
  unseenScaled: 0n,
  isUnread: false,
  liquidityIndexRay: 1n,
  variableBorrowIndexRay: 1n,
  liquidityRateRay: 0n,
  variableBorrowRateRay: 0n,
  updatedSec: 0n,
}

describe('calls', () => {
  it('default: as viem encodes them', () => {
    const who = address(7)
    expect([
      abi.encodePoolRevision(),
      abi.encodeAddressesProvider(),
      abi.encodeReservesList(),
      abi.encodeReserveData(who),
      abi.encodeGracePeriod(who),
      abi.encodeVirtualBalance(who),
      abi.encodeUserConfiguration(who),
      abi.encodeUserEMode(who),
      abi.encodeUserAccountData(who),
      abi.encodeConfigurator(),
      abi.encodeOracle(),
      abi.encodeSentinel(),
      abi.encodeAssetPrice(who),
      abi.encodeLiquidationAllowed(),
      abi.encodeBalance(who),
      abi.encodeScaledTotalSupply(),
    ]).toEqual([
      call('POOL_REVISION'),
      call('ADDRESSES_PROVIDER'),
      call('getReservesList'),
      call('getReserveData', who),
      call('getLiquidationGracePeriod', who),
      call('getVirtualUnderlyingBalance', who),
      call('getUserConfiguration', who),
      call('getUserEMode', who),
      call('getUserAccountData', who),
      call('getPoolConfigurator'),
      call('getPriceOracle'),
      call('getPriceOracleSentinel'),
      call('getAssetPrice', who),
      call('isLiquidationAllowed'),
      call('balanceOf', who),
      call('scaledTotalSupply'),
    ])
    expect(abi.encodeLiquidationCall(address(1), address(2), who, 99n, true)).toBe(
      call('liquidationCall', address(1), address(2), who, 99n, true),
    )
    expect(abi.categoryCalls('v3.0', 7)).toEqual([call('getEModeCategoryData', 7)])
    expect(abi.categoryCalls('v3.6', 7)).toEqual([
      call('getEModeCategoryCollateralConfig', 7),
      call('getEModeCategoryCollateralBitmap', 7),
      call('getEModeCategoryBorrowableBitmap', 7),
    ])
  })
  it('behavior: an entry is asked of its token', () => {
    const who = address(7)
    expect(abi.entryCalls(reserve, abi.collateralColumn(reserve.id), who)).toEqual([
      { to: address(2), data: call('scaledBalanceOf', who) },
    ])
    expect(abi.entryCalls(reserve, abi.debtColumn(reserve.id), who)).toEqual([
      { to: address(3), data: call('scaledBalanceOf', who) },
    ])
    expect(abi.entryCalls(reserve, abi.stableColumn(reserve.id), who)).toEqual(
      ['principalBalanceOf', 'getUserStableRate', 'getUserLastUpdated'].map(name => ({ to: address(4), data: call(name, who) })),
    )
    expect(abi.entryCalls({ ...reserve, stableDebtToken: null }, abi.stableColumn(reserve.id), who)).toEqual([])
  })
  it('behavior: liquidationCall has its selector in both versions', () => {
    expect(abi.encodeLiquidationCall(address(1), address(1), address(1), 0n, false).slice(0, 10)).toBe(
      toFunctionSelector('liquidationCall(address,address,address,uint256,bool)'),
    )
  })
})

describe('answers', () => {
  it('default: a reserve, bit by bit', () => {
    const configuration =
      7_000n | (7_500n << 16n) | (10_500n << 32n) | (6n << 48n) | (1n << 56n) | (1n << 60n) | (1_000n << 152n) | (3n << 168n)
    const words = [configuration, 11n, 12n, 13n, 14n, 15n, 16n, 17n].map(value => ({ type: 'uint256', value }) as const)
    const rest = [2, 3, 4, 5].map(n => ({ type: 'address', value: address(n) }) as const)
    const all = [...words, ...rest, ...[0n, 0n, 0n].map(value => ({ type: 'uint256', value }) as const)]
    const data = encodeAbiParameters(
      all.map(({ type }) => ({ type })),
      all.map(({ value }) => value),
    )
    expect(abi.readReserve(data)).toEqual({
      id: 17,
      aToken: address(2),
      stableDebtToken: address(3),
      debtToken: address(4),
      decimals: 6,
      ltvBps: 7_000n,
      thresholdBps: 7_500n,
      bonusBps: 10_500n,
      protocolFeeBps: 1_000n,
      isActive: true,
      isFrozen: false,
      isPaused: true,
      category: 3,
      liquidityIndexRay: 11n,
      liquidityRateRay: 12n,
      variableBorrowIndexRay: 13n,
      variableBorrowRateRay: 14n,
      updatedSec: 16n,
    })
    expect(wordsOf(ok(data), abi.RESERVE_WORDS)).toBe(data)
    expect(wordsOf(ok(`0x${data.slice(66)}`), abi.RESERVE_WORDS)).toBeNull()
  })
  it('behavior: e-modes of either version; one that was never set is none', () => {
    const old = (source: Address) =>
      ok(answer('getEModeCategoryData', { ltv: 90, threshold: 93, bonus: 101, priceSource: source, label: 'x'.repeat(40) }))
    const fresh = [
      ok(answer('getEModeCategoryCollateralConfig', { ltv: 90, threshold: 93, bonus: 101 })),
      ok(answer('getEModeCategoryCollateralBitmap', 5n)),
      ok(answer('getEModeCategoryBorrowableBitmap', 6n)),
    ]
    const common = { id: 2, thresholdBps: 93n, bonusBps: 101n }
    const none = { collateralBitmap: 0n, borrowableBitmap: 0n }
    expect(abi.readCategory('v3.0', 2, [old(address(9))])).toEqual({ ...common, ...none, priceSource: address(9) })
    expect(abi.readCategory('v3.0', 2, [old(ZERO_ADDRESS)])).toEqual({ ...common, ...none, priceSource: null })
    expect(abi.readCategory('v3.6', 2, fresh)).toEqual({
      ...common,
      priceSource: null,
      collateralBitmap: 5n,
      borrowableBitmap: 6n,
    })
    const zero = ok(`0x${'0'.repeat(64 * 3)}`)
    expect(abi.readCategory('v3.6', 2, [zero, zero, zero])).toBe('none')
    expect(abi.readCategory('v3.6', 2, [fresh[0]!, failed, fresh[2]!])).toBeNull()
    expect(abi.readCategory('v3.0', 2, [])).toBeNull()
  })
  it('behavior: a list of addresses, and what is none', () => {
    const list = ok(answer('getReservesList', [address(1), address(2)]))
    expect(addressesIn(list, 2)).toEqual([address(1), address(2)])
    expect(addressesIn(ok(answer('getReservesList', [])), 2)).toEqual([])
    expect(addressesIn(list, 1)).toBeNull()
    expect(addressesIn(failed, 2)).toBeNull()
    expect(addressesIn(ok(list.data.slice(0, -64) as Hex), 2)).toBeNull()
    expect(addressesIn(ok(`0x${'f'.repeat(128)}`), 2)).toBeNull()
  })
  it('behavior: an entry is read whole or not at all', () => {
    const word = (value: bigint) => ok(`0x${value.toString(16).padStart(64, '0')}`)
    expect(abi.readEntry(abi.debtColumn(2), [word(5n)])).toEqual({ column: 7, amount: 5n })
    expect(abi.readEntry(abi.stableColumn(2), [word(5n), word(6n), word(7n)])).toEqual({
      column: 8,
      amount: 5n,
      stable: { rateRay: 6n, sinceSec: 7n },
    })
    expect(abi.readEntry(abi.stableColumn(2), [word(5n), failed, word(7n)])).toBeNull()
    expect(abi.readEntry(abi.collateralColumn(2), [failed])).toBeNull()
    expect(abi.readEntry(abi.collateralColumn(2), [word(1n << 128n)])).toBeNull()
  })
})
