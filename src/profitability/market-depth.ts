// The pools as a plan sees them: an immutable snapshot that each planned swap replaces by its successor (keepers.md K21).
// Knows how to reach one token from another; prices nothing itself.
import type { Pool, Quote } from '../core/pool'
import type { Address } from '../core/primitives'

/** One swap of a route. */
export interface Hop {
  readonly poolKey: string
  readonly tokenIn: Address
  readonly tokenOut: Address
}

/** Swaps in order; the empty route stays in the token. */
export type Route = readonly Hop[]

/** Last swap in each pool that has one, by pool key: the pool it leaves is made only when somebody asks for it. */
export type Moves = ReadonlyMap<string, Quote>

/** What a small swap along a route fetches at most. */
export interface Rate {
  readonly amountIn: bigint
  readonly atMostOut: bigint
  readonly gas: bigint
}

/** Tokens by how likely a good route runs through them, the surest first. */
export type Hubs = readonly (readonly Address[])[]

export interface MarketDepth {
  pool(key: string): Pool
  /** A memo, for whoever works them out: rates that hold on this depth. */
  readonly rates: Map<Route, Rate>
  /** The same depth with some pools replaced by what they are after their swap. */
  with(changed: Moves): MarketDepth
  /** Routes of at most `maxHops` swaps, no token twice: direct ones, then through hubs, then others, the shorter ones first. */
  routes(from: Address, to: Address, maxHops: number): readonly Route[]
  /** Two swaps through different pools, from `token` to another and back: how pools lend a token to whoever has nothing else to sell. */
  loops(token: Address): readonly Route[]
}

export const poolKey = (pool: Pool): string => `${pool.venue}:${pool.address}`

/** Hops by where they start, then by where they end. */
type Graph = ReadonlyMap<Address, ReadonlyMap<Address, readonly Hop[]>>

const graphOf = (pools: ReadonlyMap<string, Pool>): Graph => {
  const graph = new Map<Address, Map<Address, Hop[]>>()
  for (const [key, pool] of pools) {
    for (const tokenIn of pool.tokens) {
      const outgoing = graph.get(tokenIn) ?? new Map<Address, Hop[]>()
      graph.set(tokenIn, outgoing)
      for (const tokenOut of pool.tokens) {
        if (tokenOut === tokenIn) continue
        const hops = outgoing.get(tokenOut) ?? []
        hops.push({ poolKey: key, tokenIn, tokenOut })
        outgoing.set(tokenOut, hops)
      }
    }
  }
  return graph
}

/** Anybody may create pools without number between any tokens: a search through all of them gives up after so many steps. */
const MAX_STEPS = 20_000

interface Search {
  readonly graph: Graph
  readonly to: Address
  /** Tokens that may be passed; null: all. */
  readonly middles: readonly Address[] | null
  readonly steps: { left: number }
}

/** Routes of exactly `length` swaps that go on from `at`. */
function* walk(search: Search, at: Address, length: number, seen: readonly Address[]): Generator<Route> {
  const { graph, to, middles, steps } = search
  const outgoing = graph.get(at)
  if (outgoing === undefined) return
  if (length === 1) {
    for (const hop of outgoing.get(to) ?? []) yield [hop]
    return
  }
  for (const next of middles ?? outgoing.keys()) {
    steps.left -= 1
    if (steps.left < 0) return
    if (next === to || seen.includes(next)) continue
    for (const hop of outgoing.get(next) ?? [])
      for (const rest of walk(search, next, length - 1, [...seen, next])) yield [hop, ...rest]
  }
}

/** How sure a route is: the class among `hubs` of its worst token in between, their number where that is in none; 0 without any. */
const createRank = (hubs: Hubs): ((route: Route) => number) => {
  const classes = new Map(hubs.flatMap((tokens, at) => tokens.map(token => [token, at] as const)).reverse())
  return route => Math.max(0, ...route.slice(1).map(hop => classes.get(hop.tokenIn) ?? hubs.length))
}

/** Direct ones first, then those through the surest tokens, and of these the shorter ones (fewer fees, less gas): they survive the cap. */
const findRoutes = (graph: Graph, hubs: Hubs, from: Address, to: Address, maxHops: number, cap: number): readonly Route[] => {
  if (from === to) return [[]]
  const found: Route[] = []
  const rankOf = createRank(hubs)
  for (let rank = 0; rank <= hubs.length; rank += 1) {
    const middles = rank === hubs.length ? null : [...new Set(hubs.slice(0, rank + 1).flat())]
    const search: Search = { graph, to, middles, steps: { left: MAX_STEPS } }
    for (let length = rank === 0 ? 1 : 2; length <= maxHops; length += 1) {
      for (const route of walk(search, from, length, [from])) {
        if (rankOf(route) === rank) found.push(route)
        if (found.length === cap) return found
      }
    }
  }
  return found
}

/** Through hubs first: they survive the cap. */
const findLoops = (graph: Graph, hubs: Hubs, token: Address, cap: number): readonly Route[] => {
  const found: Route[] = []
  const sure = new Set(hubs.flat())
  const others = [...(graph.get(token)?.keys() ?? [])]
  for (const other of [...others.filter(each => sure.has(each)), ...others.filter(each => !sure.has(each))]) {
    const away = graph.get(token)?.get(other) ?? []
    const back = graph.get(other)?.get(token) ?? []
    for (const [first, second] of away.flatMap(out => back.map(home => [out, home] as const))) {
      if (first.poolKey !== second.poolKey) found.push([first, second])
      if (found.length === cap) return found
    }
  }
  return found
}

/** `maxRoutes` bounds the routes kept per pair. `hubs`: tokens that routes had better run through. */
export const createMarketDepth = (pools: readonly Pool[], hubs: Hubs = [], maxRoutes = 24): MarketDepth => {
  const byKey = new Map(pools.map(pool => [poolKey(pool), pool]))
  let graph: Graph | null = null
  const cache = new Map<string, readonly Route[]>()
  const routes = (from: Address, to: Address, maxHops: number): readonly Route[] => {
    const id = `${from}${to}${maxHops}`
    const known = cache.get(id)
    if (known !== undefined) return known
    graph ??= graphOf(byKey)
    const found = findRoutes(graph, hubs, from, to, maxHops, maxRoutes)
    cache.set(id, found)
    return found
  }
  const loops = (token: Address): readonly Route[] => {
    const known = cache.get(token)
    if (known !== undefined) return known
    graph ??= graphOf(byKey)
    const found = findLoops(graph, hubs, token, maxRoutes)
    cache.set(token, found)
    return found
  }
  const over = (state: ReadonlyMap<string, Pool>): MarketDepth => ({
    pool: key => {
      const pool = state.get(key)
      if (pool === undefined) throw new Error(`no pool ${key} in this depth`)
      return pool
    },
    with: changed => {
      const next = new Map(state)
      for (const [key, { after }] of changed) next.set(key, after)
      return over(next)
    },
    rates: new Map(),
    routes,
    loops,
  })
  return over(byKey)
}
