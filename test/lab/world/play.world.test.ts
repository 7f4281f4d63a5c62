import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import { nextBaseFeeWei } from '../../../src/core/base-fee'
import type { Hex } from '../../../src/core/primitives'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import { type Prices, pricesAt } from '../../../src/lab/prices/rounds'
import { marketMakerAbi, poolAbi } from '../../../src/lab/world/abis'
import { badDebtUsd } from '../../../src/lab/world/accounting'
import { createWorld, worldAnvilArgs } from '../../../src/lab/world/create-world'
import { smallWorld } from '../../../src/lab/world/demo-world'
import { priceOf, sqrtPriceX96 } from '../../../src/lab/world/market-price'
import { type LabBlock, mineCalls, mineRound, readHead, worldRounds } from '../../../src/lab/world/play'
import { arbitrageTransaction, roundTimestamp } from '../../../src/lab/world/transactions'
import { playUnattended } from '../../../src/lab/world/unattended'
import type { World } from '../../../src/lab/world/world'

// The first big fall: bars 126 to 140.
const spec = { ...smallWorld(4), openAtBar: 126 }
let anvil: Anvil
let world: World

beforeAll(async () => {
  anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  world = await createWorld(anvil, spec, 3)
}, 30_000)

afterAll(async () => {
  world?.rpc.close()
  await anvil?.stop()
})

/** Pool price over market price, by pool. */
const deviations = async (prices: Prices): Promise<readonly { readonly fee: number; readonly ratio: number }[]> => {
  const data = encodeFunctionData({ abi: poolAbi, functionName: 'slot0' })
  const replies = await world.rpc.batch<Hex>(
    world.pools.map(pool => ({ method: 'eth_call', params: [{ to: pool.address, data }, 'latest'] })),
  )
  return world.pools.map((pool, index) => {
    const [sqrt] = decodeFunctionResult({ abi: poolAbi, functionName: 'slot0', data: replies[index] ?? '0x' })
    const [token0, token1] = [pool.token0, pool.token1].map(token => ({
      decimals: token.decimals,
      priceWad: priceOf(prices, token),
    }))
    return { fee: pool.fee / 1e6, ratio: (Number(sqrt) / Number(sqrtPriceX96(token0!, token1!))) ** 2 }
  })
}

const expectNearMarket = async (prices: Prices): Promise<void> => {
  for (const { fee, ratio } of await deviations(prices)) {
    expect(ratio).toBeGreaterThan(1 - fee - 1e-6)
    expect(ratio).toBeLessThan(1 / (1 - fee) + 1e-6)
  }
}

describe('mineRound', () => {
  test('default', async () => {
    await expectNearMarket(pricesAt(spec.prices, spec.openAtBar))
    let head = await readHead(world)
    let seen = 0
    for (const round of worldRounds(world, 140)) {
      const parent: LabBlock = head
      head = await mineRound(world, round, parent)
      expect(head.number).toBe(parent.number + 1n)
      expect(head.timestampSec).toBe(roundTimestamp(world, round))
      // What the keeper relies on: every base fee follows from the parent's header.
      expect(head.baseFeePerGasWei).toBe(nextBaseFeeWei(parent))
      if (seen++ % 10 === 0) await expectNearMarket(round.prices)
    }
    expect(seen).toBeGreaterThan(40)
    expect(head.baseFeePerGasWei).toBeGreaterThan(2n * spec.baseFee!.quietWei)
  })

  test('behavior: arbitrage mends a pool that somebody has emptied', async () => {
    const prices = pricesAt(spec.prices, 140)
    const pushed = world.pools.map(pool => ({ pool: pool.address, lowestX96: 1n << 128n, highestX96: 1n << 140n }))
    const data = encodeFunctionData({ abi: marketMakerAbi, functionName: 'bringBack', args: [pushed.slice(0, 1)] })
    const crowd = { from: world.actors.crowd, to: world.contracts.marketMaker, data, gas: 5_000_000n }
    const head = await readHead(world)
    await mineCalls(world, [crowd], head.timestampSec + 12n)
    const [moved] = await deviations(prices)
    expect(Math.abs(moved!.ratio - 1)).toBeGreaterThan(0.1)
    await mineCalls(world, [{ ...arbitrageTransaction(world, prices), gas: 10_000_000n }], head.timestampSec + 24n)
    await expectNearMarket(prices)
  })

  test('behavior: a transaction that does not get in is an error, not a silent gap', async () => {
    const head = await readHead(world)
    const tooBig = { from: world.actors.crowd, to: world.contracts.filler, data: '0x' as const, gas: 100_000_000n }
    await expect(mineCalls(world, [tooBig], head.timestampSec + 12n)).rejects.toMatchObject({ code: 'lab-failed' })
  })
})

describe('playUnattended', () => {
  test('default', async () => {
    const crash = { ...smallWorld(20), name: 'crash', openAtBar: 270 }
    const progress: number[] = []
    const result = await playUnattended(crash, 1, { toBar: 314, sampleEvery: 20, onRound: round => progress.push(round.index) })
    expect(result.badDebtUsdWad).toBeGreaterThan(10n ** 21n)
    expect(result.history[0]?.usdWad).toBe(0n)
    expect(result.history.at(-1)?.usdWad).toBe(result.badDebtUsdWad)
    expect(progress).toEqual(progress.map((_, index) => index))
    expect(result.rounds).toBe(progress.length)
  }, 30_000)
})

describe('badDebtUsd', () => {
  test('behavior: nothing at opening prices, everything when collateral is worthless', async () => {
    const head = await readHead(world)
    const opening = pricesAt(spec.prices, spec.openAtBar)
    expect((await badDebtUsd(world, head.number, opening)).totalUsdWad).toBe(0n)
    const worthless = { ...opening, BTC: 1n, LINK: 1n }
    const { openUsdWad, socialisedUsdWad, totalUsdWad } = await badDebtUsd(world, head.number, worthless)
    expect(openUsdWad).toBeGreaterThan(0n)
    expect(socialisedUsdWad).toBe(0n)
    expect(totalUsdWad).toBe(openUsdWad)
  })
})
