// One market's positions in ascending order of risk: two parallel arrays, binary search, shifts by copyWithin.
// Knows keys and entries only; what they mean is pair-book's.

/** In ascending order of (key, entry); the first `count` count. */
export interface PairIndex {
  count: number
  keys: Float64Array
  entries: Uint32Array
}

export const createPairIndex = (): PairIndex => ({ count: 0, keys: new Float64Array(0), entries: new Uint32Array(0) })

/**
 * The key of a position: (debt + pad) / collateral. `pad` is at least the debt shares that the contract's rounding may be worth, so
 * no dust falls behind those that real numbers put it behind. Infinity for no collateral: such a position can't be seized from.
 */
export const pairKey = (debt: number, pad: number, collateral: number): number => (debt + pad) / collateral

/** First place whose key is not below `key`. */
export const firstFrom = ({ count, keys }: PairIndex, key: number): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** First place whose (key, entry) is not below the one given. */
const placeOf = ({ count, keys, entries }: PairIndex, key: number, entry: number): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    const there = keys[middle]!
    if (there < key || (there === key && entries[middle]! < entry)) low = middle + 1
    else high = middle
  }
  return low
}

const reserve = (index: PairIndex, size: number): void => {
  if (size <= index.keys.length) return
  const { keys, entries } = index
  const capacity = Math.ceil(size * 1.125) + 4
  index.keys = new Float64Array(capacity)
  index.entries = new Uint32Array(capacity)
  index.keys.set(keys)
  index.entries.set(entries)
}

const shift = ({ keys, entries }: PairIndex, to: number, start: number, end: number): void => {
  keys.copyWithin(to, start, end)
  entries.copyWithin(to, start, end)
}

const put = ({ keys, entries }: PairIndex, at: number, key: number, entry: number): void => {
  keys[at] = key
  entries[at] = entry
}

export const insertPair = (index: PairIndex, key: number, entry: number): void => {
  reserve(index, index.count + 1)
  const at = placeOf(index, key, entry)
  shift(index, at + 1, at, index.count)
  put(index, at, key, entry)
  index.count += 1
}

/** Takes out what was put in as exactly this. */
export const removePair = (index: PairIndex, key: number, entry: number): void => {
  const at = placeOf(index, key, entry)
  shift(index, at, at + 1, index.count)
  index.count -= 1
}

/** removePair, then insertPair; only what lies between the two places is shifted. */
export const movePair = (index: PairIndex, oldKey: number, oldEntry: number, key: number, entry: number): void => {
  const from = placeOf(index, oldKey, oldEntry)
  const to = placeOf(index, key, entry)
  if (to > from) {
    shift(index, from, from + 1, to)
    put(index, to - 1, key, entry)
  } else {
    shift(index, to + 1, to, from)
    put(index, to, key, entry)
  }
}

/** Sorts `keyOf` the first `count` of `entries` into the index, in place of what it held. `entries` is left sorted. */
export const rebuildPairs = (index: PairIndex, entries: Uint32Array, keyOf: (entry: number) => number): void => {
  index.count = 0
  reserve(index, entries.length)
  index.count = entries.length
  entries.sort()
  const keys = Float64Array.from(entries, keyOf)
  index.keys.set(keys)
  index.keys.subarray(0, index.count).sort()
  // Sorting bare numbers is many times faster than by a comparison function; equal keys are filled in the order of their entries.
  const filled = new Uint32Array(entries.length)
  for (let i = 0; i < entries.length; i++) {
    const first = firstFrom(index, keys[i]!)
    index.entries[first + filled[first]!++] = entries[i]!
  }
}

export const indexBytes = ({ keys, entries }: PairIndex): number => keys.byteLength + entries.byteLength
