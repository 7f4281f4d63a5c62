// `bulwark run`: the daemon. Keeps every configured chain until it is told to stop; checks first that it could act at all.
import { resolve } from 'node:path'
import { checkContracts, composeKeeper, startReading } from '../compose'
import type { ChainConfig } from '../config/config'
import type { Secret } from '../config/secret'
import { KeeperError } from '../core/errors'
import type { Hex } from '../core/primitives'
import { EXIT } from '../ops/exit-code'
import { type ChainFacts, judgeHealth } from '../ops/health'
import { createMetricsBook, type MetricsBook, withLabels } from '../ops/meter'
import { startOpsServer } from '../ops/server'
import { createShutdown, type Shutdown } from '../ops/shutdown'
import type { Io } from '../ops/terminal'
import { withFields } from '../ops/with-fields'
import type { LogSink, Meter, Relay, Store } from '../ports'
import { createFlashbotsRelay } from '../relay/flashbots'
import { createCheckpoints } from '../store/checkpoints'
import type { StateFile } from '../store/state-file'
import { createBalanceCheck, createFacts, factsBefore } from './chain-facts'
import { logStore, openJournal } from './ends-store'
import { type Frame, openFrame } from './frame'
import { openChain } from './open-chain'
import type { Command, RunOptions } from './options'
import { createProgress } from './progress'
import { badConfig, checkReadiness, executorOf, signersOf } from './readiness'
import { openState } from './state'

const RELAY_TIMEOUT_MS = 1_500
const RELAY_REQUESTS_PER_SECOND = 30

const relaysOf = (
  config: ChainConfig,
  authKey: Secret | null,
  log: LogSink,
  meter: Meter,
  shutdown: Shutdown,
): readonly Relay[] => {
  if (config.relays.length === 0)
    throw badConfig(`chains[${config.id}].relays is empty: \`run\` needs somewhere to send bundles (\`dry-run\` does not)`)
  if (authKey === null)
    throw badConfig(
      'no relay identity: set BULWARK_RELAY_KEY in the environment or in .env, and keep it: reputation and refunds hang on it',
    )
  return config.relays.map(({ name, url }) => {
    const settings = {
      name,
      url,
      authKey: authKey.reveal() as Hex,
      chainId: config.id,
      timeoutMs: RELAY_TIMEOUT_MS,
      requestsPerSecond: RELAY_REQUESTS_PER_SECOND,
      log,
      meter,
    }
    const relay = createFlashbotsRelay(settings)
    shutdown.onRelease(`relay ${name}`, () => relay.close())
    return relay
  })
}

interface Daemon {
  readonly frame: Frame
  readonly shutdown: Shutdown
  readonly metrics: MetricsBook
  readonly store: Store
  /** Null: nothing is kept over restarts. */
  readonly state: StateFile | null
  readonly io: Io
}

/** Everything up to the first head for one chain; what it gives runs until the shutdown. */
const prepareChain = async (
  config: ChainConfig,
  { frame, shutdown, metrics, store, state, io }: Daemon,
): Promise<{ run: () => Promise<void>; facts: () => Promise<ChainFacts> }> => {
  const meter = withLabels(metrics.meter, { chain: String(config.id) })
  const log = withFields(frame.log, { chain: config.id })
  const signers = signersOf(frame.environment.operatorKeys)
  const contract = executorOf(config)
  const relays = relaysOf(config, frame.environment.relayKey, log, meter, shutdown)
  const chain = await openChain(config, log, meter)
  shutdown.onRelease(`chain ${config.id}`, chain.close)
  const nowMs = (): number => performance.now()
  const lowBalances = createBalanceCheck(config, chain, signers, nowMs)
  const facts = createFacts(config, nowMs, async () => ({
    inFlight: composed.executor.inFlight().count,
    faults: [
      ...composed.books.flatMap(book => book.faults().map(fault => `market ${fault.market}: ${fault.reason}`)),
      ...composed.watcher.quarantined().map(fault => `market ${fault.market}: ${fault.reason}`),
      ...composed.venues.flatMap(venue => venue.faults().map(fault => `pool ${fault.pool}: ${fault.reason}`)),
    ],
    lowBalances: await lowBalances(),
  }))
  const ports = { chain, signers, relays, log, meter, store, nowMs, onTick: facts.onTick }
  const checkpoints = state === null ? null : createCheckpoints(state, config.id, config.finalityDepth)
  const composed = composeKeeper(config, contract, checkpoints === null ? ports : { ...ports, checkpoints })
  await checkContracts(config, chain, composed.books)
  await checkReadiness(config, chain, contract, signers, log)
  const progress = createProgress(io, `chain ${config.id}: reading history`, log)
  const head = await startReading(composed, shutdown.signal, progress.update).finally(progress.stop)
  await composed.prepare()
  const positions = composed.books.reduce((sum, book) => sum + book.size(), 0)
  const pools = composed.venues.reduce((sum, venue) => sum + venue.pools().length, 0)
  log.log('info', 'ready', {
    block: head.number.toString(),
    positions,
    pools,
    executor: contract,
    operators: signers.map(signer => signer.address),
  })
  const run = async (): Promise<void> => {
    await composed.keeper.run(shutdown.signal)
    // Only an orderly end: after any other, what is held may be what was wrong.
    await composed.watcher.save('now')
  }
  return { run, facts: facts.read }
}

