// Aave v3's arithmetic, rounding for rounding: indices, balances, health, scaled balances from events, liquidation calls. Each version rounds
// its own way; all amounts are bigint.
import { BPS, maxOf, minOf, mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'
import type { AaveRules, Reserve, ReserveIndices, TokenSide } from './abi'

export const RAY = 10n ** 27n
const HALF_RAY = RAY / 2n
const HALF_PERCENT = BPS / 2n
const SECONDS_PER_YEAR = 31_536_000n

/** Half up. Mirrors WadRayMath.rayMul. */
export const rayMul = (a: bigint, b: bigint): bigint => (a * b + HALF_RAY) / RAY
/** Half up. Mirrors WadRayMath.rayDiv. */
export const rayDiv = (a: bigint, b: bigint): bigint => (a * RAY + b / 2n) / b
/** Half up. Mirrors WadRayMath.wadDiv. */
export const wadDiv = (a: bigint, b: bigint): bigint => (a * WAD + b / 2n) / b
/** Half up. Mirrors PercentageMath.percentMul. */
export const percentMul = (value: bigint, bps: bigint): bigint => (value * bps + HALF_PERCENT) / BPS
/** Half up. Mirrors PercentageMath.percentDiv. */
export const percentDiv = (value: bigint, bps: bigint): bigint => (value * BPS + bps / 2n) / bps
export const percentMulDown = (value: bigint, bps: bigint): bigint => mulDivDown(value, bps, BPS)
export const percentMulUp = (value: bigint, bps: bigint): bigint => mulDivUp(value, bps, BPS)
export const percentDivDown = (value: bigint, bps: bigint): bigint => mulDivDown(value, BPS, bps)
export const percentDivUp = (value: bigint, bps: bigint): bigint => mulDivUp(value, BPS, bps)

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
    rules === 'v3.0' ? wadDiv(percentMul(collateralBase, averageThresholdBps), debtBase) : wadDiv(weighted, debtBase) / BPS
  return { collateralBase, debtBase, averageThresholdBps, healthFactorWad }
}

/** At and below it all of a debt may be repaid at once, and the sentinel is not asked. */
export const CLOSE_FACTOR_HEALTH_WAD = (WAD * 95n) / 100n

/** What of a reserve decides whether the pool lets anybody liquidate. */
export type LiquidationFlags = Pick<Reserve, 'isActive' | 'isPaused' | 'graceUntilSec'>

/**
 * Why the pool would refuse any size now, or null. Frozen reserves don't block. `sentinelAllows`: isLiquidationAllowed() of the price sentinel;
 * null: there is none. Mirrors ValidationLogic.validateLiquidationCall.
 */
export const blockedBy = (
  rules: AaveRules,
  collateral: LiquidationFlags,
  debt: LiquidationFlags,
  sentinelAllows: boolean | null,
  healthFactorWad: bigint,
  timestampSec: bigint,
): 'inactive' | 'paused' | 'sentinel' | 'grace' | null => {
  if (!collateral.isActive || !debt.isActive) return 'inactive'
  if (collateral.isPaused || debt.isPaused) return 'paused'
  const isSentinelAsked = rules !== 'v3.7' && healthFactorWad >= CLOSE_FACTOR_HEALTH_WAD
  if (isSentinelAsked && sentinelAllows === false) return 'sentinel'
  if (rules === 'v3.0') return null
  return maxOf(collateral.graceUntilSec, debt.graceUntilSec) >= timestampSec ? 'grace' : null
}

// Scaled balances from token events, which carry rounded token units: each version's rounding turned round.

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

// What a liquidation call takes and gives, to the unit, and which sizes the pool accepts, for one (collateral, debt) choice.

const CLOSE_FACTOR_BPS = 5_000n
/** Base units below which a side may be closed whole: 2,000 of a base currency with 8 decimals, as the pool's code has it. */
const WHOLE_BELOW_BASE = 2_000n * 10n ** 8n
/** Base units that a side must keep unless one of the two is cleared. */
const LEFTOVER_BASE = WHOLE_BELOW_BASE / 2n

