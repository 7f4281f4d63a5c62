// The last look at positions about to be closed: what the contract says of them is read in the same request as their transactions are
// simulated, in front of these. A position that is not what we think is left out. Knows no protocol: questions and answers are its book's.

import type { ReadCall, ReadResult } from '../core/folder'
import { marketKey, type PositionRef, positionKey } from '../core/opportunity'
import type { Address } from '../core/primitives'
import type { AuditQuestion, Drift } from '../core/strategy'
import type { Skip, Take } from '../core/verdict'
import type { SimulatedCall, SimulatedResult } from '../ports'
import { type Draft, narrowed, skipOf, type Trimmed } from './draft'

export interface PositionAudit {
  questions(positions: readonly PositionRef[]): readonly AuditQuestion[]
  /** Told what came of them: how many were answered, and what differs. */
  report(answered: number, drifts: readonly Drift[]): void
}

export interface Preflight {
  /** To be simulated in front of all else. */
  readonly calls: readonly SimulatedCall[]
  /** The drafts without the takes whose positions differ, given the results of `calls`. No skip: nothing differs. */
  cut(results: readonly SimulatedResult[]): Trimmed
}

/**
 * Positions checked in one request, in the order of the plans, which is that of worth. Those after them go on unchecked: the simulation
 * still has the last word on them, unless a checked one of their market differs; then they are left out with it.
 */
export const MAX_AUDITED = 64

const DEFAULT_GAS = 200_000
/** What a transaction costs before its first instruction, arguments included. */
const INTRINSIC_GAS = 60_000

const keyOf = ({ to, data }: ReadCall): string => `${to} ${data}`

const asSimulated = (call: ReadCall, from: Address): SimulatedCall => ({
  from,
  to: call.to,
  data: call.data,
  gas: BigInt((call.gasCap ?? DEFAULT_GAS) + INTRINSIC_GAS),
  maxFeePerGasWei: 0n,
  maxPriorityFeePerGasWei: 0n,
  isView: true,
})

const asRead = (result: SimulatedResult | undefined): ReadResult =>
  result?.status === 'success' ? { kind: 'ok', data: result.returnData } : { kind: 'failed', why: 'reverted' }

const without = (drafts: readonly Draft[], isOut: (take: Take) => boolean): readonly Draft[] =>
  drafts.flatMap(draft => {
    const takes = draft.takes.filter(take => !isOut(take))
    if (takes.length === draft.takes.length) return [draft]
    return takes.length === 0 ? [] : [narrowed(draft, takes)]
  })

/** What to say of each take that is left out; null: it stays. */
const reasons = (drifts: readonly Drift[], isAudited: (key: string) => boolean): ((take: Take) => string | null) => {
  const ofPosition = new Map(
    drifts.map(({ position, field, book, chain }) => [positionKey(position), `${field}: here ${book}, on chain ${chain}`]),
  )
  const markets = new Set(drifts.map(({ position }) => marketKey(position)))
  return ({ position }) => {
    const key = positionKey(position)
    const own = ofPosition.get(key)
    if (own !== undefined) return own
    return !isAudited(key) && markets.has(marketKey(position))
      ? 'not checked itself, but another of its market differs from the chain'
      : null
  }
}

/** Nothing to ask where there is no `audit` or no draft. */
export const preflightOf = (drafts: readonly Draft[], audit: PositionAudit | undefined): Preflight => {
  const from = drafts[0]?.key
  const positions = drafts.flatMap(draft => draft.takes.map(take => take.position)).slice(0, MAX_AUDITED)
  const questions = audit === undefined || from === undefined ? [] : audit.questions(positions)
  if (audit === undefined || from === undefined || questions.length === 0)
    return { calls: [], cut: () => ({ drafts, skips: [] }) }
  const distinct = new Map(questions.flatMap(({ calls }) => calls.map(call => [keyOf(call), call] as const)))
  const audited = new Set(positions.map(positionKey))
  return {
    calls: [...distinct.values()].map(call => asSimulated(call, from)),
    cut: results => {
      const answers = new Map([...distinct.keys()].map((key, index) => [key, asRead(results[index])]))
      const compared = questions.map(question => question.compare(question.calls.map(call => answers.get(keyOf(call))!)))
      const drifts = compared.flatMap(each => each ?? [])
      audit.report(compared.filter(each => each !== null).length, drifts)
      if (drifts.length === 0) return { drafts, skips: [] }
      const reasonOf = reasons(drifts, key => audited.has(key))
      const skips = drafts.flatMap(draft =>
        draft.takes.flatMap((take): Skip[] => {
          const reason = reasonOf(take)
          return reason === null ? [] : [skipOf(take, 'drifted', reason)]
        }),
      )
      return { drafts: without(drafts, take => reasonOf(take) !== null), skips }
    },
  }
}
