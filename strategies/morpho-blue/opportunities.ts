// What a market is worth at a moment, who in it is under water, and the ways to close them: oracle prices and rates as last read (or as
// supposed), interest accrued to the target, a float screen over the market's index, then the contract's own arithmetic for each hit. Each
// "can't say" has a reason.
import { bytesLength, numberOf } from '../../src/core/abi-words'
import { MAX_UINT256, minOf } from '../../src/core/fixed-point'
import type { ReadCall, ReadResult } from '../../src/core/folder'
import type { Close, Opportunity } from '../../src/core/opportunity'
import type { PairQuery, PairTerms } from '../../src/core/pair-query'
import { createPriceColumn, type PriceColumn } from '../../src/core/price-column'
import type { Address, Hex } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'
import { createPositionTest } from '../../src/core/scope'
import type { DebtAtRisk, Scope, WhatIf } from '../../src/core/strategy'
import { debtAtTerms, type Factors, priceAfterUp } from '../../src/core/what-if'
import { encodeBorrowRateView, encodeLiquidate, encodePrice, LIQUIDATE_DATA_WORD, type MarketParams } from './abi'
import type { Market } from './ledger'
import {
  accrue,
  adaptiveRate,
  isHealthy,
  type LiquidationTerms,
  liquidate,
  liquidationIncentiveWad,
  ROUNDING_ASSETS,
  repaidForShares,
  seizedForShares,
  sharesForSeized,
  type Totals,
  toAssetsUp,
  toSharesDown,
  VIRTUAL_ASSETS,
  VIRTUAL_SHARES,
} from './math'
import { type Lore, rateModelOf } from './reading'

export type Answer = { readonly kind: 'value'; readonly value: bigint } | { readonly kind: 'fault'; readonly reason: string }

/** A market at one moment: what the contract would find after accruing interest. */
export type Judged =
  | { readonly kind: 'ok'; readonly params: MarketParams; readonly totals: Totals; readonly price: bigint }
  | { readonly kind: 'fault'; readonly reason: string }

/** Where prices and rates come from: the last reads, or what is supposed instead of them. */
export interface Quotes {
  /** The oracle's answer as it bears on this market, unchecked. */
  price(params: MarketParams): Answer
  /** What an unknown rate model says about the market. */
  rate(id: Hex): Answer
}

export interface Judge {
  /** Oracles' prices in loan units a unit of collateral, for screening. */
  readonly column: PriceColumn<Address>
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
  const value = numberOf(result)
  return value === null ? fault(`${what}: answered ${bytesLength(result.data)} bytes`) : { kind: 'value', value }
}

/** In float, for screening; NaN where there is none. */
export const roughPrice = (answer: Answer): number => (answer.kind === 'value' ? Number(answer.value) / 1e36 : Number.NaN)

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
  const column = createPriceColumn<Address>(oracle => roughPrice(prices.get(oracle) ?? NOT_READ))
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

/**
 * Gas of `liquidate` without callback, swaps and transaction base: accrual, rate model, oracle, position and totals, two token transfers, the
 * event. 90,000 to 98,000 on a local chain with plain tokens and an oracle of one slot; feeds behind proxies cost some 15,000 more.
 */
const LIQUIDATE_GAS = 110_000n

/** One position to close: terms at the target block, and at the last moment in which the call must still be valid. */
export interface Closing {
  readonly morpho: Address
  readonly params: MarketParams
  readonly borrower: Address
  readonly borrowShares: bigint
  readonly collateral: bigint
  readonly terms: LiquidationTerms
  readonly laterTerms: LiquidationTerms
}

/** What `liquidate` is asked: exactly one is non-zero. */
interface Ask {
  readonly seizedAssets: bigint
  readonly repaidShares: bigint
}

const bySeizure = (seizedAssets: bigint): Ask => ({ seizedAssets, repaidShares: 0n })
const byShares = (repaidShares: bigint): Ask => ({ seizedAssets: 0n, repaidShares })

/** The most shares whose seizure at `terms` fits `collateral`: sharesForSeized and seizedForShares are exact counterparts. */
const mostSharesFor = (collateral: bigint, terms: LiquidationTerms): bigint => sharesForSeized(collateral + 1n, terms) - 1n

