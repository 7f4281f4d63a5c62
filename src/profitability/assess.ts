// One opportunity against one state of the pools: the size, route and mode with the best net profit, or the reason for none.
import { minOf } from '../core/fixed-point'
import type { Close, Opportunity } from '../core/opportunity'
import type { Address } from '../core/primitives'
import type { Leg, Step } from '../core/program'
import type { Skip, SkipReason, Take } from '../core/verdict'
import { type Bound, boundOf } from './bound'
import { legGas } from './gas-model'
import type { MarketDepth, Moves, Route } from './market-depth'
import { encodeRouteExactIn, encodeRouteExactOut, routePools, routeTokens } from './route-swap'
import { bestSize } from './size'
import {
  type AssessContext,
  debtRoutes,
  type Mode,
  marginOf,
  type Valuation,
  valueAt,
  type Way,
  waysAround,
  waysOf,
} from './valuation'

export type { AssessContext } from './valuation'

/** Found: the take, and the pools as it leaves them. */
export type Assessment =
  | { readonly kind: 'found'; readonly candidate: Candidate }
  | { readonly kind: 'none'; readonly skip: Skip }

interface Found {
  readonly opportunity: Opportunity
  readonly close: Close
  readonly mode: Mode
  readonly pay: bigint
  readonly revenueWei: bigint
  readonly gas: bigint
  /** revenue less the leg's own gas: what it adds to a transaction. */
  readonly marginWei: bigint
  readonly changed: Moves
}

export interface Candidate extends Found {
  /** The most promising ways, for another look once pools have moved. */
  readonly contenders: readonly Way[]
}

interface Sized {
  readonly pay: bigint
  readonly valuation: Valuation
}

const sizeOf = (depth: MarketDepth, way: Way, context: AssessContext): Sized | null => {
  let found: Sized | null = null
  bestSize(way.close.minPay, way.close.maxPay, pay => {
    const valuation = valueAt(depth, way, pay, context)
    if (valuation === null) return null
    const margin = marginOf(valuation, way, context)
    if (found === null || margin > marginOf(found.valuation, way, context)) found = { pay, valuation }
    return margin
  })
  return found
}

/**
 * The best size in `way` and its best route for the rest. Mostly that is the largest size, which one route (`toNative`, the best for small
 * rests) is enough to tell; another size is looked for with all of them.
 */
const candidateOf = (
  depth: MarketDepth,
  opportunity: Opportunity,
  way: Way,
  toNative: Route,
  context: AssessContext,
): Found | null => {
  const { close } = way
  const quick = sizeOf(depth, { ...way, natives: [toNative] }, context)
  const isSettled = way.natives.length === 1 || quick?.pay === close.maxPay
  const sized = isSettled ? quick : sizeOf(depth, way, context)
  if (sized === null) return null
  const { pay } = sized
  const valuation = way.natives.length === 1 ? sized.valuation : (valueAt(depth, way, pay, context) ?? sized.valuation)
  return {
    opportunity,
    close,
    mode: { kind: way.kind, toDebt: way.toDebt, toNative: valuation.toNative },
    pay,
    revenueWei: valuation.revenueWei,
    gas: legGas(valuation.gas + close.gas, context.gasModel),
    marginWei: marginOf(valuation, way, context),
    changed: valuation.changed,
  }
}

interface Ranked {
  readonly way: Way
  readonly bound: Bound
}

/** Those that may earn anything, the most promising first. */
const rank = (depth: MarketDepth, ways: readonly Way[], context: AssessContext): readonly Ranked[] =>
  ways
    .flatMap((way): Ranked[] => {
      const bound = boundOf(depth, way, context)
      return bound === null ? [] : [{ way, bound }]
    })
    .sort((a, b) => compareBounds(a.bound.atMostWei, b.bound.atMostWei))

const compareBounds = (a: bigint | null, b: bigint | null): number => {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  return a < b ? 1 : a > b ? -1 : 0
}

/** What bars other ways to close is part of the reason. */
const skip = ({ position, obstacle }: Opportunity, reason: SkipReason, message: string): Assessment => ({
  kind: 'none',
  skip: { kind: 'skip', position, reason, message: obstacle === null ? message : `${message}; ${obstacle}` },
})

/** Collateral and debt in one token, paid upfront: one pool has to lend it, another to take the debt back. */
const lenderNote = ({ closes }: Opportunity): string =>
  closes.some(({ funding, payToken, receiveToken }) => funding === 'upfront' && payToken === receiveToken)
    ? ' (to borrow a token for itself, two pools that share another token are needed)'
    : ''

