// Reads what a new block stands on: the parent and the accounts' nonces, in one request.
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc } from '../rpc'

export interface ParentBlock {
  readonly number: bigint
  readonly timestampSec: bigint
  readonly baseFeePerGasWei: bigint
  readonly gasUsed: bigint
  readonly gasLimit: bigint
}

interface WireHeader {
  readonly number: Hex
  readonly timestamp: Hex
  readonly baseFeePerGas?: Hex
  readonly gasUsed: Hex
  readonly gasLimit: Hex
}

/** The header at `tag` and the nonces of `accounts` in its state. */
export const readParent = async (
  rpc: LabRpc,
  accounts: readonly Address[],
  tag: Hex | 'latest' = 'latest',
): Promise<{ readonly parent: ParentBlock; readonly nonces: ReadonlyMap<Address, bigint> }> => {
  const [header, ...counts] = await rpc.batch([
    { method: 'eth_getBlockByNumber', params: [tag, false] },
    ...accounts.map(account => ({ method: 'eth_getTransactionCount', params: [account, tag] })),
  ])
  const wire = header as WireHeader
  const parent = {
    number: BigInt(wire.number),
    timestampSec: BigInt(wire.timestamp),
    baseFeePerGasWei: BigInt(wire.baseFeePerGas ?? '0x0'),
    gasUsed: BigInt(wire.gasUsed),
    gasLimit: BigInt(wire.gasLimit),
  }
  return { parent, nonces: new Map(accounts.map((account, index) => [account, BigInt(counts[index] as Hex)])) }
}

/** EIP-1559: the base fee of the block after `parent`. */
export const nextBaseFee = (parent: Pick<ParentBlock, 'baseFeePerGasWei' | 'gasUsed' | 'gasLimit'>): bigint => {
  const target = parent.gasLimit / 2n
  const fee = parent.baseFeePerGasWei
  if (parent.gasUsed === target) return fee
  if (parent.gasUsed < target) return fee - (fee * (target - parent.gasUsed)) / target / 8n
  const rise = (fee * (parent.gasUsed - target)) / target / 8n
  return fee + (rise > 0n ? rise : 1n)
}
