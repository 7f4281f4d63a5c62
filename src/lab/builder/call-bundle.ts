// eth_callBundle: what a bundle would pay at a block, in the relay's own reply shape. Changes nothing.
import { decodeErrorResult } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc } from '../rpc'
import { nextBaseFee, type ParentBlock, readParent } from './head-state'
import { type CallBundle, RelayRefusal } from './relay-request'
import { advance } from './select'
import { type BlockFrame, simulationCall, simulationOf, type TransactionResult } from './simulation'
import { effectiveTip, type PoolTransaction } from './transaction'

const SLOT_SEC = 12n

const revertReason = (data: Hex): string => {
  try {
    const { args } = decodeErrorResult({ data })
    return args.join(', ')
  } catch {
    return data
  }
}

/** One transaction's line. Amounts are decimal strings, as the relay sends them. */
const line = (transaction: PoolTransaction, result: TransactionResult, baseFeePerGasWei: bigint) => {
  const gasFees = result.gasUsed * (effectiveTip(transaction, baseFeePerGasWei) ?? 0n)
  const shared = {
    coinbaseDiff: String(result.paidWei),
    ethSentToCoinbase: String(result.paidWei - gasFees),
    fromAddress: transaction.from,
    gasFees: String(gasFees),
    gasPrice: String(result.gasUsed === 0n ? 0n : result.paidWei / result.gasUsed),
    gasUsed: Number(result.gasUsed),
    toAddress: (transaction.call.to as Address | undefined) ?? null,
    txHash: transaction.hash,
  }
  return result.ok
    ? { ...shared, value: result.returnData }
    : { ...shared, error: 'execution reverted', revert: revertReason(result.returnData) }
}

const frameFor = (call: CallBundle, parent: ParentBlock, coinbase: Address): BlockFrame => ({
  number: call.blockNumber,
  timestampSec: call.timestampSec ?? parent.timestampSec + SLOT_SEC,
  baseFeePerGasWei: nextBaseFee(parent),
  gasLimit: parent.gasLimit,
  coinbase: call.coinbase ?? coinbase,
})

const fail = (message: string): RelayRefusal => new RelayRefusal(message, { code: -32000, isPlain: false })

/** The relay's result object. Throws RelayRefusal: wrong nonce, fee below the base fee, no funds. */
export const callBundle = async (rpc: LabRpc, call: CallBundle, coinbase: Address) => {
  const accounts = [...new Set(call.transactions.map(transaction => transaction.from))]
  const { parent, nonces } = await readParent(rpc, accounts, call.stateBlock)
  const frame = frameFor(call, parent, coinbase)
  const moved = advance(nonces, call.transactions)
  if (moved.kind === 'conflict') throw fail(`err: ${moved.why}`)
  for (const transaction of call.transactions) {
    if (effectiveTip(transaction, frame.baseFeePerGasWei) === null) {
      throw fail(`err: max fee per gas less than block base fee: address ${transaction.from}, txhash ${transaction.hash}`)
    }
  }
  const [reply] = await rpc.batchSettled([simulationCall(frame, call.transactions, call.stateBlock)])
  const run = simulationOf(reply ?? { kind: 'failed', message: 'no reply', data: null }, call.transactions.length)
  if (run.kind === 'refused') throw fail(`err: ${run.message}`)
  const results = call.transactions.map((transaction, index) =>
    line(transaction, run.results[index] as TransactionResult, frame.baseFeePerGasWei),
  )
  const total = (pick: (result: (typeof results)[number]) => string): bigint =>
    results.reduce((acc, result) => acc + BigInt(pick(result)), 0n)
  const totalGasUsed = results.reduce((acc, result) => acc + result.gasUsed, 0)
  const coinbaseDiff = total(result => result.coinbaseDiff)
  return {
    bundleGasPrice: String(totalGasUsed === 0 ? 0n : coinbaseDiff / BigInt(totalGasUsed)),
    bundleHash: call.bundleHash,
    coinbaseDiff: String(coinbaseDiff),
    ethSentToCoinbase: String(total(result => result.ethSentToCoinbase)),
    gasFees: String(total(result => result.gasFees)),
    results,
    stateBlockNumber: Number(parent.number),
    totalGasUsed,
  }
}
