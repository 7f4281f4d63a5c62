// Conformance: reads that fail or lie, audits, samples, quarantine.

import { expect, it } from '@jest/globals'
import { word } from '../../src/core/abi-words'
import type { ReadResult } from '../../src/core/folder'
import { logMatches } from '../../src/core/log-filter'
import type { Opportunity, PositionRef, PositionView } from '../../src/core/opportunity'
import type { Block, Hex, Log } from '../../src/core/primitives'
import type { Book, Drift } from '../../src/core/strategy'
import { createRandom } from '../../src/lab/world/random'
import type { OverWorlds } from './conformance'
import {
  bootstrap,
  described,
  EVERYTHING,
  failingReader,
  follow,
  type Harness,
  keyOf,
  lastBlock,
  opportunities,
  readBlock,
  targetAfter,
  told,
  views,
  type World,
} from './conformance-world'

/** What hostile or broken contracts answer. */
const BROKEN: readonly ReadResult[] = [
  { kind: 'failed', why: 'reverted' },
  { kind: 'failed', why: 'out of gas' },
  { kind: 'ok', data: '0x' },
  { kind: 'ok', data: '0x1234' },
  { kind: 'ok', data: `0x${word(0n)}` },
  { kind: 'ok', data: `0x${word((1n << 256n) - 1n)}` },
  { kind: 'ok', data: `0x${word((1n << 255n) + 1n)}` },
  { kind: 'ok', data: `0x${'ff'.repeat(4_096)}` },
]

const marketsOf = (refs: readonly { readonly market: Hex }[]): ReadonlySet<Hex> => new Set(refs.map(({ market }) => market))

/** Takes `results` and checks that what is not faulty is as it was in `sound`. */
const checkOthersGoOn = (book: Book, block: Block, results: readonly ReadResult[], sound: readonly object[]): number => {
  book.blockReads()
  book.acceptReads(block, results)
  const faulty = marketsOf(book.faults())
  const left = new Set(opportunities(book, block).map(({ position }) => keyOf(position)))
  for (const { position } of sound as readonly { readonly position: PositionRef }[])
    expect(left.has(keyOf(position)) || faulty.has(position.market)).toBe(true)
  for (const { market, healthFactorWad } of views(book, block)) expect(healthFactorWad !== null || faulty.has(market)).toBe(true)
  return left.size
}

const failing = ({ createBook, seeds }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: reads that fail or lie throw nothing, are faults of their market, and heal', async () =>
    overWorlds(async (world, seed) => {
      const random = createRandom(seed, 'broken reads')
      const book = createBook(EVERYTHING)
      await follow(book, world)
      const block = lastBlock(world)
      const before = told(book, block)
      const sound = described(book, block)
      const results = await world.readerAt(block).read(book.blockReads())
      let survivors = 0
      for (let at = 0; at < results.length; at++) {
        const failed = results.map((result, i): ReadResult => (i === at ? BROKEN[0]! : result))
        survivors = Math.max(survivors, checkOthersGoOn(book, block, failed, sound))
        // A fault, or an obstacle to some closes; or nobody depended on it.
        const isKnown = book.faults().length > 0 || opportunities(book, block).some(({ obstacle }) => obstacle !== null)
        if (!isKnown) expect(described(book, block)).toEqual(sound)
      }
      if (sound.length > 1) expect(survivors).toBeGreaterThan(0)
      for (let round = 0; round < 60; round++) {
        const broken = results.map(
          (result): ReadResult => (random.unit() < 0.4 ? BROKEN[Math.floor(random.unit() * BROKEN.length)]! : result),
        )
        book.blockReads()
        book.acceptReads(block, broken)
        book.debtAtRisk(targetAfter(block), `0x${'0'.repeat(40)}`, [100n])
        for (const { closes } of book.opportunities(targetAfter(block)))
          for (const { minPay, maxPay, amountsFor } of closes)
            expect(amountsFor(maxPay).paid >= amountsFor(minPay).paid).toBe(true)
      }
      book.blockReads()
      book.acceptReads(block, [])
      expect(book.opportunities(targetAfter(block))).toEqual([])
      await readBlock(book, world, block)
      expect(told(book, block)).toEqual(before)
      expect(seeds).toContain(seed)
    }))
}

