// Brings the folders from nothing to the head: history in bounded ranges, then reads of the present state, then the proof that the
// head they stand on is still the chain's. May be called again after a failure: what is final stays folded.
import { KeeperError } from '../core/errors'
import type { Folder } from '../core/folder'
import type { Block, Log } from '../core/primitives'
import { readerAt } from '../ports'
import { isUnknownBlock } from './advance'
import { ancestorsOf, unknownBlock } from './ancestry'
import { believed } from './block-logs'
import { createBloomTests } from './bloom'
import { bootstrapFolder, type Folding, pauseMs, type WatcherDeps } from './folding'

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
  const { chain, strategies, venues, log, pause = pauseMs } = deps
  const { folders, known, interest, finalityDepth } = folding
  const cursors = new Map<Folder, Cursor>(
    folders.map(folder => [
      folder,
      { done: (folder.fromBlock ?? 0n) - 1n, final: (folder.fromBlock ?? 0n) - 1n, chunk: CHUNK.first },
    ]),
  )
  let newestLog: Log | null = null
  /** Logs folded so far that a reorg could still take away. */
  let unsettled: Log[] = []

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
    unsettled = []
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
    const from = cursor.done + 1n
    const given = await chain.logsInRange(from, to, folder.historyFilters(), onProgress)
    const logs = believed(given, each => each.blockNumber >= from && each.blockNumber <= to, deps.meter)
    for (const each of logs) folding.foldInto(folder, each)
    if (!isFinal) unsettled.push(...logs)
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

  /** What may still be undone, proved down to where it is final; every unsettled log must be of it. */
  const rememberAncestors = async (head: Block): Promise<readonly Block[]> => {
    const blocks = await ancestorsOf(chain, head, finalityDepth)
    const hashes = new Map([...blocks, head].map(block => [block.number, block.hash]))
    const lowest = blocks[0]?.number ?? head.number
    const stray = unsettled.find(each => each.blockNumber >= lowest && hashes.get(each.blockNumber) !== each.blockHash)
    if (stray !== undefined) throw unknownBlock(`the logs of block ${stray.blockNumber} on the way to ${head.hash}`)
    return blocks
  }

  /** Null: the chain moved under our feet. */
  const pass = async (signal: AbortSignal, onProgress?: (progress: BackfillProgress) => void): Promise<Block | null> => {
    const first = await latest()
    checkStarts(first)
    for (const folder of strategies) await foldHistory(folder, first, signal, onProgress)
    for (const folder of strategies) await bootstrapFolder(folder, readerAt(chain, first))
    deps.afterStrategies?.(null)
    const second = await latest()
    const head = second.number > first.number ? second : first
    for (const folder of strategies) await foldHistory(folder, head, signal, onProgress)
    if (head !== first) deps.afterStrategies?.(null)
    for (const folder of venues) await foldHistory(folder, head, signal, onProgress)
    await folding.bootstrap(head, true)
    await judgeBlooms()
    await folding.startReads(head).finish()
    const ancestors = await rememberAncestors(head)
    const isProved = first === head || ancestors.some(block => block.hash === first.hash)
    if (!(await isCanonical(head)) || (!isProved && !(await isCanonical(first)))) return null
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
      // What folders refuse again and again can only be left out: see Folder.distrust.
      const isPatient = tries <= MAX_TRIES / 2
      const head = await (isPatient ? tryPass(signal, onProgress) : folding.leniently(() => tryPass(signal, onProgress)))
      if (head !== null) {
        warnOfEmptyBooks()
        return head
      }
      await pause(RETRY_PAUSE_MS * tries)
    }
    throw new KeeperError('rpc-failed', `the chain's head did not stay long enough to read its state, ${MAX_TRIES} times`, {
      retryable: true,
    })
  }
}
