// Brings the folders from nothing to the head: history in bounded ranges, then reads of the present state, then the proof that the
// head they stand on is still the chain's. May be called again after a failure: what is final stays folded.
import { KeeperError } from '../core/errors'
import type { Folder } from '../core/folder'
import type { Block, Log } from '../core/primitives'
import { readerAt } from '../ports'
import { isUnknownBlock } from './advance'
import { createBloomTests } from './bloom'
import { bootstrapFolder, type Folding, type WatcherDeps } from './folding'

export interface BackfillProgress {
  readonly folder: string
  readonly from: bigint
  /** Last block done. */
  readonly done: bigint
  readonly to: bigint
}

/** Logs of this many blocks are held in memory at once: more blocks where logs are sparse, so that an old chain is not read in crumbs. */
const CHUNK = { first: 100_000n, most: 4_000_000n, fewLogs: 5_000, manyLogs: 50_000 }
const MAX_TRIES = 6
const RETRY_PAUSE_MS = 200
/** Known blocks below the head, for reorgs that come soon after. */
const CHECKPOINT_DEPTHS = [64n, 16n, 4n, 1n]

/** How far one folder's history is folded, up to where that is final, and how much is asked for next. */
interface Cursor {
  done: bigint
  final: bigint
  chunk: bigint
}

const nextChunk = (chunk: bigint, logs: number): bigint => {
  if (logs >= CHUNK.manyLogs) return chunk / 2n > CHUNK.first ? chunk / 2n : CHUNK.first
  if (logs >= CHUNK.fewLogs) return chunk
  return chunk * 2n < CHUNK.most ? chunk * 2n : CHUNK.most
}

