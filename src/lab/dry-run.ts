// The keeper on a fork: the same loop, its own executor contract, a local builder; bundles land on the fork only. Needs no key.
// History and state are read from the origin itself, as `bulwark run` would; the fork is there to be acted on.
import { createChain } from '../chain/chain'
import { type Composed, checkContracts, composeKeeper, composeReading, type Reading, startReading } from '../compose'
import type { ChainConfig } from '../config/config'
import { KeeperError } from '../core/errors'
import type { Block } from '../core/primitives'
import { createSlotClock } from '../core/slot-clock'
import type { TickReport } from '../keeper'
import type { Chain, Checkpoints, LogSink, Meter, Relay, Store } from '../ports'
import { createFlashbotsRelay, loadRelayPackages } from '../relay/flashbots'
import { observeRecent } from '../watcher/recent-slots'
import type { BackfillProgress } from '../watcher/watcher'
import { type Anvil, startAnvil } from './anvil'
import { type Builder, createBuilder } from './builder/builder'
import { createEndedPositions, type PositionEnd, positionId } from './ended-positions'
import { createForkChain, type ForkChain } from './fork-chain'
import { type LocalExecutorKeys, localContract, randomKeys } from './local-executor'
import { hasTransientStorage, type PlantedExecutor, plantExecutor } from './planted-executor'
import { createLabRpc, type LabRpc } from './rpc'

export interface ForkOptions {
  readonly config: ChainConfig
  readonly forkUrl: string
  /** An open connection to the chain behind `forkUrl`; stays the caller's. */
  readonly origin: Chain
  /** null: the origin's head. */
  readonly forkBlock: bigint | null
  readonly log: LogSink
  readonly meter: Meter
  readonly nowMs: () => number
  /** What was saved of the origin, to go on from; nothing is saved there. */
  readonly checkpoints?: Checkpoints
}

export interface ForkKeeper {
  readonly reading: Reading
  /** Block of the origin on which the fork stands. */
  forkedAt(): Block
  /** Every position that was ever under water. One that was closed on an earlier fork stays as it ended there. */
  ends(): readonly PositionEnd[]
  /** Closes all that is worth it on the fork's state. Rejects with lab-failed where the keeper could not judge it. */
  pass(): Promise<readonly TickReport[]>
  /** Moves the fork to another block of the origin; what was closed is open again there. */
  refork(block: Block): Promise<void>
  close(): Promise<void>
}

type Release = (close: () => Promise<void> | void) => void

/** Closing what one pass makes closable takes a block more each time; a market that feeds itself must not hold us for ever. */
const MAX_PASSES = 8
const OPERATORS = 4
const RELAY_TIMEOUT_MS = 5_000
const NO_LIMIT = 100_000

// Nothing cached on disk: that cache goes by chain id and block number, which tell no test chain from another. One account of anvil's own
// and not ten: each is a question to the origin, and one is enough to find out whether it has the state.
const FORK_ARGS = ['--no-mining', '--order', 'fifo', '--prune-history', '128', '--no-storage-caching', '--accounts', '1']

const labFailed = (message: string): KeeperError => new KeeperError('lab-failed', message, { retryable: true })

/** The block to fork at. Rejects with bad-config where the chain has not come so far. */
const startBlock = async (origin: Chain, number: bigint | null): Promise<Block> => {
  const head = await origin.blockByTag('latest')
  if (number === null || number === head.number) return head
  if (number > head.number)
    throw new KeeperError('bad-config', `--block ${number}: chain ${origin.id} has only come to block ${head.number}`, {
      retryable: false,
    })
  const block = await origin.blockByNumber(number)
  if (block !== null) return block
  throw new KeeperError('rpc-refused', `--block ${number}: the node does not have that block`, { retryable: false })
}

/** The usual time between blocks up to `head`: the median, which one long pause does not move. */
const slotBefore = async (origin: Chain, head: Block): Promise<bigint> => {
  const clock = createSlotClock(null)
  await observeRecent(origin, head, clock)
  return clock.targetAfter(head).timestampSec - head.timestampSec
}

/** Wordings of nodes that have a block's header, but not its state any more. */
const NO_STATE = /BlockOutOfRange|missing trie node|state (is )?not available|historical state|pruned|archive/i

