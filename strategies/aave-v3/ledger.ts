// The state of one Aave v3 pool, exact to the unit: reserves, e-modes, and all accounts that owe something; every change can be undone by
// block. What logs don't tell to the unit is marked unread: nothing is believed of it until a bootstrap has read it. Reads nothing itself.
import { addressOf, wordAt } from '../../src/core/abi-words'
import { NONE } from '../../src/core/basket-accounts'
import { type BasketBook, createBasketBook } from '../../src/core/basket-book'
import { createBasketUnread, ENTRY_UNREAD } from '../../src/core/basket-unread'
import type { Folder, SavedState } from '../../src/core/folder'
import { createLogClock } from '../../src/core/log-clock'
import type { Address, Hex, Log, LogFilter } from '../../src/core/primitives'
import { badCheckpoint, readBytesPart, readJsonPart, writeJson } from '../../src/core/saved-json'
import { createUndoMap } from '../../src/core/undo-map'
import {
  CATEGORY_TOPIC,
  type Category,
  collateralColumn,
  debtColumn,
  filtersFor,
  haveSameSources,
  isCollateralColumn,
  isOneOf,
  isStableColumn,
  LIST_TOPIC,
  NOTHING_READ,
  POOL_TOPIC,
  type PoolState,
  PROVIDER_TOPIC,
  RESERVE_TOPIC,
  type ReadEntry,
  type Reserve,
  readDataUpdated,
  reserveOfColumn,
  type Side,
  STABLE_TOPIC,
  type StableDebt,
  stableColumn,
  TOKEN_TOPIC,
  TOPIC_UPGRADED,
  type TokenSide,
} from './abi'
import { scaledAfter } from './math'

/**
 * Mark of entries. A reserve is USED as collateral where there is such an entry, whatever it holds; others are not kept. Beside it stands
 * ENTRY_UNREAD.
 */
export const USED = 1

/** Of an entry that is read. */
const marksFor = (column: number): number => (isCollateralColumn(column) ? USED : 0)

/** The e-mode in an account's flags; beside it stands ACCOUNT_UNREAD. */
export const eModeOf = (flags: number): number => flags & 0xff

export interface Ledger extends Required<Omit<Folder, 'name' | 'fromBlock' | 'needsBootstrap' | 'bootstrap'>> {
  readonly accounts: BasketBook
  pool(): PoolState
  /** By id. */
  reserves(): readonly (Reserve | null)[]
  reserveOf(asset: Address): Reserve | null
  categories(): ReadonlyMap<number, Category>
  stableDebt(slot: number, id: number): StableDebt | null
  /** Nothing of the account itself is unread. */
  isRead(slot: number): boolean
  /** Slots of which something is unread. */
  unread(): ReadonlySet<number>
  /** Grows with each change of the pool, its reserves and e-modes: not with those of accounts. */
  version(): number
  setPool(blockNumber: bigint, change: Partial<PoolState>): void
  setReserve(blockNumber: bigint, id: number, reserve: Reserve | null): void
  setCategory(blockNumber: bigint, id: number, category: Category | null): void
  /** Gives the account exactly these entries; it is forgotten if it owes nothing. */
  setAccount(blockNumber: bigint, slot: number, eMode: number, entries: readonly ReadEntry[]): void
  /** Sets one amount that was unread; the account is forgotten if it owes nothing now. */
  setEntry(blockNumber: bigint, slot: number, entry: ReadEntry): void
  /** Takes up an account that may owe something; all of it is to be read. */
  track(blockNumber: bigint, account: Address): void
  /** Believes nothing any more of what the pool holds until all was read anew. */
  quarantine(blockNumber: bigint, reason: string): void
  /** Changes that can be undone. */
  undoable(): number
}

/** The account's, by the number in its flags; null: it is in none. */
export const categoryOf = (ledger: Ledger, eMode: number): Category | null =>
  eMode === 0 ? null : (ledger.categories().get(eMode) ?? null)

