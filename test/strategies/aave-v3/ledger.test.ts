// The ledger on histories of a pool in memory: exact after each block, through forks, leaps, upgrades, failing reads and restarts.
import { describe, expect, it } from '@jest/globals'
import { pad } from 'viem'
import { NONE } from '../../../src/core/basket-accounts'
import { createLogMatcher } from '../../../src/core/log-filter'
import type { Address, Hex } from '../../../src/core/primitives'
import { createRandom, type Random } from '../../../src/lab/world/random'
import { collateralColumn, debtColumn, TOKEN_TOPIC } from '../../../strategies/aave-v3/abi'
import { createLedger, eModeOf } from '../../../strategies/aave-v3/ledger'
import { auditOf, createReading } from '../../../strategies/aave-v3/reading'
import { faultsOf, poolFault } from '../../../strategies/aave-v3/strategy'
import { savedOf } from '../../fixtures/aave-follow'
import { createModelPool, type ModelPool, POOL, userOf } from './model-pool'

/** A slice; AAVE_HISTORIES=1000 makes it a campaign. */
const HISTORIES = Number(process.env.AAVE_HISTORIES ?? 6)

const USERS = [0, 1, 2, 3, 4].map(userOf)
const REVISIONS = [1n, 10n] as const

type Fails = (data: Hex, to: Address) => boolean

const createFollower = (model: ModelPool) => {
  const ledger = createLedger(POOL)
  const reading = createReading(ledger, { address: POOL })
  const settle = async (number: number, fails?: Fails): Promise<void> => {
    const reader = model.readerAt(number, fails)
    for (let round = 0; reading.needsBootstrap() && round < 8; round++) await reading.bootstrap(reader)
    reading.acceptReads(await reader.read(reading.blockReads()))
  }
  const foldBlock = (number: number, filters = ledger.filters(), isKnown = true): void => {
    const { block, logs } = model.at(number)
    const matches = createLogMatcher(filters)
    if (isKnown) ledger.beginBlock(block)
    for (const log of logs) if (matches(log).length > 0) ledger.fold(log)
  }
  return {
    ledger,
    reading,
    settle,
    /** As a backfill: history up to the head, then reads. */
    start: async (from = 0): Promise<void> => {
      for (let number = from; number <= model.head(); number++) foldBlock(number, ledger.historyFilters(), false)
      await settle(model.head())
    },
    advance: async (fails?: Fails): Promise<void> => {
      foldBlock(model.head())
      await settle(model.head(), fails)
    },
    /** From block `from` to the head in one go, as the watcher takes a gap. */
    leap: async (from: number): Promise<void> => {
      const filters = ledger.filters()
      for (let number = from; number <= model.head(); number++) foldBlock(number, filters)
      await settle(model.head())
    },
    saved: () => savedOf(ledger),
  }
}

type Follower = ReturnType<typeof createFollower>

const expectExact = ({ ledger }: Follower, model: ModelPool): number => {
  const { state } = model.at(model.head())
  const { accounts } = ledger
  let owing = 0
  expect([poolFault(ledger) !== null, ledger.unread().size]).toEqual([false, 0])
  expect(ledger.reserves().map(reserve => reserve?.thresholdBps)).toEqual(state.reserves.map(each => each.thresholdBps))
  expect(
    ledger.reserves().map(reserve => [reserve?.liquidityIndexRay, reserve?.variableBorrowIndexRay, reserve?.updatedSec]),
  ).toEqual(state.reserves.map(each => [each.liquidityIndex, each.debtIndex, each.updatedSec]))
  expect([ledger.pool().oracle, ledger.categories().get(1)?.thresholdBps]).toEqual([state.oracle, state.categoryThresholdBps])
  for (const [name, user] of state.users) {
    const slot = accounts.find(name)
    const owes = [...user.debt.values()].some(({ scaled }) => scaled > 0n)
    expect([name, slot !== NONE]).toEqual([name, owes])
    if (!owes) continue
    owing += 1
    expect(eModeOf(accounts.flagsAt(slot))).toBe(user.eMode)
    state.reserves.forEach((_, id) => {
      const scaled = user.used.has(id) ? (user.collateral.get(id)?.scaled ?? 0n) : 0n
      expect([id, accounts.hasColumn(slot, collateralColumn(id)), accounts.amountOf(slot, collateralColumn(id))]).toEqual([
        id,
        user.used.has(id),
        scaled,
      ])
      expect([id, accounts.amountOf(slot, debtColumn(id))]).toEqual([id, user.debt.get(id)?.scaled ?? 0n])
    })
  }
  expect(accounts.size()).toBe(owing)
  return owing
}

