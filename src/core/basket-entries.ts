// Blocks of entries (column, marks, amount) of 20 bytes, in pages that are never copied; a block of each size is used again once freed.
// Knows neither accounts nor what columns mean.
import { AMOUNT_LIMBS } from './limbs'

/** An entry: column in the low half of its first word, marks in the high one; then the amount. */
export const ENTRY_WORDS = 1 + AMOUNT_LIMBS
export const ENTRY_AMOUNT = 1
export const MAX_ENTRIES = 0x0fff

const PAGE_LOG2 = 16
const PAGE_WORDS = 1 << PAGE_LOG2

/** No block. */
export const NO_BLOCK = 0xffff_ffff

export interface BasketEntries {
  /** The page of a block, and where the block starts in it. */
  pageOf(block: number): Uint32Array
  offsetOf(block: number): number
  /** A block of `count` > 0 entries, of any content. RangeError beyond MAX_ENTRIES. */
  take(count: number): number
  give(block: number, count: number): void
  byteLength(): number
}

export const createBasketEntries = (): BasketEntries => {
  const pages: Uint32Array[] = []
  let used = PAGE_WORDS
  /** By size: the block freed last, which holds the one before. */
  const free: number[] = []

  const pageOf = (block: number): Uint32Array => pages[block >>> PAGE_LOG2]!
  const offsetOf = (block: number): number => block & (PAGE_WORDS - 1)

  return {
    pageOf,
    offsetOf,
    take: count => {
      if (count > MAX_ENTRIES) throw new RangeError(`an account of ${count} entries`)
      const block = free[count] ?? NO_BLOCK
      if (block !== NO_BLOCK) {
        free[count] = pageOf(block)[offsetOf(block)]!
        return block
      }
      if (used + count * ENTRY_WORDS > PAGE_WORDS) {
        pages.push(new Uint32Array(PAGE_WORDS))
        used = 0
      }
      const fresh = ((pages.length - 1) << PAGE_LOG2) | used
      used += count * ENTRY_WORDS
      return fresh >>> 0
    },
    give: (block, count) => {
      pageOf(block)[offsetOf(block)] = free[count] ?? NO_BLOCK
      free[count] = block
    },
    byteLength: () => pages.length * PAGE_WORDS * 4,
  }
}
