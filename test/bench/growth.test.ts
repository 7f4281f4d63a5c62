// The plot of growth draws what was measured, and only that.
import { describe, expect, it } from '@jest/globals'
import { compared } from '../../bench/bench'
import { GROWTH_SIZES, plotGrowth } from '../../bench/growth/plot'

const lineWith = (sizes: readonly number[], scale: number) => ({
  bench: 'growth',
  results: sizes.flatMap(size => [
    compared(`pair_query_us_p50_${size}`, scale * 4, 'us', size / 3),
    compared(`basket_query_us_p50_${size}`, scale * 200, 'us', size),
  ]),
})

describe('plotGrowth', () => {
  it('default: an SVG with a curve for each of the four', () => {
    const svg = plotGrowth(lineWith(GROWTH_SIZES, 1))
    expect(svg).toMatch(/^<svg /)
    for (const name of ['pair positions, index', 'pair positions, all looked at', 'basket accounts, index'])
      expect(svg).toContain(name)
  })

  it('behavior: other figures, another picture', () => {
    expect(plotGrowth(lineWith(GROWTH_SIZES, 1))).not.toBe(plotGrowth(lineWith(GROWTH_SIZES, 10)))
  })

  it('error: a size that was not measured', () => {
    expect(() => plotGrowth(lineWith(GROWTH_SIZES.slice(1), 1))).toThrow(/pair_query_us_p50_1000/)
  })
})
