// The book of pairs against a map of bigints: amounts, sums, order, undo.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { readAddress, writeAmount } from '../../src/core/limbs'
import { createPairBook, createPairMove, DUST, DUST_PADS, type PairBook } from '../../src/core/pair-book'
import { ACCOUNT, COLLATERAL, DEBT, NONE } from '../../src/core/pair-records'
import type { Address } from '../../src/core/primitives'

const MARKETS = 3
const addressOf = (n: number): Address => `0x${(n * 0x9e3779b1).toString(16).padStart(40, '0')}`

interface Change {
  readonly kind: 'put' | 'raise' | 'lower'
  readonly market: number
  readonly account: number
  readonly debt: bigint
  readonly collateral: bigint
}

type Model = Map<
  string,
  { readonly market: number; readonly account: Address; readonly debt: bigint; readonly collateral: bigint }
>

const changes = (accounts: number, most: number): fc.Arbitrary<Change[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom('put' as const, 'raise' as const, 'lower' as const),
      market: fc.nat(MARKETS - 1),
      account: fc.nat(accounts - 1),
      debt: fc.oneof(fc.bigInt({ min: 0n, max: 5n }), fc.bigInt({ min: 0n, max: (1n << 90n) - 1n })),
      collateral: fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: (1n << 90n) - 1n })),
    }),
    { maxLength: most },
  )

const open = (): PairBook => {
  const book = createPairBook()
  for (let n = 0; n < MARKETS; n++) book.addMarket()
  return book
}

/** Does the change to book and model; one that the book must refuse leaves both as they are. */
const apply = (book: PairBook, model: Model, block: bigint, { kind, market, account, debt, collateral }: Change): void => {
  const address = addressOf(account)
  const key = `${market} ${address}`
  const old = model.get(key) ?? { debt: 0n, collateral: 0n }
  const sign = kind === 'lower' ? -1n : 1n
  const next =
    kind === 'put' ? { debt, collateral } : { debt: old.debt + sign * debt, collateral: old.collateral + sign * collateral }
  if (kind === 'put') book.put(block, market, address, debt, collateral)
  else {
    const move = createPairMove()
    readAddress(address, 2, move, ACCOUNT)
    writeAmount(debt, move, DEBT)
    writeAmount(collateral, move, COLLATERAL)
    const act = (): void => (kind === 'raise' ? book.raise(block, market, move) : book.lower(block, market, move))
    if (next.debt < 0n || next.collateral < 0n) {
      expect(act).toThrow(RangeError)
      return
    }
    act()
  }
  if (next.debt === 0n && next.collateral === 0n) model.delete(key)
  else model.set(key, { market, account: address, ...next })
}

const PAD_OF = 3
const expectSame = (book: PairBook, model: Model, rounding: number): void => {
  expect(book.size()).toBe(model.size)
  for (let market = 0; market < MARKETS; market++) {
    const own = [...model.values()].filter(each => each.market === market)
    expect(book.positionsOf(market)).toBe(own.length)
    expect(book.borrowersOf(market)).toBe(own.filter(({ debt }) => debt > 0n).length)
    expect(book.debtOf(market)).toBe(own.reduce((sum, { debt }) => sum + debt, 0n))
    expect(book.collateralOf(market)).toBe(own.reduce((sum, { collateral }) => sum + collateral, 0n))
    for (const { account, debt, collateral } of own) {
      const slot = book.find(market, account)
      expect([book.debtAt(slot), book.collateralAt(slot), book.accountAt(slot), book.marketAt(slot)]).toEqual([
        debt,
        collateral,
        account,
        market,
      ])
    }
    expect(new Set(book.slotsOf(market))).toEqual(new Set(own.map(({ account }) => book.find(market, account))))
    const { entries, keys, count } = book.ranked(market, rounding)
    const pad = book.columns().pads[market]!
    expect(pad).toBeGreaterThanOrEqual(rounding)
    const expected = own
      .filter(({ debt, collateral }) => debt > 0n && collateral > 0n)
      .map(({ account, debt, collateral }) => {
        const slot = book.find(market, account)
        return {
          slot,
          isDust: Number(debt) < DUST_PADS * pad,
          key: (Number(debt) + pad) / Number(collateral),
        }
      })
    expect(count).toBe(expected.length)
    expect(book.columns().tops[market]).toBe(count === 0 ? Number.NEGATIVE_INFINITY : keys[count - 1])
    for (let at = 0; at < count; at++) {
      const found = expected.find(({ slot }) => slot === (entries[at]! & ~DUST) >>> 0)!
      expect(entries[at]! >= DUST).toBe(found.isDust)
      expect(Math.abs(keys[at]! - found.key)).toBeLessThanOrEqual(found.key * 1e-15)
      expect(at === 0 || keys[at]! >= keys[at - 1]!).toBe(true)
    }
  }
}

/** All that can be seen, order and slots included. */
const dump = (book: PairBook, rounding: number): unknown =>
  Array.from({ length: MARKETS }, (_, market) => {
    const { entries, keys, count } = book.ranked(market, rounding)
    const slots = Array.from(book.slotsOf(market), slot => [
      slot,
      book.accountAt(slot),
      book.debtAt(slot),
      book.collateralAt(slot),
    ])
    return { slots, entries: [...entries.subarray(0, count)], keys: [...keys.subarray(0, count)], debt: book.debtOf(market) }
  })

