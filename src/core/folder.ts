// Folder: state that follows the chain's logs. Strategies and venues each are one; only the watcher runs them.
import type { Address, Block, Hex, Log, LogFilter } from './primitives'

/** One view call. `gasCap` and `maxReturnBytes` bound what a hostile callee can burn or send (defaults: the reader's). */
export interface ReadCall {
  readonly to: Address
  readonly data: Hex
  readonly gasCap?: number
  readonly maxReturnBytes?: number
}

/** ok: returned, not longer than the cap. failed: reverted, out of gas, no code, too long. */
export type ReadResult = { readonly kind: 'ok'; readonly data: Hex } | { readonly kind: 'failed'; readonly why: string }

/** One piece of a folder's saved state: JSON text, or bytes. */
export type StatePart = string | Uint8Array

/** A folder's state as of the last folded block, without its undo records. Keys are the folder's own. */
export type SavedState = ReadonlyMap<string, StatePart>

/** Reads of one block's end state, by hash. Results come in the order of `calls`; a failing call fails alone. */
export interface Reader {
  readonly block: Block
  read(calls: readonly ReadCall[]): Promise<readonly ReadResult[]>
}

/**
 * State folded from logs. The watcher calls: `fold` for every matching log in chain order (block, logIndex), once each;
 * `bootstrap` whenever `needsBootstrap()` holds, with a reader at the block up to which logs are folded;
 * `undo(n)` to forget all that blocks >= n changed (bootstraps made there included), newest first.
 */
export interface Folder {
  readonly name: string
  /** First block whose logs matter; null: history is not needed, `bootstrap` reads the state. */
  readonly fromBlock: bigint | null
  /** Filters for history (backfill). May differ from `filters` (a factory's logs, say). */
  historyFilters(): readonly LogFilter[]
  /** Filters for live blocks; may grow as state is learnt, so it is asked again each block. `filtersVersion` changes when it does. */
  filters(): readonly LogFilter[]
  readonly filtersVersion: () => number
  needsBootstrap(): boolean
  bootstrap(reader: Reader): Promise<void>
  /**
   * Announces the header of a block whose logs are folded next: logs carry no timestamp. Called before the first log of each block
   * whose header is known, which is every live block that has logs (blocks without logs may be announced too, it changes nothing);
   * never in backfill, where folders learn times by `bootstrap`. Nothing to undo: a fold trusts it only if number and hash match its log.
   */
  beginBlock?(block: Block): void
  fold(log: Log): void
  undo(fromBlock: bigint): void
  /**
   * `fold` threw on this log, again and again: it contradicts what is held, so a log before it is missing or it is no honest contract's.
   * Whatever it is about is not to be believed, or acted on, until bootstraps have read it anew. Undone with the log's block. Without
   * this method such a log stops the pipeline.
   */
  distrust?(log: Log, reason: string): void
  /** Drops undo records of blocks < `block`: they are final. */
  finalise(block: bigint): void
  /** All that saved state depends on besides the chain: its format and the settings. State of another fingerprint is not restored. */
  fingerprint(): string
  /** Copies: folding may go on while the caller writes them. */
  save(): SavedState
  /**
   * Takes up what `save` gave, in place of nothing, before anything is folded. Throws KeeperError 'bad-checkpoint', and has changed nothing
   * then: it may be given another state. Logs since are asked for with `filters`.
   */
  restore(state: SavedState): void
}