export const createBackfill = (deps: WatcherDeps, folding: Folding) => {
  const { chain, strategies, venues, log } = deps
  const { folders, known, interest, finalityDepth } = folding
  const cursors = new Map<Folder, Cursor>(
    folders.map(folder => [
      folder,
      { done: (folder.fromBlock ?? 0n) - 1n, final: (folder.fromBlock ?? 0n) - 1n, chunk: CHUNK.first },
    ]),
  )
  let newestLog: Log | null = null

  const latest = (): Promise<Block> => chain.blockByTag('latest')

  /** Nothing can be read from a block that is still to come: a slip in the configuration, not an empty history. */
  const checkStarts = (head: Block): void => {
    for (const { name, fromBlock } of folders) {
      if (fromBlock === null || fromBlock <= head.number) continue
      const message = `${name}: fromBlock ${fromBlock} is above the head of chain ${head.chainId}, block ${head.number}: check it and the chain`
      throw new KeeperError('bad-config', message, { retryable: false })
    }
  }

  /** A wrong address or start looks like a protocol that nobody uses. */
  const warnOfEmptyBooks = (): void => {
    for (const book of strategies) {
      if (book.size() > 0) continue
      const message = `${book.name} has no open debt since block ${book.fromBlock ?? 0n}: check its address and fromBlock, and the lists in scope`
      log.log('warn', 'nothing-to-watch', { message })
    }
  }

  const rewind = (): void => {
    for (const [folder, cursor] of cursors) {
      folder.undo(cursor.final + 1n)
      cursor.done = cursor.final
    }
  }

  /** One chunk: fetched, then folded without a break, so that a failure leaves whole chunks. */
  const foldChunk = async (
    folder: Folder,
    cursor: Cursor,
    to: bigint,
    isFinal: boolean,
    onProgress: (done: bigint) => void,
  ): Promise<void> => {
    const logs = await chain.logsInRange(cursor.done + 1n, to, folder.historyFilters(), onProgress)
    for (const each of logs) folder.fold(each)
    newestLog = logs.at(-1) ?? newestLog
    cursor.chunk = nextChunk(cursor.chunk, logs.length)
    cursor.done = to
    if (!isFinal) return
    cursor.final = to
    folder.finalise(to + 1n)
  }

  const foldHistory = async (
    folder: Folder,
    head: Block,
    signal: AbortSignal,
    onProgress?: (progress: BackfillProgress) => void,
  ): Promise<void> => {
    const { fromBlock } = folder
    const cursor = cursors.get(folder)!
    if (fromBlock === null) return
    const settled = head.number - finalityDepth
    const tell = (done: bigint): void => onProgress?.({ folder: folder.name, from: fromBlock, done, to: head.number })
    while (cursor.done < head.number) {
      signal.throwIfAborted()
      const isFinal = cursor.done < settled
      const boundary = isFinal ? settled : head.number
      const end = cursor.done + cursor.chunk < boundary ? cursor.done + cursor.chunk : boundary
      await foldChunk(folder, cursor, end, isFinal, tell)
    }
  }

  const isCanonical = async (block: Block): Promise<boolean> => (await chain.blockByNumber(block.number))?.hash === block.hash

  /** Some chains put nothing into their blooms: found out by a log that is certainly there. */
  const judgeBlooms = async (): Promise<void> => {
    if (newestLog === null) return
    const filter = { addresses: [newestLog.address], topics: newestLog.topics.slice(0, 1).map(topic => [topic]) }
    const header = await chain.blockByHash(newestLog.blockHash)
    if (header === null || createBloomTests()([filter]).mayMatch(header.logsBloom)) return
    interest.distrustBlooms()
    log.log('warn', 'blooms-not-believed', {
      message: `the bloom of block ${header.number} lacks a log that is in it: every block costs a log request`,
    })
  }

  const rememberAncestors = async (head: Block): Promise<readonly Block[]> => {
    const numbers = [finalityDepth, ...CHECKPOINT_DEPTHS.filter(depth => depth < finalityDepth)].map(depth => head.number - depth)
    const blocks = await Promise.all(numbers.filter(number => number >= 0n).map(number => chain.blockByNumber(number)))
    return blocks.filter(block => block !== null)
  }

  /** Null: the chain moved under our feet. */
  const pass = async (signal: AbortSignal, onProgress?: (progress: BackfillProgress) => void): Promise<Block | null> => {
    const first = await latest()
    checkStarts(first)
    for (const folder of strategies) await foldHistory(folder, first, signal, onProgress)
    for (const folder of strategies) await bootstrapFolder(folder, readerAt(chain, first))
    deps.afterStrategies?.()
    const second = await latest()
    const head = second.number > first.number ? second : first
    for (const folder of strategies) await foldHistory(folder, head, signal, onProgress)
    if (head !== first) deps.afterStrategies?.()
    for (const folder of venues) await foldHistory(folder, head, signal, onProgress)
    await folding.bootstrap(head, true)
    await judgeBlooms()
    await folding.startReads(head).finish()
    const ancestors = await rememberAncestors(head)
    if (!(await isCanonical(head)) || (head !== first && !(await isCanonical(first)))) return null
    for (const block of [...ancestors, head]) known.push(block)
    return head
  }

  const tryPass = async (signal: AbortSignal, onProgress?: (progress: BackfillProgress) => void): Promise<Block | null> => {
    try {
      return await pass(signal, onProgress)
    } catch (error) {
      if (!isUnknownBlock(error)) throw error
      log.log('debug', 'backfill-head-lost', { message: error.message })
      return null
    }
  }

  /** Resolves with the head at which everything stands. Rejects with KeeperError, or with the signal's reason. */
  return async (signal: AbortSignal, onProgress?: (progress: BackfillProgress) => void): Promise<Block> => {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      signal.throwIfAborted()
      rewind()
      const head = await tryPass(signal, onProgress)
      if (head !== null) {
        warnOfEmptyBooks()
        return head
      }
      await new Promise(resolve => setTimeout(resolve, RETRY_PAUSE_MS * tries))
    }
    throw new KeeperError('rpc-failed', `the chain's head did not stay long enough to read its state, ${MAX_TRIES} times`, {
      retryable: true,
    })
  }
}
