// Which bundles carry a key's transactions, so that a dead one stops no other (keepers.md K1). Arithmetic only.
import type { Hex } from '../core/primitives'

/** A signed transaction as the bundles see it. */
export interface Carried {
  readonly raw: Hex
  readonly hash: Hex
  /** What it nets if it works. */
  readonly netWei: bigint
  /** What it costs if it reverts: all its positions are gone, and one leg burns all the gas that it may. */
  readonly worstRevertWei: bigint
}

export interface BundleShape {
  readonly rawTransactions: readonly Hex[]
  readonly revertingHashes: readonly Hex[]
}

/**
 * Those of `before` that may revert in a bundle that ends with `last`: as many as what must work can pay for in the worst case.
 * The dearest to lose are made to work first, until the rest is covered.
 */
const mayRevert = (before: readonly Carried[], last: Carried): readonly Carried[] => {
  let sureWei = last.netWei
  let riskWei = before.reduce((sum, each) => sum + each.worstRevertWei, 0n)
  const free = [...before].sort((a, b) =>
    a.worstRevertWei < b.worstRevertWei ? -1 : a.worstRevertWei > b.worstRevertWei ? 1 : 0,
  )
  for (let dearest = free.at(-1); dearest !== undefined && riskWei >= sureWei; dearest = free.at(-1)) {
    free.pop()
    sureWei += dearest.netWei
    riskWei -= dearest.worstRevertWei
  }
  return free
}

/**
 * For transactions of one key in nonce order: one bundle per transaction, which holds it and all before it, same bytes. The last one
 * must work, those before it may revert as far as that pays. Whichever of them are dead, the bundle of the last living one lands
 * with all living ones before it. The lists differ, as relays tell bundles apart by their transactions.
 */
export const bundlesFor = (carried: readonly Carried[]): readonly BundleShape[] =>
  carried
    .map((last, index) => {
      const before = carried.slice(0, index)
      const free = new Set(mayRevert(before, last).map(each => each.hash))
      return {
        rawTransactions: [...before, last].map(each => each.raw),
        revertingHashes: before.map(each => each.hash).filter(hash => free.has(hash)),
      }
    })
    .reverse()