const POOL = 'pool'
const ACCOUNTS = 'accounts'

interface SavedPool {
  readonly pool: PoolState
  readonly reserves: readonly Reserve[]
  readonly categories: readonly Category[]
  readonly stable: readonly (readonly [Address, number, StableDebt])[]
}

/** What a token's logs are about. */
interface Source {
  readonly side: Side
  readonly column: number
}

/** Slots stay far below 2^45, reserve ids below 2^8. */
const stableKey = (slot: number, id: number): number => slot * 256 + id

export const createLedger = (poolAddress: Address): Ledger => {
  const accounts = createBasketBook()
  const unread = createBasketUnread(accounts)
  const byId: (Reserve | null)[] = []
  const byAsset = new Map<Address, number>()
  const tokens = new Map<Address, Source>()
  const clock = createLogClock()
  let version = 0
  let filters: readonly LogFilter[] = []
  let filtersVersion = 0

  const pools = createUndoMap<typeof POOL, PoolState>((_, next, before) => {
    version += 1
    if (next?.configurator !== before?.configurator || next?.provider !== before?.provider) index()
  })
  const pool = (): PoolState => pools.get(POOL) ?? NOTHING_READ
  const reserves = createUndoMap<number, Reserve>((id, next, before) => {
    version += 1
    while (byId.length < id) byId.push(null)
    byId[id] = next ?? null
    while (byId.at(-1) === null) byId.pop()
    if (!haveSameSources(before, next)) index()
  })
  const categories = createUndoMap<number, Category>(() => {
    version += 1
  })
  const stable = createUndoMap<number, StableDebt>(() => {})
  const maps = [stable, categories, reserves, pools] as const

  /** What follows from the addresses of pool and reserves. */
  function index(): void {
    tokens.clear()
    byAsset.clear()
    for (const { id, asset, aToken, debtToken, stableDebtToken } of reserves.entries.values()) {
      byAsset.set(asset, id)
      tokens.set(aToken, { side: 'collateral', column: collateralColumn(id) })
      tokens.set(debtToken, { side: 'debt', column: debtColumn(id) })
      if (stableDebtToken !== null) tokens.set(stableDebtToken, { side: 'stable', column: stableColumn(id) })
    }
    filters = filtersFor(poolAddress, pool().configurator, pool().provider, [...reserves.entries.values()])
    filtersVersion += 1
  }
  index()

  const setPool = (blockNumber: bigint, change: Partial<PoolState>): void =>
    pools.set(blockNumber, POOL, { ...pool(), ...change })

  const unreadReserve = (blockNumber: bigint, asset: Address): void => {
    const reserve = reserves.get(byAsset.get(asset) ?? -1)
    if (reserve !== undefined && !reserve.isUnread) reserves.set(blockNumber, reserve.id, { ...reserve, isUnread: true })
  }

  const markEntry = (blockNumber: bigint, slot: number, column: number): void =>
    unread.markEntry(blockNumber, slot, column, marksFor(column))

  const owes = (slot: number): boolean => {
    for (let entry = 0; entry < accounts.entriesOf(slot); entry++)
      if (!isCollateralColumn(accounts.columnAt(slot, entry))) return true
    return false
  }

  /** Forgets an account that owes nothing: it comes back with its next loan. */
  const settle = (blockNumber: bigint, slot: number): void => {
    if (!unread.isAccountUnread(slot) && !owes(slot)) accounts.close(blockNumber, slot)
    unread.refresh(slot)
  }

  const putEntry = (blockNumber: bigint, slot: number, { column, amount, stable: debt }: ReadEntry, marks: number): void => {
    accounts.put(blockNumber, slot, column, amount, marks)
    if (isStableColumn(column)) stable.set(blockNumber, stableKey(slot, reserveOfColumn(column)), amount > 0n ? debt : undefined)
  }

  const setAccount = (blockNumber: bigint, slot: number, eMode: number, entries: readonly ReadEntry[]): void => {
    for (let entry = accounts.entriesOf(slot) - 1; entry >= 0; entry--) {
      const column = accounts.columnAt(slot, entry)
      if (!entries.some(each => each.column === column)) putEntry(blockNumber, slot, { column, amount: 0n }, 0)
    }
    for (const entry of entries) putEntry(blockNumber, slot, entry, marksFor(entry.column))
    accounts.setFlags(blockNumber, slot, eMode)
    settle(blockNumber, slot)
  }

  const quarantine = (blockNumber: bigint, held: string): void => {
    setPool(blockNumber, { isUnread: true, isListUnread: true, areCategoriesUnread: true, held })
    for (const { asset } of [...reserves.entries.values()]) unreadReserve(blockNumber, asset)
    for (let slot = 0; slot < accounts.limit(); slot++)
      if (accounts.isOpen(slot)) unread.markAccount(blockNumber, accounts.accountAt(slot))
  }

  /** The slot of the account in the topic, if logs may change it. */
  const slotOf = (topic: Hex): number => {
    const slot = accounts.findAt(topic, 26)
    return slot === NONE || unread.isAccountUnread(slot) ? NONE : slot
  }

  /** A debt token's event about an account that is not known: it owes something, or did. */
  const meet = (log: Log, topic: Hex): void => {
    if (accounts.findAt(topic, 26) === NONE) unread.markAccount(log.blockNumber, addressOf(topic))
  }

  const balanceChanged = (log: Log, side: TokenSide, column: number, isMint: boolean): void => {
    const holder = log.topics[isMint ? 2 : 1]!
    const slot = slotOf(holder)
    if (slot === NONE) {
      if (side === 'debt') meet(log, holder)
      return
    }
    const marks = accounts.marksOf(slot, column)
    if ((marks & ENTRY_UNREAD) !== 0 || (side === 'collateral' && marks === 0)) return
    const { rules } = pool()
    const [value, balanceIncrease, indexRay] = [wordAt(log.data, 0), wordAt(log.data, 1), wordAt(log.data, 2)]
    const event = { kind: isMint ? ('mint' as const) : ('burn' as const), value, balanceIncrease, indexRay }
    const after = rules === null ? null : scaledAfter(rules, side, accounts.amountOf(slot, column), event)
    if (after === null) markEntry(log.blockNumber, slot, column)
    else accounts.put(log.blockNumber, slot, column, after, marks)
    if (after === 0n && side === 'debt') settle(log.blockNumber, slot)
  }

  /** v3.0 builds differ in what they say here, scaled units or token units, and don't tell which they are: read. */
  const transferred = (log: Log, column: number): void => {
    const value = wordAt(log.data, 0)
    const { rules } = pool()
    const [, from, to] = log.topics
    for (const [topic, change] of [[from!, -value] as const, [to!, value] as const]) {
      const slot = slotOf(topic)
      if (slot === NONE || accounts.marksOf(slot, column) !== USED) continue
      const after = accounts.amountOf(slot, column) + change
      if (after < 0n || rules === null || rules === 'v3.0') markEntry(log.blockNumber, slot, column)
      else accounts.put(log.blockNumber, slot, column, after, USED)
    }
  }

  /** Tells the principal: what it was with its interest, less the interest, and what was added or taken. */
  const stableChanged = (log: Log, column: number, isMint: boolean): void => {
    const holder = log.topics[isMint ? 2 : 1]!
    const slot = slotOf(holder)
    if (slot === NONE) return void meet(log, holder)
    const rateRay = isMint ? wordAt(log.data, 3) : stable.get(stableKey(slot, reserveOfColumn(column)))?.rateRay
    const sinceSec = clock.timeOf(log)
    const change = isMint ? wordAt(log.data, 0) : -wordAt(log.data, 0)
    const amount = wordAt(log.data, 1) - wordAt(log.data, 2) + change
    if (rateRay === undefined || sinceSec === null) markEntry(log.blockNumber, slot, column)
    else putEntry(log.blockNumber, slot, { column, amount, stable: { rateRay, sinceSec } }, 0)
    settle(log.blockNumber, slot)
  }

  const dataUpdated = (log: Log): void => {
    const reserve = reserves.get(byAsset.get(addressOf(log.topics[1]!)) ?? -1)
    if (reserve === undefined || reserve.isUnread) return
    const updatedSec = clock.timeOf(log)
    if (updatedSec === null) unreadReserve(log.blockNumber, reserve.asset)
    else reserves.set(log.blockNumber, reserve.id, { ...reserve, ...readDataUpdated(log.data), updatedSec })
  }

  /** Of a reserve that is not known yet, or whose tokens' logs may not have been asked for yet, the account's own are read. */
  const collateralToggled = (log: Log, isEnabled: boolean): void => {
    const slot = slotOf(log.topics[2]!)
    if (slot === NONE) return
    const id = byAsset.get(addressOf(log.topics[1]!))
    if (id === undefined) unread.markAccount(log.blockNumber, accounts.accountAt(slot))
    else if (isEnabled) markEntry(log.blockNumber, slot, collateralColumn(id))
    else {
      accounts.put(log.blockNumber, slot, collateralColumn(id), 0n, 0)
      unread.refresh(slot)
    }
  }

  const poolChanged = (log: Log, topic: Hex): void => {
    const [, first, second] = log.topics
    if (topic === POOL_TOPIC.reserveDataUpdated) dataUpdated(log)
    else if (topic === POOL_TOPIC.reserveUsedAsCollateralEnabled) collateralToggled(log, true)
    else if (topic === POOL_TOPIC.reserveUsedAsCollateralDisabled) collateralToggled(log, false)
    else if (topic === POOL_TOPIC.borrow) {
      const reserve = reserves.get(byAsset.get(addressOf(first!)) ?? -1)
      if (reserve === undefined) unread.markAccount(log.blockNumber, addressOf(second!))
    } else if (topic === POOL_TOPIC.userEModeSet) {
      const slot = slotOf(first!)
      if (slot !== NONE) accounts.setFlags(log.blockNumber, slot, Number(wordAt(log.data, 0) & 0xffn))
    } else if (topic === POOL_TOPIC.liquidationCall) {
      // Since v3.1 the collateral's indices move although no event says so where its aTokens change hands.
      if (wordAt(log.data, 3) !== 0n && pool().rules !== 'v3.0') unreadReserve(log.blockNumber, addressOf(first!))
    } else if (topic === TOPIC_UPGRADED) {
      setPool(log.blockNumber, { revision: null, rules: null })
      quarantine(log.blockNumber, `the pool was upgraded in block ${log.blockNumber}`)
    }
  }

  const tokenChanged = (log: Log, topic: Hex, { side, column }: Source): void => {
    if (topic === TOPIC_UPGRADED) {
      for (let slot = 0; slot < accounts.limit(); slot++)
        if (accounts.isOpen(slot) && accounts.hasColumn(slot, column)) markEntry(log.blockNumber, slot, column)
    } else if (side === 'stable') {
      if (topic === STABLE_TOPIC.mint || topic === STABLE_TOPIC.burn) stableChanged(log, column, topic === STABLE_TOPIC.mint)
    } else if (topic === TOKEN_TOPIC.mint || topic === TOKEN_TOPIC.burn)
      balanceChanged(log, side, column, topic === TOKEN_TOPIC.mint)
    else if (topic === TOKEN_TOPIC.balanceTransfer && side === 'collateral') transferred(log, column)
  }

  const configured = (log: Log, topic: Hex): void => {
    if (log.address === pool().provider && isOneOf(PROVIDER_TOPIC, topic)) setPool(log.blockNumber, { isUnread: true })
    if (log.address !== pool().configurator) return
    if (isOneOf(RESERVE_TOPIC, topic)) unreadReserve(log.blockNumber, addressOf(log.topics[1]!))
    else if (isOneOf(LIST_TOPIC, topic)) setPool(log.blockNumber, { isListUnread: true })
    else if (isOneOf(CATEGORY_TOPIC, topic)) setPool(log.blockNumber, { areCategoriesUnread: true })
  }

  const fold = (log: Log): void => {
    const topic = log.topics[0]
    if (topic === undefined) return
    const token = tokens.get(log.address)
    if (token !== undefined) tokenChanged(log, topic, token)
    else if (log.address === poolAddress) poolChanged(log, topic)
    else configured(log, topic)
  }

  const save = (): SavedState => {
    const nameOf = (key: number): Address => accounts.accountAt(Math.floor(key / 256))
    const stableDebts = [...stable.entries].map(([key, debt]) => [nameOf(key), key % 256, debt] as const)
    const saved: SavedPool = {
      pool: pool(),
      reserves: byId.flatMap(reserve => (reserve === null ? [] : [reserve])),
      categories: [...categories.entries.values()].sort((a, b) => a.id - b.id),
      stable: stableDebts.sort(([a, i], [b, j]) => (a === b ? i - j : a < b ? -1 : 1)),
    }
    return new Map<string, string | Uint8Array>([
      [POOL, writeJson(saved)],
      [ACCOUNTS, accounts.save()],
    ])
  }

  const restore = (state: SavedState): void => {
    const saved = readJsonPart(state, POOL) as SavedPool
    if (![saved.reserves, saved.categories, saved.stable].every(Array.isArray) || typeof saved.pool?.isUnread !== 'boolean')
      throw badCheckpoint('not the state of a pool')
    accounts.restore(readBytesPart(state, ACCOUNTS))
    pools.load(POOL, saved.pool)
    for (const reserve of saved.reserves) reserves.load(reserve.id, reserve)
    for (const category of saved.categories) categories.load(category.id, category)
    for (const [account, id, debt] of saved.stable) stable.load(stableKey(accounts.find(account), id), debt)
    for (let slot = 0; slot < accounts.limit(); slot++) unread.refresh(slot)
  }

  return {
    accounts,
    pool,
    reserves: () => byId,
    reserveOf: asset => reserves.get(byAsset.get(asset) ?? -1) ?? null,
    categories: () => categories.entries,
    stableDebt: (slot, id) => stable.get(stableKey(slot, id)) ?? null,
    isRead: slot => !unread.slots.has(slot),
    unread: () => unread.slots,
    version: () => version,
    setPool,
    setReserve: (blockNumber, id, reserve) => reserves.set(blockNumber, id, reserve ?? undefined),
    setCategory: (blockNumber, id, category) => categories.set(blockNumber, id, category ?? undefined),
    setAccount,
    setEntry: (blockNumber, slot, entry) => {
      putEntry(blockNumber, slot, entry, marksFor(entry.column))
      settle(blockNumber, slot)
    },
    track: unread.markAccount,
    quarantine,
    beginBlock: clock.begin,
    fold,
    distrust: (log, reason) => {
      if (!tokens.has(log.address)) return quarantine(log.blockNumber, reason)
      for (const topic of log.topics.slice(1)) {
        const slot = accounts.findAt(topic, 26)
        if (slot !== NONE) unread.markAccount(log.blockNumber, accounts.accountAt(slot))
      }
    },
    undo: fromBlock => {
      accounts.undo(fromBlock, unread.refresh)
      for (const map of maps) map.undo(fromBlock)
    },
    finalise: block => {
      for (const each of [accounts, ...maps]) each.finalise(block)
    },
    undoable: () => maps.reduce((sum, map) => sum + map.undoable(), accounts.undoable()),
    historyFilters: () => (pool().provider === null ? [{ addresses: [poolAddress], topics: [[POOL_TOPIC.borrow]] }] : filters),
    filters: () => filters,
    filtersVersion: () => filtersVersion,
    fingerprint: () => `aave-v3/1 ${poolAddress}`,
    save,
    restore,
  }
}
