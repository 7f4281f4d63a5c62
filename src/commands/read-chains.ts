// What commands that only read have in common: each chosen chain is opened, its history folded up to the head, then shown. Needs no key.
import { resolve } from 'node:path'
import { checkContracts, composeReading, type Reading, startReading } from '../compose'
import type { ChainConfig } from '../config/config'
import { InvariantError } from '../core/errors'
import type { Address, TargetBlock, Token } from '../core/primitives'
import { createSlotClock } from '../core/slot-clock'
import { EXIT } from '../ops/exit-code'
import { createMetricsBook } from '../ops/meter'
import { createShutdown, type Shutdown } from '../ops/shutdown'
import type { Io } from '../ops/terminal'
import type { Chain, LogSink } from '../ports'
import { createCheckpoints } from '../store/checkpoints'
import type { StateFile } from '../store/state-file'
import { observeRecent } from '../watcher/recent-slots'
import { chosenChains, openFrame } from './frame'
import { openChain } from './open-chain'
import type { CommonOptions } from './options'
import { createProgress } from './progress'
import { openSavedState } from './state'

/** One chain as it stands at its head. */
export interface ChainView {
  readonly id: number
  readonly reading: Reading
  /** The block after the head. */
  readonly target: TargetBlock
  readonly tokens: ReadonlyMap<Address, Token>
}

const readChain = async (
  config: ChainConfig,
  { chain, log, state }: { readonly chain: Chain; readonly log: LogSink; readonly state: StateFile | null },
  io: Io,
  signal: AbortSignal,
): Promise<ChainView> => {
  const { meter } = createMetricsBook({ hasProcessMetrics: false })
  const saved = state === null ? {} : { checkpoints: createCheckpoints(state, config.id, config.finalityDepth) }
  const reading = composeReading(config, { chain, log, meter, ...saved })
  await checkContracts(config, chain, reading.books)
  const progress = createProgress(io, `chain ${config.id}: reading history`, log)
  const head = await startReading(reading, signal, progress.update).finally(progress.stop)
  const clock = createSlotClock(config.slotSec)
  await observeRecent(chain, head, clock)
  const tokens = new Map(reading.books.flatMap(book => [...book.tokens()]))
  return { id: config.id, reading, target: clock.targetAfter(head), tokens }
}

const readAll = async (
  options: CommonOptions & { readonly chain?: number },
  io: Io,
  shutdown: Shutdown,
  show: (view: ChainView) => void,
): Promise<void> => {
  const { config, log } = await openFrame(options, io, 'warn')
  const state = config.store === null ? null : openSavedState(resolve(io.directory, config.store), log, shutdown)
  for (const each of chosenChains(config, options.chain)) {
    const chain = await openChain(each, log, createMetricsBook({ hasProcessMetrics: false }).meter)
    shutdown.onRelease(`chain ${each.id}`, chain.close)
    show(await readChain(each, { chain, log, state }, io, shutdown.signal))
  }
}

/** Shows one chain after the other. Resolves to the exit code: 130 if interrupted. Rejects with KeeperError. */
export const readChains = async (
  options: CommonOptions & { readonly chain?: number },
  io: Io,
  show: (view: ChainView) => void,
): Promise<number> => {
  const quiet: LogSink = { log: () => undefined }
  const shutdown = createShutdown({ signals: io.signals, log: quiet, exitNow: io.exitNow })
  try {
    await readAll(options, io, shutdown, show)
    return EXIT.done
  } catch (error) {
    if (shutdown.signal.aborted && !(error instanceof InvariantError)) return EXIT.interrupted
    throw error
  } finally {
    await shutdown.release()
  }
}

/** Markets that are left out of what was shown, on stderr. */
export const warnOfFaults = ({ reading }: ChainView, io: Io): void => {
  for (const fault of reading.books.flatMap(book => book.faults()))
    io.err(`market ${fault.market} can't be judged: ${fault.reason}\n`)
}
