// `bulwark dry-run` on lab worlds: any chain id, any addresses, a factory or a list of pools, and everything a person can get wrong.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { createBuilder } from '../../src/lab/builder/builder'
import { pricesAt } from '../../src/lab/prices/rounds'
import { createWorld, worldAnvilArgs } from '../../src/lab/world/create-world'
import { smallWorld } from '../../src/lab/world/demo-world'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { World } from '../../src/lab/world/world'
import { createWorkbench, jsonLines, type Workbench } from '../fixtures/cli-run'

const CHAIN_ID = 8453
/** Deep in the crash: most positions are under water, some beyond their collateral. */
const CRASH_BAR = 200
const NOWHERE = `0x${'99'.repeat(20)}`
const QUICK = { requestsPerSecond: 100_000 }

const crash = async (anvil: Anvil, world: World): Promise<void> => {
  const builder = await createBuilder({ rpcUrl: anvil.httpUrl })
  const prices = pricesAt(world.spec.prices, CRASH_BAR)
  const feeds = world.feeds.map(({ id }) => id)
  const block = await builder.buildBlock({
    topOfBlock: [...postTransactions(world, prices, feeds), arbitrageTransaction(world, prices)],
  })
  expect(block.included.every(({ ok }) => ok)).toBe(true)
  await builder.close()
}

