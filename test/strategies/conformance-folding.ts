// Conformance: state that follows logs. Undo, finality, saving, filters, bootstraps, settings, determinism.
import { expect, it } from '@jest/globals'
import { KeeperError } from '../../src/core/errors'
import type { SavedState, StatePart } from '../../src/core/folder'
import { logMatches } from '../../src/core/log-filter'
import type { Block } from '../../src/core/primitives'
import type { Book } from '../../src/core/strategy'
import type { OverWorlds } from './conformance'
import {
  backfill,
  bootstrap,
  described,
  EVERYTHING,
  failingReader,
  follow,
  frozen,
  type Harness,
  lastBlock,
  readBlock,
  told,
  views,
  type World,
} from './conformance-world'

/** Parts in the order of their keys; bytes as plain numbers, so that differences show. */
const saved = (book: Book): readonly (readonly [string, string | readonly number[]])[] =>
  [...book.save()]
    .map(([key, part]) => [key, typeof part === 'string' ? part : [...part]] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))

/** As if it had been read from a file. */
const copied = (state: SavedState): SavedState =>
  new Map([...state].map(([key, part]): [string, StatePart] => [key, typeof part === 'string' ? part : part.slice()]))

const cutsOf = ({ blocks }: World): readonly number[] => [
  ...new Set([1, blocks.length >> 2, blocks.length >> 1, blocks.length - 2, blocks.length - 1]),
]

const damaged = (part: StatePart): readonly StatePart[] =>
  typeof part === 'string'
    ? ['', '{', 'null', part.slice(0, -1)].filter(each => each !== part)
    : [part.slice(0, -1), new Uint8Array(0)].filter(each => each.length !== part.length)

/** What a book that follows the world says and holds after each of its cuts, and in the end. */
interface Stage {
  readonly cut: number
  readonly block: Block
  readonly saved: ReturnType<typeof saved>
  readonly told: object
  readonly state: SavedState
}

const stagesOf = async (book: Book, world: World): Promise<readonly Stage[]> => {
  const stages: Stage[] = []
  let from = 0
  for (const cut of [...cutsOf(world), world.blocks.length]) {
    await follow(book, world, { from, to: cut })
    from = cut
    const { block } = world.blocks[cut - 1]!
    stages.push({ cut, block, saved: saved(book), told: told(book, block), state: copied(book.save()) })
  }
  return stages
}

/** Brings prices up to date after an undo: they are no state that undo could know. */
const catchUp = async (book: Book, world: World, block: Block): Promise<void> => {
  await bootstrap(book, world.readerAt(block))
  await readBlock(book, world, block)
}

const undoing = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: undo leaves what never following those blocks would, and they can be folded again', async () =>
    overWorlds(async world => {
      const stages = await stagesOf(createBook(EVERYTHING), world)
      const end = stages.at(-1)!
      const book = createBook(EVERYTHING)
      await follow(book, world)
      for (const { cut, block, ...stage } of [...stages].reverse()) {
        book.undo(block.number + 1n)
        await catchUp(book, world, block)
        expect(saved(book)).toEqual(stage.saved)
        expect(told(book, block)).toEqual(stage.told)
        await follow(book, world, { from: cut })
        expect(saved(book)).toEqual(end.saved)
        expect(told(book, end.block)).toEqual(end.told)
      }
    }))

  it('behavior: undoing everything leaves a book as new', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      const before = saved(book)
      await follow(book, world)
      book.undo(world.blocks[0]!.block.number)
      const nowhere = { number: 1n, timestampSec: 1n, baseFeePerGasWei: 1n }
      expect([saved(book), book.size(), book.pairs(), book.opportunities(nowhere)]).toEqual([before, 0, [], []])
    }))

  it('behavior: final blocks stay, the others can still be undone', async () =>
    overWorlds(async world => {
      for (const { block, ...stage } of (await stagesOf(createBook(EVERYTHING), world)).slice(1, 3)) {
        const book = createBook(EVERYTHING)
        await follow(book, world)
        book.finalise(block.number + 1n)
        book.undo(0n)
        await catchUp(book, world, block)
        expect(saved(book)).toEqual(stage.saved)
        expect(told(book, block)).toEqual(stage.told)
      }
    }))
}

