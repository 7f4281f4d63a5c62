// The book of basket accounts against a map of bigints: amounts, flags, undo, saved bytes.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { NONE } from '../../src/core/basket-accounts'
import { type BasketBook, createBasketBook } from '../../src/core/basket-book'
import type { Address } from '../../src/core/primitives'

/** The first three share their first word: saving has to sort them further. */
const addressOf = (n: number): Address =>
  `0x${n < 3 ? `00000000${(n * 7 + 1).toString(16).padStart(32, '0')}` : (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0').repeat(5)}`

type Entries = Map<number, { readonly amount: bigint; readonly marks: number }>
type Model = Map<Address, { flags: number; readonly entries: Entries }>

type Change =
  | { readonly kind: 'put'; readonly account: number; readonly column: number; readonly amount: bigint; readonly marks: number }
  | { readonly kind: 'flags'; readonly account: number; readonly flags: number }
  | { readonly kind: 'close'; readonly account: number }

const account = fc.nat(7)
const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      account,
      column: fc.oneof(fc.nat(5), fc.constant(0xffff)),
      amount: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })),
      marks: fc.constantFrom(0, 0, 1, 0xffff),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('flags' as const), account, flags: fc.constantFrom(0, 7, 0xffff_ffff) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), account }) },
)

const applyToModel = (model: Model, each: Change): void => {
  const address = addressOf(each.account)
  if (each.kind === 'close') {
    model.delete(address)
    return
  }
  const known = model.get(address) ?? { flags: 0, entries: new Map() }
  model.set(address, known)
  if (each.kind === 'flags') known.flags = each.flags
  else if (each.amount === 0n && each.marks === 0) known.entries.delete(each.column)
  else known.entries.set(each.column, { amount: each.amount, marks: each.marks })
}

const apply = (book: BasketBook, block: bigint, each: Change): void => {
  const address = addressOf(each.account)
  if (each.kind === 'close') {
    if (book.find(address) !== NONE) book.close(block, book.find(address))
    return
  }
  const slot = book.open(block, address)
  if (each.kind === 'flags') book.setFlags(block, slot, each.flags)
  else book.put(block, slot, each.column, each.amount, each.marks)
}

const contentOf = (book: BasketBook): unknown => {
  const all: [Address, number, [number, bigint, number][]][] = []
  for (let slot = 0; slot < book.limit(); slot++) {
    if (!book.isOpen(slot)) continue
    const entries = Array.from({ length: book.entriesOf(slot) }, (_, at): [number, bigint, number] => {
      const column = book.columnAt(slot, at)
      expect([book.amountOf(slot, column), book.marksOf(slot, column)]).toEqual([book.amountAt(slot, at), book.marksAt(slot, at)])
      expect(book.roughAt(slot, at) / Number(book.amountAt(slot, at) || 1n)).toBeCloseTo(book.amountAt(slot, at) > 0n ? 1 : 0, 12)
      return [column, book.amountAt(slot, at), book.marksAt(slot, at)]
    })
    expect(book.find(book.accountAt(slot))).toBe(slot)
    all.push([book.accountAt(slot), book.flagsAt(slot), entries])
  }
  expect(book.size()).toBe(all.length)
  return all.sort(([a], [b]) => (a < b ? -1 : 1))
}

const modelContent = (model: Model): unknown =>
  [...model]
    .map(([address, { flags, entries }]) => [
      address,
      flags,
      [...entries].map(([column, { amount, marks }]) => [column, amount, marks] as const).sort(([a], [b]) => a - b),
    ])
    .sort(([a], [b]) => (a! < b! ? -1 : 1))

const filled = (changes: readonly Change[]): BasketBook => {
  const book = createBasketBook()
  changes.forEach((each, at) => {
    apply(book, BigInt(at >> 2), each)
  })
  return book
}

