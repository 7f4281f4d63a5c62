import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { createChain } from '../../src/chain/chain'
import type { Block, TargetBlock } from '../../src/core/primitives'
import type { Chain, SimulatedCall } from '../../src/ports'
import { createQuiet } from '../fakes/quiet'
import { createRpcNode, hashOf, headerOf, type RpcNode, RpcReplyError } from '../fakes/rpc-node'

let node: RpcNode
let chain: Chain

beforeEach(async () => {
  node = await createRpcNode()
  const quiet = createQuiet()
  chain = await createChain({
    id: 31337,
    rpcUrls: [node.httpUrl],
    log: quiet.log,
    meter: quiet.meter,
    rounds: 1,
    backoffMs: { min: 1, max: 2 },
  })
})

afterEach(async () => {
  await chain.close()
  await node.close()
})

const PARENT: Block = {
  chainId: 31337,
  number: 9n,
  hash: hashOf(9),
  parentHash: hashOf(8),
  timestampSec: 1_700_000_108n,
  baseFeePerGasWei: 1_000_000_000n,
  gasUsed: 0n,
  gasLimit: 30_000_000n,
  logsBloom: null,
}
const TARGET: TargetBlock = { number: 10n, timestampSec: 1_700_000_120n, baseFeePerGasWei: 7n }
const CALL: SimulatedCall = {
  from: `0x${'11'.repeat(20)}`,
  to: `0x${'22'.repeat(20)}`,
  data: '0x1234',
  gas: 500_000n,
  maxFeePerGasWei: 20n,
  maxPriorityFeePerGasWei: 1n,
}

const BAD = `0x${'bad'.padStart(40, '0')}` as const
const LONG = `0x${'1'.padStart(40, '0')}` as const

const refusal = (code: number, message: string, data?: unknown) => () => {
  throw new RpcReplyError(code, message, data)
}

describe('createChain', () => {
  it('error: the wrong chain, no URL, no node', async () => {
    const quiet = createQuiet()
    const ports = { log: quiet.log, meter: quiet.meter, rounds: 1, backoffMs: { min: 1, max: 2 } }
    await expect(createChain({ id: 1, rpcUrls: [node.wsUrl], ...ports })).rejects.toMatchObject({
      code: 'wrong-chain',
      retryable: false,
    })
    await expect(createChain({ id: 1, rpcUrls: [], ...ports })).rejects.toMatchObject({ code: 'bad-config' })
    await expect(createChain({ id: 1, rpcUrls: ['http://127.0.0.1:1'], ...ports })).rejects.toMatchObject({
      code: 'rpc-failed',
      retryable: true,
    })
  })

  it('error: a second URL of another chain is told at once', async () => {
    const quiet = createQuiet()
    const stranger = await createRpcNode(5)
    const failing = createChain({ id: 31337, rpcUrls: [node.httpUrl, stranger.httpUrl], log: quiet.log, meter: quiet.meter })
    await expect(failing).rejects.toMatchObject({ code: 'wrong-chain' })
    await stranger.close()
  })

  it('behavior: one URL that is down does not keep the chain from starting', async () => {
    const quiet = createQuiet()
    node.answer('eth_getBalance', () => '0x5')
    const started = await createChain({
      id: 31337,
      rpcUrls: ['http://127.0.0.1:1', node.wsUrl],
      log: quiet.log,
      meter: quiet.meter,
    })
    expect(await started.balance(CALL.from)).toBe(5n)
    await started.close()
  })
})

describe('blocks', () => {
  it('default: decoded, null where there is none', async () => {
    node.answer('eth_getBlockByHash', hash => (hash === hashOf(3) ? headerOf(3) : null))
    expect((await chain.blockByHash(hashOf(3)))?.number).toBe(3n)
    expect(await chain.blockByHash(hashOf(4))).toBeNull()
  })

  it('behavior: chains without base fee, blooms of another length, upper case', async () => {
    const upper = `0x${'AB'.repeat(32)}`
    node.answer('eth_getBlockByNumber', () => ({ ...headerOf(3), hash: upper, baseFeePerGas: undefined, logsBloom: '0x00' }))
    expect(await chain.blockByNumber(3n)).toMatchObject({ hash: upper.toLowerCase(), baseFeePerGasWei: null, logsBloom: null })
  })

  it.each(['number', 'hash', 'parentHash', 'timestamp', 'gasUsed', 'gasLimit'])(
    'error: a block without %s is rpc-malformed',
    async field => {
      node.answer('eth_getBlockByNumber', () => ({ ...headerOf(3), [field]: null }))
      await expect(chain.blockByTag('latest')).rejects.toMatchObject({
        code: 'rpc-malformed',
        message: expect.stringContaining(field),
      })
    },
  )
})

