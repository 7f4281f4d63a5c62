// A basket book as bytes and back: accounts in order of their addresses, so that equal books are equal bytes. Words as the machine has them.
import { ACCOUNT, type BasketAccounts, BLOCK, baseOf, COUNT, COUNT_MASK, FLAGS, OPEN } from './basket-accounts'
import { type BasketEntries, ENTRY_WORDS, MAX_ENTRIES } from './basket-entries'
import { KeeperError } from './errors'
import { ADDRESS_LIMBS } from './limbs'

/** Before the accounts: how many there are, and words that tell this format from others. */
const HEAD = 2
const MAGIC = 0x6261_7331
/** An account, its flags and its number of entries; these follow. */
const ROW = ADDRESS_LIMBS + 2

const compareWords = (a: Uint32Array, at: number, b: Uint32Array, start: number): number => {
  for (let word = 0; word < ADDRESS_LIMBS; word++) {
    const difference = a[at + word]! - b[start + word]!
    if (difference !== 0) return difference
  }
  return 0
}

interface Keyed {
  readonly slots: Uint32Array
  readonly keys: Uint32Array
}

/** Two stable passes of counting sort by `keys`, which move along. */
const sortByKey = (slots: Uint32Array, keys: Uint32Array): void => {
  let from: Keyed = { slots, keys }
  let to: Keyed = { slots: new Uint32Array(slots.length), keys: new Uint32Array(keys.length) }
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(0x1_0001)
    for (const key of from.keys) starts[((key >>> shift) & 0xffff) + 1]! += 1
    for (let at = 1; at < starts.length; at++) starts[at]! += starts[at - 1]!
    for (let at = 0; at < slots.length; at++) {
      const key = from.keys[at]!
      const place = starts[(key >>> shift) & 0xffff]!++
      to.slots[place] = from.slots[at]!
      to.keys[place] = key
    }
    const sorted = to
    to = from
    from = sorted
  }
}

/** Open slots by account. Accounts are hashes: hardly two share their first word, and those that do are sorted among themselves. */
const inOrder = (accounts: BasketAccounts): Uint32Array => {
  const slots = new Uint32Array(accounts.count())
  const firstWords = new Uint32Array(slots.length)
  let count = 0
  for (let slot = 0; slot < accounts.limit(); slot++) {
    const [page, base] = [accounts.pageOf(slot), baseOf(slot)]
    if ((page[base + COUNT]! & OPEN) === 0) continue
    slots[count] = slot
    firstWords[count++] = page[base + ACCOUNT]!
  }
  sortByKey(slots, firstWords)
  for (let from = 0, end = 1; from < count; from = end++) {
    while (end < count && firstWords[end] === firstWords[from]) end++
    if (end - from > 1)
      slots.subarray(from, end).sort((a, b) => compareWords(accounts.pageOf(a), baseOf(a), accounts.pageOf(b), baseOf(b)))
  }
  return slots
}

export const writeBasketImage = (accounts: BasketAccounts, entries: BasketEntries): Uint8Array => {
  const slots = inOrder(accounts)
  let size = HEAD
  for (const slot of slots) size += ROW + (accounts.pageOf(slot)[baseOf(slot) + COUNT]! & COUNT_MASK) * ENTRY_WORDS
  const image = new Uint32Array(size)
  image[0] = MAGIC
  image[1] = slots.length
  let at = HEAD
  for (const slot of slots) {
    const [page, base] = [accounts.pageOf(slot), baseOf(slot)]
    const count = page[base + COUNT]! & COUNT_MASK
    for (let word = 0; word <= FLAGS; word++) image[at++] = page[base + word]!
    image[at++] = count
    if (count === 0) continue
    const [block, start] = [entries.pageOf(page[base + BLOCK]!), entries.offsetOf(page[base + BLOCK]!)]
    for (let word = start; word < start + count * ENTRY_WORDS; word++) image[at++] = block[word]!
  }
  return new Uint8Array(image.buffer)
}

/** Hands each account over: where its words start in `image`, its flags, where its entries start, and how many they are. */
export type TakeAccount = (image: Uint32Array, account: number, flags: number, first: number, count: number) => void

const damaged = (why: string): KeeperError => new KeeperError('bad-checkpoint', `saved accounts: ${why}`, { retryable: false })

const areEntriesSound = (image: Uint32Array, first: number, count: number): boolean => {
  let before = -1
  for (let at = first; at < first + count * ENTRY_WORDS; at += ENTRY_WORDS) {
    const column = image[at]! & 0xffff
    const isNothing = image[at]! >>> 16 === 0 && (image[at + 1]! | image[at + 2]! | image[at + 3]! | image[at + 4]!) === 0
    if (column <= before || isNothing) return false
    before = column
  }
  return true
}

const checkImage = (image: Uint32Array): void => {
  if (image[0] !== MAGIC) throw damaged('of another format')
  let at = HEAD
  for (let read = 0, before = -1; read < image[1]!; read++) {
    const account = at
    const [flags, count] = [image[at + FLAGS], image[at + ROW - 1]]
    at += ROW
    if (flags === undefined || count === undefined || count > MAX_ENTRIES || at + count * ENTRY_WORDS > image.length)
      throw damaged('cut short')
    if (before !== -1 && compareWords(image, before, image, account) >= 0) throw damaged('out of order')
    if (!areEntriesSound(image, at, count)) throw damaged('entries that nobody has')
    before = account
    at += count * ENTRY_WORDS
  }
  if (at !== image.length) throw damaged('more than was announced')
}

/**
 * Tells how many accounts there are, then each. Throws KeeperError 'bad-checkpoint' for whatever `writeBasketImage` can't have written;
 * nothing was told then.
 */
export const readBasketImage = (bytes: Uint8Array, expect: (count: number) => void, take: TakeAccount): void => {
  if (bytes.length % 4 !== 0 || bytes.length < 4 * HEAD) throw damaged(`${bytes.length} bytes`)
  const image = new Uint32Array(bytes.slice().buffer)
  checkImage(image)
  expect(image[1]!)
  for (let at = HEAD; at < image.length; at += ROW + image[at + ROW - 1]! * ENTRY_WORDS)
    take(image, at, image[at + FLAGS]!, at + ROW, image[at + ROW - 1]!)
}
