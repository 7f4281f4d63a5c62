// What the contracts say of one account of Aave v3: how it is read, and whether the ledger agrees. Changes nothing.

import { NONE } from '../../src/core/basket-accounts'
import { ACCOUNT_UNREAD, ENTRY_UNREAD } from '../../src/core/basket-unread'
import type { ReadCall, ReadResult } from '../../src/core/folder'
import type { Address, Hex } from '../../src/core/primitives'
import {
  encodeReserveData,
  encodeScaledTotalSupply,
  encodeUserAccountData,
  encodeUserConfiguration,
  encodeUserEMode,
  entryCalls,
  numberOf,
  RESERVE_WORDS,
  readEntry,
  readReserve,
  type Side,
  wordAt,
  wordsOf,
} from './abi'
import {
  collateralColumn,
  debtColumn,
  eModeOf,
  isCollateralColumn,
  isStableColumn,
  type Ledger,
  reserveOfColumn,
  stableColumn,
} from './ledger'
import type { ReadEntry, Reserve } from './math'

const sideOf = (column: number): Side => {
  if (isCollateralColumn(column)) return 'collateral'
  return isStableColumn(column) ? 'stable' : 'debt'
}

/** Columns that an account has by its configuration: two bits a reserve, borrowed and used as collateral. */
export const columnsOf = (configuration: bigint, reserves: readonly (Reserve | null)[]): readonly number[] =>
  reserves.flatMap(reserve => {
    if (reserve === null) return []
    const bits = (configuration >> BigInt(2 * reserve.id)) & 3n
    const debts = [debtColumn(reserve.id), ...(reserve.stableDebtToken === null ? [] : [stableColumn(reserve.id)])]
    return [...((bits & 2n) === 0n ? [] : [collateralColumn(reserve.id)]), ...((bits & 1n) === 0n ? [] : debts)]
  })

/** Calls that tell an account's entries, a list for each. */
export const callsFor = (ledger: Ledger, account: Address, columns: readonly number[]): readonly (readonly ReadCall[])[] =>
  columns.map(column => entryCalls(ledger.reserves()[reserveOfColumn(column)]!, sideOf(column), account))

/** The entry that such a list's answers tell; null where one is missing. */
export const entryFrom = (column: number, answers: readonly ReadResult[] | undefined): ReadEntry | null => {
  const entry = readEntry(sideOf(column), answers ?? [])
  return entry === null ? null : { column, ...entry }
}

export interface FieldDrift {
  readonly field: string
  readonly book: string
  readonly chain: string
}

/** How to check one account, and the reserves it uses, at the block that the ledger stands at when answers are compared. */
export interface AccountAudit {
  readonly calls: readonly ReadCall[]
  /** Null: an answer is missing, or the ledger itself waits for reads. */
  compare(results: readonly ReadResult[]): readonly FieldDrift[] | null
}

interface Check {
  readonly call: ReadCall
  /** What the ledger expects, and what the answer says; null: nothing. */
  readonly field: string
  readonly book: string
  readonly chain: (result: ReadResult | undefined) => string | null
}

const textOf = (result: ReadResult | undefined): string | null => numberOf(result)?.toString() ?? null

/** All that one `getReserveData` tells and the ledger holds. */
const reserveText = (
  reserve: Omit<Reserve, 'asset' | 'graceUntilSec' | 'unseenScaled' | 'isUnread' | 'stableDebtToken'>,
): string =>
  [
    `id ${reserve.id}`,
    `tokens ${reserve.aToken} ${reserve.debtToken}`,
    `indices ${reserve.liquidityIndexRay} ${reserve.variableBorrowIndexRay}`,
    `rates ${reserve.liquidityRateRay} ${reserve.variableBorrowRateRay}`,
    `updated ${reserve.updatedSec}`,
    `terms ${reserve.ltvBps} ${reserve.thresholdBps} ${reserve.bonusBps} ${reserve.protocolFeeBps} ${reserve.decimals}`,
    `flags ${reserve.isActive} ${reserve.isFrozen} ${reserve.isPaused} ${reserve.category}`,
  ].join(', ')

const reserveCheck = (pool: Address, reserve: Reserve): Check => ({
  call: { to: pool, data: encodeReserveData(reserve.asset) },
  field: `reserve ${reserve.asset}`,
  book: reserveText(reserve),
  chain: result => {
    const data: Hex | null = wordsOf(result, RESERVE_WORDS)
    return data === null ? null : reserveText(readReserve(data))
  },
})

/**
 * What is used as collateral must be the same; what is owed must be marked as borrowed. The mark alone proves nothing: before v3.1 it could
 * stay when all was repaid.
 */
const configurationCheck = (pool: Address, ledger: Ledger, account: Address, columns: readonly number[]): Check => {
  const reserves = ledger.reserves()
  const nameOf = (column: number): string => `${isCollateralColumn(column) ? 'collateral' : 'debt'} ${reserveOfColumn(column)}`
  const own = new Set(columns.map(nameOf))
  const text = (names: Iterable<string>): string => [...names].sort().join(', ')
  return {
    call: { to: pool, data: encodeUserConfiguration(account) },
    field: 'reserves used',
    book: text(own),
    chain: result => {
      const configuration = numberOf(result)
      if (configuration === null) return null
      const found = new Set(columnsOf(configuration, reserves).map(nameOf))
      return text([...found].filter(name => own.has(name) || !name.startsWith('debt')))
    },
  }
}

