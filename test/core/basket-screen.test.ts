// The screen against a look at everybody: after any changes of the book, undone or not, it finds whom the exact rule finds.
import { describe, expect, it } from '@jest/globals'
import { createBasketBook } from '../../src/core/basket-book'
import { debtByLevel, lowestOf } from '../../src/core/basket-risk'
import { createBasketScreen } from '../../src/core/basket-screen'
import type { Address } from '../../src/core/primitives'
import { createRandom, type Random } from '../../src/lab/world/random'

const COLUMNS = 6
const HELD_BACK = 0x100
const account = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const isDebt = (column: number): boolean => column % 2 === 1
const pick = (random: Random, below: number): number => Math.floor(random.unit() * below)

/** Integer prices by column and mode: an account is under water where its debt is worth more than its collateral, each entry rounded against it. */
const createWorld = (seed: number) => {
  const random = createRandom(seed, 'screen')
  const book = createBasketBook()
  const prices = new Map<string, bigint>()
  const priceOf = (column: number, mode: number): bigint => {
    const key = `${column} ${mode}`
    const known = prices.get(key) ?? BigInt(900 + pick(random, 200))
    prices.set(key, known)
    return known
  }
  const worthAt = (slot: number, entry: number): bigint => {
    const [column, mode] = [book.columnAt(slot, entry), book.flagsAt(slot) & 0xff]
    const worth = book.amountAt(slot, entry) * priceOf(column, mode)
    return isDebt(column) ? -((worth + 999n) / 1_000n) : worth / 1_000n
  }
  const isUnder = (slot: number): boolean => {
    let net = 0n
    for (let entry = 0; entry < book.entriesOf(slot); entry++) net += worthAt(slot, entry)
    return net < 0n
  }
  const isListed = (slot: number): boolean => (book.flagsAt(slot) & HELD_BACK) === 0
  const screen = createBasketScreen(book, { groupOf: (_, flags) => flags & 0xff, isListed })
  const weights = () =>
    screen.weigh((column, mode) => {
      const price = Number(priceOf(column, mode)) / 1_000
      return { low: isDebt(column) ? -price : price, high: isDebt(column) ? -price : price, slack: 1 }
    })
  const act = (block: bigint): void => {
    const slot = book.open(block, account(pick(random, 60)))
    const draw = random.unit()
    if (draw < 0.05) book.close(block, slot)
    else if (draw < 0.2) book.setFlags(block, slot, pick(random, 3) | (random.unit() < 0.1 ? HELD_BACK : 0))
    else {
      const size = random.unit() < 0.2 ? 20 : 10 ** 12
      book.put(block, slot, pick(random, COLUMNS), BigInt(1 + pick(random, size)), 0)
    }
  }
  const naive = (): readonly number[] => {
    const found: number[] = []
    for (let slot = 0; slot < book.limit(); slot++) if (book.isOpen(slot) && isListed(slot) && isUnder(slot)) found.push(slot)
    return found
  }
  return { random, book, screen, weights, act, naive, isUnder, prices }
}

describe('createBasketScreen', () => {
  it('default: finds whom the exact rule finds, after changes, undone blocks and moves of prices', () => {
    let found = 0
    for (const seed of [1, 2, 3]) {
      const { random, book, screen, weights, act, naive, isUnder, prices } = createWorld(seed)
      for (let block = 1n; block <= 120n; block++) {
        for (let count = pick(random, 30); count > 0; count--) act(block)
        if (random.unit() < 0.1) book.undo(block - BigInt(pick(random, 3)), () => undefined)
        for (const [key, price] of prices)
          if (random.unit() < 0.3) prices.set(key, (price * BigInt(90 + pick(random, 21))) / 100n + 1n)
        screen.sync()
        const now = weights()
        screen.refresh(now)
        const under = [...screen.under(now, isUnder)].sort((a, b) => a - b)
        expect(under).toEqual(naive())
        found += under.length
      }
    }
    expect(found).toBeGreaterThan(3_000)
  })
})

describe('debtByLevel', () => {
  it('default: sums what each slot owes at each level, asked once', () => {
    const asked: number[] = []
    const rows = debtByLevel(
      3,
      level => [[], [1], [1, 2]][level]!,
      slot => {
        asked.push(slot)
        return slot === 1
          ? [{ token: account(7), assets: 5n }]
          : [
              { token: account(7), assets: 2n },
              { token: account(8), assets: 1n },
            ]
      },
    )
    expect(asked).toEqual([1, 2])
    expect(rows).toEqual([
      { debtToken: account(7), debtAssets: [0n, 5n, 7n], positions: [0, 1, 2] },
      { debtToken: account(8), debtAssets: [0n, 0n, 1n], positions: [0, 0, 1] },
    ])
  })
})

describe('lowestOf', () => {
  const viewOf = (slot: number) => ({ slot, healthFactorWad: slot === 3 ? null : BigInt(slot) })
  const all = (): readonly number[] => [5, 4, 3, 2, 1]
  it('default: the nearest, where enough of them can be judged', () => {
    expect(lowestOf(2, () => [1, 2, 3], all, viewOf).map(({ slot }) => slot)).toEqual([1, 2, 3])
  })
  it('behavior: everybody without a limit, and where too few can be judged', () => {
    expect(lowestOf(undefined, () => [1], all, viewOf)).toHaveLength(5)
    expect(lowestOf(2, () => [1, 3], all, viewOf)).toHaveLength(5)
  })
})