/** One collateral and one debt of an account, at the block of the liquidation. Prices as the pool asks for them (v3.0: e-mode source). */
export interface LiquidationCase {
  readonly rules: AaveRules
  readonly health: AccountHealth
  readonly collateralPrice: bigint
  readonly collateralUnit: bigint
  readonly debtPrice: bigint
  readonly debtUnit: bigint
  /** E.g. 10_500n: the e-mode's if the collateral is in the account's category. */
  readonly bonusBps: bigint
  readonly protocolFeeBps: bigint
  readonly collateralScaled: bigint
  readonly collateralIndexRay: bigint
  /** Token units of this reserve, stable debt included. */
  readonly debt: bigint
  readonly debtIndexRay: bigint
}

export interface Liquidation {
  readonly paid: bigint
  /** To the liquidator. */
  readonly received: bigint
  /** To the treasury. */
  readonly fee: bigint
  /** Whether no collateral is left, so that the pool writes off all debt of the account, in other reserves too. Never before v3.3. */
  readonly isLast: boolean
  /** Of that, the debt of this reserve. */
  readonly writtenOff: bigint
}

export type LiquidationResult =
  | { readonly kind: 'done'; readonly done: Liquidation }
  | { readonly kind: 'refused'; readonly why: 'healthy' | 'nothing' | 'dust' }

/** Collateral in token units. */
export const collateralOf = (each: LiquidationCase): bigint =>
  collateralBalance(each.rules, each.collateralScaled, each.collateralIndexRay)

const collateralBase = (each: LiquidationCase, amount: bigint): bigint =>
  mulDivDown(amount, each.collateralPrice, each.collateralUnit)

const debtBase = (each: LiquidationCase, amount: bigint): bigint => debtValue(each.rules, amount, each.debtPrice, each.debtUnit)

/**
 * Most of this debt that one call may repay by the close factor, before what the collateral is worth caps it.
 * v3.0: half of this reserve's debt while health is above 0.95. Since v3.3: half of the account's whole debt, only while both sides are
 * worth 2,000 or more. Mirrors LiquidationLogic._calculateDebt and executeLiquidationCall.
 */
export const maxRepay = (each: LiquidationCase): bigint => {
  const { rules, health, debt } = each
  const isHalf = (health.healthFactorWad ?? 0n) > CLOSE_FACTOR_HEALTH_WAD
  if (rules === 'v3.0') return isHalf ? percentMul(debt, CLOSE_FACTOR_BPS) : debt
  const owed = debtBase(each, debt)
  if (!isHalf || owed < WHOLE_BELOW_BASE || collateralBase(each, collateralOf(each)) < WHOLE_BELOW_BASE) return debt
  const limitBase = percentMul(health.debtBase, CLOSE_FACTOR_BPS)
  return owed > limitBase ? mulDivDown(limitBase, each.debtUnit, each.debtPrice) : debt
}

/** Collateral taken from the borrower for `repaid`, protocol fee included, uncapped. */
const seizedFor = (each: LiquidationCase, repaid: bigint): bigint => {
  const bare = (each.debtPrice * repaid * each.collateralUnit) / (each.collateralPrice * each.debtUnit)
  return each.rules === 'v3.7' ? percentMulDown(bare, each.bonusBps) : percentMul(bare, each.bonusBps)
}

/** What all of the collateral pays for. */
const repaidFor = (each: LiquidationCase, seized: bigint): bigint => {
  const bare = (each.collateralPrice * seized * each.debtUnit) / (each.debtPrice * each.collateralUnit)
  return each.rules === 'v3.0' ? percentDiv(bare, each.bonusBps) : percentDivUp(bare, each.bonusBps)
}

