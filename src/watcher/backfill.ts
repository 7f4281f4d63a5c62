// Brings the folders from nothing to the head: history in bounded ranges, then reads of the present state, then the proof that the
// head they stand on is still the chain's. May be called again after a failure: what is final stays folded.
import { KeeperError } from '../core/errors'
import type { Folder } from '../core/folder'
import type { Block } from '../core/primitives'
import { readerAt } from '../ports'
import { isUnknownBlock } from './advance'
import { ancestorsOf, unknownBlock } from './ancestry'
import { createBloomTests } from './bloom'
import { bootstrapFolder, type Folding, pauseMs, type WatcherDeps } from './folding'
import { createHistory, type Goal, type Witness } from './history'
import { createResume } from './resume'
import type { Saver, Standing } from './saver'

export interface BackfillProgress {
  readonly folder: string
  readonly from: bigint
  /** Last block done. */
  readonly done: bigint
  readonly to: bigint
}

const MAX_TRIES = 6
const RETRY_PAUSE_MS = 200

type OnProgress = (progress: BackfillProgress) => void

/** What a checkpoint says beside the folders' state. */
const noteOf = (newestLog: Witness | null): string =>
  JSON.stringify(
    newestLog === null ? {} : { address: newestLog.address, topics: newestLog.topics, blockHash: newestLog.blockHash },
  )

/** Null where it names no log. */
const witnessOf = (note: string): Witness | null => {
  const { address, topics, blockHash } = JSON.parse(note) as Partial<Witness>
  return address === undefined || topics === undefined || blockHash === undefined ? null : { address, topics, blockHash }
}

export interface Backfill {
  /** Resolves with the head at which everything stands. Rejects with KeeperError, or with the signal's reason. */
  run(signal: AbortSignal, onProgress?: OnProgress): Promise<Block>
  /** What goes into checkpoints beside the folders' state. */
  note(): string
}

