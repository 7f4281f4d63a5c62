// Spares tries that cannot succeed, by arithmetic on what earlier tries measured. It only ever says "not now": verdicts come from tries.
import type { TryAt } from './best-close'

/** What one try could bring at most, in wrapped native. */
export interface Stakes {
  readonly debtWei: bigint
  /** What the protocol pays on all of that debt. */
  readonly incentiveWei: bigint
}

export interface TryMemory {
  /** False where even a windfall on the whole debt could not lift the close over `barWei(gas)`. */
  isWorthTrying(position: string, stakes: Stakes, at: TryAt, barWei: (gas: bigint) => bigint): boolean
  remember(position: string, at: TryAt, best: { readonly profitWei: bigint; readonly gasUsed: bigint } | null): void
  /** Tries so far. */
  tries(): number
}

interface Tried {
  readonly block: bigint
  readonly gainWei: bigint
  readonly gas: bigint
}

const BPS = 10_000n
// Pools stay within a fee of the market and feeds within their threshold: from block to block the two differ by no more than this.
const WINDFALL_BPS = 100n
// Below what any liquidation with a swap has been seen to use, overhead included.
const LEAST_GAS = 200_000n
// Pools and feeds may surprise all the same: tried again after this many blocks.
const FORGET_BLOCKS = 60n

export const createTryMemory = (): TryMemory => {
  const last = new Map<string, Tried>()
  let tries = 0
  return {
    isWorthTrying: (position, { debtWei, incentiveWei }, at, barWei) => {
      const windfall = (debtWei * WINDFALL_BPS) / BPS
      const tried = last.get(position)
      if (tried !== undefined && at.stateBlock < tried.block + FORGET_BLOCKS) {
        return tried.gainWei + windfall > tried.gas * at.baseFeePerGasWei + barWei(tried.gas)
      }
      return incentiveWei + windfall > LEAST_GAS * at.baseFeePerGasWei + barWei(LEAST_GAS)
    },
    remember: (position, at, best) => {
      tries++
      const gas = best?.gasUsed ?? LEAST_GAS
      const gainWei = best === null ? 0n : best.profitWei + gas * at.baseFeePerGasWei
      last.set(position, { block: at.stateBlock, gainWei, gas })
    },
    tries: () => tries,
  }
}