/** A bug in one chain's keeper must not leave the others running unseen: the first rejection stops all. */
const keepAll = async (runs: readonly (() => Promise<void>)[], shutdown: Shutdown): Promise<void> => {
  const ends = await Promise.allSettled(
    runs.map(run =>
      run().catch((error: unknown) => {
        shutdown.begin('a keeper failed')
        throw error
      }),
    ),
  )
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

/** /metrics and /health from the first moment on: until a chain is ready it counts as down. Rejects with bad-config. */
const openOps = async (
  { frame, shutdown, metrics }: Daemon,
  facts: ReadonlyMap<number, () => Promise<ChainFacts>>,
): Promise<void> => {
  if (frame.config.metrics === null) return
  const { host, port } = frame.config.metrics
  const all = (): Promise<readonly ChainFacts[]> =>
    Promise.all(frame.config.chains.map(async config => (await facts.get(config.id)?.()) ?? factsBefore(config)))
  const server = await startOpsServer({ host, port, metrics, health: async () => judgeHealth(await all(), performance.now()) })
  shutdown.onRelease('metrics server', server.close)
  frame.log.log('info', 'metrics', { url: `http://${host}:${server.port}/metrics` })
}

const keepChains = async (daemon: Daemon): Promise<void> => {
  const { frame, shutdown } = daemon
  const facts = new Map<number, () => Promise<ChainFacts>>()
  await openOps(daemon, facts)
  const prepared = await Promise.all(
    frame.config.chains.map(async config => {
      const ready = await prepareChain(config, daemon)
      facts.set(config.id, ready.facts)
      return ready
    }),
  )
  await keepAll(
    prepared.map(each => each.run),
    shutdown,
  )
}

/** Whether somebody asked us to stop; then what breaks on the way down is no failure. */
const wasToldToStop = (shutdown: Shutdown): boolean => ['SIGTERM', 'SIGINT'].includes(shutdown.reason() ?? '')

/** Runs until SIGTERM or SIGINT, then settles what is in flight: 0. Rejects with bad-config, no-code, no-funds, wrong-chain before that. */
export const run: Command<RunOptions> = async (options, io) => {
  const frame = await openFrame(options, io)
  const shutdown = createShutdown({ signals: io.signals, log: frame.log, exitNow: io.exitNow })
  const metrics = createMetricsBook({ hasProcessMetrics: true })
  try {
    const { journal, store: statePath } = frame.config
    const store = journal === null ? logStore(frame.log) : openJournal(resolve(io.directory, journal), frame.log, shutdown)
    const state = statePath === null ? null : openState(resolve(io.directory, statePath), frame.log, shutdown)
    await keepChains({ frame, shutdown, metrics, store, state, io })
    return EXIT.done
  } catch (error) {
    if (wasToldToStop(shutdown) && (error === shutdown.signal.reason || error instanceof KeeperError)) return EXIT.done
    // Whatever still reads history stops too.
    shutdown.begin('failed')
    throw error
  } finally {
    await shutdown.release()
  }
}
