// What closing with one size in one way is worth in wrapped native, on one state of the pools. Tries no sizes: assess.ts does.
import type { Close, Opportunity } from '../core/opportunity'
import type { Address } from '../core/primitives'
import type { GasModel } from './gas-model'
import type { MarketDepth, Moves, Route } from './market-depth'
import { quoteRouteExactIn, quoteRouteExactOut, type RouteQuote } from './route-swap'

export interface AssessContext {
  readonly wrappedNative: Address
  /** The executor contract, which receives every swap's output. */
  readonly executor: Address
  /** Base fee of the target block plus priority fee. */
  readonly gasPriceWei: bigint
  readonly gasModel: GasModel
  readonly maxHops: number
}

/**
 * How the collateral becomes the debt, and the routes on which the rest may become wrapped native.
 * sell-all: all collateral -> debt token, what is left after paying -> native. buy-debt: just the debt is bought, the rest of the collateral -> native.
 */
export interface Way {
  readonly close: Close
  readonly kind: 'sell-all' | 'buy-debt'
  readonly toDebt: Route
  readonly natives: readonly Route[]
}

/** A way with one route for the rest. */
export interface Mode {
  readonly kind: Way['kind']
  readonly toDebt: Route
  readonly toNative: Route
}

export interface Valuation {
  readonly toNative: Route
  readonly revenueWei: bigint
  /** Of the swaps. */
  readonly gas: bigint
  readonly changed: Moves
}

/** The rest is small beside the debt: the first few (shortest) routes to native are enough to find a good one. */
const NATIVE_ROUTES = 3

const waysOfClose = (depth: MarketDepth, close: Close, context: AssessContext): readonly Way[] => {
  const { payToken, receiveToken } = close
  const shortest = (from: Address): readonly Route[] =>
    depth.routes(from, context.wrappedNative, context.maxHops).slice(0, NATIVE_ROUTES)
  const [ofPaid, ofReceived] = [shortest(payToken), shortest(receiveToken)]
  return depth.routes(receiveToken, payToken, context.maxHops).flatMap(toDebt => {
    const ways: Way[] = []
    if (ofPaid.length > 0) ways.push({ close, kind: 'sell-all', toDebt, natives: ofPaid })
    if (ofReceived.length > 0 && receiveToken !== payToken) ways.push({ close, kind: 'buy-debt', toDebt, natives: ofReceived })
    return ways
  })
}

/** All ways that the pools offer, shortest routes first. */
export const waysOf = (depth: MarketDepth, opportunity: Opportunity, context: AssessContext): readonly Way[] =>
  opportunity.closes.flatMap(close => waysOfClose(depth, close, context))

const merge = (a: Moves, b: Moves): Moves => (b.size === 0 ? a : a.size === 0 ? b : new Map([...a, ...b]))

/** What comes first: the debt's swap, and what it leaves. Null where pools can't fill it; `left` < 0: it does not cover the debt. */
const swapForDebt = (
  depth: MarketDepth,
  { close, kind, toDebt }: Way,
  pay: bigint,
): { readonly swap: RouteQuote; readonly left: bigint } | null => {
  const { paid, received } = close.amountsFor(pay)
  if (paid === 0n || received === 0n) return null
  const swap = kind === 'sell-all' ? quoteRouteExactIn(depth, toDebt, received) : quoteRouteExactOut(depth, toDebt, paid)
  if (swap === null) return null
  return { swap, left: kind === 'sell-all' ? swap.amountOut - paid : received - swap.amountIn }
}

const withRest = (depth: MarketDepth, swap: RouteQuote, left: bigint, toNative: Route): Valuation | null => {
  const rest = quoteRouteExactIn(depth, toNative, left, swap.changed)
  if (rest === null) return left === 0n ? { toNative, revenueWei: 0n, gas: swap.gas, changed: swap.changed } : null
  return { toNative, revenueWei: rest.amountOut, gas: swap.gas + rest.gas, changed: merge(swap.changed, rest.changed) }
}

/** Revenue less the leg's own gas: what it adds to a transaction. */
export const marginOf = (valuation: Valuation, { close }: Way, context: AssessContext): bigint =>
  valuation.revenueWei - (valuation.gas + close.gas + context.gasModel.leg) * context.gasPriceWei

const better = (a: Valuation | null, b: Valuation | null, way: Way, context: AssessContext): Valuation | null =>
  a === null || (b !== null && marginOf(b, way, context) > marginOf(a, way, context)) ? b : a

const overBestNative = (depth: MarketDepth, way: Way, swap: RouteQuote, left: bigint, context: AssessContext): Valuation | null =>
  way.natives.reduce<Valuation | null>(
    (best, toNative) => better(best, withRest(depth, swap, left, toNative), way, context),
    null,
  )

/** Gain of closing with `pay` in `way`, over its best route for the rest; null where pools can't fill it or it doesn't even cover the debt. */
export const valueAt = (depth: MarketDepth, way: Way, pay: bigint, context: AssessContext): Valuation | null => {
  const first = swapForDebt(depth, way, pay)
  return first === null || first.left < 0n ? null : overBestNative(depth, way, first.swap, first.left, context)
}

/** What a way can earn at most, and the route for the rest that was best where that was found out. */
export interface Bound {
  /** Null: not known. */
  readonly atMostWei: bigint | null
  readonly toNative: Route
}

const PROBE = 128n
/** Below this many units rounding is no longer small beside a liquidation's bonus. */
const MIN_UNITS = 10_000n
/** For rounding of what the probe counts. */
const SLACK = { numerator: 102n, denominator: 100n }

/**
 * The most that `way` can earn with any size from a 128th of the largest on: gains are concave in the size (prices only get worse, what is
 * seized grows no faster), so none lies above the straight line through nothing and a small one. Null: nothing, at any such size.
 */
export const boundOf = (depth: MarketDepth, way: Way, context: AssessContext): Bound | null => {
  const { close } = way
  const unknown: Bound = { atMostWei: null, toNative: way.natives[0] ?? [] }
  const probe = close.maxPay / PROBE
  if (probe < close.minPay || probe < MIN_UNITS || close.amountsFor(probe).received < MIN_UNITS) return unknown
  const first = swapForDebt(depth, way, probe)
  if (first === null) return unknown
  if (first.left < 0n) return null
  const found = overBestNative(depth, way, first.swap, first.left, context)
  if (found === null) return unknown
  const revenueWei = (found.revenueWei * (PROBE + 1n) * SLACK.numerator) / SLACK.denominator
  return { atMostWei: marginOf({ ...found, revenueWei }, way, context), toNative: found.toNative }
}
