// The basket index against a naive look at everybody: random books, any prices, many changes, dust, what-if, nearest.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type BasketIndex, type BasketWeights, createBasketIndex } from '../../src/core/basket-index'

const COLLATERALS = 3
const COLUMNS = 6

interface Account {
  readonly columns: readonly number[]
  readonly amounts: readonly number[]
}

type Model = Map<number, Account>

/** Columns 0..2 are collateral, 3..5 debt. `band` lies between low and high. */
const weightsOf = (prices: readonly number[], band = 0, slack = 0): BasketWeights => {
  const value = prices.map((price, column) => (column < COLLATERALS ? price : -price))
  return {
    low: Float64Array.from(value, each => (each > 0 ? each * (1 - band) : each)),
    high: Float64Array.from(value),
    slack: Float64Array.from(value, () => slack),
  }
}

const netOf = ({ columns, amounts }: Account, weights: BasketWeights, side: 'low' | 'high'): number => {
  const sign = side === 'low' ? -1 : 1
  return columns.reduce((sum, column, at) => sum + weights[side][column]! * amounts[at]! + sign * weights.slack[column]!, 0)
}

const sorted = (slots: Iterable<number>): number[] => [...slots].sort((a, b) => a - b)

/** Judges by an arbitrary rule within the band, as the contract's rounding would. */
const truth = (model: Model, weights: BasketWeights): ((slot: number) => boolean) => {
  return slot => {
    const account = model.get(slot)
    if (account === undefined) return false
    const low = netOf(account, weights, 'low')
    const high = netOf(account, weights, 'high')
    return high < 0 || (low < 0 && slot % 2 === 0)
  }
}

const expectSame = (index: BasketIndex, model: Model, weights: BasketWeights): void => {
  const isUnder = truth(model, weights)
  const near = (account: Account): boolean => Math.abs(netOf(account, weights, 'high')) < 1e-9
  const doubt = new Set([...model].filter(([, account]) => near(account)).map(([slot]) => slot))
  const found = sorted(index.under(weights, isUnder).slots).filter(slot => !doubt.has(slot))
  expect(found).toEqual(sorted([...model.keys()].filter(slot => isUnder(slot) && !doubt.has(slot))))
  expect(index.size()).toBe(model.size)
}

const apply = (index: BasketIndex, model: Model, slot: number, account: Account | null): void => {
  if (account === null || account.columns.length === 0) {
    index.remove(slot)
    model.delete(slot)
    return
  }
  index.set(slot, account.columns, account.amounts)
  model.set(slot, account)
}

const price = fc.double({ min: 0.01, max: 100, noNaN: true })
const prices = fc.array(price, { minLength: COLUMNS, maxLength: COLUMNS })
const amount = fc.oneof(
  fc.double({ min: 0, max: 1e6, noNaN: true }),
  fc.double({ min: 0, max: 1e-6, noNaN: true }),
  fc.constant(1),
)
const account = fc
  .uniqueArray(fc.nat(COLUMNS - 1), { minLength: 1, maxLength: COLUMNS })
  .chain(columns =>
    fc.array(amount, { minLength: columns.length, maxLength: columns.length }).map(amounts => ({ columns, amounts })),
  )

