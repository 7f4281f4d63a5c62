// The only log pipeline: heads in, folded books out. One call at a time (the keeper sees to that); it decides nothing and acts on nothing.
import { invariant, KeeperError } from '../core/errors'
import type { PositionRef } from '../core/opportunity'
import type { Block } from '../core/primitives'
import type { Drift, MarketFault } from '../core/strategy'
import { type Advance, type AdvanceOptions, createAdvance, isUnknownBlock } from './advance'
import { type BackfillProgress, createBackfill } from './backfill'
import { createFolding, LogRefused, pauseMs, type WatcherDeps } from './folding'
import { createSaver } from './saver'

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
   * Rejects with KeeperError, the folders whole at an earlier block; the next call heals. 'no-common-ancestor': so do several heads in a
   * row, none of which descends from anything that can still be undone; only a restart heals.
   */
  advance(head: Block, options?: AdvanceOptions): Promise<Advance>
  /**
   * Told of differences that somebody else found at the end of the last folded block: what the executor reads in front of its transactions.
   * Alarm, and nothing is to be done with their markets from now on.
   */
  accuse(drifts: readonly Drift[]): void
  /** Whether book and chain differ in the position's market: it is not to be acted on until they agree again. */
  isQuarantined(position: PositionRef): boolean
  /** Markets that are quarantined, and why. */
  quarantined(): readonly MarketFault[]
  /**
   * After a block's work: where a difference was found, folds anew what can be undone. No request else, and never two such in 64 blocks.
   * What the node does not give is left to the blocks that follow.
   */
  mend(): Promise<void>
  /**
   * Between blocks: copies the state at the last folded block and has it written, if the last copy is `finalityDepth` blocks old ('due'), or is
   * of another block ('now'). Never while a market is quarantined. Resolves once it is written; what fails is logged.
   */
  save(when: 'due' | 'now'): Promise<void>
  health(): WatcherHealth
}

const LAG_PAUSES_MS = [20, 60, 160]

/** Heads in a row that share no ancestor with what is folded before that is believed: one node that follows another fork is not the chain. */
const FOREIGN_HEADS = 8

/** Logs that folders refuse are met with all that can be undone folded anew; if one refuses again within so many blocks, at once leniently. */
const REFOLD_PAUSE = 64n

export const createWatcher = (deps: WatcherDeps): Watcher => {
  const { chain, log, meter, pause = pauseMs } = deps
  const folding = createFolding(deps)
  const saver = createSaver({
    checkpoints: deps.checkpoints ?? null,
    log,
    meter,
    ...(deps.saveEveryMs === undefined ? {} : { everyMs: deps.saveEveryMs }),
  })
  const backfill = createBackfill(deps, folding, saver)
  let untoldReorgFrom: bigint | null = null
  let reorgs = 0
  let behindInARow = 0
  let foreignInARow = 0
  let refusedAt: bigint | null = null
  let isBusy = false

  const onUndone = (fromBlock: bigint): void => {
    reorgs += 1
    untoldReorgFrom = untoldReorgFrom === null || fromBlock < untoldReorgFrom ? fromBlock : untoldReorgFrom
  }
  const moves = createAdvance({ chain, folding, log, meter, onUndone })

  const behind = (reason: string): Advance => {
    behindInARow += 1
    meter.count('heads_behind')
    return { kind: 'behind', reason }
  }

  const advanceOnce = async (head: Block, options: AdvanceOptions): Promise<Advance> => {
    const folded = await moves.advance(head, options)
    if (folded === 'stale') {
      meter.count('heads_old')
      return behind(`block ${head.number} is older than what is folded already (${folding.known.tip()?.number})`)
    }
    const reorgFrom = untoldReorgFrom
    untoldReorgFrom = null
    behindInARow = 0
    return { kind: 'advanced', block: head, ...folded, reorgFrom }
  }

  /** Asking again did not help: a log that is missing may be older. What is refused even then costs only what it is about. */
  const overRefusal = async (head: Block, options: AdvanceOptions): Promise<Advance> => {
    if (refusedAt === null || head.number >= refusedAt + REFOLD_PAUSE) {
      refusedAt = head.number
      meter.count('refolds')
      try {
        await moves.refold()
        return await advanceOnce(head, options)
      } catch (error) {
        if (!(error instanceof LogRefused)) throw error
      }
    }
    return folding.leniently(() => advanceOnce(head, options))
  }

  const patiently = async (head: Block, options: AdvanceOptions, lag = 0): Promise<Advance> => {
    try {
      return await advanceOnce(head, options)
    } catch (error) {
      if (!isUnknownBlock(error)) throw error
      const lagMs = LAG_PAUSES_MS[lag]
      if (error instanceof LogRefused && (lagMs === undefined || refusedAt !== null)) return overRefusal(head, options)
      if (lagMs === undefined) throw error
      await pause(lagMs)
      return patiently(head, options, lag + 1)
    }
  }

  const advance = async (head: Block, options: AdvanceOptions): Promise<Advance> => {
    try {
      const end = await patiently(head, options)
      if (end.kind === 'advanced') foreignInARow = 0
      return end
    } catch (error) {
      if (isUnknownBlock(error)) return behind(error.message)
      if (!(error instanceof KeeperError) || error.code !== 'no-common-ancestor') throw error
      foreignInARow += 1
      if (foreignInARow >= FOREIGN_HEADS) throw error
      meter.count('heads_foreign')
      return behind(error.message)
    }
  }

  const mend = async (): Promise<void> => {
    const tip = folding.known.tip()
    if (tip === null) return
    folding.recall.step(tip.number)
    const hasMissed = folding.secondLook.step(tip.number)
    if (!hasMissed && !folding.quarantine.wantsRefold(tip.number)) return
    folding.quarantine.refolding(tip.number)
    log.log('info', 'refold', { from: ((folding.known.oldest()?.number ?? 0n) + 1n).toString(), to: tip.number.toString() })
    meter.count('refolds')
    try {
      await moves.refold()
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error
      log.log('warn', 'refold-failed', { code: error.code, message: error.message })
    }
  }

  const save = async (when: 'due' | 'now'): Promise<void> => {
    if (when === 'now' && saver.isWriting()) await saver.idle()
    const [tip, last] = [folding.known.tip(), saver.lastBlock()]
    if (isBusy || tip === null || folding.quarantine.faults().length > 0) return saver.idle()
    const isOld = last === null || (tip.number >= last + folding.finalityDepth && saver.isRested())
    const isDue = when === 'now' ? tip.number !== last : isOld
    if (!isDue) return saver.idle()
    await saver.save(
      folding.folders.map(folder => ({ folder, block: tip, stage: 'live' })),
      backfill.note(),
    )
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
        return backfill.run(signal, onProgress)
      }),
    advance: (head, options = {}) =>
      alone(() => {
        invariant(folding.known.tip() !== null, 'advance was called before backfill had succeeded')
        return advance(head, options)
      }),
    accuse: drifts => {
      const tip = folding.known.tip()
      if (tip !== null && drifts.length > 0) folding.quarantine.accuse(drifts, tip.number)
    },
    isQuarantined: folding.quarantine.isHeld,
    quarantined: folding.quarantine.faults,
    mend: () => alone(mend),
    save,
    health: () => ({ tip: folding.known.tip(), behindInARow, reorgs }),
  }
}
