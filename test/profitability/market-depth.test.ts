import type { Address } from '../../src/core/primitives'
import { createMarketDepth, poolKey } from '../../src/profitability/market-depth'
import {
  encodeRouteExactIn,
  encodeRouteExactOut,
  quoteRouteExactIn,
  quoteRouteExactOut,
  routePools,
} from '../../src/profitability/route-swap'
import { fakePool } from '../fakes/pool'

const token = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const [A, B, C, D] = [token(1), token(2), token(3), token(4)] as const
const pool = (n: number, a: Address, b: Address) =>
  fakePool({ address: token(0x100 + n), tokens: [a, b], reserves: [10n ** 12n, 10n ** 12n] })
const pools = [pool(1, A, B), pool(2, A, B), pool(3, B, C), pool(4, C, D), pool(5, A, D)]

describe('routes', () => {
  test('default: every route within the hops, shortest first, no token twice', () => {
    const routes = createMarketDepth(pools).routes(A, C, 3)
    expect(routes.map(route => route.map(hop => hop.poolKey))).toEqual([
      [poolKey(pools[0]!), poolKey(pools[2]!)],
      [poolKey(pools[1]!), poolKey(pools[2]!)],
      [poolKey(pools[4]!), poolKey(pools[3]!)],
    ])
  })

  test('behavior: a token to itself is the empty route; hops and the cap bound the search', () => {
    const depth = createMarketDepth(pools)
    expect(depth.routes(A, A, 3)).toEqual([[]])
    expect(depth.routes(A, C, 1)).toEqual([])
    expect(createMarketDepth(pools, [], 1).routes(A, B, 3)).toHaveLength(1)
  })
})

describe('routes among pools that anybody may have made', () => {
  const [HUB, LOAN] = [token(0xa0), token(0xa1)]
  const spamToken = (n: number): Address => token(0x5000 + n)
  const spam = Array.from({ length: 100 }, (_, n) => [
    pool(0x1000 + n, A, spamToken(n)),
    pool(0x2000 + n, spamToken(n), C),
  ]).flat()
  const good = [pool(1, A, HUB), pool(2, HUB, C), pool(3, A, LOAN), pool(4, LOAN, C), pool(5, HUB, LOAN), pool(6, A, C)]
  const middles = (routes: readonly (readonly { readonly tokenIn: Address }[])[]) =>
    routes.map(route => route.slice(1).map(hop => hop.tokenIn))

  test('behavior: a hundred routes through made-up tokens don’t push out the direct one and those through hubs', () => {
    const routes = createMarketDepth([...spam, ...good], [[HUB], [LOAN]]).routes(A, C, 3)
    expect(routes).toHaveLength(24)
    expect(middles(routes).slice(0, 6)).toEqual([[], [HUB], [LOAN], [HUB, LOAN], [LOAN, HUB], [spamToken(0)]])
    const blind = createMarketDepth([...spam, ...good]).routes(A, C, 3)
    expect(middles(blind)).not.toContainEqual([HUB])
  })

  test('behavior: made-up loan tokens come after the hubs that the config names, and hubs named twice count once', () => {
    const fake = Array.from({ length: 4 }, (_, n) => spamToken(n))
    const tiers = fake.flatMap((loan, n) =>
      [0, 1, 2, 3].flatMap(tier => [pool(0x3000 + 8 * n + tier, A, loan), pool(0x4000 + 8 * n + tier, loan, C)]),
    )
    const routes = createMarketDepth(
      [...tiers, ...good],
      [
        [HUB, LOAN],
        [HUB, ...fake],
      ],
    ).routes(A, C, 2)
    expect(middles(routes).slice(0, 4)).toEqual([[], [HUB], [LOAN], [fake[0]]])
  })

  test('behavior: a clique of a thousand made-up tokens is not searched to its end', () => {
    const clique = fakePool({ address: token(0x9999), tokens: [A, C], reserves: [1n, 1n] })
    const tokens = [A, ...Array.from({ length: 1000 }, (_, n) => spamToken(n))]
    const depth = createMarketDepth([...good, { ...clique, tokens }], [[HUB], [LOAN]])
    expect(middles(depth.routes(A, C, 4)).slice(0, 3)).toEqual([[], [HUB], [LOAN]])
  })
})

describe('route quotes', () => {
  const depth = createMarketDepth(pools)
  const route = depth.routes(A, C, 2)[0]!

  test('default: a route is its pools one after the other, in and out', () => {
    const out = quoteRouteExactIn(depth, route, 1_000_000n)!
    const first = pools[0]!.quoteExactIn(A, B, 1_000_000n)!
    expect(out.amountOut).toBe(pools[2]!.quoteExactIn(B, C, first.amountOut)!.amountOut)
    const back = quoteRouteExactOut(depth, route, out.amountOut)!
    expect(back.amountIn).toBeLessThanOrEqual(1_000_001n)
    expect(back.amountIn).toBeGreaterThan(999_990n)
    expect([...out.changed.keys()]).toEqual([poolKey(pools[0]!), poolKey(pools[2]!)])
  })

  test('behavior: the depth itself stays as it was; `with` gives one that the swap has moved', () => {
    const before = quoteRouteExactIn(depth, route, 10n ** 9n)!
    expect(quoteRouteExactIn(depth, route, 10n ** 9n)!.amountOut).toBe(before.amountOut)
    expect(quoteRouteExactIn(depth.with(before.changed), route, 10n ** 9n)!.amountOut).toBeLessThan(before.amountOut)
  })

  test('behavior: null where a pool cannot fill it or nothing would come out', () => {
    expect(quoteRouteExactOut(depth, route, 10n ** 12n)).toBeNull()
    expect(quoteRouteExactIn(depth, route, 1n)).toBeNull()
  })

  test('behavior: exact-in hops sell what was gained; exact-out nests each payment in the next pool callback', () => {
    const self = token(0xbeef)
    expect(routePools(depth, route)).toEqual([pools[0]!.address, pools[2]!.address])
    expect(encodeRouteExactIn(depth, route, { kind: 'exact', value: 5n }, self)).toEqual([
      { kind: 'pay', token: A, to: pools[0]!.address, amount: { kind: 'exact', value: 5n } },
      { kind: 'pay', token: B, to: pools[2]!.address, amount: { kind: 'gained', token: B } },
    ])
    // The fake hands `payInput` through: what is left is the first pool, asked for what the last one is owed.
    expect(encodeRouteExactOut(depth, route, { kind: 'argument', word: 0 }, self)).toEqual([
      { kind: 'pay', token: A, to: pools[0]!.address, amount: { kind: 'argument', word: 0 } },
    ])
  })
})
