// What must be read of an Aave v3 pool: once and after changes, to make the ledger exact; each block, prices and liquidity. A read that fails
// spoils only what it was about: a reserve, an account. Judges nothing.
import { ACCOUNT_UNREAD, ENTRY_UNREAD } from '../../src/core/basket-unread'
import { maxOf } from '../../src/core/fixed-point'
import type { ReadCall, Reader, ReadResult } from '../../src/core/folder'
import type { Address, Token } from '../../src/core/primitives'
import { readLists } from '../../src/core/read-lists'
import { symbolCall, symbolOf } from '../../src/core/token-symbol'
import {
  addressAt,
  categoryCalls,
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
  encodeUserConfiguration,
  encodeUserEMode,
  encodeVirtualBalance,
  numberOf,
  RESERVE_WORDS,
  readAddresses,
  readCategory,
  readReserve,
  wordsOf,
  ZERO_ADDRESS,
} from './abi'
import { callsFor, columnsOf, entryFrom } from './audit'
import { collateralColumn, debtColumn, isCollateralColumn, type Ledger, reserveOfColumn, stableColumn } from './ledger'
import { type Reserve, rulesOfRevision } from './math'

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

/** Why something can't be judged; of one reserve, or of all the pool where `asset` is null. */
export interface ReadingFault {
  readonly asset: Address | null
  readonly reason: string
}

export interface Reading {
  needsBootstrap(): boolean
  bootstrap(reader: Reader): Promise<void>
  blockReads(): readonly ReadCall[]
  acceptReads(results: readonly ReadResult[]): void
  quotes(): Quotes
  /** As `acceptReads` of these results would make them. */
  quotesOf(results: readonly ReadResult[]): Quotes
  /** Nothing of the pool may be judged; a fault says why. */
  isHeld(): boolean
  faults(): readonly ReadingFault[]
  tokens(): ReadonlyMap<Address, Token>
}

const addressIn = (result: ReadResult | undefined): Address | null => {
  const data = wordsOf(result, 1)
  return data === null ? null : addressAt(data, 0)
}

const callTo =
  (to: Address) =>
  (data: ReadCall['data']): ReadCall => ({ to, data })

/** 255 are possible; most pools have a handful. */
const CATEGORY_IDS = Array.from({ length: 255 }, (_, at) => at + 1)