const explained = (error: unknown, block: Block): unknown =>
  error instanceof KeeperError && NO_STATE.test(error.message)
    ? new KeeperError(
        'rpc-refused',
        `the endpoint of --fork-url no longer has the state of block ${block.number}: take a more recent block or an archive node (${error.message})`,
        { retryable: false, cause: error },
      )
    : error

interface ForkNode {
  readonly anvil: Anvil
  readonly rpc: LabRpc
}

const startNode = async (
  forkUrl: string,
  block: Block,
  args: readonly string[],
): Promise<ForkNode & { stop(): Promise<void> }> => {
  const anvil = await startAnvil({
    forkUrl,
    forkBlock: block.number,
    chainId: block.chainId,
    args: [...FORK_ARGS, ...args],
  }).catch((error: unknown) => {
    throw explained(error, block)
  })
  const rpc = createLabRpc(anvil.httpUrl)
  const stop = async (): Promise<void> => {
    rpc.close()
    await anvil.stop()
  }
  return { anvil, rpc, stop }
}

/** Anvil picks the rules of the block's own time; a block older than EIP-1153 gets the rules that the executor needs. */
const startFork = async (forkUrl: string, block: Block, log: LogSink, release: Release): Promise<ForkNode> => {
  const node = await startNode(forkUrl, block, [])
  release(node.stop)
  if (await hasTransientStorage(node.rpc)) return node
  log.log('info', 'fork-hardfork', { message: `block ${block.number} is older than EIP-1153: the fork runs Cancun's rules` })
  const later = await startNode(forkUrl, block, ['--hardfork', 'cancun'])
  release(later.stop)
  if (await hasTransientStorage(later.rpc)) return later
  throw new KeeperError('no-transient-storage', `a fork of chain ${block.chainId} has no transient storage (EIP-1153)`, {
    retryable: false,
  })
}

interface Arena extends ForkNode {
  readonly chain: Chain
  readonly executor: PlantedExecutor
  readonly builder: Builder
  readonly relay: Relay
}

/** What the keeper acts on: fork, executor contract, builder and the relay that leads to it. */
const openArena = async (options: ForkOptions, block: Block, keys: LocalExecutorKeys, release: Release): Promise<Arena> => {
  const { config, log, meter } = options
  const starting = startFork(options.forkUrl, block, log, release)
  // Computes while the node starts and history is on its way.
  setImmediate(loadRelayPackages)
  const node = await starting
  const chain = await createChain({ id: config.id, rpcUrls: [node.anvil.wsUrl], log, meter, requestsPerSecond: NO_LIMIT })
  release(chain.close)
  const executor = await plantExecutor(node.rpc, keys)
  const builder = await createBuilder({ rpcUrl: node.anvil.httpUrl, log })
  release(builder.close)
  const relay = createFlashbotsRelay({
    name: 'fork',
    url: builder.url,
    authKey: keys.relayKey,
    chainId: config.id,
    timeoutMs: RELAY_TIMEOUT_MS,
    requestsPerSecond: NO_LIMIT,
    log,
    meter,
  })
  release(relay.close)
  return { ...node, chain, executor, builder, relay }
}

/** Ends by position over all forks: the first fork on which one is closed has the last word on it. */
const createForkEnds = () => {
  const ended = createEndedPositions()
  const closedBefore = new Set<string>()
  const store: Store = {
    recordSkip: ended.recordSkip,
    recordOutcome: outcome =>
      ended.recordOutcome({
        ...outcome,
        positions: outcome.positions.filter(part => !closedBefore.has(positionId(part.position))),
      }),
  }
  return {
    ...ended,
    store,
    beginFork: (): void => {
      for (const end of ended.ends()) if (end.included.length > 0) closedBefore.add(positionId(end.ref))
    },
  }
}

const reasonOf = (tick: TickReport): string => (tick.end === 'behind' ? 'the node did not have its state' : 'see the log')

const createPass =
  (chain: Chain, builder: Builder, ends: ReturnType<typeof createForkEnds>) =>
  async ({ keeper, executor }: Composed): Promise<readonly TickReport[]> => {
    const ticks: TickReport[] = []
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      const tick = await keeper.tick(await chain.blockByTag('latest'))
      if (tick.end !== 'done') throw labFailed(`block ${tick.head.number} could not be judged (${reasonOf(tick)})`)
      ticks.push(tick)
      if (tick.isCatchingUp) continue
      for (const opportunity of tick.opportunities) ends.see(opportunity.position, tick.head.number)
      if (tick.target === null || tick.execution === null || tick.execution.sent.length === 0) break
      await builder.buildBlock({ timestampSec: tick.target.timestampSec })
    }
    await executor.drain()
    return ticks
  }

