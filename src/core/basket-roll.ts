// Which slice holds an account's row, and where: accounts are told apart by the width of their rows, then by slot. Knows no price.
import { checkRow, rowBytes } from './basket-rows'
import { createSlice, killRow, putRow, type Reference, refreshSlice, type Slice, type SortRoom } from './basket-slice'

/** Slices of one width: the fewer, the less a query has to ask, the more sorting one costs. */
const SLICES = 64
/** Widths of rows: few, so that slices are long, and close, so that few entries are empty. */
const FIRST_WIDTH = 3
const nextWidth = (width: number): number => Math.ceil(width * 1.5)

export interface BasketRoll {
  readonly slices: readonly Slice[]
  /** Gives `slot` these entries in place of all it had; none: removes it. RangeError for what makes no row. */
  set(slot: number, columns: ArrayLike<number>, amounts: ArrayLike<number>): void
  refresh(slice: Slice, reference: Reference): void
  size(): number
  /** Of what is here, slices not counted. */
  bytes(): number
}

export const createBasketRoll = (): BasketRoll => {
  const slices: Slice[] = []
  const widths: number[] = []
  const room: SortRoom = { rows: [], buckets: new Uint16Array(0) }
  let places = new Uint32Array(1024)
  /** By slot: one more than the number of the width of its row; 0: no such account. */
  let kinds = new Uint8Array(1024)
  let size = 0

  const reserve = (slot: number): void => {
    if (slot < kinds.length) return
    const [oldPlaces, oldKinds] = [places, kinds]
    places = new Uint32Array(Math.ceil((slot + 1) * 1.25))
    kinds = new Uint8Array(places.length)
    places.set(oldPlaces)
    kinds.set(oldKinds)
  }

  /** One more than the number of the least width for so many entries; 0 for none. */
  const kindFor = (entries: number): number => {
    if (entries === 0) return 0
    let kind = 0
    for (let width = FIRST_WIDTH; ; width = nextWidth(width)) {
      if (kind === widths.length) {
        widths.push(width)
        for (let at = 0; at < SLICES; at++) slices.push(createSlice(width))
      }
      kind += 1
      if (entries <= width) return kind
    }
  }

  const sliceOf = (kind: number, slot: number): Slice => slices[(kind - 1) * SLICES + (slot % SLICES)]!

  return {
    slices,
    set: (slot, columns, amounts) => {
      checkRow(slot, columns, amounts)
      if (columns.length === 0 && slot >= kinds.length) return
      reserve(slot)
      const had = kinds[slot]!
      const kind = kindFor(columns.length)
      const isInPlace = had === kind && (places[slot]! & 1) === 1
      if (had > 0 && !isInPlace) killRow(sliceOf(had, slot), places[slot]!)
      kinds[slot] = kind
      size += Math.sign(kind) - Math.sign(had)
      if (kind > 0) putRow(sliceOf(kind, slot), isInPlace ? places[slot]! : 0, slot, columns, amounts, room, places)
    },
    refresh: (slice, reference) => refreshSlice(slice, reference, room, places),
    size: () => size,
    bytes: () =>
      room.rows.reduce(
        (sum, rows) => sum + (rows === undefined ? 0 : rowBytes(rows)),
        room.buckets.byteLength + places.byteLength + kinds.byteLength,
      ),
  }
}
