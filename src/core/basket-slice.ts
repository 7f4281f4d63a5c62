// One slice of a basket index: rows sorted into buckets by their risk at reference weights, and those set since.
// Bounds how far prices can have carried them; decides nothing.
import { amountsAt, appendRow, createRowBuffer, type RowBuffer, reserveRows } from './basket-rows'

const SLICE_BITS = 7
export const SLICES = 1 << SLICE_BITS
/** Buckets by risk (debt / collateral) from RISK_TOP down: 0.1 % wide at a health of 1. The first holds whatever is always looked at. */
const BUCKETS = 1100
const RISK_TOP = 1.05
const BUCKET_WIDTH = 0.001
/** Accounts whose slack exceeds this part of their debt are dust: always looked at, as no bound on prices bounds them. */
const DUST = 1e-4
/** Relative error of the float sums, with room to spare: a row has less than 2^16 entries. */
export const FLOAT_ERROR = 1e-11
/** A slice with more changed rows than this and than a quarter of its size is sorted at once: a book is being filled. */
const MANY_CHANGES = 2_000
/** One part of the accounts. Its reference is refreshed in turn, so that drift is small and no block pays for all. */
export interface Slice {
  /** Weights at the last refresh. */
  low: Float64Array
  slack: Float64Array
  /** Rows in order of bucket; bucket b ends before word ends[b]. */
  readonly sorted: RowBuffer
  readonly ends: Uint32Array
  sortedRows: number
  /** Rows set since, in order of arrival; by row: its first word, and its risk at the reference (NaN: always look). */
  readonly fresh: RowBuffer
  readonly freshAt: number[]
  readonly freshRisk: number[]
  /** By place of a slot in the slice: first word + 1 of its latest row if that is a fresh one, else 0. */
  freshOf: Uint32Array
  /** By place of a slot in the slice: entries; 0: no such account. */
  counts: Uint16Array
}

export const createSlice = (): Slice => ({
  low: new Float64Array(0),
  slack: new Float64Array(0),
  sorted: createRowBuffer(),
  ends: new Uint32Array(BUCKETS),
  sortedRows: 0,
  fresh: createRowBuffer(),
  freshAt: [],
  freshRisk: [],
  freshOf: new Uint32Array(0),
  counts: new Uint16Array(0),
})

/**
 * Debt over collateral of the row at `word`, whose health at other weights is bounded by those weights' moves. NaN for dust, which is
 * not, and where a column has no weight.
 */
const riskOf = ({ words, quarters }: RowBuffer, word: number, low: Float64Array, slack: Float64Array): number => {
  const count = quarters[word * 4 + 2]!
  const values = amountsAt(word, count)
  let collateral = 0
  let debt = 0
  let loose = 0
  for (let at = 0; at < count; at++) {
    const column = quarters[word * 4 + 4 + at]!
    if (column >= low.length) return Number.NaN
    const value = low[column]! * words[values + at]!
    if (value < 0) debt -= value
    else collateral += value
    loose += slack[column]!
  }
  return loose <= debt * DUST ? debt / collateral : Number.NaN
}

/** 0 is for what is always looked at: NaN, and debt above RISK_TOP of the collateral. Falls as risk rises. */
export const bucketOf = (risk: number): number => {
  if (!(risk < RISK_TOP)) return 0
  return Math.min(BUCKETS - 1, 1 + Math.floor((RISK_TOP - risk) / BUCKET_WIDTH))
}

/**
 * Least risk at the slice's reference that can be a risk of 1 / health or more at `now`; 0: anybody can.
 * Collateral c keeps at least c * fall, debt d becomes at most d * rise, slack s at most s * loosened <= d * DUST * loosened.
 */
export const riskLimit = (slice: Slice, low: Float64Array, slack: Float64Array, health: number): number => {
  let fall = Number.POSITIVE_INFINITY
  let rise = 0
  let loosened = 0
  for (let column = 0; column < slice.low.length; column++) {
    const was = slice.low[column]!
    const is = low[column]!
    if (was > 0) fall = Math.min(fall, is / was)
    else if (was < 0) rise = Math.max(rise, is / was)
    else if (is < 0) return 0 // debt that counted nothing at the reference
    if (slack[column]! > 0) loosened = Math.max(loosened, slack[column]! / slice.slack[column]!)
  }
  const limit = fall / ((rise * health + DUST * loosened) * (1 + 4 * FLOAT_ERROR))
  return Number.isNaN(limit) ? 0 : limit
}

/** Whether the row at `word` is the latest of its slot; `version` is what its slice's freshOf must say. */
export const isLatest = (slice: Slice, rows: RowBuffer, word: number, version: number): boolean =>
  slice.freshOf[rows.halves[word * 2]! >>> SLICE_BITS] === version

/** Room for sorting one slice, shared by all. By row: its first word (fresh ones: negative, less 1) and its bucket. */
export interface SortRoom {
  readonly rows: RowBuffer
  starts: Int32Array
  buckets: Uint16Array
}

