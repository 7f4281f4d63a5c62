// The builder on a real chain: what lands, in which order, and what is left out for which reason.
import { keccak256, parseTransaction } from 'viem'
import type { Hex } from '../../../src/core/primitives'
import type { BuiltBlock } from '../../../src/lab/builder/assemble'
import {
  account,
  type Bench,
  FIRST_COME,
  GWEI,
  NOPE,
  nextBlock,
  nonceOf,
  relayResult,
  sendBundle,
  sign,
  startBench,
} from './fixture'

let bench: Bench
let snapshot: Hex

beforeAll(async () => {
  bench = await startBench()
})

beforeEach(async () => {
  snapshot = await bench.rpc.request<Hex>('evm_snapshot')
})

afterEach(async () => {
  bench.builder.misbehave('ok')
  // Whatever a test left in the builder's pools is gone once two more blocks are built.
  await bench.builder.buildBlock()
  await bench.rpc.request('evm_revert', snapshot)
})

afterAll(async () => {
  await bench?.close()
})

const [alice, bob, carol] = [account(1), account(2), account(3)]

/** A payment to the coinbase: the plainest bid. */
const pay = (signer: typeof alice, valueWei: bigint, nonce = 0, tipWei = GWEI): Promise<Hex> =>
  sign(signer, { nonce, to: bench.builder.coinbase, valueWei, tipWei })

const grab = (signer: typeof alice, valueWei: bigint, nonce = 0): Promise<Hex> =>
  sign(signer, { nonce, to: FIRST_COME, valueWei, gas: 120_000n })

const places = (block: BuiltBlock): readonly string[] => block.included.map(({ hash }) => hash)

const balance = async (): Promise<bigint> =>
  BigInt(await bench.rpc.request<Hex>('eth_getBalance', bench.builder.coinbase, 'latest'))

