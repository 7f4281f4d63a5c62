// A hundred positions that one oracle post puts under water together, in two markets that share a collateral and its feed, and a rival
// who takes some of them first. Decimals, LLTVs and fees are not the demo's.

import { pricesAt } from '../../src/lab/prices/rounds'
import { createRival, type Rival, type RivalTarget } from '../../src/lab/rival'
import type { WorldSpec } from '../../src/lab/world/spec'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { World } from '../../src/lab/world/world'
import { testKey } from '../fakes/signer'
import type { UnderWater } from './lab'

export interface CrowdOptions {
  /** Positions in each of the two markets. */
  readonly each: number
  /** USD that move GEM by 1 %, in its deeper pool. */
  readonly depthUsd: number
  readonly medianUsd: number
  /** GEM after the drop, from 50. */
  readonly dropTo: number
}

export const CROWD: CrowdOptions = { each: 50, depthUsd: 4_000_000, medianUsd: 3_000, dropTo: 47.5 }

const wide = (depthUsd: number) => [
  { from: 0.2, to: 4, depthUsd: depthUsd / 2 },
  { from: 0.8, to: 1.2, depthUsd: depthUsd / 2 },
]

export const crowdSpec = ({ each, depthUsd, medianUsd, dropTo }: CrowdOptions): WorldSpec => ({
  name: 'crowd',
  prices: { startSec: 1_600_000_000, barSec: 3_600, closes: { ETH: [200, 200], GEM: [50, dropTo] } },
  openAtBar: 0,
  tokens: [
    { symbol: 'WETH', name: 'Wrapped Ether', decimals: 18, asset: 'ETH', kind: { kind: 'wrapped-native' } },
    { symbol: 'GEM', name: 'Gem', decimals: 9, asset: 'GEM', kind: { kind: 'lab' } },
    { symbol: 'GUSD', name: 'Two-digit dollar', decimals: 2, asset: null, kind: { kind: 'lab' } },
    { symbol: 'LUSD', name: 'Long dollar', decimals: 24, asset: null, kind: { kind: 'lab' } },
  ],
  feeds: [{ id: 'GEM / USD', decimals: 12, base: 'GEM', quote: null, thresholdBps: 50 }],
  markets: [
    {
      name: 'GEM/GUSD',
      collateral: 'GEM',
      loan: 'GUSD',
      lltvPercent: 80,
      oracle: { kind: 'feeds', base: ['GEM / USD'], quote: [] },
      borrowers: {
        count: each,
        ltvShare: [0.965, 0.99],
        debtUsd: { median: medianUsd, sigma: 0.8, min: medianUsd / 5, max: medianUsd * 6 },
      },
      utilisation: 0.9,
    },
    {
      name: 'GEM/LUSD',
      collateral: 'GEM',
      loan: 'LUSD',
      lltvPercent: 91.5,
      oracle: { kind: 'feeds', base: ['GEM / USD'], quote: [] },
      borrowers: {
        count: each,
        ltvShare: [0.965, 0.99],
        debtUsd: { median: medianUsd, sigma: 0.8, min: medianUsd / 5, max: medianUsd * 6 },
      },
      utilisation: 0.85,
    },
  ],
  pools: [
    { a: 'GEM', b: 'WETH', fee: 3000, liquidity: wide(depthUsd) },
    { a: 'GEM', b: 'LUSD', fee: 3000, liquidity: wide(depthUsd / 4) },
    { a: 'WETH', b: 'GUSD', fee: 500, liquidity: wide(depthUsd) },
    { a: 'WETH', b: 'LUSD', fee: 500, liquidity: wide(depthUsd) },
  ],
  blockGasLimit: 60_000_000n,
  baseFee: null,
})

/** The one block that puts everybody under water: the feed posts, arbitrage follows. */
export const dropTransactions = (world: World) => {
  const prices = pricesAt(world.spec.prices, 1)
  return [
    ...postTransactions(
      world,
      prices,
      world.feeds.map(({ id }) => id),
    ),
    arbitrageTransaction(world, prices),
  ]
}

export const RIVAL_FEES = { maxFeePerGasWei: 10n ** 12n, tipWei: 10n ** 9n }

export const newRival = (world: World): Rival =>
  createRival({ rpc: world.rpc, morpho: world.contracts.morpho, chainId: world.chainId, key: testKey(3_000) })

/** What gives the rival all debt tokens it can ever need. */
export const equipment = (world: World, rival: Rival) =>
  rival.equip(
    [...new Map(world.markets.map(({ loan }) => [loan.address, loan])).values()].map(({ address, decimals, kind }) =>
      kind.kind === 'wrapped-native'
        ? { token: address, amount: 10n ** 23n, source: 'deposit' as const }
        : { token: address, amount: 10n ** BigInt(decimals + 9), source: 'mint' as const },
    ),
  )

/** All debt of a position that its collateral covers with the incentive. */
export const rivalTarget = ({ market, account, borrowShares }: UnderWater): RivalTarget => ({
  params: market.params,
  borrower: account,
  repaidShares: borrowShares,
  seizedAssets: 0n,
})
