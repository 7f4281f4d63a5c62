// Transactions that were sent and have not ended: what they carry, what they should earn, what the relays said. Values and a list.
import { type PositionRef, positionKey } from '../core/opportunity'
import type { Address, Hex } from '../core/primitives'
import type { Profit, Take } from '../core/verdict'
import type { RelayReply } from '../ports'

export interface RelayRecord {
  readonly relay: string
  /** pending: no answer yet. */
  readonly reply: RelayReply | { readonly kind: 'pending' }
}

export interface InFlight {
  readonly hash: Hex
  readonly key: Address
  readonly nonce: number
  readonly targetBlock: bigint
  readonly takes: readonly Take[]
  readonly predicted: Profit
  /** Simulated gain of each take, in order. */
  readonly gainsWei: readonly bigint[]
  readonly gasUsed: bigint
  readonly ceilingWei: bigint
  /** What relays have said so far of the bundles that carry it. */
  readonly replies: () => readonly RelayRecord[]
}

export interface InFlightSummary {
  readonly count: number
  readonly positions: readonly PositionRef[]
  /** gasLimit * maxFeePerGas of all of them. */
  readonly ceilingWei: bigint
}

export interface FlightList {
  add(flights: readonly InFlight[]): void
  /** Takes out and returns those whose target block is `block` or before. */
  takeDue(block: bigint): readonly InFlight[]
  /** Latest target; null if nothing is in flight. */
  lastTarget(): bigint | null
  has(position: PositionRef, targetBlock: bigint): boolean
  summary(): InFlightSummary
}

export const createFlightList = (): FlightList => {
  let flights: readonly InFlight[] = []
  return {
    add: more => {
      flights = [...flights, ...more]
    },
    takeDue: block => {
      const due = flights.filter(flight => flight.targetBlock <= block)
      if (due.length > 0) flights = flights.filter(flight => flight.targetBlock > block)
      return due
    },
    lastTarget: () =>
      flights.reduce<bigint | null>((last, { targetBlock }) => (last === null || targetBlock > last ? targetBlock : last), null),
    has: (position, targetBlock) => {
      if (flights.length === 0) return false
      const key = positionKey(position)
      return flights.some(
        flight => flight.targetBlock >= targetBlock && flight.takes.some(take => positionKey(take.position) === key),
      )
    },
    summary: () => ({
      count: flights.length,
      positions: flights.flatMap(flight => flight.takes.map(take => take.position)),
      ceilingWei: flights.reduce((sum, flight) => sum + flight.ceilingWei, 0n),
    }),
  }
}
