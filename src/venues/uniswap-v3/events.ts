// What a pool's logs do to its state. Every case gives a new state, the old one stays as it was.
import { hexLength, int24At, int24Of, wordAt } from '../../core/abi-words'
import type { Log } from '../../core/primitives'
import { TOPICS } from './abi'
import type { PoolState } from './pool'
import { fullRange, withTickChange, wordOf } from './tick-table'

/** Logs that change what a pool quotes. Collect, Flash, SetFeeProtocol and the observation ring do not: see PoolState. */
export const POOL_TOPICS = [TOPICS.initialize, TOPICS.mint, TOPICS.burn, TOPICS.swap, TOPICS.swapPancake] as const

/** The state after `log`; the same object where it changes nothing. RangeError where the log can't follow it: one before it is missing. */
export const stateAfter = (state: PoolState, log: Log): PoolState => {
  switch (log.topics[0]) {
    case TOPICS.swap:
    case TOPICS.swapPancake:
      return swapped(state, log)
    case TOPICS.mint:
      return withPositionChange(state, log, amountAt(log, 1))
    case TOPICS.burn:
      return withPositionChange(state, log, -amountAt(log, 0))
    default:
      return state
  }
}

/** Liquidity in use once the price has gone to `tick`, by the ticks crossed; null where not all of them are known. */
const liquidityAt = ({ tick: from, liquidity, table }: PoolState, tick: number): bigint | null => {
  const { words, tickSpacing, entries } = table
  const isKnown = (at: number): boolean => wordOf(at, tickSpacing) >= words.low && wordOf(at, tickSpacing) <= words.high
  if (!isKnown(from) || !isKnown(tick)) return null
  const [low, high] = [Math.min(from, tick), Math.max(from, tick)]
  const crossed = entries.reduce((sum, entry) => (entry.tick > low && entry.tick <= high ? sum + entry.liquidityNet : sum), 0n)
  return tick > from ? liquidity + crossed : liquidity - crossed
}

/** The log says what the pool then has: what was folded must agree. */
const swapped = (state: PoolState, log: Log): PoolState => {
  const [liquidity, tick] = [amountAt(log, 3), int24At(log.data, 4)]
  const expected = liquidityAt(state, tick)
  if (expected !== null && expected !== liquidity)
    throw new RangeError(
      `a swap of pool ${log.address} ends with liquidity ${liquidity}, but the ticks folded make it ${expected}`,
    )
  return { ...state, sqrtPriceX96: amountAt(log, 2), liquidity, tick }
}

/** The first state of a pool: no position can exist before Initialize, so every word of its bitmap is known to be empty. */
export const stateFromInitialize = (log: Log, tickSpacing: number): PoolState => ({
  sqrtPriceX96: amountAt(log, 0),
  tick: int24At(log.data, 1),
  liquidity: 0n,
  table: { tickSpacing, words: fullRange(tickSpacing), entries: [] },
})

/** Pool._modifyPosition: both edges of the range, and the liquidity in use if the price is inside. */
const withPositionChange = (state: PoolState, log: Log, liquidityDelta: bigint): PoolState => {
  if (liquidityDelta === 0n) return state
  const lower = int24Of(log.topics[2] ?? '')
  const upper = int24Of(log.topics[3] ?? '')
  const opened = withTickChange(state.table, lower, liquidityDelta, liquidityDelta)
  const table = withTickChange(opened, upper, liquidityDelta, -liquidityDelta)
  const isInside = lower <= state.tick && state.tick < upper
  const liquidity = isInside ? state.liquidity + liquidityDelta : state.liquidity
  if (liquidity < 0n) throw new RangeError(`the liquidity of pool ${log.address} falls below zero`)
  return { ...state, table, liquidity }
}

/** A pool's own logs are well formed; a shorter one can only be another contract's, and then zero is what the EVM would read. */
const amountAt = (log: Log, index: number): bigint => (log.data.length < hexLength(index + 1) ? 0n : wordAt(log.data, index))
