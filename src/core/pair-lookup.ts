// From (market, account) to slot: a hash table of slot numbers alone, open addressing, the records hold the keys. No strings, no objects.
import { ADDRESS_LIMBS } from './limbs'
import { ACCOUNT, baseOf, MARKET, NONE, type PairRecords, pageOf } from './pair-records'

const LEAST_CAPACITY = 64

export interface PairLookup {
  /** The slot of the account at `at` of `account` in `market`, or NONE. */
  find(market: number, account: Uint32Array, at: number): number
  /** Takes in `slot`, whose record holds market and account already. Not to be called for one that is in. */
  add(slot: number): void
  remove(slot: number): void
  /** Room for `size` more: taking them in moves nothing. */
  reserve(size: number): void
  clear(): void
  byteLength(): number
}

/** Accounts are hashes themselves, but vanity ones are not: all their bits count. */
const hashOf = (market: number, words: Uint32Array, at: number): number => {
  let hash = Math.imul(market + 1, 0x9e3779b1)
  for (let word = at; word < at + ADDRESS_LIMBS; word++) {
    hash = Math.imul(hash ^ words[word]!, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}

export const createPairLookup = (records: PairRecords): PairLookup => {
  /** Slot + 1; 0: empty. At most three quarters are in use. */
  let table = new Uint32Array(LEAST_CAPACITY)
  let mask = LEAST_CAPACITY - 1
  let count = 0

  const homeOf = (slot: number): number => {
    const [page, base] = [pageOf(records, slot), baseOf(slot)]
    return hashOf(page[base + MARKET]!, page, base + ACCOUNT) & mask
  }

  const holds = (slot: number, market: number, account: Uint32Array, at: number): boolean => {
    const [page, base] = [pageOf(records, slot), baseOf(slot)]
    if (page[base + MARKET] !== market) return false
    for (let word = 0; word < ADDRESS_LIMBS; word++) if (page[base + ACCOUNT + word] !== account[at + word]) return false
    return true
  }

  const place = (slot: number): void => {
    let at = homeOf(slot)
    while (table[at] !== 0) at = (at + 1) & mask
    table[at] = slot + 1
  }

  const growTo = (capacity: number): void => {
    const old = table
    table = new Uint32Array(capacity)
    mask = table.length - 1
    for (const entry of old) if (entry !== 0) place(entry - 1)
  }

  return {
    find: (market, account, at) => {
      for (let probe = hashOf(market, account, at) & mask; table[probe] !== 0; probe = (probe + 1) & mask) {
        const slot = table[probe]! - 1
        if (holds(slot, market, account, at)) return slot
      }
      return NONE
    },
    add: slot => {
      if (4 * (count + 1) > 3 * table.length) growTo(2 * table.length)
      count += 1
      place(slot)
    },
    remove: slot => {
      let hole = homeOf(slot)
      while (table[hole] !== slot + 1) hole = (hole + 1) & mask
      count -= 1
      // What stands behind the hole moves up, unless it stands between its home and the hole.
      for (let at = (hole + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
        const home = homeOf(table[at]! - 1)
        if (((at - home) & mask) < ((at - hole) & mask)) continue
        table[hole] = table[at]!
        hole = at
      }
      table[hole] = 0
    },
    reserve: size => {
      let capacity = table.length
      while (4 * (count + size) > 3 * capacity) capacity *= 2
      if (capacity > table.length) growTo(capacity)
    },
    clear: () => {
      table.fill(0)
      count = 0
    },
    byteLength: () => table.byteLength,
  }
}
