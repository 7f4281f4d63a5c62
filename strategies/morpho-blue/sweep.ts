// All markets of a block at once, in float: which of them may have a position under water. Each has a price down to which, for some
// minutes of interest rounded up, it needs no look at all; no integer is touched. Decides nothing: candidates are judged exactly.
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

/** What a market's every block needs: three floats. Place of its price; OUT: nobody to judge, or no means to. */
const HOT = 3
const ORACLE = 0
const OUT = -1
/** At this price or a higher one, up to that time (seconds), nobody in it is under water. */
const SAFE_PRICE = 1
const SAFE_UNTIL = 2

/** A row of eight floats for each market: one cache line. */
const ROW = 8
const LLTV = 0
/** Shares and assets with virtual ones, then assets without. */
const SHARES = 1
const ASSETS = 2
const BORROWED = 3
const SUPPLIED = 4
/** Rate at target a second; VIEWED: what the model says is known only exactly. */
const RATE = 5
const VIEWED = -1
/** Time of the last accrual in seconds; Infinity where no interest accrues. */
const SINCE = 6

/** A market is looked at again when its price has fallen by this part, or after so many seconds, not all in one block. */
const MARGIN = 0.005
const REVIEW_SEC = 600
const STAGGER = { parts: 61, sec: 10 }

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
  let hot = new Float64Array(HOT * 16)
  let rows = new Float64Array(ROW * 16)
  let count = 0
  const touched = new Set<Market>()

  const reserve = (number: number): void => {
    count = Math.max(count, number + 1)
    if (count * ROW <= rows.length) return
    const capacity = 2 * count
    const [oldHot, oldRows] = [hot, rows]
    hot = new Float64Array(capacity * HOT)
    rows = new Float64Array(capacity * ROW)
    hot.set(oldHot)
    rows.set(oldRows)
  }

  const describe = (market: Market): void => {
    const { number, state } = market
    const row = number * ROW
    reserve(number)
    hot[number * HOT + ORACLE] = OUT
    hot[number * HOT + SAFE_PRICE] = Number.POSITIVE_INFINITY
    const model = state.params === null ? null : rateModelOf(state.params.irm, lore)
    if (state.params === null || model === null || !canBeJudged(market)) return
    if (model === 'adaptive' && state.rateAtTarget === null) return
    hot[number * HOT + ORACLE] = prices.placeOf(state.params.oracle)
    rows[row + LLTV] = Number(state.params.lltvWad) / 1e18
    rows[row + SHARES] = Number(state.borrowShares + VIRTUAL_SHARES)
    rows[row + ASSETS] = Number(state.borrowAssets + VIRTUAL_ASSETS)
    rows[row + BORROWED] = Number(state.borrowAssets)
    rows[row + SUPPLIED] = Number(state.supplyAssets)
    rows[row + RATE] = model === 'viewed' ? VIEWED : Number(state.rateAtTarget ?? 0n) / 1e18
    rows[row + SINCE] = model === 'none' ? Number.POSITIVE_INFINITY : Number(state.lastUpdateSec)
  }

  /** Assets a share at `time` or, as interest only grows, before; never too few. */
  const unitsPerShareAt = (row: number, time: number): number => {
    const perShare = rows[row + ASSETS]! / rows[row + SHARES]!
    const elapsedSec = time - rows[row + SINCE]!
    if (elapsedSec <= 0) return perShare
    const rate = rows[row + RATE]!
    if (rate === VIEWED) return Number.POSITIVE_INFINITY
    const roughRate = roughAdaptiveRate(rows[row + BORROWED]!, rows[row + SUPPLIED]!, rate, elapsedSec)
    return perShare * (1 + highestGrowth(roughRate, elapsedSec))
  }

  /** True if dust may be under water: debt rounded up and value down as the contract does, each with slack for floats. */
  const mayDustTurn = (slot: number, price: number, lltv: number, unitsPerShare: number): boolean => {
    const value = Math.floor(Math.floor(pairs.roughCollateralAt(slot) * price * (1 - SLACK)) * lltv * (1 - SLACK))
    return !(value >= Math.ceil(pairs.roughDebtAt(slot) * unitsPerShare * (1 + SLACK)))
  }

  /**
   * The least price from `floor` on at which nobody in the market is under water; Infinity if `price` is not one. Looks closer at dust: in
   * its keys the pad weighs so much that its market would be a candidate for ever.
   */
  const safePrice = (number: number, floor: number, price: number, unitsPerShare: number): number => {
    const row = number * ROW
    const { keys, entries, count: size } = pairs.ranked(number, (3 * rows[row + SHARES]!) / rows[row + ASSETS]!)
    const lltv = rows[row + LLTV]!
    const perKey = unitsPerShare / (lltv * (1 - SLACK))
    let safe = floor
    for (let at = size - 1; at >= 0 && keys[at]! * perKey >= safe; at--) {
      const entry = entries[at]!
      if (entry < DUST) safe = keys[at]! * perKey * (1 + SLACK)
      else if (mayDustTurn((entry & ~DUST) >>> 0, safe, lltv, unitsPerShare))
        safe = mayDustTurn((entry & ~DUST) >>> 0, price, lltv, unitsPerShare) ? Number.POSITIVE_INFINITY : price
      if (!(safe <= price)) return Number.POSITIVE_INFINITY
    }
    return safe
  }

  const isSafeNow = (number: number, price: number, now: number): boolean =>
    safePrice(number, price, price, unitsPerShareAt(number * ROW, now)) <= price

  /** Whether nobody is under water now; if so, notes how long and down to which price that holds. */
  const review = (number: number, price: number, now: number): boolean => {
    const until = now + REVIEW_SEC + (number % STAGGER.parts) * STAGGER.sec
    const safe = safePrice(number, price * (1 - MARGIN), price, unitsPerShareAt(number * ROW, until))
    hot[number * HOT + SAFE_PRICE] = safe
    hot[number * HOT + SAFE_UNTIL] = until
    return safe <= price || isSafeNow(number, price, now)
  }

  const candidates = (timestampSec: bigint, priceOf?: (number: number) => number): readonly number[] => {
    for (const market of touched) describe(market)
    touched.clear()
    const now = Number(timestampSec)
    const priceAt = prices.floats()
    const found: number[] = []
    for (let number = 0, at = 0; number < count; number++, at += HOT) {
      const oracle = hot[at + ORACLE]!
      if (oracle === OUT) continue
      const price = priceOf === undefined ? priceAt[oracle]! : priceOf(number)
      if (price >= hot[at + SAFE_PRICE]! && now <= hot[at + SAFE_UNTIL]!) continue
      if (price > 0 && !(priceOf === undefined ? review : isSafeNow)(number, price, now)) found.push(number)
    }
    return found
  }

  return { touch: market => touched.add(market), candidates }
}
