// One slice of a basket index: rows sorted into buckets by their risk at reference weights, and those set since.
// Bounds how far prices can have carried them; decides nothing.
import { createRows, DEAD, type Rows, reserveRows, rowBytes, writeRow } from './basket-rows'

/**
 * Buckets by risk (debt / collateral) from RISK_TOP down, FINE of them of 0.1 %, then of 0.5 %. The first holds whatever is always
 * looked at.
 */
const RISK_TOP = 1.05
const FINE = 200
const BUCKETS = 372
const PER_FINE = 1_000
const PER_COARSE = 200
/** In place of a bucket: a dead row. */
const NO_BUCKET = 0xffff
/** Relative error of the float sums, with room to spare: a row has less than 2^16 entries. */
export const FLOAT_ERROR = 1e-11
/** A slice with more changed rows than this and than a quarter of its size is sorted at once: a book is being filled. */
const MANY_CHANGES = 4_000

/** Weights that slices are sorted by, and one over each. */
export interface Reference {
  readonly low: Float64Array
  readonly slack: Float64Array
  readonly perLow: Float64Array
  readonly perSlack: Float64Array
}

export const createReference = (low: Float64Array, slack: Float64Array): Reference => ({
  low,
  slack,
  perLow: low.map(each => 1 / each),
  perSlack: slack.map(each => 1 / each),
})

/** One part of the accounts whose rows are of one width. Its reference is refreshed in turn, so that no block pays for all. */
export interface Slice {
  /** Of the last refresh; shared by those refreshed at once. */
  reference: Reference
  /** In order of bucket; bucket b ends before row ends[b]. */
  sorted: Rows
  readonly ends: Uint32Array
  /** Set since, in order of arrival; by row its risk at the reference. NaN: always look; -Infinity: never, it is dead. */
  readonly fresh: Rows
  risks: Float64Array
}

const NOTHING = new Float64Array(0)
const NO_REFERENCE = createReference(NOTHING, NOTHING)

export const createSlice = (width: number): Slice => ({
  reference: NO_REFERENCE,
  sorted: createRows(width),
  ends: new Uint32Array(BUCKETS),
  fresh: createRows(width),
  risks: NOTHING,
})

/**
 * Debt and slack over collateral of a row, whose health at other weights is bounded by those weights' moves. Slack is next to nothing but
 * for dust. NaN where a column has no weight.
 */
const riskOf = (rows: Rows, row: number, { low, slack }: Reference): number => {
  const { width, columns, amounts } = rows
  let collateral = 0
  let debt = 0
  for (let at = row * width, end = at + width; at < end; at++) {
    const column = columns[at]!
    if (column >= low.length) return Number.NaN
    const value = low[column]! * amounts[at]!
    if (value < 0) debt -= value
    else collateral += value
    debt += slack[column]!
  }
  return debt / collateral
}

/** 0 is for what is always looked at: NaN, and risks above RISK_TOP. Falls as risk rises. */
const bucketOf = (risk: number): number => {
  if (!(risk < RISK_TOP)) return 0
  const fine = Math.floor((RISK_TOP - risk) * PER_FINE)
  if (fine < FINE) return 1 + fine
  return Math.min(BUCKETS - 1, 1 + FINE + Math.floor((RISK_TOP - risk - FINE / PER_FINE) * PER_COARSE))
}

/**
 * Least risk at the reference that can be a risk of 1 / health or more at `now`; 0: anybody can.
 * Collateral c keeps at least c * fall, debt d becomes at most d * rise, slack s at most s * loosened.
 */
export const riskLimit = (reference: Reference, low: Float64Array, slack: Float64Array, health: number): number => {
  const { low: before, perLow, perSlack } = reference
  let fall = Number.POSITIVE_INFINITY
  let rise = 0
  let loosened = 0
  for (let column = 0; column < before.length; column++) {
    const was = before[column]!
    const is = low[column]!
    const ratio = is * perLow[column]!
    if (was > 0) fall = ratio < fall ? ratio : fall
    else if (was < 0) rise = ratio > rise ? ratio : rise
    else if (is < 0) return 0 // debt that counted nothing at the reference
    const loose = slack[column]!
    if (loose > 0 && loose * perSlack[column]! > loosened) loosened = loose * perSlack[column]!
  }
  const limit = fall / (Math.max(rise * health, loosened) * (1 + 4 * FLOAT_ERROR))
  return Number.isNaN(limit) ? 0 : limit
}

/** Sorted rows before this one are all that may have a risk of `limit` or more. */
export const endAt = ({ ends }: Slice, limit: number): number => ends[bucketOf(limit)]!

/** By slot: twice its row in its slice, one more if that is a fresh one. */
export type Places = Uint32Array

