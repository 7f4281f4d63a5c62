// The demo: a world through a recorded crash, with the keeper in it, judged by the referee; and the same world without a keeper.
import type { Hex } from '../core/primitives'
import type { OutcomeKind } from '../core/verdict'
import type { TickReport } from '../keeper'
import type { LogSink, Meter } from '../ports'
import { isDisturbed } from './disturbed'
import { endedPosition, type PositionEnd, positionId, summarise, worstErrorPct } from './ended-positions'
import { countRounds, type Prices, type Round } from './prices/rounds'
import { createReferees, type LabMarket, type LabVerdict, labMarkets, type Referees } from './referees'
import type { EndedPosition, MarketRow, RunResult, TimelinePoint } from './report/result'
import { createStage, type Stage } from './stage'
import { badDebtUsd } from './world/accounting'
import { demoWorld } from './world/demo-world'
import { type LabBlock, readHead, worldRounds } from './world/play'
import type { WorldSpec } from './world/spec'
import { roundTimestamp, roundTransactions } from './world/transactions'
import { playUnattended, type UnattendedResult } from './world/unattended'

export interface DemoOptions {
  readonly seed: number
  readonly log: LogSink
  readonly meter: Meter
  readonly nowMs: () => number
  readonly signal: AbortSignal
  /** Default: the demo's own world. */
  readonly spec?: WorldSpec
  readonly onProgress?: (progress: DemoProgress) => void
}

/** Blocks of both runs. */
export interface DemoProgress {
  readonly done: number
  readonly total: number
  readonly closed: number
}

/** Of the chain whose crash is played: no block comes sooner. */
const SLOT_SEC = 12
/** Bad debt is read every so many rounds, and at the end. */
const SAMPLE_EVERY = 25

const usdNumber = (wad: bigint): number => Number(wad / 10n ** 12n) / 1e6
const ethNumber = (wei: bigint): number => Number(wei / 10n ** 9n) / 1e9

interface Attended {
  readonly timeline: readonly TimelinePoint[]
  readonly ends: readonly PositionEnd[]
  readonly referee: readonly LabVerdict[]
  readonly badDebtUsdWad: bigint
  readonly minimumBadDebtUsdWad: bigint
  /** Blocks in which somebody else acted before our transactions. */
  readonly isDisturbed: (block: bigint) => boolean
  readonly markets: readonly LabMarket[]
}

const pointOf = (
  round: Round,
  head: LabBlock,
  tick: TickReport,
  sums: { closed: number; profitWei: bigint },
  badDebt: bigint | null,
): TimelinePoint => ({
  block: Number(head.number),
  timestampSec: Number(head.timestampSec),
  prices: Object.fromEntries(Object.entries(round.prices).map(([asset, wad]) => [asset, usdNumber(wad)])),
  baseFeeGwei: Number(head.baseFeePerGasWei) / 1e9,
  closed: sums.closed,
  liquidatable: tick.opportunities.length,
  profitRealisedEth: ethNumber(sums.profitWei),
  badDebtUsd: badDebt === null ? null : usdNumber(badDebt),
  badDebtUnattendedUsd: null,
  bundleMs:
    tick.execution === null || tick.execution.sent.length === 0
      ? null
      : tick.elapsedMs.advance + tick.elapsedMs.decide + tick.elapsedMs.execute,
})

const closedIn = (tick: TickReport): { count: number; profitWei: bigint } => {
  const parts = tick.outcomes.flatMap(outcome => outcome.positions).filter(part => part.outcome === 'included')
  return { count: parts.length, profitWei: parts.reduce((sum, part) => sum + part.profitRealisedWei, 0n) }
}

/** Told after each round of the attended run. */
type OnRound = (closed: number) => void