/** Answers with one word of one result a little off. */
const tamperedAnswers = (results: readonly ReadResult[]): readonly (readonly ReadResult[])[] =>
  results.flatMap((result, i) => {
    if (result.kind === 'failed') return []
    const words = Math.floor((result.data.length - 2) / 64)
    return Array.from({ length: words }, (_, at) => {
      const from = 2 + 64 * at
      const value = BigInt(`0x${result.data.slice(from, from + 64)}`)
      const data: Hex = `0x${result.data.slice(2, from)}${word(value === 0n ? 1n : value - 1n)}${result.data.slice(from + 64)}`
      return results.map((each, j): ReadResult => (j === i ? { kind: 'ok', data } : each))
    })
  })

/** What a table shows of a position, amounts as text. */
const text = (view: PositionView | undefined): readonly string[] =>
  view === undefined ? [] : [view.collateralToken, view.debtToken, `${view.collateralAssets}`, `${view.debtAssets}`]

const gone = (book: Book, market: Hex): PositionRef => ({ strategy: book.strategy, market, account: `0x${'7e'.repeat(20)}` })

const auditing = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: an audit finds nothing where all is well, and every planted difference', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      for (const cut of [world.blocks.length >> 1, world.blocks.length]) {
        await follow(book, world, { from: cut === world.blocks.length ? world.blocks.length >> 1 : 0, to: cut })
        const { block } = world.blocks[cut - 1]!
        const refs = views(book, block)
        const questions = book.audit([...refs, ...refs.slice(0, 1).map(({ market }) => gone(book, market))])
        expect(questions.map(({ position }) => keyOf(position)).slice(0, refs.length)).toEqual(refs.map(keyOf))
        for (const { position, calls, compare } of questions) {
          const results = await world.readerAt(block).read(calls)
          expect(calls.length).toBeGreaterThan(0)
          expect(compare(results)).toEqual([])
          const drifts = tamperedAnswers(results).flatMap(each => compare(each) ?? [])
          expect(drifts.length).toBeGreaterThan(0)
          for (const drift of drifts) {
            expect([drift.position.market, drift.position.account]).toEqual([position.market, position.account])
            expect(drift.book).not.toBe(drift.chain)
            expect(drift.field.length).toBeGreaterThan(0)
          }
          for (const each of BROKEN.slice(0, 4)) expect(compare(results.map(() => each)) ?? []).toEqual([])
          expect(compare([]) ?? []).toEqual([])
        }
      }
      expect(book.audit([])).toEqual([])
    }))

  it('behavior: an audit finds what a missed log left wrong', async () => {
    let missedLogs = 0
    await overWorlds(async (world, seed) => {
      const random = createRandom(seed, 'missed logs')
      const sound = createBook(EVERYTHING)
      await follow(sound, world)
      const block = lastBlock(world)
      const [expected, refs] = [views(sound, block), views(sound, block)]
      const heard = world.blocks
        .slice(world.blocks.length >> 1)
        .flatMap(({ logs }) => logs.filter(log => sound.filters().some(filter => logMatches(filter, log))))
      let found = 0
      for (const missed of heard.filter(() => random.unit() < 20 / heard.length)) {
        const blocks = world.blocks.map(each => ({ ...each, logs: each.logs.filter(log => log !== missed) }))
        const book = createBook(EVERYTHING)
        try {
          await follow(book, { ...world, blocks })
        } catch (error) {
          // The logs after it contradicted what was held.
          expect(error).toBeInstanceOf(RangeError)
          continue
        }
        const shown = views(book, block)
        const wrong = refs.filter(
          (ref, i) => JSON.stringify(text(shown.find(each => keyOf(each) === keyOf(ref)))) !== JSON.stringify(text(expected[i])),
        )
        if (wrong.length === 0 || book.faults().length > sound.faults().length) continue
        const drifts: Drift[] = []
        for (const { calls, compare } of book.audit([...refs, ...shown]))
          drifts.push(...(compare(await world.readerAt(block).read(calls)) ?? []))
        expect([missed, drifts.length > 0]).toEqual([missed, true])
        found += 1
      }
      missedLogs += found
    })
    expect(missedLogs).toBeGreaterThan(0)
  })

  it('behavior: samples visit every position, again and again', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      expect(book.sample(0, 5).positions).toEqual([])
      await follow(book, world)
      const all = new Set(views(book, lastBlock(world)).map(keyOf))
      for (const count of [1, 3, all.size, all.size + 5]) {
        let cursor = 0
        for (let turn = 0; turn < 2; turn++) {
          const seen = new Set<string>()
          // Empty places may cost a call now and then.
          for (let calls = 0; calls < 4 * Math.ceil(all.size / count) + 8; calls++) {
            const { positions, next } = book.sample(cursor, count)
            expect(positions.length).toBeLessThanOrEqual(count)
            for (const each of positions) seen.add(keyOf(each))
            cursor = next
          }
          // Others may be among them: an account that stands for what no open position would show.
          expect([...all].filter(key => !seen.has(key))).toEqual([])
        }
      }
    }))
}

