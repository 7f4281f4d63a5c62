// A hundred positions under water where a block has little room: anvil's default limit takes them all, half of that in two blocks.
import { type Attack, CROWD, type CrowdLab, openCrowd, playAttack, playDrop } from './crowd'
import { leftovers, liquidatedIn, readUnderWater } from './lab'

const first = (count: number, place: Attack['place']): Attack => ({
  name: `the ${count} most profitable`,
  place,
  sells: false,
  victims: all => all.flat().slice(0, count),
})

describe.each([
  { limit: 30_000_000n, atLeast: 100, blocks: 1 },
  { limit: 15_000_000n, atLeast: 75, blocks: 2 },
])('a hundred positions, blocks of $limit gas', ({ limit, atLeast, blocks }) => {
  let lab: CrowdLab

  beforeAll(async () => {
    lab = await openCrowd(CROWD, 1, limit)
  }, 60_000)

  afterAll(() => lab?.close())

  test.each([4, 1])(
    'default: %d key(s): all close within the blocks that they need, and each that waits says why',
    async keys => {
      const run = await lab.run({ keys })
      const { tick, all } = await playDrop(lab, run)
      expect(all).toHaveLength(100)
      expect(tick.head.gasLimit).toBe(limit)
      expect(tick.decision.skips).toEqual([])
      const planned = tick.execution?.sent.flatMap(({ positions }) => positions) ?? []
      const waiting = tick.execution?.skips ?? []
      expect(planned.length + waiting.length).toBe(100)
      for (const skip of waiting) {
        expect(skip.reason).toBe('over-budget')
        expect(skip.message).toMatch(/^the block has room for \d+ gas, .* waits for the next block/)
      }
      const { block } = await run.play()
      const closed = await liquidatedIn(lab.world, block.number)
      expect(closed).toHaveLength(planned.length)
      expect(closed.length).toBeGreaterThanOrEqual(atLeast)
      for (let n = 1; n < blocks; n++) await run.play()
      expect(await readUnderWater(lab.world)).toEqual([])
      expect(run.closed()).toHaveLength(100)
      expect(run.store.outcomes().every(({ kind }) => kind === 'included')).toBe(true)
      expect(await leftovers(lab)).toEqual([])
      await run.close()
    },
  )

  const attacks: readonly (readonly [number, Attack])[] =
    blocks > 1
      ? []
      : [
          [4, first(1, 'top')],
          [4, first(10, 'bundle')],
          [4, first(50, 'top')],
          [1, first(50, 'bundle')],
        ]
  for (const [keys, attack] of attacks)
    test(`behavior: ${keys} key(s), a rival takes ${attack.name} first (${attack.place}): every other closes in that block`, async () => {
      const run = await lab.run({ keys })
      const { transactions } = await playDrop(lab, run)
      const end = await playAttack(lab, run, attack, transactions)
      expect(end).toMatchObject({ byRival: end.victims, byUs: 100 - end.victims, failedForRival: 0, left: 0 })
      await run.close()
    })
})
