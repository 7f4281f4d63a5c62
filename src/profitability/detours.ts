// Another way for a position whose leg failed in simulation: at its next try without the pools that it went through, then without that pair of
// tokens, then as before. A token that can't be moved any more leaves its pools with prices that nobody can correct: the best there are.
import { type Opportunity, type PositionRef, positionKey } from '../core/opportunity'
import type { Address } from '../core/primitives'
import type { Take } from '../core/verdict'

export interface Detours {
  /** As it should be tried on top of `block`; the very same where nothing is held against it. */
  apply(opportunity: Opportunity, block: bigint): Opportunity
  failed(take: Take, block: bigint): void
  /** What stood up to the simulation: the position goes on as it went, and nobody avoids these pools for the time being. */
  worked(take: Take, block: bigint): void
}

interface Doubt {
  readonly failures: number
  readonly block: bigint
  readonly payToken: Address
  readonly receiveToken: Address
  readonly pools: ReadonlySet<Address>
}

/** Blocks after which a failure says nothing any more. */
const LASTS = 3n
const MAX_REMEMBERED = 10_000

export const createDetours = (): Detours => {
  const doubts = new Map<string, Doubt>()
  const sound = new Map<Address, bigint>()
  const isSound = (pool: Address, block: bigint): boolean => block <= (sound.get(pool) ?? -LASTS) + LASTS
  const known = (position: PositionRef, block: bigint): Doubt | undefined => {
    const doubt = doubts.get(positionKey(position))
    return doubt === undefined || block > doubt.block + LASTS ? undefined : doubt
  }
  return {
    apply: (opportunity, block) => {
      const doubt = known(opportunity.position, block)
      if (doubt?.failures === 1) return { ...opportunity, avoid: new Set([...doubt.pools].filter(pool => !isSound(pool, block))) }
      if (doubt?.failures !== 2) return opportunity
      const { payToken, receiveToken } = doubt
      const others = opportunity.closes.filter(close => close.payToken !== payToken || close.receiveToken !== receiveToken)
      return others.length === 0 ? opportunity : { ...opportunity, closes: others }
    },
    failed: ({ position, payToken, receiveToken, route }, block) => {
      const failures = (known(position, block)?.failures ?? 0) + 1
      const name = positionKey(position)
      doubts.delete(name)
      doubts.set(name, { failures, block, payToken, receiveToken, pools: new Set(route) })
      const oldest = doubts.keys().next()
      if (doubts.size > MAX_REMEMBERED && oldest.done !== true) doubts.delete(oldest.value)
    },
    worked: ({ position, route }, block) => {
      const doubt = known(position, block)
      if (doubt !== undefined) doubts.set(positionKey(position), { ...doubt, block })
      if (sound.size > MAX_REMEMBERED) sound.clear()
      for (const pool of route) sound.set(pool, block)
    },
  }
}
