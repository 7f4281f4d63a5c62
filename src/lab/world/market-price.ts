// Market prices in the units that contracts use: raw token amounts, Uniswap's sqrtPriceX96 and ticks, Morpho's oracle scale.
import { WAD } from '../../core/fixed-point'
import type { Prices } from '../prices/rounds'
import type { TokenSpec } from './spec'

const Q96 = 1n << 96n

/** USD per whole token in WAD; a token without an asset is a dollar. */
export const priceOf = (prices: Prices, token: Pick<TokenSpec, 'asset' | 'symbol'>): bigint => {
  const price = token.asset === null ? WAD : prices[token.asset]
  if (price === undefined) throw new RangeError(`no price of ${token.symbol}`)
  return price
}

/** Raw amount of a token that is worth `usd` (WAD), rounded down. */
export const amountForUsd = (usdWad: bigint, priceWad: bigint, decimals: number): bigint =>
  (usdWad * 10n ** BigInt(decimals)) / priceWad

/** USD (WAD) of a raw amount, rounded down. */
export const usdOf = (amount: bigint, priceWad: bigint, decimals: number): bigint => (amount * priceWad) / 10n ** BigInt(decimals)

export const toWad = (value: number): bigint => BigInt(Math.round(value * 1e9)) * 10n ** 9n

/** floor(sqrt(n)). */
export const isqrt = (n: bigint): bigint => {
  if (n < 2n) return n
  let x = 1n << BigInt((n.toString(2).length + 1) >> 1)
  for (;;) {
    const y = (x + n / x) >> 1n
    if (y >= x) return x
    x = y
  }
}

export interface PricedToken {
  readonly decimals: number
  readonly priceWad: bigint
}

/** sqrt(token1 per token0) in raw units as X96, rounded down. */
export const sqrtPriceX96 = (token0: PricedToken, token1: PricedToken): bigint =>
  isqrt((token0.priceWad * 10n ** BigInt(token1.decimals) * Q96 * Q96) / (token1.priceWad * 10n ** BigInt(token0.decimals)))

/** The same moved to where a trade of `fee` (1e-6) just stops to pay: lowest and highest. */
export const bandX96 = (center: bigint, fee: number): { readonly lowest: bigint; readonly highest: bigint } => {
  const factor = BigInt(Math.floor(Math.sqrt(1 - fee / 1e6) * 1e12))
  return { lowest: (center * factor) / 10n ** 12n, highest: (center * 10n ** 12n) / factor }
}

/** Tick of a raw price (token1 per token0), moved to the nearest multiple of the spacing. For liquidity edges only: float. */
export const nearTick = (rawPrice: number, tickSpacing: number): number =>
  Math.round(Math.log(rawPrice) / Math.log(1.0001) / tickSpacing) * tickSpacing

/** Collateral price as a Morpho oracle says it: loan units per collateral unit, times 1e36. */
export const oraclePrice = (collateral: PricedToken, loan: PricedToken): bigint =>
  (collateral.priceWad * 10n ** BigInt(36 + loan.decimals - collateral.decimals)) / loan.priceWad
