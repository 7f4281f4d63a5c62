import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type ChainOptions, createChain } from '../../src/chain/chain'
import { InvariantError } from '../../src/core/errors'
import type { Block } from '../../src/core/primitives'
import type { Chain } from '../../src/ports'
import { createQuiet, type Quiet } from '../fakes/quiet'
import { createRpcNode, headerOf, type RpcNode, RpcReplyError } from '../fakes/rpc-node'

let node: RpcNode
let other: RpcNode
let quiet: Quiet
let chain: Chain | null = null
let stopping: AbortController
let heads: Block[]
/** The node's newest block, and how the latest-block question is answered. */
let newest: number

beforeEach(async () => {
  node = await createRpcNode()
  other = await createRpcNode()
  quiet = createQuiet()
  stopping = new AbortController()
  heads = []
  newest = 1
  for (const each of [node, other]) {
    each.answer('eth_subscribe', () => '0x1')
    each.answer('eth_getBlockByNumber', () => headerOf(newest))
  }
})

afterEach(async () => {
  stopping.abort()
  await chain?.close()
  chain = null
  await Promise.all([node.close(), other.close()])
})

const follow = async (urls: readonly string[], options: Partial<ChainOptions> = {}): Promise<Chain> => {
  chain = await createChain({
    id: 31337,
    rpcUrls: urls,
    log: quiet.log,
    meter: quiet.meter,
    requestTimeoutMs: 200,
    rounds: 1,
    backoffMs: { min: 4, max: 16 },
    pollIntervalMs: 10,
    ...options,
  })
  chain.followHeads(head => heads.push(head), stopping.signal)
  return chain
}

