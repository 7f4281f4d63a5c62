// Plans in, outcomes out: budget, simulate, sign, submit, settle. Keeps nonces and what is in flight; decides nothing about
// what is worth closing. Each transaction sent ends in exactly one recorded outcome.
import type { PositionRef } from '../core/opportunity'
import type { Address, Block, LogFilter } from '../core/primitives'
import type { Outcome, Plan } from '../core/verdict'
import type { Chain, LogSink, Meter, Relay, Signer, Store } from '../ports'
import { type ExecuteOptions, type ExecutionReport, execute } from './execute'
import { createFailureMemory } from './failure-memory'
import { createFlightList, type InFlightSummary } from './in-flight'
import { createKeyRing } from './key-ring'
import { createLiquidatorCodec } from './liquidator-codec'
import type { ExecutorParts } from './parts'
import { DEFAULT_EXECUTOR_POLICY, type ExecutorPolicy } from './policy'
import type { PositionAudit } from './preflight'
import { rehearse } from './rehearse'
import type { RunCodec } from './run-codec'
import { type Advance, createSettledMemory } from './settle'
import { drain, settle } from './settling'
import { createTargetSignals } from './target-signals'

export type { ExecutionReport, SentTransaction } from './execute'
export type { InFlightSummary } from './in-flight'

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
  /** How positions are held against the chain before they are closed. Absent: they are not. */
  readonly audit?: PositionAudit
  readonly log: LogSink
  readonly meter: Meter
  readonly store: Store
}

export interface Executor {
  /** Reads nonces and balances ahead of the first block. `execute` does it if nobody did. */
  prepare(): Promise<void>
  /** Encodes and signs these plans and forgets them: what runs for the first time in a liquidation runs slowly. */
  rehearse(plans: readonly Plan[]): Promise<void>
  /** All plans are for the child of `parent`. Rejects with KeeperError where the chain does, with nothing sent. */
  execute(plans: readonly Plan[], parent: Block, options?: ExecuteOptions): Promise<ExecutionReport>
  /** Ends what was for `advance.block` or before; records each outcome. Rejects with KeeperError; the next call makes up for it. */
  settle(advance: Advance): Promise<readonly Outcome[]>
  /** A head of that number is there: posts that still wait for a relay's answer for it, or for an earlier one, are given up at once. */
  passed(block: bigint): void
  inFlight(): InFlightSummary
  isInFlight(position: PositionRef, targetBlock: bigint): boolean
  /** Waits for the target blocks of what is in flight and ends it; what can't be known in time is abandoned. Never rejects. */
  drain(signal?: AbortSignal): Promise<readonly Outcome[]>
  /** Events of our contract, for the watcher. */
  logFilters(): readonly LogFilter[]
}

const createParts = (deps: ExecutorDeps): ExecutorParts => {
  const { chain, signers, log, meter } = deps
  const codec = deps.codec ?? createLiquidatorCodec(deps.contract)
  const policy: ExecutorPolicy = { ...DEFAULT_EXECUTOR_POLICY, ...deps.policy }
  return {
    ...deps,
    codec,
    policy,
    ring: createKeyRing(chain, signers, log, meter),
    flights: createFlightList(),
    memory: createFailureMemory(policy),
    history: createSettledMemory(chain, codec, policy.finalityDepth, log),
    signals: createTargetSignals(),
  }
}

export const createExecutor = (deps: ExecutorDeps): Executor => {
  const parts = createParts(deps)
  return {
    prepare: () => parts.ring.ready(),
    rehearse: async plans => {
      const [signer] = deps.signers
      if (signer !== undefined) await rehearse(parts, signer, plans)
    },
    execute: (plans, parent, options) => execute(parts, plans, parent, options),
    settle: advance => settle(parts, advance),
    passed: parts.signals.pass,
    inFlight: () => parts.flights.summary(),
    isInFlight: (position, targetBlock) => parts.flights.has(position, targetBlock),
    drain: signal => drain(parts, signal),
    logFilters: () => [{ addresses: [deps.contract], topics: [] }],
  }
}