const reset = async ({ rpc, executor }: Arena, forkUrl: string, block: Block): Promise<void> => {
  await rpc.request('anvil_reset', { forking: { jsonRpcUrl: forkUrl, blockNumber: Number(block.number) } })
  if (!(await hasTransientStorage(rpc))) throw labFailed(`the fork lost its rules at block ${block.number}`)
  await executor.replant()
}

/** All that is released in the reverse order of acquisition, failures of parallel parts included. */
const createCloser = () => {
  const closers: (() => Promise<void> | void)[] = []
  return {
    release: (close: () => Promise<void> | void): void => void closers.push(close),
    close: async (): Promise<void> => {
      for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next()
    },
  }
}

/** Runs both; the first failure ends the other, and is thrown once nothing is under way any more. */
const both = async <A, B>(
  signal: AbortSignal,
  one: Promise<A>,
  other: (signal: AbortSignal) => Promise<B>,
): Promise<readonly [A, B]> => {
  const stop = new AbortController()
  one.catch((error: unknown) => stop.abort(error))
  const second = other(AbortSignal.any([signal, stop.signal]))
  await Promise.allSettled([one, second])
  return [await one, await second]
}

/** What the config names must be there at the block that was forked. */
const checkAt = async (block: Block, config: ChainConfig, fork: Chain, reading: Reading): Promise<void> => {
  try {
    await checkContracts(config, fork, reading.books)
  } catch (error) {
    if (!(error instanceof KeeperError) || error.code !== 'no-code') throw error
    throw new KeeperError('no-code', `at block ${block.number}: ${error.message}`, { retryable: false, cause: error })
  }
}

const assemble = async (
  given: ForkOptions,
  release: Release,
  signal: AbortSignal,
  onProgress?: (progress: BackfillProgress) => void,
): Promise<Omit<ForkKeeper, 'close'>> => {
  const { origin, log, meter, nowMs } = given
  const first = await startBlock(origin, given.forkBlock)
  const config = { ...given.config, slotSec: given.config.slotSec ?? (await slotBefore(origin, first)) }
  const keys = randomKeys(OPERATORS)
  const contract = localContract(keys.owner)
  const chain: ForkChain = createForkChain(origin, first)
  const saved = given.checkpoints === undefined ? {} : { checkpoints: given.checkpoints }
  const reading = composeReading(config, { chain, log, meter, ...saved }, () => [{ addresses: [contract], topics: [] }])
  const opening = openArena(given, first, keys, release)
  const checked = opening.then(async arena => {
    await checkAt(first, config, arena.chain, reading)
    return arena
  })
  const [arena] = await both(signal, checked, ending => startReading(reading, ending, onProgress))
  const ends = createForkEnds()
  const { executor, relay } = arena
  const ports = { chain, signers: executor.signers, relays: [relay], log, meter, store: ends.store, nowMs }
  const passOver = createPass(chain, arena.builder, ends)
  let forkedAt = first
  let composed: Composed
  // Nonces and what is in flight belong to one fork; what was read of the origin stays true.
  const begin = (block: Block): void => {
    forkedAt = block
    chain.forkAt(block, arena.chain)
    ends.beginFork()
    composed = composeKeeper(config, contract, ports, reading)
  }
  begin(first)
  return {
    reading,
    forkedAt: () => forkedAt,
    ends: ends.ends,
    pass: () => passOver(composed),
    refork: async block => {
      await reset(arena, given.forkUrl, block)
      begin(block)
    },
  }
}

/** Forks, plants the executor, folds history; rejects with KeeperError as the parts do, or with the signal's reason, everything released. */
export const startForkKeeper = async (
  options: ForkOptions,
  signal: AbortSignal,
  onProgress?: (progress: BackfillProgress) => void,
): Promise<ForkKeeper> => {
  const { release, close } = createCloser()
  try {
    return { ...(await assemble(options, release, signal, onProgress)), close }
  } catch (error) {
    await close()
    throw error
  }
}
