// Undo by block for folders: each change leaves the closure that takes it back. Pure bookkeeping.

export interface UndoJournal {
  /** Remembers how to take back one change made by `blockNumber` (non-decreasing over calls). */
  record(blockNumber: bigint, takeBack: () => void): void
  /** Takes back all changes of blocks >= fromBlock, newest first. */
  undo(fromBlock: bigint): void
  /** Forgets records of blocks < `block`. */
  finalise(block: bigint): void
  size(): number
}

export const createUndoJournal = (): UndoJournal => {
  let entries: { readonly blockNumber: bigint; readonly takeBack: () => void }[] = []
  return {
    record: (blockNumber, takeBack) => {
      entries.push({ blockNumber, takeBack })
    },
    undo: fromBlock => {
      for (let last = entries.at(-1); last !== undefined && last.blockNumber >= fromBlock; last = entries.at(-1)) {
        last.takeBack()
        entries.pop()
      }
    },
    finalise: block => {
      const keep = entries.findIndex(entry => entry.blockNumber >= block)
      entries = keep === -1 ? [] : entries.slice(keep)
    },
    size: () => entries.length,
  }
}
