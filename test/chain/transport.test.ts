import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { createTransport, type Transport, type TransportOptions } from '../../src/chain/transport'
import { createQuiet, type Quiet } from '../fakes/quiet'
import { createRpcNode, type Misdeed, type RpcNode, RpcReplyError } from '../fakes/rpc-node'

let node: RpcNode
let other: RpcNode
let nodes: RpcNode[] = []
let quiet: Quiet
let transports: Transport[] = []

beforeEach(async () => {
  node = await createRpcNode()
  other = await createRpcNode()
  nodes = [node, other]
  quiet = createQuiet()
  node.answer('eth_blockNumber', () => '0x1')
  other.answer('eth_blockNumber', () => '0x2')
})

afterEach(async () => {
  for (const transport of transports) transport.close()
  transports = []
  await Promise.all(nodes.map(each => each.close()))
})

const connect = (urls: readonly string[], options: Partial<TransportOptions> = {}): Transport => {
  const transport = createTransport({
    chainId: 31337,
    urls,
    timeoutMs: 2_000,
    requestsPerSecond: null,
    rounds: 3,
    backoff: { minMs: 2, maxMs: 20 },
    log: quiet.log,
    meter: quiet.meter,
    random: () => 0.5,
    nowMs: () => performance.now(),
    ...options,
  })
  transports.push(transport)
  return transport
}

const HTML = '<html><body><h1>502 Bad Gateway</h1></body></html>'
const MISDEEDS: readonly (readonly [string, Misdeed])[] = [
  ['HTTP 429', { kind: 'send', status: 429, headers: { 'retry-after': '0' }, body: 'slow down' }],
  ['HTTP 502 with HTML', { kind: 'send', status: 502, body: HTML }],
  ['HTTP 200 with HTML', { kind: 'send', body: HTML }],
  ['HTTP 401', { kind: 'send', status: 401, body: 'who are you' }],
  ['broken JSON', { kind: 'send', body: '{"jsonrpc":"2.0","id":1,"result":"0x' }],
  ['nothing', { kind: 'send', body: '' }],
  ['null', { kind: 'send', body: 'null' }],
  ['a list', { kind: 'send', body: '[]' }],
  ['no result', { kind: 'send', body: '{"jsonrpc":"2.0","id":2}' }],
  ['a dropped connection', { kind: 'drop' }],
]

describe('over HTTP', () => {
  it('default: the result, one request each, the chain asked for its id once', async () => {
    const transport = connect([node.httpUrl])
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
    expect(transport.requestCount()).toBe(3)
  })

  it.each(MISDEEDS)('behavior: after %s the next URL is asked', async (_name, misdeed) => {
    const transport = connect([node.httpUrl, other.httpUrl])
    node.misbehave(misdeed, 2)
    expect(await transport.call('eth_blockNumber', [])).toBe('0x2')
    expect(quiet.count('rpc_failures')).toBe(1)
  })

  it.each(MISDEEDS)('behavior: after %s an only URL is asked again', async (_name, misdeed) => {
    const transport = connect([node.httpUrl])
    node.misbehave(misdeed, 2)
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
    expect(node.asked()).toHaveLength(3)
  })

  it.each(MISDEEDS)('error: %s for ever ends as a KeeperError that can be retried', async (_name, misdeed) => {
    const transport = connect([node.httpUrl])
    node.misbehave(misdeed, 20)
    await expect(transport.call('eth_blockNumber', [])).rejects.toMatchObject({
      code: expect.stringMatching(/^rpc-(failed|malformed)$/),
      retryable: true,
    })
    // A reset of a kept-alive connection is tried once more without being counted.
    expect(node.asked().length).toBe(misdeed.kind === 'drop' ? 4 : 3)
  })

  it('behavior: a node that hangs is left after the timeout', async () => {
    const transport = connect([node.httpUrl, other.httpUrl], { timeoutMs: 60 })
    await transport.verify(node.httpUrl)
    await transport.verify(other.httpUrl)
    node.misbehave({ kind: 'hang' })
    expect(await transport.call('eth_blockNumber', [])).toBe('0x2')
    expect(node.asked()).toHaveLength(1)
  })

  it('behavior: a failed URL rests and comes back', async () => {
    const transport = connect([node.httpUrl, other.httpUrl], { backoff: { minMs: 400, maxMs: 400 } })
    node.misbehave({ kind: 'send', status: 503, body: '' })
    expect(await transport.call('eth_blockNumber', [])).toBe('0x2')
    expect(await transport.call('eth_blockNumber', [])).toBe('0x2')
    await new Promise(resolve => setTimeout(resolve, 450))
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
  })

  it('error: a refusal is final and is no failure of the node', async () => {
    const transport = connect([node.httpUrl, other.httpUrl])
    node.answer('eth_call', () => {
      throw new RpcReplyError(3, 'execution reverted: rate limit', '0x01')
    })
    await expect(transport.call('eth_call', [])).rejects.toMatchObject({
      code: 'rpc-refused',
      retryable: false,
      kind: 'refused',
      data: '0x01',
    })
    expect(other.asked()).toEqual([])
    expect(quiet.count('rpc_failures')).toBe(0)
  })

  it('behavior: an error object under an HTTP error status is the refusal that it is', async () => {
    const transport = connect([node.httpUrl])
    node.misbehave({
      kind: 'send',
      status: 400,
      body: '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid params"}}',
    })
    await expect(transport.call('eth_blockNumber', [])).rejects.toMatchObject({ code: 'rpc-refused', rpcCode: -32602 })
  })

  it('behavior: a rate limit told as an error object counts as a failure of the node', async () => {
    const transport = connect([node.httpUrl, other.httpUrl])
    node.answer('eth_blockNumber', () => {
      throw new RpcReplyError(-32005, 'project rate limit reached')
    })
    expect(await transport.call('eth_blockNumber', [])).toBe('0x2')
    const alone = connect([node.httpUrl])
    await expect(alone.call('eth_blockNumber', [])).rejects.toMatchObject({ code: 'rpc-failed', retryable: true })
  })

  it('behavior: a block unknown to the first node may be known to the second', async () => {
    const transport = connect([node.httpUrl, other.httpUrl])
    node.answer('eth_getLogs', () => {
      throw new RpcReplyError(-32000, 'unknown block')
    })
    other.answer('eth_getLogs', () => [])
    expect(await transport.call('eth_getLogs', [])).toEqual([])
    expect(quiet.count('rpc_failures')).toBe(0)
  })

  it('behavior: an idle connection that the server has closed costs nothing', async () => {
    const transport = connect([node.httpUrl], { rounds: 1 })
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
    await node.fail()
    await node.recover()
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
  })

  it('error: no URL in a message: its path may be a key', async () => {
    const transport = connect([`${node.httpUrl}/v2/my-secret-key`], { rounds: 1 })
    node.misbehave({ kind: 'send', status: 503, body: 'busy' })
    const error = await transport.call('eth_blockNumber', []).catch((caught: unknown) => caught)
    expect(String(error)).toContain('127.0.0.1')
    expect(String(error) + JSON.stringify(quiet.lines)).not.toContain('secret')
  })
})

