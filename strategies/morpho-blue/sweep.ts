// All markets of a block at once, in float: which of them may have a position under water. Each gets a threshold that is a little too low,
// by interest rounded up; where everybody stays below it, no integer is touched. Decides nothing: candidates are judged exactly.
import { DUST, type PairBook } from '../../src/core/pair-book'
import { type Lore, rateModelOf } from './bootstrap'
import { roughAdaptiveRate } from './irm'
import type { PriceColumn } from './judge'
import type { Market } from './ledger'
import { VIRTUAL_ASSETS, VIRTUAL_SHARES } from './math'

export interface Sweep {
  /** The market changed, or what is known of its rate model. */
  touch(market: Market): void
  /**
   * Numbers of markets that may have a position under water at `timestampSec`: none that has one and can be judged is left out.
   * `priceOf` gives a market's price instead of its oracle's place in the column: in float, NaN where there is none.
   */
  candidates(timestampSec: bigint, priceOf?: (number: number) => number): readonly number[]
}

/** A row of eight floats for each market: one cache line. */
const ROW = 8
/** Place of its price; OUT: nobody to judge, or no means to. */
const ORACLE = 0
const OUT = -1
const LLTV = 1
/** Shares and assets with virtual ones, then assets without. */
const SHARES = 2
const ASSETS = 3
const BORROWED = 4
const SUPPLIED = 5
/** Rate at target a second; VIEWED: what the model says is known only exactly. */
const RATE = 6
const VIEWED = -1
/** Time of the last accrual in seconds; Infinity where no interest accrues. */
const SINCE = 7

/** Far above the float error of all that is multiplied here. */
const SLACK = 1e-11

/** Above e^x - 1 by three terms for the exact rate: the rough one is less than 1.5 % too low. */
const highestGrowth = (roughRate: number, elapsedSec: number): number => {
  const x = 1.02 * roughRate * elapsedSec
  return x + (x * x) / 2 + (x * x * x) / 6
}

const canBeJudged = ({ number, pairs, state, unread }: Market): boolean =>
  number < pairs.markets() && pairs.borrowersOf(number) > 0 && state.lastUpdateSec !== null && unread.size === 0

export const createSweep = (pairs: PairBook, prices: PriceColumn, lore: Lore): Sweep => {
  let rows = new Float64Array(ROW * 16)
  let count = 0
  const touched = new Set<Market>()

  const reserve = (number: number): void => {
    count = Math.max(count, number + 1)
    if (count * ROW <= rows.length) return
    const larger = new Float64Array(Math.max(2 * rows.length, count * ROW))
    larger.set(rows)
    rows = larger
  }

  const describe = (market: Market): void => {
    const { number, state } = market
    const row = number * ROW
    reserve(number)
    rows[row + ORACLE] = OUT
    const model = state.params === null ? null : rateModelOf(state.params.irm, lore)
    if (state.params === null || model === null || !canBeJudged(market)) return
    if (model === 'adaptive' && state.rateAtTarget === null) return
    rows[row + ORACLE] = prices.placeOf(state.params.oracle)
    rows[row + LLTV] = Number(state.params.lltvWad) / 1e18
    rows[row + SHARES] = Number(state.borrowShares + VIRTUAL_SHARES)
    rows[row + ASSETS] = Number(state.borrowAssets + VIRTUAL_ASSETS)
    rows[row + BORROWED] = Number(state.borrowAssets)
    rows[row + SUPPLIED] = Number(state.supplyAssets)
    rows[row + RATE] = model === 'viewed' ? VIEWED : Number(state.rateAtTarget ?? 0n) / 1e18
    rows[row + SINCE] = model === 'none' ? Number.POSITIVE_INFINITY : Number(state.lastUpdateSec)
  }

  const growthIn = (row: number, now: number): number => {
    const elapsedSec = now - rows[row + SINCE]!
    if (elapsedSec <= 0) return 0
    const rate = rows[row + RATE]!
    return rate === VIEWED
      ? Number.POSITIVE_INFINITY
      : highestGrowth(roughAdaptiveRate(rows[row + BORROWED]!, rows[row + SUPPLIED]!, rate, elapsedSec), elapsedSec)
  }

  /** True if dust may be under water: debt rounded up and value down as the contract does, each with slack for floats. */
  const mayDustTurn = (slot: number, price: number, lltv: number, unitsPerShare: number): boolean => {
    const value = Math.floor(Math.floor(pairs.roughCollateralAt(slot) * price * (1 - SLACK)) * lltv * (1 - SLACK))
    return !(value >= Math.ceil(pairs.roughDebtAt(slot) * unitsPerShare * (1 + SLACK)))
  }

  /** Looks closer at keys from `low` on: in those of dust the pad weighs so much that its market would be a candidate for ever. */
  const isCandidate = (number: number, low: number, price: number, unitsPerShare: number, rounding: number): boolean => {
    const { keys, entries, count } = pairs.ranked(number, rounding)
    const lltv = rows[number * ROW + LLTV]!
    for (let at = count - 1; at >= 0 && keys[at]! >= low; at--)
      if (entries[at]! < DUST || mayDustTurn((entries[at]! & ~DUST) >>> 0, price, lltv, unitsPerShare)) return true
    return false
  }

  const candidates = (timestampSec: bigint, priceOf?: (number: number) => number): readonly number[] => {
    for (const market of touched) describe(market)
    touched.clear()
    const now = Number(timestampSec)
    const priceAt = prices.floats()
    const { tops, pads } = pairs.columns()
    const found: number[] = []
    for (let number = 0, row = 0; number < count; number++, row += ROW) {
      const oracle = rows[row + ORACLE]!
      const price = oracle === OUT ? Number.NaN : priceOf === undefined ? priceAt[oracle]! : priceOf(number)
      if (!(price > 0)) continue
      const perAsset = rows[row + SHARES]! / rows[row + ASSETS]!
      const unitsPerShare = (1 + growthIn(row, now)) / perAsset
      const low = ((price * rows[row + LLTV]!) / unitsPerShare) * (1 - SLACK)
      if (tops[number]! < low && pads[number]! >= 3 * perAsset) continue
      if (isCandidate(number, low, price, unitsPerShare, 3 * perAsset)) found.push(number)
    }
    return found
  }

  return { touch: market => touched.add(market), candidates }
}
