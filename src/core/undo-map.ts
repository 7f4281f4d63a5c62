// A map of immutable values whose changes can be taken back by block: no closures, as most logs change one. Pure bookkeeping.

export interface UndoMap<K, V> {
  get(key: K): V | undefined
  readonly entries: ReadonlyMap<K, V>
  /** Undefined takes the key away. Block numbers are non-decreasing over calls. */
  set(blockNumber: bigint, key: K, value: V | undefined): void
  /** Sets what can't be taken back, as when restoring. */
  load(key: K, value: V): void
  /** Takes back all changes of blocks >= fromBlock, newest first. */
  undo(fromBlock: bigint): void
  /** Forgets how to take back changes of blocks < `block`. */
  finalise(block: bigint): void
  undoable(): number
}

/** `onChange` hears of each change after it, undo included. */
export const createUndoMap = <K, V>(onChange: (key: K, value: V | undefined, before: V | undefined) => void): UndoMap<K, V> => {
  const entries = new Map<K, V>()
  let pasts: { readonly blockNumber: bigint; readonly key: K; readonly before: V | undefined }[] = []

  const put = (key: K, value: V | undefined): void => {
    const before = entries.get(key)
    if (value === undefined) entries.delete(key)
    else entries.set(key, value)
    onChange(key, value, before)
  }

  return {
    get: key => entries.get(key),
    entries,
    set: (blockNumber, key, value) => {
      const before = entries.get(key)
      if (before === value) return
      pasts.push({ blockNumber, key, before })
      put(key, value)
    },
    load: put,
    undo: fromBlock => {
      for (let last = pasts.at(-1); last !== undefined && last.blockNumber >= fromBlock; last = pasts.at(-1)) {
        put(last.key, last.before)
        pasts.pop()
      }
    },
    finalise: block => {
      const keep = pasts.findIndex(({ blockNumber }) => blockNumber >= block)
      pasts = keep === -1 ? [] : pasts.slice(keep)
    },
    undoable: () => pasts.length,
  }
}
