// Index of accounts with several collaterals and debts: who can be under water at these prices, without looking at everybody.
// Screens in float64 and never misses; what is not certain is asked back, to be decided in integers.
import { createBasketRoll } from './basket-roll'
import { DEAD, type Rows } from './basket-rows'
import { bytesOf, createReference, endAt, FLOAT_ERROR, type Reference, riskLimit, rowsOf } from './basket-slice'

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
   * Once a block: the weights that hold now. Refreshes the reference of few slices in turn, or of this share of all (1: after filling).
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

/** What part of the slices is refreshed a block, and rows that are refreshed whatever part of a small book they are. */
const ONE_OF = 1 / 128
const FEW_ROWS = 4_000

/** Health factors up to which `nearest` looks, one after the other, until it has enough. */
const REACHES = [1, 1.02, 1.05, 1.1, 1.25, 1.5, 2, 4, 1e300]

/** `weights` for columns as rows hold them; those that it lacks count nothing. */
const padded = (weights: Float64Array, columns: number): Float64Array => {
  const wide = new Float64Array(Math.max(columns, weights.length) + 1)
  wide.set(weights, 1)
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
  doubtful: Uint32Array
  doubts: number
  /** Health by `low`, of found and doubtful ones; null: not wanted. */
  readonly healths: Map<number, number> | null
  scanned: number
}

const healthOf = ({ width, columns, amounts }: Rows, row: number, low: Float64Array): number => {
  let collateral = 0
  let debt = 0
  for (let at = row * width, end = at + width; at < end; at++) {
    const value = low[columns[at]!]! * amounts[at]!
    if (value < 0) debt -= value
    else collateral += value
  }
  return collateral / debt
}

const withRoomFor = (slots: Uint32Array, count: number): Uint32Array => {
  if (count <= slots.length) return slots
  const larger = new Uint32Array(count * 2)
  larger.set(slots)
  return larger
}

/** Files a row that passes the screen with its own slack. */
const keep = (search: Search, rows: Rows, row: number): void => {
  const { screen, certain, slack } = search
  const { width, columns, amounts } = rows
  const slot = rows.slots[row]!
  let net = 0
  let surely = 0
  for (let at = row * width, end = at + width; at < end; at++) {
    const column = columns[at]!
    const amount = amounts[at]!
    const loose = slack[column]!
    net += screen[column]! * amount - loose
    surely += certain[column]! * amount + loose
  }
  if (net >= 0 || slot === DEAD) return
  if (surely < 0) {
    search.found = withRoomFor(search.found, search.count + 1)
    search.found[search.count++] = slot
  } else {
    search.doubtful = withRoomFor(search.doubtful, search.doubts + 1)
    search.doubtful[search.doubts++] = slot
  }
  search.healths?.set(slot, healthOf(rows, row, search.low))
}

/** Looks at the rows from `from` to `end`. How fast a query is, is decided here. */
const lookThrough = (search: Search, rows: Rows, from: number, end: number): void => {
  const { screen } = search
  const { width, columns, amounts } = rows
  const enough = width * search.mostSlack
  for (let row = from, at = from * width; row < end; row++) {
    let net = 0
    for (const next = at + width; at < next; at++) net += screen[columns[at]!]! * amounts[at]!
    if (!(net >= enough)) keep(search, rows, row)
  }
  search.scanned += end - from
}

const lookAtFresh = (search: Search, fresh: Rows, risks: Float64Array, limit: number): void => {
  for (let row = 0; row < fresh.count; row++) if (!(risks[row]! < limit)) lookThrough(search, fresh, row, row + 1)
}

export const createBasketIndex = (): BasketIndex => {
  const roll = createBasketRoll()
  let columns = 0
  let nextSlice = 0
  let room: Uint32Array = new Uint32Array(1024)
  let doubtRoom: Uint32Array = new Uint32Array(1024)

  /** All whose health by `low` may be below `health`, each once. */
  const search = (weights: BasketWeights, health: number, healths: Map<number, number> | null): Search => {
    const low = padded(weights.low, columns)
    const slack = padded(weights.slack, columns)
    const certain = certaintyFor(padded(weights.high, columns))
    const screen = screenFor(low, health)
    const mostSlack = slack.reduce((most, each) => Math.max(most, each), 0)
    const state: Search = {
      ...{ low, screen, certain, slack, mostSlack, healths, scanned: 0 },
      ...{ found: room, count: 0, doubtful: doubtRoom, doubts: 0 },
    }
    let reference: Reference | null = null
    let limit = 0
    for (const slice of roll.slices) {
      if (slice.reference !== reference) {
        reference = slice.reference
        limit = riskLimit(reference, low, slack, health)
      }
      lookThrough(state, slice.sorted, 0, endAt(slice, limit))
      lookAtFresh(state, slice.fresh, slice.risks, limit)
    }
    room = state.found
    doubtRoom = state.doubtful
    return state
  }

  const under = (weights: BasketWeights, confirm: (slot: number) => boolean): BasketScan => {
    const { doubtful, doubts, scanned, count: certain } = search(weights, 1, null)
    room = withRoomFor(room, certain + doubts)
    let count = certain
    for (let at = 0; at < doubts; at++) if (confirm(doubtful[at]!)) room[count++] = doubtful[at]!
    return { slots: room.subarray(0, count), scanned, asked: doubts }
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
    set: (slot, held, amounts) => {
      roll.set(slot, held, amounts)
      for (let at = 0; at < held.length; at++) columns = Math.max(columns, held[at]! + 1)
    },
    remove: slot => roll.set(slot, [], []),
    refresh: (weights, share = ONE_OF) => {
      const { slices } = roll
      const reference = createReference(padded(weights.low, columns), padded(weights.slack, columns))
      const least = Math.ceil(slices.length * share)
      for (let [done, rows] = [0, 0]; done < slices.length && (done < least || rows < FEW_ROWS); done++) {
        nextSlice = nextSlice + 1 < slices.length ? nextSlice + 1 : 0
        const slice = slices[nextSlice]!
        roll.refresh(slice, reference)
        rows += rowsOf(slice)
      }
    },
    under,
    nearest,
    size: roll.size,
    bytes: () => roll.slices.reduce((sum, slice) => sum + bytesOf(slice), roll.bytes() + room.byteLength + doubtRoom.byteLength),
  }
}
