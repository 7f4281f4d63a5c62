// The loop of one chain. Read this first: a block comes in, the pure rooms decide, the executor acts, ends are recorded.
// One tick at a time, and the newest head wins; whatever a tick can't do, the next block's tick does.
import { type ClosingDeps, createClosing } from './closing'
import { InvariantError, KeeperError } from './core/errors'
import type { Opportunity } from './core/opportunity'
import type { Block, TargetBlock } from './core/primitives'
import type { SlotClock } from './core/slot-clock'
import type { Book } from './core/strategy'
import type { Outcome } from './core/verdict'
import type { ExecutionReport, Executor } from './executor/executor'
import type { Chain, LogSink, Meter, Store } from './ports'
import type { Decision } from './profitability/select'
import type { Watcher } from './watcher/watcher'

export interface KeeperDeps extends ClosingDeps {
  readonly chain: Chain
  readonly watcher: Watcher
  readonly books: readonly Book[]
  readonly executor: Executor
  readonly slotClock: SlotClock
  readonly log: LogSink
  readonly meter: Meter
  readonly store: Store
  /** Told after each tick; the lab waits for it instead of sleeping. */
  readonly onTick?: (report: TickReport) => void
}

export interface TickReport {
  /** The head that the tick was for. */
  readonly head: Block
  /** done: decided and acted on; behind: the node could not serve the head; failed: the world failed, see the log. */
  readonly end: 'done' | 'behind' | 'failed'
  /** Came a long way and decided nothing: the head is likely to be old. The same head again is decided on. */
  readonly isCatchingUp: boolean
  readonly target: TargetBlock | null
  readonly opportunities: readonly Opportunity[]
  readonly decision: Decision
  readonly execution: ExecutionReport | null
  readonly outcomes: readonly Outcome[]
  readonly elapsedMs: { readonly advance: number; readonly decide: number; readonly execute: number }
}

export interface Keeper {
  /** Follows heads until `signal` aborts, then settles what is in flight. Rejects where we are wrong (exit 70) or only a restart heals (75). */
  run(signal: AbortSignal): Promise<void>
  /** One pass over one head; `run` calls it, a one-shot dry run too. Not to be called twice at once. */
  tick(head: Block): Promise<TickReport>
}

/** After so many ticks in a row that died of an unforeseen error, going on would only hide a bug. */
const MAX_BUGS_IN_A_ROW = 5

export const createKeeper = (deps: KeeperDeps): Keeper => {
  const { watcher, books, executor, slotClock, log, meter, store, nowMs } = deps
  const closeAll = createClosing(deps)
  let bugsInARow = 0

  const nothing = (head: Block, end: 'behind' | 'failed'): TickReport => ({
    head,
    end,
    isCatchingUp: false,
    target: null,
    opportunities: [],
    decision: { plans: [], skips: [] },
    execution: null,
    outcomes: [],
    elapsedMs: { advance: 0, decide: 0, execute: 0 },
  })

  const opportunitiesAt = (target: TargetBlock): readonly Opportunity[] =>
    books
      .flatMap(book => book.opportunities(target))
      .filter(({ position }) => !watcher.isQuarantined(position) && !executor.isInFlight(position, target.number))

  const record = (block: bigint, decision: Decision, execution: ExecutionReport | null): void => {
    for (const skip of [...decision.skips, ...(execution?.skips ?? [])]) {
      store.recordSkip(block, skip)
      meter.count('skips', 1, { reason: skip.reason })
    }
  }

  const act = async (head: Block): Promise<TickReport> => {
    const start = nowMs()
    const advance = await watcher.advance(head, { wantReceipts: executor.inFlight().count > 0 })
    if (advance.kind === 'behind') {
      log.log('warn', 'behind', { block: head.number.toString(), reason: advance.reason })
      return nothing(head, 'behind')
    }
    slotClock.observe(advance.block)
    const outcomes = await executor.settle({
      ...advance,
      stillOpen: position => books.some(book => book.has(position)),
    })
    const decideStart = nowMs()
    const target = slotClock.targetAfter(advance.block)
    const opportunities = advance.isCatchingUp ? [] : opportunitiesAt(target)
    const foundMs = nowMs() - decideStart
    const { decision, execution, decideMs } = await closeAll(opportunities, target, advance.block)
    const decideAllMs = foundMs + decideMs
    record(advance.block.number, decision, execution)
    const elapsedMs = { advance: decideStart - start, decide: decideAllMs, execute: nowMs() - decideStart - decideAllMs }
    const { isCatchingUp } = advance
    return { head: advance.block, end: 'done', isCatchingUp, target, opportunities, decision, execution, outcomes, elapsedMs }
  }

  const report = (tick: TickReport): TickReport => {
    meter.gauge('head_block', Number(tick.head.number))
    meter.gauge('liquidatable_positions', tick.opportunities.length)
    meter.observe('tick_ms', tick.elapsedMs.advance + tick.elapsedMs.decide + tick.elapsedMs.execute)
    if (tick.opportunities.length > 0 || tick.outcomes.length > 0) {
      log.log('info', 'tick', {
        block: tick.head.number.toString(),
        liquidatable: tick.opportunities.length,
        sent: tick.execution?.sent.length ?? 0,
        skipped: tick.decision.skips.length + (tick.execution?.skips.length ?? 0),
        settled: tick.outcomes.length,
        elapsedMs: { ...tick.elapsedMs, ...tick.execution?.elapsedMs },
      })
    }
    deps.onTick?.(tick)
    return tick
  }

  const survive = (head: Block, error: unknown): TickReport => {
    if (error instanceof InvariantError) throw error
    // The books can't be healed in place: only a restart, which folds anew, can.
    if (error instanceof KeeperError && error.code === 'no-common-ancestor') throw error
    if (error instanceof KeeperError) {
      meter.count('tick_failures', 1, { code: error.code })
      log.log('warn', 'tick-failed', { block: head.number.toString(), code: error.code, message: error.message })
      return nothing(head, 'failed')
    }
    bugsInARow += 1
    log.log('error', 'tick-bug', {
      block: head.number.toString(),
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    if (bugsInARow >= MAX_BUGS_IN_A_ROW)
      throw new InvariantError(`${bugsInARow} ticks in a row died of an unforeseen error, the last: ${String(error)}`)
    return nothing(head, 'failed')
  }

  const tick = async (head: Block): Promise<TickReport> => {
    try {
      const done = await act(head)
      bugsInARow = 0
      report(done)
      // Last of all: nothing of the block waits for it.
      await watcher.mend().catch(error => void survive(head, error))
      return done
    } catch (error) {
      return report(survive(head, error))
    }
  }

  const run = async (signal: AbortSignal): Promise<void> => {
    let newest: Block | null = null
    let wake = (): void => undefined
    signal.addEventListener('abort', () => wake(), { once: true })
    deps.chain.followHeads(head => {
      newest = head
      // A relay that hangs holds the tick only as long as its block is still to come.
      executor.passed(head.number)
      wake()
    }, signal)
    while (!signal.aborted) {
      const head: Block | null = newest
      newest = null
      if (head !== null) {
        const { isCatchingUp } = await tick(head)
        // No newer one came meanwhile: this is the head after all.
        if (isCatchingUp) newest ??= head
      } else
        await new Promise<void>(resolve => {
          wake = resolve
          if (newest !== null || signal.aborted) resolve()
        })
    }
    await executor.drain()
  }

  return { run, tick }
}
