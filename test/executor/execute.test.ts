// Plans in, bundles out: what is sent, what is held back and why, on a scripted chain.
import { parseTransaction } from 'viem'
import type { Hex } from '../../src/core/primitives'
import type { Plan, Skip } from '../../src/core/verdict'
import type { RelayReply } from '../../src/ports'
import { createFakeRelay } from '../fakes/relay'
import { blockAt, createWorld, decodeRun, ETHER, GWEI, planOf, takeOf, type World } from './harness'

const parent = blockAt(100n)
const onePosition = (n: number, more = {}): Plan => planOf([takeOf(n, more)], parent)
const reasons = (skips: readonly Skip[]): readonly string[] => skips.map(skip => skip.reason)
const transactionOf = (world: World, hash: Hex) => parseTransaction(world.rawOf(hash))
const runOf = (world: World, hash: Hex) => decodeRun(transactionOf(world, hash).data ?? '0x')
const refusing = (name: string, reply: RelayReply) => createFakeRelay(name, () => reply)

describe('execute', () => {
  test('default: one plan becomes one simulated, signed, sent transaction', async () => {
    const world = createWorld()
    const report = await world.executor.execute([onePosition(1)], parent)
    expect(report.skips).toEqual([])
    expect(report.sent).toHaveLength(1)
    const sent = report.sent[0]!
    const effectiveWei = 10n * GWEI + 10_000_000n
    expect(sent.predicted).toEqual({
      revenueWei: ETHER,
      gasWei: 340_000n * effectiveWei,
      bidWei: ((ETHER - 340_000n * effectiveWei) * 2_500n) / 10_000n,
      netWei: sent.predicted.netWei,
    })
    expect(transactionOf(world, sent.hash)).toMatchObject({
      nonce: 5,
      gas: 472_000n,
      maxFeePerGas: 11_260_000_000n,
      maxPriorityFeePerGas: 10_000_000n,
    })
    expect(world.simulated).toHaveLength(1)
    expect(world.relays[0]?.bundles).toEqual([expect.objectContaining({ targetBlock: 101n, revertingHashes: [] })])
    expect(sent.replies).toEqual([{ relay: 'one', reply: { kind: 'accepted', bundleHash: '0xb' } }])
  })

  test('behavior: the order carries the simulated cost and a floor of 90 % of the predicted net, never zero', async () => {
    const world = createWorld()
    const { sent } = await world.executor.execute([onePosition(1)], parent)
    const { order } = runOf(world, sent[0]!.hash)
    expect(order).toMatchObject({
      lastBlock: 101n,
      deadlineSec: parent.timestampSec + 72n,
      bidShareBps: 2_500n,
      payee: { kind: 'coinbase' },
    })
    expect(order.costWei).toBe(sent[0]!.predicted.gasWei)
    expect(order.floorWei).toBe((sent[0]!.predicted.netWei * 9_000n) / 10_000n)
    expect(order.floorWei).toBeGreaterThan(0n)
  })

  test('behavior: several legs: the floor is that of the smallest, so that the others may fail', async () => {
    const world = createWorld()
    world.script(2, { kind: 'ok', gainWei: ETHER / 10n })
    const { sent } = await world.executor.execute([planOf([takeOf(1), takeOf(2, { revenueWei: ETHER / 10n })], parent)], parent)
    const { order } = runOf(world, sent[0]!.hash)
    expect(order.floorWei).toBeGreaterThan(1n)
    expect(order.floorWei).toBeLessThan((ETHER / 10n) * 9n)
    expect(order.floorWei).toBeLessThan(ETHER / 10n)
  })

  test('behavior: after the first block, a send asks the chain for one simulation and nothing else', async () => {
    const world = createWorld()
    await world.executor.prepare()
    const before = world.asked.length
    await world.executor.execute([onePosition(1)], parent)
    expect(world.asked.slice(before)).toEqual(['simulate'])
  })

  test('K1: ten positions at once on one key: consecutive nonces, never two transactions with one nonce', async () => {
    const world = createWorld()
    const plans = Array.from({ length: 10 }, (_, n) => onePosition(n + 1))
    const { sent } = await world.executor.execute(plans, parent)
    expect(sent.map(each => transactionOf(world, each.hash).nonce)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    const bundles = world.relays[0]?.bundles ?? []
    expect(bundles.map(bundle => bundle.rawTransactions.length)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    const all = new Set(bundles.flatMap(bundle => bundle.rawTransactions))
    expect(all.size).toBe(10)
    expect(world.simulated[0]).toHaveLength(10)
  })

  test('K1: ten positions at once on ten keys: ten bundles of one transaction', async () => {
    const world = createWorld({ keys: 10 })
    const plans = Array.from({ length: 10 }, (_, n) => onePosition(n + 1))
    const { sent } = await world.executor.execute(plans, parent)
    expect(new Set(sent.map(each => each.key)).size).toBe(10)
    expect(world.relays[0]?.bundles.map(bundle => bundle.rawTransactions.length)).toEqual(Array(10).fill(1))
  })

  test('behavior: no position is under two nonces: what is in flight for the block is not sent again', async () => {
    const world = createWorld({ keys: 2 })
    await world.executor.execute([onePosition(1)], parent)
    expect(world.executor.isInFlight(takeOf(1).position, 101n)).toBe(true)
    expect(world.executor.isInFlight(takeOf(1).position, 102n)).toBe(false)
    const again = await world.executor.execute([onePosition(1), onePosition(2)], parent)
    expect(again.skips.map(skip => [skip.reason, skip.position.account])).toEqual([['in-flight', takeOf(1).position.account]])
    expect(again.sent).toHaveLength(1)
    expect(world.executor.inFlight().count).toBe(2)
  })

  test('K10: a leg that fails its simulation is left out, and the rest is simulated again before it is sent', async () => {
    const world = createWorld()
    world.script(2, { kind: 'failed', reason: 'position is healthy' })
    const { sent, skips } = await world.executor.execute([planOf([takeOf(1), takeOf(2), takeOf(3)], parent)], parent)
    expect(skips).toEqual([
      expect.objectContaining({ reason: 'failed-simulation', message: 'position is healthy', position: takeOf(2).position }),
    ])
    expect(runOf(world, sent[0]!.hash).accounts).toEqual([takeOf(1).position.account, takeOf(3).position.account])
    expect(decodeRun(world.simulated[1]![0]!.data).accounts).toEqual([takeOf(1).position.account, takeOf(3).position.account])
    expect(world.simulated).toHaveLength(2)
  })

  test('behavior: where the caller plans anew, a failed leg is named and nothing is sent: the plan counted on it', async () => {
    const world = createWorld()
    world.script(2, { kind: 'failed', reason: 'transfer reverted' })
    const plan = planOf([takeOf(1), takeOf(2)], parent)
    const first = await world.executor.execute([plan], parent, { mayReplan: true })
    expect(first.sent).toEqual([])
    expect(first.unfit).toEqual([expect.objectContaining({ position: takeOf(2).position, message: 'transfer reverted' })])
    expect(first.isSimulated).toBe(true)
    expect(world.simulated).toHaveLength(1)
    const second = await world.executor.execute([onePosition(1)], parent, { mayReplan: true })
    expect(second.unfit).toEqual([])
    expect(second.sent).toHaveLength(1)
  })

  test('behavior: where the caller plans anew, what waits after failures is named before anything is simulated', async () => {
    const world = createWorld({ policy: { backoffAfter: 1 } })
    world.script(2, { kind: 'failed', reason: 'transfer reverted' })
    await world.executor.execute([planOf([takeOf(1), takeOf(2)], parent)], parent, { mayReplan: true })
    const next = blockAt(101n)
    const { unfit, isSimulated } = await world.executor.execute([planOf([takeOf(1), takeOf(2)], next)], next, { mayReplan: true })
    expect(unfit.map(skip => skip.position)).toEqual([takeOf(2).position])
    expect(isSimulated).toBe(false)
    expect(unfit[0]!.message).toMatch(/waits until block/)
    expect(world.simulated).toHaveLength(1)
  })

  test('K10: what fails its simulation whole is never sent', async () => {
    const world = createWorld()
    world.script(1, { kind: 'failed', reason: 'position is healthy' })
    const { sent, skips } = await world.executor.execute([onePosition(1)], parent)
    expect(sent).toEqual([])
    expect(reasons(skips)).toEqual(['failed-simulation'])
    expect(world.relays[0]?.bundles).toEqual([])
  })

  test('K10: a chain that can not simulate: nothing is sent', async () => {
    const world = createWorld()
    world.breakNext('simulate')
    await expect(world.executor.execute([onePosition(1)], parent)).rejects.toThrow('simulate broke')
    expect(world.relays[0]?.bundles).toEqual([])
    expect(world.executor.inFlight().count).toBe(0)
  })

  test('behavior: a leg that spoils its whole transaction is found: the others go alone', async () => {
    const world = createWorld()
    world.script(2, { kind: 'poison', reason: 'out of gas' })
    const { sent, skips } = await world.executor.execute([planOf([takeOf(1), takeOf(2), takeOf(3)], parent)], parent)
    expect(skips).toEqual([
      expect.objectContaining({ reason: 'failed-simulation', message: 'out of gas', position: takeOf(2).position }),
    ])
    expect(sent.map(each => runOf(world, each.hash).accounts)).toEqual([
      [takeOf(1).position.account],
      [takeOf(3).position.account],
    ])
    expect(sent.map(each => each.nonce)).toEqual([5, 6])
  })

  test('behavior: a leg whose simulation and our maths disagree is refused with both numbers', async () => {
    const world = createWorld()
    world.script(1, { kind: 'ok', gainWei: 1_000_000n * ETHER })
    world.script(2, { kind: 'ok', gainWei: (ETHER * 97n) / 100n })
    const { sent, skips } = await world.executor.execute([onePosition(1), onePosition(2), onePosition(3)], parent)
    expect(reasons(skips)).toEqual(['failed-simulation', 'failed-simulation'])
    expect(skips[0]?.message).toContain(`${1_000_000n * ETHER}`)
    expect(skips[0]?.message).toContain(`${ETHER}`)
    expect(sent).toHaveLength(1)
  })

  test('behavior: a position that nets too little after the simulated gas is skipped with the numbers', async () => {
    const world = createWorld({ policy: { minProfitWei: ETHER / 100n } })
    world.script(1, { kind: 'ok', gainWei: ETHER / 200n })
    const { sent, skips } = await world.executor.execute([onePosition(1, { revenueWei: ETHER / 200n })], parent)
    expect(sent).toEqual([])
    expect(skips[0]).toMatchObject({
      reason: 'unprofitable',
      message: expect.stringMatching(/net \d+ wei, minimum 10000000000000000 wei/),
    })
  })

  test('behavior: a node without events: a single leg goes, several are taken apart', async () => {
    const world = createWorld({ hasEvents: false })
    const { sent } = await world.executor.execute([planOf([takeOf(1), takeOf(2)], parent)], parent)
    expect(sent.map(each => each.positions.length)).toEqual([1, 1])
  })

  test('K3: a failed attempt costs no cooldown: the next block tries again', async () => {
    const world = createWorld()
    world.script(1, { kind: 'failed', reason: 'not yet' })
    await world.executor.execute([onePosition(1)], parent)
    world.script(1, { kind: 'ok', gainWei: ETHER })
    const next = blockAt(101n)
    const { sent } = await world.executor.execute([planOf([takeOf(1)], next)], next)
    expect(sent).toHaveLength(1)
  })

  test('K3: a simulation that broke costs no cooldown', async () => {
    const world = createWorld()
    world.breakNext('simulate')
    await world.executor.execute([onePosition(1)], parent).catch(() => undefined)
    expect((await world.executor.execute([onePosition(1)], parent)).sent).toHaveLength(1)
  })

  describe('K12: a leg that fails for ever is not simulated for ever', () => {
    const failFor = async (world: World, blocks: number, take = takeOf(1)): Promise<number> => {
      for (let n = 0; n < blocks; n++) {
        const block = blockAt(100n + BigInt(n))
        await world.executor.execute([planOf([take], block)], block)
      }
      return world.simulated.length
    }

    test('default: the pauses double', async () => {
      const world = createWorld()
      world.script(1, { kind: 'failed', reason: 'reverted with 0x1234 at 17' })
      expect(await failFor(world, 3)).toBe(3)
      expect(await failFor(world, 200)).toBeLessThan(12)
    })

    test('behavior: a position that moves is tried at once', async () => {
      const world = createWorld()
      world.script(1, { kind: 'failed', reason: 'no' })
      await failFor(world, 20)
      const before = world.simulated.length
      await world.executor.execute([planOf([takeOf(1, { receiveAssets: 2_010_000n })], blockAt(120n))], blockAt(120n))
      expect(world.simulated).toHaveLength(before + 1)
    })

    test('behavior: other positions go on meanwhile', async () => {
      const world = createWorld()
      world.script(1, { kind: 'failed', reason: 'no' })
      await failFor(world, 20)
      const block = blockAt(121n)
      const report = await world.executor.execute([planOf([takeOf(1), takeOf(2)], block)], block)
      expect(report.sent).toHaveLength(1)
      expect(report.skips).toEqual([
        expect.objectContaining({ reason: 'failed-simulation', message: expect.stringContaining('waits until block') }),
      ])
    })
  })

  describe('budget', () => {
    const ceilingOfOne = 472_000n * 11_260_000_000n
    const estimateOfOne = (370_000n * 13n * 11_260_000_000n) / 10n + 30_000n * 11_260_000_000n

    test('default: what is live never exceeds the balance: the least valuable is held back, with an alarm', async () => {
      const world = createWorld({ balanceWei: estimateOfOne * 2n })
      world.script(2, { kind: 'ok', gainWei: 3n * ETHER })
      world.script(3, { kind: 'ok', gainWei: 2n * ETHER })
      const plans = [onePosition(1), onePosition(2, { revenueWei: 3n * ETHER }), onePosition(3, { revenueWei: 2n * ETHER })]
      const { sent, skips } = await world.executor.execute(plans, parent)
      expect(sent.map(each => each.positions[0]?.account)).toEqual([takeOf(2).position.account, takeOf(3).position.account])
      expect(skips).toEqual([expect.objectContaining({ reason: 'over-budget', position: takeOf(1).position })])
      expect(world.executor.inFlight().ceilingWei).toBe(ceilingOfOne * 2n)
      expect(world.log.lines).toContainEqual(expect.objectContaining({ level: 'warn', event: 'low-balance' }))
    })

    test('behavior: a key without funds sends nothing and says so', async () => {
      const world = createWorld({ balanceWei: 0n })
      const { sent, skips } = await world.executor.execute([onePosition(1)], parent)
      expect(sent).toEqual([])
      expect(skips[0]?.message).toMatch(/holds 0 wei/)
      expect(world.simulated).toEqual([])
    })

    test('behavior: money that came in is noticed by the next block', async () => {
      const world = createWorld({ balanceWei: 0n })
      await world.executor.execute([onePosition(1)], parent)
      world.setBalance(100n * ETHER)
      await world.executor.execute([onePosition(1)], parent)
      await world.executor.drain()
      expect((await world.executor.execute([onePosition(1)], parent)).sent).toHaveLength(1)
    })

    test('behavior: money that comes in while the key is live is noticed once it is free', async () => {
      const world = createWorld({ balanceWei: estimateOfOne, policy: { drainTimeoutMs: 1_000 } })
      const first = await world.executor.execute([onePosition(1), onePosition(2)], parent)
      expect(first.sent).toHaveLength(1)
      world.setBalance(100n * ETHER)
      await new Promise(resolve => setImmediate(resolve))
      await world.executor.drain()
      const next = blockAt(101n)
      expect((await world.executor.execute([planOf([takeOf(1)], next), planOf([takeOf(2)], next)], next)).sent).toHaveLength(2)
    })

    test('behavior: a full block is no low balance', async () => {
      const small = blockAt(100n, { gasLimit: 1_000_000n, gasUsed: 500_000n })
      const world = createWorld({ keys: 3 })
      await world.executor.execute(
        [1, 2, 3].map(n => planOf([takeOf(n)], small)),
        small,
      )
      expect(world.log.lines.map(line => line.event)).not.toContain('low-balance')
    })

    test('behavior: takes of one transaction are held back one by one', async () => {
      const world = createWorld({ balanceWei: estimateOfOne * 2n })
      const { sent, skips } = await world.executor.execute([planOf([takeOf(1), takeOf(2), takeOf(3), takeOf(4)], parent)], parent)
      expect(reasons(skips)).toEqual(['over-budget', 'over-budget'])
      expect(sent[0]?.positions).toHaveLength(2)
      expect(sent[0]?.ceilingWei).toBeLessThanOrEqual(estimateOfOne * 2n)
    })

    test('behavior: no gas limit is above the cap of EIP-7825, and transactions fit the block together', async () => {
      const world = createWorld({ policy: { maxGasPerTransaction: 800_000n } })
      const { sent, skips } = await world.executor.execute([planOf([takeOf(1), takeOf(2), takeOf(3)], parent)], parent)
      expect(sent[0]?.positions).toHaveLength(2)
      expect(transactionOf(world, sent[0]!.hash).gas).toBeLessThanOrEqual(800_000n)
      expect(skips[0]?.message).toMatch(/cap is 800000/)
      const small = blockAt(100n, { gasLimit: 1_000_000n, gasUsed: 500_000n })
      const crowded = await createWorld({ keys: 3 }).executor.execute(
        [1, 2, 3].map(n => planOf([takeOf(n)], small)),
        small,
      )
      expect(crowded.sent).toHaveLength(2)
      expect(crowded.skips[0]?.message).toMatch(/block has room for 968750 gas/)
    })
  })

  describe('relays', () => {
    const refusal = { kind: 'refused', class: 'invalid', message: 'no thanks' } as const

    test('default: all get the same bytes, and one that refuses blocks no other', async () => {
      const relays = [refusing('bad', refusal), createFakeRelay('good')]
      const world = createWorld({ relays })
      const { sent } = await world.executor.execute([onePosition(1)], parent)
      expect(sent[0]?.replies.map(record => record.reply.kind)).toEqual(['refused', 'accepted'])
      expect(relays[0]?.bundles[0]?.rawTransactions).toEqual(relays[1]?.bundles[0]?.rawTransactions)
    })

    test('behavior: one that never answers holds nobody up, and its request is ended when the block has come', async () => {
      const silent = createFakeRelay('silent', () => new Promise<RelayReply>(() => undefined))
      const world = createWorld({ relays: [silent, createFakeRelay('good')] })
      const { sent } = await world.executor.execute([onePosition(1)], parent)
      expect(sent[0]?.replies).toContainEqual({ relay: 'silent', reply: { kind: 'pending' } })
      expect(silent.bundles[0]?.signal?.aborted).toBe(false)
      await world.settle(blockAt(101n))
      expect(silent.bundles[0]?.signal?.aborted).toBe(true)
    })

    test('error: an adapter that rejects, against its promise, is a refusal', async () => {
      const broken = createFakeRelay('broken', () => Promise.reject(new Error('bug')))
      const world = createWorld({ relays: [broken] })
      const { sent } = await world.executor.execute([onePosition(1)], parent)
      expect(sent[0]?.replies[0]?.reply).toMatchObject({ kind: 'refused', message: expect.stringContaining('bug') })
    })
  })
})
