// Remembers ends in memory: for dry runs, the demo and tests. Nothing survives the process.
import type { Outcome, Skip } from '../core/verdict'
import type { Store } from '../ports'

export interface SkipRecord {
  readonly block: bigint
  readonly skip: Skip
}

export interface MemoryStore extends Store {
  outcomes(): readonly Outcome[]
  skips(): readonly SkipRecord[]
}

export const createMemoryStore = (): MemoryStore => {
  const outcomes: Outcome[] = []
  const skips: SkipRecord[] = []
  return {
    recordOutcome: outcome => {
      outcomes.push(outcome)
    },
    recordSkip: (block, skip) => {
      skips.push({ block, skip })
    },
    outcomes: () => outcomes,
    skips: () => skips,
  }
}
