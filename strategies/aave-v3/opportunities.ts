// What an account of Aave v3 has and how it stands at any time and prices, exact as the pool counts it; and all ways to close it: pairs of
// collateral and debt, sizes, calls, exact at the target block and valid some slots later. Asks nobody.
import { largestWhere } from '../../src/core/bisect'
import { maxOf, minOf, mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'
import { repayToRestore } from '../../src/core/liquidation-theory'
import type { Close, Opportunity } from '../../src/core/opportunity'
import type { Address } from '../../src/core/primitives'
import { mostBy } from '../../src/core/ranking'
import { type UpfrontAsk, upfrontClose } from '../../src/core/upfront-close'
import {
  type AaveRules,
  type Category,
  collateralColumn,
  debtColumn,
  encodeLiquidationCall,
  type Reserve,
  reserveOfColumn,
  stableColumn,
  termsIn,
} from './abi'
import { categoryOf, eModeOf, type Ledger } from './ledger'
import {
  type AccountHealth,
  type AccountReserve,
  accountHealth,
  blockedBy,
  clears,
  collateralBalance,
  collateralOf,
  debtBalance,
  doneOf,
  type Liquidation,
  type LiquidationCase,
  maxRepay,
  repayBounds,
  restOf,
  smallSize,
  stableBalanceAt,
} from './math'

/** Time and prices that everything is judged by. */
export interface Moment {
  readonly rules: AaveRules
  readonly timestampSec: bigint
  readonly sentinelAllows: boolean | null
  liquidityIndex(reserve: Reserve): bigint
  debtIndex(reserve: Reserve): bigint
  /** Of one whole token in base currency, for the health of an account in this e-mode; null: not known. */
  price(reserve: Reserve, category: Category | null): bigint | null
  /** The same for whoever repays a debt: v3.0 takes an e-mode's price, if it has one, for any debt of its accounts. */
  debtPrice(reserve: Reserve, category: Category | null): bigint | null
  /** Underlying that the reserve can hand out. */
  liquidity(reserve: Reserve): bigint
}

/** What an account has in one reserve, valued as the pool values it. */
export interface Held extends AccountReserve {
  readonly reserve: Reserve
  /** For whoever repays it. */
  readonly debtPrice: bigint
  readonly bonusBps: bigint
  readonly collateralScaled: bigint
  /** Null where some of the debt is stable. */
  readonly debtScaled: bigint | null
}

export interface Account {
  readonly slot: number
  readonly held: readonly Held[]
  readonly health: AccountHealth
}

const UNITS = Array.from({ length: 256 }, (_, decimals) => 10n ** BigInt(decimals))
const unitOf = ({ decimals }: Reserve): bigint => UNITS[decimals]!

/** Null: the reserve can't be judged now. */
const heldOf = (ledger: Ledger, slot: number, id: number, category: Category | null, moment: Moment): Held | null => {
  const { rules } = moment
  const reserve = ledger.reserves()[id] ?? null
  if (reserve === null || reserve.isUnread) return null
  const { thresholdBps, bonusBps } = termsIn(rules, reserve, category)
  const price = moment.price(reserve, category)
  const debtPrice = moment.debtPrice(reserve, category)
  if (price === null || debtPrice === null) return null
  const collateralScaled = ledger.accounts.amountOf(slot, collateralColumn(id))
  const debtScaled = ledger.accounts.amountOf(slot, debtColumn(id))
  const stable = ledger.stableDebt(slot, id)
  const principal = stable === null ? 0n : ledger.accounts.amountOf(slot, stableColumn(id))
  const stableDebt = stable === null ? 0n : stableBalanceAt(principal, stable.rateRay, stable.sinceSec, moment.timestampSec)
  return {
    reserve,
    price,
    debtPrice,
    unit: unitOf(reserve),
    liquidationThresholdBps: thresholdBps,
    bonusBps,
    collateralScaled,
    collateral: collateralBalance(rules, collateralScaled, moment.liquidityIndex(reserve)),
    debtScaled: stable === null ? debtScaled : null,
    debt: debtBalance(rules, debtScaled, moment.debtIndex(reserve)) + stableDebt,
  }
}

/** What the account has, and its health; null where it can't be judged: something is unread, or a price that it needs is not known. */
export const judge = (ledger: Ledger, slot: number, moment: Moment): Account | null => {
  const { accounts } = ledger
  if (!accounts.isOpen(slot) || !ledger.isRead(slot)) return null
  const eMode = eModeOf(accounts.flagsAt(slot))
  if (eMode !== 0 && ledger.pool().areCategoriesUnread) return null
  const category = categoryOf(ledger, eMode)
  const held: Held[] = []
  for (let entry = 0; entry < accounts.entriesOf(slot); entry++) {
    const id = reserveOfColumn(accounts.columnAt(slot, entry))
    if (held.at(-1)?.reserve.id === id) continue
    const each = heldOf(ledger, slot, id, category, moment)
    if (each === null) return null
    held.push(each)
  }
  return { slot, held, health: accountHealth(moment.rules, held) }
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

const callOf = ({ pool, collateralToken, debtToken, borrower }: Pair, { debtToCover, done, needed }: Ask): UpfrontAsk => {
  const data = encodeLiquidationCall(collateralToken, debtToken, borrower, debtToCover, false)
  const step = { kind: 'call', to: pool, data, fills: [], callback: null } as const
  return { step, paid: done.paid, received: done.received, needed }
}

/** `most` are the calls of the largest size; `partly` makes the call of a smaller one, null: there is none. */
const closeOf = (pair: Pair, most: readonly Ask[], partly: (pay: bigint) => Ask | null): Close => {
  const source = { id: `reserve ${pair.collateralToken} of ${pair.pool}`, available: pair.liquidity }
  const gas = LIQUIDATION_GAS + SECOND_GAS * BigInt(most.length - 1)
  const terms = { spender: pair.pool, payToken: pair.debtToken, receiveToken: pair.collateralToken, source, gas }
  const calls = most.map(ask => callOf(pair, ask))
  return upfrontClose(terms, calls, smallSize(pair.now), pay => {
    const ask = partly(pay)
    return ask === null ? null : callOf(pair, ask)
  })
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
  const short = healthFactorWad === null ? null : repayToRestore(owed, healthFactorWad, thresholdBps, now.bonusBps)
  if (debtScaled === null || short === null) return null
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
  return closeOf(pair, [first.ask, second], () => null)
}

/**
 * All ways to close with this pair: a range of sizes, the size above it that clears a side, and two calls where they gain. None where the
 * pool accepts no size, or holds too little of the collateral. Flags are not looked at: see `blockedBy`.
 */
export const closesOf = (pair: Pair): readonly Close[] => {
  const { now, later, liquidity } = pair
  const { partialMax, clearing } = repayBounds(now)
  const closes: Close[] = []
  const range = partialMax === null ? 0n : largestWhere(partialMax, ask => (doneOf(now, ask)?.received ?? 0n) <= liquidity)
  const most = range > 0n ? askFor(now, later, range) : null
  if (most !== null) closes.push(closeOf(pair, [most], partialAsk(pair)))
  const whole = clearing === null ? null : askFor(now, later, clearing)
  if (whole !== null && whole.done.received <= liquidity) closes.push(closeOf(pair, [whole], () => null))
  const twice = most === null && whole === null ? null : twoStepClose(pair, whole?.done.paid ?? most?.done.paid ?? 0n)
  return twice === null ? closes : [...closes, twice]
}

export const collateralWorth = ({ collateral, price, unit }: Held): bigint => mulDivDown(collateral, price, unit)
export const debtWorth = ({ debt, price, unit }: Held): bigint => mulDivUp(debt, price, unit)

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

type Choice = { readonly collateral: Held; readonly debt: Held }

/** An account may have any number of dust collaterals: only so many pairs are looked at, those where most can be repaid. */
const MAX_CHOICES = 12

/** Without a bonus or at no price nothing could be seized; v3.0 never takes what has no threshold. */
const canBeSeized = ({ collateral, price, bonusBps, liquidationThresholdBps }: Held, rules: AaveRules): boolean =>
  collateral > 0n && price > 0n && bonusBps > 0n && (rules !== 'v3.0' || liquidationThresholdBps > 0n)

const choicesOf = ({ held }: Account, rules: AaveRules): readonly Choice[] => {
  const debts = held.filter(({ debt, debtPrice }) => debt > 0n && debtPrice > 0n)
  const choices = held.filter(each => canBeSeized(each, rules)).flatMap(collateral => debts.map(debt => ({ collateral, debt })))
  return mostBy(choices, ({ collateral, debt }) => minOf(collateralWorth(collateral), debtWorth(debt)), MAX_CHOICES)
}

/** Why the pool bars this pair, for a person; null: it does not. */
const barrierOf = ({ collateral, debt }: Choice, account: Account, moment: Moment): string | null => {
  const [from, to] = [collateral.reserve, debt.reserve]
  const health = account.health.healthFactorWad
  const why = blockedBy(moment.rules, from, to, moment.sentinelAllows, health ?? WAD, moment.timestampSec)
  const reserves = from === to ? `reserve ${from.asset}` : `one of reserves ${from.asset} and ${to.asset}`
  if (why === 'inactive' || why === 'paused') return `${reserves} is ${why}`
  if (why === 'grace') return `${reserves} is in its grace period until ${maxOf(from.graceUntilSec, to.graceUntilSec)}`
  return why === null ? null : `the price sentinel bars liquidations at health factor ${health}`
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
export const waysToClose = (account: Account, setting: Setting): Pick<Opportunity, 'closes' | 'obstacle'> => {
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
  return { closes, obstacle }
}