const feeOf = (each: LiquidationCase, seized: bigint): bigint => {
  if (each.protocolFeeBps === 0n) return 0n
  if (each.rules === 'v3.7') return percentMulUp(seized - percentDivDown(seized, each.bonusBps), each.protocolFeeBps)
  return percentMul(seized - percentDiv(seized, each.bonusBps), each.protocolFeeBps)
}

/** Whether the account has no collateral left afterwards, in the pool's own estimate. v3.7 counts in scaled units, each part rounded up. */
const emptiesAccount = (each: LiquidationCase, received: bigint, fee: bigint): boolean => {
  const { rules, health, collateralScaled, collateralIndexRay } = each
  if (rules === 'v3.0') return false
  if (rules === 'v3.6') return collateralBase(each, received + fee) === health.collateralBase
  const scaled = mulDivUp(received, RAY, collateralIndexRay) + mulDivUp(fee, RAY, collateralIndexRay)
  const taken = collateralBalance(rules, minOf(scaled, collateralScaled), collateralIndexRay)
  return collateralBase(each, taken) === health.collateralBase
}

/** Tokens refuse to burn nothing, counted in scaled units: half up in v3.0; since v3.5 debt rounds down and collateral up. */
const burnsNothing = (each: LiquidationCase, burntDebt: bigint, received: bigint): boolean => {
  if (each.rules === 'v3.0')
    return rayDiv(burntDebt, each.debtIndexRay) === 0n || rayDiv(received, each.collateralIndexRay) === 0n
  return mulDivDown(burntDebt, RAY, each.debtIndexRay) === 0n || received === 0n
}

/** Since v3.3: whoever clears neither side must leave 1,000 of both. */
const leavesDust = (each: LiquidationCase, paid: bigint, seized: bigint): boolean => {
  if (each.rules === 'v3.0') return false
  const collateral = collateralOf(each)
  if (paid >= each.debt || seized >= collateral) return false
  return debtBase(each, each.debt - paid) < LEFTOVER_BASE || collateralBase(each, collateral - seized) < LEFTOVER_BASE
}

/**
 * What `liquidationCall(…, debtToCover)` does, or why it reverts. Flags (paused, grace, sentinel) are not looked at here: see `blockedBy`.
 * Mirrors LiquidationLogic.executeLiquidationCall.
 */
export const liquidate = (each: LiquidationCase, debtToCover: bigint): LiquidationResult => {
  const { healthFactorWad } = each.health
  if (healthFactorWad === null || healthFactorWad >= WAD) return { kind: 'refused', why: 'healthy' }
  const collateral = collateralOf(each)
  const covered = minOf(debtToCover, maxRepay(each))
  const wanted = seizedFor(each, covered)
  const seized = minOf(wanted, collateral)
  const paid = wanted > collateral ? repaidFor(each, collateral) : covered
  if (leavesDust(each, paid, seized)) return { kind: 'refused', why: 'dust' }
  const fee = feeOf(each, seized)
  const received = seized - fee
  const isLast = emptiesAccount(each, received, fee)
  const writtenOff = isLast ? maxOf(each.debt - paid, 0n) : 0n
  if (burnsNothing(each, paid + writtenOff, received)) return { kind: 'refused', why: 'nothing' }
  return { kind: 'done', done: { paid, received, fee, isLast, writtenOff } }
}

/** What `liquidate` does; null: it is refused. */
export const doneOf = (each: LiquidationCase, debtToCover: bigint): Liquidation | null => {
  const result = liquidate(each, debtToCover)
  return result.kind === 'done' ? result.done : null
}

/** Whether no debt of this reserve is left, or none of this collateral. */
export const clears = (each: LiquidationCase, { paid, received, fee }: Liquidation): boolean =>
  paid >= each.debt || received + fee >= collateralOf(each)

/** What a call leaves of the pair's balances, so that a second call in the same transaction can be told. */
export interface Leftover {
  readonly collateralScaled: bigint
  readonly debtScaled: bigint
}

