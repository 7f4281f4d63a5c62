// What closing with one size in one way is worth in wrapped native, on one state of the pools. Tries no sizes: assess.ts does.
import type { Close, Opportunity } from '../core/opportunity'
import type { Address } from '../core/primitives'
import { type GasModel, legGas } from './gas-model'
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
 * A close that is paid upfront knows only the second: the pool gives the debt token before it is paid (a flash swap).
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

/** Whether `rest` would trade back, in some pool, what `toDebt` has traded there: selling less to begin with is always better. */
const undoes = (toDebt: Route, rest: Route): boolean =>
  rest.some(hop => toDebt.some(each => each.poolKey === hop.poolKey && each.tokenIn !== hop.tokenIn))

/** Routes on which the collateral may become the debt. Paid upfront, the same token has to be lent by a pool, and paid back through another. */
export const debtRoutes = (depth: MarketDepth, { payToken, receiveToken, funding }: Close, maxHops: number): readonly Route[] =>
  funding === 'upfront' && payToken === receiveToken ? depth.loops(payToken) : depth.routes(receiveToken, payToken, maxHops)

const waysOfClose = (depth: MarketDepth, close: Close, context: AssessContext): readonly Way[] => {
  const { payToken, receiveToken, funding } = close
  const isUpfront = funding === 'upfront'
  const routes = (from: Address, to: Address): readonly Route[] => depth.routes(from, to, context.maxHops)
  const [ofPaid, ofReceived] = [routes(payToken, context.wrappedNative), routes(receiveToken, context.wrappedNative)]
  return debtRoutes(depth, close, context.maxHops).flatMap(toDebt => {
    const shortest = (natives: readonly Route[]): readonly Route[] =>
      natives.filter(rest => !undoes(toDebt, rest)).slice(0, NATIVE_ROUTES)
    const ways: readonly Way[] = [
      { close, kind: 'sell-all', toDebt, natives: isUpfront ? [] : shortest(ofPaid) },
      { close, kind: 'buy-debt', toDebt, natives: receiveToken === payToken && !isUpfront ? [] : shortest(ofReceived) },
    ]
    return ways.filter(({ natives }) => natives.length > 0)
  })
}

/** All ways that the pools offer, shortest routes first. */
export const waysOf = (depth: MarketDepth, opportunity: Opportunity, context: AssessContext): readonly Way[] =>
  opportunity.closes.flatMap(close => waysOfClose(depth, close, context))

/** `way` without the routes that lead through one of these pools; none if that leaves nothing of it. */
export const waysAround = (depth: MarketDepth, way: Way, avoid: ReadonlySet<Address>): readonly Way[] => {
  const isClear = (route: Route): boolean => route.every(hop => !avoid.has(depth.pool(hop.poolKey).address))
  const natives = way.natives.filter(isClear)
  return isClear(way.toDebt) && natives.length > 0 ? [{ ...way, natives }] : []
}

const merge = (a: Moves, b: Moves): Moves => (b.size === 0 ? a : a.size === 0 ? b : new Map([...a, ...b]))

/** What comes first: the debt's swap, and what it leaves. Null where pools can't fill it; `left` < 0: it does not cover the debt. */
const swapForDebt = (
  depth: MarketDepth,
  { close, kind, toDebt }: Way,
  pay: bigint,
): { readonly swap: RouteQuote; readonly left: bigint } | null => {
  const { paid, received, needed } = close.amountsFor(pay)
  if (paid === 0n || received === 0n) return null
  const swap = kind === 'sell-all' ? quoteRouteExactIn(depth, toDebt, received) : quoteRouteExactOut(depth, toDebt, needed)
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
  valuation.revenueWei - legGas(valuation.gas + close.gas, context.gasModel) * context.gasPriceWei

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
