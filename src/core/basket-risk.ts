// Questions about a whole basket book at prices that are not on chain: what a fall makes liquidatable, and who is nearest. Changes nothing.
import type { Address } from './primitives'

/** Units of one token that a slot owes. */
export interface Owed {
  readonly token: Address
  readonly assets: bigint
}

/** What some falls make liquidatable in one debt token, in their order; see DebtAtRisk. */
export interface RiskRow {
  readonly debtToken: Address
  readonly debtAssets: readonly bigint[]
  readonly positions: readonly number[]
}

/**
 * Sums up by debt token what the slots under water at each level owe; `slotsAt` gives those of one level. What a slot owes is asked once.
 */
export const debtByLevel = (
  levels: number,
  slotsAt: (level: number) => Iterable<number>,
  owedBy: (slot: number) => readonly Owed[],
): readonly RiskRow[] => {
  const known = new Map<number, readonly Owed[]>()
  const rows = new Map<Address, { readonly debtAssets: bigint[]; readonly positions: number[] }>()
  const rowOf = (token: Address) => {
    const row = rows.get(token) ?? {
      debtAssets: new Array<bigint>(levels).fill(0n),
      positions: new Array<number>(levels).fill(0),
    }
    rows.set(token, row)
    return row
  }
  for (let level = 0; level < levels; level++) {
    for (const slot of slotsAt(level)) {
      const owed = known.get(slot) ?? owedBy(slot)
      known.set(slot, owed)
      for (const { token, assets } of owed) {
        const row = rowOf(token)
        row.debtAssets[level]! += assets
        row.positions[level]! += 1
      }
    }
  }
  return [...rows].map(([debtToken, row]) => ({ debtToken, ...row }))
}

/**
 * At least the `limit` views of lowest health, sorted, those without one last. `nearest` gives slots by rough health, more as more are
 * asked for; `all` gives every slot, where the nearest hold too few that can be judged.
 */
export const lowestOf = <View extends { readonly healthFactorWad: bigint | null }>(
  limit: number | undefined,
  nearest: (count: number) => readonly number[],
  all: () => readonly number[],
  viewOf: (slot: number) => View,
): readonly View[] => {
  if (limit !== undefined) {
    // Rough health may order neighbours wrongly: some more are looked at.
    const views = nearest(Math.ceil(limit * 1.25) + 32).map(viewOf)
    if (views.filter(({ healthFactorWad }) => healthFactorWad !== null).length >= limit) return views
  }
  return all().map(viewOf)
}
