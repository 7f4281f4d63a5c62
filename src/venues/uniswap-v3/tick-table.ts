// The initialised ticks of one pool, in order, within the bitmap words that were read. A value: a change yields a new table, so
// that pools handed out earlier (and undo) keep theirs. A table has some hundreds of entries: copying one costs microseconds.
import { MAX_TICK, MIN_TICK, sqrtRatioAtTick } from './tick-math'

export interface TickEntry {
  readonly tick: number
  readonly liquidityGross: bigint
  /** Added to the liquidity when the price rises across the tick, taken when it falls. */
  readonly liquidityNet: bigint
  readonly sqrtRatioX96: bigint
}

/** Bitmap words (256 tick spacings each) whose ticks are known: both ends included. */
export interface WordRange {
  readonly low: number
  readonly high: number
}

export interface TickTable {
  readonly tickSpacing: number
  readonly words: WordRange
  /** Ascending. */
  readonly entries: readonly TickEntry[]
}

/** Where a swap step stops: an initialised tick (entry) or the end of a bitmap word (no entry). */
export interface Stop {
  readonly tick: number
  readonly sqrtRatioX96: bigint
  readonly entry: TickEntry | null
}

export const WORD_BITS = 256

export const wordOf = (tick: number, tickSpacing: number): number => Math.floor(Math.floor(tick / tickSpacing) / WORD_BITS)

/** All words in which a usable tick can lie. */
export const fullRange = (tickSpacing: number): WordRange => ({
  low: wordOf(Math.ceil(MIN_TICK / tickSpacing) * tickSpacing, tickSpacing),
  high: wordOf(Math.floor(MAX_TICK / tickSpacing) * tickSpacing, tickSpacing),
})

export const entryOf = (tick: number, liquidityGross: bigint, liquidityNet: bigint): TickEntry => ({
  tick,
  liquidityGross,
  liquidityNet,
  sqrtRatioX96: sqrtRatioAtTick(tick),
})

/** Index of the first entry whose tick is >= `tick`. */
const lowerBound = (entries: readonly TickEntry[], tick: number): number => {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (entries[middle]!.tick < tick) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * TickBitmap.nextInitializedTickWithinOneWord as Pool.swap uses it, clamped to the tick range. Null where the word was not read.
 * `ratioAtBoundary` gives the price of a word's end; callers cache it.
 */
export const nextStop = (
  table: TickTable,
  tick: number,
  zeroForOne: boolean,
  ratioAtBoundary: (tick: number) => bigint,
): Stop | null => {
  const { tickSpacing, entries } = table
  const compressed = Math.floor(tick / tickSpacing) + (zeroForOne ? 0 : 1)
  const word = Math.floor(compressed / WORD_BITS)
  if (!isKnownWord(table, word)) return null
  const boundary = (word * WORD_BITS + (zeroForOne ? 0 : WORD_BITS - 1)) * tickSpacing
  const at = compressed * tickSpacing
  const entry = zeroForOne ? entries[lowerBound(entries, at + 1) - 1] : entries[lowerBound(entries, at)]
  if (entry !== undefined && (zeroForOne ? entry.tick >= boundary : entry.tick <= boundary)) {
    return { tick: entry.tick, sqrtRatioX96: entry.sqrtRatioX96, entry }
  }
  const clamped = Math.min(Math.max(boundary, MIN_TICK), MAX_TICK)
  return { tick: clamped, sqrtRatioX96: ratioAtBoundary(clamped), entry: null }
}

/** Words past the usable range hold no tick, so they count as known once the table reaches that end. */
const isKnownWord = (table: TickTable, word: number): boolean => {
  const { words, tickSpacing } = table
  if (word < words.low) return words.low <= fullRange(tickSpacing).low
  return word <= words.high || words.high >= fullRange(tickSpacing).high
}

/**
 * The table once a position edge at `tick` gained `grossDelta` (negative: lost) and `netDelta`, as Tick.update and the bitmap's flip.
 * The same table where the tick's word is not known: whoever reads that word later reads the result. RangeError where a tick would hold less
 * than nothing.
 */
export const withTickChange = (table: TickTable, tick: number, grossDelta: bigint, netDelta: bigint): TickTable => {
  const word = wordOf(tick, table.tickSpacing)
  if (word < table.words.low || word > table.words.high) return table
  const at = lowerBound(table.entries, tick)
  const found = table.entries[at]
  const before = found?.tick === tick ? found : null
  const gross = (before?.liquidityGross ?? 0n) + grossDelta
  const net = (before?.liquidityNet ?? 0n) + netDelta
  if (gross < 0n) throw new RangeError(`the liquidity at tick ${tick} falls below zero`)
  const entries = table.entries.slice()
  if (gross === 0n) entries.splice(at, before === null ? 0 : 1)
  else if (before === null) entries.splice(at, 0, entryOf(tick, gross, net))
  else entries[at] = { tick, liquidityGross: gross, liquidityNet: net, sqrtRatioX96: before.sqrtRatioX96 }
  return { ...table, entries }
}

/** The table with `added` entries of newly read words. `words` covers the old range; `added` lies outside of it. */
export const widened = (table: TickTable, words: WordRange, added: readonly TickEntry[]): TickTable => ({
  tickSpacing: table.tickSpacing,
  words,
  entries: [...table.entries, ...added].sort((a, b) => a.tick - b.tick),
})
