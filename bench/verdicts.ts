// From a head in the keeper to all verdicts: `bulwark run` as a process of its own over WebSocket on loopback, 10,000 positions in 10 markets of
// real contracts, 1 and 10 of them liquidatable. What counts is the keeper's own clock: reading the block, folding it, judging, planning; no
// simulation, no sending. Beside it what a keeper without an index computes for the same block, without any reading.
import { type Bench, type BenchLine, type BenchOptions, type BenchResult, compared, percentile } from './bench'
import { build, type KeeperProcess, startKeeper } from './latency/keeper-process'
import { seededKeys } from './latency/keys'
import { COUNTS, measureKeeper } from './latency/measure'
import { createNaivePass } from './latency/naive-pass'
import { createScene, type Scene, sceneSpec } from './latency/scene'
import { startStopwatchRelay } from './latency/stopwatch-relay'
import { createMachine, type Machine, noSamples } from './machine'

const MARKETS = 10
const POSITIONS_PER_MARKET = 1_000
const OPERATORS = 4
const PLAN = { warmUp: 30, samplesEach: 100 }
const NAIVE_PASSES = { warmUp: 3, measured: 15 }
const SLOT_SEC = 12n

interface Tick {
  readonly liquidatable: number
  readonly advance: number
  readonly decide: number
}

/** Of blocks with somebody under water; the first are not counted. */
const ticksOf = ({ lines }: KeeperProcess): readonly Tick[] =>
  lines
    .filter(({ event, liquidatable }) => event === 'tick' && Number(liquidatable) > 0)
    .slice(PLAN.warmUp)
    .map(({ liquidatable, elapsedMs }) => {
      const { advance, decide } = elapsedMs as { readonly advance: number; readonly decide: number }
      return { liquidatable: Number(liquidatable), advance, decide }
    })

interface Naive {
  readonly bigintMs: number
  readonly sdkMs: number
}

/** Medians, on the world with ten positions of one market under water; throws where a pass does not find exactly those. */
const measureNaive = async (scene: Scene, machine: Machine): Promise<Naive> => {
  const most = Math.max(...COUNTS)
  await scene.sink(scene.world.markets[0]!, most)
  await scene.mine()
  const pass = await createNaivePass(scene, SLOT_SEC)
  const medianOf = (count: () => number): number => {
    const samples = noSamples()
    for (let n = 0; n < NAIVE_PASSES.warmUp + NAIVE_PASSES.measured; n++) {
      machine.control()
      const found = machine.time(n < NAIVE_PASSES.warmUp ? noSamples() : samples, count)
      if (found !== most) throw new Error(`the naive pass over ${pass.positions} positions finds ${found} instead of ${most}`)
    }
    return percentile(samples.wall, 0.5)
  }
  return { bigintMs: medianOf(pass.bigints), sdkMs: medianOf(pass.sdk) }
}

const resultsOf = (ticks: readonly Tick[], { bigintMs, sdkMs }: Naive): readonly BenchResult[] => {
  const at = (share: number, msOf: (tick: Tick) => number, of = ticks): number => percentile(of.map(msOf), share)
  const total = ({ advance, decide }: Tick): number => advance + decide
  return [
    compared('block_to_verdicts_ms_p50', at(0.5, total), 'ms', sdkMs),
    compared('block_to_verdicts_ms_p99', at(0.99, total), 'ms', sdkMs),
    ...COUNTS.map(count =>
      compared(
        `block_to_verdicts_ms_p50_${count}`,
        at(
          0.5,
          total,
          ticks.filter(({ liquidatable }) => liquidatable === count),
        ),
        'ms',
        sdkMs,
      ),
    ),
    compared(
      'verdicts_advance_ms_p50',
      at(0.5, ({ advance }) => advance),
      'ms',
      null,
    ),
    compared(
      'verdicts_decide_ms_p50',
      at(0.5, ({ decide }) => decide),
      'ms',
      bigintMs,
    ),
    compared('naive_bigint_pass_ms_p50', bigintMs, 'ms', null),
    compared('naive_sdk_pass_ms_p50', sdkMs, 'ms', null),
    compared('verdict_blocks', ticks.length, 'blocks', null),
  ]
}

const run = async ({ seed, progress, profileDir }: BenchOptions): Promise<BenchLine> => {
  progress('building')
  await build()
  const keys = seededKeys(seed, OPERATORS)
  const closers: (() => unknown)[] = []
  try {
    progress(`a world of ${MARKETS * POSITIONS_PER_MARKET} positions`)
    const scene = await createScene(sceneSpec(MARKETS, POSITIONS_PER_MARKET), seed, keys)
    closers.push(scene.close)
    const relay = await startStopwatchRelay()
    closers.push(relay.close)
    const keeper = await startKeeper({ scene, keys, rpcUrl: scene.wsUrl, relayUrl: relay.url, profileDir })
    closers.push(keeper.stop)
    // Each bundle closes exactly what was sunk, or this throws.
    await measureKeeper({ scene, relay, progress }, PLAN)
    closers.pop()
    await keeper.stop()
    progress('naive passes')
    const machine = createMachine()
    const naive = await measureNaive(scene, machine)
    const ofMachine = (await machine.results([])).filter(({ what }) => !what.startsWith('gc_'))
    return { bench: 'verdicts', results: [...resultsOf(ticksOf(keeper), naive), ...ofMachine] }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

export const verdictsBench: Bench = {
  name: 'verdicts',
  describe:
    'ms from a head in the keeper to all verdicts (10,000 positions, 10 markets, 1 and 10 liquidatable), against a pass over all',
  run,
}
