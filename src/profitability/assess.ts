// One opportunity against one state of the pools: the size, route and mode with the best net profit, or the reason for none.
import type { Close, Opportunity } from '../core/opportunity'
import type { Pool } from '../core/pool'
import type { Address } from '../core/primitives'
import type { Leg, Step } from '../core/program'
import type { Skip, SkipReason, Take } from '../core/verdict'
import type { GasModel } from './gas-model'
import type { MarketDepth, Route } from './market-depth'
import {
  encodeRouteExactIn,
  encodeRouteExactOut,
  quoteRouteExactIn,
  quoteRouteExactOut,
  routePools,
  routeTokens,
} from './route-swap'
import { bestSize } from './size'

export interface AssessContext {
  readonly wrappedNative: Address
  /** The executor contract, which receives every swap's output. */
  readonly executor: Address
  /** Base fee of the target block plus priority fee. */
  readonly gasPriceWei: bigint
  readonly gasModel: GasModel
  readonly maxHops: number
}

/** Found: the take, and the pools as it leaves them. */
export type Assessment =
  | { readonly kind: 'found'; readonly candidate: Candidate }
  | { readonly kind: 'none'; readonly skip: Skip }

/**
 * How the collateral becomes the debt and the rest becomes wrapped native.
 * sell-all: all collateral -> debt token, what is left after paying -> native. buy-debt: just the debt is bought, the rest of the collateral -> native.
 */
interface Mode {
  readonly kind: 'sell-all' | 'buy-debt'
  readonly toDebt: Route
  readonly toNative: Route
}

interface Valuation {
  readonly revenueWei: bigint
  readonly gas: bigint
  readonly changed: ReadonlyMap<string, Pool>
}

export interface Candidate {
  readonly opportunity: Opportunity
  readonly close: Close
  readonly mode: Mode
  readonly pay: bigint
  readonly revenueWei: bigint
  readonly gas: bigint
  /** revenue less the leg's own gas: what it adds to a transaction. */
  readonly marginWei: bigint
  readonly changed: ReadonlyMap<string, Pool>
}

const modesOf = (depth: MarketDepth, close: Close, context: AssessContext): readonly Mode[] => {
  const { payToken, receiveToken } = close
  const native = context.wrappedNative
  const toDebt = depth.routes(receiveToken, payToken, context.maxHops)
  const modes: Mode[] = []
  const shortest = (from: Address): readonly Route[] => depth.routes(from, native, context.maxHops).slice(0, NATIVE_ROUTES)
  for (const route of toDebt) {
    for (const toNative of shortest(payToken)) modes.push({ kind: 'sell-all', toDebt: route, toNative })
    if (receiveToken === payToken) continue
    for (const toNative of shortest(receiveToken)) modes.push({ kind: 'buy-debt', toDebt: route, toNative })
  }
  return modes
}

/** The remainder is small beside the debt: the first few (shortest) routes to native are enough to find a good one. */
const NATIVE_ROUTES = 3

const merge = (a: ReadonlyMap<string, Pool>, b: ReadonlyMap<string, Pool>): ReadonlyMap<string, Pool> =>
  b.size === 0 ? a : new Map([...a, ...b])

/** Gain in wrapped native of closing with `pay` in `mode`; null where pools can't fill it or it doesn't even cover the debt. */
const valueAt = (depth: MarketDepth, close: Close, mode: Mode, pay: bigint): Valuation | null => {
  const { paid, received } = close.amountsFor(pay)
  if (paid === 0n || received === 0n) return null
  const swap =
    mode.kind === 'sell-all' ? quoteRouteExactIn(depth, mode.toDebt, received) : quoteRouteExactOut(depth, mode.toDebt, paid)
  if (swap === null) return null
  const left = mode.kind === 'sell-all' ? swap.amountOut - paid : received - swap.amountIn
  if (left < 0n) return null
  const rest = quoteRouteExactIn(swap.changed.size === 0 ? depth : depth.with(swap.changed), mode.toNative, left)
  if (rest === null) return left === 0n ? { revenueWei: 0n, gas: swap.gas, changed: swap.changed } : null
  return { revenueWei: rest.amountOut, gas: swap.gas + rest.gas, changed: merge(swap.changed, rest.changed) }
}

const marginOf = (valuation: Valuation, close: Close, context: AssessContext): bigint =>
  valuation.revenueWei - (valuation.gas + close.gas + context.gasModel.leg) * context.gasPriceWei

