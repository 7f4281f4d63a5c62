// One market's order: any sequence of changes leaves what sorting would.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  createPairIndex,
  firstFrom,
  insertPair,
  movePair,
  type PairIndex,
  pairKey,
  rebuildPairs,
  removePair,
} from '../../src/core/pair-index'

const listed = ({ keys, entries, count }: PairIndex): (readonly [number, number])[] =>
  Array.from({ length: count }, (_, i) => [keys[i]!, entries[i]!] as const)

const sorted = (model: ReadonlyMap<number, number>): (readonly [number, number])[] =>
  [...model].map(([entry, key]) => [key, entry] as const).sort(([a, i], [b, j]) => a - b || i - j)

describe('pairKey', () => {
  it('default', () => {
    expect(pairKey(10, 2, 4)).toBe(3)
    expect(pairKey(1, 3, 0)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('createPairIndex', () => {
  const key = fc.oneof(fc.double({ min: 0, max: 1e40, noNaN: true }), fc.constantFrom(0, 1, 2, 3, 1e-18))
  it('default: inserts, moves and removals among equal keys and any others', () => {
    const change = fc.tuple(fc.nat(40), key, fc.boolean())
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), key, (changes, asked) => {
        const index = createPairIndex()
        const model = new Map<number, number>()
        for (const [entry, value, isRemoval] of changes) {
          const old = model.get(entry)
          if (old === undefined) insertPair(index, value, entry)
          else if (isRemoval) removePair(index, old, entry)
          else movePair(index, old, entry, value, entry)
          if (old !== undefined && isRemoval) model.delete(entry)
          else model.set(entry, value)
        }
        expect(listed(index)).toEqual(sorted(model))
        expect(firstFrom(index, asked)).toBe(sorted(model).filter(([value]) => value < asked).length)
      }),
      { seed: 20200312, numRuns: 300 },
    )
  })
  it('behavior: sorting anew gives the same, whatever was there', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(5_000), { maxLength: 200 }), fc.array(key, { minLength: 1 }), (entries, keys) => {
        const model = new Map(entries.map(entry => [entry, keys[entry % keys.length]!]))
        const index = createPairIndex()
        insertPair(index, 1, 1)
        rebuildPairs(index, Uint32Array.from(entries), entry => model.get(entry)!)
        expect(listed(index)).toEqual(sorted(model))
      }),
      { seed: 20200312, numRuns: 200 },
    )
  })
})
