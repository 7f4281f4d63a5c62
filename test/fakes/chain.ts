// A scripted chain: tests mine blocks and forks, decide what a node shows, fails or forgets, and count what was asked.
import { keccak256, toHex } from 'viem'
import { KeeperError } from '../../src/core/errors'
import type { ReadCall, ReadResult } from '../../src/core/folder'
import { inChainOrder, logMatches } from '../../src/core/log-filter'
import type { Address, Block, Hex, Log } from '../../src/core/primitives'
import type { Chain, Receipt, SimulatedCall, SimulatedResult } from '../../src/ports'

export interface FakeLog {
  readonly address: Address
  readonly topics?: readonly Hex[]
  readonly data?: Hex
}

export interface MineOptions {
  readonly logs?: readonly FakeLog[]
  /** Default: the canonical head. */
  readonly parent?: Hex
  /** Seconds after the parent, default 12. */
  readonly afterSec?: bigint
  readonly baseFeePerGasWei?: bigint
  /** Null: a header without bloom. */
  readonly logsBloom?: Hex | null
  /** False: the block exists but is not made the head (yet). */
  readonly isHead?: boolean
}

export type FakeMethod = Exclude<keyof Chain, 'id' | 'requestCount' | 'close' | 'followHeads'>

export interface FakeChain extends Chain {
  mine(options?: MineOptions): Block
  /** Makes a block the head: its branch is what the node calls canonical. Followers hear of it. */
  setHead(hash: Hex): void
  head(): Block
  /** All logs of the branch that ends in `hash`, in order. */
  logsUpTo(hash: Hex): readonly Log[]
  /** The next `times` calls of `method` reject with `error` (default: rpc-failed). */
  failNext(method: FakeMethod, times?: number, error?: KeeperError): void
  /** The node does not have the block for its next `times` questions about it. */
  hide(hash: Hex, times?: number): void
  /** How views answer; default: `ok` with empty data. */
  answerReads(answer: (call: ReadCall, block: Block) => ReadResult): void
  answerSimulations(answer: (calls: readonly SimulatedCall[], parent: Block) => readonly SimulatedResult[]): void
  /** Lets a node lie: what logsOfBlock and logsInRange return is passed through. */
  distortLogs(distort: (logs: readonly Log[]) => readonly Log[]): void
  withoutReceipts(): void
  setAccount(address: Address, state: { readonly nonce?: number; readonly balance?: bigint; readonly code?: Hex }): void
  addReceipt(receipt: Receipt): void
  /** Calls since the last reset, by method. */
  counts(): Readonly<Partial<Record<FakeMethod, number>>>
  resetCounts(): void
  followers(): number
}

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

export const NO_BLOOM_BITS: Hex = `0x${'00'.repeat(256)}`

/** A header's bloom over addresses and topics, written down from the Yellow Paper for the tests. */
export const bloomOf = (logs: readonly FakeLog[]): Hex => {
  let bits = 0n
  for (const item of logs.flatMap(log => [log.address, ...(log.topics ?? [])])) {
    const hash = keccak256(item, 'bytes')
    for (const at of [0, 2, 4]) bits |= 1n << (((BigInt(hash[at]!) << 8n) | BigInt(hash[at + 1]!)) & 2047n)
  }
  return toHex(bits, { size: 256 })
}

export const rpcFailed = (message = 'the node is gone'): KeeperError =>
  new KeeperError('rpc-failed', message, { retryable: true })

const unknownBlock = (): KeeperError => new KeeperError('rpc-refused', 'unknown block', { retryable: true })

