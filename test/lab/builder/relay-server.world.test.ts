// The relay's HTTP face: signatures, parameters, error shapes, and every way in which it can be told to misbehave.
import { setTimeout as sleep } from 'node:timers/promises'
import { keccak256 } from 'viem'
import type { Hex } from '../../../src/core/primitives'
import {
  account,
  type Bench,
  GWEI,
  nextBlock,
  nonceOf,
  postRelay,
  relayResult,
  sendBundle,
  sign,
  signBody,
  startBench,
} from './fixture'

let bench: Bench

beforeAll(async () => {
  bench = await startBench()
})

afterEach(async () => {
  bench.builder.misbehave('ok')
  await bench.builder.buildBlock()
})

afterAll(async () => {
  await bench?.close()
})

const alice = account(1)

const payment = async (valueWei = 10n ** 15n, signer = alice): Promise<Hex> =>
  sign(signer, { nonce: await nonceOf(bench.rpc, signer.address), to: bench.builder.coinbase, valueWei })

const target = async (): Promise<Hex> => `0x${(await nextBlock(bench.rpc)).toString(16)}`

const post = async (method: string, params: readonly unknown[], options: Parameters<typeof postRelay>[3] = {}) => {
  const { status, headers, text } = await postRelay(bench.builder.url, method, params, options)
  return { status, headers, json: text === '' || text.startsWith('<') ? text : (JSON.parse(text) as unknown) }
}

describe('requests', () => {
  test('default: a bundle is accepted under the hash that the Flashbots package computes', async () => {
    const raws = [await payment(), await payment(1n, account(2))]
    const { status, json } = await post('eth_sendBundle', [{ txs: raws, blockNumber: await target() }])
    const bundleHash = keccak256(`0x${raws.map(raw => keccak256(raw).slice(2)).join('')}`)
    expect([status, json]).toEqual([200, { jsonrpc: '2.0', id: 7, result: { bundleHash } }])
  })

  test('error: no signature, a wrong one', async () => {
    const params = [{ txs: [await payment()], blockNumber: await target() }]
    const missing = await post('eth_sendBundle', params, { header: null })
    expect(missing.json).toEqual({ jsonrpc: '2.0', id: 7, error: { code: -32600, message: 'signature is required' } })
    const stranger = await signBody('another body', account(5))
    const wrong = await post('eth_sendBundle', params, { header: stranger })
    const message = `error in signature check ${account(5).address}`
    expect(wrong.json).toEqual({ jsonrpc: '2.0', id: 7, error: { code: -32600, message } })
    expect((await bench.builder.buildBlock()).included).toEqual([])
  })

  test('error: parameters, with the texts of the relay', async () => {
    const raw = await payment()
    const blockNumber = await target()
    const cases: readonly (readonly [unknown, number, unknown])[] = [
      [{ txs: ['0x1234'], blockNumber }, 400, { error: 'unable to decode txs' }],
      [{ txs: ['nonsense'], blockNumber }, 400, { error: 'unable to decode txs' }],
      [{ txs: [], blockNumber }, 400, { error: 'missing txs' }],
      [{ txs: [raw] }, 400, { error: 'block param must be a hex int' }],
      [{ txs: [raw], blockNumber: 17 }, 400, { error: 'block param must be a hex int' }],
      [{ txs: [raw], blockNumber: 'latest' }, 400, { error: 'block param must be a hex int' }],
      [{ txs: Array(101).fill(raw), blockNumber }, 400, { error: 'too many txs: 101, the limit is 100' }],
      ['text', 200, expect.objectContaining({ error: { code: -32000, message: 'unable to decode bundle' } })],
      [
        { txs: [raw], blockNumber, replacementUuid: 'me' },
        200,
        expect.objectContaining({ error: { code: -32602, message: 'invalid UUID length: 2' } }),
      ],
      [
        { txs: [raw], blockNumber, minTimestamp: '0x1' },
        200,
        expect.objectContaining({ error: { code: -32602, message: 'minTimestamp must be a number' } }),
      ],
    ]
    for (const [param, status, json] of cases) {
      expect(await post('eth_sendBundle', [param])).toMatchObject({ status, json })
    }
  })

  test('error: an unknown method and a body that is no JSON', async () => {
    const unknown = await post('flashbots_getUserStats', [])
    expect(unknown.status).toBe(400)
    expect(unknown.json).toEqual({
      error: {
        message:
          'invalid method, only eth_sendBundle,eth_callBundle,eth_cancelBundle,eth_sendRawTransaction supported, you provided: flashbots_getUserStats',
      },
    })
    const text = await (await fetch(bench.builder.url, { method: 'POST', body: 'hello' })).text()
    expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'parse error' } })
  })

  test('behavior: eth_sendRawTransaction is the public way in, without a signature', async () => {
    const raw = await payment()
    const { json } = await post('eth_sendRawTransaction', [raw], { header: null })
    expect(json).toEqual({ jsonrpc: '2.0', id: 7, result: keccak256(raw) })
    expect((await bench.builder.buildBlock()).included).toMatchObject([{ hash: keccak256(raw), place: 'public', ok: true }])
  })
})