/** Finds the latest row of each account of a slice, and its bucket; sums up words by bucket. Returns how many rows there are. */
const classify = (slice: Slice, { starts, buckets }: SortRoom): number => {
  const { sorted, fresh, freshAt, low, slack, ends } = slice
  let seen = 0
  ends.fill(0)
  const add = (rows: RowBuffer, word: number, words: number): void => {
    const bucket = bucketOf(riskOf(rows, word, low, slack))
    ends[bucket]! += words
    buckets[seen++] = bucket
  }
  for (let word = 0; word < sorted.used; ) {
    const count = sorted.quarters[word * 4 + 2]!
    const next = amountsAt(word, count) + count
    if (isLatest(slice, sorted, word, 0)) {
      starts[seen] = word
      add(sorted, word, next - word)
    }
    word = next
  }
  for (const word of freshAt) {
    const count = fresh.quarters[word * 4 + 2]!
    if (count === 0 || !isLatest(slice, fresh, word, word + 1)) continue
    starts[seen] = -1 - word
    add(fresh, word, amountsAt(0, count) + count)
  }
  return seen
}

/** Words by bucket to first words by bucket. */
const toStarts = (sizes: Uint32Array): number => {
  let before = 0
  for (let bucket = 0; bucket < sizes.length; bucket++) {
    const size = sizes[bucket]!
    sizes[bucket] = before
    before += size
  }
  return before
}

/** Sorts all latest rows of a slice into buckets by their risk at its weights; forgets the fresh ones. */
export const sortSlice = (slice: Slice, room: SortRoom): void => {
  const { ends, sorted, fresh } = slice
  const most = slice.sortedRows + slice.freshAt.length
  if (room.starts.length < most) {
    room.starts = new Int32Array(Math.ceil(most * 1.25))
    room.buckets = new Uint16Array(room.starts.length)
  }
  const count = classify(slice, room)
  const used = toStarts(ends)
  reserveRows(room.rows, used, 0.25)
  const { words } = room.rows
  for (let at = 0; at < count; at++) {
    const start = room.starts[at]!
    const { words: source, quarters } = start < 0 ? fresh : sorted
    const from = start < 0 ? -1 - start : start
    const entries = quarters[from * 4 + 2]!
    const end = amountsAt(from, entries) + entries
    const bucket = room.buckets[at]!
    let to = ends[bucket]!
    for (let word = from; word < end; word++) words[to++] = source[word]!
    ends[bucket] = to
  }
  for (const word of slice.freshAt) slice.freshOf[fresh.halves[word * 2]! >>> SLICE_BITS] = 0
  fresh.used = 0
  slice.freshAt.length = 0
  slice.freshRisk.length = 0
  slice.sortedRows = count
  sorted.used = 0
  reserveRows(sorted, used, 0.05)
  sorted.words.set(words.subarray(0, used))
  sorted.used = used
}

/** Makes room for the account at `place` of a slice. */
const reservePlace = (slice: Slice, place: number): void => {
  const { counts, freshOf } = slice
  if (place < counts.length) return
  slice.counts = new Uint16Array(Math.ceil((place + 1) * 1.25) + 16)
  slice.freshOf = new Uint32Array(slice.counts.length)
  slice.counts.set(counts)
  slice.freshOf.set(freshOf)
}

/** Puts a row in place of all that `slot` had; no entries: removes it. Returns by how much the number of accounts has changed. */
export const setRow = (
  slice: Slice,
  slot: number,
  columns: ArrayLike<number>,
  amounts: ArrayLike<number>,
  room: SortRoom,
): number => {
  const place = slot >>> SLICE_BITS
  reservePlace(slice, place)
  const word = appendRow(slice.fresh, slot, columns, amounts)
  const held = slice.counts[place]!
  slice.freshAt.push(word)
  slice.freshRisk.push(columns.length === 0 ? 0 : riskOf(slice.fresh, word, slice.low, slice.slack))
  slice.freshOf[place] = word + 1
  slice.counts[place] = columns.length
  if (slice.freshAt.length > MANY_CHANGES && slice.freshAt.length > slice.sortedRows / 4) sortSlice(slice, room)
  return (columns.length > 0 ? 1 : 0) - (held > 0 ? 1 : 0)
}

/** Entries of `slot`; 0: it is not there. */
export const entriesOf = (slice: Slice, slot: number): number => slice.counts[slot >>> SLICE_BITS] ?? 0

/** Bytes of all arrays, slack included. */
export const bytesOf = ({ sorted, fresh, ends, low, slack, freshAt, freshOf, counts }: Slice): number =>
  sorted.words.byteLength +
  fresh.words.byteLength +
  ends.byteLength +
  freshOf.byteLength +
  counts.byteLength +
  (low.length + slack.length + freshAt.length * 2) * 8
