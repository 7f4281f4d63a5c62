// What is timed in the world of pairs: one price update, a crash, a block of all markets, changes of positions. Times in milliseconds.
import type { PairQuery } from '../../src/core/pair-query'
import type { Judged } from '../../strategies/morpho-blue/opportunities'
import { termsOf } from '../../strategies/morpho-blue/opportunities'
import { type Machine, noSamples, type Samples } from '../machine'
import { answersOf, applyPrices, type BenchMarket, digits, type PairWorld, START_SEC } from './book'
import { compareLists, type Errors, type FlatMarket, flatten, naiveScan } from './naive'

const QUERIES = { warmUp: 500, measured: 3_000, mostHits: 50 }
const CRASHES = { rounds: 200, hits: 10_000 }
/** Prices walk by what 12 seconds of 80 % yearly volatility give; whoever falls under water is closed at once. */
const BLOCKS = { warmUp: 300, measured: 1_000, stepSec: 12n, walk: 0.0005 }
const UPDATES = { warmUp: 3_000, measured: 30_000 }
/** Lists of larger markets are compared with the naive one only now and then: that takes many milliseconds. */
const SMALL_MARKET = 2_000
const CHECK_EVERY = 25

const timed = <T>(into: number[], run: () => T): T => {
  const from = performance.now()
  const result = run()
  into.push(performance.now() - from)
  return result
}

const judgedAt = ({ judge }: PairWorld, { market }: BenchMarket, timestampSec: bigint): Extract<Judged, { kind: 'ok' }> => {
  const judged = judge.judge(market, timestampSec)
  if (judged.kind === 'fault') throw new Error(judged.reason)
  return judged
}

/** The exact list of one market: interest to `timestampSec`, threshold, search. */
const listOf = (world: PairWorld, query: PairQuery, each: BenchMarket, timestampSec: bigint): Uint32Array => {
  const { totals, price, params } = judgedAt(world, each, timestampSec)
  return query.underWater(each.market.number, termsOf(totals, price, params.lltvWad))
}

/** A price at which about `hits` positions of the market are under water at the start. */
const priceFor = (world: PairWorld, each: BenchMarket, hits: number): bigint => {
  const { totals, price, params } = judgedAt(world, each, START_SEC)
  const { threshold, rounding } = termsOf(totals, price, params.lltvWad)
  const { keys, count } = world.ledger.pairs.ranked(each.market.number, rounding)
  return (price * BigInt(Math.round((keys[Math.max(0, count - hits)]! / threshold) * 1e15))) / 10n ** 15n
}

/** The market of a position drawn at random. */
const drawMarket = ({ markets, ledger: { pairs }, random }: PairWorld): BenchMarket =>
  markets[pairs.marketAt(Math.floor(random.unit() * pairs.size()))]!

/** A price update of one market, from the oracle's answer to the list. `look` sees the list before the price goes back. */
const atPrice = (
  world: PairWorld,
  query: PairQuery,
  each: BenchMarket,
  price: bigint,
  into: number[],
  look: (found: Uint32Array) => void,
): void => {
  const before = each.price
  each.price = price
  world.judge.reads([each.market])
  const answers = answersOf([each])
  look(
    timed(into, () => {
      world.judge.accept(answers)
      return listOf(world, query, each, START_SEC)
    }),
  )
  each.price = before
  applyPrices(world.judge, [each])
}

/** Price updates that put 1 to 50 positions under water. */
export const measureQueries = (
  world: PairWorld,
  query: PairQuery,
  flats: readonly FlatMarket[],
  errors: Errors,
): readonly number[] => {
  const samples: number[] = []
  for (let n = 0; n < QUERIES.warmUp + QUERIES.measured; n++) {
    const each = drawMarket(world)
    const flat = flats[each.market.number]!
    const price = priceFor(world, each, 1 + Math.floor(QUERIES.mostHits * world.random.unit()))
    atPrice(world, query, each, price, n < QUERIES.warmUp ? [] : samples, found => {
      if (flat.slots.length <= SMALL_MARKET || n % CHECK_EVERY === 0)
        compareLists(found, naiveScan(flat, judgedAt(world, each, START_SEC)), errors)
    })
  }
  return samples
}

/** Price updates that put 10,000 positions of one large market under water. */
export const measureCrashes = (
  world: PairWorld,
  query: PairQuery,
  flats: readonly FlatMarket[],
  errors: Errors,
): readonly number[] => {
  const samples: number[] = []
  const large = world.markets.filter(({ market }) => flats[market.number]!.slots.length >= 2 * CRASHES.hits)
  for (let n = 0; n < CRASHES.rounds; n++) {
    const each = large[n % large.length]!
    atPrice(world, query, each, priceFor(world, each, CRASHES.hits), samples, found => {
      if (n % CHECK_EVERY === 0)
        compareLists(found, naiveScan(flats[each.market.number]!, judgedAt(world, each, START_SEC)), errors)
    })
  }
  return samples
}