const candidateOf = (
  depth: MarketDepth,
  opportunity: Opportunity,
  close: Close,
  mode: Mode,
  context: AssessContext,
): Candidate | null => {
  const best = bestSize(close.minPay, close.maxPay, pay => {
    const valuation = valueAt(depth, close, mode, pay)
    return valuation === null ? null : marginOf(valuation, close, context)
  })
  const valuation = best === null ? null : valueAt(depth, close, mode, best.size)
  if (best === null || valuation === null) return null
  const gas = valuation.gas + close.gas + context.gasModel.leg
  return {
    opportunity,
    close,
    mode,
    pay: best.size,
    revenueWei: valuation.revenueWei,
    gas,
    marginWei: best.value,
    changed: valuation.changed,
  }
}

const skip = (opportunity: Opportunity, reason: SkipReason, message: string): Assessment => ({
  kind: 'none',
  skip: { kind: 'skip', position: opportunity.position, reason, message },
})

const noMode = (depth: MarketDepth, opportunity: Opportunity, context: AssessContext): Assessment => {
  const pairs = opportunity.closes.map(close => `${close.receiveToken} -> ${close.payToken}`).join(', ')
  const reachable = opportunity.closes.some(close => depth.routes(close.receiveToken, close.payToken, context.maxHops).length > 0)
  return reachable
    ? skip(
        opportunity,
        'no-native-route',
        `no pools lead from ${pairs} to wrapped native ${context.wrappedNative} within ${context.maxHops} hops: add a pool or hop token`,
      )
    : skip(opportunity, 'no-route', `no pools lead ${pairs} within ${context.maxHops} hops: add a pool to the venues`)
}

/** The best candidate over all closes, modes and routes on `depth`. A margin of zero or less is no candidate. */
export const assess = (depth: MarketDepth, opportunity: Opportunity, context: AssessContext): Assessment => {
  let best: Candidate | null = null
  let modes = 0
  for (const close of opportunity.closes) {
    for (const mode of modesOf(depth, close, context)) {
      modes += 1
      const candidate = candidateOf(depth, opportunity, close, mode, context)
      if (candidate !== null && (best === null || candidate.marginWei > best.marginWei)) best = candidate
    }
  }
  if (modes === 0) return noMode(depth, opportunity, context)
  if (best === null) return skip(opportunity, 'too-thin', `none of ${modes} routes fills any size or covers the debt repaid`)
  if (best.marginWei > 0n) return { kind: 'found', candidate: best }
  const gasWei = best.gas * context.gasPriceWei
  return skip(
    opportunity,
    'unprofitable',
    `best of ${modes} routes earns ${best.revenueWei} wei, its gas costs ${gasWei} wei (${best.gas} gas at ${context.gasPriceWei} wei)`,
  )
}

/** The same close, size and route on another depth: null where it can't be filled there. */
export const revalue = (depth: MarketDepth, candidate: Candidate): bigint | null =>
  valueAt(depth, candidate.close, candidate.mode, candidate.pay)?.revenueWei ?? null

const stepsOf = (depth: MarketDepth, { close, mode, pay }: Candidate, executor: Address): readonly Step[] => {
  const inside =
    mode.kind === 'sell-all'
      ? encodeRouteExactIn(depth, mode.toDebt, { kind: 'gained', token: close.receiveToken }, executor)
      : encodeRouteExactOut(depth, mode.toDebt, { kind: 'argument', word: close.paidWord }, executor)
  const rest = mode.kind === 'sell-all' ? close.payToken : close.receiveToken
  return [...close.encode(pay, inside), ...encodeRouteExactIn(depth, mode.toNative, { kind: 'gained', token: rest }, executor)]
}

/** The complete leg and its numbers. `floorWei` is the leg's own floor in wrapped native. */
export const toTake = (depth: MarketDepth, candidate: Candidate, floorWei: bigint, context: AssessContext): Take => {
  const { close, mode, pay } = candidate
  const { paid, received } = close.amountsFor(pay)
  const touched = new Set([close.payToken, close.receiveToken, ...routeTokens(mode.toDebt), ...routeTokens(mode.toNative)])
  touched.delete(context.wrappedNative)
  const leg: Leg = {
    steps: stepsOf(depth, candidate, context.executor),
    tokens: [...touched],
    floorWei,
    gasLimit: candidate.gas * LEG_GAS_HEADROOM,
  }
  return {
    kind: 'take',
    position: candidate.opportunity.position,
    payToken: close.payToken,
    receiveToken: close.receiveToken,
    payAssets: paid,
    receiveAssets: received,
    revenueWei: candidate.revenueWei,
    gas: candidate.gas,
    leg,
    route: [...routePools(depth, mode.toDebt), ...routePools(depth, mode.toNative)],
  }
}

/** A leg may use this many times its estimate: enough for cold storage and crossed ticks, too little to starve the legs after it. */
const LEG_GAS_HEADROOM = 4n
