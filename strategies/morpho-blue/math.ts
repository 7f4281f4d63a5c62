// Morpho Blue's integer maths, rounding for rounding: shares, interest, health, liquidation. No state, no clock.
import {
  MAX_UINT128,
  MAX_UINT256,
  minOf,
  mulDivDown,
  mulDivUp,
  WAD,
  wDivDown,
  wDivUp,
  wMulDown,
  zeroFloorSub,
} from '../../src/core/fixed-point'

/** ORACLE_PRICE_SCALE: `price()` is loan units per collateral unit, times this. */
export const PRICE_SCALE = 10n ** 36n
/** SharesMathLib: they keep the share price of an empty market sane. */
export const VIRTUAL_SHARES = 1_000_000n
export const VIRTUAL_ASSETS = 1n
const LIQUIDATION_CURSOR = 3n * 10n ** 17n
const MAX_LIQUIDATION_INCENTIVE_FACTOR = 115n * 10n ** 16n

/** The amounts of one market, as its storage holds them. `feeWad` is the share of interest that the fee recipient gets. */
export interface Totals {
  readonly supplyAssets: bigint
  readonly supplyShares: bigint
  readonly borrowAssets: bigint
  readonly borrowShares: bigint
  readonly feeWad: bigint
}

/** SharesMathLib.toAssetsUp. */
export const toAssetsUp = (shares: bigint, totalAssets: bigint, totalShares: bigint): bigint =>
  mulDivUp(shares, totalAssets + VIRTUAL_ASSETS, totalShares + VIRTUAL_SHARES)

/** SharesMathLib.toAssetsDown. */
export const toAssetsDown = (shares: bigint, totalAssets: bigint, totalShares: bigint): bigint =>
  mulDivDown(shares, totalAssets + VIRTUAL_ASSETS, totalShares + VIRTUAL_SHARES)

/** SharesMathLib.toSharesUp. */
export const toSharesUp = (assets: bigint, totalAssets: bigint, totalShares: bigint): bigint =>
  mulDivUp(assets, totalShares + VIRTUAL_SHARES, totalAssets + VIRTUAL_ASSETS)

/** SharesMathLib.toSharesDown. */
export const toSharesDown = (assets: bigint, totalAssets: bigint, totalShares: bigint): bigint =>
  mulDivDown(assets, totalShares + VIRTUAL_SHARES, totalAssets + VIRTUAL_ASSETS)

/** MathLib.wTaylorCompounded: e^(rate * elapsed) - 1 by three terms, in WAD. */
export const wTaylorCompounded = (rateWad: bigint, elapsedSec: bigint): bigint => {
  const first = rateWad * elapsedSec
  const second = mulDivDown(first, first, 2n * WAD)
  const third = mulDivDown(second, first, 3n * WAD)
  return first + second + third
}

/**
 * Morpho._accrueInterest at `rateWad` per second over `elapsedSec`, fee shares included.
 * Null where the contract would revert because an amount leaves 128 bits.
 */
export const accrue = (totals: Totals, rateWad: bigint, elapsedSec: bigint): Totals | null => {
  if (elapsedSec === 0n || rateWad === 0n) return totals
  const interest = wMulDown(totals.borrowAssets, wTaylorCompounded(rateWad, elapsedSec))
  const borrowAssets = totals.borrowAssets + interest
  const supplyAssets = totals.supplyAssets + interest
  if (borrowAssets > MAX_UINT128 || supplyAssets > MAX_UINT128) return null
  const feeAssets = wMulDown(interest, totals.feeWad)
  const feeShares = totals.feeWad === 0n ? 0n : toSharesDown(feeAssets, supplyAssets - feeAssets, totals.supplyShares)
  return { ...totals, borrowAssets, supplyAssets, supplyShares: totals.supplyShares + feeShares }
}

/** The liquidation incentive factor of Morpho.liquidate: min(1.15, 1 / (1 - 0.3 * (1 - lltv))), in WAD. */
export const liquidationIncentiveWad = (lltvWad: bigint): bigint =>
  minOf(MAX_LIQUIDATION_INCENTIVE_FACTOR, wDivDown(WAD, WAD - wMulDown(LIQUIDATION_CURSOR, WAD - lltvWad)))

