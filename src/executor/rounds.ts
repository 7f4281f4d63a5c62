// Simulates a block's drafts together, in nonce order, and takes out what does not stand up to it, until all that is left
// has passed exactly as it is. What failed its simulation is never sent (keepers.md K10).
import { BPS } from '../core/fixed-point'
import type { Address, Block, TargetBlock } from '../core/primitives'
import type { Profit, Skip, Take } from '../core/verdict'
import type { Chain, SimulatedResult } from '../ports'
import { type Failure, isFloor, ownFailures } from './blame'
import {
  type Allowance,
  cutEnd,
  type Draft,
  estimatedGas,
  narrowed,
  roomFor,
  simulationGas,
  skipOf,
  split,
  type Trimmed,
  totalLimit,
  trim,
} from './draft'
import type { ExecutorPolicy } from './policy'
import { type PositionAudit, type Preflight, preflightOf } from './preflight'
import { exceedsGasCap, type Fees, gasLimitFor, profitAfterBid, type RunCost, runCost } from './pricing'
import type { RunCodec, RunOrder, RunReading } from './run-codec'

export interface RoundContext {
  readonly chain: Chain
  readonly codec: RunCodec
  readonly contract: Address
  readonly wrappedNative: Address
  readonly policy: ExecutorPolicy
  readonly fees: Fees
  readonly balances: ReadonlyMap<Address, bigint>
  readonly audit?: PositionAudit
}

/** A draft that passed as it is. */
export interface Passed {
  readonly draft: Draft
  readonly gasUsed: bigint
  readonly profit: Profit
  /** Gain of each take, in order. */
  readonly gainsWei: readonly bigint[]
}

export interface RoundsResult {
  readonly passed: readonly Passed[]
  /** With `mustReplan`: of positions that differ from the chain. */
  readonly skips: readonly Skip[]
  /** Takes that failed for a reason of their own, for the memory of failures. */
  readonly failures: readonly Failure[]
  /** True where nothing passed because the failures spoil the plan for the others: they have to be planned anew without them. */
  readonly mustReplan: boolean
}

/** One to find what fails, one for the rest, one where the rest had to be cut once more. */
const MAX_ROUNDS = 3

/** What one result means for its draft: passed as it is, or what is left of it, as drafts for the next round. */
type Judgement =
  | { readonly kind: 'passed'; readonly passed: Passed }
  | {
      readonly kind: 'cut'
      readonly rest: readonly Draft[]
      readonly failures: readonly Failure[]
      readonly skips: readonly Skip[]
    }

export const orderOf = (draft: Draft, { fixedWei, legGas }: RunCost, floorWei: bigint, wrappedNative: Address): RunOrder => ({
  lastBlock: draft.plan.lastBlock,
  deadlineSec: draft.plan.deadlineSec,
  wrappedNative,
  costWei: fixedWei,
  legGas,
  floorWei,
  bidShareBps: draft.plan.bidShareBps,
  payee: draft.plan.payee,
})

/** What the draft's run costs if all its legs close and it uses `gasUsed`. */
export const costOf = (draft: Draft, gasUsed: bigint, fees: Fees): RunCost =>
  runCost(
    gasUsed,
    estimatedGas(draft.plan, []),
    draft.takes.map(take => take.gas),
    fees.effectiveWei,
  )

const cutAll = (draft: Draft, reason: string): Judgement => ({
  kind: 'cut',
  rest: [],
  failures: draft.takes.map(take => ({ take, reason, isByPrice: isFloor(reason) })),
  skips: [],
})

/** Why a leg that worked is still not trusted (mev.md F3); null if it is. A pool that others left better may pay more, never less. */
const deviation = (take: Take, gainWei: bigint, mayExceed: boolean, policy: ExecutorPolicy): string | null => {
  const difference = gainWei > take.revenueWei ? gainWei - take.revenueWei : take.revenueWei - gainWei
  if (difference * BPS <= take.revenueWei * policy.simulateDeviationBps || (mayExceed && gainWei > take.revenueWei)) return null
  return `simulation gains ${gainWei} wei, our maths says ${take.revenueWei} wei: further apart than ${policy.simulateDeviationBps} bps`
}

const legFailures = (draft: Draft, reading: RunReading, mayExceed: boolean, policy: ExecutorPolicy): readonly Failure[] =>
  draft.takes.flatMap((take, index) => {
    const leg = reading.legs[index]
    if (leg === undefined) return [{ take, reason: 'the run does not tell of this leg', isByPrice: false }]
    if (leg.kind === 'failed') return [{ take, reason: leg.reason, isByPrice: isFloor(leg.reason) }]
    const reason = deviation(take, leg.gainWei, mayExceed, policy)
    return reason === null ? [] : [{ take, reason, isByPrice: true }]
  })

const cutByValue = (draft: Draft, allowance: Allowance): Judgement => {
  const { drafts, skips } = trim([draft], allowance)
  return { kind: 'cut', rest: drafts, failures: [], skips }
}