describe('buildBlock', () => {
  test('default: an empty block at the time asked for', async () => {
    const parent = await bench.rpc.request<{ timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)
    const timestampSec = BigInt(parent.timestamp) + 12n
    const target = await nextBlock(bench.rpc)
    const block = await bench.builder.buildBlock({ timestampSec })
    expect(block).toMatchObject({ number: target, included: [], rejected: [], dropped: [], timestampSec })
    const mined = await bench.rpc.request<{ timestamp: Hex; miner: string }>('eth_getBlockByNumber', 'latest', false)
    expect(BigInt(mined.timestamp)).toBe(timestampSec)
    expect(mined.miner).toBe(bench.builder.coinbase)
  })

  test('behavior: a bundle lands whole, in its order, at exactly its block', async () => {
    const target = (await nextBlock(bench.rpc)) + 1n
    const raws = [await pay(alice, 5n), await pay(bob, 6n), await pay(alice, 7n, 1)]
    const bundleHash = await sendBundle(bench.builder.url, raws, target)
    expect((await bench.builder.buildBlock()).included).toEqual([])
    const block = await bench.builder.buildBlock()
    expect(block.number).toBe(target)
    expect(places(block)).toEqual(raws.map(raw => keccak256(raw)))
    expect(block.included.every(({ ok, bundle }) => ok && bundle === bundleHash)).toBe(true)
    expect((await bench.builder.buildBlock()).included).toEqual([])
  })

  test('behavior: the highest payer comes first, a lower one that conflicts is rejected with the reason', async () => {
    const target = await nextBlock(bench.rpc)
    const low = await sendBundle(bench.builder.url, [await grab(alice, 10n ** 15n)], target)
    const high = await sendBundle(bench.builder.url, [await grab(bob, 10n ** 17n)], target)
    const other = await sendBundle(bench.builder.url, [await pay(carol, 10n ** 16n)], target)
    const block = await bench.builder.buildBlock()
    expect(block.included.map(({ bundle }) => bundle)).toEqual([high, other])
    expect(block.rejected).toEqual([{ bundleHash: low, reason: expect.stringMatching(new RegExp(`^after ${other}: reverts`)) }])
    expect(await nonceOf(bench.rpc, alice.address)).toBe(0)
  })

  test('behavior: what it says a bundle pays is what the coinbase gets', async () => {
    const target = await nextBlock(bench.rpc)
    await sendBundle(bench.builder.url, [await grab(alice, 123_456n), await pay(alice, 789n, 1, 3n * GWEI)], target)
    const before = await balance()
    const block = await bench.builder.buildBlock()
    expect(block.bundles).toHaveLength(1)
    expect((await balance()) - before).toBe(block.bundles[0]?.paidWei)
    expect(block.bundles[0]?.gasUsed).toBe(block.included.reduce((gas, { gasUsed }) => gas + gasUsed, 0n))
  })

  test('behavior: a bundle for a past block is ignored', async () => {
    const stale = bench.builder.stats().bundlesStale
    await sendBundle(bench.builder.url, [await pay(alice, 5n)], (await nextBlock(bench.rpc)) - 1n)
    const block = await bench.builder.buildBlock()
    expect([block.included, block.rejected]).toEqual([[], []])
    expect(bench.builder.stats().bundlesStale).toBe(stale + 1)
  })

  test('behavior: one reverting transaction kills the bundle, unless it is listed', async () => {
    const bad = await sign(bob, { nonce: 0, to: NOPE })
    const raws = [await pay(alice, 5n), bad]
    const killed = await sendBundle(bench.builder.url, raws, await nextBlock(bench.rpc))
    const first = await bench.builder.buildBlock()
    expect(first.included).toEqual([])
    expect(first.rejected).toEqual([{ bundleHash: killed, reason: expect.stringContaining('alone: reverts: Error(nope)') }])
    await sendBundle(bench.builder.url, raws, await nextBlock(bench.rpc), { revertingTxHashes: [keccak256(bad)] })
    const second = await bench.builder.buildBlock()
    expect(second.included.map(({ ok }) => ok)).toEqual([true, false])
  })

  test('behavior: timestamps bound a bundle', async () => {
    const target = await nextBlock(bench.rpc)
    const parent = await bench.rpc.request<{ timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)
    const now = Number(BigInt(parent.timestamp)) + 12
    await sendBundle(bench.builder.url, [await pay(alice, 5n)], target, { minTimestamp: now + 1 })
    await sendBundle(bench.builder.url, [await pay(bob, 5n)], target, { maxTimestamp: now - 1 })
    await sendBundle(bench.builder.url, [await pay(carol, 5n)], target, { minTimestamp: now, maxTimestamp: now })
    const block = await bench.builder.buildBlock()
    expect(places(block)).toEqual([keccak256(await pay(carol, 5n))])
    expect(block.rejected.map(({ reason }) => reason).sort()).toEqual([
      'alone: block timestamp above maxTimestamp',
      'alone: block timestamp below minTimestamp',
    ])
  })

  test('behavior: of two bundles with the same nonce at most one lands', async () => {
    const target = await nextBlock(bench.rpc)
    await sendBundle(bench.builder.url, [await pay(alice, 5n)], target)
    const better = await sendBundle(bench.builder.url, [await pay(alice, 10n ** 15n)], target)
    const block = await bench.builder.buildBlock()
    expect(block.included.map(({ bundle }) => bundle)).toEqual([better])
    expect(block.rejected[0]?.reason).toMatch(/^after 0x[0-9a-f]{64}: nonce too low/)
  })

  test('behavior: when the better payer of two with one nonce fails, the other lands', async () => {
    const target = await nextBlock(bench.rpc)
    await sendBundle(bench.builder.url, [await grab(bob, 10n ** 18n)], target)
    await sendBundle(bench.builder.url, [await grab(alice, 10n ** 17n)], target)
    const plain = await sendBundle(bench.builder.url, [await pay(alice, 10n ** 15n)], target)
    const block = await bench.builder.buildBlock()
    expect(block.included.map(({ bundle }) => bundle)).toContain(plain)
    expect(block.included).toHaveLength(2)
  })

  test('behavior: what a bundle lacks is said: nonce, fee, funds, gas, payment', async () => {
    const target = await nextBlock(bench.rpc)
    const url = bench.builder.url
    const poor = account(77)
    const to = bench.builder.coinbase
    await sendBundle(url, [await pay(alice, 5n, 4)], target)
    await sendBundle(url, [await sign(bob, { nonce: 0, to, maxFeeWei: 1n, tipWei: 1n })], target)
    await sendBundle(url, [await sign(poor, { nonce: 0, to })], target)
    await sendBundle(url, [await sign(carol, { nonce: 0, to, gas: 16_777_217n })], target)
    await sendBundle(url, [await sign(account(4), { nonce: 0, to: account(5).address, tipWei: 0n })], target)
    const block = await bench.builder.buildBlock()
    expect(block.included).toEqual([])
    const reasons = block.rejected.map(({ reason }) => reason).join('\n')
    expect(reasons).toMatch(/nonce too high: address 0x[0-9a-f]{40}, tx: 4 state: 0/)
    expect(reasons).toMatch(/max fee per gas less than block base fee/)
    expect(reasons).toMatch(/insufficient funds/i)
    expect(reasons).toMatch(/gas limit above 16777216/)
    expect(reasons).toMatch(/pays 0 wei/)
  })

  test('behavior: world transactions stand at the top in their order, bundles see them, public ones follow by tip', async () => {
    const target = await nextBlock(bench.rpc)
    await bench.builder.submitPublic(await pay(alice, 1n, 0, GWEI))
    await bench.builder.submitPublic(await pay(carol, 1n, 0, 50n * GWEI))
    await bench.builder.submitPublic({ from: '0xab00000000000000000000000000000000000001', to: FIRST_COME, gas: 90_000n }, 'top')
    const blind = await sendBundle(bench.builder.url, [await grab(bob, 5n)], target)
    const paid = await sendBundle(bench.builder.url, [await pay(account(4), 10n ** 15n)], target)
    await bench.rpc.request('anvil_setBalance', '0xab00000000000000000000000000000000000001', '0xde0b6b3a7640000')
    await bench.rpc.request('anvil_setBalance', '0xab00000000000000000000000000000000000002', '0x8ac7230489e80000')
    const block = await bench.builder.buildBlock({
      topOfBlock: [{ from: '0xab00000000000000000000000000000000000002', to: account(6).address, valueWei: 1n }],
    })
    expect(block.included.map(({ place, ok }) => [place, ok])).toEqual([
      ['top', true],
      ['top', true],
      ['bundle', true],
      ['public', true],
      ['public', true],
    ])
    expect(block.included[2]?.bundle).toBe(paid)
    expect(block.included[3]?.hash).toBe(keccak256(await pay(carol, 1n, 0, 50n * GWEI)))
    expect(block.rejected.map(({ bundleHash }) => bundleHash)).toEqual([blind])
    const onChain = await bench.rpc.request<{ transactions: Hex[] }>('eth_getBlockByNumber', 'latest', false)
    expect(onChain.transactions).toEqual(places(block))
  })

  test('behavior: a public transaction waits for its nonce and its base fee', async () => {
    await bench.builder.submitPublic(await pay(alice, 1n, 1))
    await bench.builder.submitPublic(await sign(bob, { nonce: 0, to: bench.builder.coinbase, maxFeeWei: GWEI, tipWei: 1n }))
    expect((await bench.builder.buildBlock({ baseFeePerGasWei: 2n * GWEI })).included).toEqual([])
    await bench.builder.submitPublic(await pay(alice, 1n, 0))
    const block = await bench.builder.buildBlock({ baseFeePerGasWei: GWEI / 2n })
    expect(block.baseFeePerGasWei).toBe(GWEI / 2n)
    expect(block.included).toHaveLength(3)
  })

  test('behavior: a public transaction that a bundle brings in is not mined twice', async () => {
    const raw = await pay(alice, 1n)
    await bench.builder.submitPublic(raw)
    await sendBundle(bench.builder.url, [raw, await pay(bob, 10n ** 15n)], await nextBlock(bench.rpc))
    const block = await bench.builder.buildBlock()
    expect(block.included.map(({ place }) => place)).toEqual(['bundle', 'bundle'])
    expect((await bench.builder.buildBlock()).included).toEqual([])
  })

  test('behavior: what goes to the end of the block is tried once, after everything else', async () => {
    await bench.builder.submitPublic(await pay(alice, 1n))
    const filler = { from: account(5).address.toLowerCase() as Hex, to: FIRST_COME, gas: 80_000n }
    const hungry = { ...filler, from: account(6).address.toLowerCase() as Hex, gas: 29_990_000n }
    const block = await bench.builder.buildBlock({ endOfBlock: [filler, hungry] })
    expect(block.included.map(({ place, ok }) => [place, ok])).toEqual([
      ['public', true],
      ['public', true],
    ])
    expect(block.dropped).toMatchObject([{ kind: 'no-room', from: hungry.from }])
    expect((await bench.builder.buildBlock()).included).toEqual([])
  })

  test("behavior: the block's gas limit holds", async () => {
    await bench.rpc.request('evm_setBlockGasLimit', '0x30d40')
    await bench.builder.buildBlock()
    const target = await nextBlock(bench.rpc)
    const big = (signer: typeof alice, valueWei: bigint): Promise<Hex> =>
      sign(signer, { nonce: 0, to: bench.builder.coinbase, valueWei, gas: 190_000n })
    const first = await sendBundle(bench.builder.url, [await big(alice, 10n ** 17n)], target)
    const second = await sendBundle(bench.builder.url, [await big(bob, 10n ** 16n)], target)
    const block = await bench.builder.buildBlock()
    expect(block.included.map(({ bundle }) => bundle)).toEqual([first])
    expect(block.rejected).toEqual([{ bundleHash: second, reason: expect.stringContaining('no room: gas 211000 of 200000') }])
    await bench.rpc.request('evm_setBlockGasLimit', '0x1c9c380')
    await bench.builder.buildBlock()
  })

  test('behavior: calls at the same time are served one after the other', async () => {
    const first = await nextBlock(bench.rpc)
    const blocks = await Promise.all([1, 2, 3].map(() => bench.builder.buildBlock()))
    expect(blocks.map(({ number }) => number)).toEqual([first, first + 1n, first + 2n])
  })
})

