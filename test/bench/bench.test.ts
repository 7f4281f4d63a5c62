import { compared, percentile } from '../../bench/bench'

describe('percentile', () => {
  test('default: the nearest rank', () => {
    const samples = [5, 1, 4, 2, 3]
    expect(percentile(samples, 0.5)).toBe(3)
    expect(percentile(samples, 0.9)).toBe(5)
    expect(percentile(samples, 0.2)).toBe(1)
    expect(percentile([7], 0.99)).toBe(7)
  })

  test('error: no samples', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError)
  })
})

describe('compared', () => {
  test('default: value over baseline', () => {
    expect(compared('x', 3, 'ms', 2)).toEqual({ what: 'x', value: 3, unit: 'ms', baseline: 2, ratio: 1.5 })
  })

  test('behavior: no baseline, or none to divide by: no ratio', () => {
    expect(compared('x', 1, 'calls', null).ratio).toBeNull()
    expect(compared('x', 1, 'calls', 0).ratio).toBeNull()
  })
})
