// The keeper on a fork: the same loop, its own executor contract, a local builder; bundles land on the fork only. Needs no key.
import { createChain } from '../chain/chain'
import { type Composed, checkContracts, composeKeeper, startReading } from '../compose'
import type { ChainConfig } from '../config/config'
import type { TickReport } from '../keeper'
import type { LogSink, Meter } from '../ports'
import { createFlashbotsRelay } from '../relay/flashbots'
import type { BackfillProgress } from '../watcher/watcher'
import { type Anvil, startAnvil } from './anvil'
import { type Builder, createBuilder } from './builder/builder'
import { createEndedPositions, type EndedPositions } from './ended-positions'
import { deployLocalExecutor, type LocalExecutorKeys, randomKeys } from './local-executor'
import { createLabRpc, type LabRpc } from './rpc'

export interface DryRunOptions {
  readonly config: ChainConfig
  readonly forkUrl: string
  /** null: the origin's head. */
  readonly forkBlock: bigint | null
  readonly log: LogSink
  readonly meter: Meter
  readonly nowMs: () => number
}

/** Closing what one pass makes closable takes a block more each time; a market that feeds itself must not hold us for ever. */
const MAX_PASSES = 8
const OPERATORS = 4
const RELAY_TIMEOUT_MS = 5_000

export interface ForkKeeper {
  readonly composed: Composed
  readonly ended: EndedPositions
  /** Closes all that is worth it on the fork's state; gives the ticks made. */
  pass(): Promise<readonly TickReport[]>
  /** Moves the fork to another block of the origin. */
  refork(block: bigint): Promise<void>
  close(): Promise<void>
}

const FORK_ARGS = ['--hardfork', 'cancun', '--no-mining', '--order', 'fifo', '--prune-history', '128']

const startFork = (options: DryRunOptions): Promise<Anvil> =>
  startAnvil({
    args: FORK_ARGS,
    forkUrl: options.forkUrl,
    ...(options.forkBlock === null ? {} : { forkBlock: options.forkBlock }),
  })

type Release = (close: () => Promise<void> | void) => void

/** Everything but history: fork, executor, builder, keeper. `release` gets what must be undone, in order of acquisition. */
const assemble = async (options: DryRunOptions, keys: LocalExecutorKeys, release: Release) => {
  const { config, log, meter, nowMs } = options
  const anvil = await startFork(options)
  release(anvil.stop)
  // The id is checked before the fork's state is touched.
  const chain = await createChain({
    id: config.id,
    rpcUrls: [anvil.wsUrl],
    log,
    meter,
    requestsPerSecond: 100_000,
    firstLogSpan: BigInt(config.limits.backfillRange),
  })
  release(chain.close)
  const rpc = createLabRpc(anvil.httpUrl)
  release(rpc.close)
  const executor = await deployLocalExecutor(rpc, keys)
  const builder = await createBuilder({ rpcUrl: anvil.httpUrl, log })
  release(builder.close)
  const relay = createFlashbotsRelay({
    name: 'fork',
    url: builder.url,
    authKey: keys.relayKey,
    chainId: config.id,
    timeoutMs: RELAY_TIMEOUT_MS,
    requestsPerSecond: 100_000,
    log,
    meter,
  })
  release(relay.close)
  const ended = createEndedPositions()
  const composed = composeKeeper(config, executor.contract, {
    chain,
    signers: executor.signers,
    relays: [relay],
    log,
    meter,
    store: ended,
    nowMs,
  })
  await checkContracts(config, chain, composed.books)
  return { chain, rpc, builder, composed, ended }
}

const passOver = async (
  composed: Composed,
  ended: EndedPositions,
  builder: Builder,
  head: () => Promise<Parameters<Composed['keeper']['tick']>[0]>,
): Promise<readonly TickReport[]> => {
  const ticks: TickReport[] = []
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const tick = await composed.keeper.tick(await head())
    ticks.push(tick)
    for (const opportunity of tick.opportunities) ended.see(opportunity.position, tick.head.number)
    if (tick.execution === null || tick.execution.sent.length === 0) break
    await builder.buildBlock(tick.target === null ? {} : { timestampSec: tick.target.timestampSec })
  }
  return ticks
}

const refork = async (rpc: LabRpc, forkUrl: string, block: bigint, keys: LocalExecutorKeys): Promise<void> => {
  await rpc.request('anvil_reset', { forking: { jsonRpcUrl: forkUrl, blockNumber: Number(block) } })
  await deployLocalExecutor(rpc, keys)
}

/** Forks, deploys, folds history; rejects with KeeperError as the parts do, everything released. */
export const startForkKeeper = async (
  options: DryRunOptions,
  signal: AbortSignal,
  onProgress?: (progress: BackfillProgress) => void,
): Promise<ForkKeeper> => {
  const closers: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next()
  }
  try {
    const keys = randomKeys(OPERATORS)
    const { chain, rpc, builder, composed, ended } = await assemble(options, keys, closer => void closers.push(closer))
    await startReading(composed, signal, onProgress)
    return {
      composed,
      ended,
      pass: () => passOver(composed, ended, builder, () => chain.blockByTag('latest')),
      refork: block => refork(rpc, options.forkUrl, block, keys),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
