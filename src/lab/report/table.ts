// A run's end as tables for a terminal. Formats only.
import Table from 'cli-table3'
import pc from 'picocolors'
import { eth, limit, short, usd } from './figures'
import type { EndedPosition, MarketRow, RunResult, RunSummary } from './result'

type Paint = (text: string) => string
const plain: Paint = text => text

const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const table = new Table({ head: [...head], style: { head: [], border: [] } })
  for (const row of rows) table.push([...row])
  return `${table.toString()}\n`
}

const outcomeColour = (outcome: EndedPosition['outcome'], hasColour: boolean): Paint =>
  !hasColour ? plain : outcome === 'included' ? pc.green : pc.yellow

const summaryLine = (summary: RunSummary): string =>
  [
    `liquidatable ${summary.liquidatable}`,
    `closed in the first block ${summary.closedFirstBlock}`,
    `later ${summary.closedLater}`,
    `open ${summary.open}`,
    `profit predicted ${eth(summary.profitPredictedWei)}, realised ${eth(summary.profitRealisedWei)} native`,
    `worst prediction error ${summary.worstPredictionErrorPct.toFixed(4)} %`,
  ].join(' · ')

/** One row per position, then the sums. */
export const runTable = (positions: readonly EndedPosition[], summary: RunSummary, hasColour: boolean): string => {
  if (positions.length === 0) return 'No position was under water.\n'
  const rows = positions.map(each => [
    short(each.position),
    short(each.market),
    outcomeColour(each.outcome, hasColour)(each.outcome),
    each.block === null ? '' : String(each.block),
    eth(each.profitRealisedWei),
    each.outcome === 'included' ? '' : each.reason.slice(0, 90),
  ])
  return `${tableOf(['position', 'market', 'end', 'block', 'net profit', 'why'], rows)}${summaryLine(summary)}\n`
}

const marketCells = (market: MarketRow): readonly string[] => [
  market.market,
  limit(market.lltvPct),
  String(market.positions),
  String(market.liquidatable),
  String(market.profitable),
  String(market.closedFirstBlock),
  String(market.closedLater),
  String(market.open),
  market.profitRealisedEth.toFixed(4),
]

const reasonsOf = (positions: readonly EndedPosition[]): string => {
  const open = positions.filter(position => position.outcome !== 'included')
  const byReason = new Map<string, number>()
  for (const { outcome, reason } of open) {
    const label = `${outcome}: ${reason.split(':')[0]}`
    byReason.set(label, (byReason.get(label) ?? 0) + 1)
  }
  return [...byReason].map(([label, count]) => `  never closed: ${count} × ${label}\n`).join('')
}

/** The demo's table: a row per market, the sums, and the reasons of what stayed open. */
export const demoTable = (result: RunResult, hasColour: boolean): string => {
  const head = ['market', 'LLTV', 'positions', 'liquidatable', 'profitable*', 'first block', 'later', 'never', 'net ETH']
  const { summary, referee } = result
  const bold: Paint = hasColour ? pc.bold : plain
  return [
    tableOf(head, result.markets.map(marketCells)),
    '* as judged by a referee that shares no code with the keeper\n',
    reasonsOf(result.positions),
    `${summaryLine(summary)}\n`,
    bold(
      `bad debt with Bulwark ${usd(summary.badDebtUsd)} (least possible ${usd(referee.minimumBadDebtUsd)}), without a keeper ${usd(summary.badDebtUnattendedUsd)}\n`,
    ),
    `profitable positions missed: ${referee.missed} of ${referee.profitable}\n`,
  ].join('')
}