describe('receipts and accounts', () => {
  const receipt = {
    transactionHash: hashOf(1),
    status: '0x0',
    blockNumber: '0x3',
    blockHash: hashOf(3),
    transactionIndex: '0x1',
    gasUsed: '0x5208',
    logs: [],
  }

  it('default: decoded; a price that is missing is zero', async () => {
    node.answer('eth_getBlockReceipts', () => [receipt])
    expect(await chain.receiptsOfBlock(hashOf(3))).toEqual([
      {
        transactionHash: hashOf(1),
        status: 'reverted',
        blockNumber: 3n,
        blockHash: hashOf(3),
        transactionIndex: 1,
        gasUsed: 21_000n,
        effectiveGasPriceWei: 0n,
        logs: [],
      },
    ])
  })

  it('behavior: null for ever where the node has no such method, and it is asked once', async () => {
    expect(await chain.receiptsOfBlock(hashOf(3))).toBeNull()
    expect(await chain.receiptsOfBlock(hashOf(3))).toBeNull()
    expect(node.asked()).toEqual(['eth_getBlockReceipts'])
  })

  it('error: a block that the node does not have is no empty block', async () => {
    node.answer('eth_getBlockReceipts', () => null)
    await expect(chain.receiptsOfBlock(hashOf(3))).rejects.toMatchObject({ code: 'rpc-refused', retryable: true })
  })

  it('default: nonce, code, no receipt', async () => {
    node.answer('eth_getTransactionCount', () => '0x7')
    node.answer('eth_getCode', () => '0x6001')
    node.answer('eth_getTransactionReceipt', () => null)
    expect([await chain.nonce(CALL.from), await chain.code(CALL.to), await chain.receipt(hashOf(1))]).toEqual([7, '0x6001', null])
  })
})

describe('simulate', () => {
  const log = { address: CALL.to, topics: [hashOf(1)], data: '0x02' }

  it('default: one request at the parent, as the target block; status, gas, data and logs', async () => {
    node.answer('eth_simulateV1', () => [
      {
        calls: [
          { status: '0x1', gasUsed: '0x5208', returnData: '0x01', logs: [log] },
          { status: '0x0', gasUsed: '0x1', returnData: '0x', error: { code: 3, message: 'reverted', data: '0xdead' } },
        ],
      },
    ])
    const results = await chain.simulate([CALL, CALL], PARENT, TARGET)
    expect(results).toMatchObject([
      { status: 'success', gasUsed: 21_000n, returnData: '0x01', logs: [{ address: CALL.to, blockNumber: 10n, logIndex: 0 }] },
      { status: 'reverted', gasUsed: 1n, returnData: '0xdead', logs: [] },
    ])
    const [payload, state] = node.paramsOf('eth_simulateV1')[0]!
    expect(payload).toMatchObject({
      validation: false,
      blockStateCalls: [
        {
          blockOverrides: { number: '0xa', time: '0x6553f178', baseFeePerGas: '0x7' },
          calls: [{ gas: '0x7a120' }, { data: '0x1234' }],
        },
      ],
    })
    expect(state).toEqual({ blockHash: PARENT.hash })
  })

  it('behavior: a node without it simulates call by call', async () => {
    node.answer('eth_call', transaction => {
      if ((transaction as { readonly gas: string }).gas === '0x1') throw new RpcReplyError(3, 'execution reverted', '0xdead')
      return '0x99'
    })
    node.answer('eth_estimateGas', () => '0x6000')
    const results = await chain.simulate([CALL, { ...CALL, gas: 1n }], PARENT, TARGET)
    expect(results).toEqual([
      { status: 'success', gasUsed: 24_576n, returnData: '0x99', logs: [] },
      { status: 'reverted', gasUsed: 1n, returnData: '0xdead', logs: [] },
    ])
  })

  it('behavior: call by call, a view costs one request: nobody needs its gas', async () => {
    node.answer('eth_call', () => '0x99')
    node.answer('eth_estimateGas', () => '0x6000')
    const before = node.paramsOf('eth_estimateGas').length
    const results = await chain.simulate([{ ...CALL, isView: true }, CALL], PARENT, TARGET)
    expect(results.map(({ gasUsed, returnData }) => [gasUsed, returnData])).toEqual([
      [0n, '0x99'],
      [24_576n, '0x99'],
    ])
    expect(node.paramsOf('eth_estimateGas')).toHaveLength(before + 1)
  })

  it('error: fewer results than calls, or a parent that is gone', async () => {
    node.answer('eth_simulateV1', () => [{ calls: [] }])
    await expect(chain.simulate([CALL], PARENT, TARGET)).rejects.toMatchObject({ code: 'rpc-malformed' })
    node.answer('eth_simulateV1', refusal(-32000, 'header not found'))
    await expect(chain.simulate([CALL], PARENT, TARGET)).rejects.toMatchObject({ code: 'rpc-refused', retryable: true })
  })
})

