// Aave v3 as a Strategy: the live book of one pool, an account with several collaterals and debts being one position. Joins ledger,
// reads, index and maths; decides in integers what the index's floats only screen.
import { z } from 'zod'
import { NONE } from '../../src/core/basket-accounts'
import type { BasketWeights } from '../../src/core/basket-index'
import { debtByLevel, lowestOf, type Owed } from '../../src/core/basket-risk'
import { createBasketScreen } from '../../src/core/basket-screen'
import { maxOf, minOf } from '../../src/core/fixed-point'
import type { Opportunity, PositionRef, PositionView } from '../../src/core/opportunity'
import type { Address, TargetBlock } from '../../src/core/primitives'
import { createMarketTest, createPositionTest } from '../../src/core/scope'
import type { AuditQuestion, Book, DebtAtRisk, MarketFault, Pairs, Scope, Strategy, WhatIf } from '../../src/core/strategy'
import { fallOf } from '../../src/core/what-if'
import { addressOf, POOL_TOPIC, ZERO_ADDRESS } from './abi'
import { auditOf } from './audit'
import { collateralWorth, debtWorth, largest, type Timed, waysToClose } from './closes'
import {
  type Account,
  categoryOf,
  isUnder,
  judge,
  type Moment,
  momentOf,
  UNKNOWN_COLLATERAL,
  UNKNOWN_DEBT,
  weightAt,
} from './judge'
import {
  collateralColumn,
  createLedger,
  debtColumn,
  eModeOf,
  isCollateralColumn,
  type Ledger,
  reserveOfColumn,
  stableColumn,
} from './ledger'
import { RAY, type Reserve, stableBalanceAt, termsIn } from './math'
import { createReading } from './reading'

const NAME = 'aave-v3'

export const configSchema = z.strictObject({
  address: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, { error: 'must be an address' })
    .transform((text): Address => `0x${text.slice(2).toLowerCase()}`)
    .describe('The pool: the proxy that users call.'),
  fromBlock: z
    .number()
    .int()
    .nonnegative()
    .prefault(0)
    .transform(BigInt)
    .describe('Block of its deployment. With a later one, accounts that have not borrowed since then are not seen.'),
  horizonSec: z
    .number()
    .int()
    .nonnegative()
    .prefault(900)
    .transform(BigInt)
    .describe('For how long after its target block a liquidation must stay valid at unchanged prices, in seconds.'),
  maxOracleGas: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Gas that one price may burn in a read. Default: `limits.readGasCap`.'),
})

export type Settings = z.output<typeof configSchema>

/** Pairs that accounts may hold, those of the most used reserves first; their number grows with the square of reserves. */
const MAX_PAIRS = 400

const debtUsers = ({ accounts }: Ledger, id: number): number =>
  accounts.usersOf(debtColumn(id)) + accounts.usersOf(stableColumn(id))

const reservesOf = (ledger: Ledger): readonly Reserve[] => ledger.reserves().flatMap(each => (each === null ? [] : [each]))

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
const tokenIn = ({ accounts, reserves }: Ledger, slot: number, wants: (column: number) => boolean): Address | null => {
  for (let entry = 0; entry < accounts.entriesOf(slot); entry++) {
    const column = accounts.columnAt(slot, entry)
    if (wants(column)) return reserves()[reserveOfColumn(column)]?.asset ?? null
  }
  return null
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
    if (rules === null || reading.isHeld()) return null
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
    const main = largest(account.held, debtWorth)
    if (main === null || !isFollowed || !isInScope(position.account, main.debt, main.reserve.asset)) return null
    const at = (moment: Moment): Timed => ({ moment, account: judge(ledger, account.slot, moment) ?? account })
    const setting = { pool, borrower: position.account, now, before: at(early), afterwards: at(later) }
    return { position, ...waysToClose(account, setting) }
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
    const from = account === null ? null : largest(account.held, collateralWorth)
    const to = account === null ? null : largest(account.held, debtWorth)
    return {
      ...refOf(slot),
      collateralToken: from?.reserve.asset ?? tokenIn(ledger, slot, isCollateralColumn) ?? ZERO_ADDRESS,
      debtToken: to?.reserve.asset ?? tokenIn(ledger, slot, column => !isCollateralColumn(column)) ?? ZERO_ADDRESS,
      collateralAssets: from?.collateral ?? 0n,
      debtAssets: to?.debt ?? 0n,
      healthFactorWad: account?.health.healthFactorWad ?? null,
    }
  }

  const openSlots = (): readonly number[] => {
    const open: number[] = []
    for (let slot = 0; slot < accounts.limit(); slot++) if (accounts.isOpen(slot)) open.push(slot)
    return open
  }

  const positions = (target: TargetBlock, limit?: number): readonly PositionView[] => {
    screen.sync()
    const [at] = momentsAt([target.timestampSec]) ?? []
    const nearest = (count: number): readonly number[] => (at === undefined ? [] : screen.nearest(weigh(at), count))
    return lowestOf(limit, nearest, openSlots, slot => viewOf(slot, at))
  }

  const sample = (cursor: number, count: number): ReturnType<Book['sample']> => {
    const found: PositionRef[] = []
    let next = cursor < accounts.limit() ? cursor : 0
    for (; next < accounts.limit() && found.length < count; next++) if (accounts.isOpen(next)) found.push(refOf(next))
    return { positions: found, next: next < accounts.limit() ? next : 0 }
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
    faults: () =>
      reading
        .faults()
        .map(
          ({ asset, reason }): MarketFault => ({ market: pool, reason: asset === null ? reason : `reserve ${asset}: ${reason}` }),
        ),
    positions,
    pairs: () => pairsOf(ledger),
    tokens: reading.tokens,
    size: accounts.size,
    has: position => covers(position) && accounts.find(position.account) !== NONE,
    covers,
    audit: asked =>
      asked.filter(covers).map((position): AuditQuestion => {
        const { calls, compare } = auditOf(ledger, pool, position.account)
        return { position, calls, compare: results => compare(results)?.map(drift => ({ position, ...drift })) ?? null }
      }),
    sample,
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
