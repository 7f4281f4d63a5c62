import { describe, expect, it } from '@jest/globals'
import { createSlotClock } from '../../src/core/slot-clock'
import { observeRecent } from '../../src/watcher/recent-slots'
import { createFakeChain } from '../fakes/chain'

const DAY = 86_400n

/** Seconds to the next block, as learnt from a chain whose blocks came after these distances. */
const learntFrom = async (distances: readonly bigint[], hidden: readonly number[] = []): Promise<bigint> => {
  const chain = createFakeChain()
  const blocks = distances.map(afterSec => chain.mine({ afterSec }))
  const missing = hidden.map(at => blocks[at]?.number)
  const node = { blockByNumber: async (n: bigint) => (missing.includes(n) ? null : chain.blockByNumber(n)) }
  const clock = createSlotClock(null)
  await observeRecent(node, chain.head(), clock)
  return clock.targetAfter(chain.head()).timestampSec - chain.head().timestampSec
}

describe('observeRecent', () => {
  it('default: the usual distance, which a jump of a day does not move, wherever it is', async () => {
    for (const at of [0, 7, 14, 15]) {
      const distances = Array.from({ length: 16 }, (_, i) => (i === at ? DAY : 2n))
      expect(await learntFrom(distances)).toBe(2n)
    }
  })

  it('behavior: only the last sixteen distances count', async () => {
    expect(await learntFrom([...Array.from({ length: 40 }, () => DAY), ...Array.from({ length: 16 }, () => 3n)])).toBe(3n)
  })

  it('behavior: a young chain tells what it can, the first block nothing', async () => {
    expect(await learntFrom([])).toBe(12n)
    expect(await learntFrom([5n])).toBe(5n)
  })

  it('behavior: a header that the node does not have costs its two distances only', async () => {
    expect(await learntFrom([DAY, 4n, 4n, 9n, 9n, 9n, 4n, 4n], [3])).toBe(4n)
  })
})
