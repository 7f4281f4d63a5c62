// Hand-written hex against viem and the ABIs that the official package ships.
import { describe, expect, it } from '@jest/globals'
import { type AbiEvent, encodeFunctionData, encodeFunctionResult, parseAbi, toEventSelector } from 'viem'
import type { Address, Hex } from '../../../src/core/primitives'
import {
  encodeBorrowRateView,
  encodeDecimals,
  encodeIdToMarketParams,
  encodeLiquidate,
  encodeMarket,
  encodePosition,
  encodePrice,
  encodeRateAtTarget,
  encodeSymbol,
  readMarket,
  readParams,
  TOPIC,
  TOPIC_BORROW_RATE_UPDATE,
} from '../../../strategies/morpho-blue/abi'
import { officialAbi } from './official'

const morphoAbi = officialAbi('Morpho')
const irmAbi = officialAbi('AdaptiveCurveIrm')
const address = (n: number): Address => `0x${n.toString(16).padStart(40, 'a')}`
const id: Hex = `0x${'5e'.repeat(32)}`
const params = {
  loanToken: address(1),
  collateralToken: address(2),
  oracle: address(3),
  irm: address(4),
  lltvWad: 860_000_000_000_000_000n,
}
const { lltvWad, ...addresses } = params
const officialParams = { ...addresses, lltv: lltvWad }
const totals = { supplyAssets: 1n, supplyShares: 2n, borrowAssets: 3n, borrowShares: 4n, feeWad: 6n }
const officialMarket = {
  totalSupplyAssets: 1n,
  totalSupplyShares: 2n,
  totalBorrowAssets: 3n,
  totalBorrowShares: 4n,
  lastUpdate: 5n,
  fee: 6n,
}

const eventTopic = (abi: readonly unknown[], name: string): Hex =>
  toEventSelector((abi as readonly AbiEvent[]).find(item => item.type === 'event' && item.name === name)!)

describe('topics', () => {
  it('default: every one is the official event', () => {
    for (const [name, topic] of Object.entries(TOPIC))
      expect(topic).toBe(eventTopic(officialAbi('EventsLib'), name[0]!.toUpperCase() + name.slice(1)))
    expect(TOPIC_BORROW_RATE_UPDATE).toBe(eventTopic(irmAbi, 'BorrowRateUpdate'))
  })
})

describe('calls', () => {
  it('default: as viem encodes them', () => {
    const morpho = (functionName: string, args: readonly unknown[]): Hex =>
      encodeFunctionData({ abi: morphoAbi, functionName, args })
    expect(encodeMarket(id)).toBe(morpho('market', [id]))
    expect(encodePosition(id, address(9))).toBe(morpho('position', [id, address(9)]))
    expect(encodeIdToMarketParams(id)).toBe(morpho('idToMarketParams', [id]))
    expect(encodeLiquidate(params, address(9), 7n, 0n)).toBe(morpho('liquidate', [officialParams, address(9), 7n, 0n, '0x']))
    expect(encodeRateAtTarget(id)).toBe(encodeFunctionData({ abi: irmAbi, functionName: 'rateAtTarget', args: [id] }))
    expect(encodeBorrowRateView(params, totals, 5n)).toBe(
      encodeFunctionData({ abi: irmAbi, functionName: 'borrowRateView', args: [officialParams, officialMarket] }),
    )
    const plain = parseAbi([
      'function price() view returns (uint256)',
      'function decimals() view returns (uint8)',
      'function symbol() view returns (string)',
    ])
    expect(encodePrice()).toBe(encodeFunctionData({ abi: plain, functionName: 'price' }))
    expect(encodeDecimals()).toBe(encodeFunctionData({ abi: plain, functionName: 'decimals' }))
    expect(encodeSymbol()).toBe(encodeFunctionData({ abi: plain, functionName: 'symbol' }))
  })
})

describe('answers', () => {
  it('default: as viem would encode them', () => {
    const result = (functionName: string, value: unknown): Hex =>
      encodeFunctionResult({ abi: morphoAbi, functionName, result: value })
    expect(readMarket(result('market', Object.values(officialMarket)))).toEqual({ totals, lastUpdateSec: 5n })
    expect(readParams(result('idToMarketParams', Object.values(officialParams)), 0)).toEqual(params)
  })
})
