// One Uniswap v3 pool as a value: quotes by the contract's own steps, and the calls. Holds no live state: the book makes a new
// one when a log changes it, a quote's `after` is another one over the same ticks (swaps don't alter them).
import { invariant } from '../../core/errors'
import type { Pool, Quote } from '../../core/pool'
import type { Address } from '../../core/primitives'
import { createLadder, type Ladder, type Position, type Rung } from './ladder'
import { owedWordOf, type SwapRequest, swapStep } from './swap-calls'
import { sqrtRatioAtTick } from './tick-math'
import type { TickTable } from './tick-table'

export const VENUE = 'uniswap-v3'

/** What never changes in a pool: made once, shared by all its states. */
export interface PoolKey {
  readonly address: Address
  readonly token0: Address
  readonly token1: Address
  readonly feePips: bigint
  readonly tickSpacing: number
  /** Prices at ends of bitmap words, memoised. */
  readonly ratioAtBoundary: (tick: number) => bigint
  readonly tokens: readonly [Address, Address]
  readonly calls: PoolCalls
}

type PoolCalls = Pick<Pool, 'encodeExactIn' | 'encodeExactOut' | 'owedWord'>
type Fixed = Pick<PoolKey, 'address' | 'token0' | 'token1' | 'feePips' | 'tickSpacing'>

const createCalls = (fixed: Fixed): PoolCalls => {
  const encode = (tokenIn: Address, tokenOut: Address, rest: Pick<SwapRequest, 'exactIn' | 'amount' | 'to' | 'payInput'>) => {
    const zeroForOne = directionOf(fixed, tokenIn, tokenOut)
    invariant(zeroForOne !== null, `pool ${fixed.address} does not swap ${tokenIn} to ${tokenOut}`)
    return [swapStep({ pool: fixed.address, tokenIn, zeroForOne, ...rest })]
  }
  return {
    encodeExactIn: (tokenIn, tokenOut, amount, to) => encode(tokenIn, tokenOut, { exactIn: true, amount, to, payInput: null }),
    encodeExactOut: (tokenIn, tokenOut, amount, to, payInput) =>
      encode(tokenIn, tokenOut, { exactIn: false, amount, to, payInput }),
    owedWord: tokenIn => owedWordOf(tokenIn === fixed.token0),
  }
}

/** The key of a pool, with an empty memo. Token order is the pool's own. */
export const poolKey = (fixed: Fixed): PoolKey => {
  const ratios = new Map<number, bigint>()
  const ratioAtBoundary = (tick: number): bigint => {
    const known = ratios.get(tick)
    if (known !== undefined) return known
    const ratio = sqrtRatioAtTick(tick)
    ratios.set(tick, ratio)
    return ratio
  }
  return { ...fixed, ratioAtBoundary, tokens: [fixed.token0, fixed.token1], calls: createCalls(fixed) }
}

/**
 * All that a quote depends on. Not in it, because no amount depends on it: the protocol fee (SetFeeProtocol only splits the
 * swap fee between liquidity providers and the protocol), fees collected (Collect), fee growth, observations; and Flash, which leaves the price.
 */
export interface PoolState extends Position {
  readonly table: TickTable
}

/**
 * Gas of one swap call, the callback's payment and both transfers of plain ERC-20s included. Measured on the official bytecode
 * (calls.world.test.ts holds these to it): 69,000-78,000 in one step, 7,500 for each further step, 17,000-20,000 for a tick that
 * was crossed before; rounded up a little. A tick's first crossing ever writes zeroed slots and may cost 36,000 more, and tokens
 * behind proxies cost what they cost: the simulation has the last word.
 */
const SWAP_GAS = 75_000
const STEP_GAS = 7_500
const CROSSING_GAS = 20_000

/** amountSpecified is an int256. */
const AMOUNT_CAP = 1n << 255n

/**
 * A pool at one moment. Quotes are null for other tokens, for amounts <= 0, and where known liquidity can't fill them whole. A search makes
 * thousands, one for each quote's `after`: so it is three closures, works nothing out before it is asked, and has no accessors (an object
 * literal with a getter gets a hidden class of its own in V8, which outlives minor collections and takes all that it refers to along).
 */
export const createPool = (key: PoolKey, state: PoolState): Pool => {
  let down: Ladder | null = null
  let up: Ladder | null = null

  const quote = (tokenIn: Address, tokenOut: Address, amount: bigint, exactIn: boolean): Quote | null => {
    const zeroForOne = directionOf(key, tokenIn, tokenOut)
    if (zeroForOne === null || amount <= 0n || amount >= AMOUNT_CAP) return null
    const ladder = (zeroForOne ? down : up) ?? ladderOf(key, state, zeroForOne)
    if (zeroForOne) down = ladder
    else up = ladder
    const walk = ladder.walk(amount, exactIn)
    return walk.kind === 'whole' ? quoteOf(key, state.table, walk.rung) : null
  }

  const { encodeExactIn, encodeExactOut, owedWord } = key.calls
  return {
    venue: VENUE,
    address: key.address,
    tokens: key.tokens,
    quoteExactIn: (tokenIn, tokenOut, amountIn) => quote(tokenIn, tokenOut, amountIn, true),
    quoteExactOut: (tokenIn, tokenOut, amountOut) => quote(tokenIn, tokenOut, amountOut, false),
    encodeExactIn,
    encodeExactOut,
    owedWord,
  }
}

const ladderOf = ({ feePips, ratioAtBoundary }: PoolKey, state: PoolState, zeroForOne: boolean): Ladder =>
  createLadder({ table: state.table, feePips, ratioAtBoundary, zeroForOne }, state)

const quoteOf = (key: PoolKey, table: TickTable, rung: Rung): Quote => ({
  amountIn: rung.sumIn,
  amountOut: rung.sumOut,
  gas: BigInt(SWAP_GAS + STEP_GAS * rung.steps + CROSSING_GAS * rung.crossings),
  after: createPool(key, { sqrtPriceX96: rung.sqrtPriceX96, tick: rung.tick, liquidity: rung.liquidity, table }),
})

/** True for token0 to token1, false for the other way, null where the pool does not hold both. */
const directionOf = (fixed: Fixed, tokenIn: Address, tokenOut: Address): boolean | null => {
  if (tokenIn === fixed.token0 && tokenOut === fixed.token1) return true
  return tokenIn === fixed.token1 && tokenOut === fixed.token0 ? false : null
}
