// From a block to the bundle against it: `bulwark run` as a process of its own over WebSocket on loopback, 1,000 positions in 20 markets,
// 1 and 10 of them liquidatable. The clock runs from the reply to evm_mine until the bundle's last byte is at the relay.
import { type Bench, type BenchLine, type BenchOptions, type BenchResult, compared, percentile } from './bench'
import { countCalls } from './latency/call-counts'
import { startFloor } from './latency/floor'
import { build, type KeeperProcess, startKeeper } from './latency/keeper-process'
import { seededKeys } from './latency/keys'
import { COUNTS, measureFloor, measureKeeper, type Sample } from './latency/measure'
import { createScene, sceneSpec } from './latency/scene'
import { startStopwatchRelay } from './latency/stopwatch-relay'

const MARKETS = 20
const POSITIONS_PER_MARKET = 50
const OPERATORS = 4
const KEEPER_PLAN = { warmUp: 40, samplesEach: 220 }
const FLOOR_PLAN = { warmUp: 20, samplesEach: 60 }

const SHARES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
] as const

const resultsOf = (ours: readonly Sample[], floor: readonly Sample[]): readonly BenchResult[] => {
  const rows = (suffix: string, isIn: (sample: Sample) => boolean): readonly BenchResult[] =>
    SHARES.map(([name, share]) => {
      const of = (samples: readonly Sample[]): number =>
        percentile(
          samples.filter(isIn).map(({ ms }) => ms),
          share,
        )
      return compared(`block_to_bundle_ms_${name}${suffix}`, of(ours), 'ms', of(floor))
    })
  return [...rows('', () => true), ...COUNTS.flatMap(count => rows(`_${count}`, sample => sample.count === count))]
}

/** Where the keeper itself says the time went: medians of its own clock. */
const shares = (keeper: KeeperProcess): string => {
  const ticks = keeper.lines
    .filter(line => line.event === 'tick' && line.sent !== 0)
    .map(line => line.elapsedMs as Readonly<Record<string, number>>)
  return ['advance', 'decide', 'simulate', 'sign', 'send']
    .map(
      part =>
        `${part} ${percentile(
          ticks.map(tick => tick[part] ?? 0),
          0.5,
        ).toFixed(2)}`,
    )
    .join(', ')
}

const run = async ({ seed, progress, profileDir }: BenchOptions): Promise<BenchLine> => {
  progress('building')
  await build()
  const keys = seededKeys(seed, OPERATORS)
  const closers: (() => unknown)[] = []
  try {
    const scene = await createScene(sceneSpec(MARKETS, POSITIONS_PER_MARKET), seed, keys)
    closers.push(scene.close)
    const relay = await startStopwatchRelay()
    closers.push(relay.close)
    const stand = { scene, relay, progress }
    const keeper = await startKeeper({ scene, keys, rpcUrl: scene.wsUrl, relayUrl: relay.url, profileDir })
    closers.push(keeper.stop)
    const { samples, bodies } = await measureKeeper(stand, KEEPER_PLAN)
    closers.pop()
    await keeper.stop()
    progress(`ms in the keeper: ${shares(keeper)}`)
    const floor = await startFloor(scene.wsUrl, relay.url)
    closers.push(floor.stop)
    const floorSamples = await measureFloor(stand, floor, bodies, FLOOR_PLAN)
    closers.pop()
    floor.stop()
    const calls = await countCalls({ scene, relay, keys })
    return { bench: 'latency', results: [...resultsOf(samples, floorSamples), ...calls] }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

export const latencyBench: Bench = {
  name: 'latency',
  describe:
    'ms from a block to the bundle against it (1,000 positions, 20 markets, 1 and 10 liquidatable), and RPC calls by kind of block',
  run,
}
