// Index of accounts with several collaterals and debts: who can be under water at these prices, without looking at everybody.
// Screens in float64 and never misses; what is not certain is asked back, to be decided in integers.
import { amountsAt, createRowBuffer, type RowBuffer } from './basket-rows'
import {
  bucketOf,
  bytesOf,
  createSlice,
  entriesOf,
  FLOAT_ERROR,
  isLatest,
  riskLimit,
  SLICES,
  type Slice,
  type SortRoom,
  setRow,
  sortSlice,
} from './basket-slice'

/**
 * What one unit of each column counts, positive for collateral (threshold included), negative for debt: `low` never too favourable to the
 * account, `high` never too unfavourable. `slack`: what an account's sum may be off by for each entry in that column, whatever its size
 * (integer rounding). A column is a collateral or a debt for ever; new ones may be appended. Columns beyond the arrays count nothing.
 */
export interface BasketWeights {
  readonly low: Float64Array
  readonly high: Float64Array
  readonly slack: Float64Array
}

export interface BasketScan {
  /** Accounts under water. A view: valid until the next query. */
  readonly slots: Uint32Array
  /** Accounts looked at, and of those the ones asked back. */
  readonly scanned: number
  readonly asked: number
}

export interface BasketIndex {
  /** Gives `slot` (a small non-negative integer) these entries in place of all it had. No entries: as `remove`. */
  set(slot: number, columns: ArrayLike<number>, amounts: ArrayLike<number>): void
  remove(slot: number): void
  /**
   * Once a block: the weights that hold now. Refreshes the reference of one slice in turn, or of this share of all (1: after filling).
   * Answers don't depend on it, only their cost.
   */
  refresh(weights: BasketWeights, share?: number): void
  /** Who is under water at `weights`, these or any others (what-if). `confirm` decides for a slot that floats can't decide. */
  under(weights: BasketWeights, confirm: (slot: number) => boolean): BasketScan
  /** The `count` accounts of least health at `weights`, and their health factors by `low`, ascending. */
  nearest(weights: BasketWeights, count: number): readonly { readonly slot: number; readonly health: number }[]
  size(): number
  /** Bytes of all typed arrays, slack included. */
  bytes(): number
}

/** Health factors up to which `nearest` looks, one after the other, until it has enough. */
const REACHES = [1, 1.02, 1.05, 1.1, 1.25, 1.5, 2, 4, 1e300]

/** `weights` for `width` columns; those that it lacks count nothing. */
const padded = (weights: Float64Array, width: number): Float64Array => {
  const wide = new Float64Array(Math.max(width, weights.length))
  wide.set(weights)
  return wide
}

/** Weights of a dot product that is negative, less the slack, for all whose health by `low` may be below `health`. */
const screenFor = (low: Float64Array, health: number): Float64Array =>
  low.map(weight => (weight < 0 ? weight * health * (1 + FLOAT_ERROR) : weight * (1 - FLOAT_ERROR)))

/** Weights of a dot product that is negative, slack added, only for those certainly below a health of 1. */
const certaintyFor = (high: Float64Array): Float64Array =>
  high.map(weight => (weight < 0 ? weight * (1 - FLOAT_ERROR) : weight * (1 + FLOAT_ERROR)))

/** What one query looks for, and what it has found so far. */
interface Search {
  readonly low: Float64Array
  readonly screen: Float64Array
  readonly certain: Float64Array
  readonly slack: Float64Array
  /** The largest of `slack`: a first, cheaper screen. */
  readonly mostSlack: number
  /** Slots certainly under water. */
  found: Uint32Array
  count: number
  /** Slots that pass the screen without being certain. */
  readonly doubtful: number[]
  /** Health by `low`, of found and doubtful ones; null: not wanted. */
  readonly healths: Map<number, number> | null
  scanned: number
}

const healthOf = ({ words, quarters }: RowBuffer, word: number, low: Float64Array): number => {
  const count = quarters[word * 4 + 2]!
  const values = amountsAt(word, count)
  let collateral = 0
  let debt = 0
  for (let at = 0; at < count; at++) {
    const value = low[quarters[word * 4 + 4 + at]!]! * words[values + at]!
    if (value < 0) debt -= value
    else collateral += value
  }
  return collateral / debt
}

/** Files a row that passes the screen with its own slack. */
const keep = (search: Search, rows: RowBuffer, word: number): void => {
  const { screen, certain, slack } = search
  const { words, quarters, halves } = rows
  const slot = halves[word * 2]!
  const count = quarters[word * 4 + 2]!
  const values = amountsAt(word, count)
  let net = 0
  let surely = 0
  for (let at = 0; at < count; at++) {
    const column = quarters[word * 4 + 4 + at]!
    const amount = words[values + at]!
    net += screen[column]! * amount - slack[column]!
    surely += certain[column]! * amount + slack[column]!
  }
  if (net >= 0) return
  if (!(surely < 0)) search.doubtful.push(slot)
  else {
    if (search.count === search.found.length) {
      const old = search.found
      search.found = new Uint32Array(old.length * 2)
      search.found.set(old)
    }
    search.found[search.count++] = slot
  }
  search.healths?.set(slot, healthOf(rows, word, search.low))
}

