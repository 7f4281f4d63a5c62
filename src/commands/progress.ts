// How far history is read: a bar on stderr, or a line in the log now and then where stderr is no terminal. Estimates by what was done lately.
import { SingleBar } from 'cli-progress'
import type { Io } from '../ops/terminal'
import type { LogSink } from '../ports'

/** Blocks from..to of one folder's history, `done` being the last one read. */
export interface ProgressUpdate {
  readonly folder: string
  readonly from: bigint
  readonly done: bigint
  readonly to: bigint
}

export interface Progress {
  update(progress: ProgressUpdate): void
  stop(): void
}

/** Null while nothing is known of the speed. */
export interface Pace {
  readonly blocksPerSecond: number | null
  readonly secondsLeft: number | null
}

const LOG_EVERY_MS = 10_000
/** Speed is measured over so much time: nodes and histories have quicker and slower stretches. */
const WINDOW_MS = 30_000
const MIN_WINDOW_MS = 500

/** Measures one folder after the other; each begins anew. */
export const createPace = (nowMs: () => number): ((progress: ProgressUpdate) => Pace) => {
  let folder: string | null = null
  let samples: { readonly atMs: number; readonly done: bigint }[] = []
  return ({ folder: current, from, done, to }) => {
    const atMs = nowMs()
    if (current !== folder) samples = [{ atMs, done: done < from ? from - 1n : done }]
    folder = current
    samples.push({ atMs, done })
    while (samples.length > 2 && atMs - samples[1]!.atMs >= WINDOW_MS) samples.shift()
    const first = samples[0]!
    const [elapsedMs, blocks] = [atMs - first.atMs, Number(done - first.done)]
    if (elapsedMs < MIN_WINDOW_MS || blocks <= 0) return { blocksPerSecond: null, secondsLeft: null }
    const blocksPerSecond = (1_000 * blocks) / elapsedMs
    return { blocksPerSecond, secondsLeft: Number(to - done) / blocksPerSecond }
  }
}

const percentOf = ({ from, done, to }: ProgressUpdate): number =>
  to < from ? 100 : Math.floor((100 * Number(done - from + 1n)) / Number(to - from + 1n))

/** `45 s`, `3 min 20 s`, `2 h 5 min`. */
export const durationText = (seconds: number): string => {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}

const paceText = ({ blocksPerSecond, secondsLeft }: Pace): string =>
  blocksPerSecond === null || secondsLeft === null
    ? ''
    : `, ${Math.round(blocksPerSecond)} blocks/s, about ${durationText(secondsLeft)} left`

const createLines = (title: string, log: LogSink, nowMs: () => number): Progress => {
  const paceOf = createPace(nowMs)
  let toldAtMs = nowMs()
  return {
    update: progress => {
      const pace = paceOf(progress)
      if (nowMs() - toldAtMs < LOG_EVERY_MS) return
      toldAtMs = nowMs()
      const { folder, done, to } = progress
      const message = `${title} (${folder}): ${percentOf(progress)} % of the blocks to ${to}${paceText(pace)}`
      log.log('info', 'reading-history', { folder, done: done.toString(), to: to.toString(), message })
    },
    stop: () => undefined,
  }
}

/** Opens with its first update. */
const createBar = (title: string, nowMs: () => number): Progress => {
  const bar = new SingleBar({
    format: `${title} ({folder}) {bar} {percentage} % of {total} blocks{pace}`,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
  })
  const paceOf = createPace(nowMs)
  let isOpen = false
  return {
    update: progress => {
      const { folder, from, done, to } = progress
      const pace = paceText(paceOf(progress))
      if (!isOpen) bar.start(1, 0, { folder, pace })
      isOpen = true
      bar.setTotal(Number(to - from + 1n))
      bar.update(Number(done - from + 1n), { folder, pace })
    },
    stop: () => {
      if (isOpen) bar.stop()
    },
  }
}

export const createProgress = (
  io: Pick<Io, 'isErrTerminal'>,
  title: string,
  log: LogSink,
  nowMs: () => number = () => performance.now(),
): Progress => (io.isErrTerminal ? createBar(title, nowMs) : createLines(title, log, nowMs))