describe('bulwark dry-run', () => {
  let anvil: Anvil
  let world: World
  let bench: Workbench
  let head: number

  beforeAll(async () => {
    bench = createWorkbench()
    const spec = smallWorld(4)
    anvil = await startAnvil({ args: worldAnvilArgs(spec), chainId: CHAIN_ID })
    world = await createWorld(anvil, spec, 11)
    await crash(anvil, world)
    head = Number(await world.rpc.request('eth_blockNumber'))
  })
  afterAll(async () => {
    await bench?.close()
    world?.rpc.close()
    await anvil?.stop()
  })

  const chainOf = (more: Readonly<Record<string, unknown>> = {}) => ({
    id: CHAIN_ID,
    rpc: [anvil.wsUrl],
    wrappedNative: world.contracts.wrappedNative,
    strategies: { 'morpho-blue': { address: world.contracts.morpho, fromBlock: 0 } },
    venues: { 'uniswap-v3': { factory: world.contracts.factory } },
    limits: QUICK,
    ...more,
  })
  const dryRun = async (chains: readonly unknown[], args: readonly string[], url = anvil.httpUrl) => {
    const config = bench.file('config.json', { chains })
    const ended = await bench.run('dry-run', '--fork-url', url, '--config', config, '--json', ...args)
    return { ...ended, lines: jsonLines(ended.out), complaint: jsonLines(ended.err).find(line => line.event === 'failed') }
  }

  it.each([
    ['a factory', () => ({ factory: world.contracts.factory })],
    ['a list of pools', () => ({ pools: world.pools.map(pool => pool.address) })],
    ['both', () => ({ factory: world.contracts.factory, pools: world.pools.map(pool => pool.address) })],
  ])('default: with %s, positions of every decimals are closed; what stays open says why, with numbers', async (_, venue) => {
    const { code, lines } = await dryRun([chainOf({ venues: { 'uniswap-v3': venue() } })], ['--block', String(head)])
    expect(code).toBe(0)
    const positions = lines.slice(0, -1)
    const closed = positions.filter(line => line.outcome === 'included')
    expect(new Set(closed.map(line => line.market)).size).toBeGreaterThanOrEqual(4)
    for (const line of positions)
      expect(Object.keys(line)).toEqual([
        'position',
        'market',
        'outcome',
        'reason',
        'repaid',
        'seized',
        'profitPredictedWei',
        'profitRealisedWei',
        'gasUsed',
        'block',
      ])
    for (const line of positions.filter(each => each.outcome !== 'included'))
      expect(line).toMatchObject({ outcome: 'open', reason: expect.stringMatching(/^[a-z-]+: .*\d/), block: null })
    expect(lines.at(-1)).toMatchObject({ liquidatable: positions.length, open: positions.length - closed.length })
    expect(lines.at(-1)?.worstPredictionErrorPct).toBeLessThan(0.1)
    expect(Number(await world.rpc.request('eth_blockNumber'))).toBe(head)
  })

  it('behavior: for people, a table and no JSON', async () => {
    const config = bench.file('config.json', { chains: [chainOf()] })
    const { code, out } = await bench.run('dry-run', '--fork-url', anvil.wsUrl, '--config', config, '--block', String(head))
    expect(code).toBe(0)
    expect(out).toMatch(/position.*market.*end.*block.*net profit/)
    expect(out).toMatch(/liquidatable \d+ · closed in the first block \d+/)
    expect(out).not.toContain('{')
  })

  it('behavior: of several chains the one that the endpoint serves', async () => {
    const { code, lines } = await dryRun([chainOf({ id: 1 }), chainOf()], ['--block', String(head)])
    expect(code).toBe(0)
    expect(lines.at(-1)?.liquidatable).toBeGreaterThan(0)
  })

  it('behavior: stopped before it began: 130, and nothing is left running', async () => {
    const config = bench.file('config.json', { chains: [chainOf({ limits: { requestsPerSecond: 1 } })] })
    const run = bench.start('dry-run', '--fork-url', anvil.httpUrl, '--config', config)
    setTimeout(() => run.signal('SIGINT'), 300)
    expect(await run.code).toBe(130)
    expect(run.io.outText()).toBe('')
  })

  describe('bad input', () => {
    let html: Server
    const htmlUrl = (): string => `http://127.0.0.1:${(html.address() as AddressInfo).port}/token-0123456789`
    beforeAll(async () => {
      html = createServer((_, response) => response.end('<html>It works!</html>'))
      await new Promise<void>(resolve => html.listen(0, '127.0.0.1', resolve))
    })
    afterAll(async () => {
      html.closeAllConnections()
      await new Promise(resolve => html.close(resolve))
    })

    it('error: another chain id: which it is and which it should be', async () => {
      const { code, complaint, err } = await dryRun([chainOf({ id: 10 })], ['--block', String(head)])
      expect(code).toBe(78)
      expect(complaint).toMatchObject({ code: 'wrong-chain', message: expect.stringMatching(/serves chain 8453.*says 10/) })
      expect(err).not.toContain('    at ')
    })

    it('error: none of several chains', async () => {
      const { code, complaint } = await dryRun([chainOf({ id: 10 }), chainOf({ id: 42161 })], [])
      expect({ code, complaint }).toMatchObject({ code: 78, complaint: { message: expect.stringContaining('10, 42161') } })
    })

    it.each([
      ['strategies.morpho-blue.address', { strategies: { 'morpho-blue': { address: NOWHERE, fromBlock: 0 } } }],
      ['wrappedNative', { wrappedNative: NOWHERE }],
    ])('error: %s without code', async (key, change) => {
      const { code, complaint } = await dryRun([chainOf(change)], ['--block', String(head)])
      expect(code).toBe(78)
      expect(complaint).toMatchObject({ code: 'no-code', message: expect.stringContaining(key) })
      expect(complaint?.message).toContain(NOWHERE)
    })

    it('error: a block from before the deployment: names it', async () => {
      const { code, complaint } = await dryRun([chainOf()], ['--block', '0'])
      expect(code).toBe(78)
      expect(complaint).toMatchObject({ code: 'no-code', message: expect.stringMatching(/^at block 0: /) })
    })

    it('error: a URL that is no node: 75, without what may be a key', async () => {
      const { code, complaint, err } = await dryRun([chainOf()], ['--block', String(head)], htmlUrl())
      expect(code).toBe(75)
      expect(complaint?.message).toMatch(/--fork-url must be the RPC endpoint of a running Ethereum node: .*127\.0\.0\.1/)
      expect(err).not.toContain('token-0123456789')
    })

    it('error: nobody there', async () => {
      const { code, complaint } = await dryRun([chainOf()], [], 'ws://127.0.0.1:9')
      expect(code).toBe(75)
      expect(complaint).toMatchObject({ code: 'rpc-failed', message: expect.stringContaining('127.0.0.1:9') })
    })
  })
})
