// A block's opportunities together: each is assessed on the pools as those before it leave them (K21), then packed into as few
// transactions as the gas caps allow, since each one saved is an overhead saved.
import { BPS, maxOf, minOf } from '../core/fixed-point'
import type { Opportunity } from '../core/opportunity'
import type { Pool } from '../core/pool'
import type { TargetBlock } from '../core/primitives'
import type { Payee } from '../core/program'
import type { Plan, Profit, Skip, Take } from '../core/verdict'
import { type AssessContext, type Assessment, assess, type Candidate, revalue, toTake } from './assess'
import { createMarketDepth, type Hubs, type MarketDepth } from './market-depth'
import { createSources } from './sources'

export interface SelectPolicy {
  readonly bidShareBps: bigint
  readonly payee: Payee
  /** A leg's floor as a share of what it would earn after all others of the block. */
  readonly floorShareBps: bigint
  readonly minProfitWei: bigint
  /** Estimated gas that a transaction may reach: below the EIP-7825 cap and the block's limit, with room for the limit's margin. */
  readonly maxGasPerTransaction: bigint
  /** How long after the target's own time the transaction stays valid: a missed slot moves the time, not the number. */
  readonly graceSec: bigint
  /** Tokens that routes had better run through; absent: all alike. */
  readonly hubs?: Hubs
}

export interface Decision {
  readonly plans: readonly Plan[]
  readonly skips: readonly Skip[]
}

interface Placed {
  readonly candidate: Candidate
  /** The pools it was assessed on. */
  readonly depth: MarketDepth
}

const isUntouched = (candidate: Candidate, moved: ReadonlySet<string>): boolean => {
  for (const key of candidate.changed.keys()) if (moved.has(key)) return false
  return true
}

/** Best first, each on the pools, and with the reserves, that the better ones leave. */
const placeInOrder = (
  depth: MarketDepth,
  opportunities: readonly Opportunity[],
  context: AssessContext,
): { placed: readonly Placed[]; skips: readonly Skip[]; end: MarketDepth } => {
  const skips: Skip[] = []
  const first: Candidate[] = []
  for (const opportunity of opportunities) {
    const alone = assess(depth, opportunity, context)
    if (alone.kind === 'none') skips.push(alone.skip)
    else first.push(alone.candidate)
  }
  first.sort((a, b) => (a.marginWei < b.marginWei ? 1 : a.marginWei > b.marginWei ? -1 : 0))
  const placed: Placed[] = []
  const moved = new Set<string>()
  const sources = createSources()
  let now = depth
  for (const alone of first) {
    const left = sources.capped(alone.opportunity)
    const isCut = left !== alone.opportunity
    const again: Assessment =
      isUntouched(alone, moved) && !isCut
        ? { kind: 'found', candidate: alone }
        : assess(now, left, context, isCut ? undefined : alone.contenders)
    if (again.kind === 'none') {
      skips.push(again.skip)
      continue
    }
    placed.push({ candidate: again.candidate, depth: now })
    for (const key of again.candidate.changed.keys()) moved.add(key)
    sources.draw(again.candidate.close, again.candidate.pay)
    now = now.with(again.candidate.changed)
  }
  return { placed, skips, end: now }
}

/**
 * Never zero, and a share of what it earns where it stands: other trades of the block may push it down to what it earns on the pools as the
 * whole block leaves them, never up, since those that would help it may come later or fail.
 */
const legFloorWei = (
  { candidate }: Placed,
  end: MarketDepth,
  isAlone: boolean,
  context: AssessContext,
  policy: SelectPolicy,
): bigint => {
  const worst = isAlone ? candidate.revenueWei : minOf(candidate.revenueWei, revalue(end, candidate, context) ?? 0n)
  return maxOf(1n, (worst * policy.floorShareBps) / BPS)
}

/**
 * As few packs as the cap allows, in order, of about equal gas: where one key carries them all, each has to be worth carrying behind
 * those before it, dead or alive, and a small last one would not be.
 */
const packByGas = (takes: readonly Take[], context: AssessContext, policy: SelectPolicy): readonly (readonly Take[])[] => {
  const room = maxOf(1n, policy.maxGasPerTransaction - context.gasModel.transaction)
  const total = takes.reduce((sum, take) => sum + take.gas, 0n)
  const share = total / ((total + room - 1n) / room || 1n)
  const packs: Take[][] = []
  let gas = 0n
  for (const take of takes) {
    const pack = packs.at(-1)
    if (pack === undefined || gas >= share || gas + take.gas > room) {
      packs.push([take])
      gas = take.gas
    } else {
      pack.push(take)
      gas += take.gas
    }
  }
  return packs
}

/** Gas, bid and net of a transaction with these takes; mirrors the contract: bid = share * max(0, profit - cost). */
export const profitOf = (revenueWei: bigint, gasWei: bigint, bidShareBps: bigint): Profit => {
  const surplus = revenueWei > gasWei ? revenueWei - gasWei : 0n
  const bidWei = (surplus * bidShareBps) / BPS
  return { revenueWei, gasWei, bidWei, netWei: revenueWei - gasWei - bidWei }
}

const planOf = (takes: readonly Take[], target: TargetBlock, context: AssessContext, policy: SelectPolicy): Plan => {
  const gas = takes.reduce((sum, take) => sum + take.gas, context.gasModel.transaction)
  const revenueWei = takes.reduce((sum, take) => sum + take.revenueWei, 0n)
  const bidShareBps = policy.payee.kind === 'none' ? 0n : policy.bidShareBps
  return {
    target,
    takes,
    bidShareBps,
    payee: policy.payee,
    lastBlock: target.number,
    deadlineSec: target.timestampSec + policy.graceSec,
    expected: profitOf(revenueWei, gas * context.gasPriceWei, bidShareBps),
    gas,
  }
}

const unprofitable = (plan: Plan, policy: SelectPolicy): readonly Skip[] =>
  plan.takes.map(take => ({
    kind: 'skip',
    position: take.position,
    reason: 'unprofitable',
    message: `the transaction of ${plan.takes.length} position(s) would earn ${plan.expected.revenueWei} wei, cost ${plan.expected.gasWei} wei gas and ${plan.expected.bidWei} wei bid: net ${plan.expected.netWei} wei, minimum ${policy.minProfitWei} wei`,
  }))

/** Verdicts on all opportunities of a block, as plans (transactions to be) and skips with reasons. */
export const decide = (
  pools: readonly Pool[],
  opportunities: readonly Opportunity[],
  target: TargetBlock,
  context: AssessContext,
  policy: SelectPolicy,
): Decision => {
  if (opportunities.length === 0) return { plans: [], skips: [] }
  const { placed, skips, end } = placeInOrder(createMarketDepth(pools, policy.hubs), opportunities, context)
  const takes = placed.map(each =>
    toTake(each.depth, each.candidate, legFloorWei(each, end, placed.length === 1, context, policy), context),
  )
  const plans: Plan[] = []
  const refused: Skip[] = [...skips]
  for (const pack of packByGas(takes, context, policy)) {
    const plan = planOf(pack, target, context, policy)
    if (plan.expected.netWei > 0n && plan.expected.netWei >= policy.minProfitWei) plans.push(plan)
    else refused.push(...unprofitable(plan, policy))
  }
  return { plans, skips: refused }
}
