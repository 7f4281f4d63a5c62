// The lab's public mempool: what goes to the top of the block in order of arrival, what follows the bundles by tip.
import type { Address } from '../../core/primitives'
import type { Dropped, Entry } from './mine'
import type { BlockFrame } from './simulation'
import { effectiveTip, type PoolTransaction } from './transaction'

export type PublicPlace = 'top' | 'tip'

export interface PublicPool {
  add(transaction: PoolTransaction, place: PublicPlace): void
  /** In order of arrival. */
  top(): readonly PoolTransaction[]
  /** Those that can run after `ahead`: best tip first, an account's own in nonce order. `gasAhead`: gas that `ahead` uses, as far as known. */
  ordered(
    frame: BlockFrame,
    nonces: ReadonlyMap<Address, bigint>,
    ahead: readonly PoolTransaction[],
    gasAhead: bigint,
  ): readonly PoolTransaction[]
  senders(): readonly Address[]
  /** Forgets what was sent for the block, but keeps signed ones that found no room. */
  settle(sent: readonly Entry[], dropped: readonly Dropped[]): void
}

interface Waiting {
  readonly transaction: PoolTransaction
  readonly place: PublicPlace
}

const nonceAfter = (nonces: ReadonlyMap<Address, bigint>, ahead: readonly PoolTransaction[]): Map<Address, bigint> => {
  const next = new Map(nonces)
  for (const { from } of ahead) next.set(from, (next.get(from) ?? 0n) + 1n)
  return next
}

/** The best-paying transaction that can come next; null if none can. */
const best = (left: readonly PoolTransaction[], next: ReadonlyMap<Address, bigint>, baseFee: bigint): PoolTransaction | null => {
  let found: PoolTransaction | null = null
  let foundTip = -1n
  for (const transaction of left) {
    const tip = effectiveTip(transaction, baseFee)
    const isNext = transaction.nonce === null || transaction.nonce === (next.get(transaction.from) ?? 0n)
    if (tip !== null && isNext && tip > foundTip) {
      found = transaction
      foundTip = tip
    }
  }
  return found
}

export const createPublicPool = (): PublicPool => {
  let waiting: Waiting[] = []
  return {
    add: (transaction, place) => {
      const isSame = (other: Waiting): boolean => transaction.hash !== null && other.transaction.hash === transaction.hash
      if (!waiting.some(isSame)) waiting.push({ transaction, place })
    },
    top: () => waiting.filter(({ place }) => place === 'top').map(({ transaction }) => transaction),
    ordered: (frame, nonces, ahead, gasAhead) => {
      const next = nonceAfter(nonces, ahead)
      const isStale = ({ transaction: { nonce, from } }: Waiting): boolean => nonce !== null && nonce < (nonces.get(from) ?? 0n)
      waiting = waiting.filter(entry => !isStale(entry))
      let left = waiting.filter(({ place }) => place === 'tip').map(({ transaction }) => transaction)
      const chosen: PoolTransaction[] = []
      let gas = gasAhead
      for (
        let found = best(left, next, frame.baseFeePerGasWei);
        found !== null;
        found = best(left, next, frame.baseFeePerGasWei)
      ) {
        const taken = found
        left = left.filter(other => other !== taken)
        if (gas + taken.gas > frame.gasLimit) continue
        gas += taken.gas
        next.set(taken.from, (next.get(taken.from) ?? 0n) + 1n)
        chosen.push(taken)
      }
      return chosen
    },
    senders: () => waiting.map(({ transaction }) => transaction.from),
    settle: (sent, dropped) => {
      const crowdedOut = new Set(dropped.filter(({ kind }) => kind === 'no-room').map(({ hash }) => hash))
      const tried = new Set(sent.map(({ transaction }) => transaction))
      waiting = waiting.filter(
        ({ transaction }) => !tried.has(transaction) || (transaction.hash !== null && crowdedOut.has(transaction.hash)),
      )
    },
  }
}
