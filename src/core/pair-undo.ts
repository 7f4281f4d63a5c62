// How to take back changes of pair positions: the old words of each, in one typed array, marked by block. Knows no positions.
import { MARKET } from './pair-records'

/** An entry is the start of a record: debt, collateral, account, market. */
export const ENTRY_WORDS = MARKET + 1

export interface PairUndo {
  /** Remembers the entry at `at` of `words` as what was before a change made by `blockNumber` (non-decreasing over calls). */
  record(blockNumber: bigint, words: Uint32Array, at: number): void
  /** Hands back all entries of blocks >= fromBlock, newest first, and forgets them. */
  undo(fromBlock: bigint, takeBack: (words: Uint32Array, at: number) => void): void
  /** Forgets entries of blocks < `block`. */
  finalise(block: bigint): void
  size(): number
  byteLength(): number
}

export const createPairUndo = (): PairUndo => {
  let log = new Uint32Array(ENTRY_WORDS * 16)
  /** In entries: those from `first` to `end` count. */
  let first = 0
  let end = 0
  let marks: { readonly blockNumber: bigint; readonly start: number }[] = []
  let newest = -1n

  /** Room for one more: by dropping what is forgotten if that is half or more, else by growing. */
  const makeRoom = (): void => {
    if (2 * first >= end) {
      log.copyWithin(0, first * ENTRY_WORDS, end * ENTRY_WORDS)
      marks = marks.map(({ blockNumber, start }) => ({ blockNumber, start: start - first }))
      end -= first
      first = 0
    }
    if ((end + 1) * ENTRY_WORDS <= log.length) return
    const larger = new Uint32Array(log.length * 2)
    larger.set(log)
    log = larger
  }

  return {
    record: (blockNumber, words, at) => {
      if ((end + 1) * ENTRY_WORDS > log.length) makeRoom()
      if (blockNumber !== newest) {
        marks.push({ blockNumber, start: end })
        newest = blockNumber
      }
      const entry = end * ENTRY_WORDS
      for (let word = 0; word < ENTRY_WORDS; word++) log[entry + word] = words[at + word]!
      end += 1
    },
    undo: (fromBlock, takeBack) => {
      for (let mark = marks.at(-1); mark !== undefined && mark.blockNumber >= fromBlock; mark = marks.at(-1)) {
        while (end > mark.start) takeBack(log, --end * ENTRY_WORDS)
        marks.pop()
      }
      newest = marks.at(-1)?.blockNumber ?? -1n
    },
    finalise: block => {
      const keep = marks.findIndex(({ blockNumber }) => blockNumber >= block)
      first = keep === -1 ? end : marks[keep]!.start
      marks = keep === -1 ? [] : marks.slice(keep)
      if (keep === -1) newest = -1n
    },
    size: () => end - first,
    byteLength: () => log.byteLength,
  }
}
