// Pair records as bytes and back: the same for the same history, whatever was undone on the way. No look-up, no sums, no market's name.
import { KeeperError } from './errors'
import type { StatePart } from './folder'
import { ACCOUNT, DEBT, MARKET, NEXT, NONE, PAGE_SLOTS, type PairRecords, PREVIOUS, RECORD_WORDS } from './pair-records'

/** Positions by slot, free slots all zeros, and the free slots in the order in which they are handed out next. */
export interface PairImage {
  readonly slots: readonly Uint8Array[]
  readonly free: Uint8Array
}

/** Of the machine that wrote it: typed arrays have its byte order. */
export const PAIR_IMAGE_FORMAT = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 'pairs-1-little' : 'pairs-1-big'

const PAGES_PER_PART = 16
const PAGE_WORDS = PAGE_SLOTS * RECORD_WORDS
const PART_WORDS = PAGES_PER_PART * PAGE_WORDS

const bad = (message: string): KeeperError =>
  new KeeperError('bad-checkpoint', `the saved positions make no sense: ${message}`, { retryable: true })

/** Free slots in the order in which they are handed out. Those at the end of all slots count as never used: so an undo leaves no trace. */
const freeSlots = (records: PairRecords): { readonly free: Uint32Array; readonly used: number } => {
  const free: number[] = []
  for (let slot = records.free; slot !== NONE; slot = records.pages[Math.floor(slot / PAGE_SLOTS)]![wordOf(slot) + NEXT]!)
    free.push(slot)
  let { used } = records
  while (free.length > 0 && free.at(-1) === used - 1) {
    free.pop()
    used -= 1
  }
  return { free: Uint32Array.from(free), used }
}

/** Where the slot's record starts in its page. */
const wordOf = (slot: number): number => (slot % PAGE_SLOTS) * RECORD_WORDS

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength)

/** Copies. Neighbours are left out: `recordsOf` strings positions together anew. */
export const imageOf = (records: PairRecords): PairImage => {
  const { free, used } = freeSlots(records)
  const slots: Uint32Array[] = []
  for (let from = 0; from < used * RECORD_WORDS; from += PART_WORDS) {
    const part = new Uint32Array(Math.min(PART_WORDS, used * RECORD_WORDS - from))
    for (let at = 0; at < part.length; at += PAGE_WORDS) {
      const page = records.pages[(from + at) / PAGE_WORDS]!
      part.set(page.subarray(0, Math.min(PAGE_WORDS, part.length - at)), at)
    }
    for (let record = 0; record < part.length; record += RECORD_WORDS) {
      part[record + NEXT] = 0
      part[record + PREVIOUS] = 0
    }
    slots.push(part)
  }
  for (const slot of free) {
    const word = slot * RECORD_WORDS
    slots[Math.floor(word / PART_WORDS)]!.fill(0, word % PART_WORDS, (word % PART_WORDS) + RECORD_WORDS)
  }
  return { slots: slots.map(bytesOf), free: bytesOf(free) }
}

/** Aligned words of a part, copied, with zeros up to a multiple of `unit` words. */
const wordsOf = (part: Uint8Array, unit: number): Uint32Array => {
  const words = new Uint32Array(Math.ceil(part.byteLength / 4 / unit) * unit)
  bytesOf(words).set(part)
  return words
}

const readPages = (parts: readonly Uint8Array[]): { readonly pages: Uint32Array[]; readonly used: number } => {
  const pages: Uint32Array[] = []
  let used = 0
  for (const [number, part] of parts.entries()) {
    const length = part.byteLength / 4
    const isWhole = length === PART_WORDS || (number === parts.length - 1 && length < PART_WORDS)
    if (!isWhole || length === 0 || length % RECORD_WORDS !== 0) throw bad(`part ${number} has ${part.byteLength} bytes`)
    const words = wordsOf(part, PAGE_WORDS)
    for (let at = 0; at < words.length; at += PAGE_WORDS) pages.push(words.subarray(at, at + PAGE_WORDS))
    used += length / RECORD_WORDS
  }
  return { pages, used }
}

const isEmptyAt = (page: Uint32Array, base: number): boolean => {
  for (let word = DEBT; word < ACCOUNT; word++) if (page[base + word] !== 0) return false
  return true
}

/** Links the free slots as they were and gives how many there are. A free slot that holds something, or comes twice, is an error. */
const linkFree = (pages: readonly Uint32Array[], used: number, free: Uint32Array): void => {
  const seen = new Uint8Array(used)
  free.forEach((slot, n) => {
    if (slot >= used || seen[slot] !== 0) throw bad(`slot ${slot} is not free`)
    seen[slot] = 1
    const page = pages[Math.floor(slot / PAGE_SLOTS)]!
    if (!isEmptyAt(page, wordOf(slot))) throw bad(`free slot ${slot} holds a position`)
    page[wordOf(slot) + NEXT] = free[n + 1] ?? NONE
  })
}

/** Throws KeeperError bad-checkpoint unless each record is a position in one of `markets` markets, or free. Neighbours are not set. */
export const recordsFrom = ({ slots, free }: PairImage, markets: number): PairRecords => {
  const { pages, used } = readPages(slots)
  if (free.byteLength % 4 !== 0) throw bad(`${free.byteLength} bytes are no list of slots`)
  const freed = wordsOf(free, 1)
  linkFree(pages, used, freed)
  let empty = 0
  for (let slot = 0; slot < used; slot++) {
    const [page, base] = [pages[Math.floor(slot / PAGE_SLOTS)]!, wordOf(slot)]
    if (isEmptyAt(page, base)) empty += 1
    else if (page[base + MARKET]! >= markets) throw bad(`slot ${slot} is in market ${page[base + MARKET]} of ${markets}`)
  }
  if (empty !== freed.length) throw bad(`${empty} slots are empty, ${freed.length} free`)
  return { pages, used, free: freed[0] ?? NONE, count: used - empty }
}

const PART_NAME = /^pairs\/(\d+)$/

/** The image as parts of a saved state, under names that begin with `pairs`. */
export const partsOf = ({ slots, free }: PairImage): readonly (readonly [string, Uint8Array])[] => [
  ['pairs/free', free],
  ...slots.map((part, number) => [`pairs/${number}`, part] as const),
]

/** Throws KeeperError bad-checkpoint where a part is missing. */
export const imageFrom = (state: ReadonlyMap<string, StatePart>): PairImage => {
  const take = (name: string): Uint8Array => {
    const part = state.get(name)
    if (part === undefined || typeof part === 'string') throw bad(`part ${name} is missing`)
    return part
  }
  const count = [...state.keys()].filter(name => PART_NAME.test(name)).length
  return { slots: Array.from({ length: count }, (_, number) => take(`pairs/${number}`)), free: take('pairs/free') }
}
