// All markets of a block at once, in float: which of them may have a position under water. Each has a price down to which, for some
// minutes of interest, it needs no look at all; no integer is touched. Decides nothing: candidates are judged exactly.
import { DUST, type PairBook } from './pair-book'
import type { PriceColumn } from './price-column'

/** A row of eight floats for each market: one cache line. The first three are the sweep's, the others the protocol's own. */
export const ROW = 8
/** Share of the collateral's value that may be owed. */
export const LLTV = 0
/** Total debt in shares, and in units of the debt token. */
export const SHARES = 1
export const ASSETS = 2
/** First of the protocol's own. */
export const OWN = 3

/** What the sweep must know of a protocol. */
export interface SweepRules<Source, Market> {
  readonly prices: PriceColumn<Source>
  /** Fills the market's row, which starts at `row`, and names the source of its price; null: nobody to judge, or no means to. */
  describe(market: Market, rows: Float64Array, row: number): Source | null
  /** Units of the debt token a share at `time` (seconds), or before as interest only grows; never too few. Infinity: not known in float. */
  unitsPerShareAt(rows: Float64Array, row: number, time: number): number
  /** Units of the debt token that the protocol's rounding may be worth in all, at most. */
  readonly roundingUnits: number
}

export interface PairSweep<Market> {
  /** The market changed, or what is known of it. */
  touch(market: Market): void
  /**
   * Numbers of markets that may have a position under water at `timestampSec`: none that has one and can be judged is left out.
   * `priceOf` gives a market's price instead of its source's place in the column: in float, NaN where there is none.
   */
  candidates(timestampSec: bigint, priceOf?: (number: number) => number): readonly number[]
}

/** What a market's every block needs: three floats. Place of its price; OUT: nobody to judge, or no means to. */
const HOT = 3
const PLACE = 0
const OUT = -1
/** At this price or a higher one, up to that time (seconds), nobody in it is under water. */
const SAFE_PRICE = 1
const SAFE_UNTIL = 2

/** A market is looked at again when its price has fallen by this part, or after so many seconds, not all in one block. */
const MARGIN = 0.01
const REVIEW_SEC = 3_600
const STAGGER = { parts: 61, sec: 60 }

/** Far above the float error of all that is multiplied here. */
const SLACK = 1e-11

export const createPairSweep = <Source, Market extends { readonly number: number }>(
  pairs: PairBook,
  rules: SweepRules<Source, Market>,
): PairSweep<Market> => {
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
    const { number } = market
    reserve(number)
    const source = rules.describe(market, rows, number * ROW)
    hot[number * HOT + PLACE] = source === null ? OUT : rules.prices.placeOf(source)
    hot[number * HOT + SAFE_PRICE] = Number.POSITIVE_INFINITY
  }

  const unitsPerShareAt = (number: number, time: number): number => rules.unitsPerShareAt(rows, number * ROW, time)

  /** True if dust may be under water: debt rounded up and value down as contracts do, each with slack for floats. */
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
    const { keys, entries, count: size } = pairs.ranked(number, (rules.roundingUnits * rows[row + SHARES]!) / rows[row + ASSETS]!)
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
    safePrice(number, price, price, unitsPerShareAt(number, now)) <= price

  /** Whether nobody is under water now; if so, notes how long and down to which price that holds. */
  const review = (number: number, price: number, now: number): boolean => {
    const until = now + REVIEW_SEC + (number % STAGGER.parts) * STAGGER.sec
    const safe = safePrice(number, price * (1 - MARGIN), price, unitsPerShareAt(number, until))
    hot[number * HOT + SAFE_PRICE] = safe
    hot[number * HOT + SAFE_UNTIL] = until
    return safe <= price || isSafeNow(number, price, now)
  }

  const candidates = (timestampSec: bigint, priceOf?: (number: number) => number): readonly number[] => {
    for (const market of touched) describe(market)
    touched.clear()
    const now = Number(timestampSec)
    const priceAt = rules.prices.floats()
    const found: number[] = []
    for (let number = 0, at = 0; number < count; number++, at += HOT) {
      const place = hot[at + PLACE]!
      if (place === OUT) continue
      const price = priceOf === undefined ? priceAt[place]! : priceOf(number)
      if (price >= hot[at + SAFE_PRICE]! && now <= hot[at + SAFE_UNTIL]!) continue
      if (price > 0 && !(priceOf === undefined ? review : isSafeNow)(number, price, now)) found.push(number)
    }
    return found
  }

  return { touch: market => touched.add(market), candidates }
}
