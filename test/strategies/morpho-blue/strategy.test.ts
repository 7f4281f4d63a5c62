// The book as the watcher drives it, on made-up chains: scope, reads, faults, undo, dust. The real contract is in the world test.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { ReadCall, Reader, ReadResult } from '../../../src/core/folder'
import type { Address, Block, Hex, TargetBlock } from '../../../src/core/primitives'
import type { Book, Scope } from '../../../src/core/strategy'
import { symbolOf } from '../../../src/core/token-symbol'
import { strategies } from '../../../strategies'
import {
  encodeDecimals,
  encodeMarket,
  encodePrice,
  encodeSymbol,
  type MarketParams,
  TOPIC_BORROW_RATE_UPDATE,
} from '../../../strategies/morpho-blue/abi'
import { isHealthy, PRICE_SCALE, type Totals, toAssetsUp } from '../../../strategies/morpho-blue/math'
import { readDecimals } from '../../../strategies/morpho-blue/reading'
import { configSchema, morphoBlue } from '../../../strategies/morpho-blue/strategy'
import { addressOf, blockAt, events, idOf, MORPHO, paramsOf, word } from './history'

const ZERO: Address = `0x${'0'.repeat(40)}`
const EVERYTHING: Scope = { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} }
const ok = (...words: readonly bigint[]): ReadResult => ({ kind: 'ok', data: `0x${words.map(word).join('')}` })
const failed: ReadResult = { kind: 'failed', why: 'reverted' }

/** A market without interest: what is judged depends on price alone. */
const still = (n: number): MarketParams => ({ ...paramsOf(n), irm: ZERO })
const bookOf = (scope = EVERYTHING, settings: object = {}): Book =>
  morphoBlue.createBook(configSchema.parse({ address: MORPHO, ...settings }), scope)
const targetAfter = (block: Block): TargetBlock => ({
  number: block.number + 1n,
  timestampSec: block.timestampSec + 12n,
  baseFeePerGasWei: 1n,
})

/** Answers by call data (or by target and data), `failed` else. Counts requests. */
const readerWith = (block: Block, answers: Readonly<Record<string, ReadResult>>): Reader & { readonly asked: ReadCall[][] } => {
  const asked: ReadCall[][] = []
  return {
    block,
    asked,
    read: async calls => {
      asked.push([...calls])
      return calls.map(({ to, data }) => answers[`${to} ${data}`] ?? answers[data] ?? failed)
    },
  }
}

const TOKEN_ANSWERS = { [encodeDecimals()]: ok(18n), [encodeSymbol()]: ok(32n, 3n, BigInt(`0x${'414243'.padEnd(64, '0')}`)) }

interface Loan {
  readonly who: Address
  readonly debt: bigint
  readonly collateral: bigint
}

/** Opens market `n` with these loans in `block`, one share a millionth of a unit; the header is announced. */
const openMarket = (book: Book, block: Block, n: number, params: MarketParams, loans: readonly Loan[]): void => {
  const on = events(block, idOf(n))
  book.beginBlock?.(block)
  book.fold(on.create(params))
  book.fold(on.supply(addressOf(1), 10n ** 24n, 10n ** 30n))
  for (const { who, debt, collateral } of loans) {
    book.fold(on.deposit(who, collateral))
    book.fold(on.borrow(who, debt, debt * 1_000_000n))
  }
}

const readPrices = (book: Book, block: Block, price: (oracle: Address) => ReadResult): void =>
  book.acceptReads(
    block,
    book.blockReads().map(({ to }) => price(to)),
  )

const openBook = async (
  loans: readonly Loan[],
  scope = EVERYTHING,
  markets = 2,
): Promise<{ readonly book: Book; readonly block: Block }> => {
  const book = bookOf(scope)
  const block = blockAt(100n)
  for (let n = 0; n < markets; n++) openMarket(book, block, n, still(n), loans)
  if (book.needsBootstrap()) await book.bootstrap(readerWith(block, TOKEN_ANSWERS))
  return { book, block }
}

const ALICE = addressOf(501)
const BOB = addressOf(502)
/** Alice is safe down to a price of 0.58, Bob of 0.93. */
const LOANS: readonly Loan[] = [
  { who: ALICE, debt: 500n, collateral: 1_000n },
  { who: BOB, debt: 800n, collateral: 1_000n },
]
const found = (book: Book, target: TargetBlock): string[] =>
  book.opportunities(target).map(({ position }) => `${position.market.slice(-1)} ${position.account.slice(-3)}`)
