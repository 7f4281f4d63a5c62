// Composition root: one chain's config and its ports become a keeper. Knows every room, decides nothing.

import { strategies } from '../strategies'
import type { ChainConfig } from './config/config'
import { KeeperError } from './core/errors'
import type { Address, Block, LogFilter } from './core/primitives'
import { createSlotClock } from './core/slot-clock'
import type { Book, Pairs, RouteNeeds, VenueBook } from './core/strategy'
import { createExecutor, type Executor } from './executor/executor'
import { createLiquidatorCodec } from './executor/liquidator-codec'
import { createKeeper, type Keeper, type TickReport } from './keeper'
import type { Chain, Checkpoints, LogSink, Meter, Relay, Signer, Store } from './ports'
import { DEFAULT_GAS_MODEL } from './profitability/gas-model'
import type { Hubs } from './profitability/market-depth'
import { rehearse } from './profitability/rehearse'
import { venues } from './venues/registry'
import { type BackfillProgress, createWatcher, type Watcher } from './watcher/watcher'

export interface KeeperPorts {
  readonly chain: Chain
  readonly signers: readonly Signer[]
  readonly relays: readonly Relay[]
  readonly log: LogSink
  readonly meter: Meter
  readonly store: Store
  readonly nowMs: () => number
  /** Where the state is kept over restarts; absent: nowhere. */
  readonly checkpoints?: Checkpoints
  readonly onTick?: (report: TickReport) => void
}

/** What reading a chain takes: no key, no relay, no executor. */
export interface Reading {
  readonly books: readonly Book[]
  readonly venues: readonly VenueBook[]
  readonly watcher: Watcher
  /** Tokens that routes had better run through, as of now. */
  readonly hubs: () => Hubs
}

export interface Composed extends Reading {
  readonly keeper: Keeper
  readonly executor: Executor
  /** Ahead of the first head, once history is folded: the keys' state is read and a liquidation rehearsed. Rejects with KeeperError. */
  prepare(): Promise<void>
}

/** Most estimated gas in one transaction: the EIP-7825 cap less the margin that the gas limit needs over the estimate. */
const PLAN_GAS_SHARE = { numerator: 7n, denominator: 10n }
const MAX_GAS_PER_TRANSACTION = 1n << 24n

/**
 * Validity after the target's expected time. `lastBlock` is what ends a transaction; the deadline only stands in where `block.number` is
 * not the chain's own, and must outlive missed slots and slow blocks.
 */
const GRACE_SEC = 900n

/** A part's settings were parsed by that part's own schema: the registry can't say so in types, since it holds parts of many kinds. */
const settingsOf = (parts: Readonly<Record<string, unknown>>, name: string): never => parts[name] as never

/** One book for each contract. Where there are several of a kind, their names tell them apart: in progress, in what is saved. */
const booksOf = (strategy: (typeof strategies)[number], config: ChainConfig): readonly Book[] => {
  const settings: unknown = config.strategies[strategy.name]
  if (settings === undefined) return []
  if (!Array.isArray(settings)) return [strategy.createBook(settingsOf(config.strategies, strategy.name), config.scope)]
  return settings.map((each: unknown): Book => {
    const book = strategy.createBook(each as never, config.scope)
    return settings.length === 1 ? book : { ...book, name: `${book.name} ${book.address}` }
  })
}

const createBooks = (config: ChainConfig): { readonly books: readonly Book[]; readonly venueBooks: readonly VenueBook[] } => ({
  books: strategies.flatMap(each => booksOf(each, config)),
  venueBooks: venues
    .filter(each => config.venues[each.name] !== undefined)
    .map(each => each.createBook(settingsOf(config.venues, each.name))),
})

/** Loan tokens that count as hubs without being configured: more would let made-up markets name them. */
const MAX_LOAN_HUBS = 4

/**
 * Wrapped native and the config's own hops; then the loan tokens of most pairs, once several have them. A loan token that is one stays one:
 * what venues once follow they go on following.
 */
const createHubs = (config: ChainConfig, books: readonly Book[]) => {
  const sure = [...new Set([config.wrappedNative, ...config.hopTokens])]
  const loans = new Set<Address>()
  const fill = (pairs: Pairs): void => {
    const uses = new Map<Address, number>()
    for (const { to } of pairs) uses.set(to, (uses.get(to) ?? 0) + 1)
    const shared = [...uses].filter(([token, count]) => count > 1 && !sure.includes(token)).sort(([, a], [, b]) => b - a)
    for (const [token] of shared) if (loans.size < MAX_LOAN_HUBS) loans.add(token)
  }
  return {
    needs: (): RouteNeeds => {
      const pairs = books.flatMap(book => book.pairs())
      fill(pairs)
      return { pairs, hubs: [...sure, ...loans] }
    },
    now: (): Hubs => [sure, [...loans]],
  }
}

