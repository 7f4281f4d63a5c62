// The way out: a block's plans are budgeted, simulated, signed and submitted. Keeps nothing itself.
import type { PositionRef } from '../core/opportunity'
import type { Address, Block, Hex, TargetBlock } from '../core/primitives'
import type { Plan, Profit, Skip } from '../core/verdict'
import { assign, reasonToWait, sift } from './assign'
import { type DispatchContext, dispatch, spareGasOf } from './dispatch'
import type { InFlight, RelayRecord } from './in-flight'
import type { FreeKey } from './key-ring'
import type { ExecutorParts } from './parts'
import { type Fees, feesAt } from './pricing'
import { failureSkip, type Passed, type RoundsResult, runRounds } from './rounds'

export interface SentTransaction {
  readonly hash: Hex
  readonly key: Address
  readonly nonce: number
  readonly targetBlock: bigint
  readonly positions: readonly PositionRef[]
  readonly predicted: Profit
  readonly gasUsed: bigint
  readonly ceilingWei: bigint
  readonly replies: readonly RelayRecord[]
}

export interface ExecuteOptions {
  /** The caller plans anew where the report names unfit takes; else what is left is tried as it is. */
  readonly mayReplan?: boolean
}

export interface ExecutionReport {
  readonly sent: readonly SentTransaction[]
  /** Takes left out, with reasons. Not recorded in the store: the caller does. */
  readonly skips: readonly Skip[]
  /** Not empty: nothing was sent, since the plan counted on these and they can't be closed now; the others are to be planned without them. */
  readonly unfit: readonly Skip[]
  /** False where nobody knows yet how the plans would do: nothing was worth simulating, or the unfit wait after earlier failures. */
  readonly isSimulated: boolean
  readonly elapsedMs: { readonly simulate: number; readonly sign: number; readonly send: number }
}

/** Passed drafts by key, in order. */
const byKey = (passed: readonly Passed[]): ReadonlyMap<Address, readonly Passed[]> => {
  const groups = new Map<Address, Passed[]>()
  for (const each of passed) groups.set(each.draft.key, [...(groups.get(each.draft.key) ?? []), each])
  return groups
}

const sentOf = (flight: InFlight): SentTransaction => ({
  hash: flight.hash,
  key: flight.key,
  nonce: flight.nonce,
  targetBlock: flight.targetBlock,
  positions: flight.takes.map(take => take.position),
  predicted: flight.predicted,
  gasUsed: flight.gasUsed,
  ceilingWei: flight.ceilingWei,
  replies: flight.replies(),
})

const learn = ({ memory }: ExecutorParts, result: RoundsResult, block: bigint): void => {
  for (const { take, reason } of result.failures) memory.failed(take, reason, block)
  for (const { draft } of result.passed) for (const take of draft.takes) memory.worked(take)
}

/** A key that is low, or that held something back: the reason of an over-budget skip names the key, unless it was the block that was full. */
const alarmOnLowBalance = (
  { policy, log, meter, ring }: ExecutorParts,
  skips: readonly Skip[],
  keys: readonly FreeKey[],
): void => {
  for (const { signer, balanceWei } of keys) {
    const held = skips.filter(skip => skip.reason === 'over-budget' && skip.message.includes(signer.address)).length
    if (held === 0 && balanceWei >= policy.lowBalanceWei) continue
    const fields = {
      key: signer.address,
      balanceWei: balanceWei.toString(),
      alarmBelowWei: policy.lowBalanceWei.toString(),
      heldBack: held,
    }
    log.log('warn', 'low-balance', fields)
    meter.count('low_balance', 1, { key: signer.address })
    ring.resync(signer.address)
  }
}

const logSent = ({ log }: ExecutorParts, sent: readonly InFlight[]): void => {
  for (const { hash, targetBlock, takes, predicted } of sent) {
    const fields = {
      transaction: hash,
      targetBlock: targetBlock.toString(),
      positions: takes.length,
      netWei: predicted.netWei.toString(),
    }
    log.log('info', 'sent', fields)
  }
}

const send = async (
  parts: ExecutorParts,
  passed: readonly Passed[],
  keys: readonly FreeKey[],
  target: TargetBlock,
  fees: Fees,
  blockGasLimit: bigint,
) => {
  const { ring, flights } = parts
  const startMs = performance.now()
  const signal = parts.signals.signalFor(target.number)
  const context: DispatchContext = {
    ...parts,
    chainId: parts.chain.id,
    fees,
    spareGas: spareGasOf(passed, blockGasLimit),
    signal,
  }
  const answers: Promise<unknown>[] = []
  const sent: InFlight[] = []
  let sign = 0
  for (const [address, own] of byKey(passed)) {
    const key = keys.find(({ signer }) => signer.address === address)
    if (key === undefined) continue
    const dispatched = await dispatch(key, own, target, context)
    ring.occupy(
      address,
      dispatched.flights.reduce((sum, flight) => sum + flight.ceilingWei, 0n),
    )
    flights.add(dispatched.flights)
    sent.push(...dispatched.flights)
    answers.push(dispatched.answered)
    sign += dispatched.signMs
  }
  await Promise.all(answers)
  return { sent, signMs: sign, sendMs: performance.now() - startMs - sign }
}

const NOTHING: ExecutionReport = {
  sent: [],
  skips: [],
  unfit: [],
  isSimulated: false,
  elapsedMs: { simulate: 0, sign: 0, send: 0 },
}

/** Takes that wait after failures, in-flight ones apart: a plan that counted on them moved pools as they will not. */
const waiting = (skips: readonly Skip[]): readonly Skip[] => skips.filter(skip => skip.reason === 'failed-simulation')

/** All plans are for the child of `parent`. Rejects with KeeperError where the chain does, with nothing sent. */
export const execute = async (
  parts: ExecutorParts,
  plans: readonly Plan[],
  parent: Block,
  { mayReplan = false }: ExecuteOptions = {},
): Promise<ExecutionReport> => {
  const { ring, flights, memory, policy, meter } = parts
  const target = plans[0]?.target
  if (target === undefined) return NOTHING
  await ring.ready()
  const startMs = performance.now()
  const keys = ring.free()
  const fees = feesAt(target, policy)
  const sifted = sift(
    plans,
    reasonToWait((take, block) => flights.has(take.position, block), memory),
  )
  if (mayReplan && sifted.plans.length > 0 && waiting(sifted.skips).length > 0)
    return { ...NOTHING, unfit: waiting(sifted.skips) }
  const assigned = assign(sifted.plans, keys, policy)
  const balances = new Map(keys.map(({ signer, balanceWei }) => [signer.address, balanceWei]))
  const result = await runRounds(assigned.drafts, parent, target, { ...parts, fees, balances }, mayReplan)
  const simulate = performance.now() - startMs
  if (result.mustReplan) {
    learn(parts, result, target.number)
    const unfit = [...result.failures.map(failureSkip), ...result.skips]
    return { ...NOTHING, unfit, isSimulated: true, elapsedMs: { simulate, sign: 0, send: 0 } }
  }
  const { sent, signMs, sendMs } = await send(parts, result.passed, keys, target, fees, parent.gasLimit)
  const skips = [...sifted.skips, ...assigned.skips, ...result.skips]
  learn(parts, result, target.number)
  alarmOnLowBalance(parts, skips, keys)
  meter.gauge('in_flight_transactions', flights.summary().count)
  logSent(parts, sent)
  return { sent: sent.map(sentOf), skips, unfit: [], isSimulated: true, elapsedMs: { simulate, sign: signMs, send: sendMs } }
}
