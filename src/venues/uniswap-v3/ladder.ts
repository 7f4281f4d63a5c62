// Swaps as Pool.swap makes them, step by step. Steps that end at a stop don't depend on the amount, so they are kept as rungs with
// running sums: a quote finds its rung by binary search and works out one last, partial step. Bit for bit the contract's loop.
import { mulDivDown, mulDivUp } from '../../core/fixed-point'
import {
  amount0Down,
  amount0Up,
  amount1Down,
  amount1Up,
  nextSqrtPriceFromInput,
  nextSqrtPriceFromOutput,
} from './sqrt-price-math'
import { MAX_SQRT_RATIO, MIN_SQRT_RATIO, tickAtSqrtRatio } from './tick-math'
import { nextStop, type TickTable } from './tick-table'

/** The widest price limits that Pool.swap accepts; encoders pass the same. */
export const LOWEST_LIMIT = MIN_SQRT_RATIO + 1n
export const HIGHEST_LIMIT = MAX_SQRT_RATIO - 1n

const PIPS = 1_000_000n

/** What a swap changes. */
export interface Position {
  readonly sqrtPriceX96: bigint
  readonly tick: number
  readonly liquidity: bigint
}

/** A position on the way, with all that was paid (fees included) and received until there. */
export interface Rung extends Position {
  readonly sumIn: bigint
  readonly sumOut: bigint
  /** Swap steps made, and initialised ticks crossed: for the gas estimate. */
  readonly steps: number
  readonly crossings: number
}

/**
 * limit: the price can't go further. unknown: the next bitmap word was not read. broken: liquidity would underflow at the crossing,
 * the contract reverts (no honest pool gets there).
 */
export type LadderEnd = 'limit' | 'unknown' | 'broken'

/** A swap that took or gave `amount` whole, or how far it came until the ladder's end. */
export type Walk =
  | { readonly kind: 'whole'; readonly rung: Rung }
  | { readonly kind: 'partial'; readonly rung: Rung; readonly end: LadderEnd }

export interface Ladder {
  /** `amount` > 0 is the input for exact in, the output for exact out. */
  walk(amount: bigint, exactIn: boolean): Walk
}

export interface LadderSetting {
  readonly table: TickTable
  readonly feePips: bigint
  readonly zeroForOne: boolean
  readonly ratioAtBoundary: (tick: number) => bigint
}

/** Steps worked out so far. Not more than a memo: equal questions get equal answers. */
interface Steps {
  readonly setting: LadderSetting
  readonly rungs: Rung[]
  end: LadderEnd | null
}

const extendTo = (steps: Steps, amount: bigint, sumOf: (rung: Rung) => bigint): void => {
  const { setting, rungs } = steps
  for (let last = rungs[rungs.length - 1]!; steps.end === null && sumOf(last) < amount; last = rungs[rungs.length - 1]!) {
    const next = fullStep(setting, last)
    if (typeof next === 'string') steps.end = next
    else rungs.push(next)
    if (rungs[rungs.length - 1]!.liquidity < 0n) steps.end = 'broken'
  }
}

const walkUpTo = (steps: Steps, amount: bigint, exactIn: boolean): Walk => {
  const { setting, rungs } = steps
  const sumOf = exactIn ? sumIn : sumOut
  extendTo(steps, amount, sumOf)
  const at = firstReaching(rungs, amount, sumOf)
  const reached = rungs[at]
  if (reached === undefined) return { kind: 'partial', rung: rungs[rungs.length - 1]!, end: steps.end ?? 'limit' }
  const rung = sumOf(reached) === amount ? reached : lastStep(setting, rungs[at - 1]!, reached, amount, exactIn)
  return rung.liquidity < 0n ? { kind: 'partial', rung, end: 'broken' } : { kind: 'whole', rung }
}

const lastStep = (setting: LadderSetting, from: Rung, reached: Rung, amount: bigint, exactIn: boolean): Rung =>
  exactIn ? partialIn(setting, from, amount) : partialOut(setting, from, reached, amount)

/** Steps of one direction from `start`, worked out as quotes need them. */
export const createLadder = (setting: LadderSetting, start: Position): Ladder => {
  const { sqrtPriceX96, tick, liquidity } = start
  const steps: Steps = {
    setting,
    rungs: [{ sqrtPriceX96, tick, liquidity, sumIn: 0n, sumOut: 0n, steps: 0, crossings: 0 }],
    end: null,
  }
  return { walk: (amount, exactIn) => walkUpTo(steps, amount, exactIn) }
}

