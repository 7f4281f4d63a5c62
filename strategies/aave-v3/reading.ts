// What must be read of an Aave v3 pool: once and after changes, to make the ledger exact; each block, prices and liquidity. A read that fails
// spoils only what it was about: a reserve, an account. And what the contracts say of one account, held against the ledger. Judges nothing.
import { addressesIn, addressIn, numberOf, wordAt, wordsOf, ZERO_ADDRESS } from '../../src/core/abi-words'
import { auditQuestion, type Check, type Checks, checkOf } from '../../src/core/audit-checks'
import { NONE } from '../../src/core/basket-accounts'
import { type BasketReads, readUnread } from '../../src/core/basket-reading'
import { columnsAt } from '../../src/core/basket-sample'
import { maxOf } from '../../src/core/fixed-point'
import type { ReadCall, Reader, ReadResult } from '../../src/core/folder'
import type { PositionRef } from '../../src/core/opportunity'
import type { Address, Token } from '../../src/core/primitives'
import { readLists } from '../../src/core/read-lists'
import type { AuditQuestion } from '../../src/core/strategy'
import { symbolCall, symbolOf } from '../../src/core/token-symbol'
import {
  categoryCalls,
  collateralColumn,
  columnsOf,
  debtColumn,
  encodeAddressesProvider,
  encodeAssetPrice,
  encodeBalance,
  encodeConfigurator,
  encodeGracePeriod,
  encodeLiquidationAllowed,
  encodeOracle,
  encodePoolRevision,
  encodeReserveData,
  encodeReservesList,
  encodeScaledTotalSupply,
  encodeSentinel,
  encodeUserAccountData,
  encodeUserConfiguration,
  encodeUserEMode,
  encodeVirtualBalance,
  entryCalls,
  isCollateralColumn,
  isStableColumn,
  RESERVE_WORDS,
  type ReadEntry,
  type Reserve,
  type ReserveAnswer,
  readCategory,
  readEntry,
  readReserve,
  reserveOfColumn,
  rulesOfRevision,
  stableColumn,
} from './abi'
import { eModeOf, type Ledger } from './ledger'

/** What the last block reads answered. */
export interface Quotes {
  /** Of one whole token in base currency, by reserve id; null: not known. */
  readonly prices: readonly (bigint | null)[]
  /** The same of an e-mode's own price source; 0n: it has none, or tells none; null: not known. */
  categoryPrice(id: number): bigint | null
  /** Null: there is no sentinel. One that does not answer allows nothing. */
  readonly sentinelAllows: boolean | null
  /** Underlying that the reserve can hand out, by id; null: not known, or nobody uses it as collateral. */
  readonly liquidity: readonly (bigint | null)[]
}

export interface Reading {
  needsBootstrap(): boolean
  bootstrap(reader: Reader): Promise<void>
  blockReads(): readonly ReadCall[]
  acceptReads(results: readonly ReadResult[]): void
  quotes(): Quotes
  /** As `acceptReads` of these results would make them. */
  quotesOf(results: readonly ReadResult[]): Quotes
  tokens(): ReadonlyMap<Address, Token>
}

export const reservesOf = (ledger: Ledger): readonly Reserve[] => ledger.reserves().flatMap(each => (each === null ? [] : [each]))

/** Some known account has something there. */
export const isInUse = ({ accounts }: Ledger, { id }: Reserve): boolean =>
  [collateralColumn(id), debtColumn(id), stableColumn(id)].some(column => accounts.usersOf(column) > 0)

const callTo =
  (to: Address) =>
  (data: ReadCall['data']): ReadCall => ({ to, data })

/** The bitmaps have room for 128. */
const MOST_RESERVES = 256

/** 255 are possible; most pools have a handful. */
const CATEGORY_IDS = Array.from({ length: 255 }, (_, at) => at + 1)

interface Question {
  readonly kind: 'price' | 'liquidity' | 'category' | 'sentinel'
  readonly id: number
  readonly call: ReadCall
}

const NO_QUOTES: Quotes = { prices: [], categoryPrice: () => null, sentinelAllows: null, liquidity: [] }

const quotesFrom = (questions: readonly Question[], results: readonly ReadResult[]): Quotes => {
  const prices: (bigint | null)[] = []
  const liquidity: (bigint | null)[] = []
  const categories = new Map<number, bigint | null>()
  let sentinelAllows: boolean | null = null
  questions.forEach(({ kind, id }, at) => {
    const answer = numberOf(results[at])
    // The pool itself can't do without a price: one of zero is none.
    if (kind === 'price') prices[id] = answer === 0n ? null : answer
    else if (kind === 'liquidity') liquidity[id] = answer
    else if (kind === 'category') categories.set(id, answer)
    else sentinelAllows = answer !== null && answer !== 0n
  })
  const known = (id: number): bigint | null => categories.get(id) ?? null
  return { prices, liquidity, sentinelAllows, categoryPrice: id => (categories.has(id) ? known(id) : 0n) }
}