const playRoundsWith = async (stage: Stage, referee: Referees, options: DemoOptions, onRound: OnRound): Promise<Attended> => {
  const { world } = stage
  const timeline: TimelinePoint[] = []
  const disturbed = new Set<bigint>()
  let head = await readHead(world)
  let closed = 0
  let profitWei = 0n
  let prices: Prices = {}
  for (const round of worldRounds(world)) {
    options.signal.throwIfAborted()
    const { block, tick } = await stage.playBlock({
      timestampSec: roundTimestamp(world, round),
      endOfBlock: roundTransactions(world, round, head),
    })
    head = await readHead(world)
    prices = round.prices
    if (isDisturbed(block)) disturbed.add(block.number)
    const news = closedIn(tick)
    closed += news.count
    profitWei += news.profitWei
    const isSample = round.index % SAMPLE_EVERY === 0
    const badDebt = isSample ? (await badDebtUsd(world, head.number, prices)).totalUsdWad : null
    timeline.push(pointOf(round, head, tick, { closed: news.count, profitWei }, badDebt))
    await referee.judge(head, prices)
    onRound(closed)
  }
  // One more block, so that what was sent last has its end recorded.
  await stage.playBlock({})
  head = await readHead(world)
  await referee.finish(head)
  return {
    timeline,
    ends: stage.ended.ends(),
    referee: referee.verdicts(),
    badDebtUsdWad: (await badDebtUsd(world, head.number, prices)).totalUsdWad,
    minimumBadDebtUsdWad: await referee.minimumBadDebtUsd(head.number, prices),
    isDisturbed: block => disturbed.has(block),
    markets: labMarkets(world),
  }
}

const playAttended = async (spec: WorldSpec, options: DemoOptions, onRound: OnRound): Promise<Attended> => {
  const { seed, log, meter, nowMs } = options
  // Rounds are minutes apart when little happens: what the keeper would infer from those says nothing of the next.
  const stage = await createStage({ spec, seed, log, meter, nowMs, config: { slotSec: SLOT_SEC } })
  try {
    return await playRoundsWith(stage, createReferees(stage.world), options, onRound)
  } finally {
    await stage.close()
  }
}

interface Judged {
  readonly end: PositionEnd | null
  readonly verdict: LabVerdict | null
}

/** The block in which the referee says that it could first have been closed; null: in none before it was. */
const firstEligible = ({ verdict }: Judged): bigint | null => verdict?.firstEligibleBlock ?? null

const joinVerdicts = (attended: Attended): ReadonlyMap<string, Judged> => {
  const byId = new Map<string, Judged>(attended.ends.map(end => [positionId(end.ref), { end, verdict: null }]))
  for (const verdict of attended.referee) {
    const id = `${verdict.market}/${verdict.account}`
    byId.set(id, { end: byId.get(id)?.end ?? null, verdict })
  }
  return byId
}

const isClosed = ({ end }: Judged): boolean => end !== null && end.included.length > 0
/**
 * No earlier block would have paid: small ones wait until gas is cheap, and are closed in the first block that pays. Where positions are
 * closed in steps, every step has to be in time (aave-referee.ts).
 */
const isFirst = (judged: Judged): boolean =>
  isClosed(judged) &&
  (judged.verdict?.idleBlock ?? null) === null &&
  (judged.end?.included[0]?.block ?? 0n) <= (firstEligible(judged) ?? Number.POSITIVE_INFINITY)
const isProfitable = ({ verdict }: Judged): boolean => verdict !== null && verdict.firstEligibleBlock !== null

/** Positions that only the referee saw get a line as well: the keeper has to answer for them. */
const lineOf = (judged: Judged): EndedPosition => {
  if (judged.end !== null) return endedPosition(judged.end)
  const { verdict } = judged
  const unseen: { outcome: OutcomeKind | 'open'; reason: string } = { outcome: 'open', reason: 'seen by the referee only' }
  const nothing = { repaid: '0', seized: '0', profitPredictedWei: '0', profitRealisedWei: '0', gasUsed: '0', block: null }
  return { position: verdict?.account ?? '', market: verdict?.market ?? '', ...unseen, ...nothing }
}

