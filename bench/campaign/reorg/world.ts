// What the chain's protocols hold at the end of one block, as values: a fork goes on from the state of any block. Each protocol is a model
// that moves, speaks in logs and answers views; models know nothing of forks, nodes or books.
import type { ReadCall, ReadResult } from '../../../src/core/folder'
import type { Address, Hex, Log } from '../../../src/core/primitives'
import type { Picking } from './picking'

/** A log before its block is made. */
export type Said = Pick<Log, 'address' | 'topics' | 'data'>

/** One protocol. `State` is never changed in place. */
export interface Model<State> {
  readonly genesis: State
  /** Something happens in a block of this time. */
  move(state: State, timestampSec: bigint, picking: Picking): { readonly state: State; readonly said: readonly Said[] }
  /** A view call at the end of a block; null where it is no contract of this protocol. */
  answer(state: State, call: ReadCall, timestampSec: bigint): ReadResult | null
}

export const words = (...values: readonly bigint[]): Hex =>
  `0x${values.map(value => BigInt.asUintN(256, value).toString(16).padStart(64, '0')).join('')}`
export const answered = (...values: readonly bigint[]): ReadResult => ({ kind: 'ok', data: words(...values) })
export const REVERTED: ReadResult = { kind: 'failed', why: 'execution reverted' }

/** A made-up address: `kind` keeps contracts of different sorts apart. */
export const madeUp = (kind: string, n: number): Address => `0x${kind.padEnd(20, '0')}${n.toString(16).padStart(20, '0')}`
