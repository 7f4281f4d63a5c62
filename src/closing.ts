// One block's opportunities to their end: planned, given to the executor, and planned anew without what it finds unfit. Keeps nothing
// between blocks but who failed in the last ones, and records nothing: the loop (keeper.ts) does.
import { minOf } from './core/fixed-point'
import { marketKey, type Opportunity, positionKey } from './core/opportunity'
import type { Block, TargetBlock } from './core/primitives'
import type { VenueBook } from './core/strategy'
import type { Skip } from './core/verdict'
import type { ExecutionReport, Executor } from './executor/executor'
import type { AssessContext } from './profitability/assess'
import { createDetours, type Detours } from './profitability/detours'
import type { Hubs } from './profitability/market-depth'
import { type Decision, decide, type SelectPolicy } from './profitability/select'

export interface ClosingDeps {
  readonly venues: readonly VenueBook[]
  readonly executor: Pick<Executor, 'execute'>
  readonly assess: Omit<AssessContext, 'gasPriceWei'>
  readonly policy: Omit<SelectPolicy, 'hubs'>
  /** Tokens that routes had better run through, as of now. */
  readonly hubs: () => Hubs
  readonly maxPriorityFeePerGasWei: bigint
  /** Milliseconds of a monotonic clock, for timings only. */
  readonly nowMs: () => number
}

export interface Closing {
  readonly decision: Decision
  /** Null where nothing was worth it. */
  readonly execution: ExecutionReport | null
  readonly decideMs: number
}

/** So many plans of one block may fail in simulation; the next is carried out as far as it goes. Each costs a simulation. */
const MAX_FAILED_PLANS = 3

const withoutPositions = (opportunities: readonly Opportunity[], unfit: readonly Skip[]): readonly Opportunity[] => {
  const out = new Set(unfit.map(skip => positionKey(skip.position)))
  return opportunities.filter(each => !out.has(positionKey(each.position)))
}

/** Where leaving out positions was not enough, their markets stay out for this block: one market's crowd of them must not hide the others. */
const withoutMarkets = (opportunities: readonly Opportunity[], failed: readonly Skip[]) => {
  const markets = new Map(failed.map(skip => [marketKey(skip.position), skip.message]))
  const skips = opportunities.flatMap(({ position }): Skip[] => {
    const why = markets.get(marketKey(position))
    if (why === undefined) return []
    const message = `others of its market spoilt two plans of this block: ${why}`
    return [{ kind: 'skip', position, reason: 'failed-simulation', message }]
  })
  return { left: opportunities.filter(each => !markets.has(marketKey(each.position))), skips }
}

/**
 * A transaction's limit is well above what it uses, and a block must have room for it behind all others: one transaction as big as the block
 * could never share it. So many, at least, of the largest that are planned fill a block.
 */
const TRANSACTIONS_PER_BLOCK = 6n

/** Who failed in simulation goes another way next time; who was sent goes on as it went. */
const learn = (
  detours: Detours,
  { plans }: Decision,
  { sent, skips, unfit, isSimulated }: ExecutionReport,
  block: bigint,
): void => {
  if (!isSimulated) return
  const failed = new Set(
    [...skips, ...unfit].filter(each => each.reason === 'failed-simulation').map(each => positionKey(each.position)),
  )
  const passed = new Set(sent.flatMap(each => each.positions).map(positionKey))
  for (const take of plans.flatMap(plan => plan.takes)) {
    const name = positionKey(take.position)
    if (failed.has(name)) detours.failed(take, block)
    else if (passed.has(name)) detours.worked(take, block)
  }
}

/** What closes a block's opportunities; `parent` is the block before `target`. Rejects with KeeperError where the chain does. */
export type CloseAll = (opportunities: readonly Opportunity[], target: TargetBlock, parent: Block) => Promise<Closing>

export const createClosing = (deps: ClosingDeps): CloseAll => {
  const { venues, executor, nowMs } = deps
  const detours = createDetours()

  const decideOn = (opportunities: readonly Opportunity[], target: TargetBlock, parent: Block): Decision => {
    if (opportunities.length === 0) return { plans: [], skips: [] }
    const pools = venues.flatMap(venue => venue.pools())
    const gasPriceWei = target.baseFeePerGasWei + deps.maxPriorityFeePerGasWei
    const maxGasPerTransaction = minOf(deps.policy.maxGasPerTransaction, parent.gasLimit / TRANSACTIONS_PER_BLOCK)
    const policy = { ...deps.policy, maxGasPerTransaction, hubs: deps.hubs() }
    return decide(pools, opportunities, target, { ...deps.assess, gasPriceWei }, policy)
  }

  /** Plans anew without what the executor finds unfit: a hostile position that only seems to move the pools must not hide the others. */
  return async (opportunities, target, parent) => {
    const unfit: Skip[] = []
    const failed: Skip[] = []
    let left: readonly Opportunity[] = opportunities.map(each => detours.apply(each, parent.number))
    let plansFailed = 0
    let decideMs = 0
    for (;;) {
      const start = nowMs()
      const decided = decideOn(left, target, parent)
      decideMs += nowMs() - start
      const decision = { ...decided, skips: [...unfit, ...decided.skips] }
      if (decided.plans.length === 0) return { decision, execution: null, decideMs }
      const execution = await executor.execute(decided.plans, parent, { mayReplan: plansFailed < MAX_FAILED_PLANS })
      learn(detours, decided, execution, parent.number)
      if (execution.unfit.length === 0) return { decision, execution, decideMs }
      unfit.push(...execution.unfit)
      left = withoutPositions(left, execution.unfit)
      if (!execution.isSimulated) continue
      plansFailed += 1
      failed.push(...execution.unfit)
      if (plansFailed === 1) continue
      const parted = withoutMarkets(left, failed)
      left = parted.left
      unfit.push(...parted.skips)
    }
  }
}
