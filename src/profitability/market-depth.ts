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

export interface MarketDepth {
  pool(key: string): Pool
  /** The same depth with some pools replaced by what they are after their swap. */
  with(changed: Moves): MarketDepth
  /** All routes of at most `maxHops` swaps, shortest first, no token twice. */
  routes(from: Address, to: Address, maxHops: number): readonly Route[]
}

export const poolKey = (pool: Pool): string => `${pool.venue}:${pool.address}`

const hopsByToken = (pools: ReadonlyMap<string, Pool>): ReadonlyMap<Address, readonly Hop[]> => {
  const hops = new Map<Address, Hop[]>()
  for (const [key, pool] of pools) {
    for (const tokenIn of pool.tokens) {
      const outgoing = hops.get(tokenIn) ?? []
      for (const tokenOut of pool.tokens) if (tokenOut !== tokenIn) outgoing.push({ poolKey: key, tokenIn, tokenOut })
      hops.set(tokenIn, outgoing)
    }
  }
  return hops
}

/** Breadth first, so shorter routes (fewer fees, less gas) come first and survive the cap. */
const findRoutes = (
  hops: ReadonlyMap<Address, readonly Hop[]>,
  from: Address,
  to: Address,
  maxHops: number,
  cap: number,
): readonly Route[] => {
  if (from === to) return [[]]
  const found: Route[] = []
  let frontier: { readonly at: Address; readonly route: Route; readonly seen: readonly Address[] }[] = [
    { at: from, route: [], seen: [from] },
  ]
  for (let length = 1; length <= maxHops && found.length < cap; length += 1) {
    const next: typeof frontier = []
    for (const { at, route, seen } of frontier) {
      for (const hop of hops.get(at) ?? []) {
        if (seen.includes(hop.tokenOut)) continue
        const longer = [...route, hop]
        if (hop.tokenOut === to) found.push(longer)
        else next.push({ at: hop.tokenOut, route: longer, seen: [...seen, hop.tokenOut] })
      }
    }
    frontier = next
  }
  return found.slice(0, cap)
}

/** `maxRoutes` bounds the routes kept per pair. */
export const createMarketDepth = (pools: readonly Pool[], maxRoutes = 24): MarketDepth => {
  const byKey = new Map(pools.map(pool => [poolKey(pool), pool]))
  let hops: ReadonlyMap<Address, readonly Hop[]> | null = null
  const cache = new Map<string, readonly Route[]>()
  const routes = (from: Address, to: Address, maxHops: number): readonly Route[] => {
    const id = `${from}${to}${maxHops}`
    const known = cache.get(id)
    if (known !== undefined) return known
    hops ??= hopsByToken(byKey)
    const found = findRoutes(hops, from, to, maxHops, maxRoutes)
    cache.set(id, found)
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
    routes,
  })
  return over(byKey)
}
