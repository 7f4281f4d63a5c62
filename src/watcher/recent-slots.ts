// Lets a slot clock learn from the headers before a block, where no heads were followed up to it. Judges nothing.
import type { Block } from '../core/primitives'
import { SLOT_WINDOW, type SlotClock } from '../core/slot-clock'
import type { Chain } from '../ports'

/** Shows `clock` the headers up to and with `head`, as many as it remembers; those that the node does not have are left out. */
export const observeRecent = async (chain: Pick<Chain, 'blockByNumber'>, head: Block, clock: SlotClock): Promise<void> => {
  const depths = Array.from({ length: SLOT_WINDOW }, (_, i) => BigInt(SLOT_WINDOW - i)).filter(depth => depth <= head.number)
  const headers = await Promise.all(depths.map(depth => chain.blockByNumber(head.number - depth)))
  for (const header of headers) if (header !== null) clock.observe(header)
  clock.observe(head)
}
