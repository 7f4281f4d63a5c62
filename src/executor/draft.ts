// A transaction while it is still being trimmed: which key, which takes of its plan, how much gas. Values only.
import { BPS, minOf, mulDivUp } from '../core/fixed-point'
import type { PositionRef } from '../core/opportunity'
import type { Address } from '../core/primitives'
import type { Plan, Skip, SkipReason, Take } from '../core/verdict'
import type { ExecutorPolicy } from './policy'
import { gasLimitFor } from './pricing'

export interface Draft {
  readonly key: Address
  readonly plan: Plan
  /** Some or all of the plan's, in its order. */
  readonly takes: readonly Take[]
  readonly gasLimit: bigint
}

/** Names a position in maps. */
export const positionKey = ({ strategy, market, account }: PositionRef): string => `${strategy}|${market}|${account}`

export const skipOf = (take: Take, reason: SkipReason, message: string): Skip => ({
  kind: 'skip',
  position: take.position,
  reason,
  message,
})

const gasOf = (takes: readonly Take[]): bigint => takes.reduce((sum, take) => sum + take.gas, 0n)

/** Estimated gas of the plan's transaction with only `takes` in it. */
export const estimatedGas = (plan: Plan, takes: readonly Take[]): bigint => plan.gas - gasOf(plan.takes) + gasOf(takes)

export const draftOf = (key: Address, plan: Plan, takes: readonly Take[], policy: ExecutorPolicy): Draft => ({
  key,
  plan,
  takes,
  gasLimit: gasLimitFor(estimatedGas(plan, takes), policy),
})

/** The draft with only `takes` left; its gas limit shrinks in proportion. */
export const narrowed = (draft: Draft, takes: readonly Take[]): Draft => ({
  ...draft,
  takes,
  gasLimit: mulDivUp(draft.gasLimit, estimatedGas(draft.plan, takes), estimatedGas(draft.plan, draft.takes)),
})

/** One draft per take: for a transaction of which nobody can say which leg spoils it. */
export const split = (draft: Draft, policy: ExecutorPolicy): readonly Draft[] =>
  draft.takes.map(take => draftOf(draft.key, draft.plan, [take], policy))

export interface Trimmed {
  readonly drafts: readonly Draft[]
  readonly skips: readonly Skip[]
}

/** What some drafts may use up together: their gas limits times `price` must stay within `limit`. */
export interface Allowance {
  readonly counts: (draft: Draft) => boolean
  readonly limit: bigint
  readonly price: bigint
  readonly why: (needed: bigint) => string
}

const cheapest = (drafts: readonly Draft[]): Take =>
  drafts.flatMap(draft => draft.takes).reduce((a, b) => (b.revenueWei < a.revenueWei ? b : a))

/** The draft without `take`: none where nothing is left of it. */
const without = (draft: Draft, out: Take): readonly Draft[] => {
  if (!draft.takes.includes(out)) return [draft]
  const rest = draft.takes.filter(take => take !== out)
  return rest.length === 0 ? [] : [narrowed(draft, rest)]
}

/** Leaves out the takes of least value until the drafts that count are within the allowance. The order stays. */
export const trim = (drafts: readonly Draft[], allowance: Allowance): Trimmed => {
  const skips: Skip[] = []
  let left = drafts
  for (;;) {
    const counted = left.filter(allowance.counts)
    const needed = counted.reduce((sum, draft) => sum + draft.gasLimit, 0n) * allowance.price
    if (counted.length === 0 || needed <= allowance.limit) return { drafts: left, skips }
    const out = cheapest(counted)
    skips.push(skipOf(out, 'over-budget', allowance.why(needed)))
    left = left.flatMap(draft => without(draft, out))
  }
}

/** Gas for the simulation: as much as may be, so that a leg fails for its own reasons and not for want of gas. */
export const simulationGas = (draft: Draft, affordableGas: bigint, policy: ExecutorPolicy): bigint =>
  minOf(minOf(mulDivUp(draft.gasLimit, 20_000n, BPS), policy.maxGasPerTransaction), affordableGas)