describe('createBasketIndex', () => {
  it('default', () => {
    const index = createBasketIndex()
    index.set(0, [0, 3], [100, 80])
    index.set(7, [0, 1, 4], [10, 100, 105])
    const weights = weightsOf([1, 1, 1, 1, 1, 1])
    index.refresh(weights, 1)
    const never = () => false
    expect([...index.under(weights, never).slots]).toEqual([])
    expect([...index.under(weightsOf([0.79, 1, 1, 1, 1, 1]), never).slots]).toEqual([0])
    expect([...index.under(weightsOf([0.4, 1, 1, 1, 1, 1]), never).slots].length).toBe(2)
    expect([...index.under(weightsOf([1, 1, 1, 1, 1.05, 1]), never).slots]).toEqual([7])
    index.set(0, [0, 3], [100, 101])
    expect([...index.under(weights, never).slots]).toEqual([0])
    index.remove(0)
    expect([...index.under(weights, never).slots]).toEqual([])
    expect(index.size()).toBe(1)
    expect(index.bytes()).toBeGreaterThan(0)
  })

  it('behavior: empty, and slots that never were', () => {
    const index = createBasketIndex()
    index.remove(5)
    index.refresh(weightsOf([1, 1, 1, 1, 1, 1]), 1)
    expect(index.under(weightsOf([1, 1, 1, 1, 1, 1]), () => true).slots.length).toBe(0)
    expect(index.nearest(weightsOf([1, 1, 1, 1, 1, 1]), 3)).toEqual([])
    expect(index.size()).toBe(0)
  })

  it('behavior: what floats cannot decide is asked back, what they can is not', () => {
    const index = createBasketIndex()
    index.set(0, [0, 3], [100, 99.99])
    index.set(1, [0, 3], [100, 101])
    index.set(2, [0, 3], [100, 90])
    const weights = weightsOf([1, 1, 1, 1, 1, 1], 1e-3)
    index.refresh(weights, 1)
    const asked: number[] = []
    const scan = index.under(weights, slot => {
      asked.push(slot)
      return false
    })
    expect(asked).toEqual([0])
    expect([...scan.slots]).toEqual([1])
    expect(scan.asked).toBe(1)
  })

  it('behavior: dust is judged by its slack, not by a relative bound', () => {
    const index = createBasketIndex()
    index.set(0, [0, 3], [10, 9])
    const slack = weightsOf([1, 1, 1, 1, 1, 1], 0, 1)
    index.refresh(slack, 1)
    expect([...index.under(slack, () => true).slots]).toEqual([0])
    expect([...index.under(slack, () => false).slots]).toEqual([])
  })

  it('behavior: who is in doubt only since the slack grew is asked back', () => {
    const index = createBasketIndex()
    index.set(0, [0, 3], [10, 9])
    index.set(1, [0, 3], [1_000, 900])
    index.refresh(weightsOf([1, 1, 1, 1, 1, 1], 0, 1e-3), 1)
    const grown = weightsOf([1, 1, 1, 1, 1, 1], 0, 1)
    expect([...index.under(grown, () => true).slots]).toEqual([0])
  })

  it('behavior: columns that are new, or that weights lack, hide nobody', () => {
    const index = createBasketIndex()
    index.set(0, [0, 3], [10, 1])
    index.refresh({ low: Float64Array.of(1), high: Float64Array.of(1), slack: Float64Array.of(0) }, 1)
    index.set(1, [0, 5], [10, 11])
    const weights = weightsOf([1, 1, 1, 1, 1, 1])
    expect([...index.under(weights, () => false).slots]).toEqual([1])
    expect([...index.under(weightsOf([1, 1, 1, 20, 1, 1]), () => false).slots].length).toBe(2)
  })

  it('behavior: only those within reach of a move are looked at', () => {
    const index = createBasketIndex()
    for (let slot = 0; slot < 10_000; slot++) index.set(slot, [0, 3], [100, slot < 100 ? 99.5 : 50])
    const weights = weightsOf([1, 1, 1, 1, 1, 1])
    index.refresh(weights, 1)
    const scan = index.under(weightsOf([0.99, 1, 1, 1, 1, 1]), () => false)
    expect(scan.slots.length).toBe(100)
    expect(scan.scanned).toBeLessThan(200)
  })

  it('behavior: equals a naive look at everybody after any changes, at any prices', () => {
    const change = fc.tuple(fc.nat(400), fc.option(account, { freq: 6 }))
    const round = fc.tuple(fc.array(change, { maxLength: 60 }), prices, prices, fc.constantFrom(0, 0.01, 1))
    fc.assert(
      fc.property(
        fc.array(round, { maxLength: 8 }),
        fc.constantFrom(0, 1e-3),
        fc.constantFrom(0, 1e-6),
        (rounds, band, slack) => {
          const index = createBasketIndex()
          const model: Model = new Map()
          for (const [changes, held, imagined, share] of rounds) {
            for (const [slot, value] of changes) apply(index, model, slot, value)
            if (share > 0) index.refresh(weightsOf(held, band, slack), share)
            expectSame(index, model, weightsOf(held, band, slack))
            expectSame(index, model, weightsOf(imagined, band, slack))
            expectSame(
              index,
              model,
              weightsOf(
                held.map((each, at) => each * (at === 0 ? 0.99 : 1)),
                band,
                slack,
              ),
            )
          }
        },
      ),
      { seed: 20221109, numRuns: 200 },
    )
  })

  it('behavior: nearest are the least healthy, in order', () => {
    fc.assert(
      fc.property(
        fc.array(account, { minLength: 1, maxLength: 80 }),
        prices,
        fc.integer({ min: 1, max: 30 }),
        (accounts, at, count) => {
          const index = createBasketIndex()
          const model: Model = new Map()
          accounts.forEach((each, slot) => {
            apply(index, model, slot, each)
          })
          const weights = weightsOf(at)
          index.refresh(weights, 1)
          const health = ({ columns, amounts }: Account): number => {
            const side = (isDebt: boolean): number =>
              columns.reduce(
                (sum, column, place) => sum + (column >= COLLATERALS === isDebt ? at[column]! * amounts[place]! : 0),
                0,
              )
            return side(false) / side(true)
          }
          const expected = [...model.values()]
            .map(health)
            .filter(each => each < 1e300)
            .sort((a, b) => a - b)
            .slice(0, count)
          const found = index.nearest(weights, count)
          expect(found.length).toBe(expected.length)
          found.forEach((each, place) => {
            expect(Math.abs(each.health - expected[place]!)).toBeLessThanOrEqual(expected[place]! * 1e-9)
          })
        },
      ),
      { seed: 7, numRuns: 200 },
    )
  })

  it('error: rows that make no sense', () => {
    const index = createBasketIndex()
    expect(() => index.set(0, [1, 2], [1])).toThrow(RangeError)
    expect(() => index.set(0, [40_000], [1])).toThrow(RangeError)
  })
})
