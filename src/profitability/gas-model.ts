// Gas of our own transaction around the protocol's and the pools' parts: estimates for ranking; the simulation has the last word.
import { BPS } from '../core/fixed-point'

export interface GasModel {
  /** Per transaction: 21,000 intrinsic, order's calldata, checks, sweep, bid; and the first touch of the storage that its legs share. */
  readonly transaction: bigint
  /** Per leg: its calldata, the isolating self-call, floors, sweeping its tokens. */
  readonly leg: bigint
  /** What is left of the gas of a protocol's call and swaps, as they state it for cold storage, where other legs went before. */
  readonly warmBps: bigint
}

/**
 * Measured on the official bytecode with a hundred Morpho positions: behind others, a leg adds 138,000 with two swaps and 160,000 with
 * three; alone, a transaction with one, two or three swaps uses 188,000, 311,000 and 347,000.
 */
export const DEFAULT_GAS_MODEL: GasModel = { transaction: 120_000n, leg: 40_000n, warmBps: 3_500n }

/** What a leg adds to a transaction; `coldGas`: of the protocol's call and of all its swaps. */
export const legGas = (coldGas: bigint, { leg, warmBps }: GasModel): bigint => leg + (coldGas * warmBps) / BPS
