// Ticks and square-root prices, bit for bit as Uniswap v3's TickMath. Ticks are numbers, prices are Q64.96 bigints.

export const MIN_TICK = -887272
export const MAX_TICK = 887272
/** TickMath.MIN_SQRT_RATIO and MAX_SQRT_RATIO; a price is >= the first and < the second. */
export const MIN_SQRT_RATIO = 4295128739n
export const MAX_SQRT_RATIO = 1461446703485210103287273052203988822378723970342n

const MAX_UINT256 = (1n << 256n) - 1n
const UINT32 = (1n << 32n) - 1n

/** 2^128 / sqrt(1.0001)^(2^i), for bit i of the tick: the constants of TickMath. */
const RATIOS: readonly bigint[] = [
  0xfffcb933bd6fad37aa2d162d1a594001n,
  0xfff97272373d413259a46990580e213an,
  0xfff2e50f5f656932ef12357cf3c7fdccn,
  0xffe5caca7e10e4e61c3624eaa0941cd0n,
  0xffcb9843d60f6159c9db58835c926644n,
  0xff973b41fa98c081472e6896dfb254c0n,
  0xff2ea16466c96a3843ec78b326b52861n,
  0xfe5dee046a99a2a811c461f1969c3053n,
  0xfcbe86c7900a88aedcffc83b479aa3a4n,
  0xf987a7253ac413176f2b074cf7815e54n,
  0xf3392b0822b70005940c7a398e4b70f3n,
  0xe7159475a2c29b7443b29c7fa6e889d9n,
  0xd097f3bdfd2022b8845ad8f792aa5825n,
  0xa9f746462d870fdf8a65dc1f90e061e5n,
  0x70d869a156d2a1b890bb3df62baf32f7n,
  0x31be135f97d08fd981231505542fcfa6n,
  0x9aa508b5b7a84e1c677de54f3e99bc9n,
  0x5d6af8dedb81196699c329225ee604n,
  0x2216e584f5fa1ea926041bedfe98n,
  0x48a170391f7dc42444e8fa2n,
]

/** TickMath.getSqrtRatioAtTick. Throws RangeError outside MIN_TICK..MAX_TICK, where the contract reverts. */
export const sqrtRatioAtTick = (tick: number): bigint => {
  const absTick = Math.abs(tick)
  if (!(absTick <= MAX_TICK)) throw new RangeError(`tick ${tick} out of range`)
  let ratio = 1n << 128n
  for (let bit = 0; absTick >> bit !== 0; bit++) {
    if ((absTick >> bit) & 1) ratio = (ratio * RATIOS[bit]!) >> 128n
  }
  if (tick > 0) ratio = MAX_UINT256 / ratio
  return (ratio >> 32n) + ((ratio & UINT32) === 0n ? 0n : 1n)
}

const LOG_SQRT_1_0001 = Math.log(1.0001) / 2
const TWO_96 = 2 ** 96
/** Wider than all errors of the float estimate together: sqrtRatioAtTick rounds up by at most 5e-6 ticks (at MIN_TICK), the log by 1e-9. */
const GUARD_TICKS = 1e-3

/**
 * TickMath.getTickAtSqrtRatio: the greatest tick whose ratio is <= the price. A float logarithm decides unless the price is
 * next to a tick, where the exact ratio does. Throws RangeError outside MIN_SQRT_RATIO..MAX_SQRT_RATIO - 1.
 */
export const tickAtSqrtRatio = (sqrtPriceX96: bigint): number => {
  if (sqrtPriceX96 < MIN_SQRT_RATIO || sqrtPriceX96 >= MAX_SQRT_RATIO) throw new RangeError('price out of range')
  const estimate = Math.log(Number(sqrtPriceX96) / TWO_96) / LOG_SQRT_1_0001
  const floor = Math.floor(estimate)
  const fraction = estimate - floor
  if (fraction > GUARD_TICKS && fraction < 1 - GUARD_TICKS) return floor
  const near = Math.round(estimate)
  return near <= MIN_TICK || sqrtRatioAtTick(near) <= sqrtPriceX96 ? Math.max(near, MIN_TICK) : near - 1
}
