import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { createLogQueries, type LogQueries } from '../../src/chain/log-queries'
import { createTransport, type Transport } from '../../src/chain/transport'
import type { Hex, LogFilter } from '../../src/core/primitives'
import { createQuiet } from '../fakes/quiet'
import { createRpcNode, hashOf, headerOf, type RpcNode, RpcReplyError } from '../fakes/rpc-node'

const A: Hex = `0x${'aa'.repeat(20)}`
const B: Hex = `0x${'bb'.repeat(20)}`
const TOPIC: Hex = `0x${'01'.repeat(32)}`
const OTHER: Hex = `0x${'02'.repeat(32)}`
const FILTER: LogFilter = { addresses: [A], topics: [[TOPIC]] }

interface RawLog {
  readonly address: string
  readonly topics: readonly string[]
  readonly data: string
  readonly blockNumber: string
  readonly blockHash: string
  readonly logIndex: string
  readonly transactionHash: string
  readonly removed?: boolean
}

const rawLog = (block: number, index: number, address = A, topics: readonly string[] = [TOPIC]): RawLog => ({
  address,
  topics,
  data: '0x',
  blockNumber: `0x${block.toString(16)}`,
  blockHash: hashOf(block),
  logIndex: `0x${index.toString(16)}`,
  transactionHash: hashOf(1000 + index),
})

interface Query {
  readonly fromBlock?: string
  readonly toBlock?: string
  readonly blockHash?: string
  readonly address?: readonly string[]
  readonly topics?: readonly unknown[]
}

let node: RpcNode
let transport: Transport
let queries: LogQueries
let quiet: ReturnType<typeof createQuiet>
/** All logs of the chain; the node answers from it within what it is told to bear. */
let all: readonly RawLog[]
let refuse: (query: Query, found: readonly RawLog[]) => void

const open = (firstSpan = 10_000n, maxSpan = 1_000_000n, urls: readonly string[] = [node.httpUrl]): void => {
  quiet = createQuiet()
  transport = createTransport({
    chainId: 31337,
    urls,
    timeoutMs: 2_000,
    requestsPerSecond: null,
    rounds: 2,
    backoff: { minMs: 1, maxMs: 4 },
    log: quiet.log,
    meter: quiet.meter,
    random: () => 0.5,
    nowMs: () => performance.now(),
  })
  queries = createLogQueries({ transport, log: quiet.log, meter: quiet.meter, timeoutMs: 100, firstSpan, maxSpan, parallel: 4 })
}

beforeEach(async () => {
  node = await createRpcNode()
  all = []
  refuse = () => undefined
  node.answer('eth_getLogs', query => {
    const { fromBlock, toBlock, blockHash, address, topics } = query as Query
    const found = all.filter(
      log =>
        (blockHash === undefined
          ? Number(log.blockNumber) >= Number(fromBlock) && Number(log.blockNumber) <= Number(toBlock)
          : log.blockHash === blockHash) &&
        (address?.includes(log.address) ?? true) &&
        (topics ?? []).every((accepted, at) => (accepted as readonly string[] | null)?.includes(log.topics[at] ?? '') ?? true),
    )
    refuse(query as Query, found)
    return found
  })
  open()
})

afterEach(async () => {
  transport.close()
  await node.close()
})

const spans = (): readonly number[] =>
  node.paramsOf('eth_getLogs').map(([query]) => Number((query as Query).toBlock) - Number((query as Query).fromBlock) + 1)

const blocksOf = (logs: readonly { readonly blockNumber: bigint }[]): readonly number[] =>
  logs.map(log => Number(log.blockNumber))

const scattered = (count: number, upTo: number): readonly RawLog[] =>
  Array.from({ length: count }, (_, n) => rawLog(Math.floor((n * upTo) / count), n))

