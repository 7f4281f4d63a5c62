// What the watcher knows and how it changes it: the folders, the blocks folded into them, and the moves that keep the two in step.
import type { Folder, Reader } from '../core/folder'
import type { Block, Log, LogFilter } from '../core/primitives'
import type { Book } from '../core/strategy'
import { type Chain, type LogSink, type Meter, readerAt } from '../ports'
import { type BlockReads, startBlockReads } from './block-reads'
import { createInterestSource, type InterestSource } from './interest'
import { createKnownBlocks, type KnownBlocks } from './known-blocks'

export interface WatcherDeps {
  readonly chain: Chain
  readonly strategies: readonly Book[]
  readonly venues: readonly Folder[]
  /** Told when the strategies may have learnt new markets, before the venues catch up: hands the venues their tokens. */
  readonly afterStrategies?: () => void
  /** Others' filters (the executor's events): their logs are returned, not folded. */
  readonly extraFilters?: () => readonly LogFilter[]
  readonly log: LogSink
  readonly meter: Meter
  /** Blocks this deep are not undone any more; default 128. */
  readonly finalityDepth?: bigint
}

export interface Folding {
  readonly folders: readonly Folder[]
  readonly known: KnownBlocks
  readonly interest: InterestSource
  readonly finalityDepth: bigint
  /** Folds logs of one block, or of a range, in order. Returns whether a strategy got any. */
  fold(logs: readonly Log[]): boolean
  /** Announces a header whose logs come next. */
  begin(block: Block): void
  undoAbove(number: bigint): void
  /** Reads whatever a folder needs at `block`, strategies first, so that venues learn their tokens before. */
  bootstrap(block: Block, hasFoldedStrategies: boolean): Promise<void>
  startReads(block: Block): BlockReads
}

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

  return {
    folders,
    known,
    interest,
    finalityDepth: deps.finalityDepth ?? DEFAULT_FINALITY_DEPTH,
    fold: logs => {
      const { foldersOf } = interest.current()
      let hasFoldedStrategies = false
      for (const log of logs) {
        for (const folder of foldersOf(log)) {
          folder.fold(log)
          hasFoldedStrategies ||= areStrategies.has(folder)
        }
      }
      return hasFoldedStrategies
    },
    begin: block => {
      for (const folder of folders) folder.beginBlock?.(block)
    },
    undoAbove: number => {
      for (const folder of folders) folder.undo(number + 1n)
      known.dropAbove(number)
    },
    bootstrap: async (block, hasFoldedStrategies) => {
      const reader = readerAt(chain, block)
      let mayHaveLearnt = hasFoldedStrategies
      for (const folder of strategies) mayHaveLearnt = (await bootstrapFolder(folder, reader)) || mayHaveLearnt
      if (mayHaveLearnt) deps.afterStrategies?.()
      for (const folder of venues) await bootstrapFolder(folder, reader)
    },
    startReads: block => startBlockReads(strategies, readerAt(chain, block)),
  }
}