const sumIn = (rung: Rung): bigint => rung.sumIn
const sumOut = (rung: Rung): bigint => rung.sumOut

/** Index of the first rung whose sum is >= amount: the loop ends there, or within the step that leads to it. */
const firstReaching = (rungs: readonly Rung[], amount: bigint, sumOf: (rung: Rung) => bigint): number => {
  let low = 0
  let high = rungs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sumOf(rungs[middle]!) < amount) low = middle + 1
    else high = middle
  }
  return low
}

/** SwapMath.computeSwapStep where the target is reached, and the tick's crossing, as one turn of Pool.swap's loop. */
const fullStep = (setting: LadderSetting, from: Rung): Rung | 'limit' | 'unknown' => {
  const { zeroForOne, feePips } = setting
  const limit = zeroForOne ? LOWEST_LIMIT : HIGHEST_LIMIT
  if (zeroForOne ? from.sqrtPriceX96 <= limit : from.sqrtPriceX96 >= limit) return 'limit'
  const stop = nextStop(setting.table, from.tick, zeroForOne, setting.ratioAtBoundary)
  if (stop === null) return 'unknown'
  const isBeyond = zeroForOne ? stop.sqrtRatioX96 < limit : stop.sqrtRatioX96 > limit
  const target = isBeyond ? limit : stop.sqrtRatioX96
  const amountIn = inputBetween(from, target, zeroForOne)
  const net = isBeyond || stop.entry === null ? 0n : stop.entry.liquidityNet
  return {
    sqrtPriceX96: target,
    tick: isBeyond ? tickAtSqrtRatio(target) : zeroForOne ? stop.tick - 1 : stop.tick,
    liquidity: zeroForOne ? from.liquidity - net : from.liquidity + net,
    sumIn: from.sumIn + amountIn + feeOn(amountIn, feePips),
    sumOut: from.sumOut + outputBetween(from, target, zeroForOne),
    steps: from.steps + 1,
    crossings: from.crossings + (isBeyond || stop.entry === null ? 0 : 1),
  }
}

/** The last step of an exact-in swap: the target is not reached, and what the price move does not take is fee. */
const partialIn = (setting: LadderSetting, from: Rung, amount: bigint): Rung => {
  const { zeroForOne, feePips } = setting
  const lessFee = mulDivDown(amount - from.sumIn, PIPS - feePips, PIPS)
  const next = nextSqrtPriceFromInput(from.sqrtPriceX96, from.liquidity, lessFee, zeroForOne)
  return stoppedAt(from, next, amount, from.sumOut + outputBetween(from, next, zeroForOne))
}

/** The last step of an exact-out swap. Rounding may carry it onto the stop itself: then the tick is crossed as in the full step. */
const partialOut = (setting: LadderSetting, from: Rung, reached: Rung, amount: bigint): Rung => {
  const { zeroForOne, feePips } = setting
  const next = nextSqrtPriceFromOutput(from.sqrtPriceX96, from.liquidity, amount - from.sumOut, zeroForOne)
  const amountIn = inputBetween(from, next, zeroForOne)
  const paid = from.sumIn + amountIn + feeOn(amountIn, feePips)
  return next === reached.sqrtPriceX96 ? { ...reached, sumIn: paid, sumOut: amount } : stoppedAt(from, next, paid, amount)
}

/** Short of the stop. Where the price did not move the tick stays too: after a crossing downwards it is one below the price's own. */
const stoppedAt = (from: Rung, sqrtPriceX96: bigint, sumIn: bigint, sumOut: bigint): Rung => ({
  sqrtPriceX96,
  tick: sqrtPriceX96 === from.sqrtPriceX96 ? from.tick : tickAtSqrtRatio(sqrtPriceX96),
  liquidity: from.liquidity,
  sumIn,
  sumOut,
  steps: from.steps + 1,
  crossings: from.crossings,
})

const feeOn = (amountIn: bigint, feePips: bigint): bigint => mulDivUp(amountIn, feePips, PIPS - feePips)

const inputBetween = (from: Position, to: bigint, zeroForOne: boolean): bigint =>
  zeroForOne ? amount0Up(to, from.sqrtPriceX96, from.liquidity) : amount1Up(from.sqrtPriceX96, to, from.liquidity)

const outputBetween = (from: Position, to: bigint, zeroForOne: boolean): bigint =>
  zeroForOne ? amount1Down(to, from.sqrtPriceX96, from.liquidity) : amount0Down(from.sqrtPriceX96, to, from.liquidity)