const noWay = (depth: MarketDepth, opportunity: Opportunity, context: AssessContext): Assessment => {
  if (opportunity.closes.length === 0)
    return {
      kind: 'none',
      skip: {
        kind: 'skip',
        position: opportunity.position,
        reason: 'not-closable',
        message: opportunity.obstacle ?? 'there is no way to close it',
      },
    }
  const pairs = [...new Set(opportunity.closes.map(close => `${close.receiveToken} -> ${close.payToken}`))].join(', ')
  const reachable = opportunity.closes.some(close => debtRoutes(depth, close, context.maxHops).length > 0)
  return reachable
    ? skip(
        opportunity,
        'no-native-route',
        `no pools lead from ${pairs} to wrapped native ${context.wrappedNative} within ${context.maxHops} hops: add a pool or hop token`,
      )
    : skip(
        opportunity,
        'no-route',
        `no pools lead ${pairs} within ${context.maxHops} hops${lenderNote(opportunity)}: add a pool to the venues`,
      )
}

/**
 * The best candidate over all closes, ways and routes on `depth`. A margin of zero or less is no candidate. `ways`: those to look at, all
 * that there are by default.
 */
export const assess = (
  depth: MarketDepth,
  opportunity: Opportunity,
  context: AssessContext,
  ways: readonly Way[] = waysOf(depth, opportunity, context),
): Assessment => {
  const { avoid } = opportunity
  const around = avoid === undefined ? [] : ways.flatMap(way => waysAround(depth, way, avoid))
  const detour = around.length === 0 ? null : bestOf(depth, opportunity, context, around)
  return detour?.kind === 'found' ? detour : bestOf(depth, opportunity, context, ways)
}

const bestOf = (depth: MarketDepth, opportunity: Opportunity, context: AssessContext, ways: readonly Way[]): Assessment => {
  if (ways.length === 0) return noWay(depth, opportunity, context)
  const ranked = rank(depth, ways, context)
  let best: Found | null = null
  let bestWay: Way | null = null
  for (const { way, bound } of ranked) {
    if (best !== null && bound.atMostWei !== null && bound.atMostWei <= best.marginWei) break
    const found = candidateOf(depth, opportunity, way, bound.toNative, context)
    if (found !== null && (best === null || found.marginWei > best.marginWei)) [best, bestWay] = [found, way]
  }
  if (best === null)
    return skip(opportunity, 'too-thin', `none of ${ways.length} routes fills any size or covers the debt repaid`)
  if (best.marginWei > 0n)
    return { kind: 'found', candidate: { ...best, contenders: contendersOf(ranked, bestWay, best.marginWei) } }
  const gasWei = best.gas * context.gasPriceWei
  return skip(
    opportunity,
    'unprofitable',
    `best of ${ways.length} routes earns ${best.revenueWei} wei, its gas costs ${gasWei} wei (${best.gas} gas at ${context.gasPriceWei} wei)`,
  )
}

/**
 * Other trades of the block shift which way is best, but none from far behind to the front. The best comes first, and those that may be
 * anything last: an account has many sizes too small to tell.
 */
const contendersOf = (ranked: readonly Ranked[], best: Way | null, marginWei: bigint): readonly Way[] => {
  const known = ranked.filter(({ bound }) => bound.atMostWei !== null && bound.atMostWei * 10n >= marginWei * 9n)
  const unknown = ranked.filter(({ bound }) => bound.atMostWei === null)
  const others = [...known, ...unknown].map(({ way }) => way).filter(way => way !== best)
  return [...(best === null ? [] : [best]), ...others].slice(0, CONTENDERS)
}

const CONTENDERS = 6

/** The same close, size and route on another depth: null where it can't be filled there. */
export const revalue = (depth: MarketDepth, { close, mode, pay }: Candidate, context: AssessContext): bigint | null =>
  valueAt(depth, { close, kind: mode.kind, toDebt: mode.toDebt, natives: [mode.toNative] }, pay, context)?.revenueWei ?? null

/** The close and what pays for it: swaps in the protocol's callback, or the protocol's call in a swap's. */
const paidClose = (depth: MarketDepth, { close, mode, pay }: Candidate, executor: Address): readonly Step[] => {
  if (close.funding === 'upfront') {
    const { needed } = close.amountsFor(pay)
    return encodeRouteExactOut(depth, mode.toDebt, { kind: 'exact', value: needed }, executor, close.encode(pay, []))
  }
  const inside =
    mode.kind === 'sell-all'
      ? encodeRouteExactIn(depth, mode.toDebt, { kind: 'gained', token: close.receiveToken }, executor)
      : encodeRouteExactOut(depth, mode.toDebt, { kind: 'argument', word: close.paidWord }, executor)
  return close.encode(pay, inside)
}

const stepsOf = (depth: MarketDepth, candidate: Candidate, executor: Address): readonly Step[] => {
  const { close, mode } = candidate
  const rest = mode.kind === 'sell-all' ? close.payToken : close.receiveToken
  return [
    ...paidClose(depth, candidate, executor),
    ...encodeRouteExactIn(depth, mode.toNative, { kind: 'gained', token: rest }, executor),
  ]
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
    gasLimit: minOf(candidate.gas * LEG_GAS_HEADROOM, MAX_LEG_GAS),
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
const LEG_GAS_HEADROOM = 6n
/** What a transaction may use at all (EIP-7825), less one: the order has three bytes for it. */
const MAX_LEG_GAS = (1n << 24n) - 1n
