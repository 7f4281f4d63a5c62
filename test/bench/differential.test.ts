// A slice of what `npm run bench -- index` and `basket` compare at full size: random states against plain bigint arithmetic.
import { describe, expect, it } from '@jest/globals'
import { differential as basketDifferential } from '../../bench/basket/differential'
import { differential as pairDifferential } from '../../bench/pairs/differential'
import type { Errors } from '../../bench/pairs/naive'

describe('differential', () => {
  const shapes = [
    { shape: 'pairs', run: pairDifferential, states: 2_000 },
    { shape: 'baskets', run: basketDifferential, states: 2_000 },
  ]
  for (const { shape, run, states } of shapes)
    it(`behavior: ${shape}: the index misses nobody and names nobody else`, () => {
      const errors: Errors = { missed: 0, wrong: 0, lists: 0 }
      run(20_261, states, errors)
      expect(errors).toEqual({ missed: 0, wrong: 0, lists: states })
    })
})