const at = (percent: bigint) => (): ReadResult => ok((PRICE_SCALE * percent) / 100n)

describe('registry and settings', () => {
  it('default', () => {
    expect(strategies.map(({ name }) => name)).toContain('morpho-blue')
    expect(configSchema.parse({ address: `0x${'AB'.repeat(20)}` })).toEqual({
      address: `0x${'ab'.repeat(20)}`,
      fromBlock: 0n,
      horizonSec: 900n,
    })
    expect(bookOf(EVERYTHING, { fromBlock: 17 })).toMatchObject({
      name: 'morpho-blue',
      strategy: 'morpho-blue',
      address: MORPHO,
      fromBlock: 17n,
    })
  })
  it('error: unknown keys and bad addresses are refused', () => {
    expect(configSchema.safeParse({ address: MORPHO, form: 1 }).success).toBe(false)
    expect(configSchema.safeParse({ address: '0x12' }).success).toBe(false)
    expect(configSchema.safeParse({ address: MORPHO, fromBlock: -1 }).success).toBe(false)
  })
})

describe('opportunities', () => {
  it('default: who is under water at the price read, and by how much nobody covers', async () => {
    const { book, block } = await openBook(LOANS)
    readPrices(book, block, at(90n))
    expect(found(book, targetAfter(block))).toEqual(['0 1f6', '1 1f6'])
    readPrices(book, block, at(50n))
    expect(found(book, targetAfter(block)).length).toBe(4)
    const bob = book.opportunities(targetAfter(block)).find(({ position }) => position.account === BOB)!
    // 1,000 collateral at 0.5 pays 500 / 1.0438 of the 800, rounded up.
    expect(bob.closes[0]).toMatchObject({ payToken: still(0).loanToken, receiveToken: still(0).collateralToken, maxPay: 480n })
    expect(bob.debtAssets).toBe(320n)
    readPrices(book, block, at(100n))
    expect(found(book, targetAfter(block))).toEqual([])
  })
  it('behavior: debt without collateral is no opportunity but stays in the tables', async () => {
    const { book, block } = await openBook([{ who: ALICE, debt: 500n, collateral: 0n }], EVERYTHING, 1)
    readPrices(book, block, at(100n))
    expect(book.opportunities(targetAfter(block))).toEqual([])
    expect(book.positions(targetAfter(block))).toMatchObject([
      { account: ALICE, debtAssets: 500n, collateralAssets: 0n, healthFactorWad: 0n },
    ])
  })
  it('behavior: scope by market, account and least debt', async () => {
    const only = async (scope: Partial<Scope>): Promise<string[]> => {
      const { book, block } = await openBook(LOANS, { ...EVERYTHING, ...scope })
      readPrices(book, block, at(10n))
      return found(book, targetAfter(block))
    }
    expect(await only({ markets: { allow: [idOf(1)], deny: [] } })).toEqual(['1 1f5', '1 1f6'])
    expect(await only({ markets: { allow: [], deny: [idOf(1)] } })).toEqual(['0 1f5', '0 1f6'])
    expect(await only({ accounts: { allow: [ALICE], deny: [] } })).toEqual(['0 1f5', '1 1f5'])
    expect(await only({ accounts: { allow: [ALICE, BOB], deny: [ALICE] } })).toEqual(['0 1f6', '1 1f6'])
    expect(await only({ minDebtAssets: { [still(0).loanToken]: 501n } })).toEqual(['0 1f6', '1 1f5', '1 1f6'])
  })
  it('behavior: nobody is missed and nobody invented, dust and adversarial share prices included', () => {
    const amount = fc.integer({ min: 0, max: 70 }).chain(bits => fc.bigInt({ min: 1n, max: 1n << BigInt(bits) }))
    const loan = fc.record({ shares: amount, collateral: amount })
    fc.assert(
      fc.property(
        fc.array(loan, { minLength: 1, maxLength: 40 }),
        amount,
        fc.array(fc.tuple(fc.nat(39), fc.bigInt({ min: -4n, max: 4n })), { minLength: 1, maxLength: 8 }),
        (loans, extra, moments) => {
          const book = bookOf()
          const block = blockAt(100n)
          const on = events(block, idOf(0))
          book.beginBlock?.(block)
          book.fold(on.create(still(0)))
          const totals: Totals = {
            borrowAssets: loans.reduce((sum, { shares }) => sum + shares / 1_000_000n, extra),
            borrowShares: loans.reduce((sum, { shares }) => sum + shares, 0n),
            supplyAssets: 0n,
            supplyShares: 0n,
            feeWad: 0n,
          }
          loans.forEach(({ shares, collateral }, i) => {
            book.fold(on.deposit(addressOf(600 + i), collateral))
            book.fold(on.borrow(addressOf(600 + i), i === 0 ? totals.borrowAssets : 0n, shares))
          })
          // The tokens and the accrual time are beside the point: no reads are needed to judge at no interest.
          for (const [which, units] of moments) {
            // The price at which one of them is about to cross, a few loan units of rounding to either side.
            const { shares, collateral } = loans[which % loans.length]!
            const debt = toAssetsUp(shares, totals.borrowAssets, totals.borrowShares)
            const value = debt + units > 0n ? debt + units : 1n
            const price = (value * PRICE_SCALE * 10n ** 18n) / (collateral * still(0).lltvWad) + 1n
            readPrices(book, block, () => ok(price))
            const naive = loans.flatMap(({ shares, collateral }, i) =>
              isHealthy(shares, collateral, totals, price, still(0).lltvWad) ? [] : [addressOf(600 + i)],
            )
            expect(
              book
                .opportunities(targetAfter(block))
                .map(({ position }) => position.account)
                .sort(),
            ).toEqual(naive.sort())
          }
        },
      ),
      { seed: 20200312, numRuns: 400 },
    )
  })
})

