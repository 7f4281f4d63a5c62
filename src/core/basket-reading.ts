// Reads what of a basket book is unread, whole accounts and single entries, in slices: a read that fails leaves its account or entry for later.
// Knows no protocol's calls and no words.
import type { BasketBook } from './basket-book'
import { columnsAt } from './basket-sample'
import { ACCOUNT_UNREAD, ENTRY_UNREAD } from './basket-unread'
import type { ReadCall, Reader, ReadResult } from './folder'
import type { Address } from './primitives'
import { readLists } from './read-lists'

/** How one protocol tells what an account has. */
export interface BasketReads<Entry> {
  /** Tells an account's flags, and which columns it has. */
  headCalls(account: Address): readonly ReadCall[]
  /** Null where an answer is missing. */
  headFrom(answers: readonly ReadResult[]): { readonly flags: number; readonly columns: readonly number[] } | null
  /** No such column is asked for. */
  isReadable(column: number): boolean
  entryCalls(account: Address, column: number): readonly ReadCall[]
  /** Null where an answer is missing. */
  entryFrom(column: number, answers: readonly ReadResult[]): Entry | null
  /** The account has exactly these entries; it is read, and may be gone then. */
  setAccount(block: bigint, slot: number, flags: number, entries: readonly Entry[]): void
  /** One entry is read; the account may be gone then. */
  setEntry(block: bigint, slot: number, entry: Entry): void
}

/** Accounts read at once: their answers are held together. */
const ACCOUNTS_AT_ONCE = 5_000

const readWhole = async <Entry>(
  reader: Reader,
  book: BasketBook,
  reads: BasketReads<Entry>,
  slots: readonly number[],
): Promise<void> => {
  const accounts = slots.map(book.accountAt)
  const heads = (await readLists(reader, accounts.map(reads.headCalls))).map(reads.headFrom)
  const wanted = slots.flatMap((slot, at) => {
    const head = heads[at] ?? null
    return head === null ? [] : [{ slot, account: accounts[at]!, ...head }]
  })
  const answers = await readLists(
    reader,
    wanted.flatMap(({ account, columns }) => columns.map(column => reads.entryCalls(account, column))),
  )
  let from = 0
  for (const { slot, flags, columns } of wanted) {
    const entries: Entry[] = []
    for (const [at, column] of columns.entries()) {
      const entry = reads.entryFrom(column, answers[from + at] ?? [])
      if (entry !== null) entries.push(entry)
    }
    from += columns.length
    if (entries.length === columns.length) reads.setAccount(reader.block.number, slot, flags, entries)
  }
}

const readEntries = async <Entry>(
  reader: Reader,
  book: BasketBook,
  reads: BasketReads<Entry>,
  slots: readonly number[],
): Promise<void> => {
  const due = slots.flatMap(slot =>
    columnsAt(book, slot)
      .filter((column, entry) => (book.marksAt(slot, entry) & ENTRY_UNREAD) !== 0 && reads.isReadable(column))
      .map(column => ({ slot, column })),
  )
  const answers = await readLists(
    reader,
    due.map(({ slot, column }) => reads.entryCalls(book.accountAt(slot), column)),
  )
  due.forEach(({ slot, column }, at) => {
    const entry = reads.entryFrom(column, answers[at] ?? [])
    // Nothing is known any more of an account that turned out to be gone.
    if (entry !== null && book.isOpen(slot)) reads.setEntry(reader.block.number, slot, entry)
  })
}

/** Reads all that is unread of these slots; answers are applied at the reader's block. */
export const readUnread = async <Entry>(
  reader: Reader,
  book: BasketBook,
  reads: BasketReads<Entry>,
  unread: Iterable<number>,
): Promise<void> => {
  const slots = [...unread].sort((a, b) => a - b)
  const isWhole = (slot: number): boolean => (book.flagsAt(slot) & ACCOUNT_UNREAD) !== 0
  for (let from = 0; from < slots.length; from += ACCOUNTS_AT_ONCE) {
    const some = slots.slice(from, from + ACCOUNTS_AT_ONCE)
    await readWhole(reader, book, reads, some.filter(isWhole))
    await readEntries(
      reader,
      book,
      reads,
      some.filter(slot => book.isOpen(slot) && !isWhole(slot)),
    )
  }
}
