// Who is to blame where legs of a block fail in simulation: a leg that fails leaves pools as the plan did not foresee, so that later
// legs through them earn something else than planned, and it is not their fault. Arithmetic on values only.
import type { Address } from '../core/primitives'
import type { Take } from '../core/verdict'

export interface Failure {
  readonly take: Take
  readonly reason: string
  /** It ran, and earned too little or not what was planned: prices can explain that. Else something in it reverted. */
  readonly isByPrice: boolean
}

/** Whether the contract says that a floor was missed: the leg's own, or that of its transaction. */
export const isFloor = (reason: string): boolean => /^(NothingClosed: )?(LegFloor|TotalFloor)\(/.test(reason)

/**
 * The failures that a new plan must do without: those that no failure before them can explain, and whatever reverted. `takes` are all of the
 * block in the order of the chain; `missing`: those that were planned too but left out of the simulation.
 */
export const ownFailures = (
  takes: readonly Take[],
  failures: readonly Failure[],
  missing: readonly Take[],
): readonly Failure[] => {
  const byTake = new Map(failures.map(failure => [failure.take, failure]))
  const doubtful = new Set<Address>(missing.flatMap(take => take.route))
  return takes.flatMap(take => {
    const failure = byTake.get(take)
    if (failure === undefined) return []
    const isShaken = take.route.some(pool => doubtful.has(pool))
    for (const pool of take.route) doubtful.add(pool)
    return isShaken && failure.isByPrice ? [] : [failure]
  })
}