/**
 * How to repay `shares` of the debt so that the call does not revert from the target on until the later moment. Interest makes each share
 * dearer, so a call by shares seizes more the later it lands and must fit the collateral at the end; a call by seizure implies fewer
 * shares the later it lands and must fit them at the start. So: by shares where their seizure fits later; else by the seizure that they
 * are worth now, at most all collateral; where that is nothing (a unit of collateral is worth more than the debt), by the shares that fit.
 */
const askFor = (shares: bigint, closing: Closing): Ask => {
  if (seizedForShares(shares, closing.laterTerms) <= closing.collateral) return byShares(shares)
  const seizable = minOf(seizedForShares(shares, closing.terms), closing.collateral)
  return seizable > 0n ? bySeizure(seizable) : byShares(mostSharesFor(closing.collateral, closing.laterTerms))
}

/** The most that can be closed: all debt, or all collateral where it covers less (the contract then writes the rest off). */
export const fullAsk = (closing: Closing): Ask => askFor(closing.borrowShares, closing)

/** What can be had for `pay` loan units or less; shares round down so that the contract, rounding up, takes no more than `pay`. */
const askForPay = (pay: bigint, closing: Closing): Ask => {
  const shares = toSharesDown(pay, closing.terms.borrowAssets, closing.terms.borrowShares)
  return askFor(minOf(shares, closing.borrowShares), closing)
}

const amountsOf = (ask: Ask, terms: LiquidationTerms): ReturnType<Close['amountsFor']> => {
  const shares = ask.seizedAssets > 0n ? sharesForSeized(ask.seizedAssets, terms) : ask.repaidShares
  const received = ask.seizedAssets > 0n ? ask.seizedAssets : seizedForShares(ask.repaidShares, terms)
  const paid = repaidForShares(shares, terms)
  return { paid, received, needed: paid }
}

const encode = (ask: Ask, closing: Closing, inside: readonly Step[]): readonly Step[] => [
  {
    kind: 'call',
    to: closing.morpho,
    data: encodeLiquidate(closing.params, closing.borrower, ask.seizedAssets, ask.repaidShares),
    fills: [],
    callback: {
      from: closing.morpho,
      dataWord: LIQUIDATE_DATA_WORD,
      // onMorphoLiquidate(uint256 repaidAssets, bytes): Morpho pulls exactly the first argument when the callback ends.
      program: [
        ...inside,
        { kind: 'approve', token: closing.params.loanToken, spender: closing.morpho, amount: { kind: 'argument', word: 0 } },
      ],
    },
  },
]

/** Null where not even one share can be repaid without a revert (a share worth more than the collateral). */
export const createClose = (closing: Closing): Close | null => {
  const full = fullAsk(closing)
  if (full.repaidShares === 0n && full.seizedAssets === 0n) return null
  const most = amountsOf(full, closing.terms)
  const least = repaidForShares(1n, closing.terms)
  const askOf = (pay: bigint): Ask => (pay >= most.paid ? full : askForPay(pay, closing))
  return {
    kind: 'repay',
    funding: 'callback',
    payToken: closing.params.loanToken,
    receiveToken: closing.params.collateralToken,
    minPay: minOf(least, most.paid),
    maxPay: most.paid,
    amountsFor: pay => (pay >= most.paid ? most : amountsOf(askForPay(pay, closing), closing.terms)),
    encode: (pay, inside) => encode(askOf(pay), closing, inside),
    paidWord: 0,
    gas: LIQUIDATE_GAS,
  }
}

/** Loan units that stay unpaid after the full close: what the contract writes off against the suppliers. */
export const badDebtAfter = (closing: Closing): bigint => liquidate(closing, closing.terms, fullAsk(closing))?.badDebtAssets ?? 0n

export interface FinderSettings {
  readonly strategy: string
  readonly morpho: Address
  readonly horizonSec: bigint
  readonly scope: Scope
}

const sharesPerAsset = (totals: Totals): number =>
  Number(totals.borrowShares + VIRTUAL_SHARES) / Number(totals.borrowAssets + VIRTUAL_ASSETS)

