import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { createChain } from '../../src/chain/chain'
import type { Address, Block, Hex } from '../../src/core/primitives'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../src/lab/rpc'
import type { Chain } from '../../src/ports'
import { type Advance, createWatcher, type Watcher } from '../../src/watcher/watcher'
import { createQuiet } from '../fakes/quiet'
import { createEchoBook, type EchoBook, NEW_MARKET, PING } from './echo-book'

/**
 * A contract in 28 bytes. Called with nothing it returns block.number; else it emits one log, whose topic is the first word of the call data
 * and whose data is the rest.
 */
const EMITTER_CODE: Hex = ('0x36600b57435f5260205ff35b60203603806020' + '5f375f35905fa100') as Hex
const HOME: Address = `0x${'e1'.repeat(20)}`
const MARKET: Address = `0x${'e2'.repeat(20)}`
const STRANGER: Address = `0x${'e3'.repeat(20)}`

let anvil: Anvil
let rpc: LabRpc
let sender: Address
let snapshot: Hex
let chain: Chain
let book: EchoBook
let watcher: Watcher
let heads: Block[]
let stopping: AbortController

beforeAll(async () => {
  anvil = await startAnvil({ args: ['--no-mining', '--order', 'fifo'] })
  rpc = createLabRpc(anvil.httpUrl)
  for (const address of [HOME, MARKET, STRANGER]) await rpc.request('anvil_setCode', address, EMITTER_CODE)
  sender = (await rpc.request<readonly Address[]>('eth_accounts'))[0]!
  await rpc.request('evm_mine')
})

beforeEach(async () => {
  snapshot = await rpc.request<Hex>('evm_snapshot')
  heads = []
  stopping = new AbortController()
})

afterEach(async () => {
  stopping.abort()
  await chain.close()
  await rpc.request('evm_revert', snapshot)
})

afterAll(async () => {
  rpc.close()
  await anvil.stop()
})

const emit = (to: Address, topic: Hex, data = ''): Promise<unknown> =>
  rpc.request('eth_sendTransaction', { from: sender, to, data: `${topic}${data}`, gas: '0x30000' })

/** Mines one block with what was emitted, and waits for its head. */
const mine = async (): Promise<Block> => {
  await rpc.request('evm_mine')
  const { hash } = await rpc.request<{ readonly hash: Hex }>('eth_getBlockByNumber', 'latest', false)
  return headOf(hash)
}

