// The suite that holds every strategy to the contract of Book and Folder: one call in each strategy's test file. Knows no protocol.
import { beforeAll, describe, expect, it } from '@jest/globals'
import { foldingConformance } from './conformance-folding'
import { judgingConformance } from './conformance-judging'
import { readingConformance } from './conformance-reading'
import { EVERYTHING, follow, type Harness, lastBlock, opportunities, rememberedWorld, type World } from './conformance-world'

/** Calls `check` for each of the harness's worlds. */
export type OverWorlds = (check: (world: World, seed: number) => Promise<void>) => Promise<void>

/** A describe-block for one strategy. */
export const conformance = (name: string, harness: Harness): void =>
  describe(`${name} keeps the contract of a book`, () => {
    const worlds: [number, World][] = []
    beforeAll(async () => {
      for (const seed of harness.seeds) worlds.push([seed, rememberedWorld(await harness.world(seed))])
    }, 300_000)
    const overWorlds: OverWorlds = async check => {
      expect(worlds.length).toBeGreaterThan(0)
      for (const [seed, world] of worlds) await check(world, seed)
    }

    describe('folding', () => foldingConformance(harness, overWorlds))
    describe('judging', () => judgingConformance(harness, overWorlds))
    describe('reading', () => readingConformance(harness, overWorlds))

    it('behavior: the worlds are worth the trouble', async () => {
      let [changes, atRisk, safe] = [0, 0, 0]
      await overWorlds(async world => {
        changes += world.blocks.filter(({ logs }) => logs.length > 0).length
        const book = harness.createBook(EVERYTHING)
        await follow(book, world)
        const found = opportunities(book, lastBlock(world)).length
        atRisk += found
        safe += book.size() - found
      })
      const enough = [changes >= 10, atRisk >= 3, safe >= 3]
      expect({ changes, atRisk, safe, enough }).toMatchObject({ enough: [true, true, true] })
    })
  })
