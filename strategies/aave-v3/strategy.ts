// Aave v3 as a Strategy: the live book of one pool, an account with several collaterals and debts being one position. Joins ledger,
// reads, index and maths; decides in integers what the index's floats only screen.
import { z } from 'zod'
import { addressOf, ZERO_ADDRESS } from '../../src/core/abi-words'
import { NONE } from '../../src/core/basket-accounts'
import type { BasketWeights } from '../../src/core/basket-index'
import { debtByLevel, lowestOf, type Owed } from '../../src/core/basket-risk'
import { columnsAt, openSlots, sampleBasket } from '../../src/core/basket-sample'
import { type ColumnWeight, createBasketScreen } from '../../src/core/basket-screen'
import { BPS, maxOf, minOf, mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'
import type { Opportunity, PositionRef, PositionView } from '../../src/core/opportunity'
import type { Address, TargetBlock } from '../../src/core/primitives'
import { largestBy, onceBy } from '../../src/core/ranking'
import { createMarketTest, createPositionTest } from '../../src/core/scope'
import { addressSetting, countSetting, gasSetting } from '../../src/core/settings'
import type { Book, DebtAtRisk, MarketFault, Pairs, Scope, Strategy, WhatIf } from '../../src/core/strategy'
import { fallOf } from '../../src/core/what-if'
import {
  type AaveRules,
  type Category,
  collateralColumn,
  debtColumn,
  isCollateralColumn,
  POOL_TOPIC,
  type Reserve,
  reserveOfColumn,
  stableColumn,
  termsIn,
} from './abi'
import { categoryOf, createLedger, eModeOf, type Ledger } from './ledger'
import { debtIndexAt, liquidityIndexAt, RAY, stableBalanceAt } from './math'
import { type Account, collateralWorth, debtWorth, judge, type Moment, type Timed, waysToClose } from './opportunities'
import { auditOf, createReading, isInUse, type Quotes, reservesOf } from './reading'

const NAME = 'aave-v3'

export const configSchema = z.strictObject({
  address: addressSetting.describe('The pool: the proxy that users call.'),
  fromBlock: countSetting(0).describe(
    'Block of its deployment. With a later one, accounts that have not borrowed since then are not seen.',
  ),
  horizonSec: countSetting(900).describe(
    'For how long after its target block a liquidation must stay valid at unchanged prices, in seconds.',
  ),
  maxOracleGas: gasSetting.describe('Gas that one price may burn in a read. Default: `limits.readGasCap`.'),
})

export type Settings = z.output<typeof configSchema>

/** Pairs that accounts may hold, those of the most used reserves first; their number grows with the square of reserves. */
const MAX_PAIRS = 400

const debtUsers = ({ accounts }: Ledger, id: number): number =>
  accounts.usersOf(debtColumn(id)) + accounts.usersOf(stableColumn(id))

const pairsOf = (ledger: Ledger): Pairs => {
  const { accounts } = ledger
  const held = reservesOf(ledger).map(reserve => ({
    reserve,
    asCollateral: accounts.usersOf(collateralColumn(reserve.id)),
    asDebt: debtUsers(ledger, reserve.id),
  }))
  return held
    .flatMap(from => held.map(to => ({ from, to, users: Math.min(from.asCollateral, to.asDebt) })))
    .filter(({ users }) => users > 0)
    .sort((a, b) => b.users - a.users)
    .slice(0, MAX_PAIRS)
    .map(({ from, to }) => ({ from: from.reserve.asset, to: to.reserve.asset }))
}

/** Bounds what stable debts of v3.0 can have grown by: each grows at a rate of its own. */
const createStableBound = (ledger: Ledger) => {
  let rateRay = 0n
  let sinceSec = 0n
  return {
    note: (slot: number): void => {
      for (let entry = 0; entry < ledger.accounts.entriesOf(slot); entry++) {
        const debt = ledger.stableDebt(slot, reserveOfColumn(ledger.accounts.columnAt(slot, entry)))
        if (debt === null) continue
        sinceSec = rateRay === 0n ? debt.sinceSec : minOf(sinceSec, debt.sinceSec)
        rateRay = maxOf(rateRay, debt.rateRay)
      }
    },
    growthAt: (timestampSec: bigint): number => Number(stableBalanceAt(RAY, rateRay, sinceSec, timestampSec)) / 1e27,
  }
}

/** The first column of the account that `wants`: some token's, for tables, where nothing can be valued. */
const tokenIn = ({ accounts, reserves }: Ledger, slot: number, wants: (column: number) => boolean): Address | null =>
  reserves()[reserveOfColumn(columnsAt(accounts, slot).find(wants) ?? -1)]?.asset ?? null

const NO_FACTORS: ReadonlyMap<Address, bigint> = new Map()

const idOf = ({ id }: Reserve): number => id

/** Indices are worked out once. `factorWad`: what the values of some tokens are multiplied by, rounded up. */
const momentOf = (rules: AaveRules, timestampSec: bigint, quotes: Quotes, factorWad = NO_FACTORS): Moment => {
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
    liquidityIndex: onceBy(idOf, reserve => liquidityIndexAt(reserve, timestampSec)),
    debtIndex: onceBy(idOf, reserve => debtIndexAt(rules, reserve, timestampSec)),
    price: (reserve, category) => {
      const isShared = termsIn(rules, reserve, category).isInCategory
      return scaled(isShared ? shared(reserve, category) : own(reserve), reserve)
    },
    debtPrice: (reserve, category) => scaled(shared(reserve, category), reserve),
    liquidity: ({ id }) => quotes.liquidity[id] ?? 0n,
  }
}

