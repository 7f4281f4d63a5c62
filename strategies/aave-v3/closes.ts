// All ways to close an account of Aave v3: pairs of collateral and debt, sizes, calls. Exact at the target block, valid some slots later.
import { BPS, maxOf, minOf, mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'
import type { Close, Opportunity } from '../../src/core/opportunity'
import type { Address } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'
import { encodeLiquidationCall } from './abi'
import type { Account, Held, Moment } from './judge'
import { collateralOf, type Liquidation, type LiquidationCase, leftoverOf, liquidate, maxRepay, repayBounds } from './liquidation'
import { type AaveRules, type AccountHealth, accountHealth, blockedBy, debtBalance, RAY } from './math'

const PERCENT = 10_000n

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
  /** The pair at the first moment at which the calls may land, since blocks come early too, and at the last. */
  readonly bounds: readonly Standing[]
}

/** A pair at one moment, with the account's health then if it had these balances of it. */
export interface Standing {
  readonly each: LiquidationCase
  healthWith(collateral: bigint, debt: bigint): AccountHealth
}

/** One call: what is asked, what comes of it at the target block, and what it may take until it lands. */
interface Ask {
  readonly debtToCover: bigint
  readonly done: Liquidation
  readonly needed: bigint
}

/**
 * Gas of a first liquidationCall with approval, and of a second one behind it. On the official bytecode: 350,000 alone (the packages' own
 * figure); in the keeper's transactions 580,000 with three swaps and 1,050,000 for two legs. More of it stays when others went before
 * than of a swap's, so more is stated here than one takes.
 */
const LIQUIDATION_GAS = 590_000n
const SECOND_GAS = 380_000n

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
    source: { id: `reserve ${pair.collateralToken} of ${pair.pool}`, available: pair.liquidity },
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

/** The pair after `done`; health stays as it was. */
const restOf = (each: LiquidationCase, debtScaled: bigint, done: Liquidation): LiquidationCase => {
  const left = leftoverOf(each, debtScaled, done)
  return { ...each, collateralScaled: left.collateralScaled, debt: debtBalance(each.rules, left.debtScaled, each.debtIndexRay) }
}

/** Whether the first step leaves the account liquidatable whenever it lands: interest moves health either way. */
const isOpenAfter = ({ bounds }: Pair, debtScaled: bigint, { debtToCover }: Ask): boolean =>
  bounds.every(({ each, healthWith: health }) => {
    const done = doneOf(each, debtToCover)
    if (done === null) return false
    const rest = restOf(each, debtScaled, done)
    return (health(collateralOf(rest), rest.debt).healthFactorWad ?? WAD) < WAD
  })

interface FirstStep {
  readonly ask: Ask
  readonly debtScaled: bigint
  /** What is left after it, with the account's health then. */
  readonly rest: LiquidationCase
}

