// One hostile market blinds no other: oracles that turn, tokens that lie, keep a part or burn all gas, beside honest markets.
import type { MarketFault } from '../../src/core/strategy'
import type { TickReport } from '../../src/keeper'
import { armBurner, dropTo, HOSTILE_MODES, hostileSpec, turnOracles } from './hostile'
import { type Lab, leftovers, openLab, type Run, readUnderWater } from './lab'

let lab: Lab

beforeAll(async () => {
  lab = await openLab(hostileSpec(), 3)
}, 60_000)

afterAll(() => lab?.close())

const nameOf = (id: string): string => lab.world.markets.find(market => market.id === id)?.name ?? id
/** Sorted. The gas burner is one of them until it is armed. */
const HONEST = ['honest', 'says false', 'silent']
const UNARMED = ['gas burner', ...HONEST]

const faults = (run: Run): readonly MarketFault[] => run.composed.books.flatMap(book => book.faults())
const faulty = (run: Run): readonly string[] => faults(run).map(({ market }) => nameOf(market))
/** Names of markets with positions open and under water, each once. */
const openMarkets = async (): Promise<readonly string[]> => [
  ...new Set((await readUnderWater(lab.world)).map(({ market }) => market.name)),
]
const skipped = (tick: TickReport) =>
  [...tick.decision.skips, ...(tick.execution?.skips ?? [])].map(
    ({ position, reason }) => `${nameOf(position.market)}: ${reason}`,
  )
const closedMarkets = (run: Run): ReadonlySet<string> => new Set(run.closed().map(({ position }) => nameOf(position.market)))
const oracleMarkets = HOSTILE_MODES.map(mode => `oracle ${mode}`)

describe('hostile markets', () => {
  test('default: oracles that turn as prices fall are faults with reasons; all other markets close in the first block', async () => {
    const run = await lab.run({ keys: 2 })
    const { tick } = await run.play({ topOfBlock: [...dropTo(lab.world, 2), ...turnOracles(lab.world, true)] })
    expect(tick.end).toBe('done')
    expect(faulty(run)).toEqual(oracleMarkets)
    for (const { reason } of faults(run)) expect(reason).toMatch(/^oracle: \S/)
    await run.play()
    expect([...closedMarkets(run)].sort()).toEqual(UNARMED)
    expect(run.closed()).toHaveLength(UNARMED.length * 4)
    // Once they speak again, they are closed in the first block as well.
    await run.play({ topOfBlock: turnOracles(lab.world, false) })
    expect(faulty(run)).toEqual([])
    await run.play()
    for (const name of oracleMarkets) expect(closedMarkets(run)).toContain(name)
    expect((await openMarkets()).filter(name => name.startsWith('oracle'))).toEqual([])
    expect(await leftovers(lab)).toEqual([])
    await run.close()
  })

  test('behavior: oracles hostile from before the keeper started stop no other market', async () => {
    await (await lab.run()).close()
    await lab.builder.buildBlock({ topOfBlock: turnOracles(lab.world, true) })
    const run = await lab.follow({ keys: 2 })
    expect(faulty(run)).toEqual(oracleMarkets)
    await run.play({ topOfBlock: dropTo(lab.world, 2) })
    await run.play()
    expect([...closedMarkets(run)].sort()).toEqual(UNARMED)
    await run.close()
  })

  test('K10: legs that fail their simulation are not sent, for their own reason; the others are, and the loop lives', async () => {
    const run = await lab.run({ keys: 2 })
    const first = await run.play({ topOfBlock: [...dropTo(lab.world, 2), armBurner(lab.world)] })
    const sent = first.tick.execution?.sent.flatMap(({ positions }) => positions.map(({ market }) => nameOf(market))) ?? []
    expect(sent).not.toContain('gas burner')
    expect(sent).not.toContain('fee on transfer')
    expect(skipped(first.tick).sort()).toEqual([
      ...Array(4).fill('fee on transfer: failed-simulation'),
      ...Array(4).fill('gas burner: failed-simulation'),
    ])
    for (const { message } of run.skips()) expect(message).toMatch(/IIA|transfer reverted/)
    for (let block = 0; block < 5; block++) expect((await run.play()).tick.end).toBe('done')
    expect(run.closed()).toHaveLength((HONEST.length + HOSTILE_MODES.length) * 4)
    expect(run.skips().at(-1)?.message).toMatch(/waits until block/)
    expect(run.quiet.lines.filter(({ level }) => level === 'error')).toEqual([])
    await run.close()
  })

  test('behavior: a token armed in the very block, which burns all gas that each of its legs may, starves no other leg', async () => {
    const run = await lab.run({ keys: 1 })
    const { tick } = await run.play({ topOfBlock: dropTo(lab.world, 1) })
    expect(tick.execution?.sent).toHaveLength(1)
    await run.play({ topOfBlock: [armBurner(lab.world)] })
    const [outcome] = run.store.outcomes()
    expect(outcome?.kind).toBe('included')
    const ends = outcome?.positions.map(each => `${nameOf(each.position.market)}: ${each.outcome}`) ?? []
    expect(ends.filter(end => end.startsWith('gas burner'))).not.toEqual([])
    expect(ends.filter(end => end === 'gas burner: included')).toEqual([])
    expect(ends.filter(end => !end.startsWith('gas burner') && !end.endsWith('included'))).toEqual([])
    expect(outcome?.realised?.netWei).toBeGreaterThan(0n)
    await run.close()
  })

  test('K8: tokens that return nothing and want approve(0) first, on both sides: liquidation after liquidation works', async () => {
    const run = await lab.run({ keys: 1 })
    const closedSilent = () => run.closed().filter(({ position }) => nameOf(position.market) === 'silent').length
    await run.play({ topOfBlock: dropTo(lab.world, 1) })
    await run.play()
    const first = closedSilent()
    expect(first).toBeGreaterThanOrEqual(2)
    await run.play({ topOfBlock: dropTo(lab.world, 2) })
    await run.play()
    expect([first < 4, closedSilent()]).toEqual([true, 4])
    expect(await leftovers(lab)).toEqual([])
    await run.close()
  })
})