/** `maxOracleGas`: what one price may cost; absent: the reader's own limit. */
export const createReading = (
  ledger: Ledger,
  { address, maxOracleGas }: { readonly address: Address; readonly maxOracleGas?: number | undefined },
): Reading => {
  const { accounts } = ledger
  const toPool = callTo(address)
  const tokens = new Map<Address, Token>()
  let asked: readonly Question[] = []
  let quotes = NO_QUOTES
  /** What was asked for and not answered is not asked again before the next block's reads. */
  let isPostponed = false

  const reserves = (): readonly Reserve[] => reservesOf(ledger)

  const isAnythingUnread = (): boolean => {
    const { isUnread, isListUnread, areCategoriesUnread, rules } = ledger.pool()
    if (isUnread) return true
    if (rules === null) return false
    return isListUnread || areCategoriesUnread || ledger.unread().size > 0 || reserves().some(reserve => reserve.isUnread)
  }

  const readPool = async (reader: Reader): Promise<void> => {
    const [revision, provider] = await reader.read([encodePoolRevision(), encodeAddressesProvider()].map(toPool))
    const at = addressIn(provider)
    if (at === null || numberOf(revision) === null) return
    const answers = await reader.read([encodeConfigurator(), encodeOracle(), encodeSentinel()].map(callTo(at)))
    const [configurator, oracle, sentinel] = answers.map(addressIn)
    if (!configurator || !oracle || !sentinel) return
    ledger.setPool(reader.block.number, {
      revision: numberOf(revision),
      rules: rulesOfRevision(numberOf(revision)!),
      provider: at,
      configurator,
      oracle,
      sentinel: sentinel === ZERO_ADDRESS ? null : sentinel,
      isUnread: false,
    })
  }

  /** Those listed, or, where the list is known, those that changed. Null: it did not answer. */
  const assetsToRead = async (reader: Reader): Promise<readonly Address[] | null> => {
    if (!ledger.pool().isListUnread)
      return reserves()
        .filter(each => each.isUnread)
        .map(({ asset }) => asset)
    const [list] = await reader.read([toPool(encodeReservesList())])
    return addressesIn(list, MOST_RESERVES)
  }

  const readReserves = async (reader: Reader): Promise<void> => {
    const block = reader.block.number
    const assets = await assetsToRead(reader)
    if (assets === null) return
    const isOld = ledger.pool().rules === 'v3.0'
    const [data = [], graces = []] = await readLists(reader, [
      assets.map(asset => toPool(encodeReserveData(asset))),
      isOld ? [] : assets.map(asset => toPool(encodeGracePeriod(asset))),
    ])
    const found = assets.flatMap((asset, at): Reserve[] => {
      const [words, graceUntilSec] = [wordsOf(data[at], RESERVE_WORDS), isOld ? 0n : numberOf(graces[at])]
      if (words === null || graceUntilSec === null) return []
      const answer = readReserve(words)
      const stableDebtToken = isOld && answer.stableDebtToken !== ZERO_ADDRESS ? answer.stableDebtToken : null
      const unseenScaled = ledger.reserveOf(asset)?.unseenScaled ?? 0n
      return [{ ...answer, asset, stableDebtToken, graceUntilSec, unseenScaled, isUnread: false }]
    })
    for (const reserve of found) ledger.setReserve(block, reserve.id, reserve)
    if (!ledger.pool().isListUnread || found.length < assets.length) return
    for (const { id } of reserves()) if (!found.some(each => each.id === id)) ledger.setReserve(block, id, null)
    ledger.setPool(block, { isListUnread: false })
  }

  /** Names are for display, known from here on and not saved: a restored book asks for them once. */
  const readNames = async (reader: Reader): Promise<void> => {
    const nameless = reserves().filter(({ asset }) => !tokens.has(asset))
    const [symbols = []] = await readLists(reader, [nameless.map(({ asset }) => symbolCall(asset))])
    nameless.forEach(({ asset, decimals }, at) => {
      tokens.set(asset, { address: asset, decimals, symbol: symbolOf(symbols[at]) })
    })
  }

  const readCategories = async (reader: Reader): Promise<void> => {
    const { rules } = ledger.pool()
    if (rules === null) return
    const answers = await readLists(
      reader,
      CATEGORY_IDS.map(id => categoryCalls(rules, id).map(toPool)),
    )
    const found = CATEGORY_IDS.map((id, at) => readCategory(rules, id, answers[at] ?? []))
    if (found.includes(null)) return
    CATEGORY_IDS.forEach((id, at) => {
      const category = found[at]
      ledger.setCategory(reader.block.number, id, category === 'none' || category == null ? null : category)
    })
    ledger.setPool(reader.block.number, { areCategoriesUnread: false })
  }

  const reads: BasketReads<ReadEntry> = {
    headCalls: account => [encodeUserConfiguration(account), encodeUserEMode(account)].map(toPool),
    headFrom: answers => {
      const [configuration = null, eMode = null] = answers.map(numberOf)
      if (configuration === null || eMode === null) return null
      const columns = columnsOf(configuration, ledger.reserves())
      // Whoever owes nothing is forgotten: the rest need not be known.
      return { flags: Number(eMode & 0xffn), columns: columns.every(isCollateralColumn) ? [] : columns }
    },
    isReadable: column => (ledger.reserves()[reserveOfColumn(column)] ?? null) !== null,
    entryCalls: (account, column) => entryCalls(ledger.reserves()[reserveOfColumn(column)]!, column, account),
    entryFrom: readEntry,
    setAccount: ledger.setAccount,
    setEntry: ledger.setEntry,
  }

  /** What is owed to each reserve that no known account owes: they borrowed before the history that was folded. */
  const countUnseen = async (reader: Reader): Promise<void> => {
    const all = reserves()
    const answers = await reader.read(all.map(({ debtToken }) => ({ to: debtToken, data: encodeScaledTotalSupply() })))
    all.forEach((reserve, at) => {
      const supply = numberOf(answers[at])
      if (supply === null) return
      const unseenScaled = maxOf(supply - accounts.totalOf(debtColumn(reserve.id)), 0n)
      if (unseenScaled !== reserve.unseenScaled) ledger.setReserve(reader.block.number, reserve.id, { ...reserve, unseenScaled })
    })
  }

  const bootstrap = async (reader: Reader): Promise<void> => {
    const isFirst = ledger.pool().provider === null
    if (ledger.pool().isUnread) await readPool(reader)
    const { rules, isUnread } = ledger.pool()
    if (rules !== null && !isUnread) {
      if (ledger.pool().isListUnread || reserves().some(reserve => reserve.isUnread)) await readReserves(reader)
      if (ledger.pool().areCategoriesUnread) await readCategories(reader)
      const isCounting = isFirst || (ledger.unread().size > 0 && reserves().some(({ unseenScaled }) => unseenScaled > 0n))
      if (!ledger.pool().isListUnread) await readUnread(reader, accounts, reads, ledger.unread())
      if (isCounting) await countUnseen(reader)
    }
    await readNames(reader)
    if (ledger.pool().held !== null && !isAnythingUnread()) ledger.setPool(reader.block.number, { held: null })
    isPostponed = isAnythingUnread()
  }

  const questions = (): readonly Question[] => {
    const { oracle, sentinel, rules } = ledger.pool()
    if (oracle === null || rules === null) return []
    const priceCall = (of: Address): ReadCall => ({
      to: oracle,
      data: encodeAssetPrice(of),
      ...(maxOracleGas === undefined ? {} : { gasCap: maxOracleGas }),
    })
    const used = reserves().filter(reserve => isInUse(ledger, reserve))
    return [
      ...used.map(({ id, asset }): Question => ({ kind: 'price', id, call: priceCall(asset) })),
      ...used.flatMap(({ id, asset, aToken }): Question[] => {
        if (accounts.usersOf(collateralColumn(id)) === 0) return []
        const held: ReadCall = { to: asset, data: encodeBalance(aToken) }
        return [{ kind: 'liquidity', id, call: rules === 'v3.0' ? held : toPool(encodeVirtualBalance(asset)) }]
      }),
      ...[...ledger.categories().values()].flatMap(({ id, priceSource }): Question[] =>
        priceSource === null ? [] : [{ kind: 'category', id, call: priceCall(priceSource) }],
      ),
      ...(sentinel === null
        ? []
        : [{ kind: 'sentinel', id: 0, call: { to: sentinel, data: encodeLiquidationAllowed() } } as const]),
    ]
  }

  return {
    needsBootstrap: () => !isPostponed && (isAnythingUnread() || reserves().some(({ asset }) => !tokens.has(asset))),
    bootstrap,
    blockReads: () => {
      asked = questions()
      return asked.map(({ call }) => call)
    },
    acceptReads: results => {
      quotes = quotesFrom(asked, results)
      isPostponed = false
    },
    quotes: () => quotes,
    quotesOf: results => quotesFrom(asked, results),
    tokens: () => tokens,
  }
}