/** Looks at the rows from word `from` to `end`, sorted ones (version 0) or a fresh one. How fast a query is, is decided here. */
const lookThrough = (search: Search, slice: Slice, rows: RowBuffer, from: number, end: number, version: number): void => {
  const { words, quarters } = rows
  const { screen, mostSlack } = search
  let scanned = 0
  for (let word = from; word < end; scanned++) {
    const count = quarters[word * 4 + 2]!
    const first = word * 4 + 4
    const values = word + 1 + ((count + 3) >>> 2)
    let net = 0
    for (let at = 0; at < count; at++) net += screen[quarters[first + at]!]! * words[values + at]!
    if (!(net >= count * mostSlack) && isLatest(slice, rows, word, version)) keep(search, rows, word)
    word = values + count
  }
  search.scanned += scanned
}

const lookAtFresh = (search: Search, slice: Slice, limit: number): void => {
  const { fresh, freshAt, freshRisk } = slice
  for (let at = 0; at < freshRisk.length; at++) {
    if (freshRisk[at]! < limit) continue
    lookThrough(search, slice, fresh, freshAt[at]!, freshAt[at + 1] ?? fresh.used, freshAt[at]! + 1)
  }
}

export const createBasketIndex = (): BasketIndex => {
  const slices = Array.from({ length: SLICES }, createSlice)
  const sortRoom: SortRoom = { rows: createRowBuffer(), starts: new Int32Array(0), buckets: new Uint16Array(0) }
  let size = 0
  let width = 0
  let nextSlice = 0
  let room: Uint32Array = new Uint32Array(1024)

  const set = (slot: number, columns: ArrayLike<number>, amounts: ArrayLike<number>): void => {
    size += setRow(slices[slot % SLICES]!, slot, columns, amounts, sortRoom)
    for (let at = 0; at < columns.length; at++) width = Math.max(width, columns[at]! + 1)
  }

  const refreshOne = (weights: BasketWeights): void => {
    const slice = slices[nextSlice]!
    slice.low = padded(weights.low, width)
    slice.slack = padded(weights.slack, width)
    sortSlice(slice, sortRoom)
    nextSlice = (nextSlice + 1) % SLICES
  }

  /** All whose health by `low` may be below `health`, each once. */
  const search = (weights: BasketWeights, health: number, healths: Map<number, number> | null): Search => {
    const low = padded(weights.low, width)
    const slack = padded(weights.slack, width)
    const certain = certaintyFor(padded(weights.high, width))
    const screen = screenFor(low, health)
    const mostSlack = slack.reduce((most, each) => Math.max(most, each), 0)
    const state: Search = { low, screen, certain, slack, mostSlack, found: room, count: 0, doubtful: [], healths, scanned: 0 }
    for (const slice of slices) {
      const limit = riskLimit(slice, low, slack, health)
      lookThrough(state, slice, slice.sorted, 0, slice.ends[bucketOf(limit)]!, 0)
      lookAtFresh(state, slice, limit)
    }
    room = state.found
    return state
  }

  const under = (weights: BasketWeights, confirm: (slot: number) => boolean): BasketScan => {
    const { found, count, doubtful, scanned } = search(weights, 1, null)
    const confirmed = doubtful.filter(slot => confirm(slot))
    if (count + confirmed.length > found.length) {
      room = new Uint32Array((count + confirmed.length) * 2)
      room.set(found.subarray(0, count))
    }
    room.set(confirmed, count)
    return { slots: room.subarray(0, count + confirmed.length), scanned, asked: doubtful.length }
  }

  const nearest = (weights: BasketWeights, wanted: number): { slot: number; health: number }[] => {
    let near: { slot: number; health: number }[] = []
    for (const reach of REACHES) {
      const healths = new Map<number, number>()
      search(weights, reach, healths)
      near = [...healths].map(([slot, health]) => ({ slot, health })).filter(({ health }) => health < reach)
      if (near.length >= wanted) break
    }
    return near.sort((a, b) => a.health - b.health || a.slot - b.slot).slice(0, wanted)
  }

  return {
    set,
    remove: slot => {
      if (entriesOf(slices[slot % SLICES]!, slot) > 0) set(slot, [], [])
    },
    refresh: (weights, share = 1 / SLICES) => {
      for (let done = 0; done < Math.ceil(SLICES * share); done++) refreshOne(weights)
    },
    under,
    nearest,
    size: () => size,
    bytes: () =>
      slices.reduce((sum, slice) => sum + bytesOf(slice), room.byteLength) +
      sortRoom.rows.words.byteLength +
      sortRoom.starts.byteLength +
      sortRoom.buckets.byteLength,
  }
}
