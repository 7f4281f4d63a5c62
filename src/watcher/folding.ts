// What the watcher knows and how it changes it: the folders, the blocks folded into them, and the moves that keep the two in step.
import { InvariantError, KeeperError } from '../core/errors'
import type { Folder, Reader } from '../core/folder'
import type { Block, Log, LogFilter } from '../core/primitives'
import type { Book } from '../core/strategy'
import { type Chain, type Checkpoints, type LogSink, type Meter, readerAt } from '../ports'
import { createAudit, DEFAULT_AUDIT_PER_BLOCK } from './audit'
import { type BlockReads, startBlockReads } from './block-reads'
import { createInterestSource, type InterestSource } from './interest'
import { createKnownBlocks, type KnownBlocks } from './known-blocks'
import { createQuarantine, type Quarantine } from './quarantine'
import { createRecall, type Recall } from './recall'
import { createSecondLook, type SecondLook } from './second-look'

export interface WatcherDeps {
  readonly chain: Chain
  readonly strategies: readonly Book[]
  readonly venues: readonly Folder[]
  /**
   * Told when the strategies may have learnt new markets, before the venues catch up: hands the venues their tokens. `block`: what they learn
   * of them goes with this block if it is undone; null, in the backfill: it stays.
   */
  readonly afterStrategies?: (block: bigint | null) => void
  /** Others' filters (the executor's events): their logs are returned, not folded. */
  readonly extraFilters?: () => readonly LogFilter[]
  readonly log: LogSink
  readonly meter: Meter
  /** Blocks this deep are not undone any more; default 128. */
  readonly finalityDepth?: bigint
  /** Blocks after which logs are asked for once more, by range; default 32, 0n: never. */
  readonly lookEvery?: bigint
  /** Waits between tries; default: a timer. Campaigns have no time to lose. */
  readonly pause?: (ms: number) => Promise<void>
  /** Positions of each book that are held against the chain in each block; default 4, 0: none. */
  readonly auditPerBlock?: number
  /** Where to go on from, and where to save; default: nowhere. */
  readonly checkpoints?: Checkpoints
  /** Least time between two savings that no end asks for; default 10 s. */
  readonly saveEveryMs?: number
  /** Blocks of its first chunk; default 100,000. */
  readonly firstChunk?: bigint
}

export interface Folding {
  readonly folders: readonly Folder[]
  readonly known: KnownBlocks
  readonly interest: InterestSource
  readonly finalityDepth: bigint
  readonly quarantine: Quarantine
  readonly recall: Recall
  readonly secondLook: SecondLook
  /** Folds logs of one block, or of a range, in order. Returns whether a strategy got any. Throws LogRefused. */
  fold(logs: readonly Log[]): boolean
  /** One log into one folder. Throws LogRefused. */
  foldInto(folder: Folder, log: Log): void
  /** During `run`, a log that a folder refuses costs what the log is about (see Folder.distrust) and not the block. */
  leniently<T>(run: () => Promise<T>): Promise<T>
  /** Announces a header whose logs come next. */
  begin(block: Block): void
  undoAbove(number: bigint): void
  /** Reads whatever a folder needs at `block`, strategies first, so that venues learn their tokens before. */
  bootstrap(block: Block, hasFoldedStrategies: boolean): Promise<void>
  startReads(block: Block): BlockReads
}

/** A log that can't follow what is folded: it is not the chain's, or one before it is missing. Asking again may help. */
export class LogRefused extends KeeperError {
  constructor(folder: Folder, log: Log, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super('rpc-refused', `${folder.name} can't fold log ${log.logIndex} of block ${log.blockNumber} (${log.blockHash}): ${why}`, {
      retryable: true,
      cause,
    })
    this.name = 'LogRefused'
  }
}

export const pauseMs = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

export const DEFAULT_FINALITY_DEPTH = 128n

/** A folder may find more to read by what it read (pools of new tokens); more rounds than this wait for the next block. */
const MAX_ROUNDS = 8

/** Bootstraps `folder` at the reader's block until it needs no more. Returns whether it needed any. */
export const bootstrapFolder = async (folder: Folder, reader: Reader): Promise<boolean> => {
  let rounds = 0
  for (; folder.needsBootstrap() && rounds < MAX_ROUNDS; rounds++) await folder.bootstrap(reader)
  return rounds > 0
}

export const createFolding = (deps: WatcherDeps): Folding => {
  const { chain, strategies, venues } = deps
  const folders: readonly Folder[] = [...strategies, ...venues]
  const areStrategies = new Set<Folder>(strategies)
  const known = createKnownBlocks()
  const interest = createInterestSource(folders, deps.extraFilters ?? (() => []))
  const finalityDepth = deps.finalityDepth ?? DEFAULT_FINALITY_DEPTH
  const { log, meter } = deps
  const recall = createRecall(chain, log, finalityDepth)
  const quarantine = createQuarantine({
    books: strategies,
    log,
    meter,
    onReleased: recall.begin,
  })
  const perBlock = deps.auditPerBlock ?? DEFAULT_AUDIT_PER_BLOCK
  const audit = createAudit({ books: strategies, quarantine, meter, perBlock })

  const secondLook = createSecondLook({ chain, interest, log, meter, finalityDepth, every: deps.lookEvery ?? null })
  let isLenient = false
  /** Venues may have forgotten, with blocks that were undone, tokens that are still needed. */
  let mustTellVenues = false

  const foldOne = (folder: Folder, each: Log): void => {
    try {
      folder.fold(each)
    } catch (cause) {
      if (cause instanceof InvariantError) throw cause
      const refused = new LogRefused(folder, each, cause)
      if (!isLenient || folder.distrust === undefined) throw refused
      folder.distrust(each, refused.message)
      meter.count('logs_refused')
      log.log('error', 'log-refused', {
        folder: folder.name,
        address: each.address,
        block: `${each.blockNumber}`,
        message: refused.message,
      })
    }
  }

  return {
    folders,
    known,
    interest,
    finalityDepth,
    quarantine,
    recall,
    secondLook,
    fold: logs => {
      const { foldersOf } = interest.current()
      let hasFoldedStrategies = false
      for (const log of logs) {
        for (const folder of foldersOf(log)) {
          foldOne(folder, log)
          hasFoldedStrategies ||= areStrategies.has(folder)
        }
      }
      return hasFoldedStrategies
    },
    foldInto: foldOne,
    leniently: async run => {
      isLenient = true
      try {
        return await run()
      } finally {
        isLenient = false
      }
    },
    begin: block => {
      for (const folder of folders) folder.beginBlock?.(block)
    },
    undoAbove: number => {
      for (const folder of folders) folder.undo(number + 1n)
      known.dropAbove(number)
      quarantine.undone(number + 1n)
      recall.undone(number + 1n)
      secondLook.undone(number + 1n)
      mustTellVenues = true
    },
    bootstrap: async (block, hasFoldedStrategies) => {
      const reader = readerAt(chain, block)
      let mayHaveLearnt = hasFoldedStrategies || mustTellVenues
      for (const folder of strategies) mayHaveLearnt = (await bootstrapFolder(folder, reader)) || mayHaveLearnt
      if (mayHaveLearnt) deps.afterStrategies?.(known.tip() === null ? null : block.number)
      mustTellVenues = false
      for (const folder of venues) await bootstrapFolder(folder, reader)
    },
    // Not before the backfill is done: its reads only count once the head they were made at has proved to stand.
    startReads: block => startBlockReads(strategies, readerAt(chain, block), known.tip() === null ? null : audit),
  }
}
