// View calls at one block, many in one request, by a reader that exists only inside that request. State is named by block hash;
// nodes that refuse that are asked by number, and then whether that number still is that block.
import { KeeperError } from '../core/errors'
import type { ReadCall, ReadResult } from '../core/folder'
import type { Hex } from '../core/primitives'
import type { LogSink } from '../ports'
import { READ_DEFAULTS, readInBatches } from './batch-read'
import { toBlock, toBytes, toHexQuantity } from './decode'
import { isRefusal, malformed, revertDataOf } from './rpc-error'
import type { Transport } from './transport'

/** Wordings of a node that does not know block hashes as parameters (EIP-1898). */
const NO_HASH = /param|argument|invalid type|unmarshal|expected|unsupported|blockhash|block tag|block number|block identifier/i

/** After so many in a row the node is taken not to run the reader at all; fewer may be a passing trouble. */
const MAX_READER_REFUSALS = 3

export const createReads = (chainId: number, transport: Transport, log: LogSink) => {
  let takesHash = true
  let refusalsInARow = 0

  /** Sends the reader and returns its answer, which it gives as revert data: that may be longer than any code. */
  const call = async (data: Hex, state: unknown): Promise<Hex> => {
    try {
      await transport.call('eth_call', [{ data }, state])
    } catch (error) {
      const answer = isRefusal(error, 'refused') ? revertDataOf(error) : null
      if (answer?.startsWith('0x01')) return answer
      throw error
    }
    throw malformed('an aggregated read that did not end in a revert')
  }

  const blockOf = async (hash: Hex) => {
    const found = await transport.call('eth_getBlockByHash', [hash, false])
    if (found === null) throw new KeeperError('rpc-refused', `the node does not have block ${hash}`, { retryable: true })
    return toBlock(chainId, found)
  }

  const byNumber = async (calls: readonly ReadCall[], hash: Hex): Promise<readonly ReadResult[]> => {
    const tag = toHexQuantity((await blockOf(hash)).number)
    const results = await readInBatches(calls, data => call(data, tag))
    const after = toBlock(chainId, await transport.call('eth_getBlockByNumber', [tag, false]))
    if (after.hash !== hash) throw new KeeperError('rpc-refused', `block ${hash} is no longer canonical`, { retryable: true })
    return results
  }

  /** Without the reader: a request per call, held to the same caps. A node that fails is not a call that fails. */
  const single = async ({ to, data, gasCap, maxReturnBytes }: ReadCall, hash: Hex): Promise<ReadResult> => {
    const gas = toHexQuantity(BigInt(gasCap ?? READ_DEFAULTS.gasCap))
    try {
      const returned = toBytes(
        await transport.call('eth_call', [{ to, data, gas }, { blockHash: hash }]),
        'the result of eth_call',
      )
      const isTooLong = returned.length / 2 - 1 > (maxReturnBytes ?? READ_DEFAULTS.maxReturnBytes)
      return isTooLong ? { kind: 'failed', why: 'too-long' } : { kind: 'ok', data: returned }
    } catch (error) {
      if (!isRefusal(error, 'refused')) throw error
      return { kind: 'failed', why: 'reverted' }
    }
  }

  const oneByOne = (calls: readonly ReadCall[], hash: Hex): Promise<readonly ReadResult[]> =>
    Promise.all(calls.map(each => single(each, hash)))

  const aggregated = async (calls: readonly ReadCall[], hash: Hex): Promise<readonly ReadResult[]> => {
    if (!takesHash) return byNumber(calls, hash)
    try {
      return await readInBatches(calls, data => call(data, { blockHash: hash }))
    } catch (error) {
      if (!isRefusal(error, 'refused') || !NO_HASH.test(error.message)) throw error
      const results = await byNumber(calls, hash)
      takesHash = false
      log.log('warn', 'reads-by-hash-unsupported', { message: error.message })
      return results
    }
  }

  return async (calls: readonly ReadCall[], hash: Hex): Promise<readonly ReadResult[]> => {
    if (calls.length === 0) return []
    if (refusalsInARow >= MAX_READER_REFUSALS) return oneByOne(calls, hash)
    try {
      const results = await aggregated(calls, hash)
      refusalsInARow = 0
      return results
    } catch (error) {
      if (!isRefusal(error, 'refused')) throw error
      const results = await oneByOne(calls, hash)
      // One call that works shows that the node answers, so it was the reader that it did not run.
      if (results.some(result => result.kind === 'ok')) refusalsInARow += 1
      if (refusalsInARow === MAX_READER_REFUSALS)
        log.log('warn', 'aggregated-reads-unsupported', { message: `${error.message}: each read is a request of its own` })
      return results
    }
  }
}