const saving = ({ createBook, createOtherBook }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: a restored book is the saved one, and goes on like it', async () =>
    overWorlds(async world => {
      const stages = await stagesOf(createBook(EVERYTHING), world)
      const end = stages.at(-1)!
      for (const { cut, block, state, ...stage } of stages) {
        const book = createBook(EVERYTHING)
        book.restore(state)
        expect(saved(book)).toEqual(stage.saved)
        await catchUp(book, world, block)
        expect(told(book, block)).toEqual(stage.told)
        await follow(book, world, { from: cut })
        expect(saved(book)).toEqual(end.saved)
        expect(told(book, end.block)).toEqual(end.told)
        book.undo(block.number + 1n)
        expect(saved(book)).toEqual(stage.saved)
      }
    }))

  it('behavior: what was saved is a copy: it does not move with the book', async () =>
    overWorlds(async world => {
      const half = world.blocks.length >> 1
      const [book, other] = [createBook(EVERYTHING), createBook(EVERYTHING)]
      await follow(book, world, { to: half })
      const [state, before] = [book.save(), saved(book)]
      await follow(book, world, { from: half })
      other.restore(state)
      expect(saved(other)).toEqual(before)
    }))

  it('error: damaged state is refused as a bad checkpoint', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      await follow(book, world)
      const state = book.save()
      const wrong = [...state].flatMap(([key, part]) => {
        const without = new Map(state)
        without.delete(key)
        return [without, ...damaged(part).map(each => new Map(state).set(key, each))]
      })
      expect(wrong.length).toBeGreaterThan(0)
      for (const each of wrong) {
        const empty = createBook(EVERYTHING)
        let thrown: unknown = null
        try {
          empty.restore(each)
        } catch (error) {
          thrown = error
        }
        expect(thrown).toBeInstanceOf(KeeperError)
        expect((thrown as KeeperError).code).toBe('bad-checkpoint')
        expect([saved(empty), empty.size()]).toEqual([saved(createBook(EVERYTHING)), 0])
      }
    }))

  it('behavior: what a book of other lists may take up serves it as its own would', async () =>
    overWorlds(async world => {
      const book = createBook(EVERYTHING)
      await follow(book, world)
      const block = lastBlock(world)
      const markets = [...new Set(views(book, block).map(({ market }) => market))]
      for (const scope of [
        { ...EVERYTHING, markets: { allow: markets.slice(0, 1), deny: [] } },
        { ...EVERYTHING, markets: { allow: [], deny: markets.slice(0, 1) } },
        { ...EVERYTHING, accounts: { allow: [], deny: views(book, block).map(({ account }) => account) } },
      ]) {
        const [own, restored] = [createBook(scope), createBook(scope)]
        if (own.fingerprint() !== book.fingerprint()) continue
        await follow(own, world)
        restored.restore(book.save())
        await catchUp(restored, world, block)
        expect(told(restored, block)).toEqual(told(own, block))
      }
    }))

  it('default: the fingerprint is that of the settings', () => {
    const fingerprint = createBook(EVERYTHING).fingerprint()
    expect(createBook(frozen({ ...EVERYTHING })).fingerprint()).toBe(fingerprint)
    expect(createOtherBook().fingerprint()).not.toBe(fingerprint)
  })
}

const listening = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: the filters let through all that matters, and their version changes with them', async () =>
    overWorlds(async world => {
      const [picky, greedy] = [createBook(EVERYTHING), createBook(EVERYTHING)]
      for (let at = 0; at < world.blocks.length; at++) {
        const [version, filters] = [picky.filtersVersion(), picky.filters()]
        await follow(picky, world, { from: at, to: at + 1 })
        await follow(greedy, world, { from: at, to: at + 1, filtered: false })
        if (picky.filtersVersion() === version) expect(picky.filters()).toEqual(filters)
      }
      expect(saved(picky)).toEqual(saved(greedy))
      expect(told(picky, lastBlock(world))).toEqual(told(greedy, lastBlock(world)))
      const strangers = world.blocks.flatMap(({ logs }) =>
        logs.filter(log => !picky.filters().some(each => logMatches(each, log))),
      )
      expect(strangers.length).toBeGreaterThan(0)
    }))

  it('behavior: history folded in one go says the same as following it live', async () =>
    overWorlds(async world => {
      const [live, late] = [createBook(EVERYTHING), createBook(EVERYTHING)]
      await follow(live, world)
      await backfill(late, world)
      const block = lastBlock(world)
      expect(views(late, block)).toEqual(views(live, block))
      expect(described(late, block)).toEqual(described(live, block))
      expect(late.faults()).toEqual(live.faults())
      expect(new Set(late.pairs().map(({ from, to }) => from + to))).toEqual(
        new Set(live.pairs().map(({ from, to }) => from + to)),
      )
    }))

  it('behavior: two books that hear the same say the same', async () =>
    overWorlds(async world => {
      const [one, two] = [createBook(EVERYTHING), createBook(EVERYTHING)]
      await follow(one, world)
      await follow(two, world)
      expect(saved(one)).toEqual(saved(two))
      expect(told(one, lastBlock(world))).toEqual(told(two, lastBlock(world)))
    }))
}

const bootstrapping = ({ createBook }: Harness, overWorlds: OverWorlds): void => {
  it('behavior: bootstraps end, answered or not; unanswered, they are asked for again with the next block', async () =>
    overWorlds(async world => {
      const block = lastBlock(world)
      const [mute, live] = [createBook(EVERYTHING), createBook(EVERYTHING)]
      const filters = mute.historyFilters()
      for (const { logs } of world.blocks) for (const log of logs) if (filters.some(each => logMatches(each, log))) mute.fold(log)
      expect(await bootstrap(mute, failingReader(block))).toBeLessThan(8)
      expect(mute.needsBootstrap()).toBe(false)
      mute.acceptReads(block, await failingReader(block).read(mute.blockReads()))
      expect(
        mute.opportunities({ number: block.number + 1n, timestampSec: block.timestampSec + 12n, baseFeePerGasWei: 1n }),
      ).toEqual([])
      await follow(live, world)
      expect(live.needsBootstrap()).toBe(false)
      if (live.size() === 0) return
      expect(mute.needsBootstrap() || mute.faults().length > 0).toBe(true)
      await bootstrap(mute, world.readerAt(block))
      await readBlock(mute, world, block)
      expect(views(mute, block)).toEqual(views(live, block))
      expect(described(mute, block)).toEqual(described(live, block))
    }))
}

/** The checks, as tests of the block around. */
export const foldingConformance = (harness: Harness, overWorlds: OverWorlds): void => {
  undoing(harness, overWorlds)
  saving(harness, overWorlds)
  listening(harness, overWorlds)
  bootstrapping(harness, overWorlds)
}
