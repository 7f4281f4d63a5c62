// Runs transactions in order as one block by eth_simulateV1 and measures what each group pays the coinbase.
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc, RpcCall, RpcReply } from '../rpc'
import { type PoolTransaction, toQuantity } from './transaction'

/** The block that is being built. */
export interface BlockFrame {
  readonly number: bigint
  readonly timestampSec: bigint
  readonly baseFeePerGasWei: bigint
  readonly gasLimit: bigint
  readonly coinbase: Address
}

export interface TransactionResult {
  readonly ok: boolean
  readonly gasUsed: bigint
  readonly returnData: Hex
  /** What the coinbase gained by it, priority fee included. */
  readonly paidWei: bigint
}

/** refused: the node would not run the sequence at all (no funds, too little gas for the call data). */
export type Simulation =
  | { readonly kind: 'ran'; readonly results: readonly TransactionResult[] }
  | { readonly kind: 'refused'; readonly message: string }

// COINBASE BALANCE, returned as one word.
const PROBE_CODE = '0x413160005260206000f3'
const PROBE_ADDRESS = '0xb1d0000000000000000000000000000000b1dca5'
const PROBE_GAS = 100_000n
const PROBE = { to: PROBE_ADDRESS, gas: toQuantity(PROBE_GAS) }

interface WireCall {
  readonly status: Hex
  readonly gasUsed: Hex
  readonly returnData: Hex
}

/** The request for `transactions` on the end state of `stateBlock`, a probe before and after each. */
export const simulationCall = (
  frame: BlockFrame,
  transactions: readonly PoolTransaction[],
  stateBlock: Hex | 'latest' = 'latest',
): RpcCall => {
  const probes = BigInt(transactions.length + 1)
  const block = {
    blockOverrides: {
      number: toQuantity(frame.number),
      time: toQuantity(frame.timestampSec),
      baseFeePerGas: toQuantity(frame.baseFeePerGasWei),
      // Room for the probes, which the real block doesn't hold.
      gasLimit: toQuantity(frame.gasLimit + probes * PROBE_GAS),
      feeRecipient: frame.coinbase,
    },
    stateOverrides: { [PROBE_ADDRESS]: { code: PROBE_CODE } },
    calls: [PROBE, ...transactions.flatMap(transaction => [transaction.call, PROBE])],
  }
  return { method: 'eth_simulateV1', params: [{ blockStateCalls: [block], validation: true }, stateBlock] }
}

/** Reads the reply to `simulationCall`. */
export const simulationOf = (reply: RpcReply, count: number): Simulation => {
  if (reply.kind === 'failed') return { kind: 'refused', message: reply.message.replace(/^eth_simulateV1: /, '') }
  const calls = (reply.result as readonly { readonly calls: readonly WireCall[] }[])[0]?.calls ?? []
  const balance = (index: number): bigint => BigInt(calls[index]?.returnData ?? '0x0')
  const results = Array.from({ length: count }, (_, index): TransactionResult => {
    const call = calls[2 * index + 1]
    return {
      ok: call !== undefined && BigInt(call.status) === 1n,
      gasUsed: BigInt(call?.gasUsed ?? '0x0'),
      returnData: call?.returnData ?? '0x',
      paidWei: balance(2 * index + 2) - balance(2 * index),
    }
  })
  return { kind: 'ran', results }
}

/** Simulates several sequences, each on its own, in one request. */
export const simulateEach = async (
  rpc: LabRpc,
  frame: BlockFrame,
  sequences: readonly (readonly PoolTransaction[])[],
): Promise<readonly Simulation[]> => {
  const replies = await rpc.batchSettled(sequences.map(sequence => simulationCall(frame, sequence)))
  return replies.map((reply, index) => simulationOf(reply, sequences[index]?.length ?? 0))
}
