// Real bundles over real HTTP on loopback: what arrives, and what each misbehaviour of a relay comes back as.
import { keccak256, parseTransaction, recoverMessageAddress, recoverTransactionAddress, toBytes } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Hex } from '../../src/core/primitives'
import { createLocalSigner } from '../../src/executor/signer'
import type { BundleRequest } from '../../src/ports'
import { createFlashbotsRelay, type FlashbotsRelay } from '../../src/relay/flashbots'
import { type Behaviour, type RelayEndpoint, startRelayEndpoint } from '../fakes/relay'
import { createFakeLog, createFakeMeter } from '../fakes/store'
import { describeWithShared, readShared } from '../fixtures/shared'

const AUTH_KEY: Hex = `0x${'01'.repeat(32)}`
const SENDER_KEY: Hex = `0x${'02'.repeat(32)}`
const TO: Hex = `0x${'ab'.repeat(20)}`
const ACCEPTED = { kind: 'answer', status: 200, body: '{"jsonrpc":"2.0","id":1,"result":{"bundleHash":"0x77"}}' } as const

const open: { endpoint: RelayEndpoint; relay: FlashbotsRelay }[] = []

const start = async (behave: (n: number) => Behaviour, timeoutMs = 2_000) => {
  const endpoint = await startRelayEndpoint(behave)
  const log = createFakeLog()
  const meter = createFakeMeter()
  const relay = createFlashbotsRelay({
    name: 'test',
    url: endpoint.url,
    authKey: AUTH_KEY,
    chainId: 31_337,
    timeoutMs,
    requestsPerSecond: 200,
    log,
    meter,
  })
  open.push({ endpoint, relay })
  return { endpoint, relay, log, meter }
}

const signed = (nonce: number, data: Hex = '0xdeadbeef'): Promise<Hex> =>
  createLocalSigner(SENDER_KEY).signTransaction({
    chainId: 31_337,
    nonce,
    to: TO,
    data,
    gas: 321_000n,
    maxFeePerGasWei: 40_000_000_000n,
    maxPriorityFeePerGasWei: 1_000_000_000n,
  })

const bundleOf = async (more: Partial<BundleRequest> = {}): Promise<BundleRequest> => ({
  rawTransactions: [await signed(7)],
  targetBlock: 19_163_601n,
  revertingHashes: [],
  ...more,
})

interface SendBundleBody {
  readonly method: string
  readonly params: readonly [
    { readonly txs: readonly Hex[]; readonly blockNumber: Hex; readonly revertingTxHashes: readonly Hex[] },
  ]
}

let rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)

beforeEach(() => {
  rejections = []
  process.on('unhandledRejection', onRejection)
})

afterEach(async () => {
  for (const { endpoint, relay } of open.splice(0)) {
    relay.close()
    await endpoint.close()
  }
  await new Promise(resolve => setImmediate(resolve))
  process.off('unhandledRejection', onRejection)
  expect(rejections).toEqual([])
})