/** Accounts read at once: their answers are held together. */
const ACCOUNTS_AT_ONCE = 5_000

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

  const reserves = (): readonly Reserve[] => ledger.reserves().flatMap(reserve => (reserve === null ? [] : [reserve]))
  const isInUse = ({ id }: Reserve): boolean =>
    [collateralColumn(id), debtColumn(id), stableColumn(id)].some(column => accounts.usersOf(column) > 0)

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
    return readAddresses(list)
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

  const readAccounts = async (reader: Reader, slots: readonly number[]): Promise<void> => {
    const block = reader.block.number
    const names = slots.map(accounts.accountAt)
    const [configurations = [], eModes = []] = await readLists(reader, [
      names.map(name => toPool(encodeUserConfiguration(name))),
      names.map(name => toPool(encodeUserEMode(name))),
    ])
    const wanted = slots.map((_, at) => {
      const configuration = numberOf(configurations[at])
      // Whoever owes nothing is forgotten: the rest need not be known.
      const columns = configuration === null ? [] : columnsOf(configuration, ledger.reserves())
      return { configuration, columns: columns.every(isCollateralColumn) ? [] : columns }
    })
    const answers = await readLists(
      reader,
      wanted.flatMap(({ columns }, at) => callsFor(ledger, names[at]!, columns)),
    )
    let from = 0
    slots.forEach((slot, at) => {
      const { configuration, columns } = wanted[at]!
      const entries = columns.map((column, entry) => entryFrom(column, answers[from + entry]))
      from += columns.length
      const eMode = numberOf(eModes[at])
      if (configuration === null || eMode === null || entries.includes(null)) return
      ledger.setAccount(
        block,
        slot,
        Number(eMode & 0xffn),
        entries.flatMap(entry => (entry === null ? [] : [entry])),
      )
    })
  }

  const readEntries = async (reader: Reader, slots: readonly number[]): Promise<void> => {
    const due = slots.map(slot => ({
      slot,
      columns: Array.from({ length: accounts.entriesOf(slot) }, (_, entry) => entry)
        .filter(entry => (accounts.marksAt(slot, entry) & ENTRY_UNREAD) !== 0)
        .map(entry => accounts.columnAt(slot, entry))
        .filter(column => (ledger.reserves()[reserveOfColumn(column)] ?? null) !== null),
    }))
    const answers = await readLists(
      reader,
      due.flatMap(({ slot, columns }) => callsFor(ledger, accounts.accountAt(slot), columns)),
    )
    let at = 0
    for (const { slot, columns } of due)
      for (const column of columns) {
        const entry = entryFrom(column, answers[at++])
        // Nothing is known any more of an account that turned out to owe nothing.
        if (entry !== null && accounts.isOpen(slot)) ledger.setEntry(reader.block.number, slot, entry)
      }
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

  const readUnread = async (reader: Reader): Promise<void> => {
    const slots = [...ledger.unread()].sort((a, b) => a - b)
    for (let from = 0; from < slots.length; from += ACCOUNTS_AT_ONCE) {
      const some = slots.slice(from, from + ACCOUNTS_AT_ONCE)
      const isWhole = (slot: number): boolean => (accounts.flagsAt(slot) & ACCOUNT_UNREAD) !== 0
      await readAccounts(reader, some.filter(isWhole))
      await readEntries(
        reader,
        some.filter(slot => accounts.isOpen(slot) && !isWhole(slot)),
      )
    }
  }

  const bootstrap = async (reader: Reader): Promise<void> => {
    const isFirst = ledger.pool().provider === null
    if (ledger.pool().isUnread) await readPool(reader)
    const { rules, isUnread } = ledger.pool()
    if (rules !== null && !isUnread) {
      if (ledger.pool().isListUnread || reserves().some(reserve => reserve.isUnread)) await readReserves(reader)
      if (ledger.pool().areCategoriesUnread) await readCategories(reader)
      const isCounting = isFirst || (ledger.unread().size > 0 && reserves().some(({ unseenScaled }) => unseenScaled > 0n))
      if (!ledger.pool().isListUnread) await readUnread(reader)
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
    const used = reserves().filter(isInUse)
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

  /** Why nothing of the pool may be judged; null: it may. */
  const poolFault = (): string | null => {
    const { isUnread, revision, rules, held, isListUnread, areCategoriesUnread } = ledger.pool()
    if (held !== null) return `held until all is read anew: ${held}`
    if (isUnread) return 'its revision and addresses could not be read'
    if (rules === null) return `its revision is ${revision}, which is not one that was checked: nothing is acted on`
    if (isListUnread || areCategoriesUnread) return 'its reserves and e-modes could not be read'
    return null
  }

  const reserveFault = (reserve: Reserve): string | null => {
    if (reserve.isUnread) return 'its data could not be read'
    if (isInUse(reserve) && (quotes.prices[reserve.id] ?? null) === null) return 'the oracle tells no price'
    if (reserve.unseenScaled === 0n) return null
    return `judged in part: ${reserve.unseenScaled} scaled units of its debt belong to accounts that have not borrowed since fromBlock`
  }

  const faults = (): readonly ReadingFault[] => {
    const reason = poolFault()
    if (reason !== null) return [{ asset: null, reason }]
    const waiting = ledger.unread().size
    return [
      ...(waiting === 0 ? [] : [{ asset: null, reason: `${waiting} accounts could not be read` }]),
      ...reserves().flatMap(reserve => {
        const why = isInUse(reserve) || reserve.unseenScaled > 0n ? reserveFault(reserve) : null
        return why === null ? [] : [{ asset: reserve.asset, reason: why }]
      }),
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
    isHeld: () => poolFault() !== null,
    faults,
    tokens: () => tokens,
  }
}
