// The drift audit on a Morpho in memory, through the real watcher: random histories with reorgs raise no alarm; whatever log is lost, the
// book ends up as the contract has it.
import { describe, expect, it } from '@jest/globals'
import { KeeperError } from '../../../src/core/errors'
import { logMatches } from '../../../src/core/log-filter'
import type { Block, Hex, Log, LogFilter } from '../../../src/core/primitives'
import type { Book } from '../../../src/core/strategy'
import { createRandom } from '../../../src/lab/world/random'
import type { Chain } from '../../../src/ports'
import { createWatcher, type Watcher } from '../../../src/watcher/watcher'
import { TOPIC, TOPIC_BORROW_RATE_UPDATE } from '../../../strategies/morpho-blue/abi'
import { configSchema, morphoBlue } from '../../../strategies/morpho-blue/strategy'
import { createQuiet, type Quiet } from '../../fakes/quiet'
import { EVERYTHING, follow, opportunities, readBlock, views, type WorldBlock } from '../conformance-world'
import { blockAt, hashOf, MORPHO } from './history'
import { ADAPTIVE, morphoWorld } from './model'

const bookOf = (): Book => morphoBlue.createBook(configSchema.parse({ address: MORPHO }), EVERYTHING)

interface Scene {
  readonly chain: Chain
  readonly book: Book
  readonly watcher: Watcher
  readonly quiet: Quiet
  /** Shows so many more blocks of the history, and lets the watcher deal with the last of them. Past its end: empty ones. */
  play(blocks?: number): Promise<void>
  /** The last blocks have other hashes now; what is in them is the same. */
  reorg(depth: number): void
  isOver(): boolean
  /** What a book says that missed nothing. */
  truth(): Promise<object>
  told(): object
}

const describeBook = (book: Book, block: Block): object => ({
  views: views(book, block),
  opportunities: opportunities(book, block).map(({ position, closes }) => [position, closes.map(({ maxPay }) => maxPay)]),
})

/** `loses` says which logs a node does not give to which question. */
const openScene = async (
  seed: number,
  {
    loses = () => false,
    auditPerBlock = 4,
    length = 60,
  }: { loses?: (log: Log, filters: readonly LogFilter[]) => boolean; auditPerBlock?: number; length?: number } = {},
): Promise<Scene> => {
  const world = morphoWorld(seed, length)
  const shown: (WorldBlock & { readonly original: Block })[] = []
  let fork = 0
  const below = Array.from({ length: 10 }, (_, n) => blockAt(BigInt(n)))
  const all = (): readonly Block[] => [...below, ...shown.map(({ block }) => block)]
  const show = (): void => {
    const at = shown.length
    const [before, given] = [shown.at(-1), world.blocks[at]]
    const original = given?.block ?? world.blocks.at(-1)!.block
    const number = 10n + BigInt(at)
    const hash = hashOf(number, fork)
    const block: Block = {
      ...original,
      number,
      hash,
      parentHash: before?.block.hash ?? hashOf(9n),
      timestampSec: given === undefined ? before!.block.timestampSec + 12n : original.timestampSec,
    }
    shown.push({ block, original, logs: (given?.logs ?? []).map(log => ({ ...log, blockHash: hash })) })
  }
  const found = (hash: Hex) => {
    const known = shown.find(each => each.block.hash === hash)
    if (known === undefined) throw new KeeperError('rpc-refused', 'unknown block', { retryable: true })
    return known
  }
  const given = (logs: readonly Log[], filters: readonly LogFilter[]): readonly Log[] =>
    logs.filter(log => filters.some(filter => logMatches(filter, log)) && !loses(log, filters))
  const unused = (): never => {
    throw new Error('the watcher has no business asking this')
  }
  const chain: Chain = {
    id: 1,
    followHeads: unused,
    blockByTag: async () => shown.at(-1)!.block,
    blockByHash: async hash => all().find(block => block.hash === hash) ?? null,
    blockByNumber: async number => all().find(block => block.number === number) ?? null,
    logsOfBlock: async (hash, filters) => given(found(hash).logs, filters),
    logsInRange: async (from, to, filters) =>
      given(
        shown.filter(({ block }) => block.number >= from && block.number <= to).flatMap(({ logs }) => logs),
        filters,
      ),
    read: async (calls, hash) => world.readerAt(found(hash).original).read(calls),
    simulate: unused,
    receiptsOfBlock: async () => null,
    receipt: unused,
    nonce: unused,
    balance: unused,
    code: unused,
    requestCount: () => 0,
    close: async () => undefined,
  }
  for (let at = 0; at < 3; at++) show()
  const book = bookOf()
  const quiet = createQuiet()
  const { log, meter } = quiet
  const pause = async (): Promise<void> => undefined
  const watcher = createWatcher({ chain, strategies: [book], venues: [], log, meter, auditPerBlock, pause, finalityDepth: 24n })
  await watcher.backfill(new AbortController().signal)
  return {
    chain,
    book,
    watcher,
    quiet,
    play: async (blocks = 1) => {
      for (let at = 0; at < blocks; at++) show()
      expect((await watcher.advance(shown.at(-1)!.block)).kind).toBe('advanced')
      await watcher.mend()
      // What goes on beside the blocks: searches of the past.
      await new Promise(resolve => setImmediate(resolve))
    },
    reorg: depth => {
      fork += 1
      const depthNow = Math.min(depth, shown.length - 4)
      shown.splice(shown.length - depthNow)
      for (let at = 0; at < depthNow; at++) show()
    },
    isOver: () => shown.length >= world.blocks.length,
    truth: async () => {
      const other = bookOf()
      await follow(other, world)
      const [last, { original }] = [shown.at(-1)!.block, shown.at(-1)!]
      await readBlock(other, world, original)
      return describeBook(other, last)
    },
    told: () => describeBook(book, shown.at(-1)!.block),
  }
}

