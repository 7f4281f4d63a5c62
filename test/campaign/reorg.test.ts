// A slice of the reorg campaign (npm run campaign -- reorg): every history ends equal to a fresh fold. And the campaign itself is tried: it
// must notice a book that forgets to undo.
import { describe, expect, it } from '@jest/globals'
import type { Spoil } from '../../bench/campaign/reorg/followed'
import { runTrial } from '../../bench/campaign/reorg/trial'

const SLICES = 4
const TRIALS = 25

describe('reorg campaign', () => {
  it.each(Array.from({ length: SLICES }, (_, n) => n))('behavior: equality with a fresh fold, slice %i', async slice => {
    const ends = []
    for (let n = 0; n < TRIALS; n++) ends.push({ seed: 1 + slice * TRIALS + n, end: await runTrial(1 + slice * TRIALS + n) })
    expect(ends.filter(({ end }) => end.difference !== null).map(({ seed, end }) => `${seed}: ${end.difference}`)).toEqual([])
    expect(ends.filter(({ end }) => end.isBitwise).length).toBeGreaterThan(TRIALS / 3)
    expect(Math.max(...ends.map(({ end }) => end.deepestFork))).toBeGreaterThan(20)
  })

  it.each(['morpho-blue', 'aave-v3', 'uniswap-v3'])('error: %s forgets to undo, and it is noticed', async name => {
    const spoil: Spoil = folder => (folder.name === name ? { ...folder, undo: () => undefined } : folder)
    const ends = []
    for (let seed = 1; seed <= 10; seed++) ends.push(await runTrial(seed, spoil))
    expect(ends.filter(({ difference }) => difference !== null).length).toBeGreaterThan(1)
  })

  it('error: a log that is folded twice is noticed', async () => {
    let folded = 0
    const spoil: Spoil = folder => ({
      ...folder,
      fold: log => {
        folder.fold(log)
        folded += 1
        if (folded % 40 === 0) folder.fold(log)
      },
    })
    const ends = []
    for (let seed = 1; seed <= 10; seed++) ends.push(await runTrial(seed, spoil))
    expect(ends.filter(({ difference }) => difference !== null).length).toBeGreaterThan(1)
  })
})
