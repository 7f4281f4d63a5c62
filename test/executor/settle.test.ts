// How what was sent ends: only our own blocks say so, once for each transaction.
import type { Outcome, Plan } from '../../src/core/verdict'
import { createFakeRelay } from '../fakes/relay'
import { accountOf, blockAt, createWorld, ETHER, planOf, takeOf } from './harness'

const parent = blockAt(100n)
const target = blockAt(101n)
const onePosition = (n: number): Plan => planOf([takeOf(n)], parent)
const kinds = (outcomes: readonly Outcome[]): readonly string[] => outcomes.map(outcome => outcome.kind)

describe('settle', () => {
  test('default: included: profit as the contract measured it, gas as the receipt says', async () => {
    const world = createWorld()
    const { sent } = await world.executor.execute([onePosition(1)], parent)
    world.script(1, { kind: 'ok', gainWei: (ETHER * 99n) / 100n })
    const receipt = world.include(sent[0]!.hash, target)
    const outcomes = await world.settle(target, { receipts: [receipt] })
    expect(kinds(outcomes)).toEqual(['included'])
    const [outcome] = outcomes
    const gasWei = receipt.gasUsed * receipt.effectiveGasPriceWei
    expect(outcome?.realised?.revenueWei).toBe((ETHER * 99n) / 100n)
    expect(outcome?.realised?.gasWei).toBe(gasWei)
    expect(outcome?.realised?.netWei).toBe((outcome?.realised?.revenueWei ?? 0n) - gasWei - (outcome?.realised?.bidWei ?? 0n))
    expect(outcome?.predicted).toEqual(sent[0]?.predicted)
    expect(outcome?.positions).toEqual([
      expect.objectContaining({
        outcome: 'included',
        repaidAssets: 1_000_000n,
        seizedAssets: 2_000_000n,
        profitRealisedWei: outcome?.realised?.netWei,
      }),
    ])
    expect(world.store.outcomes()).toEqual(outcomes)
  })

  test("K7: profit is measured by the contract's own events: the key's balance, which only pays gas, is not asked", async () => {
    const world = createWorld()
    await world.executor.prepare()
    const before = world.asked.length
    const { sent } = await world.executor.execute([onePosition(1)], parent)
    world.setBalance(0n)
    const [outcome] = await world.settle(target, { receipts: [world.include(sent[0]!.hash, target)] })
    expect(outcome?.realised?.netWei).toBeGreaterThan(ETHER / 2n)
    expect(world.asked.slice(before)).not.toContain('balance')
  })

  test('K9: accepted by every relay is no inclusion: only the block is', async () => {
    const world = createWorld({ relays: [createFakeRelay('a'), createFakeRelay('b')] })
    await world.executor.execute([onePosition(1)], parent)
    expect(world.store.outcomes()).toEqual([])
    const outcomes = await world.settle(target)
    expect(kinds(outcomes)).toEqual(['missed'])
    expect(outcomes[0]?.realised).toBeNull()
    expect(outcomes[0]?.reason).toContain('a: accepted')
  })

  test('behavior: an empty target block ends what was for it without a request', async () => {
    const world = createWorld({ keys: 2 })
    await world.executor.execute([onePosition(1), onePosition(2)], parent)
    const before = world.asked.length
    expect(kinds(await world.settle(blockAt(101n, { gasUsed: 0n })))).toEqual(['missed', 'missed'])
    expect(world.asked.slice(before)).toEqual([])
  })

  test('behavior: each transaction ends once', async () => {
    const world = createWorld({ keys: 2 })
    await world.executor.execute([onePosition(1), onePosition(2)], parent)
    expect(await world.settle(parent)).toEqual([])
    expect(await world.settle(target)).toHaveLength(2)
    expect(await world.settle(blockAt(102n))).toEqual([])
    expect(world.store.outcomes()).toHaveLength(2)
    expect(world.executor.inFlight()).toEqual({ count: 0, positions: [], ceilingWei: 0n })
  })

  test('behavior: a missed bundle consumed no nonce, an included one did', async () => {
    const world = createWorld()
    const first = await world.executor.execute([onePosition(1)], parent)
    await world.settle(target)
    const second = await world.executor.execute([planOf([takeOf(1)], target)], target)
    expect(second.sent[0]?.nonce).toBe(first.sent[0]?.nonce)
    world.include(second.sent[0]!.hash, blockAt(102n))
    await world.settle(blockAt(102n))
    const third = await world.executor.execute([planOf([takeOf(2)], blockAt(102n))], blockAt(102n))
    expect(third.sent[0]?.nonce).toBe((second.sent[0]?.nonce ?? 0) + 1)
  })

  test('behavior: gone from the index and not by us: taken by another', async () => {
    const world = createWorld()
    await world.executor.execute([onePosition(1)], parent)
    const outcomes = await world.settle(target, { stillOpen: () => false })
    expect(kinds(outcomes)).toEqual(['taken-by-other'])
  })

  test('behavior: a leg that failed in the block is told apart: taken by another, or missed with the reason', async () => {
    const world = createWorld()
    const { sent } = await world.executor.execute([planOf([takeOf(1), takeOf(2), takeOf(3)], parent)], parent)
    world.script(2, { kind: 'failed', reason: 'position is healthy' })
    world.script(3, { kind: 'failed', reason: 'LegFloor' })
    world.include(sent[0]!.hash, target)
    const [outcome] = await world.settle(target, { stillOpen: position => position.account !== accountOf(2) })
    expect(outcome?.positions.map(each => each.outcome)).toEqual(['included', 'taken-by-other', 'missed'])
    expect(outcome?.positions[2]?.reason).toBe('LegFloor')
    const total = outcome?.positions.reduce((sum, each) => sum + each.profitRealisedWei, 0n)
    expect(total).toBe(outcome?.realised?.netWei)
    expect(outcome?.positions.reduce((sum, each) => sum + each.gasUsed, 0n)).toBe(outcome?.gasUsed)
  })

  test('behavior: included and reverted costs its gas and says so', async () => {
    const world = createWorld()
    const { sent } = await world.executor.execute([onePosition(1)], parent)
    const receipt = world.include(sent[0]!.hash, target, true)
    const [outcome] = await world.settle(target)
    expect(outcome?.kind).toBe('included-reverted')
    expect(outcome?.realised).toEqual({
      revenueWei: 0n,
      gasWei: receipt.gasUsed * receipt.effectiveGasPriceWei,
      bidWei: 0n,
      netWei: -receipt.gasUsed * receipt.effectiveGasPriceWei,
    })
  })

  test('error: refused by all relays: the outcome names each with its words', async () => {
    const relays = ['a', 'b'].map(name =>
      createFakeRelay(name, () => ({ kind: 'refused', class: 'auth', message: `no ${name}` })),
    )
    const world = createWorld({ relays })
    await world.executor.execute([onePosition(1)], parent)
    const [outcome] = await world.settle(target)
    expect(outcome?.kind).toBe('refused-by-relay')
    expect(outcome?.reason).toBe('a: auth: no a; b: auth: no b')
    expect(outcome?.positions[0]?.outcome).toBe('refused-by-relay')
  })

  test('behavior: a relay that reported failure but landed the bundle all the same: included', async () => {
    const world = createWorld({
      relays: [createFakeRelay('a', () => ({ kind: 'refused', class: 'retry', message: 'no answer within 1500 ms' }))],
    })
    const { sent } = await world.executor.execute([onePosition(1)], parent)
    world.include(sent[0]!.hash, target)
    expect(kinds(await world.settle(target))).toEqual(['included'])
  })

  test('error: a receipt that can not be had now is asked for again with the next block', async () => {
    const world = createWorld()
    const { sent } = await world.executor.execute([onePosition(1)], parent)
    world.include(sent[0]!.hash, target)
    world.breakNext('receipt')
    await expect(world.settle(target)).rejects.toThrow('receipt broke')
    expect(world.executor.inFlight().count).toBe(1)
    expect(kinds(await world.settle(blockAt(102n)))).toEqual(['included'])
  })

  test("behavior: the block's own receipts answer without a request", async () => {
    const world = createWorld()
    const { sent } = await world.executor.execute([onePosition(1)], parent)
    const other = { ...world.include(sent[0]!.hash, target), transactionHash: '0xff' as const }
    world.receipts.clear()
    const before = world.asked.length
    expect(kinds(await world.settle(target, { receipts: [other] }))).toEqual(['missed'])
    expect(world.asked.slice(before)).toEqual([])
  })

  test('behavior: three misses in a row: the nonce is read again, off the hot path', async () => {
    const world = createWorld()
    world.setNonce(5)
    for (let n = 0n; n < 3n; n++) {
      await world.executor.execute([planOf([takeOf(1)], blockAt(100n + n))], blockAt(100n + n))
      if (n === 2n) world.setNonce(9)
      await world.settle(blockAt(101n + n))
    }
    await world.executor.drain()
    const { sent } = await world.executor.execute([planOf([takeOf(1)], blockAt(103n))], blockAt(103n))
    expect(sent[0]?.nonce).toBe(9)
    expect(world.log.lines).toContainEqual(expect.objectContaining({ event: 'nonce-resynced' }))
  })

  describe('reorgs', () => {
    test('default: an inclusion that a reorg removed is corrected by a second line', async () => {
      const world = createWorld()
      const { sent } = await world.executor.execute([onePosition(1)], parent)
      world.include(sent[0]!.hash, target)
      await world.settle(target)
      world.receipts.clear()
      await world.settle(blockAt(102n), { reorgFrom: 101n })
      expect(kinds(world.store.outcomes())).toEqual(['included', 'missed'])
      expect(world.store.outcomes()[1]?.reason).toMatch(/correction after a reorg, before included in block 101/)
    })

    test('behavior: a miss that turns out included in the new block is corrected too', async () => {
      const world = createWorld()
      const { sent } = await world.executor.execute([onePosition(1)], parent)
      await world.settle(target)
      world.include(sent[0]!.hash, blockAt(101n, { hash: '0xnew' as `0x${string}` }))
      await world.settle(blockAt(102n), { reorgFrom: 101n })
      expect(kinds(world.store.outcomes())).toEqual(['missed', 'included'])
    })

    test('behavior: a chain that went back below the target may include it yet: its end waits, its key is read again at once', async () => {
      const world = createWorld()
      const { sent } = await world.executor.execute([onePosition(1)], parent)
      world.include(sent[0]!.hash, target)
      await world.settle(target)
      world.receipts.clear()
      const asked = world.asked.length
      await world.settle(blockAt(100n, { hash: '0xother' as `0x${string}` }), { reorgFrom: 100n })
      expect(world.asked.slice(asked)).toEqual(expect.arrayContaining(['nonce', 'balance']))
      expect(kinds(world.store.outcomes())).toEqual(['included'])
      world.include(sent[0]!.hash, blockAt(101n, { hash: '0xnew' as `0x${string}` }))
      await world.settle(blockAt(101n, { hash: '0xnew' as `0x${string}` }))
      expect(kinds(world.store.outcomes())).toEqual(['included', 'included'])
      expect(world.store.outcomes()[1]?.reason).toMatch(/correction after a reorg/)
      await world.settle(blockAt(102n))
      expect(world.store.outcomes()).toHaveLength(2)
    })

    test('behavior: a reorg of later blocks changes nothing', async () => {
      const world = createWorld()
      await world.executor.execute([onePosition(1)], parent)
      await world.settle(target)
      await world.settle(blockAt(103n), { reorgFrom: 102n })
      expect(world.store.outcomes()).toHaveLength(1)
    })
  })

  describe('drain', () => {
    test('default: ends what is in flight from the latest block', async () => {
      const world = createWorld({ policy: { drainTimeoutMs: 1_000 } })
      const { sent } = await world.executor.execute([onePosition(1)], parent)
      world.include(sent[0]!.hash, target)
      expect(kinds(await world.executor.drain())).toEqual(['included'])
    })

    test('behavior: what can not be known in time is abandoned, once', async () => {
      const world = createWorld()
      await world.executor.execute([onePosition(1)], parent)
      expect(kinds(await world.executor.drain())).toEqual(['abandoned'])
      expect(await world.executor.drain()).toEqual([])
    })
  })
})
