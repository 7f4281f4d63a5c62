// Conformance: who is under water and how to close it, at the prices read and at others; scope.
import { expect, it } from '@jest/globals'
import type { Close, Opportunity } from '../../src/core/opportunity'
import type { Address, Block, TargetBlock } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'
import type { Book, Scope } from '../../src/core/strategy'
import type { OverWorlds } from './conformance'
import {
  described,
  EVERYTHING,
  follow,
  frozen,
  type Harness,
  keyOf,
  lastBlock,
  opportunities,
  targetAfter,
  told,
  views,
  type World,
} from './conformance-world'

const WAD = 10n ** 18n
const ADDRESS = /^0x[0-9a-f]{40}$/
const HEX = /^0x([0-9a-f]{2})*$/

const faultyMarkets = (book: Book): ReadonlySet<string> => new Set(book.faults().map(({ market }) => market))

/** What the tables say should be among the opportunities: under water, with something to seize. */
const expectedOf = (book: Book, block: Block): readonly string[] =>
  views(book, block)
    .filter(view => view.healthFactorWad !== null && view.healthFactorWad < WAD && view.collateralAssets > 0n)
    .map(keyOf)

const checkSteps = (steps: readonly Step[], funding: Close['funding']): void => {
  expect(steps.length).toBeGreaterThan(0)
  let callbacks = 0
  for (const step of steps) {
    if (step.kind !== 'call') continue
    expect(step.to).toMatch(ADDRESS)
    expect(step.data).toMatch(HEX)
    if (step.callback === null) continue
    callbacks += 1
    expect(step.callback.from).toMatch(ADDRESS)
  }
  expect(callbacks).toBe(funding === 'callback' ? 1 : 0)
}

const MARK: Step = {
  kind: 'pay',
  token: `0x${'ab'.repeat(20)}`,
  to: `0x${'cd'.repeat(20)}`,
  amount: { kind: 'exact', value: 1n },
}

const checkClose = (close: Close, book: Book): void => {
  const { minPay, maxPay, funding, payToken, receiveToken } = close
  expect(minPay > 0n && minPay <= maxPay).toBe(true)
  expect([payToken, receiveToken].every(token => ADDRESS.test(token))).toBe(true)
  expect(book.pairs()).toContainEqual({ from: receiveToken, to: payToken })
  expect(close.gas > 0n).toBe(true)
  expect(Number.isInteger(close.paidWord) && close.paidWord >= 0).toBe(true)
  const span = maxPay - minPay
  const pays = [0n, 1n, span / 97n, span / 3n, span / 2n, (span * 96n) / 97n, span - 1n, span, span + 1n].filter(
    more => more >= 0n,
  )
  let before = { paid: 0n, received: 0n }
  for (const pay of pays
    .filter(more => more >= 0n)
    .sort((a, b) => (a < b ? -1 : 1))
    .map(more => minPay + more)) {
    const amounts = close.amountsFor(pay)
    expect(amounts.paid <= pay && amounts.needed >= amounts.paid && amounts.received >= 0n).toBe(true)
    expect(amounts.paid >= before.paid && amounts.received >= before.received).toBe(true)
    before = amounts
    checkSteps(close.encode(pay, []), funding)
  }
  expect(close.amountsFor(minPay).paid > 0n).toBe(true)
  expect(close.amountsFor(maxPay + 1n)).toEqual(close.amountsFor(maxPay))
  if (funding === 'upfront') return
  const [call] = close.encode(maxPay, [MARK]).filter(step => step.kind === 'call' && step.callback !== null)
  expect(call?.kind === 'call' ? call.callback?.program : []).toContainEqual(MARK)
}

const checkOpportunity = ({ position, closes, obstacle, debtAssets }: Opportunity, book: Book): void => {
  expect(position.strategy).toBe(book.strategy)
  expect(position.account).toMatch(ADDRESS)
  expect(position.market).toMatch(HEX)
  expect(book.has(position) && book.covers(position)).toBe(true)
  expect(book.covers({ ...position, strategy: 'another' }) || book.has({ ...position, strategy: 'another' })).toBe(false)
  expect(debtAssets >= 0n).toBe(true)
  expect(closes.length > 0 || (obstacle !== null && obstacle.length > 0)).toBe(true)
  for (const close of closes) checkClose(close, book)
}

