// The contracts' integer maths, rounding for rounding: Morpho Blue's shares, interest, health and liquidation; the AdaptiveCurveIrm's rate, and
// the questions by which one is recognised wherever it is deployed. No state, no clock.
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

/** What the rounding of debt up, and of value down twice, may be worth in all: loan units, at most. */
export const ROUNDING_ASSETS = 3

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

// ConstantsLib of the model: rates are per second.
const SECONDS_PER_YEAR = 365n * 86_400n
const CURVE_STEEPNESS = 4n * WAD
const ADJUSTMENT_SPEED = (50n * WAD) / SECONDS_PER_YEAR
const TARGET_UTILIZATION = (9n * WAD) / 10n
const INITIAL_RATE_AT_TARGET = (4n * WAD) / 100n / SECONDS_PER_YEAR
const MIN_RATE_AT_TARGET = WAD / 1000n / SECONDS_PER_YEAR
const MAX_RATE_AT_TARGET = (2n * WAD) / SECONDS_PER_YEAR

// ExpLib.
const LN_2 = 693_147_180_559_945_309n
const LN_WEI = -41_446_531_673_892_822_312n
const WEXP_UPPER_BOUND = 93_859_467_695_000_404_319n
const WEXP_UPPER_VALUE = 57_716_089_161_558_943_949_701_069_502_944_508_345_128_422_502_756_744_429_568n

/** Solidity's signed division and bigint's both round to zero. */
const wMulToZero = (x: bigint, y: bigint): bigint => (x * y) / WAD
const wDivToZero = (x: bigint, y: bigint): bigint => (x * WAD) / y

/** ExpLib.wExp: e^x by powers of two and a second-order polynomial, in WAD. */
export const wExp = (x: bigint): bigint => {
  if (x < LN_WEI) return 0n
  if (x >= WEXP_UPPER_BOUND) return WEXP_UPPER_VALUE
  const half = x < 0n ? -(LN_2 / 2n) : LN_2 / 2n
  const q = (x + half) / LN_2
  const r = x - q * LN_2
  const expR = WAD + r + (r * r) / WAD / 2n
  return q >= 0n ? expR << q : expR >> -q
}

const rateAfter = (startRateAtTarget: bigint, adaptation: bigint): bigint => {
  const rate = wMulToZero(startRateAtTarget, wExp(adaptation))
  if (rate < MIN_RATE_AT_TARGET) return MIN_RATE_AT_TARGET
  return rate > MAX_RATE_AT_TARGET ? MAX_RATE_AT_TARGET : rate
}

/** AdaptiveCurveIrm._curve: the rate at an error of utilisation from target, both WAD. */
const curve = (rateAtTarget: bigint, error: bigint): bigint => {
  const coefficient = error < 0n ? WAD - wDivToZero(WAD, CURVE_STEEPNESS) : CURVE_STEEPNESS - WAD
  return wMulToZero(wMulToZero(coefficient, error) + WAD, rateAtTarget)
}

/**
 * AdaptiveCurveIrm.borrowRateView: the average rate per second (WAD) since the last accrual, and the rate at target at its end.
 * `totals` before accrual; `startRateAtTarget` 0 means the market never asked before.
 */
export const adaptiveRate = (
  totals: Pick<Totals, 'supplyAssets' | 'borrowAssets'>,
  startRateAtTarget: bigint,
  elapsedSec: bigint,
): { readonly averageRateWad: bigint; readonly endRateAtTarget: bigint } => {
  const utilization = totals.supplyAssets > 0n ? (totals.borrowAssets * WAD) / totals.supplyAssets : 0n
  const span = utilization > TARGET_UTILIZATION ? WAD - TARGET_UTILIZATION : TARGET_UTILIZATION
  const error = wDivToZero(utilization - TARGET_UTILIZATION, span)
  if (startRateAtTarget === 0n) {
    return { averageRateWad: curve(INITIAL_RATE_AT_TARGET, error), endRateAtTarget: INITIAL_RATE_AT_TARGET }
  }
  const adaptation = wMulToZero(ADJUSTMENT_SPEED, error) * elapsedSec
  if (adaptation === 0n) return { averageRateWad: curve(startRateAtTarget, error), endRateAtTarget: startRateAtTarget }
  const endRateAtTarget = rateAfter(startRateAtTarget, adaptation)
  // The trapezoidal rule over two halves, as the contract approximates the integral.
  const averageRateAtTarget = (startRateAtTarget + endRateAtTarget + 2n * rateAfter(startRateAtTarget, adaptation / 2n)) / 4n
  return { averageRateWad: curve(averageRateAtTarget, error), endRateAtTarget }
}

