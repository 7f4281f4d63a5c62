// A progress bar on stderr while history is read. Shows nothing where stderr is no terminal.
import { SingleBar } from 'cli-progress'
import type { Io } from '../ops/terminal'

export interface Progress {
  /** Blocks from..to, `done` being the last one read. */
  update(progress: { readonly from: bigint; readonly done: bigint; readonly to: bigint }): void
  stop(): void
}

/** A bar that opens with its first update. */
export const createProgress = (io: Io, title: string): Progress => {
  if (!io.isErrTerminal) return { update: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: `${title} {bar} {percentage} % of {total} blocks`,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
  })
  let isOpen = false
  return {
    update: ({ from, done, to }) => {
      const [read, total] = [Number(done - from) + 1, Number(to - from) + 1]
      if (isOpen) {
        bar.setTotal(total)
        bar.update(read)
      } else bar.start(total, read)
      isOpen = true
    },
    stop: () => {
      if (isOpen) bar.stop()
    },
  }
}
