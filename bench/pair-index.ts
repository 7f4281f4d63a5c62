// `index`: a million positions in 2,000 markets of one collateral and one debt: queries, upkeep and memory of the product's own index, and
// how often it errs. Lists are compared with plain bigint arithmetic over flat arrays, in this world and in 100,000 unkind little ones.
import { createPairQuery } from '../src/core/pair-query'
import { type Bench, type BenchLine, type BenchOptions, type BenchResult, compared, percentile } from './bench'
import { bothOf, createMachine, naiveOf } from './machine'
import { createPairWorld, type PairWorld } from './pairs/book'
import { differential, unkindMarkets } from './pairs/differential'
import { measureBlocks, measureCrashes, measureNaive, measureQueries, measureUpdates } from './pairs/measure'
import { type Errors, flatten } from './pairs/naive'

const POSITIONS = 1_000_000
const MARKETS = 2_000
const NAIVE_SCANS = 5
const STATES = 100_000

const megabytes = (bytes: number): number => bytes / 1e6

/** How many times faster than the naive scan: baseline / value. */
const times = (what: string, ms: number, naiveMs: number): BenchResult => ({
  ...compared(what, ms, 'ms', naiveMs),
  ratio: Math.round(naiveMs / ms),
})

/** Sorts all markets, as the first block after history does. Milliseconds. */
const sortAll = ({ sweep, ledger: { pairs } }: PairWorld, timestampSec: bigint): number => {
  const from = performance.now()
  sweep.candidates(timestampSec)
  const ms = performance.now() - from
  if ([...pairs.columns().tops.subarray(0, MARKETS)].some(Number.isNaN)) throw new Error('a market is not sorted')
  return ms
}

const run = async ({ seed, progress }: BenchOptions): Promise<BenchLine> => {
  progress(`a book of ${POSITIONS} positions in ${MARKETS} markets`)
  const world = createPairWorld(seed, MARKETS, POSITIONS)
  const { pairs } = world.ledger
  const sortMs = sortAll(world, 0n)
  globalThis.gc?.()
  const rss = process.memoryUsage.rss()
  const bytes = pairs.byteLength() / pairs.size()
  progress(`sorted in ${sortMs.toFixed(0)} ms; naive scans, queries`)
  const flats = world.markets.map(({ market }) => flatten(pairs, market.number))
  const query = createPairQuery(pairs)
  const errors: Errors = { missed: 0, wrong: 0, lists: 0 }
  const machine = createMachine()
  const naive = measureNaive(world, flats, machine, NAIVE_SCANS)
  const queries = measureQueries(world, query, flats, errors)
  const crashes = measureCrashes(world, query, flats, errors)
  progress('blocks in which every price moves')
  const blocks = measureBlocks(world, query, machine, errors)
  const ofMachine = await machine.results([blocks.rethreshold])
  progress(`${blocks.hits} positions fell under water in the blocks measured; changes of positions, ${STATES} random states`)
  const updates = measureUpdates(world)
  differential(seed, STATES, errors)
  const unkind: Errors = { missed: 0, wrong: 0, lists: 0 }
  const unkindPositions = unkindMarkets(seed, unkind)
  const naiveMs = naiveOf(naive)
  const micros = updates.map(ms => 1_000 * ms)
  return {
    bench: 'index',
    results: [
      times('pair_query_ms_p99', percentile(queries, 0.99), naiveMs),
      times('pair_query_ms_p50', percentile(queries, 0.5), naiveMs),
      times('pair_10k_hits_ms_p50', percentile(crashes, 0.5), naiveMs),
      ...bothOf('rethreshold_2000_markets_ms', blocks.rethreshold, null),
      compared('accept_2000_prices_ms_p50', percentile(blocks.accept, 0.5), 'ms', null),
      compared('pair_update_us_p99', percentile(micros, 0.99), 'us', null),
      compared('pair_update_us_p50', percentile(micros, 0.5), 'us', null),
      compared('pair_missed', errors.missed, 'positions', null),
      compared('pair_wrong', errors.wrong, 'positions', null),
      compared('pair_lists_compared', errors.lists, 'lists', null),
      compared('adversarial_missed', unkind.missed, 'positions', null),
      compared('adversarial_wrong', unkind.wrong, 'positions', null),
      compared('adversarial_positions', unkindPositions, 'positions', null),
      compared('adversarial_lists_compared', unkind.lists, 'lists', null),
      compared('bytes_per_pair_position', bytes, 'bytes', null),
      compared('rss_mb', megabytes(rss), 'MB', null),
      ...ofMachine,
    ],
  }
}

export const pairIndexBench: Bench = {
  name: 'index',
  describe: 'a million positions in 2,000 pair markets: queries, blocks, changes, memory, and what is missed',
  run,
}
