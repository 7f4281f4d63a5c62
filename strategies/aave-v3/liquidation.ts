// What a liquidation call of Aave v3 takes and gives, to the unit, and which sizes the pool accepts. Pure maths of one (collateral, debt) choice.
import { maxOf, minOf, mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'
import type { Close } from '../../src/core/opportunity'
import type { Address } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'
import { encodeLiquidationCall } from './abi'
import {
  type AaveRules,
  type AccountHealth,
  CLOSE_FACTOR_HEALTH_WAD,
  collateralBalance,
  debtBalance,
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

/** One collateral and one debt of an account that may be liquidated. */
export interface Pair {
  readonly pool: Address
  readonly borrower: Address
  readonly collateralToken: Address
  readonly debtToken: Address
  /** At the target block, and at the last moment in which the calls must still be valid. */
  readonly now: LiquidationCase
  readonly later: LiquidationCase
  /** Underlying that the collateral's reserve can hand out. */
  readonly liquidity: bigint
  /** Null where some of the debt is stable: then two steps are not offered. */
  readonly debtScaled: bigint | null
  /** The collateral's, as the account's e-mode has it. */
  readonly thresholdBps: bigint
  /** The account's health at the target block if it had these balances of the pair, in token units. */
  healthWith(collateral: bigint, debt: bigint): AccountHealth
}

/** One call: what is asked, what comes of it at the target block, and what it may take until it lands. */
interface Ask {
  readonly debtToCover: bigint
  readonly done: Liquidation
  readonly needed: bigint
}

/** Gas of one liquidationCall with approval, cold, and of a second one behind it. Measured on the official bytecode. */
const LIQUIDATION_GAS = 400_000n
const SECOND_GAS = 170_000n

const doneOf = (each: LiquidationCase, debtToCover: bigint): Liquidation | null => {
  const result = liquidate(each, debtToCover)
  return result.kind === 'done' ? result.done : null
}

const clears = (each: LiquidationCase, { paid, received, fee }: Liquidation): boolean =>
  paid >= each.debt || received + fee >= collateralOf(each)

/**
 * Asks for `size`, which the pool accepts at `now`. What clears a side grows with interest until it lands, and so does what is asked for:
 * a remainder would be refused as dust, or be left to others.
 */
const askFor = (now: LiquidationCase, later: LiquidationCase, size: bigint): Ask | null => {
  const done = doneOf(now, size)
  if (done === null) return null
  if (!clears(now, done)) return { debtToCover: size, done, needed: maxOf(size, done.paid) }
  const debtToCover = maxOf(size, later.debt)
  return { debtToCover, done, needed: maxOf(done.paid, doneOf(later, debtToCover)?.paid ?? 0n) }
}

/** The largest size up to `size` that seizes no more than the reserve can hand out; 0n: none. */
const withinLiquidity = (each: LiquidationCase, size: bigint, liquidity: bigint): bigint => {
  const fits = (ask: bigint): boolean => (doneOf(each, ask)?.received ?? 0n) <= liquidity
  if (fits(size)) return size
  let [low, high] = [0n, size]
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}

/** A size that burns at least a unit of debt and gives at least one of collateral: not the least, but near it. */
const smallSize = (each: LiquidationCase): bigint => {
  const units = each.collateralIndexRay / RAY + 4n
  const seizing = mulDivUp(units * each.collateralPrice, each.debtUnit, each.debtPrice * each.collateralUnit)
  return maxOf(seizing, each.debtIndexRay / RAY) + 1n
}

const callStep = ({ pool, collateralToken, debtToken, borrower }: Pair, debtToCover: bigint): Step => {
  const data = encodeLiquidationCall(collateralToken, debtToken, borrower, debtToCover, false)
  return { kind: 'call', to: pool, data, fills: [], callback: null }
}

const stepsOf = (pair: Pair, asks: readonly Ask[]): readonly Step[] => [
  {
    kind: 'approve',
    token: pair.debtToken,
    spender: pair.pool,
    amount: { kind: 'exact', value: asks.reduce((sum, { needed }) => sum + needed, 0n) },
  },
  ...asks.map(({ debtToCover }) => callStep(pair, debtToCover)),
]

const amountsOf = (asks: readonly Ask[]): ReturnType<Close['amountsFor']> => ({
  paid: asks.reduce((sum, { done }) => sum + done.paid, 0n),
  received: asks.reduce((sum, { done }) => sum + done.received, 0n),
  needed: asks.reduce((sum, { needed }) => sum + needed, 0n),
})

const NOTHING = { paid: 0n, received: 0n, needed: 0n }

/** `most` are the calls of the largest size; `partly` makes the call of a smaller one, null: there is none. */
const closeOf = (pair: Pair, most: readonly Ask[], partly: ((pay: bigint) => Ask | null) | null): Close => {
  const largest = amountsOf(most)
  const small = partly === null ? largest.paid : minOf(smallSize(pair.now), largest.paid)
  const asksFor = (pay: bigint): readonly Ask[] => {
    const ask = pay >= largest.paid ? null : (partly?.(pay) ?? null)
    return pay >= largest.paid ? most : ask === null ? [] : [ask]
  }
  return {
    kind: 'repay',
    funding: 'upfront',
    payToken: pair.debtToken,
    receiveToken: pair.collateralToken,
    minPay: partly?.(small) ? small : largest.paid,
    maxPay: largest.paid,
    amountsFor: pay => {
      const asks = asksFor(pay)
      return asks.length === 0 ? NOTHING : amountsOf(asks)
    },
    encode: pay => stepsOf(pair, asksFor(pay)),
    paidWord: 0,
    gas: LIQUIDATION_GAS + SECOND_GAS * BigInt(most.length - 1),
  }
}

/** A call of `pay` or, where the cap by the collateral rounds up past it, of one unit less. */
const partialAsk =
  ({ now }: Pair) =>
  (pay: bigint): Ask | null => {
    const done = doneOf(now, pay)
    if (done === null) return null
    if (done.paid <= pay) return { debtToCover: pay, done, needed: pay }
    const less = doneOf(now, pay - 1n)
    return less === null ? null : { debtToCover: pay - 1n, done: less, needed: pay }
  }

/** Tries to come just below the estimate of the first step: each is further off, by 2^-26 of it first. */
const TRIES = 20
const FIRST_SHIFT = 26n

/** The largest first step found that leaves the account liquidatable, with what is left after it; null: none does. */
const firstStep = (pair: Pair, most: bigint): { readonly ask: Ask; readonly rest: LiquidationCase } | null => {
  const { now, later, debtScaled, thresholdBps } = pair
  const { debtBase: owed, healthFactorWad } = now.health
  const slope = PERCENT * PERCENT - thresholdBps * now.bonusBps
  if (debtScaled === null || healthFactorWad === null || slope <= 0n) return null
  const short = mulDivDown(owed, (WAD - healthFactorWad) * PERCENT * PERCENT, WAD * slope)
  const estimate = minOf(mulDivDown(short, now.debtUnit, now.debtPrice), most)
  for (let tried = 0; tried < TRIES; tried++) {
    const size = estimate - (tried === 0 ? 0n : (estimate >> (FIRST_SHIFT - BigInt(tried))) + 1n)
    const ask = size > 0n ? askFor(now, later, size) : null
    if (ask === null || clears(now, ask.done)) continue
    const { collateralScaled, debtScaled: scaled } = leftoverOf(now, debtScaled, ask.done)
    const debt = debtBalance(now.rules, scaled, now.debtIndexRay)
    const health = pair.healthWith(collateralBalance(now.rules, collateralScaled, now.collateralIndexRay), debt)
    if ((health.healthFactorWad ?? WAD) < WAD) return { ask, rest: { ...now, health, collateralScaled, debt } }
  }
  return null
}

/**
 * Under a close factor, a first call that leaves the account just liquidatable and a second one repay more than any single call (Qin et
 * al.). Null where a single call can take as much.
 */
const twoStepClose = (pair: Pair, single: bigint): Close | null => {
  const { now, later } = pair
  const most = maxRepay(now)
  if (most >= now.debt || single < most) return null
  const first = firstStep(pair, most)
  if (first === null) return null
  const { partialMax, clearing } = repayBounds(first.rest)
  const size = clearing ?? partialMax
  const restLater = {
    ...first.rest,
    debt: first.rest.debt + later.debt - now.debt,
    collateralIndexRay: later.collateralIndexRay,
  }
  const second = size === null ? null : askFor(first.rest, restLater, size)
  if (second === null || first.ask.done.paid + second.done.paid <= single) return null
  if (first.ask.done.received + second.done.received > pair.liquidity) return null
  return closeOf(pair, [first.ask, second], null)
}

/**
 * All ways to close with this pair: a range of sizes, the size above it that clears a side, and two calls where they gain. None where the
 * pool accepts no size, or holds too little of the collateral. Flags are not looked at: see `blockedBy`.
 */
export const closesOf = (pair: Pair): readonly Close[] => {
  const { now, later, liquidity } = pair
  const { partialMax, clearing } = repayBounds(now)
  const closes: Close[] = []
  const range = partialMax === null ? 0n : withinLiquidity(now, partialMax, liquidity)
  const most = range > 0n ? askFor(now, later, range) : null
  if (most !== null) closes.push(closeOf(pair, [most], partialAsk(pair)))
  const whole = clearing === null ? null : askFor(now, later, clearing)
  if (whole !== null && whole.done.received <= liquidity) closes.push(closeOf(pair, [whole], null))
  const twice = most === null && whole === null ? null : twoStepClose(pair, whole?.done.paid ?? most?.done.paid ?? 0n)
  return twice === null ? closes : [...closes, twice]
}
