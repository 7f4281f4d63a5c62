// Fees, gas limits, floors and profit of one transaction. Arithmetic only.
import { BPS, maxOf, minOf, mulDivDown, mulDivUp, zeroFloorSub } from '../core/fixed-point'
import type { TargetBlock } from '../core/primitives'
import type { Profit } from '../core/verdict'
import type { ExecutorPolicy } from './policy'

export interface Fees {
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
  /** What a unit of gas will cost in the target block. */
  readonly effectiveWei: bigint
}

/** The target's base fee is exact, and stays so when its slot is missed; the ceiling is for chains where it is not. */
export const feesAt = (target: TargetBlock, policy: ExecutorPolicy): Fees => {
  const priority = policy.maxPriorityFeePerGasWei
  return {
    maxFeePerGasWei: mulDivUp(target.baseFeePerGasWei, policy.feeCeilingBps, BPS) + priority,
    maxPriorityFeePerGasWei: priority,
    effectiveWei: target.baseFeePerGasWei + priority,
  }
}

/** Gas that no margin of ratio covers in a small transaction. */
const FLAT_MARGIN = 30_000n

/** The limit for a transaction that used `gas`; never above the cap. */
export const gasLimitFor = (gas: bigint, policy: ExecutorPolicy): bigint =>
  minOf(mulDivUp(gas, policy.gasMarginBps, BPS) + FLAT_MARGIN, policy.maxGasPerTransaction)

/** Refunds may hide a fifth of what is needed on the way: such a transaction can't be trusted to fit under the cap. */
export const exceedsGasCap = (gas: bigint, policy: ExecutorPolicy): boolean =>
  mulDivUp(gas, 12_500n, BPS) > policy.maxGasPerTransaction

/** Mirrors the contract: bid = share * max(0, revenue - cost), rounded down. */
export const profitAfterBid = (revenueWei: bigint, gasWei: bigint, bidShareBps: bigint): Profit => {
  const bidWei = mulDivDown(zeroFloorSub(revenueWei, gasWei), bidShareBps, BPS)
  return { revenueWei, gasWei, bidWei, netWei: revenueWei - gasWei - bidWei }
}

/** Parts of `total` in proportion to `weights`, rounded down; the last takes the rest. All zero weights: the last takes all. */
export const shareOut = (total: bigint, weights: readonly bigint[]): readonly bigint[] => {
  const sum = weights.reduce((a, b) => a + b, 0n)
  let given = 0n
  return weights.map((weight, index) => {
    const part = index === weights.length - 1 ? total - given : sum === 0n ? 0n : mulDivDown(total, weight, sum)
    given += part
    return part
  })
}

/**
 * The least that the transaction must net, never zero. One leg: a share of the prediction, not below the minimum profit.
 * Several: a share of the smallest leg's net, so that the others may fail (each has its own floor besides).
 */
export const totalFloorWei = (legNetsWei: readonly bigint[], policy: ExecutorPolicy): bigint => {
  const smallest = legNetsWei.reduce((a, b) => minOf(a, b))
  const floor = maxOf(1n, mulDivDown(maxOf(0n, smallest), policy.floorShareBps, BPS))
  return legNetsWei.length === 1 ? maxOf(floor, policy.minProfitWei) : floor
}
