// Logs into the ledger, and back out of it.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { NONE } from '../../../src/core/pair-records'
import type { Address } from '../../../src/core/primitives'
import { createLedger, createLogFold, type Ledger, type Market } from '../../../strategies/morpho-blue/ledger'
import { addressOf, blockAt, events, type HistoryBlock, idOf, MORPHO, paramsOf, randomHistory } from './history'

const createFold = () => {
  const ledger = createLedger(() => undefined)
  const fold = createLogFold(MORPHO, ledger, () => true)
  const play = (history: readonly HistoryBlock[]): void => {
    for (const { block, logs, isLive } of history) {
      if (isLive) fold.beginBlock(block)
      for (const log of logs) fold.fold(log)
    }
  }
  return { ledger, fold, play }
}

/** Everything that can be seen of a ledger, slots included. */
const dump = (ledger: Ledger): unknown =>
  [...ledger.byId.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, number, pairs, state, unread }) => ({
      id,
      number,
      state,
      positions: Array.from(
        pairs.slotsOf(number),
        slot => [pairs.accountAt(slot), slot, pairs.debtAt(slot), pairs.collateralAt(slot)] as const,
      ).sort(([a], [b]) => (a < b ? -1 : 1)),
      ranked: [...pairs.ranked(number, 3).entries.subarray(0, pairs.ranked(number, 3).count)],
      keys: [...pairs.ranked(number, 3).keys.subarray(0, pairs.ranked(number, 3).count)],
      sums: [pairs.positionsOf(number), pairs.borrowersOf(number), pairs.debtOf(number), pairs.collateralOf(number)],
      unread: [...unread].sort(),
    }))

/** Debt and collateral, as the contract's positions; zeros where there is none. */
const amountsOf = ({ pairs }: Ledger, { number }: Market, account: Address): readonly [bigint, bigint] => {
  const slot = pairs.find(number, account)
  return slot === NONE ? [0n, 0n] : [pairs.debtAt(slot), pairs.collateralAt(slot)]
}

const draws = fc.array(fc.nat(1_000_000), { minLength: 5, maxLength: 60 })