export const createBackfill = (deps: WatcherDeps, folding: Folding, saver: Saver): Backfill => {
  const { chain, strategies, venues, log, pause = pauseMs } = deps
  const { folders, known, interest, finalityDepth } = folding
  const history = createHistory({
    chain,
    folding,
    meter: deps.meter,
    ...(deps.firstChunk === undefined ? {} : { firstChunk: deps.firstChunk }),
  })
  const areStrategies = new Set<Folder>(strategies)
  /** Where restored folders began: what is below can't be undone. */
  let bases: readonly Block[] | null = null
  let witness: Witness | null = null

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

  /** Once: from the last checkpoint, if there is one that fits. */
  const resume = async (): Promise<void> => {
    if (bases !== null) return
    const { checkpoints = null } = deps
    const resumed = checkpoints === null ? null : await createResume({ chain, checkpoints, folders, log })()
    bases = [...new Set(resumed === null ? [] : [...resumed.starts.values()].map(({ block }) => block))]
    if (resumed === null) return
    for (const [folder, { block, stage }] of resumed.starts) history.resume(folder, block.number, stage)
    witness = witnessOf(resumed.note)
    saver.resumedFrom(resumed.blockNumber)
    log.log('info', 'resumed', {
      block: resumed.blockNumber.toString(),
      folders: [...resumed.starts.keys()].map(({ name }) => name),
    })
  }

  const isCanonical = async (block: Block): Promise<boolean> => (await chain.blockByNumber(block.number))?.hash === block.hash

  /** Some chains put nothing into their blooms: found out by a log that is certainly there. */
  const judgeBlooms = async (): Promise<void> => {
    const newest = history.newestLog() ?? witness
    if (newest === null) return
    const filter = { addresses: [newest.address], topics: newest.topics.slice(0, 1).map(topic => [topic]) }
    const header = await chain.blockByHash(newest.blockHash)
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
    const stray = history.unsettled().find(each => each.blockNumber >= lowest && hashes.get(each.blockNumber) !== each.blockHash)
    if (stray !== undefined) throw unknownBlock(`the logs of block ${stray.blockNumber} on the way to ${head.hash}`)
    return blocks
  }

  /** What was restored can't be undone: where the chain left it, only another checkpoint helps, or none. */
  const checkBases = async (proved: readonly Block[]): Promise<void> => {
    for (const base of bases!) {
      if (proved.some(({ hash }) => hash === base.hash) || (await isCanonical(base))) continue
      const message = `block ${base.number} (${base.hash}), at which the state was saved, is no longer the chain's: start again`
      throw new KeeperError('no-common-ancestor', message, { retryable: true })
    }
  }

  /** Headers of the blocks at which the folders stand, all of them the chain's: final ones by number, others proved from `head` down. */
  const standingsAt = async (head: Block): Promise<readonly Standing[]> => {
    const reached = history.reached()
    const proved = reached.every(({ isFinal }) => isFinal) ? [] : [...(await rememberAncestors(head)), head]
    const headers = new Map(proved.map(block => [block.number, block]))
    for (const { done } of reached) {
      const header = headers.get(done) ?? (await chain.blockByNumber(done))
      if (header === null) throw unknownBlock(`block ${done}`)
      headers.set(done, header)
    }
    return reached.map(({ folder, done, isFinal, stage }) => ({
      folder,
      block: headers.get(done)!,
      // Strategies come so far only after what they need was read.
      stage: isFinal || !areStrategies.has(folder) ? stage : 'live',
    }))
  }

  /** Between chunks: what is done so far, so that a restart goes on from there. */
  const saveSome = async (head: Block, signal: AbortSignal): Promise<void> => {
    if (deps.checkpoints === undefined || saver.isWriting() || !(saver.isRested() || signal.aborted)) return
    const standings = await standingsAt(head)
    const saving = saver.save(standings, note())
    if (signal.aborted) await saving
  }

  const note = (): string => noteOf(history.newestLog() ?? witness)

  /** Null: the chain moved under our feet, or the node is not yet where we are. */
  const pass = async (signal: AbortSignal, onProgress?: OnProgress): Promise<Block | null> => {
    const first = await latest()
    checkStarts(first)
    const goalAt = (head: Block, to: bigint): Goal => ({
      to,
      head: head.number,
      settled: head.number - finalityDepth,
      signal,
      ...(onProgress === undefined ? {} : { onProgress }),
    })
    const savingAt = (head: Block, to: bigint): Goal => ({ ...goalAt(head, to), onChunk: () => saveSome(head, signal) })
    if (bases!.some(({ number }) => number > first.number)) return null
    // What is final of all of them first: it can be saved without any proof.
    for (const folder of strategies) await history.fold(folder, savingAt(first, first.number - finalityDepth))
    for (const folder of strategies) await history.fold(folder, goalAt(first, first.number))
    for (const folder of strategies) await bootstrapFolder(folder, readerAt(chain, first))
    deps.afterStrategies?.(null)
    const second = await latest()
    const head = second.number > first.number ? second : first
    for (const folder of strategies) await history.fold(folder, goalAt(head, head.number))
    if (head !== first) deps.afterStrategies?.(null)
    for (const folder of venues) await history.fold(folder, savingAt(head, head.number))
    await folding.bootstrap(head, true)
    await judgeBlooms()
    await folding.startReads(head).finish()
    const ancestors = await rememberAncestors(head)
    const isProved = first === head || ancestors.some(block => block.hash === first.hash)
    if (!(await isCanonical(head)) || (!isProved && !(await isCanonical(first)))) return null
    await checkBases([...ancestors, head])
    const floor = bases!.reduce((highest, { number }) => (number > highest ? number : highest), 0n)
    for (const block of [...ancestors, head]) if (block.number >= floor) known.push(block)
    return head
  }

  const tryPass = async (signal: AbortSignal, onProgress?: OnProgress): Promise<Block | null> => {
    try {
      return await pass(signal, onProgress)
    } catch (error) {
      if (!isUnknownBlock(error)) throw error
      log.log('debug', 'backfill-head-lost', { message: error.message })
      return null
    }
  }

  const run = async (signal: AbortSignal, onProgress?: OnProgress): Promise<Block> => {
    signal.throwIfAborted()
    await resume()
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      signal.throwIfAborted()
      history.rewind()
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

  return { run, note }
}
