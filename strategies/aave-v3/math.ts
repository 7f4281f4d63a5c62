// Aave v3's arithmetic, rounding for rounding: indices, balances, health. Each version rounds its own way; all amounts are bigint.

import { maxOf, mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'
import type { Address } from '../../src/core/primitives'

/** Groups of pool releases that decide alike. */
export type AaveRules = 'v3.0' | 'v3.6' | 'v3.7'

/** 3 is v3.0.2 as mainnet had it in March 2024: checked against its recorded state. */
const RULES: ReadonlyMap<bigint, AaveRules> = new Map([
  [1n, 'v3.0'],
  [3n, 'v3.0'],
  [10n, 'v3.6'],
  [11n, 'v3.7'],
])

/** Rules of a pool by its POOL_REVISION; null for a release that these maths have not been checked against. */
export const rulesOfRevision = (revision: bigint): AaveRules | null => RULES.get(revision) ?? null

export const RAY = 10n ** 27n
const HALF_RAY = RAY / 2n
const PERCENT = 10_000n
const HALF_PERCENT = PERCENT / 2n
const SECONDS_PER_YEAR = 31_536_000n

/** Half up. Mirrors WadRayMath.rayMul. */
export const rayMul = (a: bigint, b: bigint): bigint => (a * b + HALF_RAY) / RAY
/** Half up. Mirrors WadRayMath.rayDiv. */
export const rayDiv = (a: bigint, b: bigint): bigint => (a * RAY + b / 2n) / b
/** Half up. Mirrors WadRayMath.wadDiv. */
export const wadDiv = (a: bigint, b: bigint): bigint => (a * WAD + b / 2n) / b
/** Half up. Mirrors PercentageMath.percentMul. */
export const percentMul = (value: bigint, bps: bigint): bigint => (value * bps + HALF_PERCENT) / PERCENT
/** Half up. Mirrors PercentageMath.percentDiv. */
export const percentDiv = (value: bigint, bps: bigint): bigint => (value * PERCENT + bps / 2n) / bps
export const percentMulDown = (value: bigint, bps: bigint): bigint => mulDivDown(value, bps, PERCENT)
export const percentMulUp = (value: bigint, bps: bigint): bigint => mulDivUp(value, bps, PERCENT)
export const percentDivDown = (value: bigint, bps: bigint): bigint => mulDivDown(value, PERCENT, bps)
export const percentDivUp = (value: bigint, bps: bigint): bigint => mulDivUp(value, PERCENT, bps)

/** What a reserve last wrote down. Rates in ray a year. */
export interface ReserveIndices {
  readonly liquidityIndexRay: bigint
  readonly variableBorrowIndexRay: bigint
  readonly liquidityRateRay: bigint
  readonly variableBorrowRateRay: bigint
  readonly updatedSec: bigint
}

/** Index of aTokens at `timestampSec`. Mirrors ReserveLogic.getNormalizedIncome. */
export const liquidityIndexAt = (reserve: ReserveIndices, timestampSec: bigint): bigint => {
  if (timestampSec <= reserve.updatedSec) return reserve.liquidityIndexRay
  const elapsed = timestampSec - reserve.updatedSec
  return rayMul(RAY + (reserve.liquidityRateRay * elapsed) / SECONDS_PER_YEAR, reserve.liquidityIndexRay)
}

/** Three terms of the binomial series, in integers of rate a second. Mirrors MathUtils.calculateCompoundedInterest of v3.0. */
const compoundedBinomial = (rate: bigint, elapsed: bigint): bigint => {
  const lessOne = elapsed - 1n
  const lessTwo = elapsed > 2n ? elapsed - 2n : 0n
  const squared = rayMul(rate, rate) / (SECONDS_PER_YEAR * SECONDS_PER_YEAR)
  const cubed = rayMul(squared, rate) / SECONDS_PER_YEAR
  const second = (elapsed * lessOne * squared) / 2n
  const third = (elapsed * lessOne * lessTwo * cubed) / 6n
  return RAY + (rate * elapsed) / SECONDS_PER_YEAR + second + third
}

/** What a stable debt of v3.0 has become: its balance half up. Mirrors StableDebtToken.balanceOf. */
export const stableBalanceAt = (principal: bigint, rateRay: bigint, sinceSec: bigint, timestampSec: bigint): bigint =>
  timestampSec <= sinceSec ? principal : rayMul(principal, compoundedBinomial(rateRay, timestampSec - sinceSec))

/** Three terms of e^x. Mirrors MathUtils.calculateCompoundedInterest of v3.6. */
const compoundedExponential = (rate: bigint, elapsed: bigint): bigint => {
  const x = (rate * elapsed) / SECONDS_PER_YEAR
  return RAY + x + rayMul(x, x / 2n + rayMul(x, x / 6n))
}

/** Index of variable debt at `timestampSec`. Mirrors ReserveLogic.getNormalizedDebt. */
export const debtIndexAt = (rules: AaveRules, reserve: ReserveIndices, timestampSec: bigint): bigint => {
  if (timestampSec <= reserve.updatedSec) return reserve.variableBorrowIndexRay
  const elapsed = timestampSec - reserve.updatedSec
  const compounded = rules === 'v3.0' ? compoundedBinomial : compoundedExponential
  return rayMul(compounded(reserve.variableBorrowRateRay, elapsed), reserve.variableBorrowIndexRay)
}

/** aTokens in token units: half up in v3.0, down since (TokenMath.getATokenBalance). */
export const collateralBalance = (rules: AaveRules, scaled: bigint, indexRay: bigint): bigint =>
  rules === 'v3.0' ? rayMul(scaled, indexRay) : mulDivDown(scaled, indexRay, RAY)

/** Variable debt in token units: half up in v3.0, up since (TokenMath.getVTokenBalance). */
export const debtBalance = (rules: AaveRules, scaled: bigint, indexRay: bigint): bigint =>
  rules === 'v3.0' ? rayMul(scaled, indexRay) : mulDivUp(scaled, indexRay, RAY)

/** Value of a debt in base currency: down in v3.0, up since. */
export const debtValue = (rules: AaveRules, debt: bigint, price: bigint, unit: bigint): bigint =>
  rules === 'v3.0' ? mulDivDown(debt, price, unit) : mulDivUp(debt, price, unit)

/** One reserve of an account, with the price and threshold that its e-mode gives it. */
export interface AccountReserve {
  /** Price of one whole token in base currency units. */
  readonly price: bigint
  /** 10^decimals. */
  readonly unit: bigint
  readonly liquidationThresholdBps: bigint
  /** Token units; 0n where it is not used as collateral. */
  readonly collateral: bigint
  /** Token units, stable debt included. */
  readonly debt: bigint
}

export interface AccountHealth {
  readonly collateralBase: bigint
  readonly debtBase: bigint
  /** Cut to whole basis points, as the pool reports it. */
  readonly averageThresholdBps: bigint
  /** Below WAD: liquidatable. Null without debt. */
  readonly healthFactorWad: bigint | null
}

/**
 * Health as the pool computes it. v3.0 cuts the average threshold to whole basis points before it uses it and leaves out collateral
 * whose threshold is 0. Mirrors GenericLogic.calculateUserAccountData.
 */
export const accountHealth = (rules: AaveRules, reserves: readonly AccountReserve[]): AccountHealth => {
  let collateralBase = 0n
  let weighted = 0n
  let debtBase = 0n
  for (const { price, unit, liquidationThresholdBps, collateral, debt } of reserves) {
    if (collateral > 0n && (rules !== 'v3.0' || liquidationThresholdBps > 0n)) {
      const value = mulDivDown(collateral, price, unit)
      collateralBase += value
      weighted += value * liquidationThresholdBps
    }
    if (debt > 0n) debtBase += debtValue(rules, debt, price, unit)
  }
  const averageThresholdBps = collateralBase > 0n ? weighted / collateralBase : 0n
  if (debtBase === 0n) return { collateralBase, debtBase, averageThresholdBps, healthFactorWad: null }
  const healthFactorWad =
    rules === 'v3.0' ? wadDiv(percentMul(collateralBase, averageThresholdBps), debtBase) : wadDiv(weighted, debtBase) / PERCENT
  return { collateralBase, debtBase, averageThresholdBps, healthFactorWad }
}

/** At and below it all of a debt may be repaid at once, and the sentinel is not asked. */
export const CLOSE_FACTOR_HEALTH_WAD = (WAD * 95n) / 100n

/** Flags that decide whether the pool lets anybody liquidate. */
export interface LiquidationFlags {
  readonly collateralActive: boolean
  readonly debtActive: boolean
  readonly collateralPaused: boolean
  readonly debtPaused: boolean
  /** 0n: none. Unknown before v3.1. */
  readonly collateralGraceUntilSec: bigint
  readonly debtGraceUntilSec: bigint
  /** isLiquidationAllowed() of the price sentinel; null: there is none. */
  readonly sentinelAllows: boolean | null
}

/** Why the pool would refuse any size now, or null. Frozen reserves don't block. Mirrors ValidationLogic.validateLiquidationCall. */
export const blockedBy = (
  rules: AaveRules,
  flags: LiquidationFlags,
  healthFactorWad: bigint,
  timestampSec: bigint,
): 'inactive' | 'paused' | 'sentinel' | 'grace' | null => {
  if (!flags.collateralActive || !flags.debtActive) return 'inactive'
  if (flags.collateralPaused || flags.debtPaused) return 'paused'
  const isSentinelAsked = rules !== 'v3.7' && healthFactorWad >= CLOSE_FACTOR_HEALTH_WAD
  if (isSentinelAsked && flags.sentinelAllows === false) return 'sentinel'
  if (rules === 'v3.0') return null
  const graceUntil = maxOf(flags.collateralGraceUntilSec, flags.debtGraceUntilSec)
  return graceUntil >= timestampSec ? 'grace' : null
}

// Two repayments that beat one under a close factor (Qin et al.), and where liquidating makes things worse (Warmuz et al.): pure figures.

export interface TwoSteps {
  /** Repays to a health of just 1, rounded down: whoever needs it below 1 afterwards takes a unit less where it is exact. */
  readonly first: bigint
  /** The close factor of what is left. */
  readonly second: bigint
  /** What one call alone could repay. */
  readonly single: bigint
}

/**
 * r1 = (D - LT*C) / (1 - LT*(1+b)), r2 = CF*(D - r1), in units of base currency, rounded down. Null where two steps don't apply: the
 * account is healthy, a single call may repay all, or repaying never restores its health.
 */
export const twoSteps = (
  debt: bigint,
  collateral: bigint,
  thresholdBps: bigint,
  bonusBps: bigint,
  closeFactorBps: bigint,
): TwoSteps | null => {
  const short = debt * PERCENT - collateral * thresholdBps
  const slope = PERCENT * PERCENT - thresholdBps * bonusBps
  if (short <= 0n || slope <= 0n || closeFactorBps >= PERCENT) return null
  const first = mulDivDown(short, PERCENT, slope)
  const single = mulDivDown(debt, closeFactorBps, PERCENT)
  if (first >= single) return null
  return { first, second: mulDivDown(debt - first, closeFactorBps, PERCENT), single }
}

/** What two steps repay more than one, as a share of one, in WAD, rounded down. */
export const twoStepGainWad = ({ first, second, single }: TwoSteps): bigint => mulDivDown(first + second - single, WAD, single)

/** Debt over collateral above which each liquidation raises that ratio: 1 / (1 + b), in WAD, rounded down. `bonusBps`: 10_500n for 5 %. */
export const toxicLtvWad = (bonusBps: bigint): bigint => mulDivDown(WAD, PERCENT, bonusBps)

/** Fall of the collateral's price that carries an account from its threshold to the toxic ratio, in WAD, rounded down. */
export const fallToToxicWad = (thresholdWad: bigint, toxicWad: bigint): bigint =>
  thresholdWad >= toxicWad ? 0n : WAD - mulDivUp(thresholdWad, WAD, toxicWad)

// Scaled balances from token events, which carry rounded token units: each version's rounding turned round.

export type TokenSide = 'collateral' | 'debt'

/** A Mint or Burn event of an aToken or variable debt token. A repayment smaller than the interest since is a Mint, too. */
export interface BalanceEvent {
  readonly kind: 'mint' | 'burn'
  readonly value: bigint
  readonly balanceIncrease: bigint
  readonly indexRay: bigint
}

/**
 * v3.0 says what was added or taken: the amount is `value` less the interest, and was scaled half up. An equal Mint only books interest.
 * Mirrors ScaledBalanceTokenBase._mintScaled and _burnScaled.
 */
const afterV30 = (scaled: bigint, { kind, value, balanceIncrease, indexRay }: BalanceEvent): bigint => {
  const added = kind === 'mint' ? value - balanceIncrease : -(value + balanceIncrease)
  return added >= 0n ? scaled + rayDiv(added, indexRay) : scaled - rayDiv(-added, indexRay)
}

/** The one scaled balance that is worth `balance`; null if none is. Indices are never below 1, so there is no second. */
const scaledWorth = (rules: AaveRules, side: TokenSide, balance: bigint, indexRay: bigint): bigint | null => {
  const isDebt = side === 'debt'
  const scaled = isDebt ? mulDivDown(balance, RAY, indexRay) : mulDivUp(balance, RAY, indexRay)
  const back = isDebt ? debtBalance(rules, scaled, indexRay) : collateralBalance(rules, scaled, indexRay)
  return back === balance ? scaled : null
}

/**
 * Scaled balance after the event, from the one before. Since v3.5 the event tells the rounded balance afterwards, which only one scaled
 * balance has. Null where event and balance contradict each other: something was missed, read `scaledBalanceOf` instead.
 */
export const scaledAfter = (rules: AaveRules, side: TokenSide, scaled: bigint, event: BalanceEvent): bigint | null => {
  if (event.indexRay < RAY) return null
  if (rules === 'v3.0') {
    const after = afterV30(scaled, event)
    return after >= 0n ? after : null
  }
  const { kind, value, balanceIncrease, indexRay } = event
  const accrued = side === 'debt' ? debtBalance(rules, scaled, indexRay) : collateralBalance(rules, scaled, indexRay)
  const balance = accrued - balanceIncrease + (kind === 'mint' ? value : -value)
  return balance >= 0n ? scaledWorth(rules, side, balance, indexRay) : null
}

// What the pool writes down of its reserves and e-modes.

export interface Reserve extends ReserveIndices {
  /** The pool's own number: its place in every bitmap. */
  readonly id: number
  readonly asset: Address
  readonly aToken: Address
  readonly debtToken: Address
  /** Null where there is none, as since v3.2. */
  readonly stableDebtToken: Address | null
  readonly decimals: number
  readonly ltvBps: bigint
  readonly thresholdBps: bigint
  readonly bonusBps: bigint
  readonly protocolFeeBps: bigint
  readonly isActive: boolean
  readonly isFrozen: boolean
  readonly isPaused: boolean
  /** 0n: none, as before v3.1. */
  readonly graceUntilSec: bigint
  /** v3.0's e-mode of the reserve; 0: none. */
  readonly category: number
  /** Debt of accounts that are not known, in scaled units, when last looked: they have not borrowed since `fromBlock`. */
  readonly unseenScaled: bigint
  /** Something changed that must be read before the reserve is judged. */
  readonly isUnread: boolean
}

export interface Category {
  readonly id: number
  readonly thresholdBps: bigint
  readonly bonusBps: bigint
  /** v3.0: whose price the oracle tells for all of the category; null: each reserve's own, as always since. */
  readonly priceSource: Address | null
  /** By reserve id, lowest bit first; since v3.2. Before, each reserve names its category. */
  readonly collateralBitmap: bigint
  readonly borrowableBitmap: bigint
}

/** What counts for this reserve as collateral of an account in `category` (null: none). Mirrors GenericLogic of either version. */
export const termsIn = (
  rules: AaveRules,
  reserve: Reserve,
  category: Category | null,
): { readonly isInCategory: boolean; readonly thresholdBps: bigint; readonly bonusBps: bigint } => {
  const isListed = category !== null && ((category.collateralBitmap >> BigInt(reserve.id)) & 1n) === 1n
  const isInCategory = rules === 'v3.0' ? category !== null && reserve.category === category.id : isListed
  const { thresholdBps, bonusBps } = isInCategory && category !== null ? category : reserve
  // v3.0 leaves out reserves without a threshold of their own, in an e-mode, too.
  return { isInCategory, thresholdBps: rules === 'v3.0' && reserve.thresholdBps === 0n ? 0n : thresholdBps, bonusBps }
}

/** What of the pool itself decides. */
export interface PoolState {
  /** Null until read. */
  readonly revision: bigint | null
  /** Null until read, and for a revision that is not known. */
  readonly rules: AaveRules | null
  /** Null until read. */
  readonly provider: Address | null
  readonly configurator: Address | null
  readonly oracle: Address | null
  /** Null: there is none. */
  readonly sentinel: Address | null
  /** The revision and the addresses above must be read. */
  readonly isUnread: boolean
  readonly isListUnread: boolean
  readonly areCategoriesUnread: boolean
  /** Why nothing is acted on until all was read anew; null otherwise. */
  readonly held: string | null
}

export const NOTHING_READ: PoolState = {
  revision: null,
  rules: null,
  provider: null,
  configurator: null,
  oracle: null,
  sentinel: null,
  isUnread: true,
  isListUnread: true,
  areCategoriesUnread: true,
  held: null,
}

/** What a stable debt has besides its principal, which is in the accounts. */
export interface StableDebt {
  readonly rateRay: bigint
  readonly sinceSec: bigint
}

/** One entry of an account as the contracts tell it. */
export interface ReadEntry {
  readonly column: number
  readonly amount: bigint
  readonly stable?: StableDebt
}
