// What the keeper asks its node for, by kind of block, with 200 markets, counted by a proxy between the two.

import { type CountingProxy, startCountingProxy } from '../../bench/latency/counting-proxy'
import { seededKeys } from '../../bench/latency/keys'
import { createScene, type Scene, sceneSpec } from '../../bench/latency/scene'
import { type StopwatchRelay, startStopwatchRelay } from '../../bench/latency/stopwatch-relay'
import { createChain } from '../../src/chain/chain'
import { type Composed, composeKeeper, startReading } from '../../src/compose'
import { parseConfig } from '../../src/config/parse'
import type { TickReport } from '../../src/keeper'
import type { Chain } from '../../src/ports'
import { createFlashbotsRelay, type FlashbotsRelay } from '../../src/relay/flashbots'
import { venues } from '../../src/venues/registry'
import { strategies } from '../../strategies'
import { createFakeMeter } from '../fakes/store'

const MARKETS = 200
/** Enough for more transactions than one. */
const MANY = 90
const QUIET = { log: () => undefined }
const [SIMULATION, READS, LOGS, RECEIPTS] = ['eth_simulateV1', 'eth_call', 'eth_getLogs', 'eth_getBlockReceipts']

/** Of a key whose bundles missed three times in a row, in the background. */
const RESYNC = ['eth_getBalance', 'eth_getTransactionCount']

let scene: Scene
let proxy: CountingProxy
let relay: StopwatchRelay
let sender: FlashbotsRelay
let chain: Chain
let composed: Composed
let loop: Promise<void>
const stop = new AbortController()
let onTick: (tick: TickReport) => void = () => undefined

/** Mines what is queued and gives what was asked for until the keeper was done with that block. */
const block = async (): Promise<{ readonly asked: readonly string[]; readonly tick: TickReport }> => {
  const before = proxy.methods().length
  const ticked = new Promise<TickReport>(resolve => {
    onTick = resolve
  })
  await scene.mine()
  const tick = await ticked
  return { asked: [...proxy.methods().slice(before)].sort(), tick }
}

const startKeeper = async (): Promise<void> => {
  const { world, executor } = scene
  const keys = seededKeys(1, 4)
  const { chains } = parseConfig(
    {
      chains: [
        {
          id: world.chainId,
          rpc: [proxy.wsUrl],
          wrappedNative: world.contracts.wrappedNative,
          executor: executor.contract,
          relays: [{ name: 'stopwatch', url: relay.url }],
          strategies: { 'morpho-blue': { address: world.contracts.morpho, fromBlock: Number(world.fromBlock) } },
          venues: { 'uniswap-v3': { factory: world.contracts.factory, fromBlock: Number(world.fromBlock) } },
        },
      ],
    },
    'the test',
    { strategies, venues },
  )
  const meter = createFakeMeter()
  chain = await createChain({ id: world.chainId, rpcUrls: [proxy.wsUrl], log: QUIET, meter })
  sender = createFlashbotsRelay({
    name: 'stopwatch',
    url: relay.url,
    authKey: keys.relayKey,
    chainId: world.chainId,
    timeoutMs: 5_000,
    requestsPerSecond: 10_000,
    log: QUIET,
    meter,
  })
  composed = composeKeeper(chains[0]!, executor.contract, {
    chain,
    signers: executor.signers,
    relays: [sender],
    log: QUIET,
    meter,
    store: { recordOutcome: () => undefined, recordSkip: () => undefined },
    nowMs: () => performance.now(),
    onTick: tick => onTick(tick),
  })
  await startReading(composed, stop.signal)
  await composed.executor.prepare()
  loop = composed.keeper.run(stop.signal)
}

beforeAll(async () => {
  scene = await createScene(sceneSpec(MARKETS, 2), 1, seededKeys(1, 4))
  proxy = await startCountingProxy(scene.wsUrl)
  relay = await startStopwatchRelay()
  await startKeeper()
  await block()
  // The first head of a subscription is asked for besides: not of a block.
  await new Promise(resolve => setTimeout(resolve, 300))
}, 120_000)

afterAll(async () => {
  stop.abort()
  await loop
  sender?.close()
  await chain?.close()
  await proxy?.close()
  await relay?.close()
  await scene?.close()
})

describe('requests of a block', () => {
  test('default: one where nothing happens, whatever the number of markets', async () => {
    expect(composed.books[0]?.size()).toBe(2 * MARKETS)
    for (let turn = 0; turn < 3; turn++) expect((await block()).asked).toEqual([READS])
  })

  test('behavior: two and the simulation where a position goes under water; two where its bundle ends; then one again', async () => {
    const market = scene.world.markets[7]!
    await scene.sink(market, 1)
    const relevant = await block()
    expect(relevant.tick.execution?.sent).toHaveLength(1)
    expect(relevant.asked).toEqual([READS, LOGS, SIMULATION].sort())
    await scene.raise(market)
    const ending = await block()
    expect(ending.tick.outcomes.map(outcome => outcome.kind)).toEqual(['missed'])
    expect(ending.asked).toEqual([READS, RECEIPTS].sort())
    expect((await block()).asked).toEqual([READS])
  })

  test('behavior: an empty block after a bundle costs no more than an idle one', async () => {
    const market = scene.world.markets[8]!
    await scene.sink(market, 1)
    await block()
    const empty = await block()
    expect(empty.tick.outcomes).toHaveLength(1)
    expect(empty.asked.filter(method => method !== SIMULATION)).toEqual([READS])
    await scene.raise(market)
    await block()
  })

  test('behavior: no more with many positions and several transactions, also while the last ones end', async () => {
    const markets = scene.world.markets.slice(20, 20 + MANY)
    for (const market of markets) await scene.sink(market, 1)
    const first = await block()
    expect(first.tick.opportunities).toHaveLength(MANY)
    expect(first.tick.execution?.sent.length).toBeGreaterThan(1)
    expect(first.asked.filter(method => method !== SIMULATION)).toEqual([READS, LOGS].sort())
    // Nobody includes the bundles: the same again while the first ones end, in a block with logs of interest.
    await scene.sink(scene.world.markets[150]!, 1)
    const second = await block()
    expect(second.tick.outcomes.length).toBeGreaterThan(1)
    expect(second.tick.opportunities).toHaveLength(MANY + 1)
    expect(second.asked.filter(method => method !== SIMULATION && !RESYNC.includes(method))).toEqual([READS, RECEIPTS].sort())
    for (const market of [...markets, scene.world.markets[150]!]) await scene.raise(market)
    const last = await block()
    expect(last.asked.filter(method => !RESYNC.includes(method))).toEqual([READS, RECEIPTS].sort())
  })
})
