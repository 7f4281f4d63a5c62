// What a strategy's test brings to the conformance suite, and how the suite drives a book through it, as the watcher would.
import type { ReadCall, Reader, ReadResult } from '../../src/core/folder'
import { logMatches } from '../../src/core/log-filter'
import type { Opportunity, PositionRef, PositionView } from '../../src/core/opportunity'
import type { Address, Block, Log, TargetBlock, Token } from '../../src/core/primitives'
import type { Book, Scope, WhatIf } from '../../src/core/strategy'

export interface WorldBlock {
  readonly block: Block
  /** All logs, in order: also those of other contracts, and events that change nothing. */
  readonly logs: readonly Log[]
}

/** One history of the protocol. Wanted: many accounts, some under water in the end, dust, positions that come and go, prices that move. */
export interface World {
  /** Consecutive, from the protocol's first one on. */
  readonly blocks: readonly WorldBlock[]
  /** What the chain answers at the end of a block: the same question always gets the same answer. */
  readerAt(block: Block): Reader
  /**
   * Where a position may have several debts: what each owes in the block after the last (12 seconds later), by `keyOf` and token, rounded up.
   * Absent: what the tables say.
   */
  readonly debts?: ReadonlyMap<string, ReadonlyMap<Address, bigint>>
}

export interface Harness {
  /** The same seed gives the same world. */
  world(seed: number): World | Promise<World>
  readonly seeds: readonly number[]
  createBook(scope: Scope): Book
  /** A book of other settings, whose state is of no use to the first. */
  createOtherBook(): Book
  /**
   * `results` of the book's block reads as they would be if the tokens named were worth so much more or less, rounded as the book rounds them
   * in a what-if. Null: no answer could say so (a price that two tokens share).
   */
  resultsAfter(
    calls: readonly ReadCall[],
    results: readonly ReadResult[],
    factorWad: ReadonlyMap<Address, bigint>,
  ): readonly ReadResult[] | null
}

export const EVERYTHING: Scope = { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} }

/** Frozen all the way down, so that whoever changes an argument throws. */
export const frozen = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value
  for (const each of Object.values(value)) frozen(each)
  return Object.freeze(value)
}

/** The same world, frozen, each question asked of it once. */
export const rememberedWorld = ({ blocks, readerAt, ...rest }: World): World => {
  const answers = new Map<string, ReadResult>()
  const read = async (block: Block, calls: readonly ReadCall[]): Promise<readonly ReadResult[]> => {
    const keyOf = ({ to, data }: ReadCall): string => `${block.hash} ${to} ${data}`
    const fresh = [...new Map(calls.map(call => [keyOf(call), call]))].filter(([key]) => !answers.has(key))
    const results = fresh.length === 0 ? [] : await readerAt(block).read(fresh.map(([, call]) => call))
    fresh.forEach(([key], i) => {
      answers.set(key, frozen(results[i]!))
    })
    return frozen(calls.map(call => answers.get(keyOf(call))!))
  }
  return { ...rest, blocks: frozen(blocks), readerAt: block => ({ block, read: calls => read(block, calls) }) }
}

export const failingReader = (block: Block): Reader => ({
  block,
  read: async calls => calls.map(() => ({ kind: 'failed', why: 'reverted' })),
})

export const targetAfter = ({ number, timestampSec }: Block): TargetBlock => ({
  number: number + 1n,
  timestampSec: timestampSec + 12n,
  baseFeePerGasWei: 1n,
})

/** As many rounds as the watcher makes at most. */
const MAX_ROUNDS = 8

/** Returns the number of rounds. */
export const bootstrap = async (book: Book, reader: Reader): Promise<number> => {
  let rounds = 0
  for (; book.needsBootstrap() && rounds < MAX_ROUNDS; rounds++) await book.bootstrap(reader)
  return rounds
}

export const readBlock = async (book: Book, world: World, block: Block): Promise<void> =>
  book.acceptReads(block, await world.readerAt(block).read(book.blockReads()))

const wanted = (book: Book, logs: readonly Log[]): readonly Log[] => {
  const filters = book.filters()
  return logs.filter(log => filters.some(filter => logMatches(filter, log)))
}

/** Follows blocks `from` (default: the first) to `to` (excluded; default: the last). `filtered`: gets only the logs it asked for. */
export const follow = async (
  book: Book,
  world: World,
  { from = 0, to = world.blocks.length, filtered = true }: { from?: number; to?: number; filtered?: boolean } = {},
): Promise<void> => {
  for (const { block, logs } of world.blocks.slice(from, to)) {
    const own = filtered ? wanted(book, logs) : logs
    if (own.length > 0) book.beginBlock?.(block)
    for (const log of own) book.fold(log)
    await bootstrap(book, world.readerAt(block))
    await readBlock(book, world, block)
  }
}

/** Takes in blocks up to `to` (excluded) as history: no headers, one bootstrap at the end. */
export const backfill = async (book: Book, world: World, to = world.blocks.length): Promise<void> => {
  const filters = book.historyFilters()
  for (const { logs } of world.blocks.slice(0, to))
    for (const log of logs) if (filters.some(filter => logMatches(filter, log))) book.fold(log)
  const { block } = world.blocks[to - 1]!
  await bootstrap(book, world.readerAt(block))
  await readBlock(book, world, block)
}

export const lastBlock = ({ blocks }: World): Block => blocks.at(-1)!.block

export const keyOf = ({ market, account }: PositionRef): string => `${market} ${account}`

const byKey = <T extends PositionRef>(a: T, b: T): number => (keyOf(a) < keyOf(b) ? -1 : 1)

/** An opportunity as values, calls included. */
export const describeOpportunity = ({ position, closes, obstacle, debtAssets }: Opportunity): object => ({
  position,
  obstacle,
  debtAssets,
  closes: closes.map(({ amountsFor, encode, minPay, maxPay, ...rest }) => ({
    ...rest,
    minPay,
    maxPay,
    least: amountsFor(minPay),
    half: amountsFor((minPay + maxPay) / 2n),
    most: amountsFor(maxPay),
    steps: encode(maxPay, []),
  })),
})

export const opportunities = (book: Book, block: Block, whatIf?: WhatIf): readonly Opportunity[] =>
  [...book.opportunities(targetAfter(block), whatIf)].sort((a, b) => byKey(a.position, b.position))

export const described = (book: Book, block: Block, whatIf?: WhatIf): readonly object[] =>
  opportunities(book, block, whatIf).map(describeOpportunity)

export const views = (book: Book, block: Block): readonly PositionView[] => [...book.positions(targetAfter(block))].sort(byKey)

/** What is known of the tokens of open pairs; others may be remembered or not. */
const pairTokens = (book: Book): readonly (Token | null)[] => {
  const wanted = new Set(book.pairs().flatMap(({ from, to }) => [from, to]))
  return [...wanted].sort().map(address => book.tokens().get(address) ?? null)
}

/** All that a book says of the world at `block`, in one value. */
export const told = (book: Book, block: Block): object => ({
  opportunities: described(book, block),
  positions: views(book, block),
  faults: [...book.faults()].sort((a, b) => (a.market + a.reason < b.market + b.reason ? -1 : 1)),
  size: book.size(),
  filters: book.filters(),
  reads: book
    .blockReads()
    .map(({ to, data }) => `${to} ${data}`)
    .sort(),
  pairs: [...book.pairs()].sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1)),
  tokens: pairTokens(book),
})
