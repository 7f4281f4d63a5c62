import type { Address } from '../../src/core/primitives'
import { type Failure, isFloor, ownFailures } from '../../src/executor/blame'
import { takeOf } from './harness'

const POOL: Address = `0x${'a1'.repeat(20)}`
const OTHER: Address = `0x${'a2'.repeat(20)}`
const through = (n: number, ...route: readonly Address[]) => takeOf(n, { route })
const failure = (take: Failure['take'], isByPrice: boolean): Failure => ({ take, reason: 'because', isByPrice })

describe('ownFailures', () => {
  test('default: what misses its price behind a failure in the same pool is not to blame', () => {
    const takes = [through(1, POOL), through(2, POOL), through(3, OTHER)]
    const [first, second, third] = [failure(takes[0]!, false), failure(takes[1]!, true), failure(takes[2]!, true)]
    expect(ownFailures(takes, [first, second, third], [])).toEqual([first, third])
  })

  test('behavior: doubt spreads from pool to pool', () => {
    const takes = [through(1, POOL), through(2, POOL, OTHER), through(3, OTHER)]
    const failures = [failure(takes[0]!, true), failure(takes[1]!, true), failure(takes[2]!, true)]
    expect(ownFailures(takes, failures, [])).toEqual([failures[0]])
  })

  test('behavior: what reverted is to blame wherever it stands', () => {
    const takes = [through(1, POOL), through(2, POOL)]
    const failures = [failure(takes[0]!, true), failure(takes[1]!, false)]
    expect(ownFailures(takes, failures, [])).toEqual(failures)
  })

  test('behavior: what was left out of the simulation explains a price too', () => {
    const takes = [through(1, POOL)]
    expect(ownFailures(takes, [failure(takes[0]!, true)], [through(2, POOL)])).toEqual([])
    expect(ownFailures(takes, [failure(takes[0]!, true)], [through(2, OTHER)])).toHaveLength(1)
  })
})

describe('isFloor', () => {
  test('default: floors, also inside what the contract wraps', () => {
    expect(isFloor('LegFloor(gainedWei 1, floorWei 2)')).toBe(true)
    expect(isFloor('NothingClosed: LegFloor(gainedWei 1, floorWei 2)')).toBe(true)
    expect(isFloor('TotalFloor(profitWei 1, requiredWei 2)')).toBe(true)
    expect(isFloor('transfer reverted')).toBe(false)
  })
})
