// Sorted index of positions with one collateral and one debt: those under water are a suffix, found by one binary search.
// Screens in float64 and never misses; whoever asks confirms each hit in integers.

/** Relative guard of a suffix query: far above the float error of key and threshold (below 1e-14), far below any price move. */
const GUARD = 1e-11

export interface PairIndex {
  /** Puts `slot` (a small non-negative integer) at `key`, or moves it. A key that is not finite takes it out. */
  set(slot: number, key: number): void
  remove(slot: number): void
  /** Slots with key >= threshold, less the guard, in ascending order of key. A view: valid until the next `set` or `remove`. */
  suffix(threshold: number): Uint32Array
  /** The largest key; -Infinity when empty. */
  maxKey(): number
  size(): number
}

/**
 * The key of a position: (debtShares + padShares) / collateral. `padShares` is the worth of 3 asset units or more in shares: a contract
 * that rounds debt up and collateral value down (twice) is at most 3 units stricter than the real-valued comparison, and dust is
 * where that matters. Infinity for no collateral: such a position can't be seized from and stays out of the index.
 */
export const pairKey = (debtShares: bigint, padShares: number, collateral: bigint): number =>
  collateral > 0n ? (Number(debtShares) + padShares) / Number(collateral) : Number.POSITIVE_INFINITY

export const createPairIndex = (): PairIndex => {
  let count = 0
  let keys = new Float64Array(16)
  let slots = new Uint32Array(16)
  /** Key by slot as it stands in `keys`; NaN: absent. */
  let keyOf = new Float64Array(16).fill(Number.NaN)
  /** Changes since the last query: applied one by one, or by sorting anew where they are many (backfill). */
  const pending = new Map<number, number>()

  /** First index whose (key, slot) is not below the one given. */
  const lowerBound = (key: number, slot: number): number => {
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      const there = keys[middle]!
      if (there < key || (there === key && slots[middle]! < slot)) low = middle + 1
      else high = middle
    }
    return low
  }

  const reserve = (size: number): void => {
    if (size <= keys.length) return
    const capacity = Math.ceil(size * 1.25) + 16
    const oldKeys = keys
    const oldSlots = slots
    keys = new Float64Array(capacity)
    slots = new Uint32Array(capacity)
    keys.set(oldKeys)
    slots.set(oldSlots)
  }

  const reserveSlot = (slot: number): void => {
    if (slot < keyOf.length) return
    const old = keyOf
    keyOf = new Float64Array(Math.ceil(slot * 1.25) + 16).fill(Number.NaN)
    keyOf.set(old)
  }

  const place = (at: number, slot: number, key: number): void => {
    keys[at] = key
    slots[at] = slot
  }

  const shift = (target: number, start: number, end: number): void => {
    keys.copyWithin(target, start, end)
    slots.copyWithin(target, start, end)
  }

  const apply = (slot: number, key: number): void => {
    const old = keyOf[slot]!
    const from = Number.isNaN(old) ? -1 : lowerBound(old, slot)
    const to = Number.isNaN(key) ? -1 : lowerBound(key, slot)
    if (from < 0 && to >= 0) {
      reserve(count + 1)
      shift(to + 1, to, count)
      place(to, slot, key)
      count += 1
    } else if (from >= 0 && to < 0) {
      shift(from, from + 1, count)
      count -= 1
    } else if (from >= 0 && to > from) {
      shift(from, from + 1, to)
      place(to - 1, slot, key)
    } else if (from >= 0) {
      shift(to + 1, to, from)
      place(to, slot, key)
    }
    keyOf[slot] = key
  }

  const rebuild = (): void => {
    for (const [slot, key] of pending) keyOf[slot] = key
    let size = 0
    for (let slot = 0; slot < keyOf.length; slot++) if (!Number.isNaN(keyOf[slot]!)) size += 1
    reserve(size)
    count = 0
    for (let slot = 0; slot < keyOf.length; slot++) if (!Number.isNaN(keyOf[slot]!)) slots[count++] = slot
    slots.subarray(0, count).sort((a, b) => keyOf[a]! - keyOf[b]! || a - b)
    for (let at = 0; at < count; at++) keys[at] = keyOf[slots[at]!]!
  }

  const flush = (): void => {
    if (pending.size === 0) return
    if (pending.size > 32 + count / 16) rebuild()
    else for (const [slot, key] of pending) apply(slot, key)
    pending.clear()
  }

  const set = (slot: number, key: number): void => {
    reserveSlot(slot)
    pending.set(slot, Number.isFinite(key) ? key : Number.NaN)
  }

  return {
    set,
    remove: slot => set(slot, Number.NaN),
    suffix: threshold => {
      flush()
      return slots.subarray(lowerBound(threshold - Math.abs(threshold) * GUARD, 0), count)
    },
    maxKey: () => {
      flush()
      return count === 0 ? Number.NEGATIVE_INFINITY : keys[count - 1]!
    },
    size: () => {
      flush()
      return count
    },
  }
}
