// Opens the Uniswap v3 pools of a world at market price and gives them their liquidity.
import { encodeAbiParameters, encodeFunctionData, getCreate2Address, keccak256 } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import { pricesAt } from '../prices/rounds'
import { factoryAbi, marketMakerAbi, poolAbi, tokenAbi } from './abis'
import { officialBytecode } from './contracts'
import { nearTick, priceOf, sqrtPriceX96 } from './market-price'
import type { LiquidityRange, PoolSpec, WorldSpec } from './spec'
import type { WorldContracts, WorldPool, WorldToken } from './world'

const TICK_SPACING: Readonly<Record<number, number>> = { 100: 1, 500: 10, 3000: 60, 10000: 200 }
const ONE_PERCENT_IN_SQRT = Math.sqrt(1.01) - 1
const MAX_TICK = 887_000
const MARKET_MAKER_WEI = 10n ** 26n

export interface PoolsPlan {
  readonly spec: WorldSpec
  readonly tokens: readonly WorldToken[]
  readonly contracts: WorldContracts
  send(to: Address, data: Hex, label: string): void
}

const poolAddress = (factory: Address, token0: Address, token1: Address, fee: number): Address => {
  const parts = encodeAbiParameters([{ type: 'address' }, { type: 'address' }, { type: 'uint24' }], [token0, token1, fee])
  const bytecodeHash = keccak256(officialBytecode('UniswapV3Pool'))
  return getCreate2Address({ from: factory, salt: keccak256(parts), bytecodeHash }).toLowerCase() as Address
}

const describePool = (plan: PoolsPlan, pool: PoolSpec): WorldPool => {
  const [a, b] = [pool.a, pool.b].map(symbol => plan.tokens.find(token => token.symbol === symbol)!)
  const [token0, token1] = a!.address < b!.address ? [a!, b!] : [b!, a!]
  const tickSpacing = TICK_SPACING[pool.fee]
  if (tickSpacing === undefined) throw new RangeError(`no tick spacing for fee ${pool.fee}`)
  const address = poolAddress(plan.contracts.factory, token0.address, token1.address, pool.fee)
  return { address, token0, token1, fee: pool.fee, tickSpacing }
}

const clampTick = (tick: number, spacing: number): number => {
  const bound = Math.floor(MAX_TICK / spacing) * spacing
  return Math.max(-bound, Math.min(bound, tick))
}

interface Placed {
  readonly lower: number
  readonly upper: number
  readonly liquidity: bigint
}

/** The range's edges as ticks and the liquidity of its depth. Float is fine: this says how much liquidity there is, nothing more. */
const place = (pool: WorldPool, range: LiquidityRange, isInverted: boolean, rawPrice: number, price1Usd: number): Placed => {
  const [low, high] = isInverted ? [1 / range.to, 1 / range.from] : [range.from, range.to]
  const spacing = pool.tickSpacing
  const lower = clampTick(nearTick(rawPrice * low, spacing), spacing)
  const upper = Math.max(clampTick(nearTick(rawPrice * high, spacing), spacing), lower + spacing)
  const depthToken1 = (range.depthUsd / price1Usd) * 10 ** pool.token1.decimals
  return { lower, upper, liquidity: BigInt(Math.floor(depthToken1 / (Math.sqrt(rawPrice) * ONE_PERCENT_IN_SQRT))) }
}

const openPool = (plan: PoolsPlan, specOf: PoolSpec): WorldPool => {
  const pool = describePool(plan, specOf)
  const { token0, token1, address } = pool
  const { marketMaker, factory } = plan.contracts
  const prices = pricesAt(plan.spec.prices, plan.spec.openAtBar)
  const [price0, price1] = [priceOf(prices, token0), priceOf(prices, token1)]
  const name = `pool ${specOf.a}/${specOf.b} ${specOf.fee}`
  const createArgs = [token0.address, token1.address, pool.fee] as const
  plan.send(factory, encodeFunctionData({ abi: factoryAbi, functionName: 'createPool', args: createArgs }), name)
  const sqrt = sqrtPriceX96({ decimals: token0.decimals, priceWad: price0 }, { decimals: token1.decimals, priceWad: price1 })
  plan.send(address, encodeFunctionData({ abi: poolAbi, functionName: 'initialize', args: [sqrt] }), `price of ${name}`)
  const rawPrice = (Number(price0) / Number(price1)) * 10 ** (token1.decimals - token0.decimals)
  const isInverted = token0.symbol !== specOf.a
  for (const range of specOf.liquidity) {
    const { lower, upper, liquidity } = place(pool, range, isInverted, rawPrice, Number(price1) / 1e18)
    const args = [address, lower, upper, liquidity] as const
    plan.send(marketMaker, encodeFunctionData({ abi: marketMakerAbi, functionName: 'provide', args }), `liquidity of ${name}`)
  }
  return pool
}

/** Queues what makes the pools; they stand once the queue is mined. The sender must hold wrapped native for the market maker. */
export const openPools = (plan: PoolsPlan): readonly WorldPool[] => {
  const { factory, marketMaker, wrappedNative } = plan.contracts
  const transfer = encodeFunctionData({ abi: tokenAbi, functionName: 'transfer', args: [marketMaker, MARKET_MAKER_WEI] })
  plan.send(wrappedNative, transfer, 'market maker funds')
  if (plan.spec.pools.some(pool => pool.fee === 100)) {
    const data = encodeFunctionData({ abi: factoryAbi, functionName: 'enableFeeAmount', args: [100, 1] })
    plan.send(factory, data, 'fee tier 0.01 %')
  }
  return plan.spec.pools.map(pool => openPool(plan, pool))
}
