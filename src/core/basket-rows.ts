// Rows of (column, amount), all of one width, in parallel arrays: a loop over many reads memory in order and always turns as often.
// Knows no price.

/** Row r has its columns and amounts from r * width on, those it does not need PAD with nothing. Arrays are replaced when they grow. */
export interface Rows {
  /** Entries of each row: at least one. */
  readonly width: number
  slots: Uint32Array
  columns: Uint16Array
  amounts: Float64Array
  /** Rows in use. */
  count: number
}

/** Slot of a row that was replaced or removed. */
export const DEAD = 0xffff_ffff
/** Stands for no entry; a caller's column c is stored as c + 1. */
export const PAD = 0
/** Callers' columns stay below. */
const MAX_COLUMNS = 0x7fff
const MAX_ENTRIES = 1_000

export const createRows = (width: number): Rows => ({
  width,
  slots: new Uint32Array(0),
  columns: new Uint16Array(0),
  amounts: new Float64Array(0),
  count: 0,
})

/** Makes room for `count` rows in all and `spare` times as many more; keeps those in use. */
export const reserveRows = (rows: Rows, count: number, spare: number): void => {
  if (count <= rows.slots.length) return
  const { slots, columns, amounts, width, count: used } = rows
  const capacity = Math.ceil(count * (1 + spare)) + 4
  rows.slots = new Uint32Array(capacity)
  rows.columns = new Uint16Array(capacity * width)
  rows.amounts = new Float64Array(capacity * width)
  rows.slots.set(slots.subarray(0, used))
  rows.columns.set(columns.subarray(0, used * width))
  rows.amounts.set(amounts.subarray(0, used * width))
}

/** Throws RangeError for a slot, columns or lengths that make no row. */
export const checkRow = (slot: number, columns: ArrayLike<number>, amounts: ArrayLike<number>): void => {
  if (columns.length !== amounts.length || columns.length > MAX_ENTRIES)
    throw new RangeError(`a row of ${columns.length} columns and ${amounts.length} amounts`)
  if (!(slot >= 0 && slot < DEAD)) throw new RangeError(`slot ${slot}`)
  for (let at = 0; at < columns.length; at++)
    if (!(columns[at]! >= 0 && columns[at]! < MAX_COLUMNS)) throw new RangeError(`column ${columns[at]}`)
}

/** Writes the row at `row`, for which there is room. */
export const writeRow = (rows: Rows, row: number, slot: number, columns: ArrayLike<number>, amounts: ArrayLike<number>): void => {
  const from = row * rows.width
  rows.slots[row] = slot
  for (let at = 0; at < rows.width; at++) {
    rows.columns[from + at] = at < columns.length ? columns[at]! + 1 : PAD
    rows.amounts[from + at] = at < columns.length ? amounts[at]! : 0
  }
}

export const rowBytes = ({ slots, columns, amounts }: Rows): number => slots.byteLength + columns.byteLength + amounts.byteLength
