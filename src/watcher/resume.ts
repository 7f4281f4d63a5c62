// Finds the newest checkpoint that is the chain's and fits the settings, and hands each folder its state. What is refused is said aloud, with
// what happens instead. Folds nothing.
import { KeeperError } from '../core/errors'
import type { Folder, SavedState } from '../core/folder'
import type { Block } from '../core/primitives'
import type { Chain, Checkpoints, FolderMark, LogSink, StoredCheckpoint } from '../ports'

/** Where a folder goes on: the block at whose end its state stands. */
export interface Start {
  readonly block: Block
  readonly stage: FolderMark['stage']
}

export interface Resumed {
  /** Folders that are not in it begin at their own start. */
  readonly starts: ReadonlyMap<Folder, Start>
  readonly note: string
  readonly blockNumber: bigint
}

export interface ResumeDeps {
  readonly chain: Chain
  readonly checkpoints: Checkpoints
  readonly folders: readonly Folder[]
  readonly log: LogSink
}

const bad = (message: string): KeeperError => new KeeperError('bad-checkpoint', message, { retryable: true })

/** The chain's own headers of the blocks that the marks name; null where the node lacks one. Throws bad-checkpoint where one is not the chain's. */
const canonical = async (chain: Chain, marks: readonly FolderMark[]): Promise<ReadonlyMap<bigint, Block> | null> => {
  const headers = new Map<bigint, Block>()
  for (const { block } of marks) {
    const header = headers.get(block.number) ?? (await chain.blockByNumber(block.number))
    if (header === null) return null
    if (header.hash !== block.hash)
      throw bad(`it was saved at block ${block.number} ${block.hash}, which on the chain is ${header.hash}`)
    headers.set(block.number, header)
  }
  return headers
}

interface Loaded {
  readonly folder: Folder
  readonly mark: FolderMark
  readonly state: SavedState
}

const startOf = ({ fromBlock }: Folder): string => (fromBlock === null ? 'read anew' : `folded from block ${fromBlock} on`)

export const createResume = ({ chain, checkpoints, folders, log }: ResumeDeps) => {
  const refuse = (fields: Readonly<Record<string, unknown>>, why: string, instead: string): void =>
    log.log('warn', 'checkpoint-refused', { ...fields, message: `${why}; ${instead}` })

  /** The folder's own, or one of another name that says the same: a name may come to tell apart what was the only one. */
  const markOf = (folder: Folder, marks: readonly FolderMark[]): FolderMark | undefined => {
    const now = folder.fingerprint()
    const named = marks.find(each => each.name === folder.name)
    return named?.fingerprint === now ? named : (marks.find(each => each.fingerprint === now) ?? named)
  }

  /** Those whose settings are as they were when it was saved. */
  const fitting = (marks: readonly FolderMark[]): readonly { readonly folder: Folder; readonly mark: FolderMark }[] =>
    folders.flatMap(folder => {
      const mark = markOf(folder, marks)
      if (mark === undefined) {
        log.log('info', 'checkpoint-lacks', { folder: folder.name, message: `it is ${startOf(folder)}` })
        return []
      }
      const now = folder.fingerprint()
      if (mark.fingerprint === now) return [{ folder, mark }]
      const why = `${folder.name} was saved with other settings: ${mark.fingerprint}, now ${now}`
      refuse({ folder: folder.name, block: mark.block.number.toString() }, why, `it is ${startOf(folder)}`)
      return []
    })

  const restore = ({ folder, mark, state }: Loaded): boolean => {
    try {
      folder.restore(state)
      return true
    } catch (error) {
      if (!(error instanceof KeeperError) || error.code !== 'bad-checkpoint') throw error
      refuse({ folder: folder.name, block: mark.block.number.toString() }, error.message, `it is ${startOf(folder)}`)
      return false
    }
  }

  /** Text: why it is of no use at present. Nothing is restored before all is read and found to be the chain's. */
  const take = async (stored: StoredCheckpoint): Promise<Resumed | string> => {
    const { folders: marks, note } = stored.read()
    const wanted = fitting(marks)
    const headers = await canonical(
      chain,
      wanted.map(({ mark }) => mark),
    )
    if (headers === null) return `the node has not come to block ${stored.blockNumber}, at which it was saved`
    const loaded = wanted.map(({ folder, mark }) => ({ folder, mark, state: stored.load(mark.name) }))
    const starts = new Map<Folder, Start>()
    for (const each of loaded)
      if (restore(each)) starts.set(each.folder, { block: headers.get(each.mark.block.number)!, stage: each.mark.stage })
    return starts.size === 0 ? 'nothing in it fits' : { starts, note, blockNumber: stored.blockNumber }
  }

  const listed = (): readonly StoredCheckpoint[] => {
    try {
      return checkpoints.stored()
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error
      refuse({}, error.message, 'history is read from its start')
      return []
    }
  }

  /** Null: there is none that fits. Rejects with KeeperError where the chain can't be asked; nothing is restored then. */
  return async (): Promise<Resumed | null> => {
    const candidates = listed()
    if (candidates.length === 0)
      log.log('info', 'checkpoint-none', { message: `nothing is saved of chain ${chain.id}: history is read from its start` })
    for (const [n, stored] of candidates.entries()) {
      const next = candidates[n + 1]
      const instead = next === undefined ? 'history is read from its start' : `the one of block ${next.blockNumber} is tried`
      const fields = { block: stored.blockNumber.toString() }
      try {
        const resumed = await take(stored)
        if (typeof resumed !== 'string') return resumed
        refuse(fields, resumed, instead)
      } catch (error) {
        if (!(error instanceof KeeperError) || error.code !== 'bad-checkpoint') throw error
        refuse(fields, error.message, instead)
        checkpoints.drop(stored.id)
      }
    }
    return null
  }
}
