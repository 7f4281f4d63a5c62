// Which key carries which plan. Arithmetic only.
import type { Plan, Skip, Take } from '../core/verdict'
import { type Draft, draftOf, skipOf, type Trimmed } from './draft'
import type { FailureMemory } from './failure-memory'
import type { FreeKey } from './key-ring'
import type { ExecutorPolicy } from './policy'

/** Takes that are not to be tried in this block, each with its reason; plans of the others. */
export const sift = (
  plans: readonly Plan[],
  why: (take: Take, plan: Plan) => Skip | null,
): { readonly plans: readonly { readonly plan: Plan; readonly takes: readonly Take[] }[]; readonly skips: readonly Skip[] } => {
  const skips: Skip[] = []
  const kept = plans.map(plan => {
    const takes = plan.takes.filter(take => {
      const skip = why(take, plan)
      if (skip !== null) skips.push(skip)
      return skip === null
    })
    return { plan, takes }
  })
  return { plans: kept.filter(({ takes }) => takes.length > 0), skips }
}

/** Why a take must wait: already in a live bundle for this block, or failed too often in simulation. Null if it need not. */
export const reasonToWait =
  (isInFlight: (take: Take, target: bigint) => boolean, memory: FailureMemory) =>
  (take: Take, plan: Plan): Skip | null => {
    const target = plan.target.number
    if (isInFlight(take, target)) return skipOf(take, 'in-flight', `in a live bundle for block ${target}`)
    const wait = memory.waits(take, target)
    if (wait === null) return null
    return skipOf(
      take,
      'failed-simulation',
      `waits until block ${wait.until}, or until the position moves: failed again and again: ${wait.reason}`,
    )
  }

/** One key per transaction while keys last, richest first; then in turn. Plan order, and so nonce order on each key, stays. */
export const assign = (
  plans: readonly { readonly plan: Plan; readonly takes: readonly Take[] }[],
  keys: readonly FreeKey[],
  policy: ExecutorPolicy,
): Trimmed => {
  if (keys.length === 0) {
    const skips = plans.flatMap(({ takes }) => takes.map(take => skipOf(take, 'in-flight', 'no operator key is free')))
    return { drafts: [], skips }
  }
  const drafts = plans.flatMap(({ plan, takes }, index): readonly Draft[] => {
    const key = keys[index % keys.length]
    return key === undefined ? [] : [draftOf(key.signer.address, plan, takes, policy)]
  })
  return { drafts, skips: [] }
}
