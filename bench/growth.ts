// `growth`: the time of one query against the number of positions, of both index shapes and of the naive way, a thousand to a million.
import { createBasketIndex } from '../src/core/basket-index'
import { createPairQuery } from '../src/core/pair-query'
import { fill, naiveScan, passBlock, query } from './basket'
import { createBasketBook } from './basket/book'
import { type Bench, type BenchLine, type BenchOptions, type BenchResult, compared, percentile } from './bench'
import { GROWTH_SIZES, plotGrowth } from './growth/plot'
import { createMachine, naiveOf, noSamples } from './machine'
import { createPairWorld } from './pairs/book'
import { measureNaive, measureQueries } from './pairs/measure'
import { compareLists, type Errors, flatten } from './pairs/naive'

const ASSETS = 30
const PER_MARKET = 500
const NAIVE_SCANS = 5
const BLOCKS = { warmUp: 15, measured: 60 }

interface Point {
  readonly ours: readonly number[]
  readonly naiveMs: number
}

/** Price updates that put 1 to 50 positions of one market under water. */
const pairPoint = (seed: number, size: number, errors: Errors): Point => {
  const world = createPairWorld(seed, Math.max(2, size / PER_MARKET), size)
  world.sweep.candidates(0n)
  const flats = world.markets.map(({ market }) => flatten(world.ledger.pairs, market.number))
  const ours = measureQueries(world, createPairQuery(world.ledger.pairs), flats, errors)
  return { ours, naiveMs: naiveOf(measureNaive(world, flats, createMachine(), NAIVE_SCANS)) }
}

/** A 1 % fall of the commonest asset. */
const basketPoint = (seed: number, size: number, errors: Errors): Point => {
  const book = createBasketBook(seed, size, ASSETS)
  const index = createBasketIndex()
  fill(index, book)
  const machine = createMachine()
  const samples = noSamples()
  const naive = noSamples()
  for (let block = 0; block < BLOCKS.warmUp + BLOCKS.measured; block++) {
    passBlock(index, book, machine, noSamples())
    const prices = book.moved(0, 99n, 100n)
    const found = query(index, book, prices, machine, block < BLOCKS.warmUp ? noSamples() : samples)
    if (block % (BLOCKS.measured / NAIVE_SCANS) !== 0) continue
    compareLists(
      found,
      machine.time(naive, () => naiveScan(book, prices)),
      errors,
    )
  }
  return { ours: samples.wall, naiveMs: naiveOf(naive) }
}

const resultsOf = (shape: string, size: number, { ours, naiveMs }: Point): readonly BenchResult[] => {
  return [
    compared(`${shape}_query_us_p50_${size}`, 1_000 * percentile(ours, 0.5), 'us', 1_000 * naiveMs),
    compared(`${shape}_query_us_p99_${size}`, 1_000 * percentile(ours, 0.99), 'us', 1_000 * naiveMs),
  ]
}

const run = async ({ seed, progress }: BenchOptions): Promise<BenchLine> => {
  const errors: Errors = { missed: 0, wrong: 0, lists: 0 }
  const results = GROWTH_SIZES.flatMap(size => {
    progress(`${size} positions`)
    return [
      ...resultsOf('pair', size, pairPoint(seed, size, errors)),
      ...resultsOf('basket', size, basketPoint(seed, size, errors)),
    ]
  })
  return {
    bench: 'growth',
    results: [
      ...results,
      compared('growth_missed', errors.missed, 'positions', null),
      compared('growth_wrong', errors.wrong, 'positions', null),
    ],
  }
}

export const growthBench: Bench = {
  name: 'growth',
  describe: 'the time of one query against 1,000 to 1,000,000 positions, both index shapes and the naive way (--svg draws it)',
  run,
  plot: plotGrowth,
}
