// A progress bar on stderr while history is read. Shows nothing where stderr is no terminal.
import { SingleBar } from 'cli-progress'
import type { Io } from '../ops/terminal'

export interface Progress {
  /** Blocks from..to of one folder's history, `done` being the last one read. */
  update(progress: { readonly folder: string; readonly from: bigint; readonly done: bigint; readonly to: bigint }): void
  stop(): void
}

/** A bar that opens with its first update. */
export const createProgress = (io: Io, title: string): Progress => {
  if (!io.isErrTerminal) return { update: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: `${title} ({folder}) {bar} {percentage} % of {total} blocks`,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
  })
  let isOpen = false
  return {
    update: ({ folder, from, done, to }) => {
      if (!isOpen) bar.start(1, 0, { folder })
      isOpen = true
      bar.setTotal(Number(to - from + 1n))
      bar.update(Number(done - from + 1n), { folder })
    },
    stop: () => {
      if (isOpen) bar.stop()
    },
  }
}