const finding = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  it('default: opportunities are exactly those whose health is below 1, in every block', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      for (let at = 0; at < world.blocks.length; at++) {
        const { block } = world.blocks[at]!
        await follow(book, world, { from: at, to: at + 1 })
        const faulty = faultyMarkets(book)
        const found = opportunities(book, block).map(({ position }) => keyOf(position))
        expect(found).toEqual(expectedOf(book, block))
        expect(new Set(found).size).toBe(found.length)
        for (const view of views(book, block)) expect(view.healthFactorWad !== null || faulty.has(view.market)).toBe(true)
        expect(views(book, block).length).toBe(book.size())
      }
    }))

  it('behavior: every close keeps its bounds, its amounts and its form', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      for (let at = 0; at < world.blocks.length; at++) {
        await follow(book, world, { from: at, to: at + 1 })
        if (at % 4 === 3 || at === world.blocks.length - 1)
          for (const each of opportunities(book, world.blocks[at]!.block)) checkOpportunity(each, book)
      }
    }))

  it('behavior: with a limit, the tables hold those of least health', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      await follow(book, world)
      const target = targetAfter(lastBlock(world))
      const sorted = (limit?: number): readonly (bigint | null)[] =>
        book
          .positions(target, limit)
          .map(({ healthFactorWad }) => healthFactorWad)
          .sort((a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a < b ? -1 : 1))
      for (const limit of [1, 2, 5, book.size(), book.size() + 10])
        expect(sorted(limit).slice(0, limit)).toEqual(sorted().slice(0, limit))
    }))
}

const scoping = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  const foundBy = async (world: World, scope: Partial<Scope>): Promise<readonly Opportunity[]> => {
    const book = createBook(frozen({ ...EVERYTHING, ...scope }))
    await follow(book, world)
    return opportunities(book, lastBlock(world))
  }
  const keys = (found: readonly Opportunity[]): readonly string[] => found.map(({ position }) => keyOf(position))

  it('behavior: markets and accounts are acted on only where the lists let them', async () =>
    overWorlds(async world => {
      const all = await foundBy(world, {})
      const { market, account } = all[0]?.position ?? { market: '0x01' as const, account: `0x${'0'.repeat(40)}` as Address }
      const ofMarket = keys(all.filter(({ position }) => position.market === market))
      const ofOthers = keys(all.filter(({ position }) => position.market !== market))
      expect(keys(await foundBy(world, { markets: { allow: [market], deny: [] } }))).toEqual(ofMarket)
      expect(keys(await foundBy(world, { markets: { allow: [], deny: [market] } }))).toEqual(ofOthers)
      expect(keys(await foundBy(world, { markets: { allow: [market], deny: [market] } }))).toEqual([])
      const ofAccount = keys(all.filter(({ position }) => position.account === account))
      const ofOtherAccounts = keys(all.filter(({ position }) => position.account !== account))
      expect(keys(await foundBy(world, { accounts: { allow: [account], deny: [] } }))).toEqual(ofAccount)
      expect(keys(await foundBy(world, { accounts: { allow: [], deny: [account] } }))).toEqual(ofOtherAccounts)
    }))

  it('behavior: what owes less than the least debt is left alone', async () =>
    overWorlds(async world => {
      const all = await foundBy(world, {})
      const prototype = createBook(EVERYTHING)
      await follow(prototype, world)
      const ofEach = (least: bigint) => Object.fromEntries([...prototype.tokens().keys()].map(token => [token, least]))
      expect((await foundBy(world, { minDebtAssets: ofEach((1n << 127n) - 1n) })).flatMap(({ closes }) => closes)).toEqual([])
      expect(keys(await foundBy(world, { minDebtAssets: ofEach(1n) }))).toEqual(keys(all))
    }))
}

/** Factors worth trying: each token up and down, and two at once. */
const scenarios = (tokens: readonly Address[]): readonly ReadonlyMap<Address, bigint>[] => [
  new Map(),
  ...tokens.flatMap(token => [70n, 97n, 140n].map(percent => new Map([[token, (percent * WAD) / 100n + 7n]]))),
  new Map(tokens.slice(0, 2).map((token, i): [Address, bigint] => [token, i === 0 ? WAD / 2n : (3n * WAD) / 2n])),
]