/** The largest first step found that leaves the account liquidatable; null: none does. */
const firstStep = (pair: Pair, most: bigint): FirstStep | null => {
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
    const rest = restOf(now, debtScaled, ask.done)
    const health = pair.healthWith(collateralOf(rest), rest.debt)
    const isOpen = (health.healthFactorWad ?? WAD) < WAD && isOpenAfter(pair, debtScaled, ask)
    if (isOpen) return { ask, debtScaled, rest: { ...rest, health } }
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
  const first = most >= now.debt || single < most ? null : firstStep(pair, most)
  const firstLater = first === null ? null : doneOf(later, first.ask.debtToCover)
  if (first === null || firstLater === null) return null
  const restLater = { ...restOf(later, first.debtScaled, firstLater), health: first.rest.health }
  const { partialMax, clearing } = repayBounds(first.rest)
  const size = clearing ?? partialMax
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

export const collateralWorth = ({ collateral, price, unit }: Held): bigint => mulDivDown(collateral, price, unit)
export const debtWorth = ({ debt, price, unit }: Held): bigint => mulDivUp(debt, price, unit)

export const largest = (held: readonly Held[], worthOf: (each: Held) => bigint): Held | null =>
  held.reduce<Held | null>((most, each) => (most === null || worthOf(each) > worthOf(most) ? each : most), null)

const caseOf = (account: Account, collateral: Held, debt: Held, moment: Moment): LiquidationCase => ({
  rules: moment.rules,
  health: account.health,
  collateralPrice: collateral.price,
  collateralUnit: collateral.unit,
  debtPrice: debt.debtPrice,
  debtUnit: debt.unit,
  bonusBps: collateral.bonusBps,
  protocolFeeBps: collateral.reserve.protocolFeeBps,
  collateralScaled: collateral.collateralScaled,
  collateralIndexRay: moment.liquidityIndex(collateral.reserve),
  debt: debt.debt,
  debtIndexRay: moment.debtIndex(debt.reserve),
})

/** The account's health if it had these balances in the two reserves, which may be one, at the moment of its other balances. */
const healthWith =
  (rules: AaveRules, { held }: Account, collateralId: number, debtId: number) =>
  (collateral: bigint, debt: bigint): AccountHealth =>
    accountHealth(
      rules,
      held.map(each => ({
        ...each,
        collateral: each.reserve.id === collateralId ? collateral : each.collateral,
        debt: each.reserve.id === debtId ? debt : each.debt,
      })),
    )

interface Choice {
  readonly collateral: Held
  readonly debt: Held
}

/** An account may have any number of dust collaterals: only so many pairs are looked at, those where most can be repaid. */
const MAX_CHOICES = 12

/** Without a bonus or at no price nothing could be seized; v3.0 never takes what has no threshold. */
const canBeSeized = ({ collateral, price, bonusBps, liquidationThresholdBps }: Held, rules: AaveRules): boolean =>
  collateral > 0n && price > 0n && bonusBps > 0n && (rules !== 'v3.0' || liquidationThresholdBps > 0n)

const choicesOf = ({ held }: Account, rules: AaveRules): readonly Choice[] => {
  const debts = held.filter(({ debt, debtPrice }) => debt > 0n && debtPrice > 0n)
  return held
    .filter(each => canBeSeized(each, rules))
    .flatMap(collateral => debts.map(debt => ({ collateral, debt })))
    .map(choice => ({ choice, worth: minOf(collateralWorth(choice.collateral), debtWorth(choice.debt)) }))
    .sort((a, b) => (a.worth < b.worth ? 1 : a.worth > b.worth ? -1 : 0))
    .slice(0, MAX_CHOICES)
    .map(({ choice }) => choice)
}

/** Why the pool bars this pair, for a person; null: it does not. */
const barrierOf = ({ collateral, debt }: Choice, account: Account, moment: Moment): string | null => {
  const [from, to] = [collateral.reserve, debt.reserve]
  const why = blockedBy(
    moment.rules,
    {
      collateralActive: from.isActive,
      debtActive: to.isActive,
      collateralPaused: from.isPaused,
      debtPaused: to.isPaused,
      collateralGraceUntilSec: from.graceUntilSec,
      debtGraceUntilSec: to.graceUntilSec,
      sentinelAllows: moment.sentinelAllows,
    },
    account.health.healthFactorWad ?? WAD,
    moment.timestampSec,
  )
  const reserves = from === to ? `reserve ${from.asset}` : `one of reserves ${from.asset} and ${to.asset}`
  if (why === 'inactive' || why === 'paused') return `${reserves} is ${why}`
  if (why === 'grace') return `${reserves} is in its grace period until ${maxOf(from.graceUntilSec, to.graceUntilSec)}`
  return why === null ? null : `the price sentinel bars liquidations at health factor ${account.health.healthFactorWad}`
}

/** Debt in units of the main debt that collateral does not cover, bonus counted; 0n: it does. */
const shortfall = ({ held, health }: Account): bigint => {
  const [best, main] = [largest(held, collateralWorth), largest(held, debtWorth)]
  if (main === null) return 0n
  const covered = mulDivDown(health.collateralBase, BPS, maxOf(best?.bonusBps ?? BPS, BPS))
  return health.debtBase <= covered || main.price === 0n ? 0n : mulDivUp(health.debtBase - covered, main.unit, main.price)
}

const pairOf = ({ collateral, debt }: Choice, account: Account, { pool, borrower, now, before, afterwards }: Setting): Pair => {
  const [from, to] = [collateral.reserve, debt.reserve]
  const standingAt = ({ moment, account: then }: Timed): Standing => {
    const of = (held: Held): Held => then.held.find(({ reserve }) => reserve.id === held.reserve.id) ?? held
    return {
      each: caseOf(then, of(collateral), of(debt), moment),
      healthWith: healthWith(moment.rules, then, from.id, to.id),
    }
  }
  const last = standingAt(afterwards)
  return {
    pool,
    borrower,
    collateralToken: from.asset,
    debtToken: to.asset,
    now: caseOf(account, collateral, debt, now),
    later: last.each,
    liquidity: now.liquidity(from),
    debtScaled: debt.debtScaled,
    thresholdBps: collateral.liquidationThresholdBps,
    healthWith: healthWith(now.rules, account, from.id, to.id),
    bounds: [standingAt(before), last],
  }
}

/** The account at another moment. */
export interface Timed {
  readonly moment: Moment
  readonly account: Account
}

export interface Setting {
  readonly pool: Address
  readonly borrower: Address
  readonly now: Moment
  /** The first moment at which a call may land, and the last at which it must be valid. */
  readonly before: Timed
  readonly afterwards: Timed
}

/** Why a pair that is not barred offers no size. */
const stubbornness = ({ collateralToken, debtToken, liquidity }: Pair, { collateral }: Choice): string =>
  liquidity < collateral.collateral
    ? `reserve ${collateralToken} can hand out ${liquidity} units of the ${collateral.collateral} held there`
    : `no size of ${debtToken} for ${collateralToken} is accepted: too little of both`

/** All ways to close `account`, and what bars others. */
export const waysToClose = (account: Account, setting: Setting): Pick<Opportunity, 'closes' | 'obstacle' | 'debtAssets'> => {
  const closes: Close[] = []
  const obstacles = new Set<string>()
  for (const choice of choicesOf(account, setting.now.rules)) {
    const barrier = barrierOf(choice, account, setting.now)
    const pair = barrier === null ? pairOf(choice, account, setting) : null
    const found = pair === null ? [] : closesOf(pair)
    if (found.length > 0) closes.push(...found)
    else obstacles.add(barrier ?? (pair === null ? '' : stubbornness(pair, choice)))
  }
  const isBare = closes.length === 0 && obstacles.size === 0
  const obstacle = isBare ? 'it has no collateral that could be seized' : obstacles.size === 0 ? null : [...obstacles].join('; ')
  return { closes, obstacle, debtAssets: shortfall(account) }
}
