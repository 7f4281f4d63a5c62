// Quotes and encodes a whole route: swap after swap on the depth given. Exact, since each pool's maths is.
import type { Quote } from '../core/pool'
import type { Address } from '../core/primitives'
import type { Amount, Step } from '../core/program'
import type { MarketDepth, Moves, Route } from './market-depth'

export interface RouteQuote {
  readonly amountIn: bigint
  readonly amountOut: bigint
  readonly gas: bigint
  readonly changed: Moves
}

const NOTHING: Moves = new Map()

const unmoved = (amount: bigint): RouteQuote => ({ amountIn: amount, amountOut: amount, gas: 0n, changed: NOTHING })

/** What `amountIn` fetches along `route`; null where some pool can't fill it. `moved`: pools that stand otherwise than in `depth`. */
export const quoteRouteExactIn = (depth: MarketDepth, route: Route, amountIn: bigint, moved = NOTHING): RouteQuote | null => {
  if (route.length === 0 || amountIn === 0n) return unmoved(amountIn)
  const changed = new Map<string, Quote>()
  let amount = amountIn
  let gas = 0n
  for (const hop of route) {
    const pool = (changed.get(hop.poolKey) ?? moved.get(hop.poolKey))?.after ?? depth.pool(hop.poolKey)
    const quote = pool.quoteExactIn(hop.tokenIn, hop.tokenOut, amount)
    if (quote === null || quote.amountOut === 0n) return null
    changed.set(hop.poolKey, quote)
    amount = quote.amountOut
    gas += quote.gas
  }
  return { amountIn, amountOut: amount, gas, changed }
}

/** What `amountOut` costs along `route`, from the last pool back; null where some pool can't give it. */
export const quoteRouteExactOut = (depth: MarketDepth, route: Route, amountOut: bigint): RouteQuote | null => {
  if (route.length === 0 || amountOut === 0n) return unmoved(amountOut)
  const changed = new Map<string, Quote>()
  let amount = amountOut
  let gas = 0n
  for (const hop of [...route].reverse()) {
    const quote = (changed.get(hop.poolKey)?.after ?? depth.pool(hop.poolKey)).quoteExactOut(hop.tokenIn, hop.tokenOut, amount)
    if (quote === null || quote.amountIn === 0n) return null
    changed.set(hop.poolKey, quote)
    amount = quote.amountIn
    gas += quote.gas
  }
  return { amountIn: amount, amountOut, gas, changed }
}

/** Sells `first` of the route's first token; later hops sell all that the run gained of theirs. */
export const encodeRouteExactIn = (depth: MarketDepth, route: Route, first: Amount, self: Address): readonly Step[] =>
  route.flatMap((hop, index) =>
    depth
      .pool(hop.poolKey)
      .encodeExactIn(hop.tokenIn, hop.tokenOut, index === 0 ? first : { kind: 'gained', token: hop.tokenIn }, self),
  )

/**
 * Buys exactly `amount` of the route's last token; each earlier pool pays the next one inside its callback. `before`: steps that run
 * when `amount` is there and nothing is paid for yet, and that have to earn the route's first token (a flash swap).
 */
export const encodeRouteExactOut = (
  depth: MarketDepth,
  route: Route,
  amount: Amount,
  self: Address,
  before: readonly Step[] = [],
): readonly Step[] => {
  const nest = (upTo: number, wanted: Amount, to: Address): readonly Step[] => {
    const hop = route[upTo]
    if (hop === undefined) return []
    const pool = depth.pool(hop.poolKey)
    const owed: Amount = { kind: 'argument', word: pool.owedWord(hop.tokenIn) }
    const payOwed: Step = { kind: 'pay', token: hop.tokenIn, to: pool.address, amount: owed }
    const payFirst = before.length === 0 ? null : [...before, payOwed]
    const payInput = upTo === 0 ? payFirst : nest(upTo - 1, owed, pool.address)
    return pool.encodeExactOut(hop.tokenIn, hop.tokenOut, wanted, to, payInput)
  }
  return nest(route.length - 1, amount, self)
}

/** Tokens that a route passes through, both ends included. */
export const routeTokens = (route: Route): readonly Address[] => route.flatMap(hop => [hop.tokenIn, hop.tokenOut])

export const routePools = (depth: MarketDepth, route: Route): readonly Address[] =>
  route.map(hop => depth.pool(hop.poolKey).address)
