// Bundles waiting for their block: kept by target, replaced and cancelled by uuid, forgotten when their block has passed.
import type { Address, Hex } from '../../core/primitives'
import type { PoolTransaction } from './transaction'

export interface PooledBundle {
  readonly bundleHash: Hex
  readonly signer: Address
  readonly transactions: readonly PoolTransaction[]
  readonly raws: readonly Hex[]
  readonly targetBlock: bigint
  /** 0n: no bound. */
  readonly minTimestampSec: bigint
  readonly maxTimestampSec: bigint
  /** Lower case. */
  readonly revertingHashes: ReadonlySet<string>
  readonly replacementUuid: string | null
}

export interface BundlePool {
  /** A bundle with a uuid takes the place of the signer's earlier one with the same uuid; a repeated bundle counts once. */
  add(bundle: PooledBundle): void
  /** Hashes of what was cancelled. */
  cancel(signer: Address, replacementUuid: string): readonly Hex[]
  /** Bundles for exactly this block, in order of arrival. */
  forBlock(target: bigint): readonly PooledBundle[]
  /** Drops bundles for blocks <= `block`; says how many. */
  forget(block: bigint): number
  /** Accounts of all waiting transactions, with repeats. */
  senders(): readonly Address[]
  size(): number
}

export const createBundlePool = (): BundlePool => {
  let bundles: PooledBundle[] = []
  const removeWhere = (matches: (bundle: PooledBundle) => boolean): readonly PooledBundle[] => {
    const removed = bundles.filter(matches)
    if (removed.length > 0) bundles = bundles.filter(bundle => !matches(bundle))
    return removed
  }
  const cancel = (signer: Address, uuid: string): readonly Hex[] =>
    removeWhere(bundle => bundle.signer === signer && bundle.replacementUuid === uuid).map(bundle => bundle.bundleHash)
  return {
    add: bundle => {
      if (bundle.replacementUuid !== null) cancel(bundle.signer, bundle.replacementUuid)
      const isSame = (other: PooledBundle): boolean =>
        other.bundleHash === bundle.bundleHash && other.targetBlock === bundle.targetBlock
      removeWhere(isSame)
      bundles.push(bundle)
    },
    cancel,
    forBlock: target => bundles.filter(bundle => bundle.targetBlock === target),
    forget: block => removeWhere(bundle => bundle.targetBlock <= block).length,
    senders: () => bundles.flatMap(bundle => bundle.transactions.map(transaction => transaction.from)),
    size: () => bundles.length,
  }
}
