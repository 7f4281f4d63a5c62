// `bulwark demo`: plays a recorded crash on a local chain, with the keeper and without, and shows what it came to. Needs nothing.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { SingleBar } from 'cli-progress'
import { KeeperError } from '../core/errors'
import { type DemoProgress, playDemo } from '../lab/demo'
import { renderPage } from '../lab/report/page'
import { demoTable } from '../lab/report/table'
import { isV36Cached, v36Artifacts } from '../lab/world/aave/compile-v36'
import { demoWorld } from '../lab/world/demo-world'
import type { WorldSpec } from '../lab/world/spec'
import { EXIT } from '../ops/exit-code'
import { createMetricsBook } from '../ops/meter'
import { createShutdown } from '../ops/shutdown'
import type { Io } from '../ops/terminal'
import type { LogSink } from '../ports'
import { openLog } from './frame'
import { type Command, type DemoOptions, jsonLine } from './options'

interface DemoBar {
  update(progress: DemoProgress): void
  stop(): void
}

const createBar = (io: Io): DemoBar => {
  if (!io.isErrTerminal) return { update: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: 'playing the crash {bar} {percentage} % · {closed} positions closed · {duration_formatted}',
    hideCursor: true,
    clearOnComplete: false,
    linewrap: false,
  })
  return {
    update: ({ done, total, closed }) => {
      if (bar.isActive) bar.update(done, { closed })
      else bar.start(total, done, { closed })
    },
    stop: () => bar.stop(),
  }
}

/** Aave's present version comes as sources: compiled before the first run, then kept. Nothing can be drawn meanwhile, hence the line. */
const prepareAave = (spec: WorldSpec, io: Io): void => {
  if (spec.aave?.some(pool => pool.version === 'v3.6') !== true || isV36Cached()) return
  io.err('first run: compiling Aave v3.6 from its npm package, 15 s or more; it is kept for the next ones\n')
  v36Artifacts()
}

/** Writes the page and prints table or JSON lines. 130 if interrupted. */
export const demo: Command<DemoOptions> = async (options, io) => {
  const spec = demoWorld()
  prepareAave(spec, io)
  const log = openLog(options, io, 'error')
  const quiet: LogSink = { log: () => undefined }
  const shutdown = createShutdown({ signals: io.signals, log: quiet, exitNow: io.exitNow })
  const bar = createBar(io)
  const { meter } = createMetricsBook({ hasProcessMetrics: false })
  try {
    const result = await playDemo({
      spec,
      seed: options.seed,
      log,
      meter,
      nowMs: () => performance.now(),
      signal: shutdown.signal,
      onProgress: bar.update,
    })
    bar.stop()
    const page = resolve(io.directory, options.page)
    writeFileSync(page, renderPage(result))
    if (options.json === true) {
      for (const position of result.positions) io.out(jsonLine(position))
      io.out(jsonLine({ ...result.summary, referee: result.referee }))
      return EXIT.done
    }
    io.out(demoTable(result, io.isOutTerminal && io.hasColour))
    io.out(`charts: ${page} (${result.elapsedSec.toFixed(1)} s)\n`)
    return EXIT.done
  } catch (error) {
    if (shutdown.signal.aborted) return EXIT.interrupted
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new KeeperError('bad-config', `--page ${options.page}: cannot write there`, { retryable: false, cause: error })
    throw error
  } finally {
    bar.stop()
    await shutdown.release()
  }
}