const headOf = async (hash: Hex): Promise<Block> => {
  const deadline = performance.now() + 4_000
  for (;;) {
    const head = heads.find(each => each.hash === hash)
    if (head !== undefined) return head
    if (performance.now() > deadline) throw new Error(`no head ${hash}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

const start = async (url: string, firstLogSpan = 10_000n): Promise<Block> => {
  const quiet = createQuiet()
  chain = await createChain({ id: 31337, rpcUrls: [url], log: quiet.log, meter: quiet.meter, pollIntervalMs: 10, firstLogSpan })
  book = createEchoBook({ address: HOME })
  watcher = createWatcher({ chain, strategies: [book], venues: [], log: quiet.log, meter: quiet.meter })
  chain.followHeads(head => heads.push(head), stopping.signal)
  return watcher.backfill(new AbortController().signal)
}

const advanced = (result: Advance): Extract<Advance, { kind: 'advanced' }> => {
  if (result.kind !== 'advanced') throw new Error(result.reason)
  return result
}

/** The block number that the market itself saw in the last reads. */
const blockRead = (): bigint => {
  const result = book.reads()?.results[0]
  if (result?.kind !== 'ok') throw new Error(`no read: ${result?.why}`)
  return BigInt(result.data)
}

/** The logs that the node itself says stand now. */
const truth = async () => {
  const filters = book.filters()
  return rpc.request<readonly { readonly blockHash: Hex; readonly logIndex: Hex }[]>('eth_getLogs', {
    fromBlock: '0x0',
    toBlock: 'latest',
    address: filters.flatMap(filter => filter.addresses),
    topics: [[NEW_MARKET, PING]],
  })
}

const expectTruth = async (): Promise<void> => {
  const standing = (await truth()).map(log => `${log.blockHash} ${Number(log.logIndex)}`)
  expect(book.logs().map(log => `${log.blockHash} ${log.logIndex}`)).toEqual(standing)
}

/** Requests that `run` made of the node. */
const requestsOf = async (run: () => Promise<unknown>): Promise<number> => {
  const before = chain.requestCount()
  await run()
  return chain.requestCount() - before
}

describe.each(['ws', 'http'] as const)('over %s', scheme => {
  const url = (): string => (scheme === 'ws' ? anvil.wsUrl : anvil.httpUrl)

  it('default: backfill in small ranges, then block after block, exactly the logs that stand', async () => {
    await emit(HOME, NEW_MARKET, MARKET.slice(2))
    for (let n = 0; n < 20; n++) {
      await emit(n % 2 === 0 ? HOME : STRANGER, PING)
      await rpc.request('evm_mine')
    }
    const head = await start(url(), 3n)
    expect(book.markets()).toEqual([MARKET])
    expect(book.logs()).toHaveLength(11)
    await expectTruth()
    expect(blockRead()).toBe(head.number)
    for (let n = 0; n < 5; n++) {
      await emit(MARKET, PING)
      const next = await mine()
      expect(advanced(await watcher.advance(next)).logs).toHaveLength(1)
      expect(blockRead()).toBe(next.number)
    }
    await expectTruth()
  })

  it.each([1, 3, 12])('behavior: a reorg of %i blocks', async depth => {
    await start(url())
    for (let n = 0; n < 14; n++) {
      await emit(HOME, n === 9 ? NEW_MARKET : PING, n === 9 ? MARKET.slice(2) : '')
      await watcher.advance(await mine())
    }
    await rpc.request('anvil_reorg', depth, [])
    const { hash } = await rpc.request<{ readonly hash: Hex }>('eth_getBlockByNumber', 'latest', false)
    const result = advanced(await watcher.advance(await headOf(hash)))
    expect(result.reorgFrom).toBe(result.block.number - BigInt(depth) + 1n)
    expect(book.logs()).toHaveLength(14 - depth)
    await expectTruth()
    expect(book.reads()?.block.hash).toBe(hash)
  })

  it('behavior: a chain set back to a snapshot and continued otherwise', async () => {
    await start(url())
    const before = await rpc.request<Hex>('evm_snapshot')
    for (let n = 0; n < 6; n++) {
      await emit(HOME, PING)
      await watcher.advance(await mine())
    }
    await rpc.request('evm_revert', before)
    await emit(HOME, NEW_MARKET, MARKET.slice(2))
    expect(advanced(await watcher.advance(await mine())).reorgFrom).not.toBeNull()
    await emit(MARKET, PING)
    await watcher.advance(await mine())
    expect(book.logs()).toHaveLength(2)
    await expectTruth()
  })
})

describe('requests', () => {
  it('default: none or one in an idle block, two at most in a relevant one', async () => {
    await emit(HOME, NEW_MARKET, MARKET.slice(2))
    await rpc.request('evm_mine')
    await start(anvil.wsUrl)
    await watcher.advance(await mine())
    await emit(STRANGER, PING)
    const idle = await mine()
    expect(await requestsOf(() => watcher.advance(idle))).toBe(1)
    await emit(HOME, PING)
    await emit(MARKET, PING)
    const relevant = await mine()
    expect(await requestsOf(() => watcher.advance(relevant))).toBe(2)
    expect(book.logs()).toHaveLength(3)
  })

  it('behavior: heads themselves cost none', async () => {
    await start(anvil.wsUrl)
    await mine()
    const requests = await requestsOf(async () => {
      for (let n = 0; n < 10; n++) await mine()
    })
    expect(requests).toBe(0)
    expect(heads.length).toBeGreaterThanOrEqual(11)
  })

  it('behavior: a block that the node no longer has is behind', async () => {
    await start(anvil.wsUrl)
    await emit(HOME, PING)
    const gone = await mine()
    await rpc.request('anvil_reorg', 1, [])
    expect((await watcher.advance(gone)).kind).toBe('behind')
    const { hash } = await rpc.request<{ readonly hash: Hex }>('eth_getBlockByNumber', 'latest', false)
    await watcher.advance(await headOf(hash))
    await expectTruth()
  })

  it('behavior: receipts of a block where the executor may be in it', async () => {
    await start(anvil.wsUrl)
    const extraFilters = () => [{ addresses: [STRANGER], topics: [[PING]] }]
    const quiet = createQuiet()
    const other = createEchoBook({ address: HOME })
    const second = createWatcher({ chain, strategies: [other], venues: [], extraFilters, log: quiet.log, meter: quiet.meter })
    await second.backfill(new AbortController().signal)
    await emit(STRANGER, PING)
    await emit(HOME, PING)
    const head = await mine()
    const result = advanced(await second.advance(head, { wantReceipts: true }))
    expect(result.receipts).toHaveLength(2)
    expect(result.receipts?.[0]).toMatchObject({ status: 'success', blockHash: head.hash, transactionIndex: 0 })
    expect(result.logs.map(log => log.address)).toEqual([STRANGER, HOME])
    expect(other.logs()).toHaveLength(1)
  })
})
