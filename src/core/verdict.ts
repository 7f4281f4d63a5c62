// Decisions and ends, as values: every position looked at gets a verdict, every bundle exactly one outcome.
import type { PositionRef } from './opportunity'
import type { Address, Hex, TargetBlock } from './primitives'
import type { Leg, Payee } from './program'

/** All in wei of the wrapped native token. netWei = revenueWei - gasWei - bidWei. */
export interface Profit {
  readonly revenueWei: bigint
  readonly gasWei: bigint
  readonly bidWei: bigint
  readonly netWei: bigint
}

export type SkipReason =
  | 'no-route' // no pool path from what is received to what is owed
  | 'no-native-route' // profit can't be turned into wrapped native
  | 'too-thin' // pools can't fill even the smallest useful size
  | 'not-closable' // the protocol bars every way to close it at present
  | 'unprofitable' // best net profit below the minimum
  | 'in-flight' // already in a live bundle for this target
  | 'drifted' // the chain says otherwise than our book: its market is read anew first
  | 'failed-simulation' // the leg failed when simulated: left out of the transaction
  | 'over-budget' // the key's balance, the block or the cap on one transaction has no room for it

export interface Skip {
  readonly kind: 'skip'
  readonly position: PositionRef
  readonly reason: SkipReason
  /** For a person, with the numbers. */
  readonly message: string
}

/** One position's part of a plan. */
export interface Take {
  readonly kind: 'take'
  readonly position: PositionRef
  readonly payToken: Address
  readonly receiveToken: Address
  readonly payAssets: bigint
  readonly receiveAssets: bigint
  /** Gain in wrapped native before gas and bid, by our own maths. */
  readonly revenueWei: bigint
  /** Gas estimate of this leg. */
  readonly gas: bigint
  readonly leg: Leg
  /** For a person: pools in order. */
  readonly route: readonly Address[]
}

export type Verdict = Take | Skip

/** One transaction to be: complete, nothing is looked up after it. */
export interface Plan {
  readonly target: TargetBlock
  readonly takes: readonly Take[]
  readonly bidShareBps: bigint
  readonly payee: Payee
  /** Last block in which it may run. */
  readonly lastBlock: bigint
  readonly deadlineSec: bigint
  readonly expected: Profit
  /** Gas by estimate: the simulation refines it. */
  readonly gas: bigint
}

export type OutcomeKind = 'included' | 'included-reverted' | 'missed' | 'taken-by-other' | 'refused-by-relay' | 'abandoned'

/** How one position's part ended; positions of one transaction share gas by their simulated share. */
export interface PositionOutcome {
  readonly position: PositionRef
  readonly outcome: OutcomeKind
  readonly reason: string
  readonly repaidAssets: bigint
  readonly seizedAssets: bigint
  /** Net of gas and bid. */
  readonly profitPredictedWei: bigint
  readonly profitRealisedWei: bigint
  readonly revenueWei: bigint
  readonly gasUsed: bigint
}

/** Exactly one per transaction sent or given up. */
export interface Outcome {
  readonly kind: OutcomeKind
  readonly reason: string
  readonly transactionHash: Hex | null
  readonly targetBlock: bigint
  /** Where it was included; null if it was not. */
  readonly block: bigint | null
  readonly gasUsed: bigint
  readonly predicted: Profit
  /** Null unless included. */
  readonly realised: Profit | null
  readonly positions: readonly PositionOutcome[]
}