/** Books, venues and the watcher that runs them. `extraFilters` are the executor's own events. */
export const composeReading = (
  config: ChainConfig,
  ports: Pick<KeeperPorts, 'chain' | 'log' | 'meter' | 'checkpoints'>,
  extraFilters: () => readonly LogFilter[] = () => [],
): Reading => {
  const { books, venueBooks } = createBooks(config)
  const hubs = createHubs(config, books)
  const watcher = createWatcher({
    chain: ports.chain,
    strategies: books,
    venues: venueBooks,
    afterStrategies: block => {
      const needs = hubs.needs()
      for (const venue of venueBooks) venue.track(needs, block)
    },
    extraFilters,
    log: ports.log,
    meter: ports.meter,
    finalityDepth: config.finalityDepth,
    auditPerBlock: config.auditPerBlock,
    ...(ports.checkpoints === undefined ? {} : { checkpoints: ports.checkpoints }),
  })
  return { books, venues: venueBooks, watcher, hubs: hubs.now }
}

/** The keeper of one chain. `contract` is the deployed executor. `kept`: what was read before, to go on from; its watcher hears this contract. */
export const composeKeeper = (
  config: ChainConfig,
  contract: Address,
  ports: KeeperPorts,
  kept: Reading | null = null,
): Composed => {
  const { chain, log, meter, store } = ports
  const executor = createExecutor({
    chain,
    signers: ports.signers,
    relays: ports.relays,
    contract,
    wrappedNative: config.wrappedNative,
    policy: {
      floorShareBps: config.floorShareBps,
      maxPriorityFeePerGasWei: config.maxPriorityFeePerGasWei,
      minProfitWei: config.minProfitWei,
      maxGasPerTransaction: MAX_GAS_PER_TRANSACTION,
      lowBalanceWei: config.lowBalanceWei,
      finalityDepth: config.finalityDepth,
    },
    codec: createLiquidatorCodec(contract),
    audit: {
      questions: positions => reading.books.flatMap(book => book.audit(positions.filter(position => book.covers(position)))),
      report: (answered, drifts) => {
        meter.count('audits', answered)
        reading.watcher.accuse(drifts)
      },
    },
    log,
    meter,
    store,
  })
  const reading = kept ?? composeReading(config, ports, executor.logFilters)
  const assess = { wrappedNative: config.wrappedNative, executor: contract, gasModel: DEFAULT_GAS_MODEL, maxHops: config.maxHops }
  const policy = {
    bidShareBps: config.bidShareBps,
    payee: config.payee,
    floorShareBps: config.floorShareBps,
    minProfitWei: config.minProfitWei,
    maxGasPerTransaction: (MAX_GAS_PER_TRANSACTION * PLAN_GAS_SHARE.numerator) / PLAN_GAS_SHARE.denominator,
    graceSec: GRACE_SEC,
  }
  const keeper = createKeeper({
    chain,
    watcher: reading.watcher,
    books: reading.books,
    venues: reading.venues,
    hubs: reading.hubs,
    executor,
    slotClock: createSlotClock(config.slotSec),
    assess,
    policy,
    maxPriorityFeePerGasWei: config.maxPriorityFeePerGasWei,
    log,
    meter,
    store,
    nowMs: ports.nowMs,
    onTick: report => {
      ports.onTick?.(report)
      // Behind all that the block asked for.
      if (report.end === 'done') void reading.watcher.save('due')
    },
  })
  const prepare = async (): Promise<void> => {
    await executor.prepare()
    const pools = reading.venues.flatMap(venue => venue.pools())
    const target = { number: 0n, timestampSec: 0n, baseFeePerGasWei: 0n }
    await executor.rehearse(rehearse(pools, target, assess, { ...policy, hubs: reading.hubs() }))
  }
  return { ...reading, keeper, executor, prepare }
}

const mustHaveCode = async (chain: Chain, address: Address, what: string, hint: string): Promise<void> => {
  const code = await chain.code(address)
  if (code === '0x')
    throw new KeeperError('no-code', `${what} ${address} has no code on chain ${chain.id}: ${hint}`, { retryable: false })
}

/** Everything that the config names must be there before the first block is judged. Rejects with no-code. */
export const checkContracts = async (config: ChainConfig, chain: Chain, books: readonly Book[]): Promise<void> => {
  await mustHaveCode(chain, config.wrappedNative, 'wrappedNative', 'check the address and that the RPC serves this chain')
  for (const book of books)
    await mustHaveCode(chain, book.address, `strategies.${book.strategy}.address`, 'check the address and the chain id')
}

/** Folds history with progress, so that the first head finds everything ready. */
export const startReading = async (
  reading: Reading,
  signal: AbortSignal,
  onProgress?: (progress: BackfillProgress) => void,
): Promise<Block> => reading.watcher.backfill(signal, onProgress)