describe('createPairBook', () => {
  it('default: amounts, sums and order after any changes, asked at any time', () => {
    fc.assert(
      fc.property(changes(12, 150), fc.nat(40), fc.constantFrom(0, PAD_OF, 1e6), (all, period, rounding) => {
        const [book, model]: [PairBook, Model] = [open(), new Map()]
        all.forEach((change, i) => {
          apply(book, model, 1n, change)
          if (i % (period + 1) === 0) expectSame(book, model, rounding)
        })
        expectSame(book, model, rounding)
        expect(book.find(0, addressOf(77))).toBe(NONE)
      }),
      { seed: 20200312, numRuns: 60 },
    )
  })
  it('behavior: undo to any block leaves what never doing it would, slots and all', () => {
    const history = fc.array(changes(8, 12), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(history, fc.nat(11), fc.boolean(), changes(8, 12), (blocks, kept, isAsked, tail) => {
        const cut = kept % blocks.length
        const [undone, fresh] = [open(), open()]
        const [model, freshModel]: [Model, Model] = [new Map(), new Map()]
        blocks.forEach((block, i) => {
          for (const change of block) apply(undone, model, BigInt(i), change)
          if (isAsked) dump(undone, PAD_OF)
          if (i >= cut) return
          for (const change of block) apply(fresh, freshModel, BigInt(i), change)
        })
        const touched = new Set<number>()
        undone.undo(BigInt(cut), market => touched.add(market))
        for (const { market } of blocks
          .slice(cut)
          .flat()
          .filter(({ kind }) => kind === 'put'))
          expect(touched).toContain(market)
        expect(dump(undone, PAD_OF)).toEqual(dump(fresh, PAD_OF))
        expect(undone.undoable()).toBe(fresh.undoable())
        expectSame(undone, freshModel, PAD_OF)
        const again: Model = new Map(freshModel)
        for (const change of tail) {
          apply(undone, again, 50n, change)
          apply(fresh, freshModel, 50n, change)
        }
        expect(dump(undone, PAD_OF)).toEqual(dump(fresh, PAD_OF))
        expectSame(fresh, again, PAD_OF)
      }),
      { seed: 20200312, numRuns: 60 },
    )
  })
  it('behavior: final blocks are not undone, and their records are used again', () => {
    const [book, model]: [PairBook, Model] = [open(), new Map()]
    let bytes = 0
    for (let block = 0; block < 400; block++) {
      for (let n = 0; n < 20; n++)
        apply(book, model, BigInt(block), { kind: 'raise', market: n % MARKETS, account: n, debt: 7n, collateral: 1n })
      book.finalise(BigInt(block - 3))
      if (block === 100) bytes = book.byteLength()
    }
    expect(book.byteLength()).toBe(bytes)
    book.undo(0n, () => undefined)
    expect(book.debtOf(0)).toBe(7n * 7n * 396n)
  })
  it('behavior: thousands of accounts in one market, most of them gone again', () => {
    const [book, model]: [PairBook, Model] = [open(), new Map()]
    for (let n = 0; n < 6_000; n++)
      apply(book, model, 1n, { kind: 'put', market: 0, account: n, debt: BigInt(1 + (n % 7)), collateral: 1n })
    const { count } = book.ranked(0, 1)
    expect(count).toBe(6_000)
    for (let n = 0; n < 6_000; n++)
      if (n % 8 !== 0) apply(book, model, 2n, { kind: 'put', market: 0, account: n, debt: 0n, collateral: 0n })
    expect([book.size(), book.ranked(0, 1).count]).toEqual([750, 750])
    for (let n = 0; n < 6_000; n++) expect(book.find(0, addressOf(n)) === NONE).toBe(n % 8 !== 0)
    book.undo(2n, () => undefined)
    expect(book.ranked(0, 1).count).toBe(6_000)
  })
  it('behavior: sums of amounts may leave 128 bits', () => {
    const book = open()
    const most = (1n << 128n) - 1n
    for (let n = 0; n < 3; n++) book.put(1n, 0, addressOf(n), most, most)
    expect([book.debtOf(0), book.collateralOf(0)]).toEqual([3n * most, 3n * most])
    book.undo(1n, () => undefined)
    expect(book.collateralOf(0)).toBe(0n)
  })
  it('error: amounts beyond 128 bits and markets that are not empty', () => {
    const book = open()
    expect(() => book.put(1n, 0, addressOf(1), 1n << 128n, 0n)).toThrow(RangeError)
    expect(() => book.put(1n, 0, addressOf(1), 0n, -1n)).toThrow(RangeError)
    book.put(1n, MARKETS - 1, addressOf(1), 1n, 1n)
    expect(() => book.dropMarket()).toThrow(RangeError)
    book.undo(1n, () => undefined)
    book.dropMarket()
    expect(book.addMarket()).toBe(MARKETS - 1)
  })
})
