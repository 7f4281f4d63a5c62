// Gathers how every position of a run ended: from the store's outcomes and skips, per position the last word. Decides nothing.
import type { PositionRef } from '../core/opportunity'
import type { Outcome, PositionOutcome, Skip } from '../core/verdict'
import type { Store } from '../ports'
import type { EndedPosition, RunSummary } from './report/result'

export interface PositionEnd {
  readonly ref: PositionRef
  /** Block after which it was first seen under water: the first in which it could have been closed is the next. */
  readonly seenAtBlock: bigint
  readonly included: readonly { readonly block: bigint; readonly part: PositionOutcome; readonly gasUsed: bigint }[]
  /** The last thing that kept it open; null if nothing ever did. */
  readonly lastFailure: { readonly outcome: PositionOutcome['outcome'] | 'open'; readonly reason: string } | null
}

export interface EndedPositions extends Store {
  /** A position under water at the end state of `block`. */
  see(ref: PositionRef, block: bigint): void
  ends(): readonly PositionEnd[]
}

export const positionId = (ref: PositionRef): string => `${ref.market}/${ref.account}`

type Mutable = { -readonly [K in keyof PositionEnd]: PositionEnd[K] }

/** A Store that keeps ends by position. */
export const createEndedPositions = (): EndedPositions => {
  const byId = new Map<string, Mutable>()
  const entry = (ref: PositionRef, block: bigint): Mutable => {
    const known = byId.get(positionId(ref))
    if (known !== undefined) return known
    const made: Mutable = { ref, seenAtBlock: block, included: [], lastFailure: null }
    byId.set(positionId(ref), made)
    return made
  }
  const recordPart = (outcome: Outcome, part: PositionOutcome): void => {
    const end = entry(part.position, outcome.targetBlock - 1n)
    if (part.outcome === 'included' && outcome.block !== null)
      end.included = [...end.included, { block: outcome.block, part, gasUsed: part.gasUsed }]
    else end.lastFailure = { outcome: part.outcome, reason: part.reason }
  }
  return {
    see: (ref, block) => void entry(ref, block),
    recordOutcome: outcome => {
      for (const part of outcome.positions) recordPart(outcome, part)
    },
    recordSkip: (block: bigint, skip: Skip) => {
      entry(skip.position, block).lastFailure = { outcome: 'open', reason: `${skip.reason}: ${skip.message}` }
    },
    ends: () => [...byId.values()],
  }
}

const sum = (end: PositionEnd, read: (part: PositionOutcome) => bigint): bigint =>
  end.included.reduce((total, { part }) => total + read(part), 0n)

/** The JSON line of one position; closed in several parts: their sum, at the block of the last. */
export const endedPosition = (end: PositionEnd): EndedPosition => {
  const last = end.included.at(-1)
  return {
    position: end.ref.account,
    market: end.ref.market,
    outcome: last !== undefined ? 'included' : (end.lastFailure?.outcome ?? 'open'),
    reason: last !== undefined ? last.part.reason : (end.lastFailure?.reason ?? 'not under water any more'),
    repaid: sum(end, part => part.repaidAssets).toString(),
    seized: sum(end, part => part.seizedAssets).toString(),
    profitPredictedWei: sum(end, part => part.profitPredictedWei).toString(),
    profitRealisedWei: sum(end, part => part.profitRealisedWei).toString(),
    gasUsed: sum(end, part => part.gasUsed).toString(),
    block: last === undefined ? null : Number(last.block),
  }
}

/** |realised - predicted| / revenue of the worst inclusion, in percent. */
export const worstErrorPct = (ends: readonly PositionEnd[], isComparable: (block: bigint) => boolean = () => true): number => {
  let worst = 0
  for (const end of ends) {
    for (const { part, block } of end.included) {
      if (part.revenueWei <= 0n || !isComparable(block)) continue
      const gap = part.profitRealisedWei - part.profitPredictedWei
      worst = Math.max(worst, Number(((gap < 0n ? -gap : gap) * 10n ** 9n) / part.revenueWei) / 10 ** 7)
    }
  }
  return worst
}

const isNextBlock = (end: PositionEnd): boolean => (end.included[0]?.block ?? 0n) <= end.seenAtBlock + 1n

/** The closing line. `isFirst`: of a closed position, whether that was in the first block it could be; by default right after it was seen. */
export const summarise = (
  ends: readonly PositionEnd[],
  extra: Pick<RunSummary, 'badDebtUsd' | 'badDebtUnattendedUsd' | 'worstPredictionErrorPct'>,
  isFirst: (end: PositionEnd) => boolean = isNextBlock,
): RunSummary => {
  const closed = ends.filter(end => end.included.length > 0)
  const first = closed.filter(isFirst)
  const total = (read: (part: PositionOutcome) => bigint): string =>
    closed.reduce((all, end) => all + sum(end, read), 0n).toString()
  return {
    liquidatable: ends.length,
    closedFirstBlock: first.length,
    closedLater: closed.length - first.length,
    open: ends.length - closed.length,
    profitPredictedWei: total(part => part.profitPredictedWei),
    profitRealisedWei: total(part => part.profitRealisedWei),
    ...extra,
  }
}