const mineSome = (model: ModelPool, random: Random, count: number, fork = 0): void => {
  for (let left = count; left > 0; left--) model.mine(random, fork)
}

const started = async (revision: bigint, seed: number): Promise<{ model: ModelPool; random: Random; follower: Follower }> => {
  const [model, random] = [createModelPool(revision, 3), createRandom(seed, 'model')]
  mineSome(model, random, 25)
  const follower = createFollower(model)
  await follower.start()
  return { model, random, follower }
}

const agreed = async ({ ledger }: Follower, model: ModelPool, account: Address): Promise<unknown> => {
  const audit = auditOf(ledger, POOL, { strategy: 'aave-v3', market: POOL, account })
  return audit.compare(await model.readerAt(model.head()).read(audit.calls))
}

describe.each(REVISIONS)('ledger of a pool of revision %s', revision => {
  it('default', async () => {
    const { model, random, follower } = await started(revision, 1)
    let owing = expectExact(follower, model)
    for (let done = 0; done < 40; done++) {
      model.mine(random, 0)
      await follower.advance()
      owing += expectExact(follower, model)
    }
    expect(owing).toBeGreaterThan(60)
    for (const user of USERS) expect([user, await agreed(follower, model, user)]).toEqual([user, []])
    // Whoever comes later knows the same.
    const late = createFollower(model)
    await late.start()
    expect(late.saved()).toEqual(follower.saved())
  })

  it('behavior: through forks and leaps it is what a fresh one is, bit for bit', async () => {
    for (let seed = 0; seed < HISTORIES; seed++) {
      const { model, random, follower } = await started(revision, 100 + seed)
      const floor = model.head()
      for (let fork = 1; fork < 12; fork++) {
        const depth = Math.min(model.head() - floor, Math.floor(random.unit() * 8))
        const from = model.head() + 1 - depth
        model.rewind(from)
        follower.ledger.undo(BigInt(from))
        const leap = random.unit() < 0.3
        const first = model.head() + 1
        for (let left = 1 + Math.floor(random.unit() * 4); left > 0; left--) {
          model.mine(random, fork)
          if (!leap) await follower.advance()
        }
        if (leap) await follower.leap(first)
      }
      expectExact(follower, model)
      const fresh = createFollower(model)
      await fresh.start()
      expect([seed, follower.saved()]).toEqual([seed, fresh.saved()])
      const kept = follower.saved()
      follower.ledger.undo(BigInt(floor + 1))
      await follower.leap(floor + 1)
      expect(follower.saved()).toEqual(kept)
      follower.ledger.finalise(BigInt(model.head() + 1))
      expect(follower.ledger.undoable()).toBe(0)
    }
  }, 3_600_000)

  it('behavior: restored, it goes on as if it had never stopped', async () => {
    const { model, random, follower } = await started(revision, 2)
    const { ledger } = follower
    const restored = createFollower(model)
    expect(restored.ledger.fingerprint()).toBe(ledger.fingerprint())
    restored.ledger.restore(ledger.save())
    expect(restored.saved()).toEqual(follower.saved())
    for (let done = 0; done < 20; done++) {
      model.mine(random, 0)
      await follower.advance()
      await restored.advance()
    }
    expectExact(restored, model)
    expect(restored.saved()).toEqual(follower.saved())
    // A ledger that was saved before all was read knows what is to be read.
    const early = createFollower(model)
    for (let number = 0; number <= model.head(); number++)
      for (const log of model.at(number).logs)
        if (createLogMatcher(early.ledger.historyFilters())(log).length > 0) early.ledger.fold(log)
    const again = createFollower(model)
    again.ledger.restore(early.ledger.save())
    await again.settle(model.head())
    expect(again.saved()).toEqual(follower.saved())
  })

  it('behavior: an upgrade holds everything until all is read anew; undone, it never was', async () => {
    const { model, random, follower } = await started(revision, 3)
    const before = follower.saved()
    model.upgradeNext(99n)
    model.mine(random, 0)
    await follower.advance()
    expect(follower.ledger.pool()).toMatchObject({ revision: 99n, rules: null })
    expect(faultsOf(follower.ledger, follower.reading.quotes())).toEqual([
      'its revision is 99, which is not one that was checked: nothing is acted on',
    ])
    expect([poolFault(follower.ledger) !== null, follower.reading.needsBootstrap()]).toEqual([true, false])
    follower.ledger.undo(BigInt(model.head()))
    expect(follower.saved()).toEqual(before)
    model.rewind(model.head())
    model.upgradeNext(revision === 1n ? 10n : 1n)
    model.mine(random, 1)
    await follower.advance()
    expectExact(follower, model)
    mineSome(model, random, 1, 1)
    await follower.advance()
    expectExact(follower, model)
  })

  it('behavior: what could not be read spoils only itself, and is asked again with the next block', async () => {
    const { model, random, follower } = await started(revision, 4)
    const { ledger, reading } = follower
    const [victim] = USERS.filter(user => ledger.accounts.find(user) !== NONE) as [Address]
    ledger.track(BigInt(model.head() + 1), victim)
    model.mine(random, 0)
    const isVictims: Fails = data => data.endsWith(victim.slice(2))
    await follower.advance(isVictims)
    expect([poolFault(ledger) !== null, [...ledger.unread()]]).toEqual([false, [ledger.accounts.find(victim)]])
    expect(faultsOf(ledger, reading.quotes())).toContain('1 accounts could not be read')
    expect(await agreed(follower, model, victim)).toBeNull()
    expect(reading.needsBootstrap()).toBe(true)
    await follower.settle(model.head())
    expectExact(follower, model)
  })

  it('behavior: a quarantine ends when all was read anew, and is undone with its block', async () => {
    const { model, random, follower } = await started(revision, 5)
    const before = follower.saved()
    const next = BigInt(model.head() + 1)
    follower.ledger.quarantine(next, 'for a test')
    expect(faultsOf(follower.ledger, follower.reading.quotes())).toEqual(['held until all is read anew: for a test'])
    expect(follower.ledger.unread().size).toBe(follower.ledger.accounts.size())
    follower.ledger.undo(next)
    expect(follower.saved()).toEqual(before)
    follower.ledger.quarantine(next, 'for a test')
    model.mine(random, 0)
    await follower.advance()
    expectExact(follower, model)
    expect(faultsOf(follower.ledger, follower.reading.quotes())).toEqual([])
  })

  it('behavior: logs that contradict what is held cost a read', async () => {
    const { model, follower } = await started(revision, 6)
    const { ledger } = follower
    const { block } = model.at(model.head())
    const [victim] = USERS.filter(user => ledger.accounts.find(user) !== NONE) as [Address]
    const reserve = ledger
      .reserves()
      .find(each => ledger.accounts.amountOf(ledger.accounts.find(victim), debtColumn(each!.id)) > 0n)!
    const word = (value: bigint): string => value.toString(16).padStart(64, '0')
    const burn = {
      address: reserve.debtToken,
      topics: [TOKEN_TOPIC.burn, pad(victim, { size: 32 }), pad('0x', { size: 32 })],
      data: `0x${word(1n << 125n)}${word(0n)}${word(reserve.variableBorrowIndexRay)}` as Hex,
      blockNumber: block.number,
      blockHash: block.hash,
      logIndex: 99,
      transactionHash: block.hash,
    }
    ledger.fold(burn)
    expect([...ledger.unread()]).toEqual([ledger.accounts.find(victim)])
    await follower.settle(model.head())
    expectExact(follower, model)
    ledger.distrust(burn, 'for a test')
    expect([...ledger.unread()]).toEqual([ledger.accounts.find(victim)])
    await follower.settle(model.head())
    ledger.distrust({ ...burn, address: POOL, topics: [] }, 'for a test')
    expect(poolFault(follower.ledger) !== null).toBe(true)
    await follower.settle(model.head())
    expectExact(follower, model)
  })

  it('behavior: who borrowed before the history is missed, told of, and met again', async () => {
    const { model, random } = await started(revision, 7)
    const partial = createFollower(model)
    await partial.start(model.head())
    const unseen = (): bigint => partial.ledger.reserves().reduce((sum, reserve) => sum + (reserve?.unseenScaled ?? 0n), 0n)
    expect(unseen()).toBeGreaterThan(0n)
    // A reserve is told of while it is in use: recalling everybody makes it whole.
    for (const user of USERS) partial.ledger.track(BigInt(model.head()), user)
    await partial.settle(model.head())
    expect(unseen()).toBe(0n)
    expectExact(partial, model)
    model.mine(random, 0)
    await partial.advance()
    expectExact(partial, model)
  })

  it('error: saved state that nobody saved is refused', () => {
    const { ledger } = createFollower(createModelPool(revision, 2))
    const parts = [...ledger.save()]
    expect(parts.map(([key]) => key)).toEqual(['pool', 'accounts'])
    const refuse = (...state: readonly (readonly [string, string | Uint8Array])[]): void =>
      expect(() => createLedger(POOL).restore(new Map(state))).toThrow(/^saved (state|accounts): /)
    refuse(parts[0]!)
    refuse(parts[1]!)
    refuse(['pool', '{'], parts[1]!)
    refuse(['pool', 'null'], parts[1]!)
    refuse(['pool', '{"reserves":[]}'], parts[1]!)
    refuse(parts[0]!, ['accounts', new Uint8Array(3)])
  })
})
