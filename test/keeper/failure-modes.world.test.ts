// What existing keepers get wrong, by the numbers (K1 and so on) under which the house keeps the list; here on the real chain: each of
// these fails on the behaviour that it is named for.
import { encodeFunctionData } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import { Liquidator } from '../../src/executor/liquidator-artifact'
import type { UnsignedCall } from '../../src/lab/builder/transaction'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import { CROWD, type CrowdLab, dropTransactions, openCrowd, playDrop } from './crowd'
import { leftovers, liquidatedIn, type Run, readUnderWater } from './lab'

const POSITIONS = 10
const DROPPED = 47.5

let lab: CrowdLab

beforeAll(async () => {
  lab = await openCrowd({ ...CROWD, each: POSITIONS / 2, depthUsd: 400_000 }, 4)
}, 60_000)

afterAll(() => lab?.close())

/** The feed and arbitrage once more, `bps` hundredths of a percent from where they stand. */
const moveBy = (bps: number): readonly UnsignedCall[] => {
  const prices = { ETH: 200n * 10n ** 18n, GEM: BigInt(Math.round(DROPPED * (1 + bps / 10_000) * 1e12)) * 10n ** 6n }
  return [...postTransactions(lab.world, prices, ['GEM / USD']), arbitrageTransaction(lab.world, prices)]
}

const balanceOf = async (account: Address): Promise<bigint> => {
  const data = `0x70a08231${account.slice(2).padStart(64, '0')}`
  return BigInt(await lab.world.rpc.request<Hex>('eth_call', { to: lab.world.contracts.wrappedNative, data }, 'latest'))
}

const withRun = async (keys: number, test: (run: Run) => Promise<void>, config: Readonly<Record<string, unknown>> = {}) => {
  const run = await lab.run({ keys, config })
  await test(run)
  await run.close()
}

const kinds = (run: Run): readonly string[] => [...new Set(run.store.outcomes().map(({ kind }) => kind))]

