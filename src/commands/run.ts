// `bulwark run`: the daemon. Keeps every configured chain until it is told to stop; checks first that it could act at all.
import { checkContracts, composeKeeper, startReading } from '../compose'
import type { ChainConfig } from '../config/config'
import type { Secret } from '../config/secret'
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'
import { liquidatorAddress } from '../executor/deployment'
import { createLocalSigner } from '../executor/signer'
import type { TickReport } from '../keeper'
import { EXIT } from '../ops/exit-code'
import { type ChainFacts, judgeHealth } from '../ops/health'
import { createMetricsBook, type MetricsBook, withLabels } from '../ops/meter'
import { startOpsServer } from '../ops/server'
import { createShutdown, type Shutdown } from '../ops/shutdown'
import type { Io } from '../ops/terminal'
import { withFields } from '../ops/with-fields'
import type { Chain, LogSink, Meter, Relay, Signer, Store } from '../ports'
import { createFlashbotsRelay } from '../relay/flashbots'
import { createJsonlStore } from '../store/jsonl'
import { type Frame, openFrame } from './frame'
import { openChain } from './open-chain'
import type { Command, RunOptions } from './options'
import { createProgress } from './progress'

const badConfig = (message: string): KeeperError => new KeeperError('bad-config', message, { retryable: false })

const RELAY_TIMEOUT_MS = 1_500
const RELAY_REQUESTS_PER_SECOND = 30
/** A head older than this many usual slots means that the keeper is blind. */
const SILENT_SLOTS = 10
const DEFAULT_SLOT_MS = 12_000

/** The executor that the config names, or the one that `bulwark deploy` would have made for its owner. */
export const executorOf = (config: ChainConfig): Address => {
  if (config.executor !== null) return config.executor
  if (config.owner !== null) return liquidatorAddress(config.owner)
  throw badConfig(
    `chains[${config.id}]: name \`executor\`, or \`owner\` so that its address is known; \`bulwark deploy\` deploys it`,
  )
}

const signersOf = (keys: readonly Secret[]): readonly Signer[] => {
  if (keys.length === 0)
    throw badConfig(
      'no key: set BULWARK_OPERATOR_KEYS in the environment or in .env (a key that the executor knows as operator, with gas money)',
    )
  return keys.map(key => createLocalSigner(key.reveal() as Hex))
}

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

const IS_OPERATOR_SELECTOR = '0x6d70f7ae'

/** Contract deployed, keys allowed and funded: else nothing that is sent could ever land. */
const checkReadiness = async (
  config: ChainConfig,
  chain: Chain,
  contract: Address,
  signers: readonly Signer[],
  log: LogSink,
): Promise<void> => {
  if ((await chain.code(contract)) === '0x')
    throw new KeeperError('no-code', `executor ${contract} has no code on chain ${config.id}: run \`bulwark deploy\``, {
      retryable: false,
    })
  const head = await chain.blockByTag('latest')
  const calls = signers.map(({ address }) => ({
    to: contract,
    data: `${IS_OPERATOR_SELECTOR}${address.slice(2).padStart(64, '0')}` as Hex,
  }))
  const allowed = await chain.read(calls, head.hash)
  const balances = await Promise.all(signers.map(({ address }) => chain.balance(address)))
  signers.forEach(({ address }, i) => {
    const answer = allowed[i]
    if (answer?.kind !== 'ok' || BigInt(answer.data) !== 1n)
      throw badConfig(
        `${address} is no operator of executor ${contract} on chain ${config.id}: its owner must call setOperator(${address}, true)`,
      )
    if ((balances[i] ?? 0n) < config.lowBalanceWei)
      log.log('warn', 'low-balance', {
        account: address,
        balanceWei: (balances[i] ?? 0n).toString(),
        alarmBelowWei: config.lowBalanceWei.toString(),
      })
  })
  if (balances.every(balance => balance === 0n))
    throw new KeeperError(
      'no-funds',
      `no operator key has money for gas on chain ${config.id}: fund ${signers.map(signer => signer.address).join(', ')}`,
      { retryable: false },
    )
}

interface Facts {
  readonly read: () => Promise<ChainFacts>
  readonly onTick: (report: TickReport) => void
}

const createFacts = (
  config: ChainConfig,
  nowMs: () => number,
  live: () => Promise<Pick<ChainFacts, 'inFlight' | 'faults' | 'lowBalances'>>,
): Facts => {
  let lastHead: ChainFacts['lastHead'] = null
  let failedTicks = 0
  const slotMs = config.slotSec === null ? DEFAULT_SLOT_MS : Number(config.slotSec) * 1_000
  return {
    onTick: report => {
      failedTicks = report.end === 'failed' ? failedTicks + 1 : report.end === 'done' ? 0 : failedTicks
      if (report.end === 'done') lastHead = { number: report.head.number, seenAtMs: nowMs() }
    },
    read: async () => ({ chainId: config.id, maxHeadAgeMs: slotMs * SILENT_SLOTS, ...(await live()), lastHead, failedTicks }),
  }
}