describe('read', () => {
  const calls = [{ to: CALL.to, data: '0x01' as const }]
  /** What the reader says for one call that returned 0xbeef. */
  const ANSWER = '0x0100000002beef'

  it.each([
    ['a plain string', ANSWER],
    ['an object', { data: ANSWER }],
    ['with words before it', `Reverted ${ANSWER}`],
  ])('default: one request; revert data as %s', async (_name, data) => {
    node.answer('eth_call', refusal(3, 'execution reverted', data))
    const results = await chain.read(calls, hashOf(3))
    expect(node.asked()).toEqual(['eth_call'])
    expect(node.paramsOf('eth_call')[0]?.[1]).toEqual({ blockHash: hashOf(3) })
    expect(results).toEqual([{ kind: 'ok', data: '0xbeef' }])
  })

  it('behavior: a node that takes no hashes is asked by number, and whether that still is the block', async () => {
    let canonical = 0
    node.answer('eth_call', (_transaction, state) => {
      if (typeof state !== 'string')
        throw new RpcReplyError(-32602, 'invalid argument 1: json: cannot unmarshal object into Go value of type string')
      throw new RpcReplyError(3, 'execution reverted', ANSWER)
    })
    node.answer('eth_getBlockByHash', () => headerOf(3))
    node.answer('eth_getBlockByNumber', () => headerOf(3, canonical))
    expect(await chain.read(calls, hashOf(3))).toHaveLength(1)
    canonical = 1
    await expect(chain.read(calls, hashOf(3))).rejects.toMatchObject({ code: 'rpc-refused', retryable: true })
  })

  it('error: an unknown block, an answer that is none, no revert', async () => {
    node.answer('eth_call', refusal(-32001, 'Resource not found'))
    await expect(chain.read(calls, hashOf(3))).rejects.toMatchObject({ code: 'rpc-refused', retryable: true })
    node.answer('eth_call', () => '0x')
    await expect(chain.read(calls, hashOf(3))).rejects.toMatchObject({ code: 'rpc-malformed' })
  })

  it('behavior: a node that runs no code without an address, or hides revert data, is asked call by call', async () => {
    node.answer('eth_call', transaction => {
      const { to, gas } = transaction as { readonly to?: string; readonly gas?: string }
      if (to === undefined) throw new RpcReplyError(-32000, 'execution reverted')
      if (to === BAD) throw new RpcReplyError(3, 'execution reverted: no price', '0x')
      return to === LONG ? `0x${'00'.repeat(5_000)}` : (gas ?? null)
    })
    const asked = [
      { to: CALL.to, data: '0x01', gasCap: 255 } as const,
      { to: BAD, data: '0x01' } as const,
      { to: LONG, data: '0x01' } as const,
    ]
    const expected = [
      { kind: 'ok', data: '0xff' },
      { kind: 'failed', why: 'reverted' },
      { kind: 'failed', why: 'too-long' },
    ]
    expect(await chain.read(asked, hashOf(3))).toEqual(expected)
    expect(await chain.read(asked, hashOf(3))).toEqual(expected)
    expect(await chain.read(asked, hashOf(3))).toEqual(expected)
    const before = node.asked().length
    expect(await chain.read(asked, hashOf(3))).toEqual(expected)
    expect(node.asked().length - before).toBe(3)
  })

  it('behavior: no calls, no request', async () => {
    expect(await chain.read([], hashOf(3))).toEqual([])
    expect(node.asked()).toEqual([])
  })
})
