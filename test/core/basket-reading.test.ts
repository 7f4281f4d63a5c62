// Unread accounts and entries of a basket book, read through a pretend chain; and whose turn it is in samples.
import { describe, expect, it } from '@jest/globals'
import { NONE } from '../../src/core/basket-accounts'
import { type BasketBook, createBasketBook } from '../../src/core/basket-book'
import { type BasketReads, readUnread } from '../../src/core/basket-reading'
import { columnsAt, openSlots, sampleBasket } from '../../src/core/basket-sample'
import { ACCOUNT_UNREAD, type BasketUnread, createBasketUnread } from '../../src/core/basket-unread'
import type { Reader, ReadResult } from '../../src/core/folder'
import type { Address, Block, Hex } from '../../src/core/primitives'

const at = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const block: Block = {
  chainId: 1,
  number: 9n,
  hash: '0x09',
  parentHash: '0x08',
  timestampSec: 0n,
  baseFeePerGasWei: null,
  gasUsed: 0n,
  gasLimit: 0n,
  logsBloom: null,
}

type Holdings = ReadonlyMap<number, bigint>
type Entry = readonly [column: number, amount: bigint]

/** Calls are an account and what is asked of it: its columns, or one column's amount. */
const readerOf = (chain: ReadonlyMap<Address, Holdings>, isFailing: (to: Address, data: Hex) => boolean = () => false) => {
  const requests: number[] = []
  const answer = (to: Address, data: Hex): ReadResult => {
    const held = chain.get(to) ?? new Map<number, bigint>()
    if (isFailing(to, data)) return { kind: 'failed', why: 'reverted' }
    if (data === '0xff') return { kind: 'ok', data: `0x${[...held.keys()].map(n => n.toString(16).padStart(2, '0')).join('')}` }
    return { kind: 'ok', data: `0x${(held.get(Number(data)) ?? 0n).toString(16).padStart(64, '0')}` }
  }
  const reader: Reader = {
    block,
    read: async calls => {
      requests.push(calls.length)
      return calls.map(({ to, data }) => answer(to, data))
    },
  }
  return { reader, requests }
}

const readsFor = (book: BasketBook, unread: BasketUnread): BasketReads<Entry> => ({
  headCalls: account => [{ to: account, data: '0xff' }],
  headFrom: ([head]) =>
    head?.kind === 'ok' ? { flags: 5, columns: (head.data.slice(2).match(/../g) ?? []).map(byte => Number(`0x${byte}`)) } : null,
  isReadable: column => column !== 7,
  entryCalls: (account, column) => [{ to: account, data: `0x${column.toString(16).padStart(2, '0')}` }],
  entryFrom: (column, [result]) => (result?.kind === 'ok' ? [column, BigInt(result.data)] : null),
  setAccount: (number, slot, flags, entries) => {
    for (const [column, amount] of entries) book.put(number, slot, column, amount, 0)
    book.setFlags(number, slot, flags)
    if (entries.length === 0) book.close(number, slot)
    unread.refresh(slot)
  },
  setEntry: (number, slot, [column, amount]) => {
    book.put(number, slot, column, amount, 0)
    unread.refresh(slot)
  },
})

const started = () => {
  const book = createBasketBook()
  const unread = createBasketUnread(book)
  return { book, unread, reads: readsFor(book, unread) }
}

describe('readUnread', () => {
  it('default: whole accounts in two requests, single entries in one; who has nothing may go', async () => {
    const { book, unread, reads } = started()
    for (const n of [1, 2]) unread.markAccount(1n, at(n))
    const known = book.open(1n, at(3))
    book.put(1n, known, 1, 50n, 0)
    unread.markEntry(1n, known, 4, 0)
    const { reader, requests } = readerOf(
      new Map([
        [
          at(1),
          new Map([
            [1, 10n],
            [2, 20n],
          ]),
        ],
        [at(3), new Map([[4, 40n]])],
      ]),
    )
    await readUnread(reader, book, reads, unread.slots)
    const slot = book.find(at(1))
    expect([columnsAt(book, slot), book.amountOf(slot, 2), book.flagsAt(slot)]).toEqual([[1, 2], 20n, 5])
    expect([book.find(at(2)), book.amountOf(known, 4), book.amountOf(known, 1)]).toEqual([NONE, 40n, 50n])
    expect([unread.slots.size, requests]).toEqual([0, [2, 2, 1]])
  })
  it('behavior: what fails stays unread, and nothing else does', async () => {
    const { book, unread, reads } = started()
    for (const n of [1, 2, 3]) unread.markAccount(1n, at(n))
    const chain = new Map(
      [1, 2, 3].map(
        n =>
          [
            at(n),
            new Map([
              [1, 10n],
              [2, 20n],
            ]),
          ] as const,
      ),
    )
    const isFailing = (to: Address, data: Hex) => (to === at(1) && data === '0xff') || (to === at(2) && data === '0x02')
    await readUnread(readerOf(chain, isFailing).reader, book, reads, unread.slots)
    expect([...unread.slots]).toEqual([at(1), at(2)].map(book.find))
    expect(book.flagsAt(book.find(at(2)))).toBe(ACCOUNT_UNREAD)
    expect(book.entriesOf(book.find(at(2)))).toBe(0)
    expect(book.amountOf(book.find(at(3)), 2)).toBe(20n)
    await readUnread(readerOf(chain).reader, book, reads, unread.slots)
    expect(unread.slots.size).toBe(0)
  })
  it('behavior: a column that cannot be read is not asked for', async () => {
    const { book, unread, reads } = started()
    const slot = book.open(1n, at(3))
    unread.markEntry(1n, slot, 7, 0)
    const { reader, requests } = readerOf(new Map())
    await readUnread(reader, book, reads, unread.slots)
    expect([requests, [...unread.slots]]).toEqual([[], [slot]])
  })
})

describe('sampleBasket', () => {
  it('default: everybody has a turn, then again; closed slots are passed over', () => {
    const book = createBasketBook()
    const slots = [1, 2, 3, 4, 5].map(n => book.open(1n, at(n)))
    book.close(1n, slots[1]!)
    const refOf = (slot: number) => ({ strategy: 's', market: at(0), account: book.accountAt(slot) })
    expect(openSlots(book)).toEqual([0, 2, 3, 4])
    const first = sampleBasket(book, 0, 3, refOf)
    expect(first.positions.map(({ account }) => account)).toEqual([at(1), at(3), at(4)])
    const second = sampleBasket(book, first.next, 3, refOf)
    expect([second.positions.map(({ account }) => account), second.next]).toEqual([[at(5)], 0])
    expect(sampleBasket(createBasketBook(), 4, 3, refOf)).toEqual({ positions: [], next: 0 })
  })
})
