// Plays blocks on a scene and takes the time until the bundle against each is there; of the keeper, and of the floor beneath it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from '../../src/core/primitives'
import { type Floor, orderOf } from './floor'
import type { FloorOrder } from './floor-process'
import type { Scene } from './scene'
import { bundleOf, type StopwatchRelay } from './stopwatch-relay'

/** How many positions a block sinks. */
export const COUNTS = [1, 10] as const

const BUNDLE_TIMEOUT_MS = 5_000
/** Between blocks, so that each finds a keeper at rest, as a real one would be for seconds. */
const REST_MS = 45

/** Blocks that count, for each of COUNTS, and blocks before them that don't. */
export interface Plan {
  readonly warmUp: number
  readonly samplesEach: number
}

export interface Sample {
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

export interface Stand {
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
  const market = scene.world.markets[turn % scene.world.markets.length]!
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

export interface Measured {
  readonly samples: readonly Sample[]
  /** What the keeper sent, by market and count: the floor sends the same. */
  readonly bodies: ReadonlyMap<string, string>
}

export const measureKeeper = async (stand: Stand, { warmUp, samplesEach }: Plan): Promise<Measured> => {
  const samples: Sample[] = []
  const bodies = new Map<string, string>()
  const total = warmUp + samplesEach * COUNTS.length
  for (let turn = 0; turn < total; turn++) {
    // Each market gets each count in turn.
    const count = COUNTS[(turn + Math.floor(turn / stand.scene.world.markets.length)) % COUNTS.length]!
    const { ms, body } = await round(stand, turn, count)
    mustHold(body, count)
    bodies.set(`${turn % stand.scene.world.markets.length}/${count}`, body)
    if (turn >= warmUp) samples.push({ count, ms })
    if (turn % 100 === 99) stand.progress(`${turn + 1} of ${total} blocks`)
  }
  return { samples, bodies }
}

export const measureFloor = async (
  stand: Stand,
  floor: Floor,
  bodies: ReadonlyMap<string, string>,
  { warmUp, samplesEach }: Plan,
): Promise<readonly Sample[]> => {
  const orders = new Map<string, FloorOrder>()
  for (const [key, body] of bodies) orders.set(key, await orderOf(body))
  const samples: Sample[] = []
  for (let turn = 0; turn < warmUp + samplesEach * COUNTS.length; turn++) {
    const count = COUNTS[(turn + Math.floor(turn / stand.scene.world.markets.length)) % COUNTS.length]!
    const { ms } = await round(stand, turn, count, () =>
      floor.arm(orders.get(`${turn % stand.scene.world.markets.length}/${count}`)!),
    )
    if (turn >= warmUp) samples.push({ count, ms })
  }
  return samples
}
