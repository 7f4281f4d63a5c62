// What the referee calls profitable, and what dollars are in wrapped native.
import { maxOf } from '../../core/fixed-point'
import type { Prices } from '../prices/rounds'
import { amountForUsd, priceOf } from '../world/market-price'
import type { World } from '../world/world'

export interface RefereeOptions {
  /** A close is profitable above max(this, marginBps of its gas cost): what is nearer to zero is nobody's fault. Default 5e14. */
  readonly epsilonWei?: bigint
  /** Default 2,500: a quarter of the gas cost. */
  readonly marginBps?: bigint
  /** After how many seconds the next block is expected. Default 12. */
  readonly slotSec?: bigint
}

const EPSILON_WEI = 5n * 10n ** 14n
const MARGIN_BPS = 2_500n
const BPS = 10_000n

/** Profit (wei, after gas) that a close must exceed, by base fee and gas. */
export const profitBar =
  (options: RefereeOptions) =>
  (baseFee: bigint) =>
  (gas: bigint): bigint =>
    maxOf((gas * baseFee * (options.marginBps ?? MARGIN_BPS)) / BPS, options.epsilonWei ?? EPSILON_WEI)

/** Wrapped native worth `usdWad` at market price, rounded down. */
export const nativeFor = (world: Pick<World, 'tokens' | 'contracts'>, usdWad: bigint, prices: Prices): bigint => {
  const wrapped = world.tokens.find(token => token.address === world.contracts.wrappedNative)
  return wrapped === undefined ? 0n : amountForUsd(usdWad, priceOf(prices, wrapped), wrapped.decimals)
}