/** A node without eth_simulateV1 shows no events: a single leg that did not revert gains what its floor proves at least. */
const blindReading = (draft: Draft): RunReading | null => {
  const only = draft.takes.length === 1 ? draft.takes[0] : undefined
  return only === undefined ? null : { revenueWei: only.revenueWei, bidWei: 0n, legs: [{ kind: 'ok', gainWei: only.revenueWei }] }
}

const judge = (draft: Draft, result: SimulatedResult, mayExceed: boolean, context: RoundContext): Judgement => {
  const { codec, policy, fees } = context
  const isBlind = result.status === 'success' && result.logs.length === 0
  const reading =
    result.status === 'reverted' ? null : isBlind ? blindReading(draft) : codec.read(result.logs, draft.takes.length)
  if (reading === null) {
    if (draft.takes.length > 1) return { kind: 'cut', rest: split(draft, policy), failures: [], skips: [] }
    return cutAll(
      draft,
      result.status === 'reverted' ? codec.revertReason(result.returnData) : 'the simulated run shows no events of our contract',
    )
  }
  const failures = legFailures(draft, reading, mayExceed, policy)
  if (failures.length > 0) {
    const out = new Set(failures.map(failure => failure.take))
    const rest = draft.takes.filter(take => !out.has(take))
    return { kind: 'cut', rest: rest.length === 0 ? [] : [narrowed(draft, rest)], failures, skips: [] }
  }
  const measured = { ...draft, gas: result.gasUsed, gasLimit: gasLimitFor(result.gasUsed, policy) }
  if (exceedsGasCap(result.gasUsed, policy)) {
    const limit = policy.maxGasPerTransaction
    const needed = { ...draft, gasLimit: result.gasUsed + result.gasUsed / 4n }
    return cutByValue(needed, {
      counts: () => true,
      limit,
      needed: totalLimit,
      why: gas => `the transaction would need up to ${gas} gas, the cap is ${limit}`,
    })
  }
  const profit = profitAfterBid(reading.revenueWei, result.gasUsed * fees.effectiveWei, draft.plan.bidShareBps)
  if (profit.netWei <= 0n || profit.netWei < policy.minProfitWei)
    return { kind: 'cut', rest: [], failures: [], skips: unprofitable(draft, profit, policy) }
  const gainsWei = reading.legs.map(leg => (leg.kind === 'ok' ? leg.gainWei : 0n))
  return { kind: 'passed', passed: { draft: measured, gasUsed: result.gasUsed, profit, gainsWei } }
}

const unprofitable = (draft: Draft, profit: Profit, policy: ExecutorPolicy): readonly Skip[] => {
  const { revenueWei, gasWei, bidWei, netWei } = profit
  const message = `simulated: earns ${revenueWei} wei, costs ${gasWei} wei gas and ${bidWei} wei bid: net ${netWei} wei, minimum ${policy.minProfitWei} wei`
  return draft.takes.map(take => skipOf(take, 'unprofitable', message))
}

export const failureSkip = ({ take, reason }: Failure): Skip => skipOf(take, 'failed-simulation', reason)

/** So much of a block is not counted on: gas used shifts with the order, and what put the positions under water stands before us. */
const BLOCK_MARGIN_PARTS = 32n

/** Each key's ceilings stay within its balance, and the block has room for all. */
const allowancesOf = (drafts: readonly Draft[], parent: Block, { balances, fees }: RoundContext): readonly Allowance[] => {
  const ofKeys = [...new Set(drafts.map(draft => draft.key))].map((key): Allowance => {
    const limit = balances.get(key) ?? 0n
    const why = (needed: bigint) => `key ${key} holds ${limit} wei, its transactions may cost ${needed} wei`
    return { counts: draft => draft.key === key, limit, needed: own => totalLimit(own) * fees.maxFeePerGasWei, why }
  })
  const room = parent.gasLimit - parent.gasLimit / BLOCK_MARGIN_PARTS
  const why = (gas: bigint) =>
    `the block has room for ${room} gas, all transactions together need ${gas}: waits for the next block, where it is planned anew`
  return [...ofKeys, { counts: () => true, limit: room, needed: roomFor, why }]
}

const within = (
  drafts: readonly Draft[],
  parent: Block,
  context: RoundContext,
  cut: (drafts: readonly Draft[], allowance: Allowance) => Trimmed,
): Trimmed =>
  allowancesOf(drafts, parent, context).reduce<Trimmed>(
    (trimmed, allowance) => {
      const next = cut(trimmed.drafts, allowance)
      return { drafts: next.drafts, skips: [...trimmed.skips, ...next.skips] }
    },
    { drafts, skips: [] },
  )

interface Simulated {
  readonly ahead: readonly SimulatedResult[]
  readonly results: readonly SimulatedResult[]
}

