// A hundred positions under water in one block, four operator keys: all closed in the next, and whoever a rival takes first, all others.
import { type Attack, CROWD, type CrowdLab, openCrowd, playAttack, playDrop } from './crowd'
import { leftovers, readUnderWater } from './lab'

let lab: CrowdLab

beforeAll(async () => {
  lab = await openCrowd(CROWD, 1)
}, 60_000)

afterAll(() => lab?.close())

const attacks: readonly Attack[] = [
  { name: 'the most profitable one', place: 'top', sells: true, victims: all => all.flat().slice(0, 1) },
  { name: 'the ten most profitable', place: 'bundle', sells: true, victims: all => all.flat().slice(0, 10) },
  { name: 'the fifty most profitable', place: 'top', sells: false, victims: all => all.flat().slice(0, 50) },
  { name: 'the fifty most profitable', place: 'bundle', sells: true, victims: all => all.flat().slice(0, 50) },
  { name: 'the fifty least profitable', place: 'top', sells: true, victims: all => all.flat().slice(-50) },
  { name: 'every second', place: 'bundle', sells: false, victims: all => all.flat().filter((_, index) => index % 2 === 0) },
  { name: 'all legs of our first transaction', place: 'top', sells: false, victims: all => all[0]! },
]

describe('a hundred positions, four keys', () => {
  test('default: all close in the first block, as predicted, and nothing rests in the executor', async () => {
    const run = await lab.run({ keys: 4 })
    const { tick, all } = await playDrop(lab, run)
    expect(all).toHaveLength(100)
    expect(tick.decision.skips).toEqual([])
    await run.play()
    expect(await readUnderWater(lab.world)).toEqual([])
    expect(run.closed()).toHaveLength(100)
    for (const { profitPredictedWei, profitRealisedWei, revenueWei } of run.closed()) {
      const error = profitRealisedWei - profitPredictedWei
      expect((error < 0n ? -error : error) * 1_000n).toBeLessThanOrEqual(revenueWei)
    }
    expect(await leftovers(lab)).toEqual([])
    await run.close()
  })

  test.each(attacks)(
    'behavior: a rival takes $name first ($place, sells: $sells): every other closes in that block',
    async attack => {
      const run = await lab.run({ keys: 4 })
      const { transactions } = await playDrop(lab, run)
      const end = await playAttack(lab, run, attack, transactions)
      expect(end).toMatchObject({ byRival: end.victims, byUs: 100 - end.victims, failedForRival: 0, left: 0 })
      expect(run.closed()).toHaveLength(100 - end.victims)
      expect(await leftovers(lab)).toEqual([])
      await run.close()
    },
  )
})
