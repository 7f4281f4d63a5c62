// Books, venues and watcher over the chain of one trial, put together as the product does; and all that they hold and answer, as text.
import type { Folder } from '../../../src/core/folder'
import type { Address, TargetBlock } from '../../../src/core/primitives'
import type { Book, Scope } from '../../../src/core/strategy'
import type { Chain, Meter } from '../../../src/ports'
import { createUniswapV3Book, type UniswapV3Book } from '../../../src/venues/uniswap-v3/book'
import { type TickTable, wordOf } from '../../../src/venues/uniswap-v3/tick-table'
import { createWatcher, type Watcher } from '../../../src/watcher/watcher'
import { configSchema as aaveSchema, aaveV3 } from '../../../strategies/aave-v3/strategy'
import { morphoBlue, configSchema as morphoSchema } from '../../../strategies/morpho-blue/strategy'
import { AAVE } from './aave-model'
import { MORPHO, tokenOf } from './morpho-model'
import { FACTORY } from './pools-model'

export interface Followed {
  readonly watcher: Watcher
  readonly books: readonly Book[]
  readonly venue: UniswapV3Book
}

const HUBS = [tokenOf(0), tokenOf(4)]
const SCOPE: Scope = { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} }

/** Changes a folder before it is run. */
export type Spoil = <F extends Folder>(folder: F) => F

const asItIs: Spoil = folder => folder

export interface FollowOptions {
  readonly meter: Meter
  readonly finalityDepth: bigint
  /** Whether there is an Aave pool in this world. */
  readonly hasAave: boolean
  readonly spoil?: Spoil
}

export const follow = (chain: Chain, { meter, finalityDepth, hasAave, spoil = asItIs }: FollowOptions): Followed => {
  const books = [
    morphoBlue.createBook(morphoSchema.parse({ address: MORPHO }), SCOPE),
    ...(hasAave ? [aaveV3.createBook(aaveSchema.parse({ address: AAVE }), SCOPE)] : []),
  ].map(spoil)
  const venue = spoil(createUniswapV3Book({ pools: [], factory: FACTORY, fromBlock: 0n, feeTiers: [500, 3000] }))
  const watcher = createWatcher({
    chain,
    strategies: books,
    venues: [venue],
    afterStrategies: block => venue.track({ pairs: books.flatMap(book => book.pairs()), hubs: HUBS }, block),
    log: { log: () => undefined },
    meter,
    finalityDepth,
    auditPerBlock: 0,
    pause: async () => undefined,
  })
  return { watcher, books, venue }
}

const plain = (_key: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Map) return [...value]
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

const text = (value: unknown): string => JSON.stringify(value, plain)

const sortedTexts = (values: readonly unknown[]): readonly string[] => values.map(text).sort()

const opportunityOf = (opportunity: ReturnType<Book['opportunities']>[number]): unknown => ({
  position: opportunity.position,
  closes: opportunity.closes.map(close => [
    close.payToken,
    close.receiveToken,
    close.minPay,
    close.maxPay,
    close.amountsFor(close.maxPay),
  ]),
})

/** Names of tokens are learnt with the first debt and kept: of those that matter now. */
const tokensOf = (book: Book): readonly unknown[] => {
  const named = new Set(book.pairs().flatMap(({ from, to }) => [from, to]))
  return [...book.tokens()].filter(([address]) => named.has(address))
}

const bookAnswers = (book: Book, target: TargetBlock): readonly string[] => [
  `size ${book.size()}`,
  ...sortedTexts(book.opportunities(target).map(opportunityOf)),
  ...sortedTexts(book.faults().map(fault => ({ fault }))),
  ...sortedTexts(book.positions(target)),
  ...sortedTexts([...book.pairs()]),
  ...sortedTexts(tokensOf(book)),
  ...sortedTexts([...book.blockReads()]),
]

/** Ticks in the part of the bitmap that both have read. */
const commonTicks = (own: TickTable, other: TickTable | undefined): unknown => {
  const low = Math.max(own.words.low, other?.words.low ?? own.words.low)
  const high = Math.min(own.words.high, other?.words.high ?? own.words.high)
  const isInside = (tick: number): boolean => wordOf(tick, own.tickSpacing) >= low && wordOf(tick, own.tickSpacing) <= high
  return own.entries.filter(({ tick }) => isInside(tick)).map(entry => [entry.tick, entry.liquidityGross, entry.liquidityNet])
}

/** Pools that are needed now: those of earlier needs are followed on, and others between the same tokens are found only if made later. */
const poolAnswers = ({ books, venue }: Followed, other: Followed): readonly string[] => {
  const pairs = books.flatMap(book => book.pairs())
  const named = new Set([...pairs.flatMap(({ from, to }) => [from, to]), ...HUBS])
  const isPair = (a: Address, b: Address): boolean =>
    pairs.some(({ from, to }) => (from === a && to === b) || (from === b && to === a))
  const pools = venue
    .pools()
    .filter(({ tokens: [a, b] }) => named.has(a!) && named.has(b!) && (HUBS.includes(a!) || HUBS.includes(b!) || isPair(a!, b!)))
  return sortedTexts(
    pools.map(({ address }) => {
      const { sqrtPriceX96, tick, liquidity, table } = venue.stateOf(address)!
      return { pool: address, sqrtPriceX96, tick, liquidity, ticks: commonTicks(table, other.venue.stateOf(address)?.table) }
    }),
  )
}

/**
 * What is the same whatever the way to the head was: all but the order in which things were heard of, what is kept of needs that have passed,
 * and which ticks far from the price were read (`other` says what the other side has).
 */
export const answersOf = (followed: Followed, target: TargetBlock, other: Followed): readonly string[] => [
  ...followed.books.flatMap(book => bookAnswers(book, target)),
  ...sortedTexts(followed.venue.faults().map(fault => ({ fault }))),
  ...poolAnswers(followed, other),
]

/** Lists as sets: the order in which markets are told of is nobody's promise. */
const unordered = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(unordered).sort((a, b) => (text(a) < text(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unordered(each)]))
}

/** All that is held, to the last bit; of venues in no order. */
export const stateOf = ({ books, venue }: Followed): readonly string[] => [
  ...books.flatMap(book => [...book.save()].map(([name, part]) => `${book.name} ${name} ${text(part)}`)),
  ...[...venue.save()].map(
    ([name, part]) => `${venue.name} ${name} ${text(typeof part === 'string' ? unordered(JSON.parse(part)) : part)}`,
  ),
]
