// What of a basket book is not to be believed: whole accounts (their highest flag) and single entries (their second mark), and which slots
// have any of it. A bootstrap reads them; until then logs change nothing there.
import type { BasketBook } from './basket-book'
import type { Address } from './primitives'

/** Flag of an account of which nothing is to be believed. The others are the protocol's own. */
export const ACCOUNT_UNREAD = 0x8000_0000
/** Mark of an entry whose amount is not to be believed. */
export const ENTRY_UNREAD = 2

export interface BasketUnread {
  /** Slots of which something is unread. */
  readonly slots: ReadonlySet<number>
  isAccountUnread(slot: number): boolean
  /** Takes up the account, if it is new, as one of which all is unread. */
  markAccount(blockNumber: bigint, account: Address): void
  /** `marks`: those that the entry has besides. */
  markEntry(blockNumber: bigint, slot: number, column: number, marks: number): void
  /** To be told of each slot that was read, closed or undone. */
  refresh(slot: number): void
}

export const createBasketUnread = (book: BasketBook): BasketUnread => {
  const slots = new Set<number>()
  const isAccountUnread = (slot: number): boolean => (book.flagsAt(slot) & ACCOUNT_UNREAD) !== 0
  return {
    slots,
    isAccountUnread,
    markAccount: (blockNumber, account) => {
      const slot = book.open(blockNumber, account)
      book.setFlags(blockNumber, slot, (book.flagsAt(slot) | ACCOUNT_UNREAD) >>> 0)
      slots.add(slot)
    },
    markEntry: (blockNumber, slot, column, marks) => {
      book.put(blockNumber, slot, column, book.amountOf(slot, column), marks | ENTRY_UNREAD)
      slots.add(slot)
    },
    refresh: slot => {
      let isUnread = book.isOpen(slot) && isAccountUnread(slot)
      for (let entry = 0; !isUnread && entry < book.entriesOf(slot); entry++)
        isUnread = (book.marksAt(slot, entry) & ENTRY_UNREAD) !== 0
      if (isUnread) slots.add(slot)
      else slots.delete(slot)
    },
  }
}
