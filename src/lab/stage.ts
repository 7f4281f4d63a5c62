// A lab world with the keeper at work in it: chain, contracts, builder, executor contract, the keeper as `bulwark run` composes it.
// The demo, tests and benches stand on it; it plays no prices by itself.
import { strategies } from '../../strategies'
import { createChain } from '../chain/chain'
import { type Composed, checkContracts, composeKeeper, startReading } from '../compose'
import type { ChainConfig } from '../config/config'
import { parseConfig } from '../config/parse'
import { KeeperError } from '../core/errors'
import type { Hex } from '../core/primitives'
import type { TickReport } from '../keeper'
import type { Chain, LogSink, Meter, Relay, Store } from '../ports'
import { createFlashbotsRelay } from '../relay/flashbots'
import { venues } from '../venues/registry'
import { type Anvil, startAnvil } from './anvil'
import { type Builder, type BuildOptions, type BuiltBlock, createBuilder } from './builder/builder'
import { createEndedPositions, type EndedPositions } from './ended-positions'
import { deployLocalExecutor, type LocalExecutor, randomKeys } from './local-executor'
import { createWorld, worldAnvilArgs } from './world/create-world'
import type { WorldSpec } from './world/spec'
import type { World } from './world/world'

export interface StageOptions {
  readonly spec: WorldSpec
  readonly seed: number
  readonly log: LogSink
  readonly meter: Meter
  readonly nowMs: () => number
  /** Operator keys; default 4. */
  readonly operators?: number
  /** Further keys of the chain's config. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Instead of the builder's relay. */
  readonly relays?: (builder: Builder, executor: LocalExecutor) => readonly Relay[]
  readonly chainId?: number
  /** Told of ends too. */
  readonly store?: Store
}

export interface Stage {
  readonly world: World
  readonly anvil: Anvil
  readonly builder: Builder
  readonly executor: LocalExecutor
  readonly config: ChainConfig
  readonly chain: Chain
  readonly composed: Composed
  readonly ended: EndedPositions
  /** Builds the next block and waits until the keeper has dealt with it: "keeper done" instead of a sleep. */
  playBlock(options: BuildOptions): Promise<{ readonly block: BuiltBlock; readonly tick: TickReport }>
  /** Stops the keeper, then everything else. */
  close(): Promise<void>
}

const KEEPER_TIMEOUT_MS = 30_000
const RELAY_TIMEOUT_MS = 5_000
const NO_LIMIT = 100_000

/** The config that a user of this world would write; `more` replaces keys. */
export const labConfig = (
  world: World,
  anvil: Anvil,
  builder: Builder,
  executor: LocalExecutor,
  more: Readonly<Record<string, unknown>>,
): ChainConfig => {
  const aave = world.aave.map(({ pool }) => ({ address: pool, fromBlock: Number(world.fromBlock) }))
  const chain = {
    id: world.chainId,
    rpc: [anvil.wsUrl],
    wrappedNative: world.contracts.wrappedNative,
    owner: executor.owner,
    executor: executor.contract,
    relays: [{ name: 'lab', url: builder.url }],
    strategies: {
      'morpho-blue': { address: world.contracts.morpho, fromBlock: Number(world.fromBlock) },
      ...(aave.length === 0 ? {} : { 'aave-v3': aave }),
    },
    venues: { 'uniswap-v3': { factory: world.contracts.factory, fromBlock: Number(world.fromBlock) } },
    limits: { requestsPerSecond: NO_LIMIT },
    ...more,
  }
  const [parsed] = parseConfig({ chains: [chain] }, 'the lab world', { strategies, venues }).chains
  return parsed!
}

interface Waiter {
  readonly hash: Hex
  readonly resolve: (tick: TickReport) => void
}

