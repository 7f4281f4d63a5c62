// `bulwark scan` on real Morpho Blue: the positions of the chain, closest first, for people and for machines.
import { EventEmitter } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCli } from '../../src/cli'
import { createTestIo } from '../fakes/io'
import { createLiquidationWorld, type LiquidationWorld, marketIdOf } from '../fixtures/liquidation-world'

describe('bulwark scan', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulwark-scan-'))
  let world: LiquidationWorld
  beforeAll(async () => {
    world = await createLiquidationWorld()
    const chain = {
      id: Number(await world.kit.rpc.request('eth_chainId')),
      rpc: [world.kit.anvil.wsUrl],
      wrappedNative: world.weth,
      strategies: { 'morpho-blue': { address: world.morpho, fromBlock: 0 } },
    }
    writeFileSync(join(directory, 'bulwark.config.json'), JSON.stringify({ chains: [chain] }))
    writeFileSync(
      join(directory, 'no-code.json'),
      JSON.stringify({ chains: [{ ...chain, wrappedNative: `0x${'99'.repeat(20)}` }] }),
    )
  })
  afterAll(async () => {
    await world.kit.stop()
    rmSync(directory, { recursive: true })
  })

  const call = async (...args: readonly string[]) => {
    const io = createTestIo({ directory, signals: new EventEmitter() })
    const code = await runCli(args, io)
    return { code, out: io.outText(), err: io.errText() }
  }
  const scan = (...args: readonly string[]) => call('scan', ...args)

  it('default: a table of every open position', async () => {
    const { code, out, err } = await scan()
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain(`${world.borrowers.length} open positions`)
    for (const borrower of world.borrowers) expect(out).toContain(borrower)
    expect(out).toContain('liquidatable')
  })

  it('error: a start above the head is bad config, and a start after all that happened is warned of', async () => {
    const height = Number(await world.kit.rpc.request('eth_blockNumber'))
    const from = async (fromBlock: number) => {
      const text = readFileSync(join(directory, 'bulwark.config.json'), 'utf8')
      writeFileSync(join(directory, 'from.json'), text.replace('"fromBlock":0', `"fromBlock":${fromBlock}`))
      return scan('--config', 'from.json')
    }
    const above = await from(height + 1_000)
    expect(above.code).toBe(78)
    expect(above.err).toContain(`fromBlock ${height + 1_000} is above the head`)
    const late = await from(height)
    expect(late.code).toBe(0)
    expect(late.err).toContain('nothing-to-watch')
  })

  it('behavior: --json gives a line each, closest first, --limit as many', async () => {
    const { out } = await scan('--json', '--limit', '2')
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({
      strategy: 'morpho-blue',
      market: marketIdOf(world.params),
      isLiquidatable: true,
      distanceBps: '0',
      collateralAssets: '10000000000000000000',
    })
    expect(world.borrowers).toContain(lines[0]?.account)
    const factors = lines.map(line => BigInt(line.healthFactorWad as string))
    expect(factors).toEqual([...factors].sort((a, b) => (a < b ? -1 : 1)))
  })

  it('error: a contract without code is named', async () => {
    expect(await scan('--config', 'no-code.json')).toMatchObject({ code: 78, err: expect.stringContaining('wrappedNative') })
  })

  it('error: a chain that the configuration does not have', async () => {
    expect(await scan('--chain', '5')).toMatchObject({ code: 78, err: expect.stringContaining('--chain 5') })
  })

  it('behavior: --if lists who would be liquidatable at another price, by symbol or address', async () => {
    const worse = await scan('--if', 'weth=-10%')
    expect({ code: worse.code, err: worse.err }).toEqual({ code: 0, err: '' })
    expect(worse.out).toContain(`if weth falls 10 %: ${world.borrowers.length} positions could be liquidated`)
    for (const borrower of world.borrowers) expect(worse.out).toContain(borrower)
    const rows = (await scan('--json', '--limit', '2', '--if', `${world.weth}=-10%`)).out.trim().split('\n')
    expect(rows.map(row => JSON.parse(row) as object)).toEqual(
      Array.from({ length: 2 }, () =>
        expect.objectContaining({ payToken: world.usdc, receiveToken: world.weth, receiveAssets: '10000000000000000000' }),
      ),
    )
    // At 1,250 USD ten WETH carry the 9,000 USDC.
    expect((await scan('--if', 'USDC=-20%')).out).toContain(': 0 positions could be liquidated')
    expect(await scan('--if', 'DOGE=-1%')).toMatchObject({ code: 78, err: expect.stringContaining('"DOGE"') })
  })

  it('behavior: what-if shows the debt at risk at each fall', async () => {
    const { code, out, err } = await call('what-if', '--token', 'WETH', '--falls', '5,1')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('1 %')
    expect(out).toContain(`${world.borrowers.length} positions`)
    const row = JSON.parse((await call('what-if', '--token', world.usdc, '--falls', '1,20', '--json')).out) as object
    expect(row).toEqual({
      chain: expect.any(Number),
      block: expect.any(String),
      token: world.usdc,
      fallsBps: ['100', '2000'],
      strategy: 'morpho-blue',
      market: marketIdOf(world.params),
      debtToken: world.usdc,
      debtAssets: [expect.stringMatching(/^[1-9]\d+$/), '0'],
      positions: [world.borrowers.length, 0],
    })
  })
})