const isUnder = (account: Account | null): account is Account =>
  account !== null && account.health.healthFactorWad !== null && account.health.healthFactorWad < WAD

/** Debt in units of the main debt that collateral does not cover, bonus counted; 0n: it does. */
const shortfall = ({ held, health }: Account): bigint => {
  const [best, main] = [largestBy(held, collateralWorth), largestBy(held, debtWorth)]
  if (main === null) return 0n
  const covered = mulDivDown(health.collateralBase, BPS, maxOf(best?.bonusBps ?? BPS, BPS))
  return health.debtBase <= covered || main.price === 0n ? 0n : mulDivUp(health.debtBase - covered, main.unit, main.price)
}

/** Weighs amounts in base currency. Rounding errs by a token unit, which is worth `price / unit`, and a few base units an entry. */
const BASE_SLACK = 3

/** Nobody is found because of a reserve that was never priced: collateral counts far more than any debt. */
const UNKNOWN_COLLATERAL: ColumnWeight = { low: 1e40, high: 1e40, slack: 0 }
const UNKNOWN_DEBT: ColumnWeight = { low: -1e-40, high: -1e-40, slack: 0 }

/**
 * What a unit of a column counts, at a price in float. v3.0 cuts the average threshold to whole basis points: up to one basis point of all
 * collateral. `stableGrowth`: what no stable debt has grown beyond.
 */