/**
 * Scaled balances after `done`, of an account whose debt is `debtScaled`, none of it stable. Mirrors the burn of debt, the burn of aTokens and
 * the fee's transfer to the treasury, each with its own rounding.
 */
export const leftoverOf = (each: LiquidationCase, debtScaled: bigint, done: Liquidation): Leftover => {
  const { rules, collateralIndexRay, debtIndexRay } = each
  const isOld = rules === 'v3.0'
  const scaledCollateral = (amount: bigint): bigint =>
    isOld ? rayDiv(amount, collateralIndexRay) : mulDivUp(amount, RAY, collateralIndexRay)
  const burnt = isOld ? rayDiv(done.paid, debtIndexRay) : mulDivDown(done.paid, RAY, debtIndexRay)
  const afterBurn = maxOf(each.collateralScaled - scaledCollateral(done.received), 0n)
  return { collateralScaled: maxOf(afterBurn - scaledCollateral(done.fee), 0n), debtScaled: maxOf(debtScaled - burnt, 0n) }
}

/** The pair after `done`; health stays as it was. */
export const restOf = (each: LiquidationCase, debtScaled: bigint, done: Liquidation): LiquidationCase => {
  const left = leftoverOf(each, debtScaled, done)
  return { ...each, collateralScaled: left.collateralScaled, debt: debtBalance(each.rules, left.debtScaled, each.debtIndexRay) }
}

/** A size that burns at least a unit of debt and gives at least one of collateral: not the least, but near it. */
export const smallSize = (each: LiquidationCase): bigint => {
  const units = each.collateralIndexRay / RAY + 4n
  const seizing = mulDivUp(units * each.collateralPrice, each.debtUnit, each.debtPrice * each.collateralUnit)
  return maxOf(seizing, each.debtIndexRay / RAY) + 1n
}

/** Largest repayment whose seizure is at most `seized` (uncapped). */
const repaySeizingAtMost = (each: LiquidationCase, seized: bigint): bigint => {
  const carry = each.rules === 'v3.7' ? 0n : BPS / 2n
  const bare = ((seized + 1n) * BPS - carry - 1n) / each.bonusBps
  return ((bare + 1n) * each.collateralPrice * each.debtUnit - 1n) / (each.debtPrice * each.collateralUnit)
}

/** Both are sizes to ask for; what is paid can be less where the collateral caps it. */
export interface RepayBounds {
  /** Every size from 1 unit to here is accepted (if it seizes anything); null: none is. */
  readonly partialMax: bigint | null
  /** A size above that which clears the debt or the collateral; null: none does, or `partialMax` is the most that can be asked. */
  readonly clearing: bigint | null
}

/** Largest size that clears neither side and leaves enough of both; 0n or less: none. */
const largestPartial = (each: LiquidationCase): bigint => {
  // Debt that is worth LEFTOVER_BASE rounded up, collateral that is worth it rounded down.
  const keepDebt = ((LEFTOVER_BASE - 1n) * each.debtUnit) / each.debtPrice + 1n
  const keepCollateral = mulDivUp(LEFTOVER_BASE, each.collateralUnit, each.collateralPrice)
  const room = collateralOf(each) - keepCollateral
  if (room < 0n) return 0n
  return minOf(each.debt - keepDebt, repaySeizingAtMost(each, room))
}

/** Which sizes of `debtToCover` the pool accepts. One unit more than either is refused, or changes nothing. */
export const repayBounds = (each: LiquidationCase): RepayBounds => {
  const most = maxRepay(each)
  const atMost = liquidate(each, most)
  if (atMost.kind === 'refused' && atMost.why !== 'dust') return { partialMax: null, clearing: null }
  const partial = each.rules === 'v3.0' ? most : minOf(largestPartial(each), most)
  const isWhole = partial < most && atMost.kind === 'done'
  return { partialMax: partial > 0n ? partial : null, clearing: isWhole ? most : null }
}