const textOf = (result: ReadResult | undefined): string | null => numberOf(result)?.toString() ?? null

/** All that one `getReserveData` tells and the ledger holds. */
const reserveText = (reserve: Omit<ReserveAnswer, 'stableDebtToken'>): string =>
  [
    `id ${reserve.id}`,
    `tokens ${reserve.aToken} ${reserve.debtToken}`,
    `indices ${reserve.liquidityIndexRay} ${reserve.variableBorrowIndexRay}`,
    `rates ${reserve.liquidityRateRay} ${reserve.variableBorrowRateRay}`,
    `updated ${reserve.updatedSec}`,
    `terms ${reserve.ltvBps} ${reserve.thresholdBps} ${reserve.bonusBps} ${reserve.protocolFeeBps} ${reserve.decimals}`,
    `flags ${reserve.isActive} ${reserve.isFrozen} ${reserve.isPaused} ${reserve.category}`,
  ].join(', ')

const reserveCheck = (pool: Address, reserve: Reserve): Check =>
  checkOf({ to: pool, data: encodeReserveData(reserve.asset) }, `reserve ${reserve.asset}`, reserveText(reserve), result => {
    const data = wordsOf(result, RESERVE_WORDS)
    return data === null ? null : reserveText(readReserve(data))
  })

/**
 * What is used as collateral must be the same; what is owed must be marked as borrowed. The mark alone proves nothing: before v3.1 it could
 * stay when all was repaid.
 */
