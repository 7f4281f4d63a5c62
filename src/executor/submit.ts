// Hands bundles to every relay at once. No relay waits for another, none can make it reject, and late answers are still heard.
import type { Hex } from '../core/primitives'
import type { LogSink, Relay } from '../ports'
import type { BundleShape } from './bundles'
import type { RelayRecord } from './in-flight'

export interface Submission {
  readonly shape: BundleShape
  /** One per relay, as of now. */
  readonly records: () => readonly RelayRecord[]
  /** Resolves once some relay has accepted, or all have answered. */
  readonly answered: Promise<void>
}

const rejected = (error: unknown) =>
  ({ kind: 'refused', class: 'retry', message: `relay adapter failed: ${String(error)}` }) as const

/** Starts all sends before it returns. `signal` is aborted when the target block is no longer to come. */
export const submit = (
  relays: readonly Relay[],
  shape: BundleShape,
  targetBlock: bigint,
  signal: AbortSignal,
  log: LogSink,
): Submission => {
  const records = new Map<string, RelayRecord>(
    relays.map(relay => [relay.name, { relay: relay.name, reply: { kind: 'pending' } }]),
  )
  const answered = new Promise<void>(resolve => {
    let waiting = relays.length
    if (waiting === 0) resolve()
    for (const relay of relays) {
      void relay
        .send({ ...shape, targetBlock, signal })
        .catch((error: unknown) => {
          log.log('error', 'relay-rejected', { relay: relay.name, message: String(error) })
          return rejected(error)
        })
        .then(reply => {
          records.set(relay.name, { relay: relay.name, reply })
          waiting -= 1
          if (reply.kind === 'accepted' || waiting === 0) resolve()
        })
    }
  })
  return { shape, records: () => [...records.values()], answered }
}

/** What was said of the bundles that carry the transaction `raw`: an acceptance beats a refusal, relay by relay. */
export const recordsOf = (submissions: readonly Submission[], raw: Hex): readonly RelayRecord[] => {
  const byRelay = new Map<string, RelayRecord>()
  for (const submission of submissions) {
    if (!submission.shape.rawTransactions.includes(raw)) continue
    for (const record of submission.records()) {
      const before = byRelay.get(record.relay)
      if (before === undefined || rank(record) > rank(before)) byRelay.set(record.relay, record)
    }
  }
  return [...byRelay.values()]
}

const rank = ({ reply }: RelayRecord): number => (reply.kind === 'accepted' ? 2 : reply.kind === 'pending' ? 1 : 0)
