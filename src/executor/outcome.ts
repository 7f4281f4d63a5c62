// How a sent transaction ended, from what a block of ours shows: exactly one outcome each. Reads nothing.
import type { PositionRef } from '../core/opportunity'
import type { Outcome, OutcomeKind, PositionOutcome, Profit, Take } from '../core/verdict'
import type { Receipt } from '../ports'
import type { InFlight, RelayRecord } from './in-flight'
import { shareOut } from './pricing'
import type { LegReading, RunReading } from './run-codec'

/** Whether the position still has debt, by our own index. */
export type StillOpen = (position: PositionRef) => boolean

/** Net of each take: its gain less its part of gas (by estimate) and of the bid (by gain). */
const netsOf = (takes: readonly Take[], profit: Profit, gainsWei: readonly bigint[]): readonly bigint[] => {
  const gasShares = gasSharesOf(takes, profit.gasWei)
  const bidShares = shareOut(profit.bidWei, gainsWei)
  return gainsWei.map((gainWei, index) => gainWei - (gasShares[index] ?? 0n) - (bidShares[index] ?? 0n))
}

const gasSharesOf = (takes: readonly Take[], total: bigint): readonly bigint[] =>
  shareOut(
    total,
    takes.map(take => take.gas),
  )

/** What each take of a transaction is predicted to net. */
export const predictedNets = (takes: readonly Take[], predicted: Profit, gainsWei: readonly bigint[]): readonly bigint[] =>
  netsOf(takes, predicted, gainsWei)

interface End {
  readonly outcome: OutcomeKind
  readonly reason: string
}

const LEG_WORKED: End = { outcome: 'included', reason: 'closed' }

const legEnd = (take: Take, leg: LegReading | undefined, stillOpen: StillOpen): End => {
  if (leg?.kind === 'ok') return LEG_WORKED
  const reason = leg === undefined ? 'the run does not tell of this leg' : leg.reason
  return stillOpen(take.position)
    ? { outcome: 'missed', reason }
    : { outcome: 'taken-by-other', reason: `gone before our leg ran: ${reason}` }
}

interface Realised {
  readonly profit: Profit
  readonly gainsWei: readonly bigint[]
  readonly gasUsed: bigint
}

const positionsOf = (flight: InFlight, ends: readonly End[], realised: Realised | null): readonly PositionOutcome[] => {
  const predicted = predictedNets(flight.takes, flight.predicted, flight.gainsWei)
  const nets = realised === null ? [] : netsOf(flight.takes, realised.profit, realised.gainsWei)
  const gas = gasSharesOf(flight.takes, realised?.gasUsed ?? 0n)
  return flight.takes.map((take, index): PositionOutcome => {
    const end = ends[index] ?? { outcome: 'missed', reason: '' }
    const isClosed = end.outcome === 'included'
    return {
      position: take.position,
      outcome: end.outcome,
      reason: end.reason,
      repaidAssets: isClosed ? take.payAssets : 0n,
      seizedAssets: isClosed ? take.receiveAssets : 0n,
      profitPredictedWei: predicted[index] ?? 0n,
      profitRealisedWei: nets[index] ?? 0n,
      revenueWei: realised?.gainsWei[index] ?? 0n,
      gasUsed: gas[index] ?? 0n,
    }
  })
}

const outcomeOf = (
  flight: InFlight,
  end: End,
  ends: readonly End[],
  receipt: Receipt | null,
  realised: Realised | null,
): Outcome => ({
  kind: end.outcome,
  reason: end.reason,
  transactionHash: flight.hash,
  targetBlock: flight.targetBlock,
  block: receipt?.blockNumber ?? null,
  gasUsed: receipt?.gasUsed ?? 0n,
  predicted: flight.predicted,
  realised: realised?.profit ?? null,
  positions: positionsOf(flight, ends, realised),
})

/** Its receipt is in a block: `reading` is what its events say, null if it reverted. Profit is the contract's own measure (K7). */
export const includedOutcome = (
  flight: InFlight,
  receipt: Receipt,
  reading: RunReading | null,
  stillOpen: StillOpen,
): Outcome => {
  const gasWei = receipt.gasUsed * receipt.effectiveGasPriceWei
  const gainsWei = flight.takes.map((_, index) => {
    const leg = reading?.legs[index]
    return leg?.kind === 'ok' ? leg.gainWei : 0n
  })
  const revenueWei = reading?.revenueWei ?? 0n
  const bidWei = reading?.bidWei ?? 0n
  const profit: Profit = { revenueWei, gasWei, bidWei, netWei: revenueWei - gasWei - bidWei }
  const realised: Realised = { profit, gainsWei, gasUsed: receipt.gasUsed }
  if (receipt.status === 'reverted') {
    const end: End = { outcome: 'included-reverted', reason: `reverted in block ${receipt.blockNumber}` }
    const ends = flight.takes.map(
      (take): End =>
        stillOpen(take.position) ? end : { outcome: 'taken-by-other', reason: 'gone before our transaction ran, which reverted' },
    )
    return outcomeOf(flight, end, ends, receipt, realised)
  }
  const ends = flight.takes.map((take, index) => legEnd(take, reading?.legs[index], stillOpen))
  const worked = ends.filter(end => end.outcome === 'included').length
  const end: End = { outcome: 'included', reason: `${worked} of ${ends.length} positions closed in block ${receipt.blockNumber}` }
  return outcomeOf(flight, end, ends, receipt, realised)
}

const said = ({ relay, reply }: RelayRecord): string => {
  if (reply.kind === 'refused') return `${relay}: ${reply.class}: ${reply.message}`
  return reply.kind === 'accepted' ? `${relay}: accepted` : `${relay}: no answer`
}

/** Its target block is there and it is not in it. Who took the position, or whose refusal it was, is said where it is known. */
export const absentOutcome = (flight: InFlight, stillOpen: StillOpen): Outcome => {
  const replies = flight.replies()
  const words = replies.map(said).join('; ')
  const isRefused = replies.every(({ reply }) => reply.kind === 'refused')
  const end: End = isRefused
    ? { outcome: 'refused-by-relay', reason: words === '' ? 'no relay is configured' : words }
    : { outcome: 'missed', reason: `not in block ${flight.targetBlock} (${words})` }
  const ends = flight.takes.map(
    (take): End =>
      stillOpen(take.position) ? end : { outcome: 'taken-by-other', reason: `closed by another; ours: ${end.reason}` },
  )
  const allTaken = ends.every(each => each.outcome === 'taken-by-other')
  return outcomeOf(flight, allTaken ? (ends[0] ?? end) : end, ends, null, null)
}

/** Given up without knowing: the process ends before the target block came. */
export const abandonedOutcome = (flight: InFlight, reason: string): Outcome => {
  const end: End = { outcome: 'abandoned', reason }
  return outcomeOf(
    flight,
    end,
    flight.takes.map(() => end),
    null,
    null,
  )
}
