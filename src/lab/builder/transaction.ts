// Transactions as the lab's builder handles them: signed ones decoded once, unsigned ones of impersonated accounts.
// It reads transactions; it never changes or signs one.
import { keccak256, parseTransaction, recoverTransactionAddress } from 'viem'
import { minOf } from '../../core/fixed-point'
import type { Address, Hex } from '../../core/primitives'
import type { RpcCall } from '../rpc'

/** A transaction that anvil sends for `from` without a signature. Fees default to: any base fee, no tip. */
export interface UnsignedCall {
  readonly from: Address
  /** Absent or null: a contract creation. */
  readonly to?: Address | null
  readonly data?: Hex
  readonly valueWei?: bigint
  /** Default 2,000,000. Counts against the block's gas limit in full. */
  readonly gas?: bigint
  readonly maxFeePerGasWei?: bigint
  readonly maxPriorityFeePerGasWei?: bigint
}

/** Signed bytes, or a call of an account to impersonate. */
export type LabTransaction = Hex | UnsignedCall

export interface PoolTransaction {
  /** Null while unsigned: the node decides. */
  readonly hash: Hex | null
  readonly from: Address
  /** Null while unsigned: the next one of the account. */
  readonly nonce: bigint | null
  readonly gas: bigint
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
  readonly isCreation: boolean
  /** The entry for eth_simulateV1. */
  readonly call: Readonly<Record<string, unknown>>
  /** The request that puts it into anvil's pool. */
  readonly send: RpcCall
  readonly isImpersonated: boolean
}

const DEFAULT_GAS = 2_000_000n
const UNBOUND_FEE_WEI = 1_000_000_000_000n

export const toQuantity = (value: bigint): Hex => `0x${value.toString(16)}`

const unsignedTransaction = (call: UnsignedCall): PoolTransaction => {
  const gas = call.gas ?? DEFAULT_GAS
  const maxPriorityFeePerGasWei = call.maxPriorityFeePerGasWei ?? 0n
  const maxFeePerGasWei = call.maxFeePerGasWei ?? UNBOUND_FEE_WEI + maxPriorityFeePerGasWei
  const to = call.to ?? null
  const wire = {
    from: call.from,
    ...(to === null ? {} : { to }),
    input: call.data ?? '0x',
    value: toQuantity(call.valueWei ?? 0n),
    gas: toQuantity(gas),
    maxFeePerGas: toQuantity(maxFeePerGasWei),
    maxPriorityFeePerGas: toQuantity(maxPriorityFeePerGasWei),
  }
  return {
    hash: null,
    from: call.from.toLowerCase() as Address,
    nonce: null,
    gas,
    maxFeePerGasWei,
    maxPriorityFeePerGasWei,
    isCreation: to === null,
    call: wire,
    send: { method: 'eth_sendTransaction', params: [wire] },
    isImpersonated: true,
  }
}

const feesOf = (parsed: ReturnType<typeof parseTransaction>) => {
  if (parsed.gasPrice !== undefined) {
    return { max: parsed.gasPrice, tip: parsed.gasPrice, wire: { gasPrice: toQuantity(parsed.gasPrice) } }
  }
  const max = parsed.maxFeePerGas ?? 0n
  const tip = parsed.maxPriorityFeePerGas ?? 0n
  return { max, tip, wire: { maxFeePerGas: toQuantity(max), maxPriorityFeePerGas: toQuantity(tip) } }
}

/** Decodes signed bytes. Throws when they are no signed transaction, or of a type the lab can't simulate (blobs, delegations). */
export const decodeRaw = async (raw: Hex): Promise<PoolTransaction> => {
  const parsed = parseTransaction(raw as `0x02${string}`) as ReturnType<typeof parseTransaction>
  if (parsed.type === 'eip4844' || parsed.type === 'eip7702') throw new Error(`unsupported transaction type ${parsed.type}`)
  const from = (await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })).toLowerCase() as Address
  const fees = feesOf(parsed)
  const to = parsed.to ?? null
  const gas = parsed.gas ?? 0n
  return {
    hash: keccak256(raw),
    from,
    nonce: BigInt(parsed.nonce ?? 0),
    gas,
    maxFeePerGasWei: fees.max,
    maxPriorityFeePerGasWei: fees.tip,
    isCreation: to === null,
    call: {
      from,
      ...(to === null ? {} : { to: to.toLowerCase() }),
      input: parsed.data ?? '0x',
      value: toQuantity(parsed.value ?? 0n),
      gas: toQuantity(gas),
      ...fees.wire,
      ...(parsed.accessList === undefined || parsed.accessList.length === 0 ? {} : { accessList: parsed.accessList }),
    },
    send: { method: 'eth_sendRawTransaction', params: [raw] },
    isImpersonated: false,
  }
}

export const toPoolTransaction = async (transaction: LabTransaction): Promise<PoolTransaction> =>
  typeof transaction === 'string' ? decodeRaw(transaction) : unsignedTransaction(transaction)

/** What a transaction tips per gas at this base fee; null when it can't pay the base fee. */
export const effectiveTip = (transaction: PoolTransaction, baseFeePerGasWei: bigint): bigint | null => {
  const room = transaction.maxFeePerGasWei - baseFeePerGasWei
  if (room < 0n) return null
  return minOf(room, transaction.maxPriorityFeePerGasWei)
}
