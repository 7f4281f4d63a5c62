// What the world lost: debt that no collateral covers at market price, and what the protocol socialised. Reads contracts only.
import { decodeEventLog, encodeFunctionData, toEventSelector } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import type { Prices } from '../prices/rounds'
import { aaveBadDebt } from './aave/accounting'
import { lensAbi, morphoAbi } from './abis'
import { priceOf, usdOf } from './market-price'
import { toQuantity } from './outbox'
import type { World, WorldMarket } from './world'

export interface PositionState {
  readonly account: Address
  readonly collateralAssets: bigint
  readonly borrowShares: bigint
  /** Rounded up, with interest. */
  readonly debtAssets: bigint
}

export interface MarketState {
  readonly market: WorldMarket
  /** Of the oracle, in Morpho's scale; 0n where it fails. */
  readonly oraclePrice: bigint
  readonly positions: readonly PositionState[]
}

const CHUNK = 400

const wordAt = (data: Hex, index: number): bigint => BigInt(`0x${data.slice(2 + index * 64, 66 + index * 64)}`)

const decodeRead = (
  data: Hex,
  accounts: readonly Address[],
): { readonly price: bigint; readonly rows: readonly PositionState[] } => ({
  price: wordAt(data, 0),
  // Words: price, offset, length, then three words an account.
  rows: accounts.map((account, index) => ({
    account,
    collateralAssets: wordAt(data, 3 + 3 * index),
    borrowShares: wordAt(data, 4 + 3 * index),
    debtAssets: wordAt(data, 5 + 3 * index),
  })),
})

export interface ReadOptions {
  /** State of the end of this block. */
  readonly block: bigint | 'latest'
  /** Interest runs up to here; default: the block's own time. */
  readonly timestampSec?: bigint
}

/** Positions of `accounts` in each market, as the contracts see them; one request. */
export const readPositions = async (
  world: Pick<World, 'rpc' | 'contracts'>,
  wanted: readonly { readonly market: WorldMarket; readonly accounts: readonly Address[] }[],
  { block, timestampSec }: ReadOptions,
): Promise<readonly MarketState[]> => {
  const tag = block === 'latest' ? block : toQuantity(block)
  const overrides = timestampSec === undefined ? [] : [{}, { time: toQuantity(timestampSec) }]
  const chunks = wanted.flatMap(({ market, accounts }) =>
    Array.from({ length: Math.max(1, Math.ceil(accounts.length / CHUNK)) }, (_, index) => ({
      market,
      accounts: accounts.slice(index * CHUNK, (index + 1) * CHUNK),
    })),
  )
  const replies = await world.rpc.batch<Hex>(
    chunks.map(({ market, accounts }) => {
      const args = [world.contracts.morpho, market.params, accounts] as const
      const data = encodeFunctionData({ abi: lensAbi, functionName: 'read', args })
      return { method: 'eth_call', params: [{ to: world.contracts.lens, data }, tag, ...overrides] }
    }),
  )
  const read = chunks.map(({ market, accounts }, index) => ({ market, ...decodeRead(replies[index] ?? '0x', accounts) }))
  return wanted.map(({ market }) => {
    const parts = read.filter(part => part.market === market)
    return { market, oraclePrice: parts[0]?.price ?? 0n, positions: parts.flatMap(part => part.rows) }
  })
}

/** Every position of the world. */
export const readWorld = (world: World, options: ReadOptions): Promise<readonly MarketState[]> =>
  readPositions(
    world,
    world.markets.map(market => ({ market, accounts: market.borrowers })),
    options,
  )

/** Debt of one position that its collateral doesn't cover at market price: USD in WAD, 0n if covered. */
export const uncoveredUsd = (market: WorldMarket, position: PositionState, prices: Prices): bigint => {
  const debt = usdOf(position.debtAssets, priceOf(prices, market.loan), market.loan.decimals)
  const collateral = usdOf(position.collateralAssets, priceOf(prices, market.collateral), market.collateral.decimals)
  return debt > collateral ? debt - collateral : 0n
}

export interface BadDebt {
  /** USD in WAD: open positions' debt above their collateral at market price. */
  readonly openUsdWad: bigint
  /** USD in WAD: what liquidations wrote off, at the market price given. */
  readonly socialisedUsdWad: bigint
  readonly totalUsdWad: bigint
}

const LIQUIDATE = toEventSelector('Liquidate(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)')

interface WireLog {
  readonly topics: readonly [Hex, ...Hex[]]
  readonly data: Hex
  readonly blockNumber: Hex
}

/** Liquidations with what they wrote off, in chain order. */
export const readLiquidations = async (world: Pick<World, 'rpc' | 'contracts'>, fromBlock: bigint, toBlock: bigint) => {
  const filter = {
    address: world.contracts.morpho,
    topics: [LIQUIDATE],
    fromBlock: toQuantity(fromBlock),
    toBlock: toQuantity(toBlock),
  }
  const logs = await world.rpc.request<readonly WireLog[]>('eth_getLogs', filter)
  return logs.map(log => {
    const { args } = decodeEventLog({ abi: morphoAbi, eventName: 'Liquidate', topics: [...log.topics], data: log.data })
    return { ...args, borrower: args.borrower.toLowerCase() as Address, block: BigInt(log.blockNumber) }
  })
}

/** Bad debt at the end of `block`, all of it valued at `prices`. */
export const badDebtUsd = async (world: World, block: bigint, prices: Prices): Promise<BadDebt> => {
  const [states, liquidations, ...aave] = await Promise.all([
    readWorld(world, { block }),
    readLiquidations(world, world.fromBlock, block),
    ...world.aave.map(pool => aaveBadDebt(world, pool, block, prices)),
  ])
  const openUsdWad = states
    .flatMap(({ market, positions }) => positions.map(position => uncoveredUsd(market, position, prices)))
    .concat(aave.map(pool => pool.openUsdWad))
    .reduce((sum, usd) => sum + usd, 0n)
  const socialisedMorpho = liquidations.reduce((sum, { id, badDebtAssets }) => {
    const market = world.markets.find(candidate => candidate.id === id)
    return market === undefined ? sum : sum + usdOf(badDebtAssets, priceOf(prices, market.loan), market.loan.decimals)
  }, 0n)
  const socialisedUsdWad = aave.reduce((sum, pool) => sum + pool.writtenOffUsdWad, socialisedMorpho)
  return { openUsdWad, socialisedUsdWad, totalUsdWad: openUsdWad + socialisedUsdWad }
}
