// Charts as SVG text, rendered on the server side: the page needs no script and no network.
import * as echarts from 'echarts'
import type { RunResult, TimelinePoint } from './result'

const SIZE = { width: 920, height: 300 }
const INK = '#39424e'
const COLOURS = { price: '#3b6fb6', second: '#b07a2a', good: '#2f8f5b', bad: '#c0392b', muted: '#8a94a3' }

const svg = (option: echarts.EChartsOption): string => {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: 'system-ui, sans-serif', color: INK },
    grid: { left: 70, right: 70, top: 44, bottom: 36 },
    legend: { top: 4, itemGap: 36, textStyle: { color: INK } },
    ...option,
  })
  const text = chart.renderToSVGString()
  chart.dispose()
  return text
}

const timeAxis = { type: 'time' as const, axisLabel: { formatter: '{dd} {HH}:{mm}', hideOverlap: true } }
const valueAxis = (name: string, position: 'left' | 'right' = 'left', scale = false) => ({
  type: 'value' as const,
  name,
  position,
  scale,
  splitLine: { show: position === 'left', lineStyle: { color: '#e6e9ee' } },
})

type Reading = (point: TimelinePoint) => number | null
const line = (
  name: string,
  timeline: readonly TimelinePoint[],
  read: Reading,
  color: string,
  yAxisIndex = 0,
  extra: object = {},
) => ({
  type: 'line' as const,
  name,
  showSymbol: false,
  lineStyle: { width: 1.6 },
  color,
  yAxisIndex,
  data: timeline.map(point => [point.timestampSec * 1000, read(point)]).filter(([, value]) => value !== null),
  ...extra,
})

/** Prices relative to the start, and how many positions each block closed. */
const priceChart = (timeline: readonly TimelinePoint[]): string => {
  const first = timeline[0]
  const assets = first === undefined ? [] : Object.keys(first.prices).filter(asset => (first.prices[asset] ?? 0) > 0)
  const palette = [COLOURS.price, COLOURS.second, '#7b5ea7', '#4a9aa5', '#93795b']
  return svg({
    xAxis: timeAxis,
    yAxis: [valueAxis('price, % of start', 'left', true), valueAxis('closed in block', 'right')],
    series: [
      ...assets.map((asset, i) =>
        line(
          asset,
          timeline,
          point => (100 * (point.prices[asset] ?? 0)) / (first?.prices[asset] ?? 1),
          palette[i % palette.length] ?? INK,
        ),
      ),
      {
        type: 'scatter',
        name: 'positions closed',
        yAxisIndex: 1,
        symbolSize: 6,
        color: COLOURS.good,
        data: timeline.filter(point => point.closed > 0).map(point => [point.timestampSec * 1000, point.closed]),
      },
    ],
  })
}

const badDebtChart = (timeline: readonly TimelinePoint[]): string =>
  svg({
    xAxis: timeAxis,
    yAxis: [valueAxis('USD')],
    series: [
      line('bad debt without a keeper', timeline, point => point.badDebtUnattendedUsd, COLOURS.bad, 0, {
        areaStyle: { opacity: 0.15 },
      }),
      line('bad debt with Bulwark', timeline, point => point.badDebtUsd, COLOURS.good, 0, { areaStyle: { opacity: 0.25 } }),
    ],
  })

const profitChart = (timeline: readonly TimelinePoint[]): string =>
  svg({
    xAxis: timeAxis,
    yAxis: [valueAxis('net profit, ETH'), valueAxis('base fee, gwei', 'right')],
    series: [
      line('net profit, cumulative', timeline, point => point.profitRealisedEth, COLOURS.good, 0, {
        areaStyle: { opacity: 0.15 },
      }),
      line('base fee', timeline, point => point.baseFeeGwei, COLOURS.muted, 1),
    ],
  })

const latencyChart = (timeline: readonly TimelinePoint[]): string =>
  svg({
    xAxis: timeAxis,
    yAxis: [valueAxis('ms')],
    series: [
      {
        type: 'scatter',
        name: 'block seen to bundle accepted; lab, relay and keeper share one process here',
        symbolSize: 6,
        color: COLOURS.price,
        data: timeline.filter(point => point.bundleMs !== null).map(point => [point.timestampSec * 1000, point.bundleMs]),
      },
    ],
  })

export interface Chart {
  readonly title: string
  readonly svg: string
}

/** The charts of a run, in reading order. */
export const chartsOf = ({ timeline }: RunResult): readonly Chart[] => [
  { title: 'The crash, and when positions were closed', svg: priceChart(timeline) },
  { title: 'Bad debt, with and without the keeper', svg: badDebtChart(timeline) },
  { title: 'What it earned, and what gas cost', svg: profitChart(timeline) },
  { title: 'How fast: from the block to the bundle', svg: latencyChart(timeline) },
]
