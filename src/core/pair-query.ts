// Questions to a PairBook: who is under water, who is next, how much debt at which price. Floats sort out what is certain; what lies within
// the guard band of a threshold, and dust, is decided by the protocol's own integers. Changes nothing.
import { DUST, DUST_PADS, type PairBook } from './pair-book'
import { firstFrom } from './pair-index'

/**
 * One market at one price. What must hold of the protocol: it rounds debt up and value down, so that whoever's real debt over collateral is
 * above the threshold is under water, and whoever is under water would be so in real numbers with `rounding` more debt.
 */
export interface PairTerms {
  /** Debt shares a unit of collateral at which a position turns, in float. Relative error below 1e-12. */
  readonly threshold: number
  /** Debt shares that the protocol's rounding may be worth, at most. */
  readonly rounding: number
  /** The protocol's own verdict. Monotone: more debt or less collateral never helps. */
  isUnderWater(debt: bigint, collateral: bigint): boolean
}

export interface RankedPair {
  readonly slot: number
  /** Key over threshold: with the least that the protocol's rounding may add, a position's real risk is no higher. */
  readonly risk: number
}

/** Debt shares of a market's positions under water, and how many they are. */
export interface PairDebt {
  readonly debt: bigint
  readonly positions: number
}

export interface PairQuery {
  /** Slots with debt and collateral that are under water, exactly, in ascending order of their keys. A view until the next call. */
  underWater(market: number, terms: PairTerms): Uint32Array
  /**
   * What is under water at each of `levels`, exactly: terms of one market from the highest threshold to the lowest. One pass over
   * what is under water at the last; no position is looked at twice but for dust and those at a threshold.
   */
  debtByLevel(market: number, levels: readonly PairTerms[]): readonly PairDebt[]
  /** Positions of these markets by falling risk, lazily: asking for the next costs the logarithm of the number of markets. */
  byRisk(markets: readonly { readonly market: number; readonly terms: PairTerms }[]): Iterable<RankedPair>
}

/** Relative guard on either side of a threshold: far above the float error of keys and thresholds, far below any price move. */
const GUARD = 1e-11

/** Keys below may not be under water. */
const lowOf = ({ threshold }: PairTerms): number => threshold * (1 - GUARD)
/** Real debt over collateral above is under water. */
const certainOf = ({ threshold }: PairTerms): number => threshold * (1 + GUARD)
/** Keys from here on are under water, unless they are dust: the pad makes up less than one part in DUST_PADS of the others' debt. */
const certainKeyOf = (terms: PairTerms): number => (certainOf(terms) * (1 + GUARD)) / (1 - 1 / DUST_PADS)

/** Limbs summed as floats, carried into a bigint before they grow inexact. */
const createSum = (book: PairBook) => {
  const limbs = new Float64Array(4)
  let added = 0
  let carried = 0n
  let positions = 0
  const carry = (): bigint => {
    carried = limbs.reduceRight((sum, limb) => (sum << 32n) + BigInt(limb), 0n) + carried
    limbs.fill(0)
    added = 0
    return carried
  }
  return {
    add: (slot: number): void => {
      if (++added > 2 ** 20) carry()
      positions += 1
      book.addDebtLimbs(slot, limbs)
    },
    total: (): PairDebt => ({ debt: carry(), positions }),
  }
}

interface Cursor {
  readonly keys: Float64Array
  readonly entries: Uint32Array
  readonly threshold: number
  at: number
  risk: number
}

/** Moves the top of a heap of cursors, highest risk first, down to its place. */
const sink = (heap: Cursor[], from: number): void => {
  const moved = heap[from]!
  for (let at = from; ; ) {
    let child = 2 * at + 1
    if (child + 1 < heap.length && heap[child + 1]!.risk > heap[child]!.risk) child += 1
    if (child >= heap.length || heap[child]!.risk <= moved.risk) {
      heap[at] = moved
      return
    }
    heap[at] = heap[child]!
    at = child
  }
}

const slotOf = (entry: number): number => (entry & ~DUST) >>> 0

export const createPairQuery = (book: PairBook): PairQuery => {
  let found = new Uint32Array(64)

  const isUnder = (slot: number, terms: PairTerms, certain: number): boolean =>
    book.roughDebtAt(slot) / book.roughCollateralAt(slot) > certain ||
    terms.isUnderWater(book.debtAt(slot), book.collateralAt(slot))

  const underWater = (market: number, terms: PairTerms): Uint32Array => {
    const index = book.ranked(market, terms.rounding)
    const { entries, count } = index
    const first = firstFrom(index, lowOf(terms))
    if (first === count) return found.subarray(0, 0)
    if (found.length < count - first) found = new Uint32Array(2 * (count - first))
    const firstCertain = firstFrom(index, certainKeyOf(terms))
    const certain = certainOf(terms)
    let size = 0
    for (let at = first; at < count; at++) {
      const entry = entries[at]!
      if ((at >= firstCertain && entry < DUST) || isUnder(slotOf(entry), terms, certain)) found[size++] = slotOf(entry)
    }
    return found.subarray(0, size)
  }

  const debtByLevel = (market: number, levels: readonly PairTerms[]): readonly PairDebt[] => {
    const sums = levels.map(() => createSum(book))
    const bounds = levels.map(terms => ({ terms, certain: certainOf(terms), certainKey: certainKeyOf(terms) }))
    const index = book.ranked(market, Math.max(0, ...levels.map(({ rounding }) => rounding)))
    let end = index.count
    for (let level = 0; level < levels.length; level++) {
      const first = firstFrom(index, lowOf(levels[level]!))
      for (let at = first; at < end; at++) {
        const [entry, key] = [index.entries[at]!, index.keys[at]!]
        let turned = level
        // Not under water at the first level at which it may be: at a later one, then, or at none.
        for (; turned < levels.length; turned++) {
          const { terms, certain, certainKey } = bounds[turned]!
          if ((entry < DUST && key >= certainKey) || isUnder(slotOf(entry), terms, certain)) break
        }
        sums[turned]?.add(slotOf(entry))
      }
      end = Math.min(end, first)
    }
    let total: PairDebt = { debt: 0n, positions: 0 }
    return sums.map(sum => {
      const { debt, positions } = sum.total()
      total = { debt: total.debt + debt, positions: total.positions + positions }
      return total
    })
  }

  function* byRisk(markets: readonly { readonly market: number; readonly terms: PairTerms }[]): Iterable<RankedPair> {
    const heap: Cursor[] = []
    for (const { market, terms } of markets) {
      const { keys, entries, count } = book.ranked(market, terms.rounding)
      if (count === 0) continue
      heap.push({ keys, entries, threshold: terms.threshold, at: count - 1, risk: keys[count - 1]! / terms.threshold })
    }
    for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at)
    while (heap.length > 0) {
      const top = heap[0]!
      yield { slot: slotOf(top.entries[top.at]!), risk: top.risk }
      top.at -= 1
      if (top.at >= 0) top.risk = top.keys[top.at]! / top.threshold
      else {
        const last = heap.pop()!
        if (heap.length === 0) return
        if (last !== top) heap[0] = last
      }
      sink(heap, 0)
    }
  }

  return { underWater, debtByLevel, byRisk }
}
