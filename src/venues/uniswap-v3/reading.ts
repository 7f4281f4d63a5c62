// Reads pools at one block: what they are, their price, and the initialised ticks around it. Decides nothing about who is followed.
import { addressAt, addressWord, bytesLength, int24At, numberOf, word, wordAt } from '../../core/abi-words'
import type { ReadCall, Reader, ReadResult } from '../../core/folder'
import type { Address, Hex } from '../../core/primitives'
import { readLists } from '../../core/read-lists'
import { SELECTORS } from './abi'
import { type PoolKey, type PoolState, poolKey } from './pool'
import { entryOf, fullRange, type TickEntry, type TickTable, WORD_BITS, type WordRange, wordOf } from './tick-table'

/** Where a pool stands at the block read. dormant: not initialised, so it has no price and no ticks. */
export type PoolReading =
  | { readonly kind: 'fault'; readonly reason: string }
  | { readonly kind: 'dormant'; readonly key: PoolKey }
  | { readonly kind: 'live'; readonly key: PoolKey; readonly state: PoolState }

/** Ticks of these words, or why they can't be known. */
export type TicksReading =
  | { readonly kind: 'fault'; readonly reason: string }
  | { readonly kind: 'ticks'; readonly entries: readonly TickEntry[] }

/**
 * Words read on each side of the price's own: everything at tick spacings from 60 up; at spacing 1 a price move by a factor of 5.
 * A dense pool has 7,000 words and nobody trades through all of them; outside, quotes are null rather than wrong.
 */
const WINDOW_WORDS = 64
/** A price nearer than this to the end of what is known asks for more. */
const MARGIN_WORDS = 16
const PIPS = 1_000_000n
/** Tick.Info is eight words. A fork that stores something else there may move its prices or fees without these logs: not followed. */
const TICK_BYTES = 8 * 32

/** The words to know for a price at `tick`. */
export const windowAround = (tick: number, tickSpacing: number): WordRange => {
  const full = fullRange(tickSpacing)
  const at = wordOf(tick, tickSpacing)
  return { low: Math.max(full.low, at - WINDOW_WORDS), high: Math.min(full.high, at + WINDOW_WORDS) }
}

/** Whether the price came so near to an unread word that the window should be widened. */
export const isNearUnknown = (tick: number, { words, tickSpacing }: TickTable): boolean => {
  const at = wordOf(tick, tickSpacing)
  if (at - words.low >= MARGIN_WORDS && words.high - at >= MARGIN_WORDS) return false
  const full = fullRange(tickSpacing)
  return (at - words.low < MARGIN_WORDS && words.low > full.low) || (words.high - at < MARGIN_WORDS && words.high < full.high)
}

/** Every address read as a pool, in order. Three aggregated reads however many there are. Rejects only if the reader does. */
export const readPools = async (reader: Reader, addresses: readonly Address[]): Promise<readonly PoolReading[]> => {
  const heads = (await readLists(reader, addresses.map(headCalls))).map((results, i) => headOf(addresses[i]!, results))
  const live = heads.filter(head => head.kind === 'live')
  const ticks = await readTicks(
    reader,
    live.map(({ key, state }) => ({ key, words: listOf(state.table.words) })),
  )
  const byKey = new Map(live.map((head, i) => [head, ticks[i]!]))
  return heads.map(head => {
    const found = head.kind === 'live' ? byKey.get(head) : undefined
    if (head.kind !== 'live' || found === undefined) return head
    if (found.kind === 'fault') return found
    return { ...head, state: { ...head.state, table: { ...head.state.table, entries: found.entries } } }
  })
}

/** Initialised ticks of the given words of each pool, ascending: the bitmap words first, then the ticks that they name. */
export const readTicks = async (
  reader: Reader,
  requests: readonly { readonly key: PoolKey; readonly words: readonly number[] }[],
): Promise<readonly TicksReading[]> => {
  const maps = await readLists(
    reader,
    requests.map(({ key, words }) => words.map(at => call(key.address, SELECTORS.tickBitmap, at))),
  )
  const named = requests.map(({ key, words }, i) => ({ key, ticks: ticksNamed(words, maps[i]!, key.tickSpacing) }))
  const infos = await readLists(
    reader,
    named.map(({ key, ticks }) => (typeof ticks === 'string' ? [] : ticks.map(tick => call(key.address, SELECTORS.ticks, tick)))),
  )
  return named.map(({ ticks }, i) => (typeof ticks === 'string' ? { kind: 'fault', reason: ticks } : ticksOf(ticks, infos[i]!)))
}

