// The reads that every block needs (oracle prices and the like), of all books in one request; what a new market adds is read after.
import type { ReadCall, Reader, ReadResult } from '../core/folder'
import type { Block } from '../core/primitives'
import type { Book } from '../core/strategy'
import type { Audit } from './audit'

/** The part of a book that reads each block. */
export type ReadingBook = Pick<Book, 'blockReads' | 'acceptReads'>

/** Reads that are under way or done, at one block. */
export interface BlockReads {
  /** Waits for them, reads what the books ask for besides, by now, and hands all books theirs. Rejects with KeeperError; then no book got any. */
  finish(): Promise<void>
}

const keyOf = (call: ReadCall): string => `${call.to} ${call.data} ${call.gasCap ?? ''} ${call.maxReturnBytes ?? ''}`

const distinct = (calls: readonly ReadCall[]): ReadonlyMap<string, ReadCall> => new Map(calls.map(call => [keyOf(call), call]))

const askFor = async (reader: Reader, calls: ReadonlyMap<string, ReadCall>): Promise<ReadonlyMap<string, ReadResult>> => {
  if (calls.size === 0) return new Map()
  const results = await reader.read([...calls.values()])
  return new Map([...calls.keys()].map((key, index) => [key, results[index]!]))
}

/** Begins at once; a failure shows in `finish`. The questions of `audit` ride along, and are compared when all books have theirs. */
export const startBlockReads = (books: readonly ReadingBook[], reader: Reader, audit: Audit | null = null): BlockReads => {
  const own = books.flatMap(book => book.blockReads())
  const questions = audit?.questions(own.length > 0) ?? []
  const early = askFor(reader, distinct([...own, ...questions.flatMap(question => question.calls)]))
  early.catch(() => undefined)
  return {
    finish: async () => {
      const known = await early
      const wanted = books.map(book => ({ book, calls: book.blockReads() }))
      const missing = [...distinct(wanted.flatMap(({ calls }) => calls))].filter(([key]) => !known.has(key))
      const late = await askFor(reader, new Map(missing))
      const resultOf = (call: ReadCall): ReadResult => known.get(keyOf(call)) ?? late.get(keyOf(call))!
      const block: Block = reader.block
      for (const { book, calls } of wanted) book.acceptReads(block, calls.map(resultOf))
      audit?.compare(
        block,
        questions.map(question => ({ question, results: question.calls.map(resultOf) })),
      )
    },
  }
}