const weightAt = (
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

/** Why nothing of the pool may be judged; null: it may. */
export const poolFault = (ledger: Ledger): string | null => {
  const { isUnread, revision, rules, held, isListUnread, areCategoriesUnread } = ledger.pool()
  if (held !== null) return `held until all is read anew: ${held}`
  if (isUnread) return 'its revision and addresses could not be read'
  if (rules === null) return `its revision is ${revision}, which is not one that was checked: nothing is acted on`
  if (isListUnread || areCategoriesUnread) return 'its reserves and e-modes could not be read'
  return null
}

const reserveFault = (ledger: Ledger, { prices }: Quotes, reserve: Reserve): string | null => {
  const isUsed = isInUse(ledger, reserve)
  if (!isUsed && reserve.unseenScaled === 0n) return null
  if (reserve.isUnread) return 'its data could not be read'
  if (isUsed && (prices[reserve.id] ?? null) === null) return 'the oracle tells no price'
  if (reserve.unseenScaled === 0n) return null
  return `judged in part: ${reserve.unseenScaled} scaled units of its debt belong to accounts that have not borrowed since fromBlock`
}

/** Why the pool, or what of it, can't be judged. */
export const faultsOf = (ledger: Ledger, quotes: Quotes): readonly string[] => {
  const reason = poolFault(ledger)
  if (reason !== null) return [reason]
  const waiting = ledger.unread().size
  const ofReserves = reservesOf(ledger).flatMap(reserve => {
    const why = reserveFault(ledger, quotes, reserve)
    return why === null ? [] : [`reserve ${reserve.asset}: ${why}`]
  })
  return waiting === 0 ? ofReserves : [`${waiting} accounts could not be read`, ...ofReserves]
}

const createBook = (settings: Settings, scope: Scope): Book => {
  const pool = settings.address
  const ledger = createLedger(pool)
  const reading = createReading(ledger, settings)
  const { accounts } = ledger
  const isFollowed = createMarketTest(scope)(pool)
  const isInScope = createPositionTest(scope)
  const stable = createStableBound(ledger)
  /** Last known, by reserve: for the screen while a price fails. */
  const lastPrices = new Map<number, bigint>()
  /** Time of the block of the last reads. */
  let headSec: bigint | null = null
  const screen = createBasketScreen(accounts, {
    groupOf: (_, flags) => eModeOf(flags),
    isListed: slot => {
      if (!ledger.isRead(slot)) return false
      stable.note(slot)
      return true
    },
  })

  /** The pool at each of these times, at the last prices or others; null: nothing can be judged. */
  const momentsAt = (timesSec: readonly bigint[], whatIf?: WhatIf): readonly Moment[] | null => {
    const { rules } = ledger.pool()
    if (rules === null || poolFault(ledger) !== null) return null
    const quotes = whatIf?.kind === 'reads' ? reading.quotesOf(whatIf.results) : reading.quotes()
    const factors = whatIf?.kind === 'values' ? whatIf.factorWad : undefined
    return timesSec.map(timestampSec => momentOf(rules, timestampSec, quotes, factors))
  }

  const weigh = (at: Moment): BasketWeights => {
    const growth = stable.growthAt(at.timestampSec)
    return screen.weigh((column, eMode) => {
      const reserve = ledger.reserves()[reserveOfColumn(column)] ?? null
      const category = categoryOf(ledger, eMode)
      const price = reserve === null ? null : (at.price(reserve, category) ?? lastPrices.get(reserve.id) ?? null)
      if (reserve === null || price === null) return isCollateralColumn(column) ? UNKNOWN_COLLATERAL : UNKNOWN_DEBT
      const { thresholdBps } = termsIn(at.rules, reserve, category)
      return weightAt(Number(price), reserve, column, thresholdBps, at, growth)
    })
  }

  const underAt = (at: Moment, weights: BasketWeights): readonly number[] => [
    ...screen.under(weights, slot => isUnder(judge(ledger, slot, at))),
  ]

  const refOf = (slot: number): PositionRef => ({ strategy: NAME, market: pool, account: accounts.accountAt(slot) })

  const opportunityOf = (account: Account, [now, early, later]: readonly [Moment, Moment, Moment]): Opportunity | null => {
    const position = refOf(account.slot)
    const main = largestBy(account.held, debtWorth)
    if (main === null || !isFollowed || !isInScope(position.account, main.debt, main.reserve.asset)) return null
    const at = (moment: Moment): Timed => ({ moment, account: judge(ledger, account.slot, moment) ?? account })
    const setting = { pool, borrower: position.account, now, before: at(early), afterwards: at(later) }
    return { position, ...waysToClose(account, setting), debtAssets: shortfall(account) }
  }

  const opportunities = (target: TargetBlock, whatIf?: WhatIf): readonly Opportunity[] => {
    screen.sync()
    // Its time is a guess: the block may come right after its parent.
    const earliest = minOf(target.timestampSec, (headSec ?? target.timestampSec) + 1n)
    const moments = momentsAt([target.timestampSec, earliest, target.timestampSec + settings.horizonSec], whatIf)
    const [now, early, later] = moments ?? []
    if (now === undefined || early === undefined || later === undefined) return []
    const weights = weigh(now)
    if (whatIf === undefined) screen.refresh(weights)
    return underAt(now, weights).flatMap(slot => {
      const account = judge(ledger, slot, now)
      const opportunity = isUnder(account) ? opportunityOf(account, [now, early, later]) : null
      return opportunity === null ? [] : [opportunity]
    })
  }

  /** Debts of a slot at `at`, by token; none where it can't be judged. */
  const owedBy = (slot: number, at: Moment): readonly Owed[] =>
    (judge(ledger, slot, at)?.held ?? []).flatMap(({ debt, reserve }) =>
      debt > 0n ? [{ token: reserve.asset, assets: debt }] : [],
    )

  const debtAtRisk = (target: TargetBlock, token: Address, fallsBps: readonly bigint[]): readonly DebtAtRisk[] => {
    screen.sync()
    if (ledger.reserveOf(token) === null) return []
    const moments = fallsBps.map(bps => momentsAt([target.timestampSec], fallOf(token, bps))?.[0] ?? null)
    const slotsAt = (level: number): readonly number[] => {
      const at = moments[level]
      return at === null || at === undefined ? [] : underAt(at, weigh(at))
    }
    const [now] = momentsAt([target.timestampSec]) ?? []
    const rows = now === undefined ? [] : debtByLevel(fallsBps.length, slotsAt, slot => owedBy(slot, now))
    return rows.map(row => ({ market: pool, ...row }))
  }

  const viewOf = (slot: number, at: Moment | undefined): PositionView => {
    const account = at === undefined ? null : judge(ledger, slot, at)
    const from = account === null ? null : largestBy(account.held, collateralWorth)
    const to = account === null ? null : largestBy(account.held, debtWorth)
    return {
      ...refOf(slot),
      collateralToken: from?.reserve.asset ?? tokenIn(ledger, slot, isCollateralColumn) ?? ZERO_ADDRESS,
      debtToken: to?.reserve.asset ?? tokenIn(ledger, slot, column => !isCollateralColumn(column)) ?? ZERO_ADDRESS,
      collateralAssets: from?.collateral ?? 0n,
      debtAssets: to?.debt ?? 0n,
      healthFactorWad: account?.health.healthFactorWad ?? null,
    }
  }

  const positions = (target: TargetBlock, limit?: number): readonly PositionView[] => {
    screen.sync()
    const [at] = momentsAt([target.timestampSec]) ?? []
    const nearest = (count: number): readonly number[] => (at === undefined ? [] : screen.nearest(weigh(at), count))
    return lowestOf(
      limit,
      nearest,
      () => openSlots(accounts),
      slot => viewOf(slot, at),
    )
  }

  const covers = ({ strategy, market }: PositionRef): boolean => strategy === NAME && market === pool

  return {
    name: NAME,
    strategy: NAME,
    address: pool,
    fromBlock: settings.fromBlock,
    historyFilters: ledger.historyFilters,
    filters: ledger.filters,
    filtersVersion: ledger.filtersVersion,
    needsBootstrap: reading.needsBootstrap,
    bootstrap: reading.bootstrap,
    beginBlock: ledger.beginBlock,
    fold: ledger.fold,
    distrust: ledger.distrust,
    undo: ledger.undo,
    finalise: ledger.finalise,
    fingerprint: () => `${ledger.fingerprint()} ${settings.fromBlock}`,
    save: ledger.save,
    restore: ledger.restore,
    blockReads: reading.blockReads,
    acceptReads: (block, results) => {
      headSec = block.timestampSec
      reading.acceptReads(results)
      for (const [id, price] of reading.quotes().prices.entries()) if (price !== null) lastPrices.set(id, price)
    },
    opportunities,
    debtAtRisk,
    faults: () => faultsOf(ledger, reading.quotes()).map((reason): MarketFault => ({ market: pool, reason })),
    positions,
    pairs: () => pairsOf(ledger),
    tokens: reading.tokens,
    size: accounts.size,
    has: position => covers(position) && accounts.find(position.account) !== NONE,
    covers,
    audit: asked => asked.filter(covers).map(position => auditOf(ledger, pool, position)),
    sample: (cursor, count) => sampleBasket(accounts, cursor, count, refOf),
    quarantine: (market, block, reason) => {
      if (market === pool) ledger.quarantine(block, reason)
    },
    missing: market =>
      market === pool && reservesOf(ledger).some(({ unseenScaled }) => unseenScaled > 0n)
        ? [{ addresses: [pool], topics: [[POOL_TOPIC.borrow]] }]
        : null,
    recall: (market, block, logs) => {
      if (market !== pool) return
      // Of Borrow, the second indexed argument is who owes.
      for (const account of new Set(logs.flatMap(({ topics }) => topics[2] ?? []).map(addressOf)))
        if (accounts.find(account) === NONE) ledger.track(block, account)
    },
  }
}

export const aaveV3 = { name: NAME, configSchema, createBook } satisfies Strategy<Settings> & {
  readonly configSchema: z.ZodType<Settings>
}
