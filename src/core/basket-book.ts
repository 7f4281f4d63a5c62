// The exact amounts of accounts with several collaterals and debts, a million and more, in typed arrays: by account and column, every
// change undoable. Knows no prices and no protocol; a basket index, fed with what changed, says who is under water.
import {
  ACCOUNT,
  type BasketAccounts,
  BLOCK,
  baseOf,
  CHANGED,
  COUNT,
  COUNT_MASK,
  createBasketAccounts,
  FLAGS,
  NONE,
  OPEN,
} from './basket-accounts'
import { createBasketEntries, ENTRY_AMOUNT, ENTRY_WORDS } from './basket-entries'
import { readBasketImage, writeBasketImage } from './basket-image'
import {
  ADDRESS_LIMBS,
  AMOUNT_LIMBS,
  addAmount,
  addressDigits,
  amountAt,
  copyLimbs,
  floatAt,
  isZeroAt,
  readAddress,
  subtractAmount,
  writeAmount,
} from './limbs'
import type { Address } from './primitives'
import { createUndoLog } from './undo-log'

export interface BasketBook {
  /** The account's slot, or NONE. Valid until it is closed. */
  find(account: Address): number
  /** The same for the forty digits at character `from` of `text`. */
  findAt(text: string, from: number): number
  /** Takes in an account without flags or entries; one that is in keeps what it has. Returns its slot. */
  open(blockNumber: bigint, account: Address): number
  /** Forgets the account and all it has. */
  close(blockNumber: bigint, slot: number): void
  /** Sets one entry; nothing and no marks: it has none. RangeError unless 0 <= amount < 2^128, column and marks < 2^16. */
  put(blockNumber: bigint, slot: number, column: number, amount: bigint, marks: number): void
  setFlags(blockNumber: bigint, slot: number, flags: number): void
  isOpen(slot: number): boolean
  accountAt(slot: number): Address
  /** 32 bits of the caller's own. */
  flagsAt(slot: number): number
  /** 0n where there is no such entry. */
  amountOf(slot: number, column: number): bigint
  /** 0 where there is no such entry. */
  marksOf(slot: number, column: number): number
  hasColumn(slot: number, column: number): boolean
  /** Entries of a slot, by ascending column; 0 for one that is closed. */
  entriesOf(slot: number): number
  /** Of the entry number `entry` < entriesOf(slot): */
  columnAt(slot: number, entry: number): number
  marksAt(slot: number, entry: number): number
  amountAt(slot: number, entry: number): bigint
  /** In float, relative error below 4e-16. */
  roughAt(slot: number, entry: number): number
  /** Accounts with an entry in the column. */
  usersOf(column: number): number
  /** Sum of all amounts in the column. */
  totalOf(column: number): bigint
  /** All slots, open or not, are below. */
  limit(): number
  /** Open accounts. */
  size(): number
  /** Slots changed since this was last asked, each once, closed ones too. A view: valid until the next change. */
  takeChanged(): Uint32Array
  /** Takes back all changes of blocks >= fromBlock, newest first; `onUndone` hears of each one's slot after it. */
  undo(fromBlock: bigint, onUndone: (slot: number) => void): void
  /** Changes of blocks < `block` are not undone any more. */
  finalise(block: bigint): void
  undoable(): number
  /** Bytes in typed arrays. */
  byteLength(): number
  /** All accounts by address: two books with the same accounts give the same bytes, whatever their slots. */
  save(): Uint8Array
  /** Takes up what `save` gave, into an empty book; all slots are changed then. KeeperError 'bad-checkpoint'. */
  restore(bytes: Uint8Array): void
}

/** Words of an undo entry: what happened, to which slot, and what was before. */
const OP = 0
const SLOT = 1
const BEFORE = 2
const UNDO_WORDS = 8
const PUT = 0
const SET_FLAGS = 1
const OPENED = 2
const CLOSED = 3

const countOf = (page: Uint32Array, base: number): number => page[base + COUNT]! & COUNT_MASK

