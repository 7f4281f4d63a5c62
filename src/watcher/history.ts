// Folds the past in bounded ranges, each folder from where it stands: its own start, or the block at which it was saved. Knows no head: whoever
// calls says up to where, and how much of it is final.
import type { Folder } from '../core/folder'
import type { Log } from '../core/primitives'
import type { Chain, FolderMark, Meter } from '../ports'
import { believed } from './block-logs'
import type { Folding } from './folding'

/**
 * Logs of this many blocks are held in memory at once: more blocks where logs are sparse, so that an old chain is not read in crumbs, and
 * fewer from the start where live filters bring much more. No chunk grows that took long: between chunks progress is saved.
 */
const CHUNK = { first: 100_000n, firstLive: 4_000n, most: 4_000_000n, fewLogs: 5_000, manyLogs: 50_000, longMs: 10_000 }

/** How far one folder's past is folded, up to where that is final, and how much is asked for next. */
interface Cursor {
  /** First block that is not in the folder from the start. */
  readonly from: bigint
  readonly stage: FolderMark['stage']
  readonly isRestored: boolean
  done: bigint
  final: bigint
  chunk: bigint
}

/** Where one folder stands. */
export interface Reached {
  readonly folder: Folder
  readonly done: bigint
  readonly isFinal: boolean
  readonly stage: FolderMark['stage']
}

/** A log that is certainly on the chain, and where. */
export type Witness = Pick<Log, 'address' | 'topics' | 'blockHash'>

export interface Goal {
  readonly to: bigint
  /** Where it ends after other goals, for those who watch the progress. */
  readonly head: bigint
  /** Blocks up to here are not undone any more. */
  readonly settled: bigint
  readonly signal: AbortSignal
  /** Told of the last block done. */
  readonly onProgress?: (progress: {
    readonly folder: string
    readonly from: bigint
    readonly done: bigint
    readonly to: bigint
  }) => void
  /** Between chunks: all that is done is folded. */
  readonly onChunk?: () => Promise<void>
}

export interface History {
  /** The folder was restored as of the end of this block. */
  resume(folder: Folder, block: bigint, stage: FolderMark['stage']): void
  fold(folder: Folder, goal: Goal): Promise<void>
  /** Takes back what is not final. */
  rewind(): void
  /** Folders that hold any of the past. */
  reached(): readonly Reached[]
  /** Logs folded so far that a reorg could still take away. */
  unsettled(): readonly Log[]
  newestLog(): Witness | null
}

export interface HistoryDeps {
  readonly chain: Chain
  readonly folding: Folding
  readonly meter: Meter
  /** Blocks of a first chunk; default 100,000. */
  readonly firstChunk?: bigint
}

const nextChunk = (first: bigint, chunk: bigint, logs: number, elapsedMs: number): bigint => {
  if (logs >= CHUNK.manyLogs || elapsedMs > 3 * CHUNK.longMs) return chunk / 2n > first ? chunk / 2n : first
  if (logs >= CHUNK.fewLogs || elapsedMs > CHUNK.longMs) return chunk
  return chunk * 2n < CHUNK.most ? chunk * 2n : CHUNK.most
}

/** Whether the folder listens to something else than it did. */
const hasOtherFilters = (folder: Folder, asked: ReturnType<Folder['filters']>, version: number): boolean =>
  folder.filtersVersion() !== version && JSON.stringify(folder.filters()) !== JSON.stringify(asked)

export const createHistory = ({ chain, folding, meter, firstChunk = CHUNK.first }: HistoryDeps): History => {
  const firstOf = { history: firstChunk, live: firstChunk < CHUNK.firstLive ? firstChunk : CHUNK.firstLive }
  const cursors = new Map<Folder, Cursor>()
  let unsettled: Log[] = []
  let newestLog: Witness | null = null

  const begin = (folder: Folder, from: bigint, stage: FolderMark['stage'], isRestored: boolean): void => {
    cursors.set(folder, { from, stage, isRestored, done: from - 1n, final: from - 1n, chunk: firstOf[stage] })
  }
  for (const folder of folding.folders) if (folder.fromBlock !== null) begin(folder, folder.fromBlock, 'history', false)

  /** Folds in order; of live filters only up to the end of a block that changed them. Returns how many, and up to where all is folded. */
  const foldLogs = (folder: Folder, { stage }: Cursor, logs: readonly Log[], to: bigint) => {
    const [asked, version] = [folder.filters(), folder.filtersVersion()]
    for (const [n, each] of logs.entries()) {
      folding.foldInto(folder, each)
      if (stage === 'history' || logs[n + 1]?.blockNumber === each.blockNumber) continue
      if (each.blockNumber < to && hasOtherFilters(folder, asked, version))
        return { folded: logs.slice(0, n + 1), end: each.blockNumber }
    }
    return { folded: logs, end: to }
  }

  /** One chunk: fetched, then folded without a break, so that a failure leaves whole chunks. */
  const foldChunk = async (
    folder: Folder,
    cursor: Cursor,
    to: bigint,
    isFinal: boolean,
    tell: (done: bigint) => void,
  ): Promise<void> => {
    const [from, startMs] = [cursor.done + 1n, performance.now()]
    const filters = cursor.stage === 'live' ? folder.filters() : folder.historyFilters()
    const given = await chain.logsInRange(from, to, filters, tell)
    const logs = believed(given, each => each.blockNumber >= from && each.blockNumber <= to, meter)
    const { folded, end } = foldLogs(folder, cursor, logs, to)
    if (!isFinal) unsettled.push(...folded)
    newestLog = folded.at(-1) ?? newestLog
    cursor.chunk = nextChunk(firstOf[cursor.stage], cursor.chunk, logs.length, performance.now() - startMs)
    cursor.done = end
    if (!isFinal) return
    cursor.final = end
    folder.finalise(end + 1n)
  }

  return {
    resume: (folder, block, stage) => begin(folder, block + 1n, stage, true),
    fold: async (folder, { to, head, settled, signal, onProgress, onChunk }) => {
      const cursor = cursors.get(folder)
      if (cursor === undefined) return
      const tell = (done: bigint): void => onProgress?.({ folder: folder.name, from: cursor.from, done, to: head })
      while (cursor.done < to) {
        signal.throwIfAborted()
        const isFinal = cursor.done < settled
        const boundary = isFinal && settled < to ? settled : to
        const end = cursor.done + cursor.chunk < boundary ? cursor.done + cursor.chunk : boundary
        await foldChunk(folder, cursor, end, isFinal, tell)
        await onChunk?.()
      }
    },
    rewind: () => {
      unsettled = []
      for (const folder of folding.folders) folder.undo((cursors.get(folder)?.final ?? -1n) + 1n)
      for (const cursor of cursors.values()) cursor.done = cursor.final
    },
    reached: () =>
      [...cursors].flatMap(([folder, { from, stage, isRestored, done, final }]) =>
        isRestored || done >= from ? [{ folder, done, isFinal: done === final, stage }] : [],
      ),
    unsettled: () => unsettled,
    newestLog: () => newestLog,
  }
}