/** Asked when /health is, not every block. A node that does not answer is no proof of money. */
const lowBalances = async (config: ChainConfig, chain: Chain, signers: readonly Signer[]): Promise<readonly string[]> => {
  try {
    const balances = await Promise.all(signers.map(signer => chain.balance(signer.address)))
    return signers.flatMap(({ address }, i) => ((balances[i] ?? 0n) < config.lowBalanceWei ? [address] : []))
  } catch {
    return ['unknown: the node does not answer']
  }
}

interface Daemon {
  readonly frame: Frame
  readonly shutdown: Shutdown
  readonly metrics: MetricsBook
  readonly store: Store
  readonly io: Io
}

/** Everything up to the first head for one chain; what it gives runs until the shutdown. */
const prepareChain = async (
  config: ChainConfig,
  { frame, shutdown, metrics, store, io }: Daemon,
): Promise<{ run: () => Promise<void>; facts: () => Promise<ChainFacts> }> => {
  const meter = withLabels(metrics.meter, { chain: String(config.id) })
  const log = withFields(frame.log, { chain: config.id })
  const signers = signersOf(frame.environment.operatorKeys)
  const contract = executorOf(config)
  const relays = relaysOf(config, frame.environment.relayKey, log, meter, shutdown)
  const chain = await openChain(config, log, meter)
  shutdown.onRelease(`chain ${config.id}`, chain.close)
  const nowMs = (): number => performance.now()
  const facts = createFacts(config, nowMs, async () => ({
    inFlight: composed.executor.inFlight().count,
    faults: [
      ...composed.books.flatMap(book => book.faults().map(fault => `market ${fault.market}: ${fault.reason}`)),
      ...composed.venues.flatMap(venue => venue.faults().map(fault => `pool ${fault.pool}: ${fault.reason}`)),
    ],
    lowBalances: await lowBalances(config, chain, signers),
  }))
  const composed = composeKeeper(config, contract, { chain, signers, relays, log, meter, store, nowMs, onTick: facts.onTick })
  await checkContracts(config, chain, composed.books)
  await checkReadiness(config, chain, contract, signers, log)
  const progress = createProgress(io, `chain ${config.id}: reading history`)
  const head = await startReading(composed, shutdown.signal, progress.update).finally(progress.stop)
  const positions = composed.books.reduce((sum, book) => sum + book.size(), 0)
  const pools = composed.venues.reduce((sum, venue) => sum + venue.pools().length, 0)
  log.log('info', 'ready', {
    block: head.number.toString(),
    positions,
    pools,
    executor: contract,
    operators: signers.map(signer => signer.address),
  })
  return { run: () => composed.keeper.run(shutdown.signal), facts: facts.read }
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

/** Runs until SIGTERM or SIGINT, then settles what is in flight: 0. Rejects with bad-config, no-code, no-funds, wrong-chain before that. */
export const run: Command<RunOptions> = async (options, io) => {
  const frame = await openFrame(options, io)
  const shutdown = createShutdown({ signals: io.signals, log: frame.log, exitNow: io.exitNow })
  const metrics = createMetricsBook({ hasProcessMetrics: true })
  try {
    const store = frame.config.journal === null ? logStore(frame.log) : openJournal(frame.config.journal, frame.log, shutdown)
    const daemon: Daemon = { frame, shutdown, metrics, store, io }
    const prepared = await Promise.all(frame.config.chains.map(config => prepareChain(config, daemon)))
    if (frame.config.metrics !== null) {
      const server = await startOpsServer({
        ...frame.config.metrics,
        metrics,
        health: async () => judgeHealth(await Promise.all(prepared.map(each => each.facts())), performance.now()),
      })
      shutdown.onRelease('metrics server', server.close)
      frame.log.log('info', 'metrics', { url: `http://${frame.config.metrics.host}:${server.port}/metrics` })
    }
    await keepAll(
      prepared.map(each => each.run),
      shutdown,
    )
    return EXIT.done
  } catch (error) {
    if (shutdown.signal.aborted && (error === shutdown.signal.reason || error instanceof KeeperError)) return EXIT.done
    throw error
  } finally {
    await shutdown.release()
  }
}

/** Ends in the log: always, so that the log alone tells what happened. */
const logStore = (log: LogSink): Store => ({
  recordOutcome: outcome =>
    log.log('info', 'outcome', {
      kind: outcome.kind,
      reason: outcome.reason,
      transaction: outcome.transactionHash,
      target: outcome.targetBlock.toString(),
      block: outcome.block?.toString() ?? null,
      positions: outcome.positions.length,
      netPredictedWei: outcome.predicted.netWei.toString(),
      netRealisedWei: outcome.realised?.netWei.toString() ?? null,
    }),
  recordSkip: (block, skip) =>
    log.log('debug', 'skip', {
      block: block.toString(),
      account: skip.position.account,
      market: skip.position.market,
      reason: skip.reason,
      message: skip.message,
    }),
})

const openJournal = (path: string, log: LogSink, shutdown: Shutdown): Store => {
  const journal = createJsonlStore(path)
  shutdown.onRelease('journal', journal.close)
  const inLog = logStore(log)
  return {
    recordOutcome: outcome => {
      journal.recordOutcome(outcome)
      inLog.recordOutcome(outcome)
    },
    recordSkip: (block, skip) => {
      journal.recordSkip(block, skip)
      inLog.recordSkip(block, skip)
    },
  }
}
