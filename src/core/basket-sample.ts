// Accounts of a basket book one by one: all of them, and whose turn it is to be checked, round robin by slot.
import type { BasketBook } from './basket-book'
import type { PositionRef } from './opportunity'

/** Slots of all open accounts. */
export const openSlots = (book: BasketBook): readonly number[] => {
  const open: number[] = []
  for (let slot = 0; slot < book.limit(); slot++) if (book.isOpen(slot)) open.push(slot)
  return open
}

/** Columns of a slot, ascending. A copy: not for what is asked at each log. */
export const columnsAt = (book: BasketBook, slot: number): readonly number[] =>
  Array.from({ length: book.entriesOf(slot) }, (_, entry) => book.columnAt(slot, entry))

/** See Book.sample; places are the slots. */
export const sampleBasket = (
  book: BasketBook,
  cursor: number,
  count: number,
  positionAt: (slot: number) => PositionRef,
): { readonly positions: readonly PositionRef[]; readonly next: number } => {
  const positions: PositionRef[] = []
  let next = cursor < book.limit() ? cursor : 0
  for (; next < book.limit() && positions.length < count; next++) if (book.isOpen(next)) positions.push(positionAt(next))
  return { positions, next: next < book.limit() ? next : 0 }
}