describe('misbehave', () => {
  const sendOne = async (options: Parameters<typeof postRelay>[3] = {}) =>
    post('eth_sendBundle', [{ txs: [await payment()], blockNumber: await target() }], options)

  const lands = async (): Promise<number> => (await bench.builder.buildBlock()).included.length

  test.each([
    ['400-string', 400, { error: 'unable to decode txs' }],
    ['200-error', 200, { jsonrpc: '2.0', id: 7, error: { code: -32000, message: 'unable to decode bundle' } }],
    ['403', 403, { error: 'forbidden' }],
    ['502-html', 502, expect.stringContaining('<html>')],
    ['null-result', 200, { jsonrpc: '2.0', id: 7, result: null }],
    ['empty', 200, ''],
  ] as const)('behavior: %s refuses and takes nothing', async (mode, status, json) => {
    bench.builder.misbehave(mode)
    expect(await sendOne()).toMatchObject({ status, json })
    expect(await lands()).toBe(0)
  })

  test('behavior: 429 says when to come back', async () => {
    bench.builder.misbehave('429', { retryAfterSec: 3 })
    const { status, headers } = await sendOne()
    expect([status, headers.get('retry-after')]).toEqual([429, '3'])
    expect(await lands()).toBe(0)
  })

  test('behavior: hang gives no answer, drop closes the connection', async () => {
    bench.builder.misbehave('hang')
    await expect(sendOne({ signal: AbortSignal.timeout(150) })).rejects.toThrow(/abort|timeout/i)
    bench.builder.misbehave('drop')
    await expect(sendOne()).rejects.toThrow('fetch failed')
    expect(await lands()).toBe(0)
  })

  test('behavior: slow takes the bundle and answers late', async () => {
    bench.builder.misbehave('slow', { slowMs: 120 })
    const before = performance.now()
    const reply = sendOne()
    expect((await reply).status).toBe(200)
    expect(performance.now() - before).toBeGreaterThanOrEqual(115)
    expect(await lands()).toBe(1)
  })

  test('behavior: wrong-id answers with a string and takes the bundle', async () => {
    bench.builder.misbehave('wrong-id')
    expect((await sendOne()).json).toMatchObject({ id: '7', result: { bundleHash: expect.any(String) } })
    expect(await lands()).toBe(1)
  })

  test('behavior: never-includes accepts and leaves out', async () => {
    bench.builder.misbehave('never-includes')
    expect((await sendOne()).json).toMatchObject({ result: { bundleHash: expect.any(String) } })
    const block = await bench.builder.buildBlock()
    expect(block.included).toEqual([])
    expect(block.rejected).toMatchObject([{ reason: 'the builder never includes' }])
  })

  test('behavior: other-order puts public ones first and the best payer last', async () => {
    bench.builder.misbehave('other-order')
    const block = await nextBlock(bench.rpc)
    const [bob, carol] = [account(2), account(3)]
    const rich = await sendBundle(bench.builder.url, [await payment(10n ** 16n)], block)
    const poor = await sendBundle(bench.builder.url, [await payment(10n ** 12n, bob)], block)
    await bench.builder.submitPublic(await payment(1n, carol))
    const built = await bench.builder.buildBlock()
    expect(built.included.map(({ place, bundle }) => bundle ?? place)).toEqual(['public', poor, rich])
  })
})

describe('a bundle that goes otherwise than simulated', () => {
  const FICKLE = '0xf3000000000000000000000000000000000000f3'
  // Pays the coinbase unless GASLIMIT is the real block's: a simulation has room for the probes on top.
  const FICKLE_CODE = '0x456301c9c38014601857600060006000600034415af150005b60006000fd'

  test('behavior: the block is taken back and built without it', async () => {
    await bench.rpc.request('anvil_setCode', FICKLE, FICKLE_CODE)
    const [bob] = [account(2)]
    const bad = await sign(bob, { nonce: await nonceOf(bench.rpc, bob.address), to: FICKLE, valueWei: 10n ** 17n, tipWei: GWEI })
    const block = await nextBlock(bench.rpc)
    const badHash = await sendBundle(bench.builder.url, [bad], block)
    const good = await sendBundle(bench.builder.url, [await payment()], block)
    const built = await bench.builder.buildBlock()
    expect(built.number).toBe(block)
    expect(built.included.map(({ bundle }) => bundle)).toEqual([good])
    expect(built.rejected).toEqual([{ bundleHash: badHash, reason: `reverted when mined: ${keccak256(bad)}` }])
    expect(await nextBlock(bench.rpc)).toBe(block + 1n)
  })
})

describe('closing', () => {
  test('behavior: a hanging request does not hold it up', async () => {
    const other = await startBench()
    other.builder.misbehave('hang')
    const hanging = relayResult(other.builder.url, 'eth_cancelBundle', [{ replacementUuid: 'x' }]).catch(() => 'closed')
    await sleep(50)
    await other.close()
    expect(await hanging).toBe('closed')
  })
})
