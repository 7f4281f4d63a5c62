// What a keeper asks its node for, by kind of block, as a proxy between the two counts it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchResult } from '../bench'
import { compared } from '../bench'
import { startCountingProxy } from './counting-proxy'
import { startKeeper } from './keeper-process'
import type { BenchKeys } from './keys'
import type { Scene } from './scene'
import type { StopwatchRelay } from './stopwatch-relay'

export interface CountSettings {
  readonly scene: Scene
  readonly keys: BenchKeys
  readonly relay: StopwatchRelay
}

const BLOCKS = 20
/** Long enough for everything that a block may start to have been asked for. */
const QUIET_MS = 150
const SIMULATION = 'eth_simulateV1'
/** Of a key whose bundles missed three times in a row (nothing is ever included here), in the background: not of a block. */
const RESYNC = ['eth_getBalance', 'eth_getTransactionCount']

const most = (counts: readonly number[]): number => counts.reduce((a, b) => Math.max(a, b), 0)

/** The most calls that any block of its kind took; the simulation is told apart. */
export const countCalls = async ({ scene, keys, relay }: CountSettings): Promise<readonly BenchResult[]> => {
  const proxy = await startCountingProxy(scene.wsUrl)
  const keeper = await startKeeper({ scene, keys, rpcUrl: proxy.wsUrl, relayUrl: relay.url, profileDir: null })
  const during = async (act: () => Promise<unknown>): Promise<readonly string[]> => {
    const before = proxy.methods().length
    await act()
    await sleep(QUIET_MS)
    return proxy
      .methods()
      .slice(before)
      .filter(method => !RESYNC.includes(method))
  }
  try {
    const idle: number[] = []
    const relevant: number[] = []
    const simulations: number[] = []
    const settling: number[] = []
    await during(scene.mine)
    for (let turn = 0; turn < BLOCKS; turn++) {
      idle.push((await during(scene.mine)).length)
      const market = scene.world.markets[turn % scene.world.markets.length]!
      await scene.sink(market, 1)
      const asked = await during(scene.mine)
      simulations.push(asked.filter(method => method === SIMULATION).length)
      relevant.push(asked.filter(method => method !== SIMULATION).length)
      await scene.raise(market)
      settling.push((await during(scene.mine)).length)
    }
    return [
      compared('rpc_calls_idle_block', most(idle), 'calls', null),
      compared('rpc_calls_relevant_block', most(relevant), 'calls', null),
      compared('rpc_simulations_relevant_block', most(simulations), 'calls', null),
      compared('rpc_calls_settling_block', most(settling), 'calls', null),
    ]
  } finally {
    await keeper.stop()
    await proxy.close()
  }
}