/** All known debt of a reserve, and what is not known of it, is all that its debt token says. */
const totalCheck = (ledger: Ledger, reserve: Reserve): Check => ({
  call: { to: reserve.debtToken, data: encodeScaledTotalSupply() },
  field: `scaled debt of ${reserve.asset} in all`,
  book: String(ledger.accounts.totalOf(debtColumn(reserve.id)) + reserve.unseenScaled),
  chain: textOf,
})

const SIDE_NAMES = { collateral: 'scaled collateral', debt: 'scaled debt', stable: 'stable debt' } as const

const entryChecks = (ledger: Ledger, slot: number, column: number): readonly Check[] => {
  const id = reserveOfColumn(column)
  const reserve = ledger.reserves()[id] ?? null
  if (reserve === null) return []
  const side = sideOf(column)
  const stable = ledger.stableDebt(slot, id)
  const expected = [ledger.accounts.amountOf(slot, column), stable?.rateRay ?? 0n, stable?.sinceSec ?? 0n]
  const parts = ['', ', its rate', ', its time']
  return entryCalls(reserve, side, ledger.accounts.accountAt(slot)).map((call, at) => ({
    call,
    field: `${SIDE_NAMES[side]} of ${reserve.asset}${parts[at]}`,
    book: String(expected[at]),
    chain: textOf,
  }))
}

const isWaiting = (ledger: Ledger, slot: number): boolean => {
  const { accounts } = ledger
  if ((accounts.flagsAt(slot) & ACCOUNT_UNREAD) !== 0) return true
  return Array.from({ length: accounts.entriesOf(slot) }, (_, entry) => accounts.marksAt(slot, entry)).some(
    marks => (marks & ENTRY_UNREAD) !== 0,
  )
}

/** An account that is not known owes nothing; less than one unit of base currency would not show. */
const strangerChecks = (pool: Address, account: Address): readonly Check[] => [
  {
    call: { to: pool, data: encodeUserAccountData(account) },
    field: 'debt in base currency',
    book: '0',
    chain: result => {
      const data = wordsOf(result, 6)
      return data === null ? null : String(wordAt(data, 1))
    },
  },
]

const accountChecks = (ledger: Ledger, pool: Address, slot: number, used: readonly Reserve[]): readonly Check[] => {
  const { accounts } = ledger
  const account = accounts.accountAt(slot)
  const columns = Array.from({ length: accounts.entriesOf(slot) }, (_, entry) => accounts.columnAt(slot, entry))
  const eMode = String(eModeOf(accounts.flagsAt(slot)))
  return [
    configurationCheck(pool, ledger, account, columns),
    { call: { to: pool, data: encodeUserEMode(account) }, field: 'e-mode', book: eMode, chain: textOf },
    ...columns.flatMap(column => entryChecks(ledger, slot, column)),
    ...used.map(reserve => reserveCheck(pool, reserve)),
    ...(ledger.unread().size > 0 ? [] : used.map(reserve => totalCheck(ledger, reserve))),
  ]
}

const usedBy = ({ accounts, reserves }: Ledger, slot: number): readonly Reserve[] => {
  const ids = new Set<number>()
  for (let entry = 0; entry < accounts.entriesOf(slot); entry++) ids.add(reserveOfColumn(accounts.columnAt(slot, entry)))
  return [...ids].flatMap(id => reserves()[id] ?? [])
}

/** What is to be asked of the account as the ledger stands now, and whether the ledger knows enough to compare. */
const checksOf = (
  ledger: Ledger,
  pool: Address,
  account: Address,
): { readonly checks: readonly Check[]; readonly canCompare: boolean } => {
  const slot = ledger.accounts.find(account)
  if (slot === NONE) return { checks: strangerChecks(pool, account), canCompare: true }
  const used = usedBy(ledger, slot)
  return {
    checks: accountChecks(ledger, pool, slot, used),
    canCompare: !isWaiting(ledger, slot) && used.every(({ isUnread }) => !isUnread),
  }
}

/**
 * Also for an account that is not known. The question may be made before the block is folded at whose end its calls are answered: what the
 * ledger expects is looked up when the answers are there.
 */
export const auditOf = (ledger: Ledger, pool: Address, account: Address): AccountAudit => {
  const asked = checksOf(ledger, pool, account).checks
  return {
    calls: asked.map(({ call }) => call),
    compare: results => {
      const { checks, canCompare } = checksOf(ledger, pool, account)
      // Something was added or has gone since it was asked: the answers are to another question.
      const isSame = checks.length === asked.length && checks.every(({ field }, at) => field === asked[at]!.field)
      const answers = checks.map(({ chain }, at) => chain(results[at]))
      if (!canCompare || !isSame || answers.includes(null)) return null
      return checks.flatMap(({ field, book }, at) => (answers[at] === book ? [] : [{ field, book, chain: answers[at] ?? '' }]))
    },
  }
}