const until = async (holds: () => boolean, what: string): Promise<void> => {
  const deadline = performance.now() + 4_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not reached: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

const numbers = (): readonly number[] => heads.map(head => Number(head.number))

const announce = (each: RpcNode, number: number): void => {
  newest = number
  each.pushHead(headerOf(number))
}

describe('over WebSocket', () => {
  it('default: the latest head at once, then each event, without further requests', async () => {
    const followed = await follow([node.wsUrl])
    await until(() => heads.length === 1 && node.subscriptions() === 1, 'first head')
    const requests = followed.requestCount()
    announce(node, 2)
    announce(node, 3)
    await until(() => heads.length === 3, 'three heads')
    expect(numbers()).toEqual([1, 2, 3])
    expect(heads[2]).toEqual({
      chainId: 31337,
      number: 3n,
      hash: headerOf(3).hash,
      parentHash: headerOf(2).hash,
      timestampSec: 1_700_000_036n,
      baseFeePerGasWei: 1_000_000_000n,
      gasUsed: 21_000n,
      gasLimit: 30_000_000n,
      logsBloom: headerOf(3).logsBloom,
    })
    expect(followed.requestCount()).toBe(requests)
    // Each event is acknowledged at once: else a node may hold the next one back for 40 ms.
    await until(() => node.pongs() === 2, 'two pongs')
  })

  it('behavior: requests never use the socket of the subscription', async () => {
    const followed = await follow([node.wsUrl])
    await until(() => node.subscriptions() === 1, 'subscription')
    await followed.blockByTag('latest')
    expect(node.sockets()).toBeGreaterThanOrEqual(2)
  })

  it('behavior: the same head twice is told once', async () => {
    await follow([node.wsUrl])
    await until(() => heads.length === 1 && node.subscriptions() === 1, 'first head')
    announce(node, 2)
    announce(node, 2)
    announce(node, 3)
    await until(() => heads.length === 3, 'three heads')
    expect(numbers()).toEqual([1, 2, 3])
  })

  it('behavior: a lost socket is replaced, and the head missed meanwhile is told', async () => {
    await follow([node.wsUrl])
    await until(() => heads.length === 1 && node.subscriptions() === 1, 'first head')
    newest = 7
    node.dropSockets()
    await until(() => numbers().includes(7), 'the missed head')
    await until(() => node.subscriptions() === 1, 'new subscription')
    announce(node, 8)
    await until(() => numbers().includes(8), 'the next head')
    expect(numbers()).toEqual([1, 7, 8])
  })

  it('behavior: K4 and K13: after a long outage of connection errors there is exactly one watcher', async () => {
    await follow([node.wsUrl])
    await until(() => heads.length === 1 && node.subscriptions() === 1, 'first head')
    await node.fail()
    // With waits of 4 to 16 ms this is the number of attempts that an outage of 45 s brings, and more.
    await until(
      () => quiet.lines.filter(line => line.event === 'head-socket-failed' || line.event === 'head-socket-lost').length >= 40,
      '40 attempts',
    )
    newest = 50
    await node.recover()
    await until(() => node.subscriptions() === 1 && numbers().includes(50), 'recovery')
    for (let n = 51; n <= 60; n++) announce(node, n)
    await until(() => numbers().includes(60), 'the last head')
    expect(numbers()).toEqual([1, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60])
    expect(node.subscriptions()).toBe(1)
  })

  it('behavior: sockets dropped over and over leave one watcher', async () => {
    await follow([node.wsUrl])
    for (let n = 0; n < 25; n++) {
      await until(() => node.subscriptions() === 1, 'subscription')
      node.dropSockets()
      await until(() => node.subscriptions() === 0, 'drop')
    }
    await until(() => node.subscriptions() === 1, 'last subscription')
    announce(node, 2)
    await until(() => numbers().includes(2), 'head')
    expect(numbers().filter(number => number === 2)).toHaveLength(1)
    expect(node.subscriptions()).toBe(1)
  })

  it('behavior: a half-open socket, that answers not even pings, is given up', async () => {
    await follow([node.wsUrl, other.wsUrl], { pingIntervalMs: 20 })
    await until(() => node.subscriptions() === 1, 'subscription')
    node.freeze()
    await until(() => other.subscriptions() === 1, 'the other URL')
    announce(other, 9)
    await until(() => numbers().includes(9), 'head')
  })

  it('behavior: a subscription that has fallen silent while blocks go on is given up', async () => {
    await follow([node.wsUrl], { pingIntervalMs: 10, headSilenceMs: 30 })
    await until(() => node.subscriptions() === 1 && heads.length === 1, 'subscription')
    newest = 5
    await until(() => numbers().includes(5) && node.socketsEver() >= 3, 'a new socket')
    expect(quiet.lines.map(line => String(line.fields.why))).toContainEqual(expect.stringContaining('although block 5 exists'))
  })

  it('behavior: a quiet chain is no reason to reconnect', async () => {
    const followed = await follow([node.wsUrl], { pingIntervalMs: 10, headSilenceMs: 30 })
    await until(() => node.subscriptions() === 1 && heads.length === 1, 'subscription')
    const before = followed.requestCount()
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(quiet.count('head_reconnects')).toBe(0)
    expect(followed.requestCount() - before).toBeLessThanOrEqual(7)
  })

  it('behavior: garbage on the socket begins it anew', async () => {
    await follow([node.wsUrl])
    await until(() => node.subscriptions() === 1, 'subscription')
    node.pushHead(undefined)
    node.pushHead({ number: 'seven' })
    announce(node, 7)
    await until(() => numbers().includes(7), 'head')
    expect(quiet.count('head_malformed')).toBe(2)
  })

  it('behavior: a node without subscriptions is polled', async () => {
    node.answer('eth_subscribe', () => {
      throw new RpcReplyError(-32601, 'method not found')
    })
    await follow([node.wsUrl])
    await until(() => heads.length === 1, 'first head')
    newest = 4
    await until(() => numbers().includes(4), 'head by polling')
    expect(node.asked().filter(method => method === 'eth_subscribe')).toHaveLength(1)
  })

  it('behavior: while no socket stands, heads go on over the other URL', async () => {
    await follow([node.wsUrl, other.httpUrl])
    await until(() => node.subscriptions() === 1, 'subscription')
    await node.fail()
    newest = 12
    await until(() => numbers().includes(12), 'head over HTTP')
    await node.recover()
    await until(() => node.subscriptions() === 1, 'subscription again')
  })
})

describe('over HTTP', () => {
  it('default: polled; each head once', async () => {
    await follow([node.httpUrl])
    for (const next of [2, 3, 5]) {
      newest = next
      const asked = node.asked().length
      await until(() => node.asked().length >= asked + 2, 'two polls')
    }
    await until(() => numbers().at(-1) === 5, 'the last head')
    expect(numbers()).toEqual([...new Set(numbers())])
  })

  it('behavior: one older answer is of a node that lags, two in a row are a chain that went back', async () => {
    const answers = [5, 3, 5, 5, 4, 4, 4]
    node.answer('eth_getBlockByNumber', () => headerOf(answers.length > 1 ? answers.shift()! : answers[0]!))
    await follow([node.httpUrl])
    await until(() => numbers().includes(4), 'the way back')
    expect(numbers()).toEqual([5, 4])
  })

  it('behavior: K13: hangs, 429, 502 and nonsense stop the heads only as long as they last', async () => {
    await follow([node.httpUrl], { requestTimeoutMs: 30 })
    await until(() => heads.length === 1, 'first head')
    node.misbehave({ kind: 'hang' })
    node.misbehave({ kind: 'send', status: 429, body: 'later' }, 2)
    node.misbehave({ kind: 'send', status: 502, body: '<html>' }, 2)
    node.misbehave({ kind: 'send', body: '{"jsonrpc":"2.0","id":1,"result":{"number":"0x9"}}' }, 2)
    node.misbehave({ kind: 'drop' }, 2)
    newest = 9
    await until(() => numbers().includes(9), 'head')
    expect(numbers()).toEqual([1, 9])
  })
})

describe('the one watcher', () => {
  it('error: following twice is a bug of the caller', async () => {
    const followed = await follow([node.wsUrl])
    expect(() => followed.followHeads(() => undefined, stopping.signal)).toThrow(InvariantError)
  })

  it('behavior: after an abort nothing more is told, no socket stays, and heads can be followed again', async () => {
    const followed = await follow([node.wsUrl])
    await until(() => node.subscriptions() === 1, 'subscription')
    const told = heads.length
    stopping.abort()
    await until(() => node.subscriptions() === 0, 'end')
    announce(node, 3)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(heads).toHaveLength(told)
    stopping = new AbortController()
    followed.followHeads(head => heads.push(head), stopping.signal)
    await until(() => numbers().includes(3), 'head')
  })
})