const alarms = (quiet: Quiet) => quiet.lines.filter(({ event }) => event === 'drift')

describe('the drift audit of Morpho Blue', () => {
  it.each([1, 2, 3, 4, 5, 6])('behavior: no false alarm over a random history with gaps and reorgs (seed %i)', async seed => {
    const random = createRandom(seed, 'audit walk')
    const scene = await openScene(seed, { auditPerBlock: 16 })
    while (!scene.isOver()) {
      if (random.unit() < 0.3) scene.reorg(1 + Math.floor(random.between(0, 12)))
      await scene.play(1 + Math.floor(random.between(0, 3)))
    }
    for (let block = 0; block < 4; block++) await scene.play()
    expect(alarms(scene.quiet)).toEqual([])
    expect(scene.quiet.count('audits')).toBeGreaterThan(100)
    expect(scene.told()).toEqual(await scene.truth())
  })

  /** Loses the log picked, if there is one: how often that was noticed. A search for one market's borrowers finds what is lost else. */
  const lose = async (seed: number, pick: (logs: readonly Log[]) => Log | undefined): Promise<number | null> => {
    const lost = pick(
      morphoWorld(seed)
        .blocks.slice(4)
        .flatMap(({ logs }) => logs),
    )
    if (lost === undefined) return null
    const loses = (log: Log, filters: readonly LogFilter[]): boolean =>
      log.blockNumber === lost.blockNumber &&
      log.logIndex === lost.logIndex &&
      filters.every(({ topics }) => (topics[1] ?? null) === null)
    const scene = await openScene(seed, { loses })
    while (!scene.isOver()) await scene.play()
    for (let block = 0; block < 40; block++) await scene.play()
    expect(scene.told()).toEqual(await scene.truth())
    expect([scene.watcher.quarantined(), scene.book.faults()]).toEqual([[], []])
    return alarms(scene.quiet).length + scene.quiet.lines.filter(({ event }) => event === 'log-refused').length
  }

  const RATE: readonly [string, Hex, Hex] = ['BorrowRateUpdate', ADAPTIVE, TOPIC_BORROW_RATE_UPDATE]
  const NAMES = [
    'borrow',
    'repay',
    'supplyCollateral',
    'withdrawCollateral',
    'liquidate',
    'accrueInterest',
    'supply',
    'setFee',
  ] as const
  it.each([...NAMES.map((name): readonly [string, Hex, Hex] => [name, MORPHO, TOPIC[name]]), RATE])(
    'behavior: a lost %s is found, and the book is right in the end',
    async (_name, address, topic) => {
      const noticed: number[] = []
      for (let seed = 1; seed <= 12 && noticed.length < 4; seed++) {
        const share = (1 + (seed % 4)) / 4
        const seen = await lose(seed, logs => {
          const own = logs.filter(log => log.address === address && log.topics[0] === topic)
          return own[Math.ceil(own.length * share) - 1]
        })
        if (seen !== null) noticed.push(seen)
      }
      expect(noticed.length).toBeGreaterThanOrEqual(1)
      // Now and then another log repairs it before anybody asks: the next rate, a bootstrap for some other reason.
      expect(noticed.some(times => times > 0)).toBe(true)
    },
  )
})