describe('failure modes of keepers', () => {
  test('K1: ten positions at once on one key: all closed in the next block, no nonce used twice', () =>
    withRun(1, async run => {
      const { tick, all } = await playDrop(lab, run)
      expect(all).toHaveLength(POSITIONS)
      const nonces = tick.execution?.sent.map(({ nonce }) => nonce) ?? []
      expect(new Set(nonces).size).toBe(nonces.length)
      await run.play()
      expect(run.closed()).toHaveLength(POSITIONS)
    }))

  test('K3: a refused attempt locks nothing out: the next block tries again and closes', () =>
    withRun(1, async run => {
      lab.builder.misbehave('400-string')
      const { tick } = await playDrop(lab, run)
      expect(tick.execution?.sent).toHaveLength(1)
      lab.builder.misbehave('ok')
      const second = await run.play()
      expect(second.tick.outcomes.map(({ kind }) => kind)).toEqual(['refused-by-relay'])
      expect(second.tick.execution?.sent.flatMap(({ positions }) => positions)).toHaveLength(POSITIONS)
      await run.play()
      expect(run.closed()).toHaveLength(POSITIONS)
    }))

  test.each([-50, -10, -1, 1, 10])(
    'K5: a tick of %i bps and its arbitrage before our transaction neither reverts it nor leaves dust in the executor',
    bps =>
      withRun(4, async run => {
        await playDrop(lab, run)
        await run.play({ topOfBlock: moveBy(bps) })
        expect(run.closed()).toHaveLength(POSITIONS)
        expect(kinds(run)).toEqual(['included'])
        expect(await leftovers(lab)).toEqual([])
      }),
  )

  test('K5: where a move takes more than the floor allows, that leg alone waits a block; a lower floor closes it at once', async () => {
    // Half a percent more on the oracle, while the pools stay within their fees: a fifth of what the 91.5 % market earns.
    await withRun(4, async run => {
      await playDrop(lab, run)
      await run.play({ topOfBlock: moveBy(50) })
      const open = await readUnderWater(lab.world)
      expect(new Set(open.map(({ market }) => market.name))).toEqual(new Set(['GEM/LUSD']))
      const missed = run.store.outcomes().flatMap(({ positions }) => positions.filter(({ outcome }) => outcome !== 'included'))
      for (const { reason } of missed) expect(reason).toMatch(/LegFloor|not in block/)
      await run.play()
      expect(run.closed()).toHaveLength(POSITIONS)
      expect(await leftovers(lab)).toEqual([])
    })
    await withRun(
      4,
      async run => {
        await playDrop(lab, run)
        await run.play({ topOfBlock: moveBy(50) })
        expect(run.closed()).toHaveLength(POSITIONS)
        expect(await leftovers(lab)).toEqual([])
      },
      { floorShareBps: 5_000 },
    )
  })

  test("K6: interest runs to the target block's time, years from the wall clock: repaid to the unit", () =>
    withRun(1, async run => {
      const day = 86_400n
      const quiet = await run.play()
      expect(Math.abs(Number(quiet.block.timestampSec) - Date.now() / 1_000)).toBeGreaterThan(365 * 86_400)
      // A day's interest that no event tells of.
      await run.play({ timestampSec: quiet.block.timestampSec + day })
      const { tick } = await run.play({ topOfBlock: dropTransactions(lab.world) })
      const { block } = await run.play({ timestampSec: tick.target?.timestampSec ?? 0n })
      const liquidated = await liquidatedIn(lab.world, block.number)
      expect(liquidated).toHaveLength(POSITIONS)
      const seen = new Set<string>()
      for (const { id, borrower, repaidAssets, seizedAssets } of liquidated) {
        const ours = run.closed().find(({ position }) => position.account === borrower)
        // Each liquidation's roundings move the share price for those after it, by a unit at most.
        const slack = seen.has(id) ? 1n : 0n
        seen.add(id)
        expect(repaidAssets - ours!.repaidAssets).toBeLessThanOrEqual(slack)
        expect(ours!.repaidAssets - repaidAssets).toBeLessThanOrEqual(slack)
        if (slack === 0n) expect(ours!.seizedAssets).toBe(seizedAssets)
      }
      expect(seen.size).toBe(2)
    }))

  test('K6: a block that comes minutes after its slot still closes them', () =>
    withRun(1, async run => {
      const { tick } = await playDrop(lab, run)
      await run.play({ timestampSec: (tick.target?.timestampSec ?? 0n) + 300n })
      expect(run.closed()).toHaveLength(POSITIONS)
      expect(await leftovers(lab)).toEqual([])
    }))

  test('K7: profit that goes to a treasury is profit: measured by the contract, to the wei', async () => {
    const treasury: Address = `0x${'7e'.repeat(20)}`
    const data = encodeFunctionData({ abi: Liquidator.abi, functionName: 'setRecipient', args: [treasury] })
    const { contract, owner, signers } = lab.executor
    await withRun(1, async run => {
      await run.play({ topOfBlock: [{ from: owner, to: contract, data, gas: 500_000n }] })
      await playDrop(lab, run)
      const before = await balanceOf(treasury)
      await run.play()
      const realised = run.store.outcomes().map(outcome => outcome.realised)
      const earned = realised.reduce((sum, profit) => sum + (profit?.revenueWei ?? 0n) - (profit?.bidWei ?? 0n), 0n)
      expect(run.closed()).toHaveLength(POSITIONS)
      expect(earned).toBeGreaterThan(0n)
      expect((await balanceOf(treasury)) - before).toBe(earned)
      expect(await balanceOf(signers[0]!.address)).toBe(0n)
    })
  })

  test('K9: a relay that accepts and a builder that never includes: nothing counts as closed, and the block after closes', () =>
    withRun(1, async run => {
      lab.builder.misbehave('never-includes')
      const { tick } = await playDrop(lab, run)
      expect(tick.execution?.sent[0]?.replies).toMatchObject([{ reply: { kind: 'accepted' } }])
      lab.builder.misbehave('never-includes')
      const missed = await run.play()
      expect(missed.tick.outcomes.map(({ kind }) => kind)).toEqual(['missed'])
      expect([run.closed(), (await readUnderWater(lab.world)).length]).toEqual([[], POSITIONS])
      lab.builder.misbehave('ok')
      await run.play()
      expect(run.closed()).toHaveLength(POSITIONS)
    }))

  test('K21: each of a wave is priced on the pools as those before it leave them, not as if alone', async () => {
    let wave: Run['closed'] = () => []
    await withRun(1, async run => {
      await playDrop(lab, run)
      await run.play()
      wave = run.closed
      expect(wave()).toHaveLength(POSITIONS)
      for (const { profitPredictedWei, profitRealisedWei, revenueWei } of wave()) {
        const error = profitRealisedWei - profitPredictedWei
        expect((error < 0n ? -error : error) * 1_000n).toBeLessThanOrEqual(revenueWei)
      }
    })
    // The last one earns visibly less than it would alone: what a quote of its own would have promised.
    const last = wave().at(-1)!
    await withRun(
      1,
      async run => {
        await playDrop(lab, run)
        await run.play()
        const [alone] = run.closed()
        expect(alone?.position.account).toBe(last.position.account)
        expect(last.revenueWei * 100n).toBeLessThan((alone?.revenueWei ?? 0n) * 99n)
      },
      { accounts: { allow: [last.position.account] } },
    )
  })
})
