// Remembers who fails in simulation, so that a leg that can't work is not simulated in every block for ever (keepers.md K12).
// Nothing is remembered before an attempt was made (K3), and a position that moves gets a fresh start.
import { BPS } from '../core/fixed-point'
import { positionKey } from '../core/opportunity'
import type { Take } from '../core/verdict'
import type { ExecutorPolicy } from './policy'

export interface FailureMemory {
  /** Block from which the take may be tried again, and why it waits; null if it need not wait. */
  waits(take: Take, block: bigint): { readonly until: bigint; readonly reason: string } | null
  failed(take: Take, reason: string, block: bigint): void
  worked(take: Take): void
}

interface Failures {
  readonly reason: string
  readonly inARow: number
  readonly until: bigint
  readonly payAssets: bigint
  readonly receiveAssets: bigint
}

/** Interest moves amounts by less in hundreds of blocks; a price update or the borrower's own doing moves them by more. */
const SAME_WITHIN_BPS = 10n
const MAX_REMEMBERED = 10_000

/** Amounts in a reason change from block to block; what went wrong does not. */
const kindOf = (reason: string): string => reason.replace(/0x[0-9a-f]+|\d+/gi, '#')

const isNear = (a: bigint, b: bigint): boolean => (a > b ? a - b : b - a) * BPS <= a * SAME_WITHIN_BPS

export const createFailureMemory = (policy: ExecutorPolicy): FailureMemory => {
  const byPosition = new Map<string, Failures>()
  const known = (take: Take): Failures | null => {
    const failures = byPosition.get(positionKey(take.position))
    const isSame =
      failures !== undefined && isNear(failures.payAssets, take.payAssets) && isNear(failures.receiveAssets, take.receiveAssets)
    return isSame ? failures : null
  }
  const pauseBlocks = (inARow: number): bigint => {
    const extra = inARow - policy.backoffAfter
    if (extra < 0) return 0n
    const doubled = 2n ** BigInt(Math.min(extra + 1, 62))
    return doubled < policy.backoffMaxBlocks ? doubled : policy.backoffMaxBlocks
  }
  return {
    waits: (take, block) => {
      const failures = known(take)
      return failures !== null && block < failures.until ? { until: failures.until, reason: failures.reason } : null
    },
    failed: (take, reason, block) => {
      const before = known(take)
      const inARow = before !== null && kindOf(before.reason) === kindOf(reason) ? before.inARow + 1 : 1
      const key = positionKey(take.position)
      byPosition.delete(key)
      byPosition.set(key, {
        reason,
        inARow,
        until: block + 1n + pauseBlocks(inARow),
        payAssets: take.payAssets,
        receiveAssets: take.receiveAssets,
      })
      const oldest = byPosition.keys().next()
      if (byPosition.size > MAX_REMEMBERED && oldest.done !== true) byPosition.delete(oldest.value)
    },
    worked: take => {
      byPosition.delete(positionKey(take.position))
    },
  }
}