const simulate = async (
  drafts: readonly Draft[],
  { calls: ahead }: Preflight,
  parent: Block,
  target: TargetBlock,
  context: RoundContext,
): Promise<Simulated> => {
  const { chain, codec, contract, wrappedNative, policy, fees, balances } = context
  const calls = drafts.map(draft => {
    const cost = costOf(draft, estimatedGas(draft.plan, draft.takes), fees)
    const affordable =
      fees.maxFeePerGasWei === 0n ? policy.maxGasPerTransaction : (balances.get(draft.key) ?? 0n) / fees.maxFeePerGasWei
    return {
      from: draft.key,
      to: contract,
      data: codec.encode(
        orderOf(draft, cost, 1n, wrappedNative),
        draft.takes.map(take => take.leg),
      ),
      gas: simulationGas(draft, affordable, policy),
      maxFeePerGasWei: fees.maxFeePerGasWei,
      maxPriorityFeePerGasWei: fees.maxPriorityFeePerGasWei,
    }
  })
  const all = await chain.simulate([...ahead, ...calls], parent, target)
  return { ahead: all.slice(0, ahead.length), results: all.slice(ahead.length) }
}

/** What must be left out of a new plan, where the round shows it; the failures of a transaction that reverted whole only show when it is split. */
const blamed = (start: readonly Draft[], drafts: readonly Draft[], failures: readonly Failure[]): readonly Failure[] => {
  const takes = drafts.flatMap(draft => draft.takes)
  const tried = new Set(takes)
  const missing = start.flatMap(draft => draft.takes.filter(take => !tried.has(take)))
  return ownFailures(takes, failures, missing)
}

/**
 * Rejects with KeeperError where the chain does. One request a round; one round where nothing fails. `mayReplan`: as soon as a leg fails,
 * the rest is given back to be planned without it instead of being tried as it is. So it is with positions that differ from the chain: the
 * first round finds them.
 */
export const runRounds = async (
  start: readonly Draft[],
  parent: Block,
  target: TargetBlock,
  context: RoundContext,
  mayReplan = false,
): Promise<RoundsResult> => {
  const skips: Skip[] = []
  const failures: Failure[] = []
  let drafts = start
  let mayExceed = false
  let { audit } = context
  for (let round = 1; ; round++) {
    const budget = within(drafts, parent, context, trim)
    skips.push(...budget.skips)
    drafts = budget.drafts
    if (drafts.length === 0) return { passed: [], skips, failures, mustReplan: false }
    const preflight = preflightOf(drafts, audit)
    const { ahead, results } = await simulate(drafts, preflight, parent, target, context)
    const checked = preflight.cut(ahead)
    audit = undefined
    if (checked.skips.length > 0) {
      if (mayReplan) return { passed: [], skips: checked.skips, failures: [], mustReplan: true }
      skips.push(...checked.skips)
      drafts = checked.drafts
      mayExceed = true
      continue
    }
    const judged = drafts.map((draft, index) => {
      const result = results[index]
      return result === undefined ? cutAll(draft, 'the node gave no result') : judge(draft, result, mayExceed, context)
    })
    const cuts = judged.filter(each => each.kind === 'cut')
    const own = mayReplan
      ? blamed(
          start,
          drafts,
          cuts.flatMap(cut => cut.failures),
        )
      : []
    if (own.length > 0) return { passed: [], skips: [], failures: own, mustReplan: true }
    for (const cut of cuts) {
      failures.push(...cut.failures)
      skips.push(...cut.failures.map(failureSkip), ...cut.skips)
    }
    const passed = judged.flatMap(each => (each.kind === 'passed' ? [each.passed] : []))
    const asTheyAre = passed.map(each => each.draft)
    const measured = within(asTheyAre, parent, context, cutEnd)
    if (cuts.length === 0 && measured.skips.length === 0) return { passed, skips, failures, mustReplan: false }
    if (round === MAX_ROUNDS) return lastWord(passed, cuts, measured, skips, failures)
    drafts = judged.flatMap(each => (each.kind === 'passed' ? [each.passed.draft] : each.rest))
    mayExceed = true
  }
}

/** Out of rounds: what passed as it is may go as far as the budget allows, what was cut again may not. */
const lastWord = (
  passed: readonly Passed[],
  cuts: readonly Extract<Judgement, { readonly kind: 'cut' }>[],
  budget: Trimmed,
  skips: readonly Skip[],
  failures: readonly Failure[],
): RoundsResult => {
  const left = cuts.flatMap(cut => cut.rest.flatMap(draft => draft.takes))
  const unproven = left.map(take =>
    skipOf(take, 'failed-simulation', `another part of its transaction failed in each of ${MAX_ROUNDS} simulations`),
  )
  const affordable = new Set(budget.drafts)
  return {
    passed: passed.filter(each => affordable.has(each.draft)),
    skips: [...skips, ...unproven, ...budget.skips],
    failures,
    mustReplan: false,
  }
}