describe('ranges', () => {
  it('default: in chain order, whatever the order of the answers', async () => {
    all = [rawLog(30_000, 2), rawLog(5, 1), rawLog(30_000, 0), rawLog(12_000, 0)]
    const done: bigint[] = []
    const logs = await queries.inRange(0n, 100_000n, [FILTER], block => done.push(block))
    expect(logs.map(log => [Number(log.blockNumber), log.logIndex])).toEqual([
      [5, 1],
      [12_000, 0],
      [30_000, 0],
      [30_000, 2],
    ])
    expect(done).toEqual([39_999n, 100_000n])
    expect(spans()).toEqual([10_000, 10_000, 10_000, 10_000, 20_000, 20_000, 20_000, 1])
  })

  it.each([
    'query returned more than 10000 results',
    'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range',
    'block range is too wide',
    'eth_getLogs is limited to a 1000 block range',
    'query timeout exceeded',
    'Zu viele Blöcke',
  ])('behavior: halved until the node bears it, though it says: %s', async message => {
    all = scattered(500, 40_000)
    refuse = ({ fromBlock, toBlock }) => {
      if (Number(toBlock) - Number(fromBlock) >= 1_000) throw new RpcReplyError(-32000, message)
    }
    const logs = await queries.inRange(0n, 40_000n, [FILTER])
    expect(blocksOf(logs)).toEqual(all.map(log => Number(log.blockNumber)))
    const refused = spans().filter(span => span > 1_000).length
    expect(refused).toBeLessThan(spans().length / 2)
  })

  it('behavior: halved when answers are too slow or cut off by a proxy', async () => {
    all = scattered(50, 10_000)
    node.misbehave({ kind: 'hang' })
    node.misbehave({ kind: 'send', status: 413, body: 'too large' })
    node.misbehave({ kind: 'send', body: '{"jsonrpc":"2.0","id":1,"result":[{"address"' })
    const logs = await queries.inRange(0n, 9_999n, [FILTER])
    expect(logs).toHaveLength(50)
    expect(spans()[0]).toBe(10_000)
    expect(spans()).toContain(5_000)
  })

  it('behavior: what the node cuts off at a round number without a word is fetched from there', async () => {
    all = scattered(2_500, 9_000)
    node.answer('eth_getLogs', query => {
      const { fromBlock, toBlock } = query as Query
      return all
        .filter(log => Number(log.blockNumber) >= Number(fromBlock) && Number(log.blockNumber) <= Number(toBlock))
        .slice(0, 1_000)
    })
    const logs = await queries.inRange(0n, 9_999n, [FILTER])
    expect(logs).toHaveLength(2_500)
  })

  it('error: a single block that the node refuses is told as it is', async () => {
    refuse = () => {
      throw new RpcReplyError(-32000, 'database is corrupt')
    }
    await expect(queries.inRange(7n, 7n, [FILTER])).rejects.toMatchObject({ code: 'rpc-refused' })
  })

  it('error: a dead node is not asked for ever smaller ranges', async () => {
    await node.fail()
    await expect(queries.inRange(0n, 9_999n, [FILTER])).rejects.toMatchObject({ code: 'rpc-failed' })
    await node.recover()
    expect(spans()).toEqual([])
  })

  it('behavior: removed logs and repeats are left out', async () => {
    all = [rawLog(1, 0), { ...rawLog(1, 1), removed: true }, rawLog(1, 0)]
    expect(blocksOf(await queries.inRange(0n, 10n, [FILTER]))).toEqual([1])
    expect(quiet.count('logs_doubled')).toBe(1)
  })

  it.each([
    ['a log of another address', rawLog(2, 0, B)],
    ['a log of another event', rawLog(2, 0, A, [OTHER])],
    ['a log outside the range', rawLog(11, 0)],
    ['another log in the same place', { ...rawLog(1, 0), data: '0x01' }],
    ['a log of another fork at the same height', { ...rawLog(1, 1), blockHash: hashOf(77) }],
  ])('error: %s: the answer is not believed, another node is asked', async (_what, stray) => {
    const liar = await createRpcNode()
    liar.answer('eth_getLogs', () => [rawLog(1, 0), stray])
    transport.close()
    open(10_000n, 1_000_000n, [liar.httpUrl, node.httpUrl])
    all = [rawLog(1, 0)]
    expect(blocksOf(await queries.inRange(0n, 10n, [FILTER]))).toEqual([1])
    expect(quiet.count('logs_foreign')).toBe(1)
    await liar.close()
  })

  it('error: where every node lies, it is rpc-malformed', async () => {
    node.answer('eth_getLogs', () => [rawLog(2, 0, B)])
    await expect(queries.inRange(2n, 2n, [FILTER])).rejects.toMatchObject({ code: 'rpc-malformed', retryable: true })
  })

  it('behavior: without filters there is nothing to ask', async () => {
    const done: bigint[] = []
    expect(await queries.inRange(0n, 10n, [], block => done.push(block))).toEqual([])
    expect(await queries.inRange(5n, 4n, [FILTER])).toEqual([])
    expect(done).toEqual([10n])
    expect(spans()).toEqual([])
  })

  it('behavior: several filters become one question', async () => {
    all = [rawLog(1, 0), rawLog(1, 1, B, [OTHER]), rawLog(1, 2, B, [TOPIC])]
    const logs = await queries.inRange(0n, 10n, [FILTER, { addresses: [B], topics: [[OTHER]] }])
    expect(logs.map(log => log.logIndex)).toEqual([0, 1])
    expect(node.paramsOf('eth_getLogs')).toEqual([
      [{ address: [A, B], topics: [[TOPIC, OTHER]], fromBlock: '0x0', toBlock: '0xa' }],
    ])
  })

  it('behavior: very many addresses are several questions about a range, and of one block all logs of the topics', async () => {
    all = [rawLog(1, 0, A), rawLog(1, 1, B)]
    const addresses = [A, ...Array.from({ length: 600 }, (_, n) => `0x${n.toString(16).padStart(40, '0')}` as Hex)]
    const logs = await queries.inRange(0n, 10n, [{ addresses, topics: [[TOPIC]] }])
    expect(logs).toHaveLength(1)
    expect(node.paramsOf('eth_getLogs')).toEqual(
      [addresses.slice(0, 500), addresses.slice(500)].map(address => [
        { address, topics: [[TOPIC]], fromBlock: '0x0', toBlock: '0xa' },
      ]),
    )
    expect(await queries.ofBlock(hashOf(1), [{ addresses, topics: [[TOPIC]] }])).toHaveLength(1)
    expect(node.paramsOf('eth_getLogs')[2]).toEqual([{ topics: [[TOPIC]], blockHash: hashOf(1) }])
  })
})

