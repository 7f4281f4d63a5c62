// Positions as records of 64 bytes, one cache line each, in pages that are never copied. A slot names a record while it lives; free ones
// are used again, last freed first, so that undoing changes in reverse gives every position its old slot. No order, no look-up.
import { ADDRESS_LIMBS, AMOUNT_LIMBS } from './limbs'

/** Where the fields of a record start, in 32-bit words. */
export const DEBT = 0
export const COLLATERAL = DEBT + AMOUNT_LIMBS
export const ACCOUNT = COLLATERAL + AMOUNT_LIMBS
export const MARKET = ACCOUNT + ADDRESS_LIMBS
/** Neighbours among the positions of its market; `NEXT` also links free slots. */
export const NEXT = MARKET + 1
export const PREVIOUS = NEXT + 1
const WORDS_LOG2 = 4
export const RECORD_WORDS = 1 << WORDS_LOG2

const PAGE_LOG2 = 10
export const PAGE_SLOTS = 1 << PAGE_LOG2

/** No slot. */
export const NONE = 0xffff_ffff

export interface PairRecords {
  pages: Uint32Array[]
  /** Slots ever used: all of them are below. */
  used: number
  /** The slot freed last, or NONE. */
  free: number
  /** Slots that hold a position. */
  count: number
}

export const createPairRecords = (): PairRecords => ({ pages: [], used: 0, free: NONE, count: 0 })

export const pageOf = (records: PairRecords, slot: number): Uint32Array => records.pages[slot >>> PAGE_LOG2]!

/** Where the record starts in its page. */
export const baseOf = (slot: number): number => (slot & (PAGE_SLOTS - 1)) << WORDS_LOG2

/** A slot whose record is all zeros. */
export const takeSlot = (records: PairRecords): number => {
  records.count += 1
  const slot = records.free
  if (slot === NONE) {
    if (records.used === records.pages.length << PAGE_LOG2) records.pages.push(new Uint32Array(PAGE_SLOTS << WORDS_LOG2))
    return records.used++
  }
  const [page, base] = [pageOf(records, slot), baseOf(slot)]
  records.free = page[base + NEXT]!
  page.fill(0, base, base + (1 << WORDS_LOG2))
  return slot
}

export const freeSlot = (records: PairRecords, slot: number): void => {
  records.count -= 1
  pageOf(records, slot)[baseOf(slot) + NEXT] = records.free
  records.free = slot
}

export const recordBytes = ({ pages }: PairRecords): number => pages.length * (PAGE_SLOTS << (WORDS_LOG2 + 2))
