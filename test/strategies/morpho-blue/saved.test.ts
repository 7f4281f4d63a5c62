// The whole book saved and restored: the same state, the same verdicts, the same life after. Histories are random, reads are made up.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { ReadCall, Reader, ReadResult, SavedState } from '../../../src/core/folder'
import type { Address, Block } from '../../../src/core/primitives'
import type { Book, Scope } from '../../../src/core/strategy'
import { configSchema, morphoBlue } from '../../../strategies/morpho-blue/strategy'
import { addressOf, blockAt, events, type HistoryBlock, idOf, MORPHO, paramsOf, randomHistory, word } from './history'

const EVERYTHING: Scope = { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} }
const bookOf = (scope = EVERYTHING, settings: object = {}): Book =>
  morphoBlue.createBook(configSchema.parse({ address: MORPHO, ...settings }), scope)

/** Anything but nonsense: what it says depends on the call alone. */
const answer = ({ to, data }: ReadCall): ReadResult => {
  let sum = 7n
  for (const digit of to + data) sum = (sum * 31n + BigInt(digit.charCodeAt(0))) % 1_000_003n
  return { kind: 'ok', data: `0x${[1, 2, 3, 4, 5, 6].map(n => word(sum + BigInt(n))).join('')}` }
}
const readerAt = (block: Block): Reader => ({ block, read: async calls => calls.map(answer) })

const play = (book: Book, history: readonly HistoryBlock[]): void => {
  for (const { block, logs, isLive } of history) {
    if (isLive) book.beginBlock?.(block)
    for (const log of logs) book.fold(log)
  }
}

const bootstrap = async (book: Book, block: Block): Promise<void> => {
  for (let round = 0; round < 4 && book.needsBootstrap(); round++) await book.bootstrap(readerAt(block))
  book.acceptReads(block, book.blockReads().map(answer))
}

/** What a keeper sees of a book. */
const seen = (book: Book, block: Block) => {
  const target = { number: block.number + 1n, timestampSec: block.timestampSec + 12n, baseFeePerGasWei: 1n }
  const strip = ({ closes, ...rest }: ReturnType<Book['opportunities']>[number]) => ({
    ...rest,
    closes: closes.map(({ minPay, maxPay }) => [minPay, maxPay]),
  })
  return {
    state: book.save(),
    opportunities: book.opportunities(target).map(strip),
    positions: [...book.positions(target)].sort((a, b) => (a.market + a.account < b.market + b.account ? -1 : 1)),
    filters: book.filters(),
    size: book.size(),
    tokens: [...book.tokens()].sort(),
    faults: [...book.faults()].sort((a, b) => (a.market < b.market ? -1 : 1)),
  }
}

const draws = fc.array(fc.nat(1_000_000), { minLength: 6, maxLength: 40 })

describe('save and restore', () => {
  it('default: restored, read and followed on, it is the book that never stopped', async () => {
    await fc.assert(
      fc.asyncProperty(draws, fc.boolean(), async (numbers, isRead) => {
        const history = randomHistory(numbers)
        const tip = history.at(-1)!.block
        const [book, restored] = [bookOf(), bookOf()]
        play(book, history)
        if (isRead) await bootstrap(book, tip)
        restored.restore(book.save())
        expect(restored.save()).toEqual(book.save())
        for (const each of [book, restored]) await bootstrap(each, tip)
        expect(seen(restored, tip)).toEqual(seen(book, tip))
        const on = events(blockAt(200n), idOf(0))
        for (const each of [book, restored]) {
          each.beginBlock?.(blockAt(200n))
          each.fold(on.deposit(addressOf(100), 5n))
          each.fold(on.borrow(addressOf(101), 5n, 5_000_000n))
          await bootstrap(each, blockAt(200n))
        }
        expect(seen(restored, blockAt(200n))).toEqual(seen(book, blockAt(200n)))
        for (const each of [book, restored]) each.undo(200n)
        expect(restored.save()).toEqual(book.save())
      }),
      { seed: 20200312, numRuns: 40 },
    )
  })
  it('behavior: a book that was never used', () => {
    const restored = bookOf()
    restored.restore(bookOf().save())
    expect(restored.size()).toBe(0)
    expect(restored.needsBootstrap()).toBe(false)
  })
  it('behavior: undoing more than was folded since changes nothing', () => {
    const [book, restored] = [bookOf(), bookOf()]
    play(book, randomHistory([4, 8, 15, 16, 23, 42, 108]))
    restored.restore(book.save())
    restored.undo(0n)
    expect(restored.save()).toEqual(book.save())
  })
})

describe('fingerprint', () => {
  const scopeOf = (allow: Address[], deny: Address[] = []): Scope => ({ ...EVERYTHING, markets: { allow, deny } })
  it('default: the same for what follows the same', () => {
    expect(bookOf().fingerprint()).toBe(bookOf(EVERYTHING, { horizonSec: 5, maxOracleGas: 9 }).fingerprint())
    expect(bookOf(scopeOf(['0x02', '0x01'])).fingerprint()).toBe(bookOf(scopeOf(['0x01', '0x02'])).fingerprint())
    const accounts: Scope = { ...EVERYTHING, accounts: { allow: ['0x01'], deny: [] } }
    expect(bookOf(accounts).fingerprint()).toBe(bookOf().fingerprint())
  })
  it('behavior: another for whatever follows something else', () => {
    const all = [
      bookOf(),
      bookOf(EVERYTHING, { address: addressOf(5) }),
      bookOf(EVERYTHING, { fromBlock: 5 }),
      bookOf(scopeOf(['0x01'])),
      bookOf(scopeOf([], ['0x01'])),
    ].map(book => book.fingerprint())
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('damage', () => {
  const saved = (): Map<string, string | Uint8Array> => {
    const book = bookOf()
    const on = events(blockAt(5n), idOf(0))
    for (const log of [on.create(paramsOf(0)), on.deposit(addressOf(1), 9n), on.borrow(addressOf(1), 5n, 50n)]) book.fold(log)
    return new Map(book.save())
  }
  const edited = (name: string, from: RegExp, to: string): SavedState => {
    const state = saved()
    return state.set(name, String(state.get(name)).replace(from, to))
  }
  const without = (name: string): SavedState => {
    const state = saved()
    state.delete(name)
    return state
  }

  it.each([
    ['no JSON', () => edited('markets', /^./, ''), "saved markets of morpho-blue can't be read"],
    ['an amount that is none', () => edited('markets', /"borrowShares":"50"/, '"borrowShares":"-1"'), "can't be read"],
    ['an unknown key', () => edited('lore', /"models"/, '"model"'), "saved lore of morpho-blue can't be read"],
    ['a missing part', () => without('markets'), "can't be read"],
    ['missing positions', () => without('pairs/free'), 'pairs/free is missing'],
    ['positions without their market', () => saved().set('markets', '[]'), 'in market 0 of 0'],
    [
      'totals that do not fit',
      () => edited('markets', /"borrowShares":"50"/, '"borrowShares":"51"'),
      'owe 50 shares, the market 51',
    ],
  ])('error: %s, and nothing is changed', (_, damaged, message) => {
    const book = bookOf()
    expect(() => book.restore(damaged())).toThrow(expect.objectContaining({ code: 'bad-checkpoint' }))
    expect(() => book.restore(damaged())).toThrow(message)
    expect(book.save()).toEqual(bookOf().save())
    book.restore(saved())
    expect(book.size()).toBe(1)
  })
})
