// Checkpoints in memory: everything ever saved, newest first, and ways to spoil it.
import { KeeperError } from '../../src/core/errors'
import type { Checkpoint, Checkpoints } from '../../src/ports'

export interface FakeCheckpoints extends Checkpoints {
  readonly saved: Checkpoint[]
  readonly dropped: number[]
  /** Reading the checkpoint with this id fails from now on. */
  damage(id: number, what: 'read' | 'load'): void
  failSaves(message: string): void
  /** What was saved becomes something else. */
  edit(id: number, change: (checkpoint: Checkpoint) => Checkpoint): void
}

const bad = (message: string): KeeperError => new KeeperError('bad-checkpoint', message, { retryable: true })

export const createFakeCheckpoints = (): FakeCheckpoints => {
  const saved: Checkpoint[] = []
  const dropped: number[] = []
  const damaged = new Map<number, 'read' | 'load'>()
  let failure: string | null = null
  return {
    saved,
    dropped,
    damage: (id, what) => damaged.set(id, what),
    failSaves: message => {
      failure = message
    },
    edit: (id, change) => {
      saved[id] = change(saved[id]!)
    },
    save: async checkpoint => {
      await new Promise(resolve => setImmediate(resolve))
      if (failure !== null) throw bad(failure)
      saved.push(checkpoint)
    },
    stored: () =>
      saved
        .map((checkpoint, id) => ({
          id,
          blockNumber: checkpoint.folders.reduce((newest, { block }) => (block.number > newest ? block.number : newest), 0n),
          read: () => {
            if (damaged.get(id) === 'read') throw bad(`checkpoint ${id} is damaged`)
            return checkpoint
          },
          load: (name: string) => {
            if (damaged.get(id) === 'load') throw bad(`the state of ${name} is damaged`)
            return checkpoint.folders.find(folder => folder.name === name)!.state
          },
        }))
        .filter(({ id }) => !dropped.includes(id))
        .reverse(),
    drop: id => dropped.push(id),
  }
}