describe('chain ids', () => {
  it('error: another chain is refused with both ids', async () => {
    const transport = connect([node.httpUrl], { chainId: 1 })
    await expect(transport.call('eth_blockNumber', [])).rejects.toMatchObject({
      code: 'wrong-chain',
      retryable: false,
      message: expect.stringMatching(/31337.* 1\b/),
    })
    expect(node.asked()).toEqual([])
  })

  it('behavior: a failover URL of another chain is never used', async () => {
    const stranger = await createRpcNode(5)
    nodes.push(stranger)
    stranger.answer('eth_blockNumber', () => '0x5')
    const transport = connect([node.httpUrl, stranger.httpUrl])
    node.misbehave({ kind: 'send', status: 503, body: '' })
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
    expect(stranger.asked()).toEqual([])
  })
})

describe('over WebSocket', () => {
  it('default: requests share one socket; answers find their requests in any order', async () => {
    const transport = connect([node.wsUrl])
    node.answer('echo', value => value)
    const values = Array.from({ length: 50 }, (_, n) => `0x${n}`)
    expect(await Promise.all(values.map(value => transport.call('echo', [value])))).toEqual(values)
    expect(quiet.lines).toEqual([])
    expect(node.socketsEver()).toBe(1)
  })

  it('behavior: an answer is acknowledged at once while others are awaited, so that no node holds them back for 40 ms', async () => {
    const transport = connect([node.wsUrl])
    await transport.verify(node.wsUrl)
    expect(node.pongs()).toBe(0)
    await Promise.all([
      transport.call('eth_blockNumber', []),
      transport.call('eth_blockNumber', []),
      transport.call('eth_blockNumber', []),
    ])
    await transport.call('eth_blockNumber', [])
    expect(node.pongs()).toBe(2)
  })

  it.each<readonly [string, Misdeed]>([
    ['a dropped socket', { kind: 'drop' }],
    ['garbage', { kind: 'send', body: HTML }],
    [
      'an error that names no request',
      { kind: 'send', body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}' },
    ],
  ])('behavior: after %s it is asked again', async (_name, misdeed) => {
    const transport = connect([node.wsUrl])
    node.misbehave(misdeed)
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
  })

  it('behavior: a half-open socket is replaced after the timeout', async () => {
    const transport = connect([node.wsUrl], { timeoutMs: 50 })
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
    node.misbehave({ kind: 'hang' })
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
    expect(node.socketsEver()).toBe(2)
  })

  it('error: no listener ends as rpc-failed', async () => {
    const transport = connect([node.wsUrl])
    await node.fail()
    await expect(transport.call('eth_blockNumber', [])).rejects.toMatchObject({ code: 'rpc-failed', retryable: true })
    await node.recover()
    expect(await transport.call('eth_blockNumber', [])).toBe('0x1')
  })

  it('error: close ends what waits, and everything after it', async () => {
    const transport = connect([node.wsUrl])
    await transport.verify(node.wsUrl)
    node.misbehave({ kind: 'hang' })
    const waiting = transport.call('eth_blockNumber', [])
    transport.close()
    await expect(waiting).rejects.toMatchObject({ code: 'rpc-failed' })
    await expect(transport.call('eth_blockNumber', [])).rejects.toMatchObject({ code: 'rpc-failed' })
  })
})

describe('limits', () => {
  it('behavior: a burst beyond the limit is spread, and all of it arrives', async () => {
    const transport = connect([node.httpUrl], { requestsPerSecond: 40 })
    const start = performance.now()
    await Promise.all(Array.from({ length: 30 }, () => transport.call('eth_blockNumber', [])))
    // 20 at once (the chain id is one of them), the other 11 at 50 ms each.
    expect(performance.now() - start).toBeGreaterThan(400)
    expect(node.asked()).toHaveLength(30)
  })

  it('error: a scheme that is none of ours is a bad config', () => {
    expect(() => connect(['ftp://127.0.0.1/'])).toThrow(expect.objectContaining({ code: 'bad-config' }))
  })
})