/** Every position's health, once: what a keeper without an index does at each price update. */
export const measureNaive = (world: PairWorld, flats: readonly FlatMarket[], machine: Machine, rounds: number): Samples => {
  const samples = noSamples()
  for (let n = 0; n < rounds; n++)
    machine.time(samples, () => {
      for (const each of world.markets) naiveScan(flats[each.market.number]!, judgedAt(world, each, START_SEC))
    })
  return samples
}

export interface BlockSamples {
  /** All thresholds anew, and the exact lists of the markets that were hit. */
  readonly rethreshold: Samples
  /** Taking in the answers of 2,000 oracles. */
  readonly accept: number[]
  hits: number
}

/** Blocks in which interest accrues and every price moves. */
export const measureBlocks = (world: PairWorld, query: PairQuery, machine: Machine, errors: Errors): BlockSamples => {
  const samples: BlockSamples = { rethreshold: noSamples(), accept: [], hits: 0 }
  const { judge, sweep, markets, ledger, random } = world
  for (let n = 0; n < BLOCKS.warmUp + BLOCKS.measured; n++) {
    const isMeasured = n >= BLOCKS.warmUp
    for (const each of markets)
      each.price = (each.price * BigInt(Math.round(1e9 * Math.exp(BLOCKS.walk * random.normal())))) / 10n ** 9n
    const nowSec = START_SEC + BLOCKS.stepSec * BigInt(n)
    judge.reads(markets.map(({ market }) => market))
    const answers = answersOf(markets)
    timed(isMeasured ? samples.accept : [], () => judge.accept(answers))
    // The garbage of making 2,000 prices and answers is this bench's own.
    machine.tidy()
    if (isMeasured) machine.control()
    const lists = machine.time(isMeasured ? samples.rethreshold : noSamples(), () =>
      sweep.candidates(nowSec).map(number => ({ number, slots: listOf(world, query, markets[number]!, nowSec).slice() })),
    )
    if (n % 100 === 99) checkBlock(world, lists, nowSec, errors)
    for (const { number, slots } of lists) {
      samples.hits += isMeasured ? slots.length : 0
      for (const slot of slots) ledger.setPosition(ledger.marketAt(number), 2n, ledger.pairs.accountAt(slot), 0n, 0n)
    }
    ledger.finalise(3n)
  }
  return samples
}

/** All markets of one block against the naive lists. */
const checkBlock = (
  world: PairWorld,
  lists: readonly { readonly number: number; readonly slots: Uint32Array }[],
  nowSec: bigint,
  errors: Errors,
): void => {
  const found = new Map(lists.map(({ number, slots }) => [number, slots]))
  for (const each of world.markets) {
    const { number } = each.market
    compareLists(found.get(number) ?? [], naiveScan(flatten(world.ledger.pairs, number), judgedAt(world, each, nowSec)), errors)
  }
}

/** New positions, changes great and small, and closed ones, in the largest market, its order kept up at each. */
export const measureUpdates = (world: PairWorld): readonly number[] => {
  const samples: number[] = []
  const { ledger, markets, random } = world
  const { market } = markets[0]!
  const { pairs } = ledger
  const rounding = pairs.columns().pads[market.number]! * 0.75
  let slots = pairs.slotsOf(market.number)
  for (let n = 0; n < UPDATES.warmUp + UPDATES.measured; n++) {
    if (n % 1_000 === 0) slots = pairs.slotsOf(market.number)
    const slot = slots[Math.floor(random.unit() * slots.length)]!
    const isThere = pairs.marketAt(slot) === market.number && pairs.debtAt(slot) > 0n
    const account = n % 3 === 0 || !isThere ? (`0x${digits(random, 40)}` as const) : pairs.accountAt(slot)
    const [debt, collateral] = [pairs.debtAt(slot), pairs.collateralAt(slot)]
    const factor = BigInt(n % 3 === 2 ? 0 : Math.floor(1e6 * (n % 2 === 0 ? 0.999 + 0.002 * random.unit() : 0.5 + random.unit())))
    timed(n < UPDATES.warmUp ? [] : samples, () => {
      ledger.setPosition(market, 4n, account, (debt * factor) / 1_000_000n, factor === 0n ? 0n : collateral)
      return pairs.ranked(market.number, rounding)
    })
    if (n % 100 === 0) ledger.finalise(5n)
  }
  return samples
}
