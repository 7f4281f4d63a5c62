// EIP-1559: the base fee of the next block is known exactly from its parent's header.
import type { Block } from './primitives'

const ELASTICITY = 2n
const CHANGE_DENOMINATOR = 8n

/** Base fee of the child of `parent`, in wei; 0n on a chain without EIP-1559. Mirrors EIP-1559's calc_base_fee. */
export const nextBaseFeeWei = (parent: Pick<Block, 'baseFeePerGasWei' | 'gasUsed' | 'gasLimit'>): bigint => {
  const base = parent.baseFeePerGasWei
  if (base === null) return 0n
  const target = parent.gasLimit / ELASTICITY
  if (target === 0n || parent.gasUsed === target) return base
  if (parent.gasUsed > target) {
    const delta = (base * (parent.gasUsed - target)) / target / CHANGE_DENOMINATOR
    return base + (delta > 1n ? delta : 1n)
  }
  return base - (base * (target - parent.gasUsed)) / target / CHANGE_DENOMINATOR
}