describe('createBasketBook', () => {
  it('default', () => {
    const book = createBasketBook()
    const slot = book.open(1n, addressOf(5))
    book.put(1n, slot, 3, (1n << 128n) - 1n, 2)
    book.put(1n, slot, 1, 7n, 0)
    expect(book.find(addressOf(4))).toBe(NONE)
    expect(book.findAt(`xyz${addressOf(5).slice(2)}`, 3)).toBe(slot)
    expect([book.entriesOf(slot), book.columnAt(slot, 0), book.amountAt(slot, 1)]).toEqual([2, 1, (1n << 128n) - 1n])
    expect([book.amountOf(slot, 2), book.marksOf(slot, 3), book.hasColumn(slot, 2), book.usersOf(3)]).toEqual([0n, 2, false, 1])
  })
  it('behavior: holds what a map of bigints holds, through undo', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.nat(15), (changes, from) => {
        const [book, model, early]: [BasketBook, Model, Model] = [createBasketBook(), new Map(), new Map()]
        changes.forEach((each, at) => {
          apply(book, BigInt(at >> 2), each)
          applyToModel(model, each)
          if (at >> 2 < from) applyToModel(early, each)
        })
        expect(contentOf(book)).toEqual(modelContent(model))
        const bytes = book.save()
        book.undo(BigInt(from), () => {})
        expect(contentOf(book)).toEqual(modelContent(early))
        // Done again, slots and bytes are the same.
        changes.forEach((each, at) => {
          if (at >> 2 >= from) apply(book, BigInt(at >> 2), each)
        })
        expect(book.save()).toEqual(bytes)
        for (let slot = 0; slot < book.limit(); slot++) if (book.isOpen(slot)) expect(book.entriesOf(slot)).toBeLessThan(8)
        book.undo(0n, () => {})
        expect([book.size(), book.undoable(), book.usersOf(0)]).toEqual([0, 0, 0])
      }),
      { seed: 11, numRuns: 100 },
    )
  })
  it('behavior: saved bytes depend on the accounts alone, and restore them', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), changes => {
        const book = filled(changes)
        const copy = createBasketBook()
        copy.restore(book.save())
        expect(contentOf(copy)).toEqual(contentOf(book))
        expect(copy.save()).toEqual(book.save())
        for (let column = 0; column < 6; column++) expect(copy.usersOf(column)).toBe(book.usersOf(column))
        expect([...copy.takeChanged()].length).toBe(book.size())
        expect(copy.undoable()).toBe(0)
      }),
      { seed: 12, numRuns: 60 },
    )
  })
  it('behavior: tells each changed slot once, closed and undone ones too', () => {
    const book = createBasketBook()
    const [a, b] = [book.open(1n, addressOf(4)), book.open(1n, addressOf(6))]
    book.put(2n, a, 0, 5n, 0)
    book.put(2n, a, 0, 6n, 0)
    expect([...book.takeChanged()].sort()).toEqual([a, b])
    expect([...book.takeChanged()]).toEqual([])
    // What it has already is no change.
    book.put(3n, a, 0, 6n, 0)
    book.setFlags(3n, b, 0)
    expect([...book.takeChanged()]).toEqual([])
    book.close(3n, a)
    expect([...book.takeChanged()]).toEqual([a])
    expect([book.isOpen(a), book.entriesOf(a)]).toEqual([false, 0])
    const undone: number[] = []
    book.undo(2n, slot => undone.push(slot))
    expect([...book.takeChanged()]).toEqual([a])
    expect([new Set(undone), book.find(addressOf(4)), book.entriesOf(a)]).toEqual([new Set([a]), a, 0])
  })
  it('behavior: what is final is not undone', () => {
    const book = createBasketBook()
    book.put(1n, book.open(1n, addressOf(4)), 0, 5n, 0)
    book.put(2n, book.find(addressOf(4)), 0, 6n, 0)
    book.finalise(2n)
    book.undo(0n, () => {})
    expect(book.amountOf(book.find(addressOf(4)), 0)).toBe(5n)
  })
  it('behavior: ten thousand accounts, some of them closed, in little room', () => {
    const book = createBasketBook()
    for (let n = 3; n < 10_003; n++) {
      const slot = book.open(1n, addressOf(n))
      for (let column = 0; column < 5; column++) book.put(1n, slot, column * 3, BigInt(n + column), 0)
      if (n % 3 === 0) book.close(1n, slot)
    }
    book.finalise(2n)
    const copy = createBasketBook()
    copy.restore(book.save())
    expect(Buffer.compare(copy.save(), book.save())).toBe(0)
    expect(copy.size()).toBe(6666)
    // 32 + 5 * 20 bytes an account, 4 to 11 of the hash table, and what pages leave unused.
    expect(copy.byteLength() / copy.size()).toBeLessThan(200)
  })
  it('error: amounts, columns and marks out of range change nothing', () => {
    const book = createBasketBook()
    const slot = book.open(1n, addressOf(4))
    for (const [column, amount, marks] of [
      [0, 1n << 128n, 0],
      [0, -1n, 0],
      [0x1_0000, 1n, 0],
      [-1, 1n, 0],
      [0, 1n, 0x1_0000],
    ] as const)
      expect(() => book.put(1n, slot, column, amount, marks)).toThrow(RangeError)
    expect(book.entriesOf(slot)).toBe(0)
  })
  it('error: saved bytes that nobody saved are refused', () => {
    const bytes = filled([
      { kind: 'put', account: 4, column: 1, amount: 5n, marks: 0 },
      { kind: 'put', account: 4, column: 2, amount: 5n, marks: 0 },
      { kind: 'flags', account: 5, flags: 9 },
    ]).save()
    const refuse = (damaged: Uint8Array): void => expect(() => createBasketBook().restore(damaged)).toThrow(/^saved accounts: /)
    const withByte = (at: number, value: number): Uint8Array => bytes.map((byte, index) => (index === at ? value : byte))
    refuse(bytes.subarray(0, bytes.length - 4))
    refuse(bytes.subarray(0, bytes.length - 1))
    refuse(new Uint8Array([...bytes, 0, 0, 0, 0]))
    refuse(new Uint8Array(0))
    refuse(withByte(0, 1))
    refuse(withByte(4, 3))
    // Accounts out of order, then columns.
    refuse(withByte(8, 255).map((byte, at) => (at === 11 ? 255 : byte)))
    refuse(withByte(84, 1))
  })
})
