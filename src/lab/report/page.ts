// One self-contained HTML page of a run: figures, charts, a row per market, and every position that was not closed with its reason.
import { chartsOf } from './charts'
import { eth, limit, short, usd } from './figures'
import type { EndedPosition, MarketRow, RunResult } from './result'

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, char => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char)

const tile = (value: string, label: string): string =>
  `<div class="tile"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`

const tiles = ({ summary, referee }: RunResult): string =>
  [
    tile(String(summary.liquidatable), 'positions fell under water'),
    tile(
      `${referee.profitable - referee.missed - referee.late} of ${referee.profitable}`,
      'profitable ones, by the referee, closed in their first block',
    ),
    tile(String(summary.closedFirstBlock), 'closed in the first block that paid'),
    tile(String(summary.closedLater), 'closed later'),
    tile(String(summary.open), 'left open (reasons below)'),
    tile(`${eth(summary.profitRealisedWei)} ETH`, 'net profit realised'),
    tile(`${summary.worstPredictionErrorPct.toFixed(4)} %`, 'worst prediction error'),
    tile(usd(summary.badDebtUsd), 'bad debt with Bulwark'),
    tile(usd(summary.badDebtUnattendedUsd), 'bad debt without a keeper'),
  ].join('')

const row = (cells: readonly (string | number)[], tag = 'td'): string =>
  `<tr>${cells.map(cell => `<${tag}>${escapeHtml(String(cell))}</${tag}>`).join('')}</tr>`

const MARKET_HEAD = [
  'market',
  'LLTV',
  'positions',
  'liquidatable',
  'profitable',
  'first block',
  'later',
  'open',
  'net profit, ETH',
]
const marketRow = (market: MarketRow): string =>
  row([
    market.market,
    limit(market.lltvPct),
    market.positions,
    market.liquidatable,
    market.profitable,
    market.closedFirstBlock,
    market.closedLater,
    market.open,
    market.profitRealisedEth.toFixed(4),
  ])

/** A long hex in few characters. */
const openRow = (position: EndedPosition): string =>
  row([short(position.position), short(position.market), position.outcome, position.reason])

const table = (head: readonly string[], rows: readonly string[]): string =>
  `<table><thead>${row(head, 'th')}</thead><tbody>${rows.join('')}</tbody></table>`

const CSS = `
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #39424e; background: #f6f7f9; margin: 0 auto; max-width: 980px; padding: 28px 20px 60px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 34px 0 8px; } p { margin: 0 0 14px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 10px; margin: 20px 0; }
.tile, .card { background: #fff; border: 1px solid #e2e6eb; border-radius: 8px; padding: 12px 14px; }
.tile b { display: block; font-size: 21px; } .tile span { color: #6b7583; font-size: 13px; }
.card svg { width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; background: #fff; font-size: 13px; }
th, td { text-align: left; padding: 6px 9px; border-bottom: 1px solid #e9ecf0; white-space: nowrap; } th { color: #6b7583; font-weight: 600; }
td:last-child { white-space: normal; }`

/** The page's whole text. */
export const renderPage = (result: RunResult): string => {
  const open = result.positions.filter(position => position.outcome !== 'included')
  const charts = chartsOf(result).map(chart => `<h2>${escapeHtml(chart.title)}</h2><div class="card">${chart.svg}</div>`)
  const left =
    open.length === 0
      ? '<p>None: every position that fell under water was closed.</p>'
      : `<div class="scroll">${table(['position', 'market', 'end', 'why'], open.map(openRow))}</div>`
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(result.title)}</title><style>${CSS}</style></head><body>
<h1>${escapeHtml(result.title)}</h1>
<p>${result.timeline.length} blocks in ${result.elapsedSec.toFixed(1)} s. The referee, which shares no code with the keeper, found ${result.referee.profitable} positions that could be closed at a profit; ${result.referee.missed} of them were missed. The least bad debt that any keeper could have left is ${usd(result.referee.minimumBadDebtUsd)}.</p>
<div class="tiles">${tiles(result)}</div>
${charts.join('\n')}
<h2>By market</h2><div class="scroll">${table(MARKET_HEAD, result.markets.map(marketRow))}</div>
<h2>Not closed, and why</h2>${left}
</body></html>`
}
