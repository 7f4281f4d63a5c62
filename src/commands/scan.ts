// `bulwark scan`: every open position by distance to liquidation. Reads only; needs no key.
import { checkContracts, composeReading, type Reading, startReading } from '../compose'
import type { ChainConfig } from '../config/config'
import { InvariantError } from '../core/errors'
import type { PositionView } from '../core/opportunity'
import type { TargetBlock } from '../core/primitives'
import { createSlotClock } from '../core/slot-clock'
import { EXIT } from '../ops/exit-code'
import { createMetricsBook } from '../ops/meter'
import { createShutdown, type Shutdown } from '../ops/shutdown'
import type { Io } from '../ops/terminal'
import type { Chain, LogSink } from '../ports'
import { observeRecent } from '../watcher/recent-slots'
import { chosenChains, openFrame } from './frame'
import { openChain } from './open-chain'
import { type Command, jsonLine, type ScanOptions } from './options'
import { createProgress } from './progress'
import { scanRow, scanTable } from './scan-table'

interface Scanned {
  /** The closest to liquidation, as many as are shown. */
  readonly positions: readonly PositionView[]
  readonly target: TargetBlock
  readonly reading: Reading
}

/** Closest first: the lowest health factor, then what can't be priced. */
const byDistance = (a: PositionView, b: PositionView): number => {
  if (a.healthFactorWad === null) return b.healthFactorWad === null ? 0 : 1
  if (b.healthFactorWad === null) return -1
  return a.healthFactorWad < b.healthFactorWad ? -1 : a.healthFactorWad > b.healthFactorWad ? 1 : 0
}

const scanChain = async (
  config: ChainConfig,
  limit: number,
  chain: Chain,
  log: LogSink,
  io: Io,
  signal: AbortSignal,
): Promise<Scanned> => {
  const { meter } = createMetricsBook({ hasProcessMetrics: false })
  const reading = composeReading(config, { chain, log, meter })
  await checkContracts(config, chain, reading.books)
  const progress = createProgress(io, `chain ${config.id}: reading history`)
  const head = await startReading(reading, signal, progress.update).finally(progress.stop)
  const clock = createSlotClock(config.slotSec)
  await observeRecent(chain, head, clock)
  const target = clock.targetAfter(head)
  const positions = reading.books
    .flatMap(book => book.positions(target, limit))
    .sort(byDistance)
    .slice(0, limit)
  return { positions, target, reading }
}

const show = (config: ChainConfig, { positions, target, reading }: Scanned, options: ScanOptions, io: Io): void => {
  const tokens = new Map(reading.books.flatMap(book => [...book.tokens()]))
  if (options.json === true) {
    for (const position of positions) io.out(jsonLine({ chain: config.id, block: target.number - 1n, ...scanRow(position) }))
    return
  }
  const total = reading.books.reduce((sum, book) => sum + book.size(), 0)
  io.out(scanTable(config.id, target.number - 1n, positions, total, tokens, io.isOutTerminal && io.hasColour))
  const faults = reading.books.flatMap(book => book.faults())
  for (const fault of faults) io.err(`market ${fault.market} can't be judged: ${fault.reason}\n`)
}

const scanAll = async (options: ScanOptions, io: Io, shutdown: Shutdown): Promise<void> => {
  const { config, log } = await openFrame(options, io, 'warn')
  for (const each of chosenChains(config, options.chain)) {
    const chain = await openChain(each, log, createMetricsBook({ hasProcessMetrics: false }).meter)
    shutdown.onRelease(`chain ${each.id}`, chain.close)
    const scanned = await scanChain(each, options.limit, chain, log, io, shutdown.signal)
    show(each, scanned, options, io)
  }
}

/** Prints the positions of the configured chains at their next block. 130 if interrupted. */
export const scan: Command<ScanOptions> = async (options, io) => {
  const quiet: LogSink = { log: () => undefined }
  const shutdown = createShutdown({ signals: io.signals, log: quiet, exitNow: io.exitNow })
  try {
    await scanAll(options, io, shutdown)
    return EXIT.done
  } catch (error) {
    if (shutdown.signal.aborted && !(error instanceof InvariantError)) return EXIT.interrupted
    throw error
  } finally {
    await shutdown.release()
  }
}
