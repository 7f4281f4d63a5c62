// What a liquidation call of Aave v3 takes and gives, to the unit, and which sizes the pool accepts. Pure maths of one (collateral, debt) choice.
import { maxOf, minOf, mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'
import {
  type AaveRules,
  type AccountHealth,
  CLOSE_FACTOR_HEALTH_WAD,
  collateralBalance,
  debtValue,
  percentDiv,
  percentDivDown,
  percentDivUp,
  percentMul,
  percentMulDown,
  percentMulUp,
  RAY,
  rayDiv,
} from './math'

const CLOSE_FACTOR_BPS = 5_000n
const PERCENT = 10_000n
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

/** Largest repayment whose seizure is at most `seized` (uncapped). */
const repaySeizingAtMost = (each: LiquidationCase, seized: bigint): bigint => {
  const carry = each.rules === 'v3.7' ? 0n : PERCENT / 2n
  const bare = ((seized + 1n) * PERCENT - carry - 1n) / each.bonusBps
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
