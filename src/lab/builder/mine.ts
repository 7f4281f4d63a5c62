// Puts a chosen order of transactions into one anvil block and checks that the chain did exactly that; takes it back otherwise.
import { KeeperError } from '../../core/errors'
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc, RpcCall } from '../rpc'
import type { PooledBundle } from './bundle-pool'
import { type PoolTransaction, toQuantity } from './transaction'

export type Place = 'top' | 'bundle' | 'public'

/** One transaction and where it comes from. */
export interface Entry {
  readonly transaction: PoolTransaction
  readonly place: Place
  readonly bundle: PooledBundle | null
}

export interface Included {
  readonly hash: Hex
  readonly ok: boolean
  readonly place: Place
  /** bundleHash of the bundle it came with. */
  readonly bundle: Hex | null
  readonly gasUsed: bigint
}

export interface Dropped {
  /** refused: the node would not have it. no-room: it took it, but the block was full or the nonce not yet due. */
  readonly kind: 'refused' | 'no-room'
  readonly hash: Hex | null
  readonly from: Address
  readonly reason: string
}

export type MineResult =
  | {
      readonly kind: 'mined'
      readonly number: bigint
      readonly hash: Hex
      readonly baseFeePerGasWei: bigint
      readonly included: readonly Included[]
      readonly dropped: readonly Dropped[]
    }
  /** Nothing was mined in the end: this bundle did not go as simulated. */
  | { readonly kind: 'offended'; readonly bundle: PooledBundle; readonly why: string }

interface WireReceipt {
  readonly transactionHash: Hex
  readonly status: Hex
  readonly gasUsed: Hex
}

interface WireBlock {
  readonly number: Hex
  readonly hash: Hex
  readonly baseFeePerGas?: Hex
}

export interface MineInput {
  readonly rpc: LabRpc
  readonly entries: readonly Entry[]
  readonly timestampSec: bigint
  readonly baseFeePerGasWei: bigint
  readonly coinbase: Address
}

const impersonations = (entries: readonly Entry[]): readonly RpcCall[] => {
  const accounts = new Set(entries.flatMap(({ transaction }) => (transaction.isImpersonated ? [transaction.from] : [])))
  return [...accounts].map(account => ({ method: 'anvil_impersonateAccount', params: [account] }))
}

/** The first bundle that is not whole in the block, and why. */
const offender = (
  entries: readonly Entry[],
  hashes: readonly (Hex | null)[],
  receipts: ReadonlyMap<Hex, WireReceipt>,
): { readonly bundle: PooledBundle; readonly why: string } | null => {
  for (const [index, { bundle }] of entries.entries()) {
    if (bundle === null) continue
    const hash = hashes[index] ?? null
    const receipt = hash === null ? undefined : receipts.get(hash)
    if (hash === null || receipt === undefined) return { bundle, why: `not mined: ${hash ?? 'refused by the pool'}` }
    if (BigInt(receipt.status) !== 1n && !bundle.revertingHashes.has(hash)) return { bundle, why: `reverted when mined: ${hash}` }
  }
  return null
}

const takeBack = async (rpc: LabRpc): Promise<void> => {
  try {
    await rpc.request('anvil_rollback', 1)
  } catch (cause) {
    const advice = 'start anvil with `--prune-history 16` or more, so that a block can be taken back'
    throw new KeeperError('lab-failed', `the block could not be taken back: ${advice}`, { retryable: false, cause })
  }
}

/**
 * Mines `entries` in exactly this order, alone. A transaction outside of bundles that the pool refuses is dropped; a bundle that is not
 * whole takes the block back. Throws KeeperError 'lab-failed' when the node ordered the block differently.
 */
export const mineInOrder = async (input: MineInput): Promise<MineResult> => {
  const { rpc, entries } = input
  // All of it in every block: anvil_reset forgets impersonations and the coinbase, evm_revert leaves the base fee of the world it came
  // from, and the pool judges fees when it takes a transaction.
  const before = [
    ...impersonations(entries),
    { method: 'anvil_setCoinbase', params: [input.coinbase] },
    { method: 'anvil_dropAllTransactions', params: [] },
    { method: 'anvil_setNextBlockBaseFeePerGas', params: [toQuantity(input.baseFeePerGasWei)] },
  ]
  const after = [{ method: 'evm_mine', params: [{ timestamp: toQuantity(input.timestampSec) }] }]
  const replies = await rpc.batchSettled([...before, ...entries.map(entry => entry.transaction.send), ...after])
  const last = replies.at(-1)
  if (last?.kind === 'failed') throw new KeeperError('lab-failed', last.message, { retryable: false })
  const sent = replies.slice(before.length, before.length + entries.length)
  const hashes = sent.map(reply => (reply.kind === 'ok' ? (reply.result as Hex) : null))
  // A request of its own: within one batch anvil may answer it before the block is there.
  const [block, list] = (await rpc.batch([
    { method: 'eth_getBlockByNumber', params: ['latest', false] },
    { method: 'eth_getBlockReceipts', params: ['latest'] },
  ])) as unknown as [WireBlock, readonly WireReceipt[]]
  const receipts = new Map(list.map(receipt => [receipt.transactionHash, receipt]))
  const bad = offender(entries, hashes, receipts)
  if (bad !== null) {
    await takeBack(rpc)
    return { kind: 'offended', ...bad }
  }
  const expected = hashes.filter(hash => hash !== null && receipts.has(hash))
  if (expected.some((hash, index) => hash !== list[index]?.transactionHash)) {
    await takeBack(rpc)
    throw new KeeperError('lab-failed', 'anvil mined another order: start it with `--no-mining --order fifo`', {
      retryable: false,
    })
  }
  return { kind: 'mined', ...outcome(entries, sent, hashes, receipts), ...header(block) }
}

const header = (block: WireBlock) => ({
  number: BigInt(block.number),
  hash: block.hash,
  baseFeePerGasWei: BigInt(block.baseFeePerGas ?? '0x0'),
})

const outcome = (
  entries: readonly Entry[],
  sent: readonly { readonly kind: string; readonly message?: string }[],
  hashes: readonly (Hex | null)[],
  receipts: ReadonlyMap<Hex, WireReceipt>,
) => {
  const included: Included[] = []
  const dropped: Dropped[] = []
  for (const [index, { transaction, place, bundle }] of entries.entries()) {
    const hash = hashes[index] ?? null
    const receipt = hash === null ? undefined : receipts.get(hash)
    if (hash === null || receipt === undefined) {
      const why = {
        kind: hash === null ? ('refused' as const) : ('no-room' as const),
        reason: sent[index]?.message ?? 'no room in the block',
      }
      dropped.push({ ...why, hash: hash ?? transaction.hash, from: transaction.from })
      continue
    }
    const ok = BigInt(receipt.status) === 1n
    included.push({ hash, ok, place, bundle: bundle?.bundleHash ?? null, gasUsed: BigInt(receipt.gasUsed) })
  }
  return { included, dropped }
}