/** Ticks by head: whoever waits for one gets it, also when it came first. */
const createTickBoard = () => {
  const seen = new Map<Hex, TickReport>()
  let waiter: Waiter | null = null
  return {
    post: (tick: TickReport): void => {
      seen.set(tick.head.hash, tick)
      if (seen.size > 8) seen.delete(seen.keys().next().value!)
      if (waiter?.hash === tick.head.hash) waiter.resolve(tick)
    },
    wait: (hash: Hex): Promise<TickReport> => {
      const known = seen.get(hash)
      if (known !== undefined) return Promise.resolve(known)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () =>
            reject(
              new KeeperError('lab-failed', `the keeper has not dealt with block ${hash} within ${KEEPER_TIMEOUT_MS} ms`, {
                retryable: true,
              }),
            ),
          KEEPER_TIMEOUT_MS,
        )
        waiter = {
          hash,
          resolve: tick => {
            clearTimeout(timer)
            resolve(tick)
          },
        }
      })
    },
  }
}

/** Adds each tick's opportunities and ends to `ended`, and passes ends on. */
const teeStore = (ended: EndedPositions, other: Store | undefined): Store => ({
  recordOutcome: outcome => {
    ended.recordOutcome(outcome)
    other?.recordOutcome(outcome)
  },
  recordSkip: (block, skip) => {
    ended.recordSkip(block, skip)
    other?.recordSkip(block, skip)
  },
})

const assemble = async (
  options: StageOptions,
  release: (close: () => Promise<void> | void) => void,
): Promise<Omit<Stage, 'close'>> => {
  const { spec, seed, log, meter, nowMs } = options
  const anvil = await startAnvil({
    args: worldAnvilArgs(spec),
    ...(options.chainId === undefined ? {} : { chainId: options.chainId }),
  })
  release(anvil.stop)
  const world = await createWorld(anvil, spec, seed)
  release(world.rpc.close)
  const executor = await deployLocalExecutor(world.rpc, randomKeys(options.operators ?? 4))
  const builder = await createBuilder({ rpcUrl: anvil.httpUrl, log })
  release(builder.close)
  const config = labConfig(world, anvil, builder, executor, options.config ?? {})
  const chain = await createChain({ id: config.id, rpcUrls: config.rpc, log, meter, requestsPerSecond: NO_LIMIT })
  release(chain.close)
  const relays = options.relays?.(builder, executor) ?? [labRelay(builder, executor, config, log, meter, release)]
  const ended = createEndedPositions()
  const board = createTickBoard()
  const onTick = (tick: TickReport): void => {
    for (const opportunity of tick.opportunities) ended.see(opportunity.position, tick.head.number)
    board.post(tick)
  }
  const composed = composeKeeper(config, executor.contract, {
    chain,
    signers: executor.signers,
    relays,
    log,
    meter,
    store: teeStore(ended, options.store),
    nowMs,
    onTick,
  })
  await checkContracts(config, chain, composed.books)
  const playBlock = async (build: BuildOptions) => {
    const block = await builder.buildBlock(build)
    return { block, tick: await board.wait(block.hash) }
  }
  return { world, anvil, builder, executor, config, chain, composed, ended, playBlock }
}

const labRelay = (
  builder: Builder,
  executor: LocalExecutor,
  config: ChainConfig,
  log: LogSink,
  meter: Meter,
  release: (close: () => void) => void,
): Relay => {
  const relay = createFlashbotsRelay({
    name: 'lab',
    url: builder.url,
    authKey: executor.relayKey,
    chainId: config.id,
    timeoutMs: RELAY_TIMEOUT_MS,
    requestsPerSecond: NO_LIMIT,
    log,
    meter,
  })
  release(relay.close)
  return relay
}

/** Builds the world, folds its history and starts the keeper's loop. Rejects with everything released. */
export const createStage = async (options: StageOptions): Promise<Stage> => {
  const closers: (() => Promise<void> | void)[] = []
  const stop = new AbortController()
  let loop: Promise<void> = Promise.resolve()
  const close = async (): Promise<void> => {
    stop.abort()
    await loop.catch(() => undefined)
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next()
  }
  try {
    const stage = await assemble(options, closer => void closers.push(closer))
    await startReading(stage.composed, stop.signal)
    await stage.composed.prepare()
    loop = stage.composed.keeper.run(stop.signal)
    // A bug of the keeper's must not vanish: it surfaces where the next block is played (time-out) and in the log.
    loop.catch((error: unknown) => options.log.log('error', 'keeper-ended', { error: String(error) }))
    return { ...stage, close }
  } catch (error) {
    await close()
    throw error
  }
}
