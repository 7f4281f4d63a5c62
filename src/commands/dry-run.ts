// `bulwark dry-run`: the keeper on a fork of an RPC. One pass with --block; else it follows the head and forks anew at each.
import type { ChainConfig } from '../config/config'
import { KeeperError } from '../core/errors'
import { type DryRunOptions as ForkOptions, type ForkKeeper, startForkKeeper } from '../lab/dry-run'
import { endedPosition, summarise, worstErrorPct } from '../lab/ended-positions'
import { runTable } from '../lab/report/table'
import { EXIT } from '../ops/exit-code'
import { createMetricsBook } from '../ops/meter'
import { createShutdown, type Shutdown } from '../ops/shutdown'
import type { Io } from '../ops/terminal'
import type { LogSink } from '../ports'
import { openChain } from './open-chain'
import { type Frame, openFrame } from './frame'
import { type Command, type DryRunOptions, jsonLine } from './options'
import { createProgress } from './progress'

/** The fork is of one chain: the configuration's only one, or the one whose id the endpoint has. */
const chainOf = async (frame: Frame, options: DryRunOptions, log: LogSink): Promise<ChainConfig> => {
  const [only, ...others] = frame.config.chains
  if (only !== undefined && others.length === 0) return only
  for (const config of frame.config.chains) {
    const probe = await openChain({ ...config, rpc: [options.forkUrl] }, log, createMetricsBook({ hasProcessMetrics: false }).meter).catch((error: unknown) => {
      if (error instanceof KeeperError && error.code === 'wrong-chain') return null
      throw error
    })
    if (probe === null) continue
    await probe.close()
    return config
  }
  throw new KeeperError('wrong-chain', `${options.forkUrl} serves none of the configured chains ${frame.config.chains.map(chain => chain.id).join(', ')}`, { retryable: false })
}

const report = (fork: ForkKeeper, options: DryRunOptions, io: Io): void => {
  const ends = fork.ended.ends()
  const summary = summarise(ends, { badDebtUsd: null, badDebtUnattendedUsd: null, worstPredictionErrorPct: worstErrorPct(ends) })
  const lines = ends.map(endedPosition)
  if (options.json === true) {
    for (const line of lines) io.out(jsonLine(line))
    io.out(jsonLine(summary))
    return
  }
  io.out(runTable(lines, summary, io.isOutTerminal && io.hasColour))
  for (const fault of fork.composed.books.flatMap(book => book.faults())) io.err(`market ${fault.market} can't be judged: ${fault.reason}\n`)
  for (const fault of fork.composed.venues.flatMap(venue => venue.faults())) io.err(`pool ${fault.pool} is not used: ${fault.reason}\n`)
}

/** Forks anew at each head of the origin until stopped; heads that come during a pass are skipped, the newest wins. */
const follow = async (fork: ForkKeeper, config: ChainConfig, options: DryRunOptions, log: LogSink, shutdown: Shutdown): Promise<void> => {
  const origin = await openChain({ ...config, rpc: [options.forkUrl] }, log, createMetricsBook({ hasProcessMetrics: false }).meter)
  shutdown.onRelease('origin', origin.close)
  let newest: bigint | null = null
  let wake = (): void => undefined
  shutdown.signal.addEventListener('abort', () => wake(), { once: true })
  origin.followHeads(head => {
    newest = head.number
    wake()
  }, shutdown.signal)
  while (!shutdown.signal.aborted) {
    const block: bigint | null = newest
    newest = null
    if (block !== null) {
      await fork.refork(block)
      await fork.pass()
    } else
      await new Promise<void>(resolve => {
        wake = resolve
        if (newest !== null || shutdown.signal.aborted) resolve()
      })
  }
}

const keepFork = async (options: DryRunOptions, io: Io, shutdown: Shutdown): Promise<void> => {
  const frame = await openFrame(options, io)
  const config = await chainOf(frame, options, frame.log)
  const { meter } = createMetricsBook({ hasProcessMetrics: false })
  const forkOptions: ForkOptions = { config, forkUrl: options.forkUrl, forkBlock: options.block ?? null, log: frame.log, meter, nowMs: () => performance.now() }
  const progress = createProgress(io, `chain ${config.id}: reading history`)
  const fork = await startForkKeeper(forkOptions, shutdown.signal, progress.update).finally(progress.stop)
  shutdown.onRelease('fork', fork.close)
  await fork.pass()
  if (options.block === undefined) await follow(fork, config, options, frame.log, shutdown)
  report(fork, options, io)
}

/** Prints a line per position that was under water and a summary. 0 when done or stopped. */
export const dryRun: Command<DryRunOptions> = async (options, io) => {
  const quiet: LogSink = { log: () => undefined }
  const shutdown = createShutdown({ signals: io.signals, log: quiet, exitNow: io.exitNow })
  try {
    await keepFork(options, io, shutdown)
    return EXIT.done
  } catch (error) {
    if (shutdown.signal.aborted && error instanceof KeeperError) return EXIT.interrupted
    throw error
  } finally {
    await shutdown.release()
  }
}
