// Positions as bytes: what is restored equals what was saved, does the same from then on, and damage is noticed.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createPairBook, type PairBook } from '../../src/core/pair-book'
import { imageFrom, type PairImage, partsOf } from '../../src/core/pair-image'
import type { Address } from '../../src/core/primitives'

const MARKETS = 3
const addressOf = (n: number): Address => `0x${(n * 0x9e3779b1).toString(16).padStart(40, '0')}`

interface Change {
  readonly market: number
  readonly account: number
  readonly debt: bigint
  readonly collateral: bigint
}

const changes = (most: number): fc.Arbitrary<Change[]> =>
  fc.array(
    fc.record({
      market: fc.nat(MARKETS - 1),
      account: fc.nat(9),
      debt: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })),
      collateral: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 9n })),
    }),
    { maxLength: most },
  )

/** As text: comparing typed arrays one element after another is slow. */
const textOf = ({ slots, free }: PairImage): string => Buffer.concat([...slots, free]).toString('hex')

const open = (image?: PairImage): PairBook => {
  const book = createPairBook()
  for (let n = 0; n < MARKETS; n++) book.addMarket()
  if (image !== undefined) book.restore(image)
  return book
}

const apply = (book: PairBook, block: bigint, all: readonly Change[]): void => {
  for (const { market, account, debt, collateral } of all) book.put(block, market, addressOf(account), debt, collateral)
}

/** All that can be seen, slots and order included. */
const dump = (book: PairBook): unknown =>
  Array.from({ length: MARKETS }, (_, market) => {
    const { entries, keys, count } = book.ranked(market, 3)
    return {
      slots: Array.from(book.slotsOf(market), slot => [slot, book.accountAt(slot), book.debtAt(slot), book.collateralAt(slot)]),
      found: Array.from({ length: 10 }, (_, n) => book.find(market, addressOf(n))),
      ranked: [[...entries.subarray(0, count)], [...keys.subarray(0, count)]],
      sums: [book.positionsOf(market), book.borrowersOf(market), book.debtOf(market), book.collateralOf(market)],
    }
  })

describe('save and restore', () => {
  it('default: the restored book is the same, and stays so through later changes and their undoing', () => {
    fc.assert(
      fc.property(changes(40), changes(20), changes(20), (before, between, after) => {
        const book = open()
        apply(book, 1n, before)
        const restored = open(book.save())
        expect(dump(restored)).toEqual(dump(book))
        expect(textOf(restored.save())).toBe(textOf(book.save()))
        for (const each of [book, restored]) apply(each, 2n, between)
        expect(textOf(restored.save())).toBe(textOf(book.save()))
        for (const each of [book, restored]) each.undo(2n, () => undefined)
        expect(textOf(restored.save())).toBe(textOf(book.save()))
        for (const each of [book, restored]) apply(each, 3n, after)
        expect(dump(restored)).toEqual(dump(book))
      }),
      { seed: 20200312, numRuns: 80 },
    )
  })
  it('behavior: what was undone leaves no trace in it', () => {
    fc.assert(
      fc.property(changes(30), changes(30), changes(30), (kept, undone, tail) => {
        const [book, fresh] = [open(), open()]
        apply(book, 1n, kept)
        apply(fresh, 1n, kept)
        apply(book, 2n, undone)
        book.undo(2n, () => undefined)
        expect(textOf(book.save())).toBe(textOf(fresh.save()))
        apply(book, 3n, tail)
        apply(fresh, 3n, tail)
        expect(textOf(book.save())).toBe(textOf(fresh.save()))
      }),
      { seed: 20200312, numRuns: 80 },
    )
  })
  it('behavior: it is a copy, and passes through named parts', () => {
    const book = open()
    apply(book, 1n, [{ market: 1, account: 3, debt: 5n, collateral: 7n }])
    const image = book.save()
    apply(book, 2n, [{ market: 1, account: 3, debt: 9n, collateral: 9n }])
    const parts = new Map(partsOf(image))
    expect([...parts.keys()].sort()).toEqual(['pairs/0', 'pairs/free'])
    const restored = open(imageFrom(parts))
    expect(restored.debtAt(restored.find(1, addressOf(3)))).toBe(5n)
  })
  it('behavior: many thousands of positions, in parts', () => {
    const book = open()
    for (let n = 0; n < 40_000; n++) book.put(1n, n % MARKETS, addressOf(n), BigInt(n + 1), 1n)
    for (let n = 0; n < 40_000; n += 7) book.put(2n, n % MARKETS, addressOf(n), 0n, 0n)
    const image = book.save()
    expect(image.slots.map(({ byteLength }) => byteLength)).toEqual([1_048_576, 1_048_576, 40_000 * 64 - 2 * 1_048_576])
    const restored = open(image)
    expect(restored.size()).toBe(book.size())
    expect(restored.find(1, addressOf(1))).toBe(book.find(1, addressOf(1)))
    expect(restored.byteLength()).toBeLessThanOrEqual(book.byteLength())
    expect(restored.save().slots.every((part, n) => Buffer.compare(part, image.slots[n]!) === 0)).toBe(true)
  })
})

describe('damage', () => {
  const image = (): PairImage => {
    const book = open()
    apply(
      book,
      1n,
      [0, 1, 2, 3].map(n => ({ market: n % MARKETS, account: n, debt: 5n, collateral: 7n })),
    )
    apply(book, 2n, [{ market: 1, account: 1, debt: 0n, collateral: 0n }])
    return book.save()
  }
  const withWord = (slot: number, word: number, value: number): PairImage => {
    const { slots, free } = image()
    const words = new Uint32Array(Uint8Array.from(slots[0]!).buffer)
    words[16 * slot + word] = value
    return { slots: [new Uint8Array(words.buffer)], free }
  }
  const bytes = (...words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer)

  it.each([
    ['a market that does not exist', () => withWord(0, 13, MARKETS), 'slot 0 is in market 3 of 3'],
    ['a position that is empty', () => ({ ...image(), free: bytes() }), '1 slots are empty, 0 free'],
    ['a free slot that holds something', () => withWord(1, 0, 1), 'free slot 1 holds a position'],
    ['a free slot named twice', () => ({ ...image(), free: bytes(1, 1) }), 'slot 1 is not free'],
    ['a free slot beyond the end', () => ({ ...image(), free: bytes(99) }), 'slot 99 is not free'],
    ['half a record', () => ({ ...image(), slots: [image().slots[0]!.subarray(0, 100)] }), 'part 0 has 100 bytes'],
    ['half a word', () => ({ ...image(), free: new Uint8Array(3) }), '3 bytes'],
  ])('error: %s', (_, damaged, message) => {
    const book = open()
    expect(() => book.restore(damaged())).toThrow(message)
    expect(book.size()).toBe(0)
    book.restore(image())
    expect(book.size()).toBe(3)
  })
  it('error: what is not accepted in the end is taken back', () => {
    const book = open()
    const refuse = (): void => {
      throw new RangeError(`${book.debtOf(0)}`)
    }
    expect(() => book.restore(image(), refuse)).toThrow('10')
    expect([book.size(), book.debtOf(0), book.positionsOf(0), book.find(0, addressOf(0))]).toEqual([0, 0n, 0, 0xffff_ffff])
    book.restore(image())
    expect(book.debtOf(0)).toBe(10n)
  })
  it('error: a part is missing', () => {
    expect(() => imageFrom(new Map())).toThrow('part pairs/free is missing')
    expect(() => imageFrom(new Map([['pairs/1', new Uint8Array()]]))).toThrow('part pairs/0 is missing')
  })
})
