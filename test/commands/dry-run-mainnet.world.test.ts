// The bar: on real mainnet state (no logs, no Multicall3, no factory) a dry run closes every liquidatable position.
import type { Address } from '../../src/core/primitives'
import {
  type CliProcess,
  createWorkbench,
  eventually,
  type JsonLine,
  jsonLines,
  spawnCli,
  type Workbench,
} from '../fixtures/cli-run'
import { account, GENESIS, MAINNET, type MainnetMarket, type MainnetState, startMainnetState } from '../fixtures/mainnet-state'
import { describeWithShared } from '../fixtures/shared'

const ETHER = 10n ** 18n
const NO_FACTORY = { pools: [MAINNET.pool] }

const positions = (lines: readonly JsonLine[]): readonly JsonLine[] => lines.filter(line => 'position' in line)
const summary = (lines: readonly JsonLine[]): JsonLine => lines.at(-1) ?? {}
const ids = (lines: readonly JsonLine[]): readonly string[] => lines.map(line => `${line.market} ${line.position}`).sort()
const idsOf = (market: MainnetMarket, borrowers: readonly Address[]): readonly string[] =>
  borrowers.map(each => `${market.id} ${each}`)

describeWithShared('bulwark dry-run on real mainnet state', [GENESIS], () => {
  let state: MainnetState
  let bench: Workbench
  let safe: MainnetMarket
  let liquidatable: readonly string[]
  let block: number

  beforeAll(async () => {
    bench = createWorkbench()
    state = await startMainnetState()
    const high = await state.openWethMarket(86n, [account(1), account(2), account(3)], 19_000n)
    const low = await state.openWethMarket(77n, [account(1), account(4)], 17_000n)
    const inverse = await state.openDaiMarket(86n, [account(5), account(6)], 8n * ETHER)
    safe = await state.openWethMarket(62n, [account(7), account(8)], 9_000n)
    await high.setDaiPerWeth(2_180n)
    await low.setDaiPerWeth(2_180n)
    await inverse.setDaiPerWeth(2_480n)
    block = await state.headNumber()
    liquidatable = [high, low, inverse].flatMap(market => idsOf(market, market.borrowers)).sort()
  })
  afterAll(async () => {
    await bench?.close()
    await state?.kit.stop()
  })

  const configured = (venues: Readonly<Record<string, unknown>>): string =>
    bench.file('bulwark.config.json', { chains: [state.config(venues)] })
  const dryRun = async (url: string, ...more: readonly string[]) => {
    const ended = await bench.run('dry-run', '--fork-url', url, '--config', 'bulwark.config.json', '--json', ...more)
    return { ...ended, lines: jsonLines(ended.out) }
  }

  const expectAllClosed = (lines: readonly JsonLine[]): void => {
    expect(ids(positions(lines))).toEqual(liquidatable)
    for (const line of positions(lines)) {
      expect(line).toMatchObject({ outcome: 'included', block: block + 1 })
      for (const key of ['repaid', 'seized', 'profitPredictedWei', 'profitRealisedWei', 'gasUsed'])
        expect(BigInt(line[key] as string)).toBeGreaterThan(0n)
    }
    expect(summary(lines)).toMatchObject({
      liquidatable: liquidatable.length,
      closedFirstBlock: liquidatable.length,
      closedLater: 0,
      open: 0,
    })
    expect(summary(lines).worstPredictionErrorPct).toBeLessThan(0.1)
    const sum = positions(lines).reduce((total, line) => total + BigInt(line.profitRealisedWei as string), 0n)
    expect(summary(lines).profitRealisedWei).toBe(sum.toString())
  }

  it('default: the smallest configuration, as a process of its own, over http: every liquidatable position is closed in the next block', async () => {
    const before = await state.kit.rpc.request('eth_getBlockByNumber', 'latest', false)
    const config = bench.file('minimal.json', { chains: [state.config(NO_FACTORY)] })
    const args = ['dry-run', '--fork-url', state.kit.anvil.httpUrl, '--config', config, '--block', String(block), '--json']
    const cli: CliProcess = spawnCli(bench.directory, args)
    expect(await cli.ended).toBe(0)
    expectAllClosed(jsonLines(cli.out()))
    expect(await state.kit.rpc.request('eth_getBlockByNumber', 'latest', false)).toEqual(before)
  })

  it('behavior: over ws', async () => {
    configured(NO_FACTORY)
    const { code, lines } = await dryRun(state.kit.anvil.wsUrl, '--block', String(block))
    expect(code).toBe(0)
    expectAllClosed(lines)
  })

  it('behavior: a factory that is not there beside pools that are: said, and no hindrance', async () => {
    configured({ ...NO_FACTORY, factory: account(99) })
    const { code, lines, err } = await dryRun(state.kit.anvil.httpUrl, '--block', String(block))
    expect(code).toBe(0)
    expectAllClosed(lines)
    expect(jsonLines(err)).toContainEqual(expect.objectContaining({ event: 'pool-unused', pool: account(99) }))
  })

  it.each([
    ['only a factory that is not there', { factory: account(99) }],
    ['no venue', {}],
  ])('behavior: %s: every position has a line that says so', async (_, venues) => {
    configured(venues)
    const { code, lines } = await dryRun(state.kit.anvil.httpUrl, '--block', String(block))
    expect(code).toBe(0)
    expect(ids(positions(lines))).toEqual(liquidatable)
    for (const line of positions(lines))
      expect(line).toMatchObject({ outcome: 'open', reason: expect.stringMatching(/^no-route: .*0x/), block: null, repaid: '0' })
    expect(summary(lines)).toMatchObject({ liquidatable: liquidatable.length, open: liquidatable.length, profitRealisedWei: '0' })
  })

  it('behavior: an earlier block, from before the price fell: nothing to do', async () => {
    configured(NO_FACTORY)
    const { code, lines } = await dryRun(state.kit.anvil.httpUrl, '--block', String(block - 3))
    expect(code).toBe(0)
    expect(lines).toEqual([expect.objectContaining({ liquidatable: 0, open: 0 })])
  })

  it('error: a block before the contracts were made: 75 or 78 and why', async () => {
    configured(NO_FACTORY)
    const { code, err } = await dryRun(state.kit.anvil.httpUrl, '--block', '19000000')
    expect(err).toMatch(/19000000/)
    expect([75, 78]).toContain(code)
  })

  it('error: a block that is still to come', async () => {
    configured(NO_FACTORY)
    const { code, err } = await dryRun(state.kit.anvil.httpUrl, '--block', String(block + 1_000))
    expect({ code, err }).toMatchObject({ code: 78, err: expect.stringContaining(`only come to block ${block}`) })
  })

  // Last: it moves the origin on.
  it('behavior: without --block it follows the head, forks anew at each, leaves the origin alone, and ends with a report', async () => {
    configured(NO_FACTORY)
    const run = bench.start('dry-run', '--fork-url', state.kit.anvil.wsUrl, '--config', 'bulwark.config.json', '--json')
    const closed = () => positions(jsonLines(run.io.outText()))
    const trouble = (): string => run.io.errText().slice(-1_500) + run.io.outText()
    await eventually(trouble, () => closed().length === liquidatable.length)
    await safe.setDaiPerWeth(1_400n)
    const late = idsOf(safe, safe.borrowers)
    await eventually(trouble, () => late.every(id => ids(closed()).includes(id)))
    const another = await state.openWethMarket(91n, [account(9)], 20_000n)
    await another.setDaiPerWeth(2_170n)
    const third = `${another.id} ${account(9)}`
    await eventually(trouble, () => ids(closed()).includes(third))
    run.signal('SIGTERM')
    expect(await run.code).toBe(0)
    const lines = jsonLines(run.io.outText())
    expect(ids(positions(lines))).toEqual([...liquidatable, ...late, third].sort())
    expect(summary(lines)).toMatchObject({ liquidatable: liquidatable.length + 3, closedLater: 0, open: 0 })
    for (const borrower of safe.borrowers) expect(await state.debtShares(safe, borrower)).toBeGreaterThan(0n)
  })
})
