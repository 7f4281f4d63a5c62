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
  /** Whether so much time has passed since the last copy that another costs little: a tenth at most. */
  isRested(): boolean
  /** Copies now, resolves once it is written or has failed. While another is being written it does nothing but wait for that one. */
  save(standings: readonly Standing[], note: string): Promise<void>
  /** Resolves when nothing is being written. */
  idle(): Promise<void>
}

/** Time between two copies that are not asked for by an end, and how much longer it is at most where writing takes long. */
const SAVE_EVERY_MS = 10_000
const SAVE_SHARE = 10

export interface SaverDeps {
  /** Null: nothing is kept. */
  readonly checkpoints: Checkpoints | null
  readonly log: LogSink
  readonly meter: Meter
  /** Default: ten seconds. */
  readonly everyMs?: number
}

export const createSaver = ({ checkpoints, log, meter, everyMs = SAVE_EVERY_MS }: SaverDeps): Saver => {
  let lastBlock: bigint | null = null
  let lastMs = 0
  let begunAtMs = performance.now()
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
    isRested: () => {
      const restMs = Math.max(everyMs, SAVE_SHARE * Math.min(lastMs, everyMs))
      return performance.now() - begunAtMs >= restMs
    },
    save: (standings, note) => {
      if (writing !== null || checkpoints === null || standings.length === 0) return writing ?? Promise.resolve()
      begunAtMs = performance.now()
      lastBlock = standings.reduce((newest, { block }) => (block.number > newest ? block.number : newest), 0n)
      writing = write(checkpoints, copies(standings), note).finally(() => {
        writing = null
      })
      return writing
    },
    idle: () => writing ?? Promise.resolve(),
  }
}