const configurationCheck = (pool: Address, ledger: Ledger, account: Address, columns: readonly number[]): Check => {
  const nameOf = (column: number): string => `${isCollateralColumn(column) ? 'collateral' : 'debt'} ${reserveOfColumn(column)}`
  const own = new Set(columns.map(nameOf))
  const text = (names: Iterable<string>): string => [...names].sort().join(', ')
  return checkOf({ to: pool, data: encodeUserConfiguration(account) }, 'reserves used', text(own), result => {
    const configuration = numberOf(result)
    if (configuration === null) return null
    const found = new Set(columnsOf(configuration, ledger.reserves()).map(nameOf))
    return text([...found].filter(name => own.has(name) || !name.startsWith('debt')))
  })
}

/** All known debt of a reserve, and what is not known of it, is all that its debt token says. */
const totalCheck = ({ accounts }: Ledger, { id, asset, debtToken, unseenScaled }: Reserve): Check => {
  const known = accounts.totalOf(debtColumn(id)) + unseenScaled
  return checkOf({ to: debtToken, data: encodeScaledTotalSupply() }, `scaled debt of ${asset} in all`, String(known), textOf)
}

const sideName = (column: number): string =>
  isCollateralColumn(column) ? 'scaled collateral' : isStableColumn(column) ? 'stable debt' : 'scaled debt'

const entryChecks = (ledger: Ledger, slot: number, column: number): readonly Check[] => {
  const id = reserveOfColumn(column)
  const reserve = ledger.reserves()[id] ?? null
  if (reserve === null) return []
  const stable = ledger.stableDebt(slot, id)
  const expected = [ledger.accounts.amountOf(slot, column), stable?.rateRay ?? 0n, stable?.sinceSec ?? 0n]
  const parts = ['', ', its rate', ', its time']
  return entryCalls(reserve, column, ledger.accounts.accountAt(slot)).map((call, at) =>
    checkOf(call, `${sideName(column)} of ${reserve.asset}${parts[at]}`, String(expected[at]), textOf),
  )
}

/** An account that is not known owes nothing; less than one unit of base currency would not show. */
const strangerCheck = (pool: Address, account: Address): Check =>
  checkOf({ to: pool, data: encodeUserAccountData(account) }, 'debt in base currency', '0', result => {
    const data = wordsOf(result, 6)
    return data === null ? null : String(wordAt(data, 1))
  })

/** What is to be asked of the account, and of the reserves it uses, as the ledger stands now. */
const checksOf = (ledger: Ledger, pool: Address, account: Address): Checks => {
  const { accounts } = ledger
  const slot = accounts.find(account)
  if (slot === NONE) return { checks: [strangerCheck(pool, account)], isSure: true }
  const columns = columnsAt(accounts, slot)
  const used = [...new Set(columns.map(reserveOfColumn))].flatMap(id => ledger.reserves()[id] ?? [])
  const eMode = String(eModeOf(accounts.flagsAt(slot)))
  return {
    checks: [
      configurationCheck(pool, ledger, account, columns),
      checkOf({ to: pool, data: encodeUserEMode(account) }, 'e-mode', eMode, textOf),
      ...columns.flatMap(column => entryChecks(ledger, slot, column)),
      ...used.map(reserve => reserveCheck(pool, reserve)),
      ...(ledger.unread().size > 0 ? [] : used.map(reserve => totalCheck(ledger, reserve))),
    ],
    isSure: ledger.isRead(slot) && used.every(({ isUnread }) => !isUnread),
  }
}

/** How to check the position against the contracts; also one that is not known. */
export const auditOf = (ledger: Ledger, pool: Address, position: PositionRef): AuditQuestion =>
  auditQuestion(position, () => checksOf(ledger, pool, position.account))
