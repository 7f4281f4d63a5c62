// The keeper on an official Aave pool: debt tokens lent by the pools that take the collateral, through the real executor contract, until
// nobody is left who is worth it.
import { encodeFunctionData, parseAbi } from 'viem'
import type { Hex } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'
import type { Plan } from '../../src/core/verdict'
import { type Prices, pricesAt } from '../../src/lab/prices/rounds'
import { readAaveHealth } from '../../src/lab/world/aave/accounting'
import { aaveWorld } from '../../src/lab/world/demo-world'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { WorldAave } from '../../src/lab/world/world'
import { type Lab, leftovers, openLab, type Run } from './lab'

const WAD = 10n ** 18n
const spec = aaveWorld(30)
const allowanceAbi = parseAbi(['function allowance(address owner, address spender) view returns (uint256)'])

/** Opening prices, all but the dollar's times `percent`. */
const pricesAfter = (percent: bigint): Prices =>
  Object.fromEntries(
    Object.entries(pricesAt(spec.prices, spec.openAtBar)).map(([asset, price]) => [asset, (price * percent) / 100n]),
  )

/** How many callbacks stand around the step that lies deepest. */
const depthOf = (steps: readonly Step[]): number =>
  Math.max(0, ...steps.map(step => (step.kind === 'call' && step.callback !== null ? 1 + depthOf(step.callback.program) : 0)))

let lab: Lab
let aave: WorldAave
let run: Run

beforeAll(async () => {
  lab = await openLab(spec, 3)
  aave = lab.world.aave[0]!
}, 60_000)
afterAll(() => lab?.close())
beforeEach(async () => {
  run = await lab.run()
})
afterEach(() => run.close())

const underWater = async (): Promise<readonly string[]> =>
  (await readAaveHealth(lab.world, aave, aave.accounts, { block: 'latest' }))
    .filter(({ healthFactorWad }) => healthFactorWad < WAD)
    .map(({ account }) => account)

/** Prices fall to so much of the opening's, then nothing else happens for two blocks. Gives what was planned. */
const crash = async (percent: bigint): Promise<readonly Plan[]> => {
  const prices = pricesAfter(percent)
  const posts = postTransactions(
    lab.world,
    prices,
    spec.feeds.map(({ id }) => id),
  )
  const arbitrage = arbitrageTransaction(lab.world, prices)
  const plans: Plan[] = []
  for (const build of [{ topOfBlock: [...posts, arbitrage] }, { endOfBlock: [arbitrage] }, { endOfBlock: [arbitrage] }]) {
    const { tick } = await run.play(build)
    expect(tick.end).toBe('done')
    plans.push(...tick.decision.plans)
  }
  return plans
}

describe('Aave v3, by the keeper itself', () => {
  test('default: a crash is cleared, each position as predicted, nothing rests in the executor', async () => {
    const plans: Plan[] = []
    for (const percent of [88n, 79n, 70n]) plans.push(...(await crash(percent)))
    const closed = run.closed()
    expect(new Set(closed.map(({ position }) => position.account)).size).toBeGreaterThanOrEqual(6)
    for (const { position, profitPredictedWei, profitRealisedWei, revenueWei, repaidAssets, seizedAssets } of closed) {
      expect(position).toMatchObject({ strategy: 'aave-v3', market: aave.pool })
      expect(repaidAssets > 0n && seizedAssets > 0n && profitRealisedWei > 0n).toBe(true)
      const error = profitRealisedWei - profitPredictedWei
      expect((error < 0n ? -error : error) * 1_000n).toBeLessThanOrEqual(revenueWei)
    }
    // Pools that pay each other in turn, the liquidation in the innermost callback.
    const depths = plans.flatMap(({ takes }) => takes.map(({ leg }) => depthOf(leg.steps)))
    expect(Math.max(...depths)).toBeGreaterThanOrEqual(2)
    // Who is left is dust that is not worth its gas, and says so each block.
    const left = await underWater()
    const skipped = new Map(run.skips().map(({ position, reason }) => [position.account, reason]))
    for (const account of left) expect(skipped.get(account as Hex)).toMatch(/^(unprofitable|too-thin)$/)
    expect(await leftovers(lab)).toEqual([])
    for (const { token } of aave.reserves) {
      const data = encodeFunctionData({ abi: allowanceAbi, functionName: 'allowance', args: [lab.executor.contract, aave.pool] })
      expect(BigInt(await lab.world.rpc.request<Hex>('eth_call', { to: token.address, data }, 'latest'))).toBe(0n)
    }
  }, 60_000)
})
