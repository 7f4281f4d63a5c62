// A world in which somebody can put a chosen number of one market's positions under water, block after block, and take it back.
// Bundles never land here, so each time is like the first.
import { encodeFunctionData } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import { startAnvil } from '../../src/lab/anvil'
import { deployLocalExecutor, type LocalExecutor } from '../../src/lab/local-executor'
import { morphoAbi } from '../../src/lab/world/abis'
import { readPositions } from '../../src/lab/world/accounting'
import { createWorld, worldAnvilArgs } from '../../src/lab/world/create-world'
import { manyMarkets } from '../../src/lab/world/demo-world'
import { HostileOracle } from '../../src/lab/world/lab-artifacts'
import { toQuantity } from '../../src/lab/world/outbox'
import type { WorldSpec } from '../../src/lab/world/spec'
import type { World, WorldMarket } from '../../src/lab/world/world'
import type { BenchKeys } from './keys'

export interface Scene {
  readonly world: World
  readonly wsUrl: string
  readonly executor: LocalExecutor
  /** Queues what puts exactly `count` positions of a market under water in the next block, whose logs concern the keeper as well. */
  sink(market: WorldMarket, count: number): Promise<void>
  /** Queues the market's first price. */
  raise(market: WorldMarket): Promise<void>
  /** Mines what is queued; performance.now() at the reply. */
  mine(): Promise<number>
  close(): Promise<void>
}

const SLOT_SEC = 12n
const ORACLE_SCALE = 10n ** 36n
const WAD = 10n ** 18n

/** The demo's tokens and pools; no dust, so that every position is worth closing; an oracle of its own for each market. */
export const sceneSpec = (markets: number, positions: number): WorldSpec => {
  const spec = manyMarkets(markets, positions)
  return {
    ...spec,
    name: 'latency',
    baseFee: null,
    markets: spec.markets.map(market => ({
      ...market,
      oracle: { kind: 'hostile' },
      borrowers: {
        count: positions,
        ltvShare: market.borrowers.ltvShare,
        debtUsd: { median: 12_000, sigma: 0.7, min: 5_000, max: 40_000 },
      },
    })),
  }
}

/** The price between those at which the `count`-th and the next position go under. */
const priceFor = (thresholds: readonly bigint[], count: number): bigint => {
  const sorted = [...thresholds].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0))
  const [last, next] = [sorted[count - 1], sorted[count]]
  if (last === undefined || next === undefined) throw new RangeError(`a market of ${sorted.length} positions can't sink ${count}`)
  return (last + next) / 2n
}

const setPrice = (market: WorldMarket, price: bigint) => ({
  to: market.params.oracle,
  data: encodeFunctionData({ abi: HostileOracle.abi, functionName: 'setPrice', args: [price] }),
})

/** Builds the world on a chain of its own; some 10 s for 1,000 positions. */
export const createScene = async (spec: WorldSpec, seed: number, keys: BenchKeys): Promise<Scene> => {
  const anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  try {
    const world = await createWorld(anvil, spec, seed)
    const executor = await deployLocalExecutor(world.rpc, keys)
    const state = await readPositions(
      world,
      world.markets.map(market => ({ market, accounts: [] })),
      { block: 'latest' },
    )
    const firstPrice = new Map(state.map(({ market, oraclePrice }) => [market, oraclePrice]))
    let timestampSec = BigInt(
      (await world.rpc.request<{ readonly timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)).timestamp,
    )

    const send = async (calls: readonly { readonly to: Address; readonly data: Hex }[]): Promise<void> => {
      for (const call of calls)
        await world.rpc.request('eth_sendTransaction', { from: world.actors.crowd, ...call, gas: toQuantity(500_000n) })
    }
    return {
      world,
      wsUrl: anvil.wsUrl,
      executor,
      sink: async (market, count) => {
        const [now] = await readPositions(world, [{ market, accounts: market.borrowers }], {
          block: 'latest',
          timestampSec: timestampSec + 2n * SLOT_SEC,
        })
        const thresholds = (now?.positions ?? []).map(
          ({ collateralAssets, debtAssets }) => (debtAssets * ORACLE_SCALE * WAD) / (collateralAssets * market.params.lltv),
        )
        const accrue = encodeFunctionData({ abi: morphoAbi, functionName: 'accrueInterest', args: [market.params] })
        await send([setPrice(market, priceFor(thresholds, count)), { to: world.contracts.morpho, data: accrue }])
      },
      raise: market => send([setPrice(market, firstPrice.get(market) ?? 0n)]),
      mine: async () => {
        timestampSec += SLOT_SEC
        await world.rpc.request('evm_mine', { timestamp: toQuantity(timestampSec) })
        return performance.now()
      },
      close: async () => {
        world.rpc.close()
        await anvil.stop()
      },
    }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}
