// What a market is worth at a moment: oracle prices and rates as last read, interest accrued to the target. Each "can't say" has a reason.
import { MAX_UINT256 } from '../../src/core/fixed-point'
import type { ReadCall, ReadResult } from '../../src/core/folder'
import type { Address, Hex } from '../../src/core/primitives'
import type { WhatIf } from '../../src/core/strategy'
import { type Factors, priceAfterUp } from '../../src/core/what-if'
import { encodeBorrowRateView, encodePrice, type MarketParams, wordAt } from './abi'
import { type Lore, rateModelOf, wordsOf } from './bootstrap'
import { adaptiveRate } from './irm'
import type { Market } from './ledger'
import { accrue, type Totals } from './math'

export type Answer = { readonly kind: 'value'; readonly value: bigint } | { readonly kind: 'fault'; readonly reason: string }

/** A market at one moment: what the contract would find after accruing interest. */
export type Judged =
  | { readonly kind: 'ok'; readonly params: MarketParams; readonly totals: Totals; readonly price: bigint }
  | { readonly kind: 'fault'; readonly reason: string }

/** Oracles' prices in loan units a unit of collateral, in float, each at its place; NaN where there is none. For screening only. */
export interface PriceColumn {
  /** The oracle's place, from now on. */
  placeOf(oracle: Address): number
  floats(): Float64Array
}

/** Where prices and rates come from: the last reads, or what is supposed instead of them. */
export interface Quotes {
  /** The oracle's answer as it bears on this market, unchecked. */
  price(params: MarketParams): Answer
  /** What an unknown rate model says about the market. */
  rate(id: Hex): Answer
}

export interface Judge {
  readonly column: PriceColumn
  /** Calls for prices of these markets, each oracle once, then for rates of unknown models. Remembered until `accept`. */
  reads(markets: Iterable<Market>): readonly ReadCall[]
  accept(results: readonly ReadResult[]): void
  /** Instead of the last reads; nothing that is remembered changes. See WhatIf. */
  suppose(whatIf: WhatIf): Quotes
  /** `quotes`: those of the last reads, unless others are given. */
  judge(market: Market, timestampSec: bigint, quotes?: Quotes): Judged
}

/** An oracle or a rate model answers one word; a decoder ignores what follows, so a little more is tolerated. */
const ANSWER_BYTES = 256

const fault = (reason: string): { readonly kind: 'fault'; readonly reason: string } => ({ kind: 'fault', reason })

const NOT_READ = fault('oracle: not read yet')

const answerOf = (what: string, result: ReadResult | undefined): Answer => {
  if (result === undefined) return fault(`${what}: not read yet`)
  if (result.kind === 'failed') return fault(`${what}: ${result.why}`)
  const data = wordsOf(result, 1)
  return data === null
    ? fault(`${what}: answered ${(result.data.length - 2) / 2} bytes`)
    : { kind: 'value', value: wordAt(data, 0) }
}

const createPriceColumn = (answerBy: (oracle: Address) => Answer) => {
  const places = new Map<Address, number>()
  let floats = new Float64Array(16)
  const update = (oracle: Address, place: number): void => {
    const answer = answerBy(oracle)
    floats[place] = answer.kind === 'value' ? Number(answer.value) / 1e36 : Number.NaN
  }
  return {
    floats: () => floats,
    placeOf: (oracle: Address): number => {
      const known = places.get(oracle)
      if (known !== undefined) return known
      const place = places.size
      places.set(oracle, place)
      if (place === floats.length) {
        const larger = new Float64Array(2 * place)
        larger.set(floats)
        floats = larger
      }
      update(oracle, place)
      return place
    },
    /** The oracle's answer changed. */
    refresh: (oracle: Address): void => {
      const place = places.get(oracle)
      if (place !== undefined) update(oracle, place)
    },
  }
}

/** `maxOracleGas` undefined: the reader's own cap. */
const quotesFrom = (prices: ReadonlyMap<Address, Answer>, rates: ReadonlyMap<Hex, Answer>): Quotes => ({
  price: ({ oracle }) => prices.get(oracle) ?? NOT_READ,
  rate: id => rates.get(id) ?? fault('rate model: not read yet'),
})

/** Prices are rounded up: see priceAfterUp. */
const quotesAfter = (read: Quotes, factors: Factors): Quotes => ({
  rate: read.rate,
  price: params => {
    const price = read.price(params)
    if (price.kind === 'fault') return price
    const value = priceAfterUp(price.value, factors, params.collateralToken, params.loanToken)
    return value === null ? fault('what-if: the loan token is worth nothing') : { kind: 'value', value }
  },
})

