// A transaction while it is still being trimmed: which key, which takes of its plan, how much gas. Values only.
import { BPS, maxOf, minOf, mulDivUp } from '../core/fixed-point'
import type { Address } from '../core/primitives'
import type { Plan, Skip, SkipReason, Take } from '../core/verdict'
import type { ExecutorPolicy } from './policy'
import { gasLimitFor } from './pricing'

export interface Draft {
  readonly key: Address
  readonly plan: Plan
  /** Some or all of the plan's, in its order. */
  readonly takes: readonly Take[]
  /** What it is expected to use: estimated, then simulated. */
  readonly gas: bigint
  readonly gasLimit: bigint
}

export const skipOf = (take: Take, reason: SkipReason, message: string): Skip => ({
  kind: 'skip',
  position: take.position,
  reason,
  message,
})

const gasOf = (takes: readonly Take[]): bigint => takes.reduce((sum, take) => sum + take.gas, 0n)

/** Estimated gas of the plan's transaction with only `takes` in it. */
export const estimatedGas = (plan: Plan, takes: readonly Take[]): bigint => plan.gas - gasOf(plan.takes) + gasOf(takes)

export const draftOf = (key: Address, plan: Plan, takes: readonly Take[], policy: ExecutorPolicy): Draft => {
  const gas = estimatedGas(plan, takes)
  return { key, plan, takes, gas, gasLimit: gasLimitFor(gas, policy) }
}

/** The draft with only `takes` left; its gas shrinks in proportion. */
export const narrowed = (draft: Draft, takes: readonly Take[]): Draft => {
  const [part, whole] = [estimatedGas(draft.plan, takes), estimatedGas(draft.plan, draft.takes)]
  return { ...draft, takes, gas: mulDivUp(draft.gas, part, whole), gasLimit: mulDivUp(draft.gasLimit, part, whole) }
}

/** One draft per take: for a transaction of which nobody can say which leg spoils it. */
export const split = (draft: Draft, policy: ExecutorPolicy): readonly Draft[] =>
  draft.takes.map(take => draftOf(draft.key, draft.plan, [take], policy))

export interface Trimmed {
  readonly drafts: readonly Draft[]
  readonly skips: readonly Skip[]
}

/** What some drafts may claim together. */
export interface Allowance {
  readonly counts: (draft: Draft) => boolean
  readonly limit: bigint
  /** Of those that count. */
  readonly needed: (drafts: readonly Draft[]) => bigint
  readonly why: (needed: bigint) => string
}

export const totalLimit = (drafts: readonly Draft[]): bigint => drafts.reduce((sum, draft) => sum + draft.gasLimit, 0n)

/**
 * Room that a block must have for all of them. It takes a transaction if the gas used so far and the transaction's own limit fit; which
 * of them comes last is the builder's choice, so it may be the one whose limit is furthest above what it uses.
 */
export const roomFor = (drafts: readonly Draft[]): bigint => {
  const used = drafts.reduce((sum, draft) => sum + draft.gas, 0n)
  return used + drafts.reduce((most, draft) => maxOf(most, draft.gasLimit - draft.gas), 0n)
}

const cheapest = (drafts: readonly Draft[]): Take =>
  drafts.flatMap(draft => draft.takes).reduce((a, b) => (b.revenueWei < a.revenueWei ? b : a))

/** The draft without `take`: none where nothing is left of it. */
const without = (draft: Draft, out: Take): readonly Draft[] => {
  if (!draft.takes.includes(out)) return [draft]
  const rest = draft.takes.filter(take => take !== out)
  return rest.length === 0 ? [] : [narrowed(draft, rest)]
}

interface Excess {
  readonly counted: readonly Draft[]
  readonly why: string
}

/** Null: within the allowance. */
const excessOf = (drafts: readonly Draft[], allowance: Allowance): Excess | null => {
  const counted = drafts.filter(allowance.counts)
  const needed = allowance.needed(counted)
  return counted.length === 0 || needed <= allowance.limit ? null : { counted, why: allowance.why(needed) }
}

/** Leaves out the takes of least value until the drafts that count are within the allowance. The order stays. */
export const trim = (drafts: readonly Draft[], allowance: Allowance): Trimmed => {
  const skips: Skip[] = []
  let left = drafts
  for (let excess = excessOf(left, allowance); excess !== null; excess = excessOf(left, allowance)) {
    const out = cheapest(excess.counted)
    skips.push(skipOf(out, 'over-budget', excess.why))
    left = left.flatMap(draft => without(draft, out))
  }
  return { drafts: left, skips }
}

/** Leaves out whole drafts, from the end, so that those that stay need no further proof: none of them runs behind one that goes. */
export const cutEnd = (drafts: readonly Draft[], allowance: Allowance): Trimmed => {
  const skips: Skip[] = []
  let left = drafts
  for (let excess = excessOf(left, allowance); excess !== null; excess = excessOf(left, allowance)) {
    const { counted, why } = excess
    const out = counted.at(-1)
    skips.push(...(out?.takes ?? []).map(take => skipOf(take, 'over-budget', why)))
    left = left.filter(draft => draft !== out)
  }
  return { drafts: left, skips }
}

/** Gas for the simulation: as much as may be, so that a leg fails for its own reasons and not for want of gas. */
export const simulationGas = (draft: Draft, affordableGas: bigint, policy: ExecutorPolicy): bigint =>
  minOf(minOf(mulDivUp(draft.gasLimit, 30_000n, BPS), policy.maxGasPerTransaction), affordableGas)
