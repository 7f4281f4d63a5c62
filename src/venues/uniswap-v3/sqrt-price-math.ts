// Amounts between two prices and prices after an amount, bit for bit as SqrtPriceMath. Liquidity is in the pool's L units, prices
// are Q64.96. Only called where the contract would not revert: `liquidity` > 0 for the next-price functions.
import { MAX_UINT256, mulDivDown, mulDivUp } from '../../core/fixed-point'

const Q96 = 96n

const divUp = (x: bigint, d: bigint): bigint => (x + d - 1n) / d

/** SqrtPriceMath.getAmount0Delta, rounded down. The prices may come in any order. */
export const amount0Down = (sqrtA: bigint, sqrtB: bigint, liquidity: bigint): bigint => {
  const [low, high] = sqrtA < sqrtB ? [sqrtA, sqrtB] : [sqrtB, sqrtA]
  return mulDivDown(liquidity << Q96, high - low, high) / low
}

/** SqrtPriceMath.getAmount0Delta, rounded up (twice, as the contract does). */
export const amount0Up = (sqrtA: bigint, sqrtB: bigint, liquidity: bigint): bigint => {
  const [low, high] = sqrtA < sqrtB ? [sqrtA, sqrtB] : [sqrtB, sqrtA]
  return divUp(mulDivUp(liquidity << Q96, high - low, high), low)
}

/** SqrtPriceMath.getAmount1Delta, rounded down. */
export const amount1Down = (sqrtA: bigint, sqrtB: bigint, liquidity: bigint): bigint =>
  (liquidity * (sqrtA < sqrtB ? sqrtB - sqrtA : sqrtA - sqrtB)) >> Q96

/** SqrtPriceMath.getAmount1Delta, rounded up. */
export const amount1Up = (sqrtA: bigint, sqrtB: bigint, liquidity: bigint): bigint =>
  divUp(liquidity * (sqrtA < sqrtB ? sqrtB - sqrtA : sqrtA - sqrtB), 1n << Q96)

/** SqrtPriceMath.getNextSqrtPriceFromInput: the price once `amountIn` came in, rounded so that it is not passed. */
export const nextSqrtPriceFromInput = (sqrtPriceX96: bigint, liquidity: bigint, amountIn: bigint, zeroForOne: boolean): bigint =>
  zeroForOne ? afterAdding0(sqrtPriceX96, liquidity, amountIn) : sqrtPriceX96 + (amountIn << Q96) / liquidity

/** SqrtPriceMath.getNextSqrtPriceFromOutput: the price once `amountOut` went out, rounded so that it is surely passed. */
export const nextSqrtPriceFromOutput = (
  sqrtPriceX96: bigint,
  liquidity: bigint,
  amountOut: bigint,
  zeroForOne: boolean,
): bigint => (zeroForOne ? sqrtPriceX96 - divUp(amountOut << Q96, liquidity) : afterRemoving0(sqrtPriceX96, liquidity, amountOut))

/** getNextSqrtPriceFromAmount0RoundingUp, add: where the product overflows 256 bits the contract uses another, rougher formula. */
const afterAdding0 = (sqrtPriceX96: bigint, liquidity: bigint, amount: bigint): bigint => {
  if (amount === 0n) return sqrtPriceX96
  const numerator = liquidity << Q96
  const product = amount * sqrtPriceX96
  const denominator = numerator + product
  if (product <= MAX_UINT256 && denominator <= MAX_UINT256) return mulDivUp(numerator, sqrtPriceX96, denominator)
  return divUp(numerator, numerator / sqrtPriceX96 + amount)
}

/** getNextSqrtPriceFromAmount0RoundingUp, remove. */
const afterRemoving0 = (sqrtPriceX96: bigint, liquidity: bigint, amount: bigint): bigint => {
  if (amount === 0n) return sqrtPriceX96
  const numerator = liquidity << Q96
  return mulDivUp(numerator, sqrtPriceX96, numerator - amount * sqrtPriceX96)
}
