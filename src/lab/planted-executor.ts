// The executor contract on a fork as if it had always been there: its deployment runs once, for real, and what it left behind is written
// into the head's state, so that the very next block can hold bundles. Writes to lab chains only.
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'
import { TRANSIENT_PROBE } from '../executor/deployment'
import { deployLocalExecutor, type LocalExecutor, type LocalExecutorKeys, OPERATOR_FUNDS_WEI } from './local-executor'
import type { LabRpc, RpcCall } from './rpc'

export interface PlantedExecutor extends LocalExecutor {
  /** Writes it into the state of the chain's head again: `anvil_reset` forgets it. */
  replant(): Promise<void>
}

interface TracedState {
  readonly post: Readonly<Record<Address, { readonly storage?: Readonly<Record<Hex, Hex>> }>>
}

const quantity = (value: bigint): Hex => `0x${value.toString(16)}`

/** Storage of `contract` after the transactions of the head. */
const storageAfter = async (rpc: LabRpc, contract: Address): Promise<ReadonlyMap<Hex, Hex>> => {
  const { transactions } = await rpc.request<{ readonly transactions: readonly Hex[] }>('eth_getBlockByNumber', 'latest', false)
  const tracer = { tracer: 'prestateTracer', tracerConfig: { diffMode: true } }
  const traces = await rpc.batch<TracedState>(
    transactions.map(hash => ({ method: 'debug_traceTransaction', params: [hash, tracer] })),
  )
  return new Map(traces.flatMap(trace => Object.entries(trace.post[contract]?.storage ?? {}) as [Hex, Hex][]))
}

/** Whether the chain's head runs EIP-1153, which the contract needs. */
export const hasTransientStorage = async (rpc: LabRpc): Promise<boolean> => {
  const [reply] = await rpc.batchSettled([{ method: 'eth_call', params: [{ data: TRANSIENT_PROBE }, 'latest'] }])
  return reply?.kind === 'ok' && typeof reply.result === 'string' && reply.result.length > 2 && BigInt(reply.result) === 1n
}

/** Plants it; the chain's head stays the block that it is. Rejects with lab-failed where the chain refuses the contract. */
export const plantExecutor = async (rpc: LabRpc, keys: LocalExecutorKeys): Promise<PlantedExecutor> => {
  const before = await rpc.request<Hex>('evm_snapshot')
  const executor = await deployLocalExecutor(rpc, keys)
  const { contract, signers } = executor
  const storage = await storageAfter(rpc, contract)
  const code = await rpc.request<Hex>('eth_getCode', contract, 'latest')
  if (!(await rpc.request<boolean>('evm_revert', before)))
    throw new KeeperError('lab-failed', 'the local chain did not take the deployment back', { retryable: true })
  const writes: readonly RpcCall[] = [
    { method: 'anvil_setCode', params: [contract, code] },
    ...[...storage].map(([slot, value]) => ({ method: 'anvil_setStorageAt', params: [contract, slot, value] })),
    ...signers.map(({ address }) => ({ method: 'anvil_setBalance', params: [address, quantity(OPERATOR_FUNDS_WEI)] })),
  ]
  const replant = async (): Promise<void> => {
    await rpc.batch(writes)
  }
  await replant()
  return { ...executor, replant }
}
