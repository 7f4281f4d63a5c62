// Processes that are killed outright, during the backfill and after it, on real contracts: the next goes on from what was saved, asks for
// what is new alone, and holds what a fresh one holds.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { factoryAbi, morphoAbi, poolAbi } from '../../src/lab/world/abis'
import { createCheckpoints } from '../../src/store/checkpoints'
import { openStateFile } from '../../src/store/state-file'
import { createQuiet } from '../fakes/quiet'
import { calldata } from '../fixtures/chain-kit'
import { createLiquidationWorld, ETHER, type LiquidationWorld, USD, WETH_ABI } from '../fixtures/liquidation-world'
import { type LogProxy, startLogProxy } from '../fixtures/log-proxy'
import { DEPTH, type Life, type LifePlan, openLife } from '../fixtures/restart-life'
import { ROOT } from '../house/tree'

const folder = mkdtempSync(join(tmpdir(), 'bulwark-restart-'))
const file = join(folder, 'state.sqlite')
const children: ChildProcess[] = []
const lives: Life[] = []
let world: LiquidationWorld
let proxy: LogProxy
let plan: LifePlan

beforeAll(async () => {
  world = await createLiquidationWorld(3)
  proxy = await startLogProxy(world.kit.anvil.httpUrl, 60)
  const chainId = Number(await world.kit.rpc.request('eth_chainId'))
  plan = { chainId, url: proxy.url, file, morpho: world.morpho, factory: world.factory }
  await world.kit.rpc.request('anvil_mine', '0x190')
})

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const life of lives) await life.close()
  await proxy.close()
  await world.kit.stop()
  rmSync(folder, { recursive: true })
})

const head = async (): Promise<number> => Number(await world.kit.rpc.request('eth_blockNumber'))

/** The process, and how to wait for a line of it. */
const launch = () => {
  const loader = join(ROOT, 'node_modules/tsx/dist/loader.mjs')
  const script = join(ROOT, 'test/fixtures/restart-life.ts')
  const { chainId, url, morpho, factory } = plan
  const child = spawn(process.execPath, ['--import', loader, script, `${chainId}`, url, file, morpho, factory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const says = async (wanted: RegExp): Promise<string> => {
    while (!wanted.test(text)) await once(child.stdout, 'data')
    return text
  }
  const kill = async (): Promise<void> => {
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }
  return { says, kill }
}

const newestSaved = (): bigint => {
  try {
    const state = openStateFile(file, { isReadOnly: true, log: createQuiet().log })
    const [newest] = createCheckpoints(state, plan.chainId, DEPTH).stored()
    state.close()
    return newest?.blockNumber ?? -1n
  } catch {
    // Not there yet, or just being made.
    return -1n
  }
}

const eventually = async (isSo: () => boolean): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('it did not come to pass')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const live = async (changes: Partial<LifePlan> = {}): Promise<Life> => {
  const life = await openLife({ ...plan, ...changes })
  lives.push(life)
  await life.backfill()
  return life
}

/**
 * What must not depend on how it came about. Without a rate model the contract moves a market's time without a word, and nothing hangs on it.
 */
const holdings = ({ book, venue }: Life) => ({
  state: [...book.save()].map(([name, part]) => [
    name,
    typeof part === 'string' ? part.replace(/"lastUpdateSec":"\d+"/, '') : Buffer.from(part).toString('hex'),
  ]),
  pools: [...venue.pools()]
    .sort((a, b) => (a.address < b.address ? -1 : 1))
    .map(({ address }) => ({ address, state: venue.stateOf(address) })),
})

/** One block of change in a position, one in which a pool is made and one in which it opens. */
const change = async (): Promise<void> => {
  const [borrower] = world.borrowers
  const { kit, morpho, params, weth, usdc, factory } = world
  await kit.act(weth, calldata(WETH_ABI, 'deposit'), { from: borrower!, value: ETHER })
  await kit.act(weth, calldata(WETH_ABI, 'approve', [morpho, ETHER]), { from: borrower! })
  await kit.act(morpho, calldata(morphoAbi, 'supplyCollateral', [params, ETHER, borrower, '0x']), { from: borrower! })
  await kit.act(usdc, calldata(WETH_ABI, 'approve', [morpho, USD]), { from: borrower! })
  await kit.act(morpho, calldata(morphoAbi, 'repay', [params, USD, 0n, borrower, '0x']), { from: borrower! })
  const created = await kit.send(factory, calldata(factoryAbi, 'createPool', [usdc, weth, 500]))
  if (created.status !== 'success') return
  const pool = `0x${created.logs[0]!.data.slice(-40)}` as const
  await kit.act(pool, calldata(poolAbi, 'initialize', [2n ** 96n]))
}

describe('killed outright', () => {
  it('default: during the backfill: the next goes on from where it was', async () => {
    const to = await head()
    const limit = Math.floor(0.7 * to)
    proxy.stallAbove(limit)
    const dying = launch()
    await eventually(() => newestSaved() > BigInt(Math.floor(0.3 * to)))
    await dying.kill()
    const saved = newestSaved()
    expect(saved).toBeLessThan(BigInt(to) - DEPTH)
    proxy.stallAbove(null)
    proxy.reset()
    const next = launch()
    expect(await next.says(/ready/)).toContain(`resumed {"block":"${saved}","folders":["morpho-blue"]}`)
    expect(
      Math.min(
        ...proxy
          .ranges()
          .filter(([, end]) => end > 0)
          .map(([from]) => from),
      ),
    ).toBe(0)
    await change()
    const tip = await head()
    await next.says(new RegExp(`at ${tip}\\b`))
    await next.kill()
  })

  it('behavior: after it: only new blocks are asked for, and all is as a fresh fold has it', async () => {
    const saved = newestSaved()
    expect(saved).toBeGreaterThan(100n)
    await change()
    proxy.reset()
    const next = await live()
    expect(next.lines.filter(line => line.startsWith('resumed'))).toEqual([
      `resumed {"block":"${saved}","folders":["morpho-blue","uniswap-v3"]}`,
    ])
    const ranges = proxy.ranges()
    expect(ranges.length).toBeGreaterThan(0)
    expect(Math.min(...ranges.map(([from]) => from))).toBe(Number(saved) + 1)
    const fresh = await live({ file: null })
    expect(holdings(next)).toEqual(holdings(fresh))
    expect([next.book.size(), next.venue.pools().length]).toEqual([3, 2])
  })
})