describe('replacement and cancelling', () => {
  const uuid = 'f47ac10b-58cc-4372-a567-0e02b2c3d479'

  test('behavior: the same uuid replaces, whatever it pays', async () => {
    const target = await nextBlock(bench.rpc)
    await sendBundle(bench.builder.url, [await pay(alice, 10n ** 17n)], target, { replacementUuid: uuid })
    const later = await sendBundle(bench.builder.url, [await pay(alice, 5n)], target, { replacementUuid: uuid })
    const block = await bench.builder.buildBlock()
    expect(block.included.map(({ bundle }) => bundle)).toEqual([later])
    expect(block.rejected).toEqual([])
  })

  test("behavior: another signer's uuid is not ours to cancel", async () => {
    const target = await nextBlock(bench.rpc)
    const mine = await sendBundle(bench.builder.url, [await pay(alice, 5n)], target, { replacementUuid: uuid })
    expect(await relayResult(bench.builder.url, 'eth_cancelBundle', [{ replacementUuid: uuid }], account(98))).toEqual([])
    expect((await bench.builder.buildBlock()).included.map(({ bundle }) => bundle)).toEqual([mine])
  })

  test('behavior: eth_cancelBundle and an empty replacement both cancel', async () => {
    const target = await nextBlock(bench.rpc)
    const hash = await sendBundle(bench.builder.url, [await pay(alice, 5n)], target, { replacementUuid: uuid })
    expect(await relayResult(bench.builder.url, 'eth_cancelBundle', [{ replacementUuid: uuid }])).toEqual([hash])
    const other = '00000000-0000-4000-8000-000000000001'
    await sendBundle(bench.builder.url, [await pay(bob, 5n)], target, { replacementUuid: other })
    await sendBundle(bench.builder.url, [], target, { replacementUuid: other })
    expect((await bench.builder.buildBlock()).included).toEqual([])
  })
})