/** Entries and sum of amounts by column; a sum may leave 128 bits. */
const createTotals = () => {
  const totals: ({ users: number; readonly sum: Uint32Array } | undefined)[] = []
  const at = (column: number): { users: number; readonly sum: Uint32Array } => {
    const known = totals[column]
    if (known !== undefined) return known
    const total = { users: 0, sum: new Uint32Array(AMOUNT_LIMBS + 1) }
    totals[column] = total
    return total
  }
  return {
    add: (words: Uint32Array, start: number): void => {
      const total = at(words[start]! & 0xffff)
      total.users += 1
      total.sum[AMOUNT_LIMBS]! += addAmount(total.sum, 0, words, start + ENTRY_AMOUNT)
    },
    subtract: (words: Uint32Array, start: number): void => {
      const total = at(words[start]! & 0xffff)
      total.users -= 1
      total.sum[AMOUNT_LIMBS]! -= subtractAmount(total.sum, 0, words, start + ENTRY_AMOUNT)
    },
    users: (column: number): number => totals[column]?.users ?? 0,
    sum: (column: number): bigint => {
      const total = totals[column]
      return total === undefined ? 0n : (BigInt(total.sum[AMOUNT_LIMBS]!) << 128n) | amountAt(total.sum, 0)
    },
  }
}

/** Slots changed, each once: the record itself holds whether it is in. */
const createChanged = (accounts: BasketAccounts) => {
  let slots = new Uint32Array(64)
  let count = 0
  return {
    mark: (slot: number): void => {
      const [page, base] = [accounts.pageOf(slot), baseOf(slot)]
      if ((page[base + COUNT]! & CHANGED) !== 0) return
      page[base + COUNT]! |= CHANGED
      if (count === slots.length) {
        const larger = new Uint32Array(2 * count)
        larger.set(slots)
        slots = larger
      }
      slots[count++] = slot
    },
    take: (): Uint32Array => {
      for (let at = 0; at < count; at++) accounts.pageOf(slots[at]!)[baseOf(slots[at]!) + COUNT]! &= ~CHANGED
      const taken = slots.subarray(0, count)
      // A burst, as after filling, is not kept room for.
      if (count > 65_536) slots = new Uint32Array(64)
      count = 0
      return taken
    },
    byteLength: () => slots.byteLength,
  }
}

