// The same hundred positions with one operator key and thinner pools: its transactions share nonces' fate, yet none holds up another.
import { type Attack, CROWD, type CrowdLab, openCrowd, playAttack, playDrop } from './crowd'
import { leftovers, readUnderWater } from './lab'

let lab: CrowdLab

beforeAll(async () => {
  lab = await openCrowd({ ...CROWD, depthUsd: 1_500_000 }, 2)
}, 60_000)

afterAll(() => lab?.close())

const attacks: readonly Attack[] = [
  { name: 'the most profitable one', place: 'bundle', sells: false, victims: all => all.flat().slice(0, 1) },
  { name: 'the ten least profitable', place: 'top', sells: true, victims: all => all.flat().slice(-10) },
  { name: 'the fifty most profitable', place: 'top', sells: true, victims: all => all.flat().slice(0, 50) },
  { name: 'the fifty most profitable', place: 'bundle', sells: false, victims: all => all.flat().slice(0, 50) },
  { name: 'the fifty least profitable', place: 'bundle', sells: true, victims: all => all.flat().slice(-50) },
  { name: 'all legs of our first transaction', place: 'bundle', sells: true, victims: all => all[0]! },
  { name: 'all legs of our second transaction', place: 'top', sells: false, victims: all => all[1]! },
  { name: 'all but one leg of each', place: 'top', sells: true, victims: all => all.flatMap(legs => legs.slice(1)) },
]

describe('a hundred positions, one key', () => {
  test('K1: default: consecutive nonces, one block, all closed', async () => {
    const run = await lab.run({ keys: 1 })
    const { tick, all, transactions } = await playDrop(lab, run)
    expect(all).toHaveLength(100)
    const nonces = tick.execution?.sent.map(({ nonce }) => nonce) ?? []
    expect(nonces).toEqual(transactions.map((_, index) => nonces[0]! + index))
    expect(nonces.length).toBeGreaterThan(1)
    await run.play()
    expect(await readUnderWater(lab.world)).toEqual([])
    expect(run.store.outcomes().map(({ kind }) => kind)).toEqual(nonces.map(() => 'included'))
    expect(await leftovers(lab)).toEqual([])
    await run.close()
  })

  test.each(attacks)('K1: a rival takes $name first ($place, sells: $sells): every other closes in that block', async attack => {
    const run = await lab.run({ keys: 1 })
    const { transactions } = await playDrop(lab, run)
    const end = await playAttack(lab, run, attack, transactions)
    expect(end).toMatchObject({ byRival: end.victims, byUs: 100 - end.victims, failedForRival: 0, left: 0 })
    expect(await leftovers(lab)).toEqual([])
    await run.close()
  })
})
