// Rows of (column, amount), one behind the other in one buffer, so that reading many reads memory in order. Knows no price.

/**
 * A row: one word (8 bytes) with the slot in its first half and the number of entries in its third quarter, then the columns, four to
 * a word, then one float64 amount each. Views are replaced when the buffer grows.
 */
export interface RowBuffer {
  words: Float64Array
  /** The same bytes: columns of the row at `word` start at 4 * (word + 1). */
  quarters: Uint16Array
  /** The same bytes: the slot of the row at `word` is at 2 * word. */
  halves: Uint32Array
  /** Words in use. */
  used: number
}

/** Columns stay below: four to a word, they must never look like a NaN, whose bits a copy may change. */
export const MAX_COLUMNS = 0x7ff0

export const createRowBuffer = (capacity = 0): RowBuffer => {
  const buffer = new ArrayBuffer(capacity * 8)
  return { words: new Float64Array(buffer), quarters: new Uint16Array(buffer), halves: new Uint32Array(buffer), used: 0 }
}

/** Makes room for `words` in all; keeps what is in use. `spare`: share of room beyond it. */
export const reserveRows = (rows: RowBuffer, words: number, spare: number): void => {
  if (words <= rows.words.length) return
  const { words: old, used } = rows
  Object.assign(rows, createRowBuffer(Math.ceil(words * (1 + spare)) + 8), { used })
  rows.words.set(old.subarray(0, used))
}

/** First amount of a row of `count` entries at `word`; the next row starts `count` words on. */
export const amountsAt = (word: number, count: number): number => word + 1 + ((count + 3) >>> 2)

/** Appends a row and returns its first word. Throws RangeError for unequal lengths or columns out of range. */
export const appendRow = (rows: RowBuffer, slot: number, columns: ArrayLike<number>, amounts: ArrayLike<number>): number => {
  const count = columns.length
  if (count !== amounts.length || count > 0xffff) throw new RangeError(`a row of ${count} columns and ${amounts.length} amounts`)
  const word = rows.used
  const values = amountsAt(word, count)
  reserveRows(rows, values + count, 0.5)
  rows.words.fill(0, word, values)
  rows.halves[word * 2] = slot
  rows.quarters[word * 4 + 2] = count
  for (let at = 0; at < count; at++) {
    const column = columns[at]!
    if (!(column >= 0 && column < MAX_COLUMNS)) throw new RangeError(`column ${column}`)
    rows.quarters[word * 4 + 4 + at] = column
    rows.words[values + at] = amounts[at]!
  }
  rows.used = values + count
  return word
}