export const createBasketBook = (): BasketBook => {
  const accounts = createBasketAccounts()
  const entries = createBasketEntries()
  const undos = createUndoLog(UNDO_WORDS)
  const totals = createTotals()
  const changed = createChanged(accounts)
  const words = new Uint32Array(ADDRESS_LIMBS)
  const before = new Uint32Array(UNDO_WORDS)

  /** Where the entry with the least column >= `column` is, or would be. */
  const seek = (slot: number, column: number): number => {
    const [page, base] = [accounts.pageOf(slot), baseOf(slot)]
    const count = countOf(page, base)
    if (count === 0) return 0
    const [block, start] = [entries.pageOf(page[base + BLOCK]!), entries.offsetOf(page[base + BLOCK]!)]
    let entry = 0
    while (entry < count && (block[start + entry * ENTRY_WORDS]! & 0xffff) < column) entry++
    return entry
  }

  /** Makes the slot's block one entry longer or shorter at `entry`; a new entry's words are undefined. */
  const resize = (slot: number, entry: number, by: 1 | -1): void => {
    const [page, base] = [accounts.pageOf(slot), baseOf(slot)]
    const [count, old] = [countOf(page, base), page[base + BLOCK]!]
    const block = count + by > 0 ? entries.take(count + by) : NONE
    for (let from = 0; from < count; from++) {
      if (by === -1 && from === entry) continue
      const to = from < entry ? from : from + by
      const start = entries.offsetOf(block) + to * ENTRY_WORDS
      copyLimbs(entries.pageOf(block), start, entries.pageOf(old), entries.offsetOf(old) + from * ENTRY_WORDS, ENTRY_WORDS)
    }
    if (count > 0) entries.give(old, count)
    page[base + BLOCK] = block
    page[base + COUNT]! += by
  }

  const entryStart = (slot: number, entry: number): number =>
    entries.offsetOf(accounts.pageOf(slot)[baseOf(slot) + BLOCK]!) + entry * ENTRY_WORDS
  const entryPage = (slot: number): Uint32Array => entries.pageOf(accounts.pageOf(slot)[baseOf(slot) + BLOCK]!)

  const holds = (slot: number, entry: number, column: number): boolean =>
    entry < countOf(accounts.pageOf(slot), baseOf(slot)) && (entryPage(slot)[entryStart(slot, entry)]! & 0xffff) === column

  /** Writes the entry at `at` of `from` (as in a block) in place of the slot's; remembers nothing. */
  const write = (slot: number, from: Uint32Array, at: number): void => {
    const column = from[at]! & 0xffff
    const entry = seek(slot, column)
    const isThere = holds(slot, entry, column)
    const isNothing = from[at]! >>> 16 === 0 && isZeroAt(from, at + ENTRY_AMOUNT)
    changed.mark(slot)
    if (isThere) totals.subtract(entryPage(slot), entryStart(slot, entry))
    if (isNothing) {
      if (isThere) resize(slot, entry, -1)
      return
    }
    totals.add(from, at)
    if (!isThere) resize(slot, entry, 1)
    copyLimbs(entryPage(slot), entryStart(slot, entry), from, at, ENTRY_WORDS)
  }

  /** What the slot has in `column`, into `before`; no entry is one of nothing. */
  const look = (slot: number, column: number): void => {
    const entry = seek(slot, column)
    before[OP] = PUT
    before[SLOT] = slot
    if (holds(slot, entry, column)) copyLimbs(before, BEFORE, entryPage(slot), entryStart(slot, entry), ENTRY_WORDS)
    else {
      before[BEFORE] = column
      before.fill(0, BEFORE + ENTRY_AMOUNT, BEFORE + ENTRY_WORDS)
    }
  }

  const fresh = new Uint32Array(ENTRY_WORDS)
  const put = (blockNumber: bigint, slot: number, column: number): void => {
    look(slot, column)
    let isSame = true
    for (let word = 0; word < ENTRY_WORDS; word++) isSame &&= before[BEFORE + word] === fresh[word]
    if (isSame) return
    undos.record(blockNumber, before, 0)
    write(slot, fresh, 0)
  }

  const flagsAt = (slot: number): number => accounts.pageOf(slot)[baseOf(slot) + FLAGS]!

  const openWords = (): number => {
    const slot = accounts.add(words, 0)
    changed.mark(slot)
    return slot
  }

  const clear = (slot: number): void => {
    accounts.remove(slot)
    changed.mark(slot)
  }

  const takeBack = (undone: Uint32Array, at: number): void => {
    const slot = undone[at + SLOT]!
    const op = undone[at + OP]
    if (op === PUT) write(slot, undone, at + BEFORE)
    else if (op === OPENED) clear(slot)
    else if (op === SET_FLAGS) {
      accounts.pageOf(slot)[baseOf(slot) + FLAGS] = undone[at + BEFORE]!
      changed.mark(slot)
    } else {
      copyLimbs(words, 0, undone, at + BEFORE, ADDRESS_LIMBS)
      openWords()
    }
  }

  const recordOf = (slot: number, op: number): void => {
    before.fill(0)
    before[OP] = op
    before[SLOT] = slot
  }

  const setFlags = (blockNumber: bigint, slot: number, flags: number): void => {
    const old = flagsAt(slot)
    if (old === flags >>> 0) return
    recordOf(slot, SET_FLAGS)
    before[BEFORE] = old
    undos.record(blockNumber, before, 0)
    accounts.pageOf(slot)[baseOf(slot) + FLAGS] = flags
    changed.mark(slot)
  }

  const entriesOf = (slot: number): number => countOf(accounts.pageOf(slot), baseOf(slot))
  const columnAt = (slot: number, entry: number): number => entryPage(slot)[entryStart(slot, entry)]! & 0xffff
  const isOpen = (slot: number): boolean => slot < accounts.limit() && (accounts.pageOf(slot)[baseOf(slot) + COUNT]! & OPEN) !== 0
  const hasColumn = (slot: number, column: number): boolean => holds(slot, seek(slot, column), column)

  return {
    find: account => {
      readAddress(account, 2, words, 0)
      return accounts.find(words, 0)
    },
    findAt: (text, from) => {
      readAddress(text, from, words, 0)
      return accounts.find(words, 0)
    },
    open: (blockNumber, account) => {
      readAddress(account, 2, words, 0)
      const known = accounts.find(words, 0)
      if (known !== NONE) return known
      const slot = openWords()
      recordOf(slot, OPENED)
      undos.record(blockNumber, before, 0)
      return slot
    },
    close: (blockNumber, slot) => {
      while (entriesOf(slot) > 0) {
        const column = columnAt(slot, entriesOf(slot) - 1)
        fresh.fill(0)
        fresh[0] = column
        put(blockNumber, slot, column)
      }
      setFlags(blockNumber, slot, 0)
      recordOf(slot, CLOSED)
      copyLimbs(before, BEFORE, accounts.pageOf(slot), baseOf(slot) + ACCOUNT, ADDRESS_LIMBS)
      undos.record(blockNumber, before, 0)
      clear(slot)
    },
    put: (blockNumber, slot, column, value, marks) => {
      if (!(column >= 0 && column <= 0xffff && marks >= 0 && marks <= 0xffff))
        throw new RangeError(`an entry at column ${column} with marks ${marks}`)
      writeAmount(value, fresh, ENTRY_AMOUNT)
      fresh[0] = column | (marks << 16)
      put(blockNumber, slot, column)
    },
    setFlags,
    isOpen,
    accountAt: slot => `0x${addressDigits(accounts.pageOf(slot), baseOf(slot) + ACCOUNT)}`,
    flagsAt,
    amountOf: (slot, column) => {
      const entry = seek(slot, column)
      return holds(slot, entry, column) ? amountAt(entryPage(slot), entryStart(slot, entry) + ENTRY_AMOUNT) : 0n
    },
    marksOf: (slot, column) => {
      const entry = seek(slot, column)
      return holds(slot, entry, column) ? entryPage(slot)[entryStart(slot, entry)]! >>> 16 : 0
    },
    hasColumn,
    entriesOf,
    columnAt,
    marksAt: (slot, entry) => entryPage(slot)[entryStart(slot, entry)]! >>> 16,
    amountAt: (slot, entry) => amountAt(entryPage(slot), entryStart(slot, entry) + ENTRY_AMOUNT),
    roughAt: (slot, entry) => floatAt(entryPage(slot), entryStart(slot, entry) + ENTRY_AMOUNT),
    usersOf: totals.users,
    totalOf: totals.sum,
    limit: accounts.limit,
    size: accounts.count,
    takeChanged: changed.take,
    undo: (fromBlock, onUndone) =>
      undos.undo(fromBlock, (undone, at) => {
        takeBack(undone, at)
        onUndone(undone[at + SLOT]!)
      }),
    finalise: undos.finalise,
    undoable: undos.size,
    byteLength: () => accounts.byteLength() + entries.byteLength() + undos.byteLength() + changed.byteLength(),
    save: () => writeBasketImage(accounts, entries),
    restore: bytes =>
      readBasketImage(bytes, accounts.reserve, (image, account, flags, first, count) => {
        const slot = accounts.add(image, account)
        const [page, base] = [accounts.pageOf(slot), baseOf(slot)]
        page[base + FLAGS] = flags
        if (count > 0) {
          const block = entries.take(count)
          copyLimbs(entries.pageOf(block), entries.offsetOf(block), image, first, count * ENTRY_WORDS)
          page[base + BLOCK] = block
          page[base + COUNT]! += count
        }
        for (let entry = 0; entry < count; entry++) totals.add(image, first + entry * ENTRY_WORDS)
        changed.mark(slot)
      }),
  }
}
