import fc from 'fast-check'
import { bestSize } from '../../src/profitability/size'

const peakedAt =
  (peak: bigint, height = 0n) =>
  (size: bigint): bigint =>
    height - (size - peak) * (size - peak)

describe('bestSize', () => {
  test('default: the largest size in two evaluations where value only rises', () => {
    let evaluations = 0
    const best = bestSize(1n, 10n ** 24n, size => {
      evaluations += 1
      return size
    })
    expect(best).toEqual({ size: 10n ** 24n, value: 10n ** 24n })
    expect(evaluations).toBe(2)
  })

  test('behavior: finds a peak anywhere to within 1/1000 of the range (property)', () => {
    fc.assert(
      fc.property(fc.bigInt(10n ** 6n, 10n ** 27n), fc.bigInt(1n, 1_000n), (max, share) => {
        const peak = (max * share) / 1_000n
        const found = bestSize(1n, max, peakedAt(peak))
        const distance = found!.size > peak ? found!.size - peak : peak - found!.size
        expect(distance).toBeLessThanOrEqual(max / 1_000n)
      }),
      { seed: 11, numRuns: 300 },
    )
  })

  test('behavior: sizes that are impossible from some point on are avoided', () => {
    const best = bestSize(1n, 1_000_000n, size => (size > 300_000n ? null : size))
    expect(best!.size).toBeGreaterThan(299_000n)
    expect(best!.size).toBeLessThanOrEqual(300_000n)
  })

  test('behavior: tiny ranges and no possible size', () => {
    expect(bestSize(1n, 1n, size => size)).toEqual({ size: 1n, value: 1n })
    expect(bestSize(3n, 7n, peakedAt(3n))).toEqual({ size: 3n, value: 0n })
    expect(bestSize(1n, 10n ** 18n, () => null)).toBeNull()
  })
})
