// Whose turn it is to be checked: positions of pair markets by slot, round robin, and markets that no open position stands for.
import type { PositionRef } from './opportunity'
import type { PairBook } from './pair-book'

/** Places looked at for one sample: most of them may be empty. */
const MAX_STEPS = 512

/**
 * See Book.sample: places are the markets, then the slots. `marketAt`: a position that stands for the market of that number, null where its
 * own borrowers do. `positionAt`: the position at a slot that has debt.
 */
export const samplePairs = (
  pairs: PairBook,
  cursor: number,
  count: number,
  marketAt: (number: number) => PositionRef | null,
  positionAt: (slot: number) => PositionRef,
): { readonly positions: readonly PositionRef[]; readonly next: number } => {
  const markets = pairs.markets()
  const places = markets + pairs.slots()
  const positions: PositionRef[] = []
  let steps = 0
  for (; steps < Math.min(places, MAX_STEPS) && positions.length < count; steps++) {
    const place = (cursor + steps) % places
    const slot = place - markets
    const found = slot < 0 ? marketAt(place) : pairs.roughDebtAt(slot) === 0 ? null : positionAt(slot)
    if (found !== null) positions.push(found)
  }
  return { positions, next: places === 0 ? 0 : (cursor + steps) % places }
}