export const createJudge = (lore: Lore, maxOracleGas: number | undefined): Judge => {
  const caps = { maxReturnBytes: ANSWER_BYTES, ...(maxOracleGas === undefined ? {} : { gasCap: maxOracleGas }) }
  const prices = new Map<Address, Answer>()
  const rates = new Map<Hex, Answer>()
  const lastRead = quotesFrom(prices, rates)
  const column = createPriceColumn(oracle => prices.get(oracle) ?? NOT_READ)
  let asked: { readonly oracles: readonly Address[]; readonly markets: readonly Hex[] } = { oracles: [], markets: [] }

  const reads = (markets: Iterable<Market>): readonly ReadCall[] => {
    const oracles = new Set<Address>()
    const views: { readonly id: Hex; readonly call: ReadCall }[] = []
    for (const { id, state } of markets) {
      const { params, lastUpdateSec } = state
      if (params === null) continue
      oracles.add(params.oracle)
      // An unknown model may answer anything for a time that has not come: its rate up to the head serves for the target too.
      if (lastUpdateSec !== null && rateModelOf(params.irm, lore) === 'viewed')
        views.push({ id, call: { to: params.irm, data: encodeBorrowRateView(params, state, lastUpdateSec), ...caps } })
    }
    asked = { oracles: [...oracles], markets: views.map(({ id }) => id) }
    // Equal data stand together, so that an aggregated request holds them once.
    return [...asked.oracles.map(to => ({ to, data: encodePrice(), ...caps })), ...views.map(({ call }) => call)]
  }

  /** Enters the answers to what was asked last. */
  const enter = (results: readonly ReadResult[], pricesBy: Map<Address, Answer>, ratesBy: Map<Hex, Answer>): void => {
    asked.oracles.forEach((oracle, i) => {
      pricesBy.set(oracle, answerOf('oracle', results[i]))
    })
    asked.markets.forEach((id, i) => {
      ratesBy.set(id, answerOf('rate model', results[asked.oracles.length + i]))
    })
  }

  const accept = (results: readonly ReadResult[]): void => {
    enter(results, prices, rates)
    for (const oracle of asked.oracles) column.refresh(oracle)
  }

  const suppose = (whatIf: WhatIf): Quotes => {
    if (whatIf.kind === 'values') return quotesAfter(lastRead, whatIf.factorWad)
    const [supposedPrices, supposedRates] = [new Map(prices), new Map(rates)]
    enter(whatIf.results, supposedPrices, supposedRates)
    return quotesFrom(supposedPrices, supposedRates)
  }

  const priceOf = (market: Market, params: MarketParams, quotes: Quotes): Answer => {
    const price = quotes.price(params)
    if (price.kind === 'fault') return price
    if (price.value === 0n) return fault('oracle: price is zero')
    return price.value * market.pairs.collateralOf(market.number) > MAX_UINT256
      ? fault(`oracle: price ${price.value} overflows the contract's maths`)
      : price
  }

  const rateOf = (market: Market, params: MarketParams, elapsedSec: bigint, quotes: Quotes): Answer => {
    const model = rateModelOf(params.irm, lore)
    if (model === 'none') return { kind: 'value', value: 0n }
    if (model === 'viewed') return quotes.rate(market.id)
    const { rateAtTarget } = market.state
    if (model === null || rateAtTarget === null) return fault('rate model: not known yet')
    return { kind: 'value', value: adaptiveRate(market.state, rateAtTarget, elapsedSec).averageRateWad }
  }

  const judge = (market: Market, timestampSec: bigint, quotes = lastRead): Judged => {
    const { params, lastUpdateSec } = market.state
    if (market.quarantine !== null) return fault(`quarantined: ${market.quarantine}`)
    if (params === null) return fault('market parameters: not known yet')
    if (lastUpdateSec === null) return fault('time of the last accrual: not known yet')
    if (market.unread.size > 0) return fault(`${market.unread.size} positions: not read yet`)
    const price = priceOf(market, params, quotes)
    if (price.kind === 'fault') return price
    const elapsedSec = timestampSec > lastUpdateSec ? timestampSec - lastUpdateSec : 0n
    const rate = rateOf(market, params, elapsedSec, quotes)
    if (rate.kind === 'fault') return rate
    const totals = accrue(market.state, rate.value, elapsedSec)
    if (totals === null) return fault('interest: leaves 128 bits, the contract reverts')
    return { kind: 'ok', params, totals, price: price.value }
  }

  return { column, reads, accept, suppose, judge }
}
