// Reads only those accounts of an Aave pool that may be unhealthy at a block's end, so that judging every block of a long run stays cheap.
import type { Address } from '../../core/primitives'
import { type AaveHealth, readAaveBalances, readAaveHealth, readAavePrices } from '../world/aave/accounting'
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

/** Reserves that an account had something of, by number: closes only ever make them fewer. */
interface Made {
  readonly collateral: readonly number[]
  readonly debt: readonly number[]
  readonly seenSec: bigint
}

interface Watched {
  readonly health: number
  /** The oracle's prices at that look, in the pool's order. */
  readonly prices: readonly number[]
}

/** Its health fell by no more than all of its collateral falling as the worst of it, and all debt moving as the dearest of it. */
const leastHealth = ({ health, prices }: Watched, { collateral, debt }: Made, now: readonly number[]): number => {
  const move = (at: number): number => (now[at] ?? 0) / (prices[at] ?? 1)
  return (health * Math.min(...collateral.map(move))) / Math.max(...debt.map(move))
}

const numbersOf = (amounts: readonly bigint[]): readonly number[] => amounts.flatMap((amount, at) => (amount > 0n ? [at] : []))

export const createAaveWatch = (world: World, aave: WorldAave): AaveWatch => {
  const watched = new Map<Address, Watched>()
  const made = new Map<Address, Made>()
  const retired = new Set<Address>()

  /** Anew for all whose last look at what they are made of is too old. */
  const lookAgain = async (options: { readonly block: bigint; readonly timestampSec: bigint }): Promise<ReadonlySet<Address>> => {
    const { timestampSec } = options
    const isOld = (account: Address): boolean => timestampSec >= (made.get(account)?.seenSec ?? 0n) + REFRESH_SEC
    const old = aave.accounts.filter(account => !retired.has(account) && isOld(account))
    for (const { account, collateral, debt } of await readAaveBalances(world, aave, old, options))
      made.set(account, { collateral: numbersOf(collateral), debt: numbersOf(debt), seenSec: timestampSec })
    return new Set(old)
  }

  return {
    retire: account => void retired.add(account),
    readNear: async (block, timestampSec) => {
      const options = { block: block.number, timestampSec }
      const prices = (await readAavePrices(world, aave, options)).map(Number)
      const old = await lookAgain(options)
      const isDue = (account: Address): boolean => {
        if (retired.has(account)) return false
        const [known, parts] = [watched.get(account), made.get(account)]
        if (known === undefined || parts === undefined || old.has(account)) return true
        return parts.debt.length > 0 && leastHealth(known, parts, prices) < NEAR
      }
      const read = await readAaveHealth(world, aave, aave.accounts.filter(isDue), options)
      for (const { account, healthFactorWad, debtBase } of read)
        watched.set(account, { health: debtBase === 0n ? Number.POSITIVE_INFINITY : Number(healthFactorWad) / 1e18, prices })
      return read
    },
  }
}
