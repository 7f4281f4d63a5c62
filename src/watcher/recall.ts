// Finds accounts that no folded log ever named, of markets whose debt is more than what is known: searches their history, a stretch for
// each block, beside all else, and hands the book what it finds. Never more than one search at a time.
import { KeeperError } from '../core/errors'
import type { Hex, Log } from '../core/primitives'
import type { Book } from '../core/strategy'
import type { Chain, LogSink } from '../ports'

export interface Recall {
  /** Looks for the missing accounts of the market in its history up to `tip`, if any are missing. */
  begin(book: Book, market: Hex, tip: bigint): void
  /** Once a block, between blocks: takes up what was found, and goes on. `tip` is the last folded block. Never rejects. */
  step(tip: bigint): void
  /** See Folder.undo: what was handed over in those blocks is handed over again. */
  undone(fromBlock: bigint): void
}

interface Search {
  readonly book: Book
  readonly market: Hex
  readonly to: bigint
  next: bigint
  readonly found: Log[]
}

/** One that books were told of, until that is final. */
interface Told {
  readonly search: Search
  readonly block: bigint
}

/** Blocks searched beside one block: a node that answers for 2,000 at once gets 50 requests. */
const STRETCH = 100_000n

export const createRecall = (chain: Chain, log: LogSink, finalityDepth: bigint): Recall => {
  const waiting: Search[] = []
  const done: Search[] = []
  let told: Told[] = []
  let isBusy = false

  const searchOn = async (search: Search): Promise<void> => {
    const filters = search.book.missing?.(search.market) ?? null
    if (filters === null) return
    const end = search.next + STRETCH - 1n
    const to = end < search.to ? end : search.to
    search.found.push(...(await chain.logsInRange(search.next, to, filters)))
    search.next = to + 1n
    if (search.next <= search.to) waiting.unshift(search)
    else done.push(search)
  }

  const goOn = async (search: Search): Promise<void> => {
    try {
      await searchOn(search)
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error
      waiting.push(search)
      log.log('warn', 'recall-failed', { market: search.market, message: error.message })
    } finally {
      isBusy = false
    }
  }

  return {
    begin: (book, market, tip) => {
      if ([...waiting, ...done].some(search => search.book === book && search.market === market)) return
      if ((book.missing?.(market) ?? null) === null) return
      waiting.push({ book, market, to: tip, next: book.fromBlock ?? 0n, found: [] })
      log.log('info', 'recall', { market, from: (book.fromBlock ?? 0n).toString(), to: tip.toString() })
    },
    step: tip => {
      told = told.filter(({ block }) => block + finalityDepth > tip)
      for (const search of done.splice(0)) {
        search.book.recall?.(search.market, tip, search.found)
        told.push({ search, block: tip })
      }
      const search = isBusy ? undefined : waiting.shift()
      if (search === undefined) return
      isBusy = true
      void goOn(search)
    },
    undone: fromBlock => {
      done.push(...told.filter(({ block }) => block >= fromBlock).map(({ search }) => search))
      told = told.filter(({ block }) => block < fromBlock)
    },
  }
}