/** Starts with one empty block, number `firstNumber` (default 0). */
export const createFakeChain = (id = 31337, firstNumber = 0n): FakeChain => {
  const blocks = new Map<Hex, Block>()
  const logs = new Map<Hex, readonly Log[]>()
  const hidden = new Map<Hex, number>()
  const failures = new Map<FakeMethod, KeeperError[]>()
  const accounts = new Map<Address, { nonce?: number; balance?: bigint; code?: Hex }>()
  const receipts = new Map<Hex, Receipt>()
  const followers = new Set<(head: Block) => void>()
  let counts: Partial<Record<FakeMethod, number>> = {}
  let requests = 0
  let salt = 0
  let head!: Block
  let hasReceipts = true
  let answer: (call: ReadCall, block: Block) => ReadResult = () => ({ kind: 'ok', data: '0x' })
  let distort: (logs: readonly Log[]) => readonly Log[] = given => given
  let simulateWith: (calls: readonly SimulatedCall[], parent: Block) => readonly SimulatedResult[] = calls =>
    calls.map(() => ({ status: 'success', gasUsed: 100_000n, returnData: '0x', logs: [] }))

  /** Counts a request and yields to others, as a network does. */
  const request = async (method: FakeMethod): Promise<void> => {
    requests += 1
    counts = { ...counts, [method]: (counts[method] ?? 0) + 1 }
    await new Promise(resolve => setImmediate(resolve))
    const failure = failures.get(method)?.shift()
    if (failure !== undefined) throw failure
  }

  const isHidden = (hash: Hex): boolean => {
    const left = hidden.get(hash) ?? 0
    if (left > 0) hidden.set(hash, left - 1)
    return left > 0
  }

  const known = (hash: Hex): Block => {
    const block = blocks.get(hash)
    if (block === undefined || isHidden(hash)) throw unknownBlock()
    return block
  }

  const branch = (hash: Hex): readonly Block[] => {
    const found: Block[] = []
    for (let block = blocks.get(hash); block !== undefined; block = blocks.get(block.parentHash)) found.push(block)
    return found.reverse()
  }

  const canonical = (number: bigint): Block | null => branch(head.hash).find(block => block.number === number) ?? null

  const setHead = (hash: Hex): void => {
    head = blocks.get(hash)!
    for (const follower of [...followers]) follower(head)
  }

  const mine = (options: MineOptions = {}): Block => {
    const parent = options.parent === undefined ? head : blocks.get(options.parent)
    salt += 1
    const given = options.logs ?? []
    const number = parent === undefined ? firstNumber : parent.number + 1n
    const hash = keccak256(toHex(`${parent?.hash} ${salt}`))
    const block: Block = {
      chainId: id,
      number,
      hash,
      parentHash: parent?.hash ?? ZERO_HASH,
      timestampSec: parent === undefined ? 1_700_000_000n : parent.timestampSec + (options.afterSec ?? 12n),
      baseFeePerGasWei: options.baseFeePerGasWei ?? 1_000_000_000n,
      gasUsed: 15_000_000n,
      gasLimit: 30_000_000n,
      logsBloom: options.logsBloom === undefined ? bloomOf(given) : options.logsBloom,
    }
    blocks.set(hash, block)
    logs.set(
      hash,
      given.map((log, logIndex) => ({
        address: log.address,
        topics: log.topics ?? [],
        data: log.data ?? '0x',
        blockNumber: number,
        blockHash: hash,
        logIndex,
        transactionHash: keccak256(toHex(`${hash} ${logIndex}`)),
      })),
    )
    if (options.isHead ?? true) setHead(hash)
    return block
  }

  const logsUpTo = (hash: Hex): readonly Log[] => branch(hash).flatMap(block => logs.get(block.hash) ?? [])

  const receiptsOf = (hash: Hex): readonly Receipt[] =>
    (logs.get(hash) ?? []).map((log, transactionIndex) => ({
      transactionHash: log.transactionHash,
      status: 'success',
      blockNumber: log.blockNumber,
      blockHash: hash,
      transactionIndex,
      gasUsed: 100_000n,
      effectiveGasPriceWei: 1_000_000_000n,
      logs: [log],
    }))

  const chain: FakeChain = {
    id,
    followHeads: (onHead, signal) => {
      followers.add(onHead)
      signal.addEventListener('abort', () => followers.delete(onHead))
      onHead(head)
    },
    blockByTag: async () => {
      await request('blockByTag')
      return head
    },
    blockByHash: async hash => {
      await request('blockByHash')
      return isHidden(hash) ? null : (blocks.get(hash) ?? null)
    },
    blockByNumber: async number => {
      await request('blockByNumber')
      const block = canonical(number)
      return block === null || isHidden(block.hash) ? null : block
    },
    logsOfBlock: async (hash, filters) => {
      await request('logsOfBlock')
      known(hash)
      return distort((logs.get(hash) ?? []).filter(log => filters.some(filter => logMatches(filter, log))))
    },
    logsInRange: async (from, to, filters, onProgress) => {
      await request('logsInRange')
      const found = logsUpTo(head.hash).filter(log => log.blockNumber >= from && log.blockNumber <= to)
      onProgress?.(to)
      return inChainOrder(distort(found.filter(log => filters.some(filter => logMatches(filter, log)))))
    },
    read: async (calls, blockHash) => {
      await request('read')
      const block = known(blockHash)
      return calls.map(call => answer(call, block))
    },
    simulate: async (calls, parent) => {
      await request('simulate')
      return simulateWith(calls, known(parent.hash))
    },
    receiptsOfBlock: async hash => {
      await request('receiptsOfBlock')
      known(hash)
      return hasReceipts ? receiptsOf(hash) : null
    },
    receipt: async hash => {
      await request('receipt')
      return receipts.get(hash) ?? null
    },
    nonce: async account => {
      await request('nonce')
      return accounts.get(account)?.nonce ?? 0
    },
    balance: async account => {
      await request('balance')
      return accounts.get(account)?.balance ?? 0n
    },
    code: async address => {
      await request('code')
      return accounts.get(address)?.code ?? '0x'
    },
    requestCount: () => requests,
    close: async () => followers.clear(),
    mine,
    setHead,
    head: () => head,
    logsUpTo,
    failNext: (method, times = 1, error = rpcFailed()) => {
      failures.set(method, [...(failures.get(method) ?? []), ...Array.from({ length: times }, () => error)])
    },
    hide: (hash, times = Number.POSITIVE_INFINITY) => {
      hidden.set(hash, times)
    },
    answerReads: given => {
      answer = given
    },
    answerSimulations: given => {
      simulateWith = given
    },
    distortLogs: given => {
      distort = given
    },
    withoutReceipts: () => {
      hasReceipts = false
    },
    setAccount: (address, state) => {
      accounts.set(address, { ...accounts.get(address), ...state })
    },
    addReceipt: receipt => {
      receipts.set(receipt.transactionHash, receipt)
    },
    counts: () => counts,
    resetCounts: () => {
      counts = {}
    },
    followers: () => followers.size,
  }
  mine()
  return chain
}