describe('eth_callBundle', () => {
  test('default: its numbers are what is realised', async () => {
    const target = await nextBlock(bench.rpc)
    const raws = [await grab(alice, 1_000n), await pay(bob, 55n, 0, 2n * GWEI)]
    const parent = await bench.rpc.request<{ timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)
    const timestamp = Number(BigInt(parent.timestamp)) + 12
    const called = await relayResult<{
      readonly coinbaseDiff: string
      readonly ethSentToCoinbase: string
      readonly gasFees: string
      readonly totalGasUsed: number
      readonly bundleHash: Hex
      readonly results: readonly { readonly gasUsed: number; readonly coinbaseDiff: string; readonly value?: Hex }[]
    }>(bench.builder.url, 'eth_callBundle', [
      { txs: raws, blockNumber: `0x${target.toString(16)}`, stateBlockNumber: 'latest', timestamp },
    ])
    const hash = await sendBundle(bench.builder.url, raws, target)
    const before = await balance()
    const block = await bench.builder.buildBlock({ timestampSec: BigInt(timestamp) })
    expect(called.bundleHash).toBe(hash)
    expect(BigInt(called.coinbaseDiff)).toBe((await balance()) - before)
    expect(called.ethSentToCoinbase).toBe('1055')
    expect(BigInt(called.gasFees)).toBe(BigInt(called.coinbaseDiff) - 1_055n)
    expect(called.results.map(({ gasUsed }) => BigInt(gasUsed))).toEqual(block.included.map(({ gasUsed }) => gasUsed))
    expect(called.results.map(({ value }) => value)).toEqual(['0x', '0x'])
  })

  test('behavior: a revert is a line with its text, not an error', async () => {
    const raws = [await sign(bob, { nonce: 0, to: NOPE })]
    const block = `0x${(await nextBlock(bench.rpc)).toString(16)}`
    const called = await relayResult<{ readonly results: readonly unknown[] }>(bench.builder.url, 'eth_callBundle', [
      { txs: raws, blockNumber: block, stateBlockNumber: 'latest' },
    ])
    expect(called.results).toEqual([expect.objectContaining({ error: 'execution reverted', revert: 'nope' })])
  })

  test('error: a wrong nonce is said as the relay says it', async () => {
    const block = `0x${(await nextBlock(bench.rpc)).toString(16)}`
    const params = [{ txs: [await pay(alice, 1n, 3)], blockNumber: block, stateBlockNumber: 'latest' }]
    await expect(relayResult(bench.builder.url, 'eth_callBundle', params)).rejects.toThrow(/err: nonce too high: address 0x/)
  })
})