/** Room for sorting, shared by all slices: rows by width, and a bucket for each. */
export interface SortRoom {
  readonly rows: (Rows | undefined)[]
  buckets: Uint16Array
}

/** Finds the bucket of each row, filed from `seen` on, and sums them up. */
const classify = ({ reference, ends }: Slice, rows: Rows, buckets: Uint16Array, seen: number): void => {
  const { slots, count } = rows
  for (let row = 0; row < count; row++) {
    const bucket = slots[row] === DEAD ? NO_BUCKET : bucketOf(riskOf(rows, row, reference))
    buckets[seen + row] = bucket
    if (bucket !== NO_BUCKET) ends[bucket]! += 1
  }
}

/** Sizes by bucket to starts by bucket. Returns the sum. */
const toStarts = (sizes: Uint32Array): number => {
  let before = 0
  for (let bucket = 0; bucket < sizes.length; bucket++) {
    const size = sizes[bucket]!
    sizes[bucket] = before
    before += size
  }
  return before
}

/** Copies each row to the end of its bucket. */
const distribute = ({ ends }: Slice, rows: Rows, into: Rows, buckets: Uint16Array, seen: number, places: Places): void => {
  const { width, slots, columns, amounts, count } = rows
  const { slots: toSlots, columns: toColumns, amounts: toAmounts } = into
  for (let row = 0; row < count; row++) {
    const bucket = buckets[seen + row]!
    if (bucket === NO_BUCKET) continue
    const slot = slots[row]!
    const to = ends[bucket]!
    ends[bucket] = to + 1
    toSlots[to] = slot
    places[slot] = to * 2
    for (let at = row * width, put = to * width, end = at + width; at < end; at++, put++) {
      toColumns[put] = columns[at]!
      toAmounts[put] = amounts[at]!
    }
  }
}

/** Sorts all rows of a slice into buckets by their risk at its weights; forgets the dead. */
const sortSlice = (slice: Slice, room: SortRoom, places: Places): void => {
  const { sorted, fresh, ends } = slice
  const most = sorted.count + fresh.count
  if (room.buckets.length < most) room.buckets = new Uint16Array(Math.ceil(most * 1.25))
  ends.fill(0)
  classify(slice, sorted, room.buckets, 0)
  classify(slice, fresh, room.buckets, sorted.count)
  const into = room.rows[sorted.width] ?? createRows(sorted.width)
  into.count = 0
  reserveRows(into, most, 0.05)
  into.count = toStarts(ends)
  distribute(slice, sorted, into, room.buckets, 0, places)
  distribute(slice, fresh, into, room.buckets, sorted.count, places)
  room.rows[sorted.width] = sorted
  slice.sorted = into
  fresh.count = 0
}

/** Sorts a slice by another reference. */
export const refreshSlice = (slice: Slice, reference: Reference, room: SortRoom, places: Places): void => {
  slice.reference = reference
  sortSlice(slice, room, places)
}

/** Takes out the row at `place`. */
export const killRow = ({ sorted, fresh, risks }: Slice, place: number): void => {
  const row = place >>> 1
  if ((place & 1) === 0) sorted.slots[row] = DEAD
  else {
    fresh.slots[row] = DEAD
    risks[row] = Number.NEGATIVE_INFINITY
  }
}

const addFresh = (slice: Slice): number => {
  const { fresh, risks } = slice
  reserveRows(fresh, fresh.count + 1, 0.5)
  if (fresh.slots.length > risks.length) {
    slice.risks = new Float64Array(fresh.slots.length)
    slice.risks.set(risks)
  }
  return fresh.count++
}

/** Puts a row at `place` if that is a fresh one, else at a new place; writes it to `places`. */
export const putRow = (
  slice: Slice,
  place: number,
  slot: number,
  columns: ArrayLike<number>,
  amounts: ArrayLike<number>,
  room: SortRoom,
  places: Places,
): void => {
  const { fresh } = slice
  const row = (place & 1) === 1 ? place >>> 1 : addFresh(slice)
  writeRow(fresh, row, slot, columns, amounts)
  slice.risks[row] = riskOf(fresh, row, slice.reference)
  places[slot] = row * 2 + 1
  if (fresh.count > MANY_CHANGES && fresh.count > slice.sorted.count / 4) sortSlice(slice, room, places)
}

export const rowsOf = ({ sorted, fresh }: Slice): number => sorted.count + fresh.count

/** Bytes of all arrays, room to spare included; the reference as if it were the slice's own. */
export const bytesOf = ({ sorted, fresh, ends, risks, reference: { low, slack } }: Slice): number =>
  rowBytes(sorted) + rowBytes(fresh) + ends.byteLength + risks.byteLength + 2 * low.byteLength + 2 * slack.byteLength
