// Keeps a basket index in step with a basket book: one index column for each book column and group (an account's mode) that occurs.
// Prices come as weights from outside; a whole query, exact by the caller's own arithmetic, is one call.
import type { BasketBook } from './basket-book'
import { type BasketWeights, createBasketIndex } from './basket-index'

/** What one unit of a column counts; see BasketWeights. */
export interface ColumnWeight {
  readonly low: number
  readonly high: number
  readonly slack: number
}

export interface BasketScreen {
  /** Takes in what the book has changed. */
  sync(): void
  /** Weights of all columns that occur. */
  weigh(weightOf: (column: number, group: number) => ColumnWeight): BasketWeights
  /** Once a block: lets the index come closer to the weights that hold now. */
  refresh(weights: BasketWeights): void
  /** Slots under water at `weights`, as `isUnder` decides where floats can't. A copy. */
  under(weights: BasketWeights, isUnder: (slot: number) => boolean): Uint32Array
  /** At least the `count` slots of least health at `weights`, or all there are. */
  nearest(weights: BasketWeights, count: number): readonly number[]
  /** Accounts in the index. */
  size(): number
  bytes(): number
}

export interface ScreenRules {
  /** The group that tells a column's weights apart for accounts with these flags. */
  groupOf(column: number, flags: number): number
  /** False for accounts that can't be judged yet: no query finds them. */
  isListed(slot: number): boolean
}

/** After that much growth the index is brought up to the weights as a whole: it was filled since. */
const FILLED = 2

export const createBasketScreen = (book: BasketBook, rules: ScreenRules): BasketScreen => {
  const index = createBasketIndex()
  const columns: { readonly column: number; readonly group: number }[] = []
  const byKey = new Map<number, number>()
  let refreshed = 0
  const rowColumns: number[] = []
  const rowAmounts: number[] = []

  const numberOf = (column: number, group: number): number => {
    const key = group * 0x1_0000 + column
    const known = byKey.get(key)
    if (known !== undefined) return known
    byKey.set(key, columns.length)
    columns.push({ column, group })
    return columns.length - 1
  }

  const take = (slot: number): void => {
    if (!book.isOpen(slot) || !rules.isListed(slot)) {
      index.remove(slot)
      return
    }
    const flags = book.flagsAt(slot)
    const count = book.entriesOf(slot)
    rowColumns.length = count
    rowAmounts.length = count
    for (let entry = 0; entry < count; entry++) {
      const column = book.columnAt(slot, entry)
      rowColumns[entry] = numberOf(column, rules.groupOf(column, flags))
      rowAmounts[entry] = book.roughAt(slot, entry)
    }
    index.set(slot, rowColumns, rowAmounts)
  }

  return {
    sync: () => {
      for (const slot of book.takeChanged()) take(slot)
    },
    weigh: weightOf => {
      const [low, high, slack] = [columns, columns, columns].map(each => new Float64Array(each.length))
      for (let at = 0; at < columns.length; at++) {
        const weight = weightOf(columns[at]!.column, columns[at]!.group)
        low![at] = weight.low
        high![at] = weight.high
        slack![at] = weight.slack
      }
      return { low: low!, high: high!, slack: slack! }
    },
    refresh: weights => {
      const isFilled = index.size() > refreshed * FILLED
      if (isFilled) refreshed = index.size()
      index.refresh(weights, ...(isFilled ? [1] : []))
    },
    under: (weights, isUnder) => index.under(weights, isUnder).slots.slice(),
    nearest: (weights, count) => index.nearest(weights, count).map(({ slot }) => slot),
    size: index.size,
    bytes: index.bytes,
  }
}
