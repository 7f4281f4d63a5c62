// A Uniswap v3 factory and its pools: created, initialised, minted, burnt and swapped through, with ticks and liquidity that agree. Prices
// wander far enough to leave what a book has read of the tick bitmap.
import { addressOf, addressTopic, int24At, wordAt } from '../../../src/core/abi-words'
import type { ReadResult } from '../../../src/core/folder'
import type { Address, Hex } from '../../../src/core/primitives'
import { SELECTORS, TOPICS } from '../../../src/venues/uniswap-v3/abi'
import { sqrtRatioAtTick } from '../../../src/venues/uniswap-v3/tick-math'
import { tokenOf } from './morpho-model'
import type { Picking } from './picking'
import { answered, type Model, madeUp, REVERTED, type Said, words } from './world'

export const FACTORY = madeUp('f1', 0)
/** Ticks of prices and positions stay within. */
const REACH = 600_000
const MOST = 800_000
const TIERS: readonly { readonly fee: number; readonly spacing: number }[] = [
  { fee: 500, spacing: 10 },
  { fee: 3000, spacing: 60 },
]
const TOKENS = 5

interface Range {
  readonly lower: number
  readonly upper: number
  readonly amount: bigint
}

interface PoolNow {
  readonly token0: Address
  readonly token1: Address
  readonly fee: number
  readonly spacing: number
  /** 0n: not initialised. */
  readonly sqrtPriceX96: bigint
  readonly tick: number
  readonly liquidity: bigint
  readonly ranges: readonly Range[]
}

export type PoolsNow = ReadonlyMap<Address, PoolNow>

type Moved = { readonly pool: PoolNow; readonly said: Said }

const OWNER = addressTopic(madeUp('f9', 9))

const say = (address: Address, topics: readonly Hex[], ...data: readonly bigint[]): Said => ({
  address,
  topics,
  data: words(...data),
})

const liquidityAt = (ranges: readonly Range[], tick: number): bigint =>
  ranges.reduce((sum, { lower, upper, amount }) => (lower <= tick && tick < upper ? sum + amount : sum), 0n)

const initialize = (address: Address, pool: PoolNow, picking: Picking): Moved => {
  const tick = picking.below(2_001) - 1_000
  const sqrtPriceX96 = sqrtRatioAtTick(tick)
  return { pool: { ...pool, tick, sqrtPriceX96 }, said: say(address, [TOPICS.initialize], sqrtPriceX96, BigInt(tick)) }
}

const mint = (address: Address, pool: PoolNow, picking: Picking): Moved => {
  const { spacing, tick } = pool
  const near = Math.floor(tick / spacing)
  const most = Math.floor(MOST / spacing)
  const lower = Math.max(-most, near - picking.skewed(2_000)) * spacing
  const upper = Math.min(most, near + picking.skewed(2_000)) * spacing
  const ranges = [...pool.ranges, { lower, upper, amount: BigInt(1 + picking.below(1_000_000_000)) * 10n ** 9n }]
  const { amount } = ranges.at(-1)!
  return {
    pool: { ...pool, ranges, liquidity: liquidityAt(ranges, tick) },
    said: say(address, [TOPICS.mint, OWNER, words(BigInt(lower)), words(BigInt(upper))], 1n, amount, 1n, 1n),
  }
}

const burn = (address: Address, pool: PoolNow, picking: Picking): Moved | null => {
  if (pool.ranges.length === 0) return null
  const at = picking.below(pool.ranges.length)
  const { lower, upper, amount: all } = pool.ranges[at]!
  const amount = picking.chance(0.5) ? all : all / 2n
  const left = amount === all ? [] : [{ lower, upper, amount: all - amount }]
  const ranges = [...pool.ranges.slice(0, at), ...left, ...pool.ranges.slice(at + 1)]
  return {
    pool: { ...pool, ranges, liquidity: liquidityAt(ranges, pool.tick) },
    said: say(address, [TOPICS.burn, OWNER, words(BigInt(lower)), words(BigInt(upper))], amount, 1n, 1n),
  }
}

const swap = (address: Address, pool: PoolNow, picking: Picking): Moved => {
  const far = (picking.chance(0.2) ? 8_000 : 300) * pool.spacing
  const wanted = pool.tick + picking.below(2 * far + 1) - far
  const tick = Math.max(-REACH, Math.min(REACH, wanted))
  const sqrtPriceX96 = sqrtRatioAtTick(tick) + 1n
  const liquidity = liquidityAt(pool.ranges, tick)
  return {
    pool: { ...pool, tick, sqrtPriceX96, liquidity },
    said: say(address, [TOPICS.swap, OWNER, OWNER], 1n, -1n, sqrtPriceX96, liquidity, BigInt(tick)),
  }
}

