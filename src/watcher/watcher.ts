// The only log pipeline: heads in, folded books out. One call at a time (the keeper sees to that); it decides nothing and acts on nothing.
import { invariant } from '../core/errors'
import type { Block } from '../core/primitives'
import { type Advance, type AdvanceOptions, createAdvance, isUnknownBlock } from './advance'
import { type BackfillProgress, createBackfill } from './backfill'
import { createFolding, type WatcherDeps } from './folding'

export type { Advance, AdvanceOptions } from './advance'
export type { BackfillProgress } from './backfill'
export type { WatcherDeps } from './folding'

export interface WatcherHealth {
  /** The block up to which everything is folded; null before the backfill is done. */
  readonly tip: Block | null
  /** Heads that could not be served, since the last that could. */
  readonly behindInARow: number
  readonly reorgs: number
}

export interface Watcher {
  /**
   * Folds history, reads the present state and the head's block reads; resolves with that head, at which books can be judged at once.
   * Rejects with KeeperError (may be called again: it goes on from what is final) or the signal's reason.
   */
  backfill(signal: AbortSignal, onProgress?: (progress: BackfillProgress) => void): Promise<Block>
  /**
   * Folds up to `head` and reads what books need there: no request for a block that concerns nobody (one if books read every block),
   * one for its logs otherwise. 'behind': an older head, or the node does not have it. The same head again: advanced, with nothing new.
   * Rejects with KeeperError, the folders whole at an earlier block; the next call heals. 'no-common-ancestor': only a restart does.
   */
  advance(head: Block, options?: AdvanceOptions): Promise<Advance>
  health(): WatcherHealth
}

const LAG_PAUSES_MS = [20, 60, 160]

const pauseMs = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

export const createWatcher = (deps: WatcherDeps): Watcher => {
  const { chain, log, meter } = deps
  const folding = createFolding(deps)
  const backfill = createBackfill(deps, folding)
  let untoldReorgFrom: bigint | null = null
  let reorgs = 0
  let behindInARow = 0
  let isBusy = false

  const onUndone = (fromBlock: bigint): void => {
    reorgs += 1
    untoldReorgFrom = untoldReorgFrom === null || fromBlock < untoldReorgFrom ? fromBlock : untoldReorgFrom
  }
  const tryAdvance = createAdvance({ chain, folding, log, meter, onUndone })

  const behind = (reason: string): Advance => {
    behindInARow += 1
    meter.count('heads_behind')
    return { kind: 'behind', reason }
  }

  const advanceOnce = async (head: Block, options: AdvanceOptions): Promise<Advance> => {
    const folded = await tryAdvance(head, options)
    if (folded === 'stale')
      return behind(`block ${head.number} is older than what is folded already (${folding.known.tip()?.number})`)
    const reorgFrom = untoldReorgFrom
    untoldReorgFrom = null
    behindInARow = 0
    return { kind: 'advanced', block: head, ...folded, reorgFrom }
  }

  const advance = async (head: Block, options: AdvanceOptions, lag = 0): Promise<Advance> => {
    try {
      return await advanceOnce(head, options)
    } catch (error) {
      if (!isUnknownBlock(error)) throw error
      const pause = LAG_PAUSES_MS[lag]
      if (pause === undefined) return behind(error.message)
      await pauseMs(pause)
      return advance(head, options, lag + 1)
    }
  }

  const alone = async <T>(run: () => Promise<T>): Promise<T> => {
    invariant(!isBusy, 'the watcher was called while it was at work')
    isBusy = true
    try {
      return await run()
    } finally {
      isBusy = false
    }
  }

  return {
    backfill: (signal, onProgress) =>
      alone(() => {
        invariant(folding.known.tip() === null, 'backfill was called after it had succeeded')
        return backfill(signal, onProgress)
      }),
    advance: (head, options = {}) =>
      alone(() => {
        invariant(folding.known.tip() !== null, 'advance was called before backfill had succeeded')
        return advance(head, options)
      }),
    health: () => ({ tip: folding.known.tip(), behindInARow, reorgs }),
  }
}