describe('statistics and events', () => {
  test('default', async () => {
    const before = bench.builder.stats()
    const seen: unknown[] = []
    const stop = bench.builder.onBundle(received => seen.push(received))
    const target = await nextBlock(bench.rpc)
    const started = performance.now()
    const raw = await pay(alice, 10n ** 12n)
    const bundleHash = await sendBundle(bench.builder.url, [raw], target)
    stop()
    await sendBundle(bench.builder.url, [await pay(bob, 10n ** 12n)], target)
    const block = await bench.builder.buildBlock()
    expect(seen).toEqual([
      {
        bundleHash,
        targetBlock: target,
        transactionHashes: [keccak256(raw)],
        signer: account(99).address.toLowerCase(),
        receivedAtMs: expect.any(Number),
      },
    ])
    expect((seen[0] as { receivedAtMs: number }).receivedAtMs).toBeGreaterThanOrEqual(started)
    const after = bench.builder.stats()
    expect(after.bundlesReceived - before.bundlesReceived).toBe(2)
    expect(after.bundlesIncluded - before.bundlesIncluded).toBe(2)
    expect(after.paidWei - before.paidWei).toBe(block.bundles.reduce((total, { paidWei }) => total + paidWei, 0n))
  })

  test('behavior: legacy and access-list transactions are taken too', async () => {
    const target = await nextBlock(bench.rpc)
    const legacy = await alice.signTransaction({
      type: 'legacy',
      chainId: 31_337,
      nonce: 0,
      to: bench.builder.coinbase,
      value: 7n,
      gas: 50_000n,
      gasPrice: 20n * GWEI,
    })
    const listed = await bob.signTransaction({
      type: 'eip2930',
      chainId: 31_337,
      nonce: 0,
      to: bench.builder.coinbase,
      value: 7n,
      gas: 50_000n,
      gasPrice: 20n * GWEI,
      accessList: [{ address: FIRST_COME, storageKeys: [`0x${'0'.repeat(64)}`] }],
    })
    expect(parseTransaction(listed).type).toBe('eip2930')
    await sendBundle(bench.builder.url, [legacy, listed], target)
    const before = await balance()
    const block = await bench.builder.buildBlock()
    expect(block.included.map(({ ok }) => ok)).toEqual([true, true])
    expect((await balance()) - before).toBe(block.bundles[0]?.paidWei)
  })
})
