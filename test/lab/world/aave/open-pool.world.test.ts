import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Anvil, startAnvil } from '../../../../src/lab/anvil'
import { type Prices, pricesAt } from '../../../../src/lab/prices/rounds'
import {
  aaveBadDebt,
  readAaveBalances,
  readAaveHealth,
  readAavePrices,
  readEMode,
} from '../../../../src/lab/world/aave/accounting'
import { createWorld, worldAnvilArgs } from '../../../../src/lab/world/create-world'
import { aaveWorld } from '../../../../src/lab/world/demo-world'
import { priceOf } from '../../../../src/lab/world/market-price'
import { mineCalls, readHead } from '../../../../src/lab/world/play'
import { postTransactions } from '../../../../src/lab/world/transactions'
import type { World, WorldAave } from '../../../../src/lab/world/world'

const WAD = 10n ** 18n
const LATEST = { block: 'latest' } as const

describe.each(['v3.0', 'v3.6'] as const)('a world with an Aave %s pool', version => {
  const spec = aaveWorld(24, version)
  const opening = pricesAt(spec.prices, spec.openAtBar)
  const anvils: Anvil[] = []
  const worlds: World[] = []

  const make = async (seed: number): Promise<World> => {
    const anvil = await startAnvil({ args: worldAnvilArgs(spec) })
    anvils.push(anvil)
    const world = await createWorld(anvil, spec, seed)
    worlds.push(world)
    return world
  }
  const only = (world: World | undefined): WorldAave => world!.aave[0]!

  beforeAll(async () => {
    for (const seed of [1, 1, 2]) await make(seed)
  }, 60_000)

  afterAll(async () => {
    for (const world of worlds) world.rpc.close()
    await Promise.all(anvils.map(anvil => anvil.stop()))
  })

  test('default', async () => {
    const [world] = worlds as [World]
    const aave = only(world)
    expect(aave.accounts.length).toBe(24)
    const health = await readAaveHealth(world, aave, aave.accounts, LATEST)
    for (const { healthFactorWad, debtBase, collateralBase } of health) {
      expect(healthFactorWad).toBeGreaterThan(WAD)
      expect(healthFactorWad).toBeLessThan(3n * WAD)
      expect(debtBase).toBeGreaterThan(0n)
      expect(collateralBase).toBeGreaterThan(debtBase)
    }
    const balances = await readAaveBalances(world, aave, aave.accounts, LATEST)
    const kinds = (amounts: readonly bigint[]): number => amounts.filter(amount => amount > 0n).length
    expect(new Set(balances.map(each => kinds(each.collateral))).size).toBeGreaterThan(1)
    expect(new Set(balances.map(each => kinds(each.debt)))).toEqual(new Set([1, 2]))
    const eModes = await Promise.all(aave.accounts.map(account => readEMode(world, aave, account, LATEST)))
    expect(new Set(eModes)).toEqual(new Set([0, 1]))
    expect(await aaveBadDebt(world, aave, (await readHead(world)).number, opening)).toEqual({
      openUsdWad: 0n,
      writtenOffUsdWad: 0n,
    })
  })

  test('behavior: the same seed gives the same pool and accounts, another one others', async () => {
    const figures = await Promise.all(
      worlds.map(async world => {
        const aave = only(world)
        const balances = await readAaveBalances(world, aave, aave.accounts, LATEST)
        return { pool: aave.pool, reserves: aave.reserves.map(reserve => [reserve.aToken, reserve.debtToken]), balances }
      }),
    )
    expect(figures[1]).toEqual(figures[0])
    expect(figures[2]!.balances).not.toEqual(figures[0]!.balances)
  })

  test('behavior: its prices are what the feeds say, dollars with eight decimals', async () => {
    const [world] = worlds as [World]
    const aave = only(world)
    const inEight = (prices: Prices) => aave.reserves.map(({ token }) => priceOf(prices, token) / 10n ** 10n)
    const isNear = (actual: readonly bigint[], wanted: readonly bigint[]): boolean =>
      actual.every((price, index) => price <= wanted[index]! && price >= wanted[index]! - 1n)
    expect(isNear(await readAavePrices(world, aave, LATEST), inEight(opening))).toBe(true)
    const crashed = Object.fromEntries(Object.entries(opening).map(([asset, price]) => [asset, (price * 7n) / 10n]))
    const head = await readHead(world)
    const posts = postTransactions(
      world,
      crashed,
      spec.feeds.map(feed => feed.id),
    )
    await mineCalls(world, posts, head.timestampSec + 12n)
    expect(isNear(await readAavePrices(world, aave, LATEST), inEight(crashed))).toBe(true)
  })
})
