// Copies the folders' state at a block and has it written behind the scenes, one copy at a time. Decides nothing about when; what fails is
// logged, and the next time comes.
import { KeeperError } from '../core/errors'
import type { Folder } from '../core/folder'
import type { Hex } from '../core/primitives'
import type { Checkpoints, FolderMark, LogSink, Meter } from '../ports'

/** A folder, and the block at whose end it stands. */
export interface Standing {
  readonly folder: Folder
  readonly block: { readonly number: bigint; readonly hash: Hex }
  readonly stage: FolderMark['stage']
}

export interface Saver {
  /** Newest block of the last copy that was begun, or that was resumed from; null if there is none. */
  lastBlock(): bigint | null
  resumedFrom(block: bigint): void
  isWriting(): boolean
  /** How long the last one took to be written. */
  lastMs(): number
  /** Copies now, resolves once it is written or has failed. While another is being written it does nothing but wait for that one. */
  save(standings: readonly Standing[], note: string): Promise<void>
  /** Resolves when nothing is being written. */
  idle(): Promise<void>
}

/** Null checkpoints: nothing is kept. */
export const createSaver = (checkpoints: Checkpoints | null, log: LogSink, meter: Meter): Saver => {
  let lastBlock: bigint | null = null
  let lastMs = 0
  let writing: Promise<void> | null = null

  const copies = (standings: readonly Standing[]) =>
    standings.map(({ folder, block, stage }) => ({
      name: folder.name,
      fingerprint: folder.fingerprint(),
      block: { number: block.number, hash: block.hash },
      stage,
      state: folder.save(),
    }))

  const write = async (store: Checkpoints, folders: ReturnType<typeof copies>, note: string): Promise<void> => {
    const from = performance.now()
    const block = lastBlock?.toString()
    try {
      await store.save({ folders, note })
      lastMs = performance.now() - from
      meter.count('checkpoints')
      log.log('debug', 'checkpoint', { block, elapsedMs: Math.round(lastMs) })
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error
      meter.count('checkpoint_failures')
      log.log('warn', 'checkpoint-failed', { block, message: `${error.message}; the keeper goes on, and tries again later` })
    }
  }

  return {
    lastBlock: () => lastBlock,
    resumedFrom: block => {
      lastBlock = block
    },
    isWriting: () => writing !== null,
    lastMs: () => lastMs,
    save: (standings, note) => {
      if (writing !== null || checkpoints === null || standings.length === 0) return writing ?? Promise.resolve()
      lastBlock = standings.reduce((newest, { block }) => (block.number > newest ? block.number : newest), 0n)
      writing = write(checkpoints, copies(standings), note).finally(() => {
        writing = null
      })
      return writing
    },
    idle: () => writing ?? Promise.resolve(),
  }
}
