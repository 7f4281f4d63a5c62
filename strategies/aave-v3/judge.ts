// What an account of Aave v3 has and how it stands, at any time and prices: exact as the pool counts it, and as weights for a float screen.
// Decides nothing and asks nobody.
import type { ColumnWeight } from '../../src/core/basket-screen'
import { mulDivUp, WAD } from '../../src/core/fixed-point'
import type { Address } from '../../src/core/primitives'
import { collateralColumn, debtColumn, eModeOf, isCollateralColumn, type Ledger, reserveOfColumn, stableColumn } from './ledger'
import {
  type AaveRules,
  type AccountHealth,
  type AccountReserve,
  accountHealth,
  type Category,
  collateralBalance,
  debtBalance,
  debtIndexAt,
  liquidityIndexAt,
  type Reserve,
  stableBalanceAt,
  termsIn,
} from './math'
import type { Quotes } from './reading'

/** Time and prices that everything is judged by; indices are worked out once. */
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

const NO_FACTORS: ReadonlyMap<Address, bigint> = new Map()

/** `factorWad`: what the values of some tokens are multiplied by, rounded up. */
export const momentOf = (rules: AaveRules, timestampSec: bigint, quotes: Quotes, factorWad = NO_FACTORS): Moment => {
  const once = (work: (reserve: Reserve) => bigint): ((reserve: Reserve) => bigint) => {
    const known = new Map<number, bigint>()
    return reserve => {
      const index = known.get(reserve.id) ?? work(reserve)
      known.set(reserve.id, index)
      return index
    }
  }
  const scaled = (price: bigint | null, { asset }: Reserve): bigint | null => {
    const factor = price === null ? undefined : factorWad.get(asset)
    return price === null || factor === undefined ? price : mulDivUp(price, factor, WAD)
  }
  const own = ({ id }: Reserve): bigint | null => quotes.prices[id] ?? null
  /** Null: the e-mode has no price of its own. */
  const shared = (reserve: Reserve, category: Category | null): bigint | null => {
    if (category === null || category.priceSource === null) return own(reserve)
    const price = quotes.categoryPrice(category.id)
    return price === 0n ? own(reserve) : price
  }
  return {
    rules,
    timestampSec,
    sentinelAllows: quotes.sentinelAllows,
    liquidityIndex: once(reserve => liquidityIndexAt(reserve, timestampSec)),
    debtIndex: once(reserve => debtIndexAt(rules, reserve, timestampSec)),
    price: (reserve, category) => {
      const isShared = termsIn(rules, reserve, category).isInCategory
      return scaled(isShared ? shared(reserve, category) : own(reserve), reserve)
    },
    debtPrice: (reserve, category) => scaled(shared(reserve, category), reserve),
    liquidity: ({ id }) => quotes.liquidity[id] ?? 0n,
  }
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

export const categoryOf = (ledger: Ledger, eMode: number): Category | null =>
  eMode === 0 ? null : (ledger.categories().get(eMode) ?? null)

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

export const isUnder = (account: Account | null): account is Account =>
  account !== null && account.health.healthFactorWad !== null && account.health.healthFactorWad < WAD

/** Weighs amounts in base currency. Rounding errs by a token unit, which is worth `price / unit`, and a few base units an entry. */
const BASE_SLACK = 3

/** Nobody is found because of a reserve that was never priced: collateral counts far more than any debt. */
export const UNKNOWN_COLLATERAL: ColumnWeight = { low: 1e40, high: 1e40, slack: 0 }
export const UNKNOWN_DEBT: ColumnWeight = { low: -1e-40, high: -1e-40, slack: 0 }

/**
 * What a unit of a column counts, at a price in float. v3.0 cuts the average threshold to whole basis points: up to one basis point of all
 * collateral. `stableGrowth`: what no stable debt has grown beyond.
 */
export const weightAt = (
  price: number,
  reserve: Reserve,
  column: number,
  thresholdBps: bigint,
  moment: Moment,
  stableGrowth: number,
): ColumnWeight => {
  const each = price / 10 ** reserve.decimals
  const slack = each + BASE_SLACK
  if (column === stableColumn(reserve.id)) return { low: -each * stableGrowth, high: -each, slack }
  if (!isCollateralColumn(column)) {
    const debt = -each * (Number(moment.debtIndex(reserve)) / 1e27)
    return { low: debt, high: debt, slack }
  }
  const value = each * (Number(moment.liquidityIndex(reserve)) / 1e27)
  const cut = moment.rules === 'v3.0' ? 1 : 0
  return { low: value * Math.max(0, Number(thresholdBps) - cut) * 1e-4, high: value * Number(thresholdBps) * 1e-4, slack }
}