describe('one block', () => {
  it('default: by hash, one request for all filters', async () => {
    all = [rawLog(4, 1), rawLog(4, 0), rawLog(5, 0)]
    const logs = await queries.ofBlock(hashOf(4), [FILTER, { addresses: [B], topics: [] }])
    expect(logs.map(log => log.logIndex)).toEqual([0, 1])
    expect(node.paramsOf('eth_getLogs')).toEqual([[{ address: [A, B], blockHash: hashOf(4) }]])
  })

  it('behavior: a node that knows no hashes is asked by number, and believed only if it is that block', async () => {
    node.answer('eth_getBlockByHash', () => headerOf(4))
    all = [rawLog(4, 0)]
    refuse = query => {
      if (query.blockHash !== undefined) throw new RpcReplyError(-32602, 'invalid params: unknown field blockHash')
    }
    expect(await queries.ofBlock(hashOf(4), [FILTER])).toHaveLength(1)
    all = [{ ...rawLog(4, 0), blockHash: hashOf(4, 9) }]
    await expect(queries.ofBlock(hashOf(4), [FILTER])).rejects.toMatchObject({ code: 'rpc-refused', retryable: true })
  })

  it('error: a block that the node does not have can be asked for again', async () => {
    refuse = () => {
      throw new RpcReplyError(-32000, 'unknown block')
    }
    await expect(queries.ofBlock(hashOf(4), [FILTER])).rejects.toMatchObject({ code: 'rpc-refused', retryable: true })
  })

  it.each([
    ['an address that is none', { ...rawLog(4, 0), address: '0x12' }],
    ['no topics', { ...rawLog(4, 0), topics: undefined }],
    ['odd data', { ...rawLog(4, 0), data: '0x123' }],
    ['a decimal number', { ...rawLog(4, 0), blockNumber: '4' }],
    ['no log at all', 'log'],
  ])('error: %s in a log is rpc-malformed', async (_name, log) => {
    node.answer('eth_getLogs', () => [log])
    await expect(queries.ofBlock(hashOf(4), [FILTER])).rejects.toMatchObject({ code: 'rpc-malformed' })
  })
})
