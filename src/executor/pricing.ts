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

/** What a run costs: `fixedWei` in any case, each leg's gas only if it closes. */
export interface RunCost {
  readonly fixedWei: bigint
  readonly legGas: readonly bigint[]
}

/** A leg whose position is gone burns its calldata and the way to the protocol: a third of its gas when measured, and some more to be safe. */
const FAILED_LEG_BPS = 4_000n

/** The cost of a run that used `gasUsed` with all its legs closed, `baseGas` of it outside of them; sums to gasUsed exactly. */
export const runCost = (gasUsed: bigint, baseGas: bigint, legEstimates: readonly bigint[], gasPriceWei: bigint): RunCost => {
  // With one leg there is nothing to tell apart: if it fails, so does the run.
  if (legEstimates.length === 1) return { fixedWei: gasUsed * gasPriceWei, legGas: [0n] }
  const shares = shareOut(zeroFloorSub(gasUsed, baseGas), legEstimates)
  const legGas = shares.map(share => share - mulDivUp(share, FAILED_LEG_BPS, BPS))
  const fixedGas = legGas.reduce((rest, gas) => rest - gas, gasUsed)
  return { fixedWei: fixedGas * gasPriceWei, legGas }
}

/**
 * The least that the transaction must net beyond its cost, never zero: a share of what its poorest leg would net if all others failed,
 * since a rival may be first with any of them (each has its own floor besides). One leg: not below the minimum profit.
 */
export const totalFloorWei = (
  gainsWei: readonly bigint[],
  { fixedWei, legGas }: RunCost,
  gasPriceWei: bigint,
  bidShareBps: bigint,
  policy: ExecutorPolicy,
): bigint => {
  const alone = gainsWei.map(
    (gainWei, index) => profitAfterBid(gainWei, fixedWei + (legGas[index] ?? 0n) * gasPriceWei, bidShareBps).netWei,
  )
  const floor = maxOf(1n, mulDivDown(maxOf(0n, alone.reduce(minOf)), policy.floorShareBps, BPS))
  return alone.length === 1 ? maxOf(floor, policy.minProfitWei) : floor
}
