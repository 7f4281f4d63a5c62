// Gas of our own transaction around the protocol's and the pools' parts: estimates for ranking; the simulation has the last word.

export interface GasModel {
  /** Per transaction: 21,000 intrinsic, order's calldata, checks, sweep, bid. */
  readonly transaction: bigint
  /** Per leg: its calldata, the isolating self-call, floors, sweeping its tokens. */
  readonly leg: bigint
}

export const DEFAULT_GAS_MODEL: GasModel = { transaction: 70_000n, leg: 40_000n }