const marketRow = (market: LabMarket, judged: readonly Judged[]): MarketRow => {
  const closed = judged.filter(isClosed)
  const first = judged.filter(isFirst).length
  const profitWei = closed.flatMap(each => each.end?.included ?? []).reduce((sum, { part }) => sum + part.profitRealisedWei, 0n)
  return {
    market: market.name,
    lltvPct: market.lltvPct,
    positions: market.positions,
    liquidatable: judged.length,
    profitable: judged.filter(isProfitable).length,
    closedFirstBlock: first,
    closedLater: closed.length - first,
    open: judged.length - closed.length,
    profitRealisedEth: ethNumber(profitWei),
  }
}

/** The unattended world's samples stand at the same moments: rounds are the same, only blocks differ. */
const withUnattended = (timeline: readonly TimelinePoint[], unattended: UnattendedResult): readonly TimelinePoint[] => {
  const samples = unattended.history
  return timeline.map((point, round) => {
    const sample =
      round % SAMPLE_EVERY === 0 ? samples[round / SAMPLE_EVERY] : round === timeline.length - 1 ? samples.at(-1) : undefined
    return sample === undefined ? point : { ...point, badDebtUnattendedUsd: usdNumber(sample.usdWad) }
  })
}

const resultOf = (attended: Attended, unattended: UnattendedResult, elapsedMs: number): RunResult => {
  const judged = joinVerdicts(attended)
  const all = [...judged.values()]
  const profitable = all.filter(isProfitable)
  const inMarket = (id: Hex): readonly Judged[] => all.filter(each => (each.end?.ref.market ?? each.verdict?.market) === id)
  const usd = { badDebtUsd: usdNumber(attended.badDebtUsdWad), badDebtUnattendedUsd: usdNumber(unattended.badDebtUsdWad) }
  const worstPredictionErrorPct = worstErrorPct(attended.ends, block => !attended.isDisturbed(block))
  const summary = summarise(attended.ends, { ...usd, worstPredictionErrorPct }, end =>
    isFirst(judged.get(positionId(end.ref)) ?? { end, verdict: null }),
  )
  const unseen = all.length - attended.ends.length
  return {
    title: 'Bulwark through 12 and 13 March 2020',
    summary: { ...summary, liquidatable: all.length, open: summary.open + unseen },
    referee: {
      profitable: profitable.length,
      missed: profitable.filter(each => !isClosed(each)).length,
      late: profitable.filter(each => isClosed(each) && !isFirst(each)).length,
      minimumBadDebtUsd: usdNumber(attended.minimumBadDebtUsdWad),
    },
    positions: all.map(lineOf),
    markets: attended.markets.map(market => marketRow(market, inMarket(market.id))),
    timeline: withUnattended(attended.timeline, unattended),
    elapsedSec: elapsedMs / 1_000,
  }
}

/** Plays both runs, side by side since each mostly waits for its chain, and gives every figure. Rejects with the signal's reason when aborted. */
export const playDemo = async (options: DemoOptions): Promise<RunResult> => {
  const start = options.nowMs()
  const spec = options.spec ?? demoWorld()
  const total = 2 * countRounds(spec.prices, spec.feeds, { fromBar: spec.openAtBar })
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const progress = { done: 0, closed: 0 }
  const onRound = (closed: number): void => {
    progress.done += 1
    progress.closed = Math.max(progress.closed, closed)
    options.onProgress?.({ ...progress, total })
  }
  const runs = [
    playAttended(spec, { ...options, signal }, onRound),
    playUnattended(spec, options.seed, {
      sampleEvery: SAMPLE_EVERY,
      onRound: () => {
        signal.throwIfAborted()
        onRound(0)
      },
    }),
  ] as const
  // One run's failure ends the other; both release their chains before it is told.
  for (const run of runs) run.catch((error: unknown) => failed.abort(error))
  await Promise.allSettled(runs)
  const [attended, unattended] = await Promise.all(runs)
  return resultOf(attended, unattended, options.nowMs() - start)
}
