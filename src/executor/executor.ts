// Plans in, outcomes out: budget, simulate, sign, submit, settle. Keeps nonces and what is in flight; decides nothing about
// what is worth closing. Each transaction sent ends in exactly one recorded outcome.
import type { PositionRef } from '../core/opportunity'
import type { Address, Block, Hex, LogFilter, TargetBlock } from '../core/primitives'
import type { Outcome, Plan, Profit, Skip } from '../core/verdict'
import type { Chain, LogSink, Meter, Relay, Signer, Store } from '../ports'
import { assign, reasonToWait, sift } from './assign'
import { type DispatchContext, dispatch } from './dispatch'
import { createFailureMemory } from './failure-memory'
import { createFlightList, type InFlight, type InFlightSummary, type RelayRecord } from './in-flight'
import { createKeyRing, type FreeKey } from './key-ring'
import { createLiquidatorCodec } from './liquidator-codec'
import { abandonedOutcome } from './outcome'
import { DEFAULT_EXECUTOR_POLICY, type ExecutorPolicy } from './policy'
import { type Fees, feesAt } from './pricing'
import { type Passed, type RoundsResult, runRounds } from './rounds'
import type { RunCodec } from './run-codec'
import { type Advance, createSettledMemory, keyEnds, type Settled, settleDue } from './settle'

export interface ExecutorDeps {
  readonly chain: Chain
  /** Operator keys of `contract`. */
  readonly signers: readonly Signer[]
  readonly relays: readonly Relay[]
  /** Our deployed Liquidator. */
  readonly contract: Address
  readonly wrappedNative: Address
  /** What is left out has its default. */
  readonly policy: Partial<ExecutorPolicy>
  /** The contract's language; tests speak their own. Default: the Liquidator's. */
  readonly codec?: RunCodec
  readonly log: LogSink
  readonly meter: Meter
  readonly store: Store
}

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

export interface ExecutionReport {
  readonly sent: readonly SentTransaction[]
  /** Takes left out, with reasons. Not recorded in the store: the caller does. */
  readonly skips: readonly Skip[]
  readonly elapsedMs: { readonly simulate: number; readonly sign: number; readonly send: number }
}

export interface Executor {
  /** Reads nonces and balances ahead of the first block. `execute` does it if nobody did. */
  prepare(): Promise<void>
  /** All plans are for the child of `parent`. Rejects with KeeperError where the chain does, with nothing sent. */
  execute(plans: readonly Plan[], parent: Block): Promise<ExecutionReport>
  /** Ends what was for `advance.block` or before; records each outcome. Rejects with KeeperError; the next call makes up for it. */
  settle(advance: Advance): Promise<readonly Outcome[]>
  inFlight(): InFlightSummary
  isInFlight(position: PositionRef, targetBlock: bigint): boolean
  /** Waits for the target blocks of what is in flight and ends it; what can't be known in time is abandoned. Never rejects. */
  drain(signal?: AbortSignal): Promise<readonly Outcome[]>
  /** Events of our contract, for the watcher. */
  logFilters(): readonly LogFilter[]
}

const DRAIN_POLL_MS = 250

const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

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