/** What a position may owe at most (Morpho._isHealthy): collateral value times LLTV, in loan units, rounded down twice. */
export const maxBorrowAssets = (collateral: bigint, price: bigint, lltvWad: bigint): bigint =>
  wMulDown(mulDivDown(collateral, price, PRICE_SCALE), lltvWad)

/** Morpho._isHealthy. Totals accrued to the block in question. */
export const isHealthy = (borrowShares: bigint, collateral: bigint, totals: Totals, price: bigint, lltvWad: bigint): boolean =>
  maxBorrowAssets(collateral, price, lltvWad) >= toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares)

/** True where `collateral * price` leaves 256 bits: the contract reverts before it can judge. */
export const overflowsValue = (collateral: bigint, price: bigint): boolean => collateral * price > MAX_UINT256

/** The market as one liquidation sees it: accrued totals, the oracle's price and the incentive. */
export interface LiquidationTerms {
  readonly borrowAssets: bigint
  readonly borrowShares: bigint
  readonly price: bigint
  readonly incentiveWad: bigint
}

/**
 * Morpho.liquidate(repaidShares): collateral units seized, rounded down. It is also the largest seizure whose implied shares are at most
 * `shares` (`sharesForSeized` is its exact counterpart: each rounding there is the opposite of one here).
 */
export const seizedForShares = (shares: bigint, terms: LiquidationTerms): bigint =>
  mulDivDown(wMulDown(toAssetsDown(shares, terms.borrowAssets, terms.borrowShares), terms.incentiveWad), PRICE_SCALE, terms.price)

/** Morpho.liquidate(seizedAssets): borrow shares repaid, rounded up. */
export const sharesForSeized = (seized: bigint, terms: LiquidationTerms): bigint =>
  toSharesUp(wDivUp(mulDivUp(seized, terms.price, PRICE_SCALE), terms.incentiveWad), terms.borrowAssets, terms.borrowShares)

/** Morpho.liquidate: loan units that the liquidator pays for `shares`, rounded up. */
export const repaidForShares = (shares: bigint, terms: LiquidationTerms): bigint =>
  toAssetsUp(shares, terms.borrowAssets, terms.borrowShares)

export interface Liquidated {
  readonly repaidAssets: bigint
  readonly repaidShares: bigint
  readonly seizedAssets: bigint
  readonly badDebtAssets: bigint
  readonly badDebtShares: bigint
}

/**
 * Morpho.liquidate as a pure function, for a position known to be unhealthy: exactly one of `seizedAssets` and `repaidShares` is non-zero.
 * Null where the contract reverts: both or none given, more shares than owed, more collateral than there is.
 */
export const liquidate = (
  position: { readonly borrowShares: bigint; readonly collateral: bigint },
  terms: LiquidationTerms,
  ask: { readonly seizedAssets: bigint; readonly repaidShares: bigint },
): Liquidated | null => {
  if (ask.seizedAssets > 0n === ask.repaidShares > 0n) return null
  const repaidShares = ask.seizedAssets > 0n ? sharesForSeized(ask.seizedAssets, terms) : ask.repaidShares
  const seizedAssets = ask.seizedAssets > 0n ? ask.seizedAssets : seizedForShares(ask.repaidShares, terms)
  if (repaidShares > position.borrowShares || seizedAssets > position.collateral) return null
  const repaidAssets = repaidForShares(repaidShares, terms)
  const socialises = seizedAssets === position.collateral
  const badDebtShares = socialises ? position.borrowShares - repaidShares : 0n
  const assetsLeft = zeroFloorSub(terms.borrowAssets, repaidAssets)
  const badDebtAssets = minOf(assetsLeft, toAssetsUp(badDebtShares, assetsLeft, terms.borrowShares - repaidShares))
  return { repaidAssets, repaidShares, seizedAssets, badDebtAssets, badDebtShares }
}
