// When will the next block be? Learnt from the headers seen, or told. No wall clock: the block is the clock.
import { nextBaseFeeWei } from './base-fee'
import type { Block, TargetBlock } from './primitives'

/** So many distances between headers are remembered. */
export const SLOT_WINDOW = 16
const DEFAULT_SLOT_SEC = 12n

export interface SlotClock {
  observe(block: Block): void
  /** The child of `parent`: its number and base fee are certain, its time is the usual one. */
  targetAfter(parent: Block): TargetBlock
}

/** `slotSec` null: the median distance of the last headers, 12 s until two were seen. */
export const createSlotClock = (slotSec: bigint | null): SlotClock => {
  let last: Block | null = null
  let distances: bigint[] = []
  const median = (): bigint => {
    const sorted = [...distances].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    return sorted[Math.floor(sorted.length / 2)] ?? DEFAULT_SLOT_SEC
  }
  return {
    observe: block => {
      if (last !== null && block.number === last.number + 1n)
        distances = [...distances, block.timestampSec - last.timestampSec].slice(-SLOT_WINDOW)
      last = block
    },
    targetAfter: parent => {
      const distance = slotSec ?? median()
      return {
        number: parent.number + 1n,
        timestampSec: parent.timestampSec + (distance > 0n ? distance : 1n),
        baseFeePerGasWei: nextBaseFeeWei(parent),
      }
    },
  }
}
