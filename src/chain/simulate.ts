// Runs calls as transactions of a block to be: eth_simulateV1, or, where a node lacks it, eth_call and eth_estimateGas per call.
import type { Block, Hex, Log, TargetBlock } from '../core/primitives'
import type { LogSink, SimulatedCall, SimulatedResult } from '../ports'
import { toBytes, toFields, toHexQuantity, toList, toQuantity } from './decode'
import { isRefusal, malformed, RpcRefusal, revertDataOf } from './rpc-error'
import type { Transport } from './transport'
import { isRecord } from './wire'

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

const asTransaction = (call: SimulatedCall): Readonly<Record<string, string>> => ({
  from: call.from,
  to: call.to,
  data: call.data,
  gas: toHexQuantity(call.gas),
  maxFeePerGas: toHexQuantity(call.maxFeePerGasWei),
  maxPriorityFeePerGas: toHexQuantity(call.maxPriorityFeePerGasWei),
})

/** Logs of a simulation have no block of their own: number and index are the simulated ones, hashes are zero where the node gives none. */
const toSimulatedLog = (value: unknown, index: number, target: TargetBlock): Log => {
  const fields = toFields(value, 'a simulated log')
  return {
    address: toBytes(fields.address, 'log.address'),
    topics: toList(fields.topics, 'log.topics').map(topic => toBytes(topic, 'log.topic')),
    data: toBytes(fields.data, 'log.data'),
    blockNumber: target.number,
    blockHash: ZERO_HASH,
    logIndex: index,
    transactionHash:
      typeof fields.transactionHash === 'string' ? toBytes(fields.transactionHash, 'log.transactionHash') : ZERO_HASH,
  }
}

/** Where a node leaves the revert data out of returnData, it stands in error.data. */
const returnDataOf = (fields: Readonly<Record<string, unknown>>): Hex => {
  const returned = toBytes(fields.returnData ?? '0x', 'returnData')
  const { error } = fields
  return returned === '0x' && isRecord(error) && typeof error.data === 'string' ? toBytes(error.data, 'error.data') : returned
}

const toResult = (value: unknown, target: TargetBlock): SimulatedResult => {
  const fields = toFields(value, 'a simulated call')
  return {
    status: toQuantity(fields.status, 'status') === 1n ? 'success' : 'reverted',
    gasUsed: toQuantity(fields.gasUsed, 'gasUsed'),
    returnData: returnDataOf(fields),
    logs: toList(fields.logs ?? [], 'logs').map((log, index) => toSimulatedLog(log, index, target)),
  }
}

export const createSimulate = (transport: Transport, log: LogSink) => {
  let hasSimulateV1 = true
  let takesHash = true

  const simulateV1 = async (
    calls: readonly SimulatedCall[],
    parent: Block,
    target: TargetBlock,
  ): Promise<readonly SimulatedResult[]> => {
    const gas = calls.reduce((sum, call) => sum + call.gas, 0n)
    const blockOverrides = {
      number: toHexQuantity(target.number),
      time: toHexQuantity(target.timestampSec),
      baseFeePerGas: toHexQuantity(target.baseFeePerGasWei),
      // Calls get more gas than they will use: a node refuses them all if it finds that the limit of one does not fit behind the others.
      ...(gas > parent.gasLimit ? { gasLimit: toHexQuantity(gas) } : {}),
    }
    // Fees and balance are the executor's own arithmetic: validation would only add ways to fail that a bundle does not have.
    const payload = { blockStateCalls: [{ blockOverrides, calls: calls.map(asTransaction) }], validation: false }
    const state = takesHash ? { blockHash: parent.hash } : toHexQuantity(parent.number)
    const blocks = toList(await transport.call('eth_simulateV1', [payload, state]), 'simulated blocks')
    // A target more than one block ahead may come with the empty blocks between.
    const results = toList(toFields(blocks.at(-1), 'a simulated block').calls, 'simulated calls')
    if (results.length !== calls.length) throw malformed(`${results.length} simulated calls of ${calls.length}`)
    return results.map(result => toResult(result, target))
  }

  const oneByOne = async (call: SimulatedCall, parent: Block): Promise<SimulatedResult> => {
    const transaction = asTransaction(call)
    const state = takesHash ? { blockHash: parent.hash } : toHexQuantity(parent.number)
    try {
      const returnData = toBytes(await transport.call('eth_call', [transaction, state]), 'the result of eth_call')
      if (call.isView === true) return { status: 'success', gasUsed: 0n, returnData, logs: [] }
      const gasUsed = toQuantity(await transport.call('eth_estimateGas', [transaction, toHexQuantity(parent.number)]), 'gas')
      return { status: 'success', gasUsed, returnData, logs: [] }
    } catch (error) {
      if (!isRefusal(error, 'refused')) throw error
      return { status: 'reverted', gasUsed: call.gas, returnData: revertDataOf(error) ?? '0x', logs: [] }
    }
  }

  /** Whether to ask again in another form; remembers what the node lacks. */
  const adapts = (error: unknown): boolean => {
    if (!(error instanceof RpcRefusal)) return false
    if (error.kind === 'unsupported') {
      hasSimulateV1 = false
      log.log('warn', 'no-eth-simulate', {
        message: `${error.message}: calls are simulated one by one, on the parent block's time and without logs`,
      })
      return true
    }
    if (!takesHash || error.kind !== 'refused' || error.rpcCode !== -32602) return false
    takesHash = false
    return true
  }

  /**
   * Results in the order of `calls`. Without eth_simulateV1 each call sees the parent's end state (not the calls before it), the parent's
   * time and base fee; gasUsed is the estimate, an upper bound; `logs` is empty.
   */
  return async (calls: readonly SimulatedCall[], parent: Block, target: TargetBlock): Promise<readonly SimulatedResult[]> => {
    for (;;) {
      if (!hasSimulateV1) return Promise.all(calls.map(call => oneByOne(call, parent)))
      try {
        return await simulateV1(calls, parent, target)
      } catch (error) {
        if (!adapts(error)) throw error
      }
    }
  }
}
