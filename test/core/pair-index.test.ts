// The sorted index against a naive scan: random books, dust, ties, many changes at once.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createPairIndex, pairKey } from '../../src/core/pair-index'

const naive = (model: ReadonlyMap<number, number>, threshold: number): number[] =>
  [...model].filter(([, key]) => key >= threshold * (1 - 1e-11)).map(([slot]) => slot)

const sorted = (slots: Iterable<number>): number[] => [...slots].sort((a, b) => a - b)

describe('pairKey', () => {
  it('default', () => {
    expect(pairKey(10n, 2, 4n)).toBe(3)
  })
  it('behavior: no collateral is infinitely risky, and no place in the index', () => {
    expect(pairKey(1n, 3, 0n)).toBe(Number.POSITIVE_INFINITY)
    const index = createPairIndex()
    index.set(0, pairKey(1n, 3, 0n))
    expect(index.size()).toBe(0)
    expect([...index.suffix(0)]).toEqual([])
  })
})

describe('createPairIndex', () => {
  it('default', () => {
    const index = createPairIndex()
    index.set(0, 5)
    index.set(1, 1)
    index.set(2, 3)
    expect([...index.suffix(3)]).toEqual([2, 0])
    expect([...index.suffix(5.1)]).toEqual([])
    expect(index.maxKey()).toBe(5)
    index.remove(0)
    index.set(1, 9)
    expect([...index.suffix(0)]).toEqual([2, 1])
    expect(index.size()).toBe(2)
  })
  it('behavior: empty', () => {
    const index = createPairIndex()
    index.remove(7)
    expect(index.maxKey()).toBe(Number.NEGATIVE_INFINITY)
    expect(index.suffix(0).length).toBe(0)
  })
  it('behavior: keys within the guard band below the threshold are reported', () => {
    const index = createPairIndex()
    index.set(0, 1 - 1e-12)
    index.set(1, 1 - 1e-9)
    expect([...index.suffix(1)]).toEqual([0])
  })
  it('behavior: agrees with a naive scan after any changes', () => {
    const key = fc.oneof(fc.double({ min: 0, max: 1e30, noNaN: true }), fc.constantFrom(1, 2, 3, 1e-18, Number.NaN))
    const change = fc.tuple(fc.nat(60), key)
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(change, { maxLength: 80 }), key), { maxLength: 12 }), rounds => {
        const index = createPairIndex()
        const model = new Map<number, number>()
        for (const [changes, asked] of rounds) {
          for (const [slot, value] of changes) {
            index.set(slot, value)
            if (Number.isNaN(value)) model.delete(slot)
            else model.set(slot, value)
          }
          const threshold = Number.isNaN(asked) ? 1 : asked
          const found = [...index.suffix(threshold)]
          expect(sorted(found)).toEqual(sorted(naive(model, threshold)))
          expect(found.map(slot => model.get(slot)!)).toEqual(found.map(slot => model.get(slot)!).sort((a, b) => a - b))
          expect(index.size()).toBe(model.size)
          expect(index.maxKey()).toBe(Math.max(Number.NEGATIVE_INFINITY, ...model.values()))
        }
      }),
      { seed: 20200312, numRuns: 300 },
    )
  })
  it('behavior: thousands of equal keys', () => {
    const index = createPairIndex()
    for (let slot = 0; slot < 5000; slot++) index.set(slot, 7)
    expect(index.suffix(7).length).toBe(5000)
    for (let slot = 0; slot < 20; slot++) index.remove(slot * 3)
    expect(index.suffix(7).length).toBe(4980)
    expect([...index.suffix(7)].includes(3)).toBe(false)
  })
})
