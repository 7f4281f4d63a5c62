// Logs into the ledger, and back out of it.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createLogFold } from '../../../strategies/morpho-blue/fold'
import { createLedger, type Ledger } from '../../../strategies/morpho-blue/ledger'
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

/** Everything that can be seen of a ledger. The pad is left out: it only ever makes the screen wider. */
const dump = (ledger: Ledger): unknown =>
  [...ledger.byId.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, state, positions, bySlot, index, borrowers, collateral, unread }) => ({
      id,
      state,
      positions: [...positions.values()],
      bySlot: [...bySlot],
      indexed: [...index.suffix(0)].sort((a, b) => a - b),
      borrowers,
      collateral,
      unread: [...unread].sort(),
    }))

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
    expect(market.positions.get(alice)).toEqual({ account: alice, slot: 0, borrowShares: 2_000n, collateral: 450n })
    fold.fold(on.liquidate(alice, [100n, 1_200n, 450n, 80n, 800n]))
    expect(market.state).toMatchObject({ supplyAssets: 830n, borrowAssets: 27n, borrowShares: 0n })
    expect(market.positions.get(alice)).toMatchObject({ borrowShares: 0n, collateral: 0n })
    expect([market.borrowers, market.collateral]).toEqual([0, 0n])
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
    expect(market.positions.size).toBe(0)
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
        undone.ledger.journal.undo(history[kept.length]?.block.number ?? 10_000n)
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
    expect(ledger.journal.size()).toBeGreaterThan(0)
    ledger.journal.finalise(10_000n)
    expect(ledger.journal.size()).toBe(0)
  })
})

describe('pad of the index', () => {
  it('behavior: stays at three loan units or more while shares get cheaper', () => {
    const { ledger, fold } = createFold()
    const on = events(blockAt(5n), idOf(0))
    fold.fold(on.create(paramsOf(0)))
    fold.fold(on.deposit(addressOf(1), 10n))
    fold.fold(on.borrow(addressOf(1), 1_000n, 1_000_000_000n))
    const market = ledger.byId.get(idOf(0))!
    const padAt = (assets: number): number => (3 * 1_001_000_000) / (assets + 1)
    expect(market.padShares).toBeGreaterThanOrEqual(padAt(1_000))
    // Assets fall far more than shares: a share price no real market falls to at once.
    fold.fold(on.repay(addressOf(2), 999n, 0n))
    expect(market.padShares).toBeGreaterThanOrEqual(padAt(1))
    expect([...market.index.suffix((1_000_000_000 + padAt(1)) / 10)]).toEqual([0])
  })
})
