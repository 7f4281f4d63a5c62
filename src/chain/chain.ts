// The Chain port over JSON-RPC: puts transport, heads, logs, reads and simulation together. Decides nothing about what is read.
import { KeeperError } from '../core/errors'
import type { Block, Hex } from '../core/primitives'
import type { Chain, LogSink, Meter, Receipt } from '../ports'
import { toBlock, toBytes, toHexQuantity, toList, toQuantity, toReceipt, toSmall } from './decode'
import { createHeads } from './heads'
import { createLogQueries } from './log-queries'
import { createReads } from './reads'
import { isRefusal } from './rpc-error'
import { createSimulate } from './simulate'
import { createTransport, type Transport } from './transport'

export interface ChainOptions {
  readonly id: number
  /** http(s):// or ws(s)://, the preferred first. Heads come over a socket of their own where one of them is ws(s)://. */
  readonly rpcUrls: readonly string[]
  readonly log: LogSink
  readonly meter: Meter
  /** Default 5,000. Log ranges get four times as long. */
  readonly requestTimeoutMs?: number
  /** Per URL; default: no limit. */
  readonly requestsPerSecond?: number | null
  /** Between polls where heads can't be subscribed to; default 1,000. */
  readonly pollIntervalMs?: number
  /** Blocks in the first log request; default 10,000. It halves and doubles from there. */
  readonly firstLogSpan?: bigint
  /** Passes over all URLs before a request fails; default 3. */
  readonly rounds?: number
  /** Shortest and longest wait between attempts, for requests and for the head socket; default 250 to 4,000. */
  readonly backoffMs?: { readonly min: number; readonly max: number }
  /** Default 5,000. */
  readonly pingIntervalMs?: number
  /** Default 15,000. */
  readonly headSilenceMs?: number
  /** In [0, 1): spreads retries. Default Math.random. */
  readonly random?: () => number
}

const MAX_LOG_SPAN = 1_000_000n
const PARALLEL_RANGES = 4

/** Connects and checks the chain's id: rejects with KeeperError 'wrong-chain', 'bad-config', or 'rpc-failed' when no URL answers. */
export const createChain = async (options: ChainOptions): Promise<Chain> => {
  const { id, rpcUrls, log, meter } = options
  if (rpcUrls.length === 0) throw new KeeperError('bad-config', `chain ${id} has no RPC URL`, { retryable: false })
  const timeoutMs = options.requestTimeoutMs ?? 5_000
  const backoff = { minMs: options.backoffMs?.min ?? 250, maxMs: options.backoffMs?.max ?? 4_000 }
  const random = options.random ?? Math.random
  const nowMs = (): number => performance.now()
  const rounds = options.rounds ?? 3
  const requestsPerSecond = options.requestsPerSecond ?? null
  const transport = createTransport({
    chainId: id,
    urls: rpcUrls,
    timeoutMs,
    requestsPerSecond,
    rounds,
    backoff,
    log,
    meter,
    random,
    nowMs,
  })
  const closing = new AbortController()

  const blockOrNull = async (method: string, key: string): Promise<Block | null> => {
    const found = await transport.call(method, [key, false])
    return found === null ? null : toBlock(id, found)
  }

  const blockByTag: Chain['blockByTag'] = async tag => {
    const block = await blockOrNull('eth_getBlockByNumber', tag)
    if (block === null) throw new KeeperError('rpc-refused', `the node has no ${tag} block`, { retryable: true })
    return block
  }

  const followHeads = createHeads({
    chainId: id,
    urls: rpcUrls,
    transport,
    latest: () => blockByTag('latest'),
    pollIntervalMs: options.pollIntervalMs ?? 1_000,
    openTimeoutMs: timeoutMs,
    pingIntervalMs: options.pingIntervalMs ?? 5_000,
    headSilenceMs: options.headSilenceMs ?? 15_000,
    backoff,
    random,
    nowMs,
    log,
    meter,
  })

  const logs = createLogQueries({
    transport,
    log,
    meter,
    timeoutMs: timeoutMs * 4,
    firstSpan: options.firstLogSpan ?? 10_000n,
    maxSpan: MAX_LOG_SPAN,
    parallel: PARALLEL_RANGES,
  })

  const receiptsOfBlock = createReceiptsOfBlock(hash => transport.call('eth_getBlockReceipts', [hash]))

  const chain: Chain = {
    id,
    followHeads: (onHead, signal) => followHeads(onHead, AbortSignal.any([signal, closing.signal])),
    blockByTag,
    blockByHash: hash => blockOrNull('eth_getBlockByHash', hash),
    blockByNumber: number => blockOrNull('eth_getBlockByNumber', toHexQuantity(number)),
    logsOfBlock: logs.ofBlock,
    logsInRange: logs.inRange,
    read: createReads(id, transport, log),
    simulate: createSimulate(transport, log),
    receiptsOfBlock,
    receipt: async hash => {
      const found = await transport.call('eth_getTransactionReceipt', [hash])
      return found === null ? null : toReceipt(found)
    },
    nonce: async account => toSmall(await transport.call('eth_getTransactionCount', [account, 'latest']), 'a nonce'),
    balance: async account => toQuantity(await transport.call('eth_getBalance', [account, 'latest']), 'a balance'),
    code: async address => toBytes(await transport.call('eth_getCode', [address, 'latest']), 'code'),
    requestCount: transport.requestCount,
    close: async () => {
      closing.abort()
      transport.close()
    },
  }
  try {
    await verifyAll(transport, rpcUrls)
    return chain
  } catch (error) {
    await chain.close()
    throw error
  }
}

/** All that answer must serve the right chain, and one must answer; those that don't are asked again before their first use. */
const verifyAll = async (transport: Transport, urls: readonly string[]): Promise<void> => {
  const checks = await Promise.allSettled(urls.map(url => transport.verify(url)))
  const errors = checks.flatMap(check => (check.status === 'rejected' ? [check.reason as unknown] : []))
  const wrong = errors.find(error => error instanceof KeeperError && error.code === 'wrong-chain')
  if (wrong !== undefined) throw wrong
  if (errors.length === urls.length) await transport.call('eth_chainId', [])
}

/** Null once and for all where the node lacks the method. A null answer means that it lacks the block. */
const createReceiptsOfBlock = (ask: (hash: Hex) => Promise<unknown>): ((hash: Hex) => Promise<readonly Receipt[] | null>) => {
  let hasMethod = true
  return async hash => {
    if (!hasMethod) return null
    try {
      const found = await ask(hash)
      if (found === null) throw new KeeperError('rpc-refused', `the node does not have block ${hash}`, { retryable: true })
      return toList(found, 'receipts').map(toReceipt)
    } catch (error) {
      if (!isRefusal(error, 'unsupported')) throw error
      hasMethod = false
      return null
    }
  }
}
