// What a keeper without an index computes for each block, on a world's real positions and markets: interest to the next block, then every
// position's health. Once in plain bigint, once with the classes of Morpho's own SDK, which Morpho's bot is made of. No I/O in what is timed.
import { AccrualPosition, Market } from '@morpho-org/blue-sdk'
import { decodeFunctionResult, encodeFunctionData, parseAbi } from 'viem'
import type { Hex } from '../../src/core/primitives'
import { type MarketState, readWorld } from '../../src/lab/world/accounting'
import { accrue, adaptiveRate, isHealthy, type Totals } from '../../strategies/morpho-blue/math'
import type { Scene } from './scene'

const ABI = parseAbi([
  'function market(bytes32 id) view returns (uint128 supplyAssets, uint128 supplyShares, uint128 borrowAssets, uint128 borrowShares, uint128 lastUpdate, uint128 fee)',
  'function rateAtTarget(bytes32 id) view returns (int256)',
])

interface NaiveMarket extends MarketState {
  readonly totals: Totals
  readonly lastUpdateSec: bigint
  readonly rateAtTarget: bigint
}

export interface NaivePass {
  /** Positions looked at. */
  readonly positions: number
  /** Each finds how many are under water at the next block. */
  bigints(): number
  sdk(): number
}

const readTotals = async ({ world }: Scene, state: MarketState): Promise<NaiveMarket> => {
  const { id } = state.market
  const call = async (to: Hex, functionName: 'market' | 'rateAtTarget'): Promise<Hex> => {
    const data = encodeFunctionData({ abi: ABI, functionName, args: [id] })
    return world.rpc.request<Hex>('eth_call', { to, data }, 'latest')
  }
  const [market, rate] = [await call(world.contracts.morpho, 'market'), await call(world.contracts.irm, 'rateAtTarget')]
  const [supplyAssets, supplyShares, borrowAssets, borrowShares, lastUpdateSec, feeWad] = decodeFunctionResult({
    abi: ABI,
    functionName: 'market',
    data: market,
  })
  const rateAtTarget = decodeFunctionResult({ abi: ABI, functionName: 'rateAtTarget', data: rate })
  return { ...state, totals: { supplyAssets, supplyShares, borrowAssets, borrowShares, feeWad }, lastUpdateSec, rateAtTarget }
}

const countBigints = (
  { market, oraclePrice, positions, totals, lastUpdateSec, rateAtTarget }: NaiveMarket,
  nowSec: bigint,
): number => {
  const elapsedSec = nowSec - lastUpdateSec
  const now = accrue(totals, adaptiveRate(totals, rateAtTarget, elapsedSec).averageRateWad, elapsedSec)
  if (now === null) throw new Error('interest leaves 128 bits')
  let found = 0
  for (const { borrowShares, collateralAssets } of positions)
    if (!isHealthy(borrowShares, collateralAssets, now, oraclePrice, market.params.lltv)) found += 1
  return found
}

const countSdk = (
  { market, oraclePrice, positions, totals, lastUpdateSec, rateAtTarget }: NaiveMarket,
  nowSec: bigint,
): number => {
  const now = new Market({
    params: market.params,
    totalSupplyAssets: totals.supplyAssets,
    totalSupplyShares: totals.supplyShares,
    totalBorrowAssets: totals.borrowAssets,
    totalBorrowShares: totals.borrowShares,
    lastUpdate: lastUpdateSec,
    fee: totals.feeWad,
    price: oraclePrice,
    rateAtTarget,
  })
  let found = 0
  for (const { account: user, borrowShares, collateralAssets: collateral } of positions) {
    const position = new AccrualPosition({ user, supplyShares: 0n, borrowShares, collateral }, now).accrueInterest(nowSec)
    if ((position.seizableCollateral ?? 0n) > 0n) found += 1
  }
  return found
}

/** Reads the world as it stands at its head; verdicts are for a slot later. */
export const createNaivePass = async (scene: Scene, slotSec: bigint): Promise<NaivePass> => {
  const markets: NaiveMarket[] = []
  for (const state of await readWorld(scene.world, { block: 'latest' })) markets.push(await readTotals(scene, state))
  const { timestamp } = await scene.world.rpc.request<{ readonly timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)
  const nowSec = BigInt(timestamp) + slotSec
  return {
    positions: markets.reduce((sum, { positions }) => sum + positions.length, 0),
    bigints: () => markets.reduce((sum, market) => sum + countBigints(market, nowSec), 0),
    sdk: () => markets.reduce((sum, market) => sum + countSdk(market, nowSec), 0),
  }
}
