// What the executor needs of the contract's own language: calldata of a run, and what its events say. The words are in encode.ts.
import type { Address, Hex, Log } from '../core/primitives'
import type { Leg, Payee } from '../core/program'

/** The frame around the legs of one run. */
export interface RunOrder {
  readonly lastBlock: bigint
  readonly deadlineSec: bigint
  readonly wrappedNative: Address
  /** What the run costs in any case, however many legs fail. */
  readonly costWei: bigint
  /** By leg: gas that is spent only if it closes, and counts as cost only then. Absent: none. */
  readonly legGas?: readonly bigint[]
  readonly floorWei: bigint
  readonly bidShareBps: bigint
  readonly payee: Payee
}

export type LegReading = { readonly kind: 'ok'; readonly gainWei: bigint } | { readonly kind: 'failed'; readonly reason: string }

/** One run as its events tell it. Measured by the contract in wrapped native, wherever the profit went (keepers.md K7). */
export interface RunReading {
  /** Gain of all legs before gas and bid. */
  readonly revenueWei: bigint
  readonly bidWei: bigint
  readonly legs: readonly LegReading[]
}

export interface RunCodec {
  encode(order: RunOrder, legs: readonly Leg[]): Hex
  /** The run that `logs` (of one transaction) tell of, with `legCount` legs; null if they tell of none. */
  read(logs: readonly Log[], legCount: number): RunReading | null
  /** For a person. */
  revertReason(returnData: Hex): string
}
