import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { encodeFunctionData } from 'viem'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import { pricesAt } from '../../../src/lab/prices/rounds'
import { healthRatio, isUnhealthy } from '../../../src/lab/referee/health'
import { feedAbi } from '../../../src/lab/world/abis'
import { type MarketState, readWorld } from '../../../src/lab/world/accounting'
import { createWorld, worldAnvilArgs } from '../../../src/lab/world/create-world'
import { smallWorld } from '../../../src/lab/world/demo-world'
import { oraclePrice, priceOf } from '../../../src/lab/world/market-price'
import type { World } from '../../../src/lab/world/world'

const spec = smallWorld(12)
const prices = pricesAt(spec.prices, spec.openAtBar)
const anvils: Anvil[] = []
const worlds: World[] = []

const make = async (seed: number): Promise<World> => {
  const anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  anvils.push(anvil)
  const world = await createWorld(anvil, spec, seed)
  worlds.push(world)
  return world
}

const figures = (states: readonly MarketState[]) =>
  states.map(({ market, oraclePrice: price, positions }) => ({ id: market.id, price, positions }))

beforeAll(async () => {
  for (const seed of [1, 1, 2]) await make(seed)
}, 30_000)

afterAll(async () => {
  for (const world of worlds) world.rpc.close()
  await Promise.all(anvils.map(anvil => anvil.stop()))
})

describe('createWorld', () => {
  test('default', async () => {
    const [world] = worlds as [World]
    const states = await readWorld(world, { block: 'latest' })
    expect(states.map(({ positions }) => positions.length)).toEqual([12, 12, 12, 12, 12])
    for (const { market, oraclePrice: price, positions } of states) {
      expect(positions.every(position => position.borrowShares > 0n && position.collateralAssets > 0n)).toBe(true)
      expect(positions.some(position => isUnhealthy(position, price, market.params.lltv))).toBe(false)
      const [low, high] = market.spec.borrowers.ltvShare
      for (const position of positions) {
        const health = healthRatio(position, price, market.params.lltv)
        expect(health).toBeGreaterThan(1 / high - 0.01)
        expect(health).toBeLessThan(1 / low + 0.2)
      }
    }
    const head = await world.rpc.request<{ timestamp: string; gasLimit: string; baseFeePerGas: string }>(
      'eth_getBlockByNumber',
      'latest',
      false,
    )
    expect(BigInt(head.timestamp)).toBe(world.startSec)
    expect(BigInt(head.gasLimit)).toBe(spec.blockGasLimit)
    expect(BigInt(head.baseFeePerGas)).toBe(spec.baseFee?.quietWei)
  })

  test('behavior: the same seed gives the same world, another seed another', async () => {
    const [a, b, c] = worlds as [World, World, World]
    expect(b.contracts).toEqual(a.contracts)
    expect(b.pools).toEqual(a.pools)
    expect(b.startSec).toBe(a.startSec)
    const [first, second, third] = await Promise.all(
      [a, b, c].map(async world => figures(await readWorld(world, { block: 'latest' }))),
    )
    expect(second).toEqual(first)
    expect(third).not.toEqual(first)
    expect(c.contracts.morpho).not.toBe(a.contracts.morpho)
  })

  test('behavior: oracles say the market price whatever the decimals', async () => {
    const [world] = worlds as [World]
    for (const { market, oraclePrice: price } of await readWorld(world, { block: 'latest' })) {
      const expected = oraclePrice(
        { decimals: market.collateral.decimals, priceWad: priceOf(prices, market.collateral) },
        { decimals: market.loan.decimals, priceWad: priceOf(prices, market.loan) },
      )
      expect(Number(price) / Number(expected)).toBeCloseTo(1, 6)
    }
  })

  test('behavior: a feed takes posts of its node alone', async () => {
    const [world] = worlds as [World]
    const data = encodeFunctionData({ abi: feedAbi, functionName: 'submit', args: [1n] })
    const call = (from: string) => ({ method: 'eth_call', params: [{ from, to: world.feeds[0]?.address, data }, 'latest'] })
    const [own, other] = await world.rpc.batchSettled([call(world.actors.feedNode), call(world.actors.crowd)])
    expect([own?.kind, other?.kind]).toEqual(['ok', 'failed'])
  })
})