/** The pairKey above which a position is under water: price * lltv / assets per share. Float, relative error below 1e-14. */
export const thresholdOf = (totals: Totals, price: bigint, lltvWad: bigint): number =>
  (Number(price) / 1e36) * (Number(lltvWad) / 1e18) * sharesPerAsset(totals)

/** A market at a price as the query of positions sees it. */
export const termsOf = (totals: Totals, price: bigint, lltvWad: bigint): PairTerms => ({
  threshold: thresholdOf(totals, price, lltvWad),
  rounding: ROUNDING_ASSETS * sharesPerAsset(totals),
  isUnderWater: (borrowShares, collateral) => !isHealthy(borrowShares, collateral, totals, price, lltvWad),
})

export interface Finder {
  /** All positions of the market that the contract would let be liquidated at `timestampSec`, with their closes. */
  underWater(market: Market, timestampSec: bigint, quotes?: Quotes): readonly Opportunity[]
  /** See Book.debtAtRisk; null where the market has nothing to do with `token`. */
  debtAtRisk(market: Market, timestampSec: bigint, token: Address, falls: readonly Quotes[]): DebtAtRisk | null
}

export const createFinder = (settings: FinderSettings, judge: Judge, query: PairQuery): Finder => {
  const { strategy, morpho, horizonSec } = settings
  const isInScope = createPositionTest(settings.scope)

  const opportunityOf = (market: Market, closing: Closing): Opportunity => {
    const close = createClose(closing)
    return {
      position: { strategy, market: market.id, account: closing.borrower },
      closes: close === null ? [] : [close],
      obstacle: close === null ? 'the smallest repayment is worth more than all collateral' : null,
      debtAssets: badDebtAfter(closing),
    }
  }

  /** `found` are slots of positions under water. */
  const confirm = (
    market: Market,
    judged: Extract<Judged, { kind: 'ok' }>,
    found: Uint32Array,
    timestampSec: bigint,
    quotes: Quotes | undefined,
  ): readonly Opportunity[] => {
    const { params, totals, price } = judged
    const { pairs } = market
    const later = judge.judge(market, timestampSec + horizonSec, quotes)
    const terms = {
      borrowAssets: totals.borrowAssets,
      borrowShares: totals.borrowShares,
      price,
      incentiveWad: liquidationIncentiveWad(params.lltvWad),
    }
    const laterTerms = later.kind === 'ok' ? { ...terms, borrowAssets: later.totals.borrowAssets } : terms
    const opportunities: Opportunity[] = []
    for (const slot of found) {
      const [account, borrowShares, collateral] = [pairs.accountAt(slot), pairs.debtAt(slot), pairs.collateralAt(slot)]
      if (!isInScope(account, toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares), params.loanToken)) continue
      opportunities.push(
        opportunityOf(market, { morpho, params, borrower: account, borrowShares, collateral, terms, laterTerms }),
      )
    }
    return opportunities
  }

  const underWater = (market: Market, timestampSec: bigint, quotes?: Quotes): readonly Opportunity[] => {
    const judged = judge.judge(market, timestampSec, quotes)
    if (judged.kind === 'fault') return []
    const terms = termsOf(judged.totals, judged.price, judged.params.lltvWad)
    const found = query.underWater(market.number, terms)
    return found.length === 0 ? [] : confirm(market, judged, found, timestampSec, quotes)
  }

  const debtAtRisk = (market: Market, timestampSec: bigint, token: Address, falls: readonly Quotes[]): DebtAtRisk | null => {
    const { params } = market.state
    if (params === null || (params.collateralToken !== token && params.loanToken !== token)) return null
    const judged = falls.map(quotes => judge.judge(market, timestampSec, quotes))
    const debts = debtAtTerms(
      query,
      market.number,
      judged.map(each => (each.kind === 'fault' ? null : termsOf(each.totals, each.price, params.lltvWad))),
    )
    return {
      market: market.id,
      debtToken: params.loanToken,
      debtAssets: debts.map(({ debt }, i) => {
        const each = judged[i]!
        return each.kind === 'fault' ? 0n : toAssetsUp(debt, each.totals.borrowAssets, each.totals.borrowShares)
      }),
      positions: debts.map(({ positions }) => positions),
    }
  }

  return { underWater, debtAtRisk }
}
