// Draws a line of the growth benchmark, and nothing else: every point comes from its results.
import * as echarts from 'echarts'
import type { BenchLine, BenchResult } from '../bench'

export const GROWTH_SIZES = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000] as const

const SIZE = { width: 920, height: 520 }
const INK = '#39424e'
const GRID = '#e6e9ee'

const CURVES = [
  { name: 'pair positions, all looked at', what: 'pair_query_us_p50', read: 'baseline', color: '#8a94a3', type: 'dashed' },
  { name: 'basket accounts, all looked at', what: 'basket_query_us_p50', read: 'baseline', color: '#c9a36b', type: 'dashed' },
  { name: 'basket accounts, index', what: 'basket_query_us_p50', read: 'value', color: '#b07a2a', type: 'solid' },
  { name: 'pair positions, index', what: 'pair_query_us_p50', read: 'value', color: '#3b6fb6', type: 'solid' },
] as const

/** Milliseconds at each size; throws where the line lacks one. */
const pointsOf = ({ results }: BenchLine, what: string, read: 'value' | 'baseline'): readonly (readonly [number, number])[] =>
  GROWTH_SIZES.map(size => {
    const us = results.find((result: BenchResult) => result.what === `${what}_${size}`)?.[read] ?? null
    if (us === null) throw new Error(`no ${what}_${size} in the results`)
    return [size, us / 1_000]
  })

const logAxis = (name: string) => ({
  type: 'log' as const,
  name,
  nameLocation: 'middle' as const,
  splitLine: { lineStyle: { color: GRID } },
})

/** SVG text: median milliseconds of one query by number of positions, both logarithmic. */
export const plotGrowth = (line: BenchLine): string => {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'system-ui, sans-serif', color: INK },
    title: { text: 'One price update: who is under water? Medians', left: 12, top: 8, textStyle: { fontSize: 15, color: INK } },
    grid: { left: 80, right: 44, top: 92, bottom: 56 },
    legend: { top: 36, left: 12, itemGap: 52, textStyle: { color: INK } },
    xAxis: { ...logAxis('positions'), nameGap: 32, min: GROWTH_SIZES[0], max: GROWTH_SIZES.at(-1) },
    yAxis: {
      ...logAxis('milliseconds'),
      nameGap: 56,
      axisLabel: { formatter: (value: number) => value.toLocaleString('en', { maximumFractionDigits: 4 }) },
    },
    series: CURVES.map(({ name, what, read, color, type }) => ({
      ...{ type: 'line' as const, name, color, symbolSize: 5, lineStyle: { width: 2, type } },
      data: pointsOf(line, what, read).map(([size, ms]) => [size, ms]),
    })),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