const supposing = ({ createBook, resultsAfter }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: at other values a book says what it would if the reads said so, and stays as it was', async () =>
    overWorlds(async world => {
      const [book, other] = [createBook(EVERYTHING), createBook(EVERYTHING)]
      await follow(book, world)
      await follow(other, world)
      const block = lastBlock(world)
      const [before, state] = [told(book, block), book.save()]
      const results = await world.readerAt(block).read(book.blockReads())
      let compared = 0
      for (const factorWad of scenarios([...book.tokens().keys()])) {
        const supposed = described(book, block, { kind: 'values', factorWad })
        const calls = other.blockReads()
        const changed = resultsAfter(calls, results, factorWad)
        if (changed === null) continue
        compared += 1
        other.acceptReads(block, changed)
        expect(supposed).toEqual(described(other, block))
        book.blockReads()
        expect(described(book, block, { kind: 'reads', results: frozen(changed) })).toEqual(supposed)
      }
      expect(compared).toBeGreaterThan(1)
      expect(book.save()).toEqual(state)
      expect(told(book, block)).toEqual(before)
    }))

  it('behavior: reads that are still to come are answered as a book that got them would', async () =>
    overWorlds(async world => {
      const late = lastBlock(world)
      for (const at of [world.blocks.length >> 2, world.blocks.length >> 1]) {
        const { block } = world.blocks[at]!
        const [book, other] = [createBook(EVERYTHING), createBook(EVERYTHING)]
        await follow(book, world, { to: at + 1 })
        await follow(other, world, { to: at + 1 })
        const before = told(book, block)
        const results = await world.readerAt(late).read(book.blockReads())
        const supposed = described(book, block, { kind: 'reads', results })
        other.blockReads()
        other.acceptReads(block, results)
        expect(supposed).toEqual(described(other, block))
        expect(told(book, block)).toEqual(before)
        const nothing = results.map(() => ({ kind: 'failed', why: 'reverted' }) as const)
        book.blockReads()
        expect(book.opportunities(targetAfter(block), { kind: 'reads', results: nothing })).toEqual([])
      }
    }))
}

const FALLS_BPS = [0n, 1n, 100n, 500n, 1_000n, 3_000n, 6_000n, 9_500n]

/** What each account owes, by token, as the tables say: right for protocols where a position has one debt. */
const debtsInViews = (book: Book, target: TargetBlock): ReadonlyMap<string, ReadonlyMap<Address, bigint>> =>
  new Map(book.positions(target).map(view => [keyOf(view), new Map([[view.debtToken, view.debtAssets]])]))

const risking = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: debt at risk is what asking for each fall finds', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      await follow(book, world)
      const [block, target] = [lastBlock(world), targetAfter(lastBlock(world))]
      const owed = world.debts ?? debtsInViews(book, target)
      let compared = 0
      for (const token of book.tokens().keys()) {
        const hits = FALLS_BPS.map(fall =>
          opportunities(book, block, { kind: 'values', factorWad: new Map([[token, ((10_000n - fall) * WAD) / 10_000n]]) }),
        )
        const rows = book.debtAtRisk(target, token, FALLS_BPS)
        expect(new Set(rows.map(({ market, debtToken }) => market + debtToken)).size).toBe(rows.length)
        for (const { market, debtToken, debtAssets, positions } of rows)
          for (const [i, found] of hits.entries()) {
            const own = found.flatMap(({ position }) =>
              position.market === market ? (owed.get(keyOf(position))?.get(debtToken) ?? []) : [],
            )
            const sum = own.reduce((total, debt) => total + debt, 0n)
            expect(positions[i]).toBe(own.length)
            // Each debt is rounded up by itself here, the sum of them there.
            expect(debtAssets[i]! <= sum && debtAssets[i]! >= sum - BigInt(own.length)).toBe(true)
            compared += own.length
          }
        // A market without rows does not care about the token.
        const markets = new Set(rows.map(({ market }) => market))
        const quiet = hits.map(found => found.flatMap(({ position }) => (markets.has(position.market) ? [] : [keyOf(position)])))
        expect(quiet).toEqual(quiet.map(() => quiet[0]))
      }
      expect(compared).toBeGreaterThan(0)
      for (const { debtAssets, positions } of book.debtAtRisk(target, [...book.tokens().keys()][0]!, []))
        expect([debtAssets, positions]).toEqual([[], []])
    }))
}

/** The checks, as tests of the block around. */
export const judgingConformance = (harness: Harness, overWorlds: OverWorlds): void => {
  finding(harness, overWorlds)
  scoping(harness, overWorlds)
  supposing(harness, overWorlds)
  risking(harness, overWorlds)
}
