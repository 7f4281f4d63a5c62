// `basket`: a million accounts with several collaterals and debts, queried and kept up in float64, checked against bigint health.
import { type BasketIndex, createBasketIndex } from '../src/core/basket-index'
import { type BasketBook, createBasketBook } from './basket/book'
import { type Bench, type BenchLine, type BenchOptions, compared, percentile } from './bench'

const ACCOUNTS = 1_000_000
const ASSETS = 30
const ROUNDS = 220
const WARM_UP = 20
const CHANGED = 200
/** Blocks between checks against everybody in bigint: a second or more each. */
const CHECK_EVERY = 50

const timed = (into: number[], run: () => void): void => {
  const from = performance.now()
  run()
  into.push(performance.now() - from)
}

const fill = (index: BasketIndex, book: BasketBook): void => {
  for (let slot = 0; slot < book.size; slot++) index.set(slot, book.columnsOf(slot), book.amountsOf(slot))
  index.refresh(book.weights(), 1)
}

/** One block: interest for all, 200 accounts changed; what it costs the index. */
const passBlock = (index: BasketIndex, book: BasketBook, into: number[]): void => {
  book.accrue()
  const changed = book.change(CHANGED).map(slot => ({ slot, columns: book.columnsOf(slot), amounts: book.amountsOf(slot) }))
  const weights = book.weights()
  timed(into, () => {
    for (const { slot, columns, amounts } of changed) index.set(slot, columns, amounts)
    index.refresh(weights)
  })
}

interface Naive {
  readonly slots: ReadonlySet<number>
  readonly ms: number
}

const naiveScan = (book: BasketBook, prices: readonly bigint[]): Naive => {
  const from = performance.now()
  const slots = new Set<number>()
  const isUnder = book.judgeAt(prices)
  for (let slot = 0; slot < book.size; slot++) if (isUnder(slot)) slots.add(slot)
  return { slots, ms: performance.now() - from }
}

/** Accounts found by one and not by the other. */
const differences = (found: Uint32Array, naive: ReadonlySet<number>): { missed: number; wrong: number } => {
  let hits = 0
  for (const slot of found) hits += naive.has(slot) ? 1 : 0
  return { missed: naive.size - hits, wrong: found.length - hits }
}

interface Samples {
  readonly upkeep: number[]
  readonly onePercent: number[]
  readonly tenPercent: number[]
  readonly any: number[]
}

const noSamples = (): Samples => ({ upkeep: [], onePercent: [], tenPercent: [], any: [] })

interface Verified {
  missed: number
  wrong: number
  readonly naiveMs: number[]
}

const verify = (book: BasketBook, prices: readonly bigint[], found: Uint32Array, into: Verified): string => {
  const naive = naiveScan(book, prices)
  const { missed, wrong } = differences(found, naive.slots)
  into.missed += missed
  into.wrong += wrong
  into.naiveMs.push(naive.ms)
  return `${found.length} under water, ${missed} missed, ${wrong} wrong, naive ${naive.ms.toFixed(0)} ms`
}

const query = (index: BasketIndex, book: BasketBook, prices: readonly bigint[], into: number[]): Uint32Array => {
  const weights = book.weights(prices)
  const isUnder = book.judgeAt(prices)
  const from = performance.now()
  const { slots } = index.under(weights, isUnder)
  into.push(performance.now() - from)
  return slots
}

const lineOf = (samples: Samples, verified: Verified, bytes: number): BenchLine => {
  const naive = percentile(verified.naiveMs, 0.5)
  const both = (name: string, times: readonly number[], baseline: number | null) => [
    compared(`${name}_p99`, percentile(times, 0.99), 'ms', baseline),
    compared(`${name}_p50`, percentile(times, 0.5), 'ms', baseline),
  ]
  return {
    bench: 'basket',
    results: [
      ...both('basket_1pct_ms', samples.onePercent, naive),
      ...both('basket_10pct_ms', samples.tenPercent, naive),
      ...both('basket_any_ms', samples.any, naive),
      ...both('basket_upkeep_ms', samples.upkeep, null),
      compared('basket_missed', verified.missed, 'accounts', null),
      compared('basket_wrong', verified.wrong, 'accounts', null),
      compared('basket_full_checks', verified.naiveMs.length, 'scans', null),
      compared('bytes_per_basket_account', bytes, 'bytes', null),
    ],
  }
}

const run = async ({ seed, progress }: BenchOptions): Promise<BenchLine> => {
  progress(`a book of ${ACCOUNTS} accounts`)
  const book = createBasketBook(seed, ACCOUNTS, ASSETS)
  const index = createBasketIndex()
  fill(index, book)
  const samples = noSamples()
  const verified: Verified = { missed: 0, wrong: 0, naiveMs: [] }
  for (let round = 0; round < ROUNDS; round++) {
    const { upkeep, onePercent, tenPercent, any } = round < WARM_UP ? noSamples() : samples
    passBlock(index, book, upkeep)
    const moves = [
      { into: onePercent, prices: book.moved(0, 99n, 100n) },
      { into: tenPercent, prices: book.moved(0, 90n, 100n) },
      { into: any, prices: book.anyMove() },
    ]
    for (const { into, prices } of moves) {
      const found = query(index, book, prices, into)
      if (round >= WARM_UP && round % CHECK_EVERY === 0) progress(`block ${round}: ${verify(book, prices, found, verified)}`)
    }
  }
  return lineOf(samples, verified, index.bytes() / index.size())
}

export const basketBench: Bench = {
  name: 'basket',
  describe: '1,000,000 accounts with several collaterals and debts: under-water query, upkeep a block, none missed',
  run,
}
