// Picking by amounts, work that is done once, and search by halving.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { largestWhere } from '../../src/core/bisect'
import { largestBy, mostBy, onceBy } from '../../src/core/ranking'

const size = fc.bigInt({ min: 0n, max: 10n ** 30n })

describe('ranking', () => {
  it('default: the first of the largest; null of none', () => {
    const items = [['a', 3n] as const, ['b', 9n] as const, ['c', 9n] as const]
    expect(largestBy(items, ([, amount]) => amount)).toBe(items[1])
    expect(mostBy(items, ([, amount]) => amount, 2)).toEqual([items[1], items[2]])
    expect(largestBy([], () => 0n)).toBeNull()
  })
  it('behavior: so many as are asked for, none left out is larger', () => {
    fc.assert(
      fc.property(fc.array(size, { maxLength: 12 }), fc.integer({ min: 0, max: 14 }), (amounts, count) => {
        const expected = [...amounts].sort((a, b) => (a < b ? 1 : -1)).slice(0, count)
        expect(mostBy(amounts, amount => amount, count)).toEqual(expected)
      }),
      { seed: 20251122, numRuns: 200 },
    )
  })
  it('behavior: work is done once for each key, whatever comes of it', () => {
    const seen: number[] = []
    const work = onceBy(
      (n: number) => n % 10,
      (n): number | undefined => {
        seen.push(n)
        return n > 5 ? n : undefined
      },
    )
    expect([work(1), work(11), work(7), work(17)]).toEqual([undefined, undefined, 7, 7])
    expect(seen).toEqual([1, 7])
  })
})

describe('largestWhere', () => {
  it('default: the largest size that holds, up to the most', () => {
    fc.assert(
      fc.property(size, size, (most, limit) => {
        expect(largestWhere(most, each => each <= limit)).toBe(most < limit ? most : limit)
      }),
      { seed: 20251122, numRuns: 300 },
    )
  })
})
