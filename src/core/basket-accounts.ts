// Accounts of a basket book as records of 32 bytes in pages that are never copied, and the hash table that finds them. A slot names a
// record while it lives; free ones are used again, last freed first, so that undoing changes in reverse gives every account its old slot.
import { ADDRESS_LIMBS } from './limbs'

/** Where the fields of a record start, in 32-bit words. */
export const ACCOUNT = 0
export const FLAGS = ACCOUNT + ADDRESS_LIMBS
/** Where its entries are; links free slots. */
export const BLOCK = FLAGS + 1
/** Number of entries, with OPEN and CHANGED above. */
export const COUNT = BLOCK + 1
const WORDS_LOG2 = 3

export const COUNT_MASK = 0xffff
export const OPEN = 0x1_0000
export const CHANGED = 0x2_0000

const PAGE_LOG2 = 11
const PAGE_SLOTS = 1 << PAGE_LOG2
const LEAST_CAPACITY = 64

/** No slot. */
export const NONE = 0xffff_ffff

export interface BasketAccounts {
  pageOf(slot: number): Uint32Array
  /** The slot of the account at `at` of `words`, or NONE. */
  find(words: Uint32Array, at: number): number
  /** A slot for an account that has none. */
  add(words: Uint32Array, at: number): number
  remove(slot: number): void
  /** Makes room for so many accounts in all. */
  reserve(count: number): void
  /** All slots ever used are below. */
  limit(): number
  count(): number
  byteLength(): number
}

/** Where the record starts in its page. */
export const baseOf = (slot: number): number => (slot & (PAGE_SLOTS - 1)) << WORDS_LOG2

/** Accounts are hashes themselves, but vanity ones are not: all their bits count. */
const hashOf = (words: Uint32Array, at: number): number => {
  let hash = 0x9e3779b1
  for (let word = at; word < at + ADDRESS_LIMBS; word++) {
    hash = Math.imul(hash ^ words[word]!, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}

export const createBasketAccounts = (): BasketAccounts => {
  const pages: Uint32Array[] = []
  let used = 0
  let free = NONE
  let count = 0
  /** Slot + 1; 0: empty. At most three quarters are in use. */
  let table = new Uint32Array(LEAST_CAPACITY)
  let mask = LEAST_CAPACITY - 1

  const pageOf = (slot: number): Uint32Array => pages[slot >>> PAGE_LOG2]!
  const homeOf = (slot: number): number => hashOf(pageOf(slot), baseOf(slot) + ACCOUNT) & mask

  const holds = (slot: number, words: Uint32Array, at: number): boolean => {
    const [page, base] = [pageOf(slot), baseOf(slot)]
    for (let word = 0; word < ADDRESS_LIMBS; word++) if (page[base + ACCOUNT + word] !== words[at + word]) return false
    return true
  }

  const place = (slot: number): void => {
    let at = homeOf(slot)
    while (table[at] !== 0) at = (at + 1) & mask
    table[at] = slot + 1
  }

  const grow = (length: number): void => {
    const old = table
    table = new Uint32Array(length)
    mask = table.length - 1
    for (const entry of old) if (entry !== 0) place(entry - 1)
  }

  const takeSlot = (): number => {
    const slot = free
    if (slot !== NONE) {
      free = pageOf(slot)[baseOf(slot) + BLOCK]!
      return slot
    }
    if (used === pages.length << PAGE_LOG2) pages.push(new Uint32Array(PAGE_SLOTS << WORDS_LOG2))
    return used++
  }

  const forget = (slot: number): void => {
    let hole = homeOf(slot)
    while (table[hole] !== slot + 1) hole = (hole + 1) & mask
    // What stands behind the hole moves up, unless it stands between its home and the hole.
    for (let at = (hole + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
      const home = homeOf(table[at]! - 1)
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      table[hole] = table[at]!
      hole = at
    }
    table[hole] = 0
  }

  return {
    pageOf,
    find: (words, at) => {
      for (let probe = hashOf(words, at) & mask; table[probe] !== 0; probe = (probe + 1) & mask) {
        const slot = table[probe]! - 1
        if (holds(slot, words, at)) return slot
      }
      return NONE
    },
    add: (words, at) => {
      if (4 * (count + 1) > 3 * table.length) grow(2 * table.length)
      const slot = takeSlot()
      const [page, base] = [pageOf(slot), baseOf(slot)]
      for (let word = 0; word < ADDRESS_LIMBS; word++) page[base + ACCOUNT + word] = words[at + word]!
      page[base + FLAGS] = 0
      page[base + BLOCK] = NONE
      page[base + COUNT] = (page[base + COUNT]! & CHANGED) | OPEN
      count += 1
      place(slot)
      return slot
    },
    remove: slot => {
      forget(slot)
      const [page, base] = [pageOf(slot), baseOf(slot)]
      page[base + COUNT]! &= CHANGED
      page[base + BLOCK] = free
      free = slot
      count -= 1
    },
    reserve: wanted => {
      let { length } = table
      while (4 * (wanted + 1) > 3 * length) length *= 2
      if (length > table.length) grow(length)
    },
    limit: () => used,
    count: () => count,
    byteLength: () => pages.length * (PAGE_SLOTS << (WORDS_LOG2 + 2)) + table.byteLength,
  }
}