export const createExecutor = (deps: ExecutorDeps): Executor => {
  const { chain, relays, contract, wrappedNative, log, meter, store } = deps
  const codec = deps.codec ?? createLiquidatorCodec(contract)
  const policy: ExecutorPolicy = { ...DEFAULT_EXECUTOR_POLICY, ...deps.policy }
  const ring = createKeyRing(chain, deps.signers, log, meter)
  const flights = createFlightList()
  const memory = createFailureMemory(policy)
  const history = createSettledMemory(chain, codec, policy.finalityDepth, log)
  const targets = new Map<bigint, AbortController>()

  const signalFor = (target: bigint): AbortSignal => {
    const controller = targets.get(target) ?? new AbortController()
    targets.set(target, controller)
    return controller.signal
  }

  const passTargets = (block: bigint): void => {
    for (const [target, controller] of targets) {
      if (target > block) continue
      controller.abort()
      targets.delete(target)
    }
  }

  const learn = (result: RoundsResult, block: bigint): void => {
    for (const { take, reason } of result.failures) memory.failed(take, reason, block)
    for (const { draft } of result.passed) for (const take of draft.takes) memory.worked(take)
  }

  const alarmOnLowBalance = (skips: readonly Skip[], keys: readonly FreeKey[]): void => {
    const held = skips.filter(skip => skip.reason === 'over-budget').length
    for (const { signer, balanceWei } of keys) {
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

  const send = async (passed: readonly Passed[], keys: readonly FreeKey[], target: TargetBlock, fees: Fees) => {
    const startMs = performance.now()
    const signal = signalFor(target.number)
    const context: DispatchContext = { chainId: chain.id, contract, wrappedNative, codec, policy, fees, relays, signal, log }
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

  const execute = async (plans: readonly Plan[], parent: Block): Promise<ExecutionReport> => {
    const target = plans[0]?.target
    if (target === undefined) return { sent: [], skips: [], elapsedMs: { simulate: 0, sign: 0, send: 0 } }
    await ring.ready()
    const startMs = performance.now()
    const keys = ring.free()
    const fees = feesAt(target, policy)
    const sifted = sift(
      plans,
      reasonToWait((take, block) => flights.has(take.position, block), memory),
    )
    const assigned = assign(sifted.plans, keys, policy)
    const balances = new Map(keys.map(({ signer, balanceWei }) => [signer.address, balanceWei]))
    const result = await runRounds(assigned.drafts, parent, target, {
      chain,
      codec,
      contract,
      wrappedNative,
      policy,
      fees,
      balances,
    })
    const simulate = performance.now() - startMs
    const { sent, signMs, sendMs } = await send(result.passed, keys, target, fees)
    const skips = [...sifted.skips, ...assigned.skips, ...result.skips]
    learn(result, target.number)
    alarmOnLowBalance(skips, keys)
    meter.gauge('in_flight_transactions', flights.summary().count)
    for (const flight of sent) {
      const fields = {
        transaction: flight.hash,
        targetBlock: target.number.toString(),
        positions: flight.takes.length,
        netWei: flight.predicted.netWei.toString(),
      }
      log.log('info', 'sent', fields)
    }
    return { sent: sent.map(sentOf), skips, elapsedMs: { simulate, sign: signMs, send: sendMs } }
  }

  const recordEnd = (outcome: Outcome): void => {
    store.recordOutcome(outcome)
    meter.count('outcomes', 1, { outcome: outcome.kind })
    const { transactionHash, kind, reason, targetBlock, realised } = outcome
    const fields = {
      transaction: transactionHash,
      outcome: kind,
      reason,
      targetBlock: targetBlock.toString(),
      netWei: realised?.netWei.toString() ?? null,
    }
    log.log(kind === 'included' ? 'info' : 'warn', 'outcome', fields)
  }

  const finish = (settled: readonly Settled[], block: bigint): readonly Outcome[] => {
    for (const end of keyEnds(settled)) ring.release(end)
    for (const { flight, outcome } of settled) {
      recordEnd(outcome)
      const isStale = flight.replies().some(({ reply }) => reply.kind === 'refused' && reply.class === 'stale')
      if (isStale) ring.resync(flight.key)
    }
    history.remember(settled, block)
    return settled.map(each => each.outcome)
  }

  const correct = async (advance: Advance): Promise<void> => {
    if (advance.reorgFrom === undefined || advance.reorgFrom === null) return
    for (const { flight, outcome } of await history.corrections(advance.reorgFrom, advance.stillOpen)) {
      recordEnd(outcome)
      ring.resync(flight.key)
    }
  }

  const settle = async (advance: Advance): Promise<readonly Outcome[]> => {
    const block = advance.block.number
    passTargets(block)
    await correct(advance)
    const due = flights.takeDue(block)
    if (due.length === 0) return []
    try {
      return finish(await settleDue(chain, codec, due, advance), block)
    } catch (error) {
      flights.add(due)
      throw error
    }
  }

  const abandonAll = (reason: string): readonly Outcome[] => {
    const left = flights.takeDue(flights.lastTarget() ?? 0n)
    return finish(
      left.map(flight => ({ flight, receipt: null, outcome: abandonedOutcome(flight, reason) })),
      0n,
    )
  }

  const drain = async (signal?: AbortSignal): Promise<readonly Outcome[]> => {
    const outcomes: Outcome[] = []
    const endMs = performance.now() + policy.drainTimeoutMs
    while (flights.summary().count > 0 && signal?.aborted !== true && performance.now() < endMs) {
      try {
        const block = await chain.blockByTag('latest')
        outcomes.push(...(await settle({ block, logs: [], receipts: null, stillOpen: () => true })))
      } catch (error) {
        log.log('warn', 'drain-failed', { message: String(error) })
      }
      if (flights.summary().count > 0) await wait(DRAIN_POLL_MS)
    }
    outcomes.push(...abandonAll('the process ended before the target block was seen'))
    for (const controller of targets.values()) controller.abort()
    targets.clear()
    await ring.idle()
    return outcomes
  }

  return {
    prepare: () => ring.ready(),
    execute,
    settle,
    inFlight: () => flights.summary(),
    isInFlight: (position, targetBlock) => flights.has(position, targetBlock),
    drain,
    logFilters: () => [{ addresses: [contract], topics: [] }],
  }
}
