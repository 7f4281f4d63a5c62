// Reads only those accounts of an Aave pool that may be unhealthy at a block's end, so that judging every block of a long run stays cheap.
import type { Address } from '../../core/primitives'
import { type AaveHealth, readAaveHealth, readAavePrices } from '../world/aave/accounting'
import type { LabBlock } from '../world/play'
import type { World, WorldAave } from '../world/world'

export interface AaveWatch {
  /** Accounts near or below health 1 at the end of `block`, interest run up to `timestampSec`; retired ones left out. */
  readNear(block: LabBlock, timestampSec: bigint): Promise<readonly AaveHealth[]>
  /** Stops watching an account. */
  retire(account: Address): void
}

// Room for interest and for what strangers do between two looks.
const NEAR = 1.002
const REFRESH_SEC = 6n * 3_600n

interface Watched {
  readonly health: number
  /** The oracle's prices at that look, in the pool's order. */
  readonly prices: readonly number[]
  readonly seenSec: bigint
}

/** Whatever an account is made of, its health fell by no more than all collateral falling most and all debt rising most. */
const leastHealth = ({ health, prices }: Watched, now: readonly number[]): number => {
  const moves = now.map((price, at) => price / (prices[at] ?? price))
  return (health * Math.min(1, ...moves)) / Math.max(1, ...moves)
}

export const createAaveWatch = (world: World, aave: WorldAave): AaveWatch => {
  const watched = new Map<Address, Watched>()
  const retired = new Set<Address>()
  return {
    retire: account => void retired.add(account),
    readNear: async (block, timestampSec) => {
      const options = { block: block.number, timestampSec }
      const prices = (await readAavePrices(world, aave, options)).map(Number)
      const isDue = (account: Address): boolean => {
        if (retired.has(account)) return false
        const known = watched.get(account)
        if (known === undefined || timestampSec >= known.seenSec + REFRESH_SEC) return true
        return leastHealth(known, prices) < NEAR
      }
      const read = await readAaveHealth(world, aave, aave.accounts.filter(isDue), options)
      for (const { account, healthFactorWad, debtBase } of read) {
        const health = debtBase === 0n ? Number.POSITIVE_INFINITY : Number(healthFactorWad) / 1e18
        watched.set(account, { health, prices, seenSec: timestampSec })
      }
      return read
    },
  }
}
