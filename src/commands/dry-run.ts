// `bulwark dry-run`: the keeper on a fork of an RPC. One pass with --block; else it follows the head and forks anew at each.
import { resolve } from 'node:path'
import type { ChainConfig } from '../config/config'
import { credentialsOf } from '../config/load'
import { createSecret } from '../config/secret'
import { KeeperError } from '../core/errors'
import type { Block } from '../core/primitives'
import { type ForkKeeper, startForkKeeper } from '../lab/dry-run'
import { endedPosition, type PositionEnd, positionId, summarise, worstErrorPct } from '../lab/ended-positions'
import { runTable } from '../lab/report/table'
import { EXIT } from '../ops/exit-code'
import { createMetricsBook } from '../ops/meter'
import { createShutdown, type Shutdown } from '../ops/shutdown'
import type { Io } from '../ops/terminal'
import type { Chain, LogSink } from '../ports'
import { createCheckpoints } from '../store/checkpoints'
import { type Frame, openFrame } from './frame'
import { openChain } from './open-chain'
import { type Command, type DryRunOptions, jsonLine } from './options'
import { createProgress } from './progress'
import { openSavedState } from './state'

/** So many heads in a row that could not be judged mean that the world, and not one block, is the trouble. */
const MAX_FAILED_PASSES = 5

interface Origin {
  readonly config: ChainConfig
  readonly chain: Chain
}

const openOrigin = async (config: ChainConfig, forkUrl: string, log: LogSink): Promise<Chain> => {
  try {
    return await openChain({ ...config, rpc: [forkUrl] }, log, createMetricsBook({ hasProcessMetrics: false }).meter)
  } catch (error) {
    if (!(error instanceof KeeperError) || error.code === 'wrong-chain') throw error
    const message = `--fork-url must be the RPC endpoint of a running Ethereum node: ${error.message}`
    throw new KeeperError(error.code, message, { retryable: error.retryable, cause: error })
  }
}

/** The chain behind --fork-url: the configuration's only one, or the one whose id the endpoint has. Rejects with wrong-chain. */
const findOrigin = async ({ config, log }: Frame, forkUrl: string): Promise<Origin> => {
  const [only, ...others] = config.chains
  if (only !== undefined && others.length === 0) return { config: only, chain: await openOrigin(only, forkUrl, log) }
  const quiet: LogSink = { log: () => undefined }
  for (const each of config.chains) {
    try {
      return { config: each, chain: await openOrigin(each, forkUrl, quiet) }
    } catch (error) {
      if (!(error instanceof KeeperError) || error.code !== 'wrong-chain') throw error
    }
  }
  throw new KeeperError(
    'wrong-chain',
    `the endpoint of --fork-url serves none of the configured chains (${config.chains.map(chain => chain.id).join(', ')})`,
    { retryable: false },
  )
}

/** Tells of each position once: as soon as it is closed, or at the end what kept it open. */
const createReport = (fork: ForkKeeper, options: DryRunOptions, io: Io, log: LogSink) => {
  const told = new Set<string>()
  const tell = (ends: readonly PositionEnd[]): void => {
    for (const end of ends) {
      const id = positionId(end.ref)
      if (told.has(id)) continue
      told.add(id)
      io.out(jsonLine(endedPosition(end)))
    }
  }
  const faults = (): void => {
    for (const { market, reason } of fork.reading.books.flatMap(book => book.faults()))
      log.log('warn', 'market-faulty', { market, reason })
    for (const { pool, reason } of fork.reading.venues.flatMap(venue => venue.faults()))
      log.log('warn', 'pool-unused', { pool, reason })
  }
  return {
    onPass: (): void => {
      if (options.json === true) tell(fork.ends().filter(end => end.included.length > 0))
    },
    finish: (): void => {
      const ends = fork.ends()
      const extra = { badDebtUsd: null, badDebtUnattendedUsd: null, worstPredictionErrorPct: worstErrorPct(ends) }
      const summary = summarise(ends, extra)
      faults()
      if (options.json === true) {
        tell(ends)
        io.out(jsonLine(summary))
      } else io.out(runTable(ends.map(endedPosition), summary, io.isOutTerminal && io.hasColour))
    },
  }
}

interface Heads {
  /** The newest head that was not handed out yet; waits for one. Null once stopped. */
  next(): Promise<Block | null>
}

/** Heads that come while nobody waits are skipped: the newest wins. */
const followOrigin = (origin: Chain, signal: AbortSignal): Heads => {
  let newest: Block | null = null
  let wake = (): void => undefined
  signal.addEventListener('abort', () => wake(), { once: true })
  origin.followHeads(head => {
    newest = head
    wake()
  }, signal)
  return {
    next: async () => {
      if (newest === null && !signal.aborted)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      const head = newest
      newest = null
      return signal.aborted ? null : head
    },
  }
}

/** Forks anew at each head of the origin until stopped. A head that can't be judged is passed over; many in a row are thrown. */
const follow = async (fork: ForkKeeper, origin: Chain, log: LogSink, signal: AbortSignal, onPass: () => void): Promise<void> => {
  const heads = followOrigin(origin, signal)
  let failed = 0
  for (let head = await heads.next(); head !== null; head = await heads.next()) {
    if (head.hash === fork.forkedAt().hash) continue
    try {
      await fork.refork(head)
      await fork.pass()
      failed = 0
    } catch (error) {
      failed += 1
      if (!(error instanceof KeeperError) || failed >= MAX_FAILED_PASSES) throw error
      log.log('warn', 'pass-failed', { block: head.number.toString(), code: error.code, message: error.message })
    }
    onPass()
  }
}

const keepFork = async (options: DryRunOptions, io: Io, frame: Frame, shutdown: Shutdown): Promise<void> => {
  const { log } = frame
  const { config, chain: origin } = await findOrigin(frame, options.forkUrl)
  shutdown.onRelease('origin', origin.close)
  const path = frame.config.store
  const state = path === null ? null : openSavedState(resolve(io.directory, path), log, shutdown)
  const forkOptions = {
    config,
    forkUrl: options.forkUrl,
    origin,
    forkBlock: options.block ?? null,
    log,
    meter: createMetricsBook({ hasProcessMetrics: false }).meter,
    nowMs: () => performance.now(),
    ...(state === null ? {} : { checkpoints: createCheckpoints(state, config.id, config.finalityDepth) }),
  }
  const progress = createProgress(io, `chain ${config.id}: reading history`, log)
  const fork = await startForkKeeper(forkOptions, shutdown.signal, progress.update).finally(progress.stop)
  shutdown.onRelease('fork', fork.close)
  const report = createReport(fork, options, io, log)
  await fork.pass()
  report.onPass()
  if (options.block === undefined) await follow(fork, origin, log, shutdown.signal, report.onPass)
  report.finish()
}

/** Prints a line per position that was under water and a summary. 0 when done or, without --block, when told to stop; 130 when told before it began. */
export const dryRun: Command<DryRunOptions> = async (options, io) => {
  const secret = credentialsOf(options.forkUrl)
  if (secret !== null) io.scrubber.add(createSecret(secret))
  const frame = await openFrame(options, io)
  const shutdown = createShutdown({ signals: io.signals, log: frame.log, exitNow: io.exitNow })
  try {
    await keepFork(options, io, frame, shutdown)
    return EXIT.done
  } catch (error) {
    if (shutdown.signal.aborted && (error === shutdown.signal.reason || error instanceof KeeperError)) return EXIT.interrupted
    throw error
  } finally {
    await shutdown.release()
  }
}