const quarantining = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  const opened = async (world: World): Promise<{ readonly book: Book; readonly block: Block; readonly market: Hex | null }> => {
    const book = createBook(EVERYTHING)
    await follow(book, world)
    const block = lastBlock(world)
    return { book, block, market: opportunities(book, block)[0]?.position.market ?? null }
  }
  const isHeld = (book: Book, market: Hex): boolean =>
    book.faults().some(fault => fault.market === market && fault.reason.includes('planted'))

  it('behavior: a quarantined market is not acted on, the others are, until bootstraps have read it anew', async () =>
    overWorlds(async world => {
      const { book, block, market } = await opened(world)
      if (market === null) return
      const before = told(book, block)
      const others = opportunities(book, block).filter(({ position }) => position.market !== market)
      book.quarantine(market, block.number, 'planted by the test')
      const left = (): readonly string[] => opportunities(book, block).map(({ position }) => keyOf(position))
      expect(left()).toEqual(others.map(({ position }) => keyOf(position)))
      expect(isHeld(book, market)).toBe(true)
      const supposed = book.opportunities(targetAfter(block), { kind: 'values', factorWad: new Map() })
      expect(supposed.some(({ position }) => position.market === market)).toBe(false)
      expect(book.needsBootstrap()).toBe(true)
      await bootstrap(book, failingReader(block))
      expect([left(), isHeld(book, market)]).toEqual([others.map(({ position }) => keyOf(position)), true])
      await readBlock(book, world, block)
      expect(await bootstrap(book, world.readerAt(block))).toBeLessThan(8)
      await readBlock(book, world, block)
      expect(book.needsBootstrap()).toBe(false)
      expect(told(book, block)).toEqual(before)
    }))

  it('behavior: undo takes a quarantine back, and what lifted it; saving keeps it', async () =>
    overWorlds(async world => {
      const { book, block, market } = await opened(world)
      if (market === null) return
      const before = told(book, block)
      const state = book.save()
      book.quarantine(market, block.number + 1n, 'planted by the test')
      const held = createBook(EVERYTHING)
      held.restore(book.save())
      await readBlock(held, world, block)
      expect(held.opportunities(targetAfter(block)).some(({ position }) => position.market === market)).toBe(false)
      book.undo(block.number + 1n)
      expect([book.needsBootstrap(), isHeld(book, market)]).toEqual([false, false])
      await bootstrap(book, world.readerAt(block))
      await readBlock(book, world, block)
      expect(told(book, block)).toEqual(before)
      expect(book.save()).toEqual(state)
    }))
}

/** Whether a log names the account and, if it has words of markets, the market of one of these. */
const isAbout = ({ topics, data }: Log, sound: readonly Opportunity[]): boolean => {
  const text = [...topics, data].join()
  return sound.some(({ position }) => text.includes(position.account.slice(2)) && text.includes(position.market.slice(2)))
}

const distrusting = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: what a distrusted log is about is not acted on until it was read anew, and undo takes that back', async () =>
    overWorlds(async world => {
      const block = lastBlock(world)
      const last = { number: block.number + 1n, hash: `0x${'5d'.repeat(32)}` as const }
      const prototype = createBook(EVERYTHING)
      if (prototype.distrust === undefined) return
      await follow(prototype, world)
      const filters = prototype.filters()
      const logs = world.blocks.flatMap(each => each.logs.filter(log => filters.some(filter => logMatches(filter, log))))
      for (const log of logs.filter((_, i) => i % 23 === 0)) {
        const book = createBook(EVERYTHING)
        await follow(book, world)
        const before = told(book, block)
        const sound = opportunities(book, block)
        book.distrust?.({ ...log, blockNumber: last.number, blockHash: last.hash }, 'planted by the test')
        const known = new Set(sound.map(({ position }) => keyOf(position)))
        expect(opportunities(book, block).filter(({ position }) => !known.has(keyOf(position)))).toEqual([])
        if (isAbout(log, sound)) expect(opportunities(book, block).length).toBeLessThan(sound.length)
        book.undo(last.number)
        await bootstrap(book, world.readerAt(block))
        await readBlock(book, world, block)
        expect(told(book, block)).toEqual(before)
      }
    }))
}

/** The checks, as tests of the block around. */
export const readingConformance = (harness: Harness, overWorlds: OverWorlds): void => {
  failing(harness, overWorlds)
  auditing(harness, overWorlds)
  quarantining(harness, overWorlds)
  distrusting(harness, overWorlds)
}
