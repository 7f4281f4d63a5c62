// What a way to close can earn at most, from the rates of small swaps: most ways need no closer look. Rates serve all positions of a block.
import { maxOf, mulDivUp } from '../core/fixed-point'
import { legGas } from './gas-model'
import type { MarketDepth, Rate, Route } from './market-depth'
import type { AssessContext, Way } from './valuation'

/** What a way can earn at most, and the route for the rest that is best by the same rates. */
export interface Bound {
  /** Null: not known. */
  readonly atMostWei: bigint | null
  readonly toNative: Route
}

/** Parts of the largest size that are tried; the second only where the first, in pools too thin for it, earns nothing. */
const PROBES = [128n, 16_384n]
/** Below this many units rounding is no longer small beside a liquidation's bonus, and a bound says little. */
const MIN_UNITS = 10_000n

/** Too few units pass to tell, or some pool can't fill even so few. */
type NoRate = 'too-few' | 'dry'

/** At most what the hops fetch, were nothing rounded down. */
const probeRoute = (depth: MarketDepth, route: Route, amountIn: bigint): Rate | NoRate => {
  const outs: bigint[] = []
  let amount = amountIn
  let gas = 0n
  for (const { poolKey, tokenIn, tokenOut } of route) {
    const quote = amount < MIN_UNITS ? null : depth.pool(poolKey).quoteExactIn(tokenIn, tokenOut, amount)
    if (quote === null) return amount < MIN_UNITS ? 'too-few' : 'dry'
    amount = quote.amountOut
    gas += quote.gas
    outs.push(amount)
  }
  if (amount < MIN_UNITS) return 'too-few'
  // Each hop has lost less than one of its units, which is that part of everything after it.
  const lost = outs.reduce((sum, out) => sum + amount / out + 1n, 0n)
  return { amountIn, atMostOut: amount + lost, gas }
}

/** A rate of `route` for `amountIn` or less: more never gets a better one. */
const rateOf = (depth: MarketDepth, route: Route, amountIn: bigint): Rate | NoRate => {
  const known = depth.rates.get(route)
  if (known !== undefined && known.amountIn <= amountIn) return known
  const rate = probeRoute(depth, route, amountIn)
  if (typeof rate !== 'string') depth.rates.set(route, rate)
  return rate
}

const atMostOut = (amount: bigint, rate: Rate): bigint => (amount * rate.atMostOut) / rate.amountIn + 1n
const atLeastIn = (amount: bigint, rate: Rate): bigint => (amount * rate.amountIn) / rate.atMostOut

interface Rest {
  readonly toNative: Route
  readonly wei: bigint
  readonly gas: bigint
}

/** Null: not known of some route that may be the best. */
const bestRest = (depth: MarketDepth, natives: readonly Route[], left: bigint): Rest | null => {
  let best: Rest | null = null
  for (const toNative of natives) {
    if (toNative.length === 0) return { toNative, wei: left, gas: 0n }
    const rate = rateOf(depth, toNative, left)
    if (rate === 'too-few') return null
    if (rate === 'dry') continue
    const wei = atMostOut(left, rate)
    if (best === null || wei > best.wei) best = { toNative, wei, gas: rate.gas }
  }
  return best
}

/**
 * What `way` earns at most with the given part of its largest size, or its smallest if that is more; 'unknown' where too few units are left
 * over to tell, or a pool can't fill it.
 */
const probeWay = (
  depth: MarketDepth,
  { close, kind, toDebt, natives }: Way,
  part: bigint,
): { readonly rest: Rest; readonly gas: bigint; readonly paid: bigint } | 'nothing' | 'too-small' | 'unknown' => {
  const sample = close.maxPay / part
  const pay = maxOf(close.minPay, sample)
  if (pay < MIN_UNITS) return 'too-small'
  const { paid, received } = close.amountsFor(pay)
  if (received < MIN_UNITS || paid < MIN_UNITS) return 'too-small'
  // Of a sample's worth: buying the debt takes less than all that is received, and less has better prices.
  const rate = rateOf(depth, toDebt, (received * sample) / pay)
  if (typeof rate === 'string') return 'unknown'
  const left = kind === 'sell-all' ? atMostOut(received + 1n, rate) - paid : received + 1n - atLeastIn(paid, rate)
  if (left <= 0n) return 'nothing'
  const rest = bestRest(depth, natives, left)
  return rest === null ? 'unknown' : { rest, gas: rate.gas + rest.gas, paid }
}

/**
 * The most that `way` can earn: gains are concave in the size (prices only get worse, what is seized grows no faster), so none lies above the
 * straight line through nothing and the smallest or a small one. Null: it earns nothing, or only with sizes that are too small to matter.
 */
export const boundOf = (depth: MarketDepth, way: Way, context: AssessContext): Bound | null => {
  const { close, natives } = way
  const unknown: Bound = { atMostWei: null, toNative: natives[0] ?? [] }
  let isNothing = false
  for (const part of PROBES) {
    const probed = probeWay(depth, way, part)
    if (probed === 'nothing') isNothing = true
    else if (typeof probed === 'string') return isNothing && probed === 'too-small' ? null : unknown
    else {
      const { rest, paid } = probed
      const gas = legGas(probed.gas + close.gas, context.gasModel)
      return { atMostWei: mulDivUp(rest.wei, close.maxPay, paid) - gas * context.gasPriceWei, toNative: rest.toNative }
    }
  }
  return null
}