/** A pool of two tokens and a tier, unless there is one. */
const create = (
  state: PoolsNow,
  picking: Picking,
): { readonly address: Address; readonly pool: PoolNow; readonly said: Said } | null => {
  const first = picking.below(TOKENS - 1)
  const second = first + 1 + picking.below(TOKENS - 1 - first)
  const tier = picking.below(TIERS.length)
  const { fee, spacing } = TIERS[tier]!
  const address = madeUp('f5', 100 * tier + 10 * first + second)
  if (state.has(address)) return null
  const [token0, token1] = [tokenOf(first), tokenOf(second)]
  const topics = [TOPICS.poolCreated, addressTopic(token0), addressTopic(token1), words(BigInt(fee))]
  return {
    address,
    pool: { token0, token1, fee, spacing, sqrtPriceX96: 0n, tick: 0, liquidity: 0n, ranges: [] },
    said: say(FACTORY, topics, BigInt(spacing), BigInt(address)),
  }
}

const moveOne = (address: Address, pool: PoolNow, picking: Picking): Moved | null => {
  if (pool.sqrtPriceX96 === 0n) return initialize(address, pool, picking)
  const act = picking.below(4)
  if (act === 0) return burn(address, pool, picking)
  return act === 1 ? mint(address, pool, picking) : swap(address, pool, picking)
}

const move: Model<PoolsNow>['move'] = (state, _timestampSec, picking) => {
  const next = new Map(state)
  const said: Said[] = []
  for (let left = 1 + picking.below(3); left > 0; left--) {
    const made = state.size < 3 || picking.chance(0.1) ? create(next, picking) : null
    if (made !== null) {
      next.set(made.address, made.pool)
      said.push(made.said)
      continue
    }
    const address = picking.pick([...next.keys()])
    const moved = next.size === 0 ? null : moveOne(address, next.get(address)!, picking)
    if (moved === null) continue
    next.set(address, moved.pool)
    said.push(moved.said)
  }
  return { state: next, said }
}

/** Gross and net liquidity of every initialised tick. */
const ticksOf = (ranges: readonly Range[]): ReadonlyMap<number, readonly [bigint, bigint]> => {
  const ticks = new Map<number, [bigint, bigint]>()
  const add = (tick: number, gross: bigint, net: bigint): void => {
    const before = ticks.get(tick) ?? [0n, 0n]
    ticks.set(tick, [before[0] + gross, before[1] + net])
  }
  for (const { lower, upper, amount } of ranges) {
    add(lower, amount, amount)
    add(upper, amount, -amount)
  }
  return ticks
}

const bitmapWord = ({ ranges, spacing }: PoolNow, at: number): bigint => {
  let bits = 0n
  for (const { lower, upper } of ranges)
    for (const tick of [lower, upper]) if ((tick / spacing) >> 8 === at) bits |= 1n << BigInt((tick / spacing) & 255)
  return bits
}

const ofPool = (pool: PoolNow, data: Hex): ReadResult => {
  const argument: Hex = `0x${data.slice(10)}`
  switch (data.slice(0, 10)) {
    case SELECTORS.token0:
      return answered(BigInt(pool.token0))
    case SELECTORS.token1:
      return answered(BigInt(pool.token1))
    case SELECTORS.fee:
      return answered(BigInt(pool.fee))
    case SELECTORS.tickSpacing:
      return answered(BigInt(pool.spacing))
    case SELECTORS.slot0:
      return answered(pool.sqrtPriceX96, BigInt(pool.tick), 0n, 0n, 0n, 0n, 1n)
    case SELECTORS.liquidity:
      return answered(pool.liquidity)
    case SELECTORS.tickBitmap:
      return answered(bitmapWord(pool, int24At(argument, 0)))
    case SELECTORS.ticks: {
      const [gross, net] = ticksOf(pool.ranges).get(int24At(argument, 0)) ?? [0n, 0n]
      return answered(gross, net, 0n, 0n, 0n, 0n, 0n, 1n)
    }
    default:
      return REVERTED
  }
}

const ofFactory = (state: PoolsNow, data: Hex): ReadResult => {
  const tokens = [0, 1].map(i => addressOf(data.slice(10 + 64 * i, 74 + 64 * i)))
  const fee = Number(wordAt(`0x${data.slice(10)}`, 2))
  const found = [...state].find(([, pool]) => pool.fee === fee && tokens.includes(pool.token0) && tokens.includes(pool.token1))
  return answered(found === undefined ? 0n : BigInt(found[0]))
}

const answer: Model<PoolsNow>['answer'] = (state, { to, data }) => {
  if (to === FACTORY) return ofFactory(state, data)
  if (!to.startsWith('0xf5')) return null
  const pool = state.get(to)
  return pool === undefined ? REVERTED : ofPool(pool, data)
}

export const poolsModel: Model<PoolsNow> = { genesis: new Map(), move, answer }