describe('positions', () => {
  it('default: with a limit, those of lowest health first, whatever the book', () => {
    const amount = fc.integer({ min: 0, max: 70 }).chain(bits => fc.bigInt({ min: 1n, max: 1n << BigInt(bits) }))
    const loan = fc.record({
      who: fc.constant(ALICE),
      debt: fc.oneof(amount, fc.constantFrom(700n, 701n, 702n)),
      collateral: amount,
    })
    const loans = fc.array(loan, { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(loans, fc.integer({ min: 1, max: 35 }), fc.nat(200), fc.boolean(), (all, limit, percent, isFaulty) => {
        const book = bookOf()
        const block = blockAt(100n)
        for (const n of [0, 1, 2]) {
          const own = all.filter((_, i) => i % 3 === n).map((each, i) => ({ ...each, who: addressOf(600 + i) }))
          openMarket(book, block, n, still(n), own)
        }
        book.fold(events(block, idOf(0)).borrow(addressOf(900), 5n, 5n))
        const price = at(BigInt(percent + 1))()
        readPrices(book, block, oracle => (isFaulty && oracle === still(1).oracle ? failed : price))
        const healths = book.positions(targetAfter(block)).map(({ healthFactorWad }) => healthFactorWad)
        const priced = healths.filter(health => health !== null).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
        const unpriced = healths.filter(health => health === null)
        const limited = book.positions(targetAfter(block), limit)
        expect(limited.map(({ healthFactorWad }) => healthFactorWad)).toEqual([...priced, ...unpriced].slice(0, limit))
        expect(new Set(limited.map(({ market, account }) => market + account)).size).toBe(limited.length)
      }),
      { seed: 20200312, numRuns: 200 },
    )
  })
})

describe('block reads', () => {
  it('default: each oracle once, only for markets with debt, results in order', async () => {
    const book = bookOf(EVERYTHING, { maxOracleGas: 300_000 })
    const block = blockAt(100n)
    const shared = addressOf(3333)
    openMarket(book, block, 0, { ...still(0), oracle: shared }, LOANS)
    openMarket(book, block, 1, { ...still(1), oracle: shared }, LOANS)
    openMarket(book, block, 2, still(2), LOANS)
    openMarket(book, block, 3, still(3), [])
    expect(book.blockReads()).toEqual([
      { to: shared, data: encodePrice(), gasCap: 300_000, maxReturnBytes: 256 },
      { to: still(2).oracle, data: encodePrice(), gasCap: 300_000, maxReturnBytes: 256 },
    ])
    await book.bootstrap(readerWith(block, TOKEN_ANSWERS))
    readPrices(book, block, oracle => ok(oracle === shared ? PRICE_SCALE : (PRICE_SCALE * 9n) / 10n))
    expect(found(book, targetAfter(block))).toEqual(['2 1f6'])
  })
  it('behavior: markets that open between question and answer wait for the next question', async () => {
    const { book, block } = await openBook(LOANS, EVERYTHING, 1)
    const calls = book.blockReads()
    openMarket(book, blockAt(101n), 1, still(1), LOANS)
    book.acceptReads(block, calls.map(at(50n)))
    expect(found(book, targetAfter(block))).toEqual(['0 1f5', '0 1f6'])
    expect(book.faults()).toEqual([{ market: idOf(1), reason: 'oracle: not read yet' }])
  })
})

describe('faults', () => {
  it('default: bad prices fault their market alone, and heal', async () => {
    const { book, block } = await openBook(LOANS)
    const bad = still(0).oracle
    const cases: readonly (readonly [ReadResult, string])[] = [
      [failed, 'oracle: reverted'],
      [ok(0n), 'oracle: price is zero'],
      [{ kind: 'ok', data: '0x' }, 'oracle: answered 0 bytes'],
      [{ kind: 'ok', data: '0x1234' }, 'oracle: answered 2 bytes'],
      [ok((1n << 256n) - 1n), "overflows the contract's maths"],
    ]
    for (const [answer, reason] of cases) {
      readPrices(book, block, oracle => (oracle === bad ? answer : at(50n)()))
      expect(found(book, targetAfter(block))).toEqual(['1 1f5', '1 1f6'])
      expect(book.faults()).toEqual([{ market: idOf(0), reason: expect.stringContaining(reason) }])
    }
    readPrices(book, block, () => ok((PRICE_SCALE * 5n) / 10n, 99n))
    expect(book.faults()).toEqual([])
    expect(found(book, targetAfter(block)).length).toBe(4)
  })
  it('behavior: an unknown rate model that fails or says too much', async () => {
    const book = bookOf()
    const block = blockAt(100n)
    openMarket(book, block, 0, paramsOf(0), LOANS)
    await book.bootstrap(
      readerWith(block, {
        ...TOKEN_ANSWERS,
        [encodeMarket(idOf(0))]: ok(10n ** 24n, 10n ** 30n, 1_300n, 1_300_000_000n, block.timestampSec, 0n),
      }),
    )
    const target = targetAfter(block)
    const answer = (rate: ReadResult): void => readPrices(book, block, to => (to === paramsOf(0).irm ? rate : at(50n)()))
    answer(failed)
    expect([found(book, target), book.faults()[0]?.reason]).toEqual([[], 'rate model: reverted'])
    answer(ok((1n << 256n) - 1n))
    expect([found(book, target), book.faults()[0]?.reason]).toEqual([[], 'interest: leaves 128 bits, the contract reverts'])
    answer(ok(0n))
    expect([found(book, target).length, book.faults()]).toEqual([2, []])
  })
})

describe('bootstrap', () => {
  const marketAnswer = (block: Block, borrowAssets: bigint): ReadResult =>
    ok(10n ** 24n, 10n ** 30n, borrowAssets, 1_300_000_000n, block.timestampSec, 0n)

  it('default: after history one request for accrual times and tokens; nothing more while live', async () => {
    const book = bookOf()
    const block = blockAt(100n)
    // No header: history.
    const on = events(block, idOf(0))
    for (const log of [
      on.create(still(0)),
      on.supply(addressOf(1), 10n ** 24n, 10n ** 30n),
      on.deposit(ALICE, 1_000n),
      on.borrow(ALICE, 1_300n, 1_300_000_000n),
    ])
      book.fold(log)
    expect(book.needsBootstrap()).toBe(true)
    const reader = readerWith(block, { ...TOKEN_ANSWERS, [encodeMarket(idOf(0))]: marketAnswer(block, 1_300n) })
    await book.bootstrap(reader)
    expect(reader.asked.map(calls => calls.length)).toEqual([5])
    expect(book.needsBootstrap()).toBe(false)
    expect(book.tokens().get(still(0).loanToken)).toEqual({ address: still(0).loanToken, decimals: 18, symbol: 'ABC' })
    expect(book.pairs()).toEqual([{ from: still(0).collateralToken, to: still(0).loanToken }])
    const next = blockAt(101n)
    book.beginBlock?.(next)
    book.fold(events(next, idOf(0)).repay(ALICE, 1n, 1_000_000n))
    expect(book.needsBootstrap()).toBe(false)
    expect([book.size(), book.has({ strategy: 'morpho-blue', market: idOf(0), account: ALICE })]).toEqual([1, true])
  })
  it('behavior: totals that differ from the contract are healed, positions included', async () => {
    const { book, block } = await openBook(LOANS, EVERYTHING, 1)
    const gap = blockAt(105n)
    book.fold(events(gap, idOf(0)).accrue(1n, 0n))
    expect(book.needsBootstrap()).toBe(true)
    const reader = readerWith(gap, { [encodeMarket(idOf(0))]: marketAnswer(gap, 2_000n) })
    const answering: Reader = {
      block: gap,
      read: async calls =>
        (await reader.read(calls)).map((result, i) =>
          calls[i]!.data.startsWith('0x93c52062') ? ok(0n, 650_000_000n, 1_000n) : result,
        ),
    }
    await book.bootstrap(answering)
    readPrices(book, gap, at(100n))
    expect(book.faults()).toEqual([])
    expect(book.positions(targetAfter(gap)).map(({ debtAssets }) => debtAssets)).toEqual([1_000n, 1_000n])
    book.undo(gap.number)
    readPrices(book, block, at(100n))
    expect(book.positions(targetAfter(block)).map(({ debtAssets }) => debtAssets)).toEqual([500n, 800n])
  })
  it('behavior: what does not answer is a fault, and is asked again with the next block', async () => {
    const book = bookOf()
    const block = blockAt(100n)
    book.fold(events(block, idOf(0)).create(still(0)))
    book.fold(events(block, idOf(0)).deposit(ALICE, 10n))
    book.fold(events(block, idOf(0)).borrow(ALICE, 1n, 1_000_000n))
    await book.bootstrap(readerWith(block, TOKEN_ANSWERS))
    expect(book.needsBootstrap()).toBe(false)
    readPrices(book, block, at(100n))
    expect(book.faults()).toEqual([{ market: idOf(0), reason: 'time of the last accrual: not known yet' }])
    expect(book.needsBootstrap()).toBe(true)
  })
  it('behavior: undo takes a bootstrap back: filters, tokens and all', async () => {
    const { book } = await openBook(LOANS, EVERYTHING, 1)
    const before = [...book.tokens().keys()]
    const later = blockAt(110n)
    openMarket(book, later, 5, paramsOf(5), LOANS)
    await book.bootstrap(readerWith(later, TOKEN_ANSWERS))
    expect(book.tokens().size).toBe(before.length + 2)
    book.undo(later.number)
    expect([...book.tokens().keys()]).toEqual(before)
    expect([book.size(), book.needsBootstrap(), book.pairs().length]).toEqual([2, false, 1])
  })
  it('behavior: filters name the adaptive models only once they are known', async () => {
    const { book } = await openBook(LOANS)
    expect(book.filters().flatMap(({ topics }) => topics[0] ?? [])).not.toContain(TOPIC_BORROW_RATE_UPDATE)
    expect(book.historyFilters()).toEqual(book.filters())
    expect(book.filtersVersion()).toBe(0)
  })
})

describe('token words', () => {
  const text = (hex: string): ReadResult => ok(32n, BigInt(hex.length / 2), BigInt(`0x${hex.padEnd(64, '0')}`))
  it('default', () => {
    expect(symbolOf(text('57455448'))).toBe('WETH')
    expect(readDecimals(ok(6n))).toBe(6)
  })
  it('behavior: bytes32, hostile and absent ones', () => {
    const bytes32: Hex = `0x${'4d4b52'.padEnd(64, '0')}`
    expect(symbolOf({ kind: 'ok', data: bytes32 })).toBe('MKR')
    expect(symbolOf(text('1b5b33316d41e282ae'))).toBe('?[31mA???')
    expect(symbolOf(ok(32n, (1n << 255n) + 1n, BigInt(`0x${'41'.repeat(32)}`), BigInt(`0x${'42'.repeat(32)}`)))).toBe(
      'A'.repeat(32),
    )
    expect(symbolOf(ok(32n, 0n))).toBeNull()
    expect(symbolOf(failed)).toBeNull()
    expect(readDecimals(ok(256n))).toBeNull()
    expect(readDecimals({ kind: 'ok', data: '0x' })).toBeNull()
  })
})