describe('createLogFold', () => {
  it('default: every event moves what it should', () => {
    const { ledger, fold } = createFold()
    const block = blockAt(5n)
    const [alice, bob] = [addressOf(1), addressOf(2)]
    const on = events(block, idOf(0))
    fold.beginBlock(block)
    for (const log of [
      on.create(paramsOf(0)),
      on.rate(99n, paramsOf(0).irm),
      on.setFee(7n),
      on.supply(bob, 1_000n, 10_000n),
      on.withdraw(bob, 100n, 1_000n),
      on.deposit(alice, 500n),
      on.take(alice, 50n),
      on.borrow(alice, 300n, 3_000n),
      on.accrue(10n, 3n),
      on.repay(alice, 103n, 1_000n),
    ])
      fold.fold(log)
    const market = ledger.byId.get(idOf(0))!
    expect(market.state).toEqual({
      params: paramsOf(0),
      supplyAssets: 910n,
      supplyShares: 9_003n,
      borrowAssets: 207n,
      borrowShares: 2_000n,
      feeWad: 7n,
      lastUpdateSec: block.timestampSec,
      rateAtTarget: 99n,
      complete: true,
    })
    expect(amountsOf(ledger, market, alice)).toEqual([2_000n, 450n])
    fold.fold(on.liquidate(alice, [100n, 1_200n, 450n, 80n, 800n]))
    expect(market.state).toMatchObject({ supplyAssets: 830n, borrowAssets: 27n, borrowShares: 0n })
    expect(amountsOf(ledger, market, alice)).toEqual([0n, 0n])
    expect([ledger.pairs.size(), ledger.pairs.borrowersOf(0), ledger.pairs.collateralOf(0)]).toEqual([0, 0, 0n])
  })
  it('behavior: the contract floors total debt at zero', () => {
    const { ledger, fold } = createFold()
    const on = events(blockAt(5n), idOf(0))
    for (const log of [on.create(paramsOf(0)), on.borrow(addressOf(1), 10n, 100n), on.repay(addressOf(1), 11n, 100n)])
      fold.fold(log)
    expect(ledger.byId.get(idOf(0))!.state.borrowAssets).toBe(0n)
  })
  it('behavior: a time is known only from the header of that very block', () => {
    const { ledger, fold } = createFold()
    const live = blockAt(5n)
    fold.beginBlock(live)
    fold.fold(events(live, idOf(0)).create(paramsOf(0)))
    const market = ledger.byId.get(idOf(0))!
    expect(market.state.lastUpdateSec).toBe(live.timestampSec)
    fold.fold(events(blockAt(6n), idOf(0)).accrue(1n, 0n))
    expect(market.state.lastUpdateSec).toBeNull()
    fold.beginBlock(blockAt(7n))
    fold.fold(events(blockAt(7n, 1), idOf(0)).accrue(1n, 0n))
    expect(market.state.lastUpdateSec).toBeNull()
  })
  it("behavior: another model's word on a market is ignored, and so are other contracts", () => {
    const { ledger, fold } = createFold()
    const on = events(blockAt(5n), idOf(0))
    fold.fold(on.create(paramsOf(0)))
    fold.fold(on.rate(5n, addressOf(666)))
    fold.fold({ ...on.borrow(addressOf(1), 1n, 1n), address: addressOf(666) })
    fold.fold({ ...on.borrow(addressOf(1), 1n, 1n), topics: [] })
    const market = ledger.byId.get(idOf(0))!
    expect(market.state.rateAtTarget).toBeNull()
    expect(ledger.pairs.size()).toBe(0)
  })
  it('behavior: accounts first seen where history is incomplete wait to be read', () => {
    const { ledger, fold } = createFold()
    fold.fold(events(blockAt(5n), idOf(0)).repay(addressOf(1), 10n, 100n))
    const market = ledger.byId.get(idOf(0))!
    expect(market.state).toMatchObject({ complete: false, params: null })
    expect([...market.unread]).toEqual([addressOf(1)])
  })
  it('behavior: undo at any block leaves what a fresh fold up to it would', () => {
    fc.assert(
      fc.property(draws, fc.nat(59), (numbers, cut) => {
        const history = randomHistory(numbers)
        const kept = history.slice(0, cut % (history.length + 1))
        const undone = createFold()
        undone.play(history)
        undone.ledger.undo(history[kept.length]?.block.number ?? 10_000n)
        const fresh = createFold()
        fresh.play(kept)
        expect(dump(undone.ledger)).toEqual(dump(fresh.ledger))
        const [tailA, tailB] = [randomHistory([...numbers].reverse(), 4, 1), randomHistory([...numbers].reverse(), 4, 1)]
        undone.play(tailA)
        fresh.play(tailB)
        expect(dump(undone.ledger)).toEqual(dump(fresh.ledger))
      }),
      { seed: 20200312, numRuns: 150 },
    )
  })
  it('behavior: final blocks leave no records', () => {
    const { ledger, play } = createFold()
    const history = randomHistory([1, 5, 9, 3, 7, 2, 8, 6, 4, 11, 13, 17])
    play(history)
    expect(ledger.undoable()).toBeGreaterThan(0)
    ledger.finalise(10_000n)
    expect(ledger.undoable()).toBe(0)
  })
})

describe('bounds', () => {
  const AMOUNT = 1n << 128n
  it('error: what leaves 128 bits or falls below zero is refused aloud, and nothing is left of it after undo', () => {
    const { ledger, fold } = createFold()
    const on = events(blockAt(5n), idOf(0))
    fold.fold(on.create(paramsOf(0)))
    fold.fold(on.deposit(addressOf(1), AMOUNT - 1n))
    const later = events(blockAt(6n), idOf(0))
    expect(() => fold.fold(later.deposit(addressOf(1), AMOUNT))).toThrow(RangeError)
    expect(() => fold.fold(later.deposit(addressOf(1), 1n))).toThrow('a position leaves 128 bits')
    expect(() => fold.fold(later.repay(addressOf(1), 1n, 1n))).toThrow('falls below zero')
    expect(() => fold.fold({ ...later.deposit(addressOf(1), 1n), data: '0x12' })).toThrow(SyntaxError)
    ledger.undo(6n)
    const market = ledger.byId.get(idOf(0))!
    expect(amountsOf(ledger, market, addressOf(1))).toEqual([0n, AMOUNT - 1n])
    expect(market.state).toMatchObject({ borrowAssets: 0n, borrowShares: 0n })
  })
})
