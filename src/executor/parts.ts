// What the executor's verbs share: its ports, its policy and its state. Made once, by createExecutor.
import type { Address } from '../core/primitives'
import type { Chain, LogSink, Meter, Relay, Store } from '../ports'
import type { FailureMemory } from './failure-memory'
import type { FlightList } from './in-flight'
import type { KeyRing } from './key-ring'
import type { ExecutorPolicy } from './policy'
import type { PositionAudit } from './preflight'
import type { RunCodec } from './run-codec'
import type { SettledMemory } from './settle'
import type { TargetSignals } from './target-signals'

export interface ExecutorParts {
  readonly chain: Chain
  readonly relays: readonly Relay[]
  readonly contract: Address
  readonly wrappedNative: Address
  readonly policy: ExecutorPolicy
  readonly codec: RunCodec
  readonly log: LogSink
  readonly meter: Meter
  readonly store: Store
  readonly ring: KeyRing
  readonly flights: FlightList
  readonly memory: FailureMemory
  readonly history: SettledMemory
  readonly signals: TargetSignals
  /** Absent: positions are not checked before they are closed. */
  readonly audit?: PositionAudit
}
