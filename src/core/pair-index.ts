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

/** Two parallel arrays in ascending order of (key, slot); the first `count` entries count. */
interface SortedPairs {
  count: number
  keys: Float64Array
  slots: Uint32Array
}

/** First place whose (key, slot) is not below the one given. */
const lowerBound = ({ count, keys, slots }: SortedPairs, key: number, slot: number): number => {
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

/** `old` if it holds `size` entries, else a larger copy. `fill` is what unused entries read as. */
const grown = (old: Float64Array<ArrayBuffer>, size: number, fill: number): Float64Array<ArrayBuffer> => {
  if (size <= old.length) return old
  const larger = new Float64Array(Math.ceil(size * 1.25) + 16).fill(fill)
  larger.set(old)
  return larger
}

const reserve = (pairs: SortedPairs, size: number): void => {
  if (size <= pairs.keys.length) return
  const { keys, slots } = pairs
  pairs.keys = new Float64Array(Math.ceil(size * 1.25) + 16)
  pairs.slots = new Uint32Array(pairs.keys.length)
  pairs.keys.set(keys)
  pairs.slots.set(slots)
}

const shift = (pairs: SortedPairs, to: number, start: number, end: number): void => {
  pairs.keys.copyWithin(to, start, end)
  pairs.slots.copyWithin(to, start, end)
}

const place = (pairs: SortedPairs, at: number, slot: number, key: number): void => {
  pairs.keys[at] = key
  pairs.slots[at] = slot
}

/** Takes `slot` from key `old` to key `now`; NaN stands for absent. Only what lies between the two places is shifted. */
const move = (pairs: SortedPairs, slot: number, old: number, now: number): void => {
  const from = Number.isNaN(old) ? -1 : lowerBound(pairs, old, slot)
  const to = Number.isNaN(now) ? -1 : lowerBound(pairs, now, slot)
  if (from < 0 && to < 0) return
  if (from < 0) {
    reserve(pairs, pairs.count + 1)
    shift(pairs, to + 1, to, pairs.count)
    place(pairs, to, slot, now)
    pairs.count += 1
  } else if (to < 0) {
    shift(pairs, from, from + 1, pairs.count)
    pairs.count -= 1
  } else if (to > from) {
    shift(pairs, from, from + 1, to)
    place(pairs, to - 1, slot, now)
  } else {
    shift(pairs, to + 1, to, from)
    place(pairs, to, slot, now)
  }
}

/** Sorts all slots whose key in `keyOf` is not NaN. */
const sortAnew = (pairs: SortedPairs, keyOf: Float64Array): void => {
  reserve(pairs, keyOf.length)
  pairs.count = 0
  for (let slot = 0; slot < keyOf.length; slot++) if (!Number.isNaN(keyOf[slot]!)) pairs.slots[pairs.count++] = slot
  pairs.slots.subarray(0, pairs.count).sort((a, b) => keyOf[a]! - keyOf[b]! || a - b)
  for (let at = 0; at < pairs.count; at++) pairs.keys[at] = keyOf[pairs.slots[at]!]!
}

export const createPairIndex = (): PairIndex => {
  const pairs: SortedPairs = { count: 0, keys: new Float64Array(16), slots: new Uint32Array(16) }
  /** Key by slot as it stands in `pairs`; NaN: absent. */
  let keyOf = new Float64Array(16).fill(Number.NaN)
  /** Changes since the last query: applied one by one, or by sorting anew where they are many (backfill). */
  const pending = new Map<number, number>()

  const flush = (): void => {
    if (pending.size === 0) return
    const isMany = pending.size > 32 + pairs.count / 16
    for (const [slot, key] of pending) {
      if (!isMany) move(pairs, slot, keyOf[slot]!, key)
      keyOf[slot] = key
    }
    if (isMany) sortAnew(pairs, keyOf)
    pending.clear()
  }

  const set = (slot: number, key: number): void => {
    keyOf = grown(keyOf, slot + 1, Number.NaN)
    pending.set(slot, Number.isFinite(key) ? key : Number.NaN)
  }

  return {
    set,
    remove: slot => set(slot, Number.NaN),
    suffix: threshold => {
      flush()
      return pairs.slots.subarray(lowerBound(pairs, threshold - Math.abs(threshold) * GUARD, 0), pairs.count)
    },
    maxKey: () => {
      flush()
      return pairs.count === 0 ? Number.NEGATIVE_INFINITY : pairs.keys[pairs.count - 1]!
    },
    size: () => {
      flush()
      return pairs.count
    },
  }
}