describe('createFlashbotsRelay', () => {
  test('K2: a bundle that was really sent carries fee fields, call data, target and reverting hashes, signed by the identity key', async () => {
    const { endpoint, relay } = await start(() => ACCEPTED)
    const rawTransactions = [await signed(7), await signed(8, '0x1234')]
    const revertingHashes = [keccak256(rawTransactions[1] as Hex)]
    expect(await relay.send({ rawTransactions, targetBlock: 19_163_601n, revertingHashes })).toEqual({
      kind: 'accepted',
      bundleHash: '0x77',
    })

    const post = endpoint.received[0]!
    const [address, signature] = String(post.headers['x-flashbots-signature']).split(':')
    expect(address).toBe(privateKeyToAccount(AUTH_KEY).address)
    expect(await recoverMessageAddress({ message: keccak256(toBytes(post.body)), signature: signature as Hex })).toBe(address)

    const body = JSON.parse(post.body) as SendBundleBody
    expect(body.method).toBe('eth_sendBundle')
    expect(body.params[0].blockNumber).toBe('0x12469d1')
    expect(body.params[0].revertingTxHashes).toEqual(revertingHashes)
    expect(body.params[0].txs).toEqual(rawTransactions)
    const transaction = parseTransaction(body.params[0].txs[0]!)
    expect(transaction).toMatchObject({
      type: 'eip1559',
      chainId: 31_337,
      nonce: 7,
      data: '0xdeadbeef',
      gas: 321_000n,
      maxFeePerGas: 40_000_000_000n,
      maxPriorityFeePerGas: 1_000_000_000n,
    })
    const sender = await recoverTransactionAddress({ serializedTransaction: body.params[0].txs[0] as `0x02${string}` })
    expect(sender).toBe(privateKeyToAccount(SENDER_KEY).address)
  })

  test('behavior: one request a send and none besides: no nonce, network or block is looked up', async () => {
    const { endpoint, relay } = await start(() => ACCEPTED)
    const bundle = await bundleOf()
    await relay.send(bundle)
    await relay.send(bundle)
    expect(endpoint.received.map(post => (JSON.parse(post.body) as SendBundleBody).method)).toEqual([
      'eth_sendBundle',
      'eth_sendBundle',
    ])
  })

  test.each<[string, Behaviour, string]>([
    ['400 with an error string', { kind: 'answer', status: 400, body: '{"error":"unable to decode txs"}' }, 'invalid'],
    [
      'an error in a 200',
      { kind: 'answer', status: 200, body: '{"id":1,"error":{"code":-32000,"message":"unable to decode bundle"}}' },
      'invalid',
    ],
    ['an error string in a 200', { kind: 'answer', status: 200, body: '{"id":1,"error":"block 3 is in the past"}' }, 'stale'],
    ['403', { kind: 'answer', status: 403, body: 'forbidden' }, 'auth'],
    ['429', { kind: 'answer', status: 429, body: '' }, 'retry'],
    ['502 HTML', { kind: 'answer', status: 502, body: '<html>Bad Gateway</html>' }, 'retry'],
    ['a null result', { kind: 'answer', status: 200, body: '{"jsonrpc":"2.0","id":1,"result":null}' }, 'retry'],
    ['an empty body', { kind: 'answer', status: 200, body: '' }, 'retry'],
    ['a cut connection', { kind: 'drop' }, 'retry'],
  ])('error: %s becomes a refusal, never a rejection', async (_title, behaviour, expected) => {
    const { relay, log } = await start(() => behaviour)
    const reply = await relay.send(await bundleOf())
    expect(reply).toMatchObject({ kind: 'refused', class: expected })
    expect(log.lines.map(line => line.event)).toEqual(['relay-refused'])
  })

  test('error: a relay that never answers is given up at the timeout, and its socket is gone', async () => {
    const { relay } = await start(() => ({ kind: 'hang' }), 60)
    expect(await relay.send(await bundleOf())).toMatchObject({
      kind: 'refused',
      class: 'retry',
      message: 'no answer within 60 ms',
    })
  })

  test('error: nobody listens', async () => {
    const { endpoint, relay } = await start(() => ACCEPTED)
    await endpoint.close()
    expect(await relay.send(await bundleOf())).toMatchObject({ kind: 'refused', class: 'retry' })
  })

  test('error: a transaction that is none is refused, not thrown', async () => {
    const { relay } = await start(() => ({ kind: 'answer', status: 400, body: '{"error":"unable to decode txs"}' }))
    expect(await relay.send(await bundleOf({ rawTransactions: ['0x1234'] }))).toMatchObject({ kind: 'refused', class: 'invalid' })
  })

  test('behavior: 429 with Retry-After is tried again while the target block is to come', async () => {
    const busy: Behaviour = { kind: 'answer', status: 429, body: '', headers: { 'retry-after': '0' } }
    const { endpoint, relay } = await start(n => (n < 2 ? busy : ACCEPTED))
    const reply = await relay.send(await bundleOf({ signal: new AbortController().signal }))
    expect(reply.kind).toBe('accepted')
    expect(endpoint.received).toHaveLength(3)
  })

  test('behavior: without a signal, or once the target has come, nothing is tried again', async () => {
    const { endpoint, relay } = await start(() => ({ kind: 'answer', status: 429, body: '', headers: { 'retry-after': '3600' } }))
    await relay.send(await bundleOf())
    expect(endpoint.received).toHaveLength(1)
    const target = new AbortController()
    const waiting = relay.send(await bundleOf({ signal: target.signal }))
    while (endpoint.received.length < 2) await new Promise(resolve => setImmediate(resolve))
    setTimeout(() => target.abort(), 10)
    expect(await waiting).toMatchObject({ kind: 'refused', class: 'retry' })
    expect(endpoint.received).toHaveLength(2)
  })

  test('behavior: a second try that the block cut short does not hide what the relay said to the first (K16)', async () => {
    const bad: Behaviour = { kind: 'answer', status: 502, body: '<html>Bad Gateway</html>', headers: { 'retry-after': '0' } }
    const { endpoint, relay } = await start(n => (n < 1 ? bad : { kind: 'hang' }), 30_000)
    const target = new AbortController()
    const waiting = relay.send(await bundleOf({ signal: target.signal }))
    while (endpoint.received.length < 2) await new Promise(resolve => setImmediate(resolve))
    target.abort()
    const reply = await waiting
    expect(reply).toMatchObject({ kind: 'refused', class: 'retry' })
    expect(reply).toMatchObject({ message: expect.stringMatching(/502.*abandoned/) })
  })

  test('behavior: prints nothing on the console, also when rate limited', async () => {
    const warnings: unknown[] = []
    const original = console.warn
    console.warn = (...args: unknown[]) => warnings.push(args)
    try {
      const { relay } = await start(() => ({ kind: 'answer', status: 429, body: '' }))
      await relay.send(await bundleOf())
    } finally {
      console.warn = original
    }
    expect(warnings).toEqual([])
  })

  test('behavior: many bundles at once all arrive, over the request limit too', async () => {
    const endpoint = await startRelayEndpoint(() => ACCEPTED)
    const relay = createFlashbotsRelay({
      name: 'slow',
      url: endpoint.url,
      authKey: AUTH_KEY,
      chainId: 1,
      timeoutMs: 2_000,
      requestsPerSecond: 40,
      log: createFakeLog(),
      meter: createFakeMeter(),
    })
    open.push({ endpoint, relay })
    const bundle = await bundleOf()
    const replies = await Promise.all(Array.from({ length: 24 }, () => relay.send(bundle)))
    expect(replies.every(reply => reply.kind === 'accepted')).toBe(true)
    expect(endpoint.received).toHaveLength(24)
  })
})

describeWithShared('recorded signature', ['vectors/relay-and-oracle.json'], () => {
  test('default: our header equals the recorded one for the recorded body', async () => {
    const vector = (
      JSON.parse(readShared('vectors/relay-and-oracle.json')) as {
        flashbotsSignature: { privateKey: Hex; body: string; header: string; keccakBody: Hex }
      }
    ).flashbotsSignature
    const account = privateKeyToAccount(vector.privateKey)
    expect(keccak256(toBytes(vector.body))).toBe(vector.keccakBody)
    expect(`${account.address}:${await account.signMessage({ message: vector.keccakBody })}`).toBe(vector.header)
    const { endpoint, relay } = await start(() => ACCEPTED)
    await relay.send(await bundleOf())
    const post = endpoint.received[0]!
    expect(post.headers['x-flashbots-signature']).toBe(
      `${account.address}:${await account.signMessage({ message: keccak256(toBytes(post.body)) })}`,
    )
  })
})
