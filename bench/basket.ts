// `basket`: a million accounts with several collaterals and debts, queried and kept up in float64. Lists are compared with plain bigint
// health of everybody, in this world and in 100,000 unkind little ones.
import { type BasketIndex, createBasketIndex } from '../src/core/basket-index'
import { type BasketBook, createBasketBook } from './basket/book'
import { differential } from './basket/differential'
import { type Bench, type BenchLine, type BenchOptions, compared } from './bench'
import { bothOf, createMachine, type Machine, naiveOf, noSamples, type Samples } from './machine'
import { compareLists, type Errors } from './pairs/naive'

const ACCOUNTS = 1_000_000
const ASSETS = 30
const ROUNDS = 330
const WARM_UP = 30
const CHANGED = 200
/** Blocks between checks against everybody in bigint: a second or more each. */
const CHECK_EVERY = 50
const STATES = 100_000

export const fill = (index: BasketIndex, book: BasketBook): void => {
  for (let slot = 0; slot < book.size; slot++) index.set(slot, book.columnsOf(slot), book.amountsOf(slot))
  index.refresh(book.weights(), 1)
}

/** One block: interest for all, 200 accounts changed; what it costs the index. */
export const passBlock = (index: BasketIndex, book: BasketBook, { tidy, time }: Machine, into: Samples): void => {
  book.accrue()
  const changed = book.change(CHANGED).map(slot => ({ slot, columns: book.columnsOf(slot), amounts: book.amountsOf(slot) }))
  const weights = book.weights()
  tidy()
  time(into, () => {
    for (const { slot, columns, amounts } of changed) index.set(slot, columns, amounts)
    index.refresh(weights)
  })
}

export const naiveScan = (book: BasketBook, prices: readonly bigint[]): readonly number[] => {
  const slots: number[] = []
  const isUnder = book.judgeAt(prices)
  for (let slot = 0; slot < book.size; slot++) if (isUnder(slot)) slots.push(slot)
  return slots
}

const MOVES = ['1pct', '10pct', 'any'] as const

/** The exact list at these prices. A view: valid until the next query. */
export const query = (
  index: BasketIndex,
  book: BasketBook,
  prices: readonly bigint[],
  { tidy, time }: Machine,
  into: Samples,
): Uint32Array => {
  const weights = book.weights(prices)
  const isUnder = book.judgeAt(prices)
  tidy()
  return time(into, () => index.under(weights, isUnder)).slots
}

const pricesFor = (book: BasketBook, move: (typeof MOVES)[number]): readonly bigint[] =>
  move === 'any' ? book.anyMove() : book.moved(0, move === '1pct' ? 99n : 90n, 100n)

const run = async ({ seed, progress }: BenchOptions): Promise<BenchLine> => {
  progress(`a book of ${ACCOUNTS} accounts`)
  const book = createBasketBook(seed, ACCOUNTS, ASSETS)
  const index = createBasketIndex()
  fill(index, book)
  globalThis.gc?.()
  const machine = createMachine()
  const upkeep = noSamples()
  const samples = MOVES.map(move => ({ move, times: noSamples() }))
  const verified: Errors = { missed: 0, wrong: 0, lists: 0 }
  const naive = noSamples()
  for (let round = 0; round < ROUNDS; round++) {
    const isMeasured = round >= WARM_UP
    if (isMeasured) machine.control()
    passBlock(index, book, machine, isMeasured ? upkeep : noSamples())
    for (const { move, times } of samples) {
      const prices = pricesFor(book, move)
      const found = query(index, book, prices, machine, isMeasured ? times : noSamples())
      if (!isMeasured || round % CHECK_EVERY !== 0) continue
      compareLists(
        found,
        machine.time(naive, () => naiveScan(book, prices)),
        verified,
      )
      progress(`block ${round}: ${found.length} under water; ${verified.missed} missed, ${verified.wrong} wrong so far`)
    }
  }
  const bytes = index.bytes() / index.size()
  const ofMachine = await machine.results([upkeep, ...samples.map(({ times }) => times)])
  progress(`${STATES} random states`)
  const states: Errors = { missed: 0, wrong: 0, lists: 0 }
  differential(seed, STATES, states)
  return {
    bench: 'basket',
    results: [
      ...samples.flatMap(({ move, times }) => bothOf(`basket_${move}_ms`, times, naiveOf(naive))),
      ...bothOf('basket_upkeep_ms', upkeep, null),
      compared('basket_missed', verified.missed + states.missed, 'accounts', null),
      compared('basket_wrong', verified.wrong + states.wrong, 'accounts', null),
      compared('basket_full_checks', verified.lists, 'scans', null),
      compared('basket_states_compared', states.lists, 'states', null),
      compared('bytes_per_basket_account', bytes, 'bytes', null),
      ...ofMachine,
    ],
  }
}

export const basketBench: Bench = {
  name: 'basket',
  describe: '1,000,000 accounts with several collaterals and debts: under-water query, upkeep a block, none missed',
  run,
}
