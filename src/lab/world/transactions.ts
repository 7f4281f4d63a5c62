// A round as public transactions: feeds post, arbitrage pulls every pool back to market, the crowd fills the block.
// Who mines them is up to the caller: a plain chain, or the lab's builder together with bundles.
import { encodeFunctionData } from 'viem'
import type { UnsignedCall } from '../builder/transaction'
import type { Prices, Round } from '../prices/rounds'
import { feedAbi, marketMakerAbi } from './abis'
import { fillerGas, type ParentFees, wantedBaseFeeWei } from './base-fee'
import { feedAnswer } from './feeds'
import { bandX96, priceOf, sqrtPriceX96 } from './market-price'
import type { World, WorldPool } from './world'

const GWEI = 10n ** 9n
const POST_GAS = 120_000n
const ARBITRAGE_GAS_PER_POOL = 400_000n

/** Posts of the named feeds at these prices. */
export const postTransactions = (world: World, prices: Prices, feedIds: readonly string[]): readonly UnsignedCall[] =>
  world.feeds
    .filter(feed => feedIds.includes(feed.id))
    .map(feed => ({
      from: world.actors.feedNode,
      to: feed.address,
      data: encodeFunctionData({ abi: feedAbi, functionName: 'submit', args: [feedAnswer(feed, prices)] }),
      gas: POST_GAS,
      maxPriorityFeePerGasWei: 3n * GWEI,
    }))

const bandOf = (pool: WorldPool, prices: Prices) => {
  const priced = (token: WorldPool['token0']) => ({ decimals: token.decimals, priceWad: priceOf(prices, token) })
  const { lowest, highest } = bandX96(sqrtPriceX96(priced(pool.token0), priced(pool.token1)), pool.fee)
  return { pool: pool.address, lowestX96: lowest, highestX96: highest }
}

/** One transaction that leaves every pool within its fee of these prices, whatever happened to it before. */
export const arbitrageTransaction = (world: World, prices: Prices): UnsignedCall => ({
  from: world.actors.arbitrageur,
  to: world.contracts.marketMaker,
  data: encodeFunctionData({
    abi: marketMakerAbi,
    functionName: 'bringBack',
    args: [world.pools.map(pool => bandOf(pool, prices))],
  }),
  gas: 200_000n + BigInt(world.pools.length) * ARBITRAGE_GAS_PER_POOL,
  maxPriorityFeePerGasWei: 2n * GWEI,
})

/** Transactions that burn block space so that the base fee follows the round's stress; none where the spec has no base fee. */
export const fillerTransactions = (world: World, bar: number, parent: ParentFees): readonly UnsignedCall[] => {
  const { baseFee, prices } = world.spec
  if (baseFee === null) return []
  const parts = fillerGas(wantedBaseFeeWei(baseFee, prices, bar), parent)
  return parts.map(gas => ({
    from: world.actors.crowd,
    to: world.contracts.filler,
    data: '0x',
    gas,
    maxPriorityFeePerGasWei: 0n,
  }))
}

/** Everything public of one round, best tips first. `parent` is the block that the round's block follows. */
export const roundTransactions = (world: World, round: Round, parent: ParentFees): readonly UnsignedCall[] => [
  ...postTransactions(world, round.prices, round.posts),
  arbitrageTransaction(world, round.prices),
  ...fillerTransactions(world, round.bar, parent),
]

/** Timestamp of a round's block. */
export const roundTimestamp = (world: World, round: Round): bigint => world.startSec + BigInt(round.offsetSec)
