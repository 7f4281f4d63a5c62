// The way in: what was sent ends, is recorded once, and frees its key. On shutdown it waits for what is still out.
import type { Outcome } from '../core/verdict'
import { abandonedOutcome } from './outcome'
import type { ExecutorParts } from './parts'
import { type Advance, keyEnds, type Settled, settleDue } from './settle'

const DRAIN_POLL_MS = 250

const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const recordEnd = ({ store, meter, log }: ExecutorParts, outcome: Outcome): void => {
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

const finish = (parts: ExecutorParts, settled: readonly Settled[], block: bigint): readonly Outcome[] => {
  const { ring, history } = parts
  for (const end of keyEnds(settled)) ring.release(end)
  for (const { flight, outcome } of settled) {
    recordEnd(parts, outcome)
    const isStale = flight.replies().some(({ reply }) => reply.kind === 'refused' && reply.class === 'stale')
    if (isStale) ring.resync(flight.key)
  }
  history.remember(settled, block)
  return settled.map(each => each.outcome)
}

const correct = async (parts: ExecutorParts, advance: Advance): Promise<void> => {
  const { history, ring } = parts
  const { reorgFrom } = advance
  if (reorgFrom !== undefined && reorgFrom !== null) for (const key of history.doubt(reorgFrom)) ring.resync(key)
  for (const { flight, outcome } of await history.corrections(advance.block.number, advance.stillOpen)) {
    recordEnd(parts, outcome)
    ring.resync(flight.key)
  }
}

/** Ends what was for `advance.block` or before. Rejects with KeeperError; the next call makes up for it. */
export const settle = async (parts: ExecutorParts, advance: Advance): Promise<readonly Outcome[]> => {
  const { chain, codec, flights, signals } = parts
  const block = advance.block.number
  signals.pass(block)
  await correct(parts, advance)
  const due = flights.takeDue(block)
  if (due.length === 0) return []
  try {
    return finish(parts, await settleDue(chain, codec, due, advance), block)
  } catch (error) {
    flights.add(due)
    throw error
  }
}

const abandonAll = (parts: ExecutorParts, reason: string): readonly Outcome[] => {
  const left = parts.flights.takeDue(parts.flights.lastTarget() ?? 0n)
  return finish(
    parts,
    left.map(flight => ({ flight, receipt: null, outcome: abandonedOutcome(flight, reason) })),
    0n,
  )
}

/** Settles until nothing is in flight, the time is up or `signal` aborts; abandons the rest. Never rejects. */
export const drain = async (parts: ExecutorParts, signal?: AbortSignal): Promise<readonly Outcome[]> => {
  const { chain, flights, policy, log, signals, ring } = parts
  const outcomes: Outcome[] = []
  const endMs = performance.now() + policy.drainTimeoutMs
  while (flights.summary().count > 0 && signal?.aborted !== true && performance.now() < endMs) {
    try {
      const block = await chain.blockByTag('latest')
      outcomes.push(...(await settle(parts, { block, logs: [], receipts: null, stillOpen: () => true })))
    } catch (error) {
      log.log('warn', 'drain-failed', { message: String(error) })
    }
    if (flights.summary().count > 0) await wait(DRAIN_POLL_MS)
  }
  outcomes.push(...abandonAll(parts, 'the process ended before the target block was seen'))
  signals.passAll()
  await ring.idle()
  return outcomes
}
