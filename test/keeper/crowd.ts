// A hundred positions that one oracle post puts under water together, in two markets that share a collateral and its feed, and a rival
// who takes some of them first. Decimals, LLTVs and fees are not the demo's.

import { WAD } from '../../src/core/fixed-point'
import type { Hex } from '../../src/core/primitives'
import { pricesAt } from '../../src/lab/prices/rounds'
import { createRival, type Rival, type RivalSale, type RivalTarget } from '../../src/lab/rival'
import type { WorldSpec } from '../../src/lab/world/spec'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { World } from '../../src/lab/world/world'
import { liquidationIncentiveWad } from '../../strategies/morpho-blue/math'
import { testKey } from '../fakes/signer'
import { type Lab, liquidatedIn, openLab, type Run, readUnderWater, type UnderWater } from './lab'

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
  const ids = world.feeds.map(({ id }) => id)
  return [...postTransactions(world, prices, ids), arbitrageTransaction(world, prices)]
}

/** What gives the rival all debt tokens it can ever need, and a router that sells its collateral. */
export const equipment = (world: World, rival: Rival) => {
  const loans = [...new Set(world.markets.map(({ loan }) => loan))]
  const collateral = [...new Set(world.markets.map(market => market.collateral))]
  return rival.equip([
    ...loans.map(({ address, decimals }) => ({ token: address, amount: 10n ** BigInt(decimals + 9), source: 'mint' as const })),
    ...collateral.map(({ address }) => ({
      token: address,
      amount: 0n,
      source: 'mint' as const,
      spender: world.contracts.router,
    })),
  ])
}

/** All debt of a position that its collateral covers with the incentive. */
const targetOf = ({ market, account, borrowShares }: UnderWater): RivalTarget => ({
  params: market.params,
  borrower: account,
  repaidShares: borrowShares,
  seizedAssets: 0n,
})

/** What the rival seized, a little less for what rounding may take, sold into the deepest pool: the one that the keeper uses too. */
const saleOf = (world: World, victims: readonly UnderWater[]): RivalSale => {
  const amounts = victims.map(({ market, debtAssets, oraclePrice }) => {
    const paid = (debtAssets * liquidationIncentiveWad(market.params.lltv)) / WAD
    return (paid * 10n ** 36n) / oraclePrice
  })
  const seized = amounts.reduce((sum, amount) => sum + amount, 0n)
  const [tokenIn, tokenOut] = ['GEM', 'WETH'].map(name => world.tokens.find(({ symbol }) => symbol === name)!.address)
  return { router: world.contracts.router, tokenIn: tokenIn!, tokenOut: tokenOut!, fee: 3000, amountIn: (seized * 999n) / 1_000n }
}

export interface Attack {
  readonly name: string
  /** top: public transactions at the top of the block; bundle: one that bids more than all of ours. */
  readonly place: 'top' | 'bundle'
  readonly sells: boolean
  /** Who is taken: by the keeper's transactions, legs in their order (most profitable first). */
  victims(transactions: readonly (readonly UnderWater[])[]): readonly UnderWater[]
}

const RIVAL_FEES = { maxFeePerGasWei: 10n ** 12n, tipWei: 10n ** 9n }
const RIVAL_BID_WEI = 10n ** 22n
/** GEM drops, everything else stands: the base fee of the block in which the keeper closes. */
const BASE_FEE_WEI = 30n * 10n ** 9n

export interface CrowdLab extends Lab {
  readonly rival: Rival
}

export const openCrowd = async (options: CrowdOptions, seed: number, blockGasLimit = 60_000_000n): Promise<CrowdLab> => {
  const rivalIn = (world: World): Rival =>
    createRival({ rpc: world.rpc, morpho: world.contracts.morpho, chainId: world.chainId, key: testKey(3_000) })
  const lab = await openLab({ ...crowdSpec(options), blockGasLimit }, seed, async ({ world, builder }) => {
    const { included } = await builder.buildBlock({ topOfBlock: await equipment(world, rivalIn(world)) })
    expect(included.every(({ ok }) => ok)).toBe(true)
  })
  return { ...lab, rival: rivalIn(lab.world) }
}

/** The block after which all positions are under water, and the keeper's plans in terms of the contract's state. */
export const playDrop = async (lab: CrowdLab, run: Run) => {
  // Parent's fee: the block is nearly empty, so the next one's is an eighth lower.
  const { tick } = await run.play({ topOfBlock: dropTransactions(lab.world), baseFeePerGasWei: (BASE_FEE_WEI * 8n) / 7n })
  const all = await readUnderWater(lab.world)
  const byId = new Map(all.map(each => [`${each.market.id}/${each.account}`, each]))
  const transactions = tick.decision.plans.map(({ takes }) =>
    takes.map(({ position }) => byId.get(`${position.market}/${position.account}`)!),
  )
  return { tick, all, transactions }
}

/** The next block, in which the rival comes first; what is left open after it, and who closed what. */
export const playAttack = async (lab: CrowdLab, run: Run, attack: Attack, transactions: readonly (readonly UnderWater[])[]) => {
  const { world, builder, rival, executor } = lab
  const victims = attack.victims(transactions)
  const targets = victims.map(targetOf)
  const sales = attack.sells ? [saleOf(world, victims)] : []
  if (attack.place === 'bundle') {
    const targetBlock = BigInt(await world.rpc.request<Hex>('eth_blockNumber')) + 1n
    const bid = { builderUrl: builder.url, targetBlock, bidWei: RIVAL_BID_WEI, coinbase: builder.coinbase }
    await rival.sendBundle(targets, RIVAL_FEES, bid, sales)
  }
  const { block } = await run.play(attack.place === 'top' ? { topOfBlock: rival.calls(targets, sales) } : {})
  const liquidated = await liquidatedIn(world, block.number)
  const by = (caller: string): number => liquidated.filter(each => each.caller === caller).length
  return {
    block,
    victims: victims.length,
    byRival: by(rival.address),
    byUs: by(executor.contract),
    failedForRival: block.included.filter(({ ok, place }) => !ok && place === 'top').length,
    left: (await readUnderWater(world)).length,
  }
}
