// From a block to the bundle against it: `bulwark run` as a process of its own over WebSocket on loopback, 1,000 positions in 20 markets,
// 1 and 10 of them liquidatable. The clock runs from the reply to evm_mine until the bundle's last byte is at the relay.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from '../src/core/primitives'
import { type Bench, type BenchLine, type BenchOptions, type BenchResult, compared, percentile } from './bench'
import { countCalls } from './latency/call-counts'
import { type Floor, orderOf, startFloor } from './latency/floor'
import type { FloorOrder } from './latency/floor-process'
import { build, type KeeperProcess, startKeeper } from './latency/keeper-process'
import { seededKeys } from './latency/keys'
import { createScene, type Scene, sceneSpec } from './latency/scene'
import { bundleOf, type StopwatchRelay, startStopwatchRelay } from './latency/stopwatch-relay'

const MARKETS = 20
const POSITIONS_PER_MARKET = 50
const OPERATORS = 4
const COUNTS = [1, 10] as const
const WARM_UP = 40
const SAMPLES_EACH = 220
const FLOOR_WARM_UP = 20
const FLOOR_SAMPLES_EACH = 60
const BUNDLE_TIMEOUT_MS = 5_000
/** Between blocks, so that each finds a keeper at rest, as a real one would be for seconds. */
const REST_MS = 45

interface Sample {
  readonly count: number
  readonly ms: number
}

/** Legs of `run()`'s calldata: the two bytes behind the bid share. */
const legsOf = (raw: Hex): number => {
  const at = raw.indexOf('c0406226') + 2 * 58
  return Number.parseInt(raw.slice(at, at + 4), 16)
}

const mustHold = (body: string, count: number): void => {
  const legs = bundleOf(body).transactions.reduce((sum, raw) => sum + legsOf(raw), 0)
  if (legs !== count) throw new Error(`the bundle closes ${legs} positions instead of ${count}`)
}

interface Stand {
  readonly scene: Scene
  readonly relay: StopwatchRelay
  readonly progress: (message: string) => void
}

/** One block that sinks `count` positions, until the bundle is there; then the price is back and the next block takes everything back. */
const round = async (
  { scene, relay }: Stand,
  turn: number,
  count: number,
  onReady: () => Promise<void> = async () => undefined,
): Promise<{ readonly ms: number; readonly body: string }> => {
  const market = scene.world.markets[turn % MARKETS]!
  await scene.sink(market, count)
  await sleep(REST_MS)
  await onReady()
  const arriving = relay.next(BUNDLE_TIMEOUT_MS)
  const minedAtMs = await scene.mine()
  const arrival = await arriving
  if (arrival === null) throw new Error(`no bundle within ${BUNDLE_TIMEOUT_MS} ms for ${count} positions of ${market.name}`)
  await scene.raise(market)
  await sleep(REST_MS)
  await scene.mine()
  return { ms: arrival.atMs - minedAtMs, body: arrival.body }
}

interface Measured {
  readonly samples: readonly Sample[]
  /** What the keeper sent, by market and count: the floor sends the same. */
  readonly bodies: ReadonlyMap<string, string>
}

const orderKey = (turn: number, count: number): string => `${turn % MARKETS}/${count}`

const measureKeeper = async (stand: Stand): Promise<Measured> => {
  const samples: Sample[] = []
  const bodies = new Map<string, string>()
  const total = WARM_UP + SAMPLES_EACH * COUNTS.length
  for (let turn = 0; turn < total; turn++) {
    // Each market gets each count in turn.
    const count = COUNTS[(turn + Math.floor(turn / MARKETS)) % COUNTS.length]!
    const { ms, body } = await round(stand, turn, count)
    mustHold(body, count)
    bodies.set(orderKey(turn, count), body)
    if (turn >= WARM_UP) samples.push({ count, ms })
    if (turn % 100 === 99) stand.progress(`${turn + 1} of ${total} blocks`)
  }
  return { samples, bodies }
}

const measureFloor = async (stand: Stand, floor: Floor, bodies: ReadonlyMap<string, string>): Promise<readonly Sample[]> => {
  const orders = new Map<string, FloorOrder>()
  for (const [key, body] of bodies) orders.set(key, await orderOf(body))
  const samples: Sample[] = []
  for (let turn = 0; turn < FLOOR_WARM_UP + FLOOR_SAMPLES_EACH * COUNTS.length; turn++) {
    const count = COUNTS[(turn + Math.floor(turn / MARKETS)) % COUNTS.length]!
    const { ms } = await round(stand, turn, count, () => floor.arm(orders.get(orderKey(turn, count))!))
    if (turn >= FLOOR_WARM_UP) samples.push({ count, ms })
  }
  return samples
}

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
  return ['advance', 'decide', 'execute']
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
    const { samples, bodies } = await measureKeeper(stand)
    closers.pop()
    await keeper.stop()
    progress(`ms in the keeper: ${shares(keeper)}`)
    const floor = await startFloor(scene.wsUrl, relay.url)
    closers.push(floor.stop)
    const floorSamples = await measureFloor(stand, floor, bodies)
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