/** The numbers low..high that are not in `known`. */
export const wordsMissing = (wanted: WordRange, known: WordRange): readonly number[] =>
  listOf(wanted).filter(at => at < known.low || at > known.high)

const listOf = ({ low, high }: WordRange): number[] => Array.from({ length: high - low + 1 }, (_, i) => low + i)

const call = (to: Address, selector: Hex, argument: number): ReadCall => ({ to, data: `${selector}${word(BigInt(argument))}` })

const HEAD_GETTERS = ['token0', 'token1', 'fee', 'tickSpacing', 'slot0', 'liquidity'] as const

const headCalls = (address: Address): readonly ReadCall[] => HEAD_GETTERS.map(name => ({ to: address, data: SELECTORS[name] }))

/** A pool without its ticks yet. Forks' longer or shorter slot0 is fine as long as price and tick come first. */
const headOf = (address: Address, results: readonly ReadResult[]): PoolReading => {
  for (const [i, name] of HEAD_GETTERS.entries()) {
    const result = results[i]
    if (result?.kind !== 'ok') return notAPool(`${name}() ${result?.why ?? 'gave nothing'}`)
    if (bytesLength(result.data) < (name === 'slot0' ? 64 : 32))
      return notAPool(`${name}() answered ${bytesLength(result.data)} bytes`)
  }
  const [token0, token1, fee, tickSpacing, slot0, liquidity] = results.map(result =>
    result.kind === 'ok' ? result.data : '0x',
  ) as [Hex, Hex, Hex, Hex, Hex, Hex]
  const fixed = {
    address,
    token0: addressAt(token0, 0),
    token1: addressAt(token1, 0),
    feePips: wordAt(fee, 0),
    tickSpacing: int24At(tickSpacing, 0),
  }
  if (fixed.feePips >= PIPS || fixed.tickSpacing <= 0) return notAPool(`fee ${fixed.feePips}, tick spacing ${fixed.tickSpacing}`)
  if (fixed.token0 >= fixed.token1) return notAPool('its tokens are not in order')
  const key = poolKey(fixed)
  const sqrtPriceX96 = wordAt(slot0, 0)
  if (sqrtPriceX96 === 0n) return { kind: 'dormant', key }
  const tick = int24At(slot0, 1)
  const table = { tickSpacing: fixed.tickSpacing, words: windowAround(tick, fixed.tickSpacing), entries: [] }
  return { kind: 'live', key, state: { sqrtPriceX96, tick, liquidity: wordAt(liquidity, 0), table } }
}

const notAPool = (why: string): PoolReading => ({ kind: 'fault', reason: `not a Uniswap v3 pool: ${why}` })

/** The ticks whose bits are set, or why that can't be known. */
const ticksNamed = (words: readonly number[], results: readonly ReadResult[], tickSpacing: number): number[] | string => {
  const ticks: number[] = []
  for (const [i, at] of words.entries()) {
    const result = results[i]
    const bits = numberOf(result)
    if (bits === null) return `tickBitmap(${at}) ${result?.kind === 'failed' ? result.why : 'gave nothing'}`
    for (let bit = 0, rest = bits; rest !== 0n; bit++, rest >>= 1n) {
      if ((rest & 1n) === 1n) ticks.push((at * WORD_BITS + bit) * tickSpacing)
    }
  }
  return ticks
}

const ticksOf = (ticks: readonly number[], results: readonly ReadResult[]): TicksReading => {
  const entries: TickEntry[] = []
  for (const [i, tick] of ticks.entries()) {
    const result = results[i]
    if (result?.kind !== 'ok') return { kind: 'fault', reason: `ticks(${tick}) ${result?.why ?? 'gave nothing'}` }
    if (bytesLength(result.data) !== TICK_BYTES) {
      return { kind: 'fault', reason: `not a Uniswap v3 pool: ticks(${tick}) answered ${bytesLength(result.data)} bytes` }
    }
    entries.push(entryOf(tick, wordAt(result.data, 0), BigInt.asIntN(128, wordAt(result.data, 1))))
  }
  return { kind: 'ticks', entries }
}

/** IUniswapV3Factory.getPool for one pair and tier. */
export const getPoolCall = (factory: Address, tokenA: Address, tokenB: Address, feeTier: number): ReadCall => ({
  to: factory,
  data: `${SELECTORS.getPool}${addressWord(tokenA)}${addressWord(tokenB)}${word(BigInt(feeTier))}`,
})