const ROUGH_LEAST = Number(MIN_RATE_AT_TARGET) / 1e18
const ROUGH_MOST = Number(MAX_RATE_AT_TARGET) / 1e18
const ROUGH_INITIAL = Number(INITIAL_RATE_AT_TARGET) / 1e18
const ROUGH_SPEED = Number(ADJUSTMENT_SPEED) / 1e18

const roughExp = (x: number): number => {
  if (x > -0.3 && x < 0.3) return 1 + x + (x * x) / 2
  if (x < -41) return 0
  if (x > 90) return Number.POSITIVE_INFINITY
  const q = Math.round(x / Math.LN2)
  const r = x - q * Math.LN2
  return (1 + r + (r * r) / 2) * 2 ** q
}

const roughRateAfter = (startRateAtTarget: number, adaptation: number): number => {
  const rate = startRateAtTarget * roughExp(adaptation)
  return rate < ROUGH_LEAST ? ROUGH_LEAST : rate > ROUGH_MOST ? ROUGH_MOST : rate
}

/**
 * adaptiveRate's average in float, per second (not WAD). Within 1.5 % of it: wExp jumps by 1.45 % where it changes the power of two, and
 * floats may see that a little sooner or later. `rateAtTarget` 0: the market never asked before.
 */
export const roughAdaptiveRate = (borrowed: number, supplied: number, rateAtTarget: number, elapsedSec: number): number => {
  const utilization = supplied > 0 ? borrowed / supplied : 0
  const error = (utilization - 0.9) / (utilization > 0.9 ? 0.1 : 0.9)
  const slope = error < 0 ? 0.75 * error + 1 : 3 * error + 1
  if (rateAtTarget === 0) return slope * ROUGH_INITIAL
  const adaptation = ROUGH_SPEED * error * elapsedSec
  const end = roughRateAfter(rateAtTarget, adaptation)
  const middle = roughRateAfter(rateAtTarget, adaptation / 2)
  return (slope * (rateAtTarget + end + 2 * middle)) / 4
}

/** Above e^x - 1 by three terms for the exact rate: the rough one is less than 1.5 % too low. */
export const highestGrowth = (roughRate: number, elapsedSec: number): number => {
  const x = 1.02 * roughRate * elapsedSec
  return x + (x * x) / 2 + (x * x * x) / 6
}

/**
 * Made-up markets whose rates tell an AdaptiveCurveIrm with these constants from any other model: every constant moves one of the
 * answers. `known` asks for a market the model has a rate at target for, the other for one it never saw.
 */
export const PROBES: readonly {
  readonly known: boolean
  readonly supplyAssets: bigint
  readonly borrowAssets: bigint
  readonly elapsedSec: bigint
}[] = [
  { known: false, supplyAssets: WAD, borrowAssets: (6n * WAD) / 10n, elapsedSec: 0n },
  { known: true, supplyAssets: WAD, borrowAssets: (96n * WAD) / 100n, elapsedSec: 86_400n },
  { known: true, supplyAssets: WAD, borrowAssets: (3n * WAD) / 10n, elapsedSec: 7n * 86_400n },
  { known: true, supplyAssets: WAD, borrowAssets: WAD, elapsedSec: 20n * SECONDS_PER_YEAR },
  { known: true, supplyAssets: WAD, borrowAssets: 0n, elapsedSec: 20n * SECONDS_PER_YEAR },
]
