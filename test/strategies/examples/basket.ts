// The heart of a strategy of the basket shape for a made-up pool: accounts with several collaterals and debts, one price and one threshold
// for each token. What is around it (reads, closes, saving) is as in pair.ts. See docs/adding-a-strategy.md.
import { createBasketBook } from '../../../src/core/basket-book'
import type { BasketWeights } from '../../../src/core/basket-index'
import { debtByLevel, type RiskRow } from '../../../src/core/basket-risk'
import { type ColumnWeight, createBasketScreen } from '../../../src/core/basket-screen'
import { BPS, mulDivDown, mulDivUp, WAD } from '../../../src/core/fixed-point'
import type { Address } from '../../../src/core/primitives'
import { type Factors, fallOf } from '../../../src/core/what-if'

export interface PoolToken {
  readonly address: Address
  readonly thresholdBps: bigint
  /** Of one unit in base currency, times WAD. */
  readonly priceWad: bigint
}

export interface ExamplePool {
  /** What a log says of one account and token from now on. */
  set(block: bigint, account: Address, token: number, collateral: bigint, debt: bigint): void
  undo(fromBlock: bigint): void
  /** Accounts under water, at the pool's prices or at others. */
  underWater(factors?: Factors): readonly Address[]
  debtAtRisk(token: Address, fallsBps: readonly bigint[]): readonly RiskRow[]
}

/** A column is a token on one side. */
const collateralColumn = (token: number): number => 2 * token
const debtColumn = (token: number): number => 2 * token + 1
const isDebt = (column: number): boolean => column % 2 === 1
const tokenOf = (column: number): number => column >> 1

/** What an entry's rounding may be worth: each value is rounded once, and collateral once more by its threshold. */
const ROUNDING = 2

export const createExamplePool = (tokens: readonly PoolToken[]): ExamplePool => {
  const accounts = createBasketBook()
  const screen = createBasketScreen(accounts, { groupOf: () => 0, isListed: () => true })

  const pricesAt = (factors: Factors): readonly bigint[] =>
    tokens.map(({ address, priceWad }) => mulDivUp(priceWad, factors.get(address) ?? WAD, WAD))

  /** The pool's own verdict, in integers: debt rounded up, collateral down, as the contract does. */
  const isUnder = (slot: number, prices: readonly bigint[]): boolean => {
    let [limit, owed] = [0n, 0n]
    for (let entry = 0; entry < accounts.entriesOf(slot); entry++) {
      const [column, amount] = [accounts.columnAt(slot, entry), accounts.amountAt(slot, entry)]
      const price = prices[tokenOf(column)]!
      if (isDebt(column)) owed += mulDivUp(amount, price, WAD)
      else limit += mulDivDown(mulDivDown(amount, price, WAD), tokens[tokenOf(column)]!.thresholdBps, BPS)
    }
    return limit < owed
  }

  /** In float, on the safe side by `slack`: `low` and `high` are the same here, since nothing but rounding is uncertain. */
  const weightOf = (column: number, prices: readonly bigint[]): ColumnWeight => {
    const price = Number(prices[tokenOf(column)]!) / 1e18
    const weight = isDebt(column) ? -price : (price * Number(tokens[tokenOf(column)]!.thresholdBps)) / 1e4
    return { low: weight, high: weight, slack: ROUNDING }
  }

  const slotsUnder = (factors: Factors, isScenario: boolean): readonly number[] => {
    screen.sync()
    const prices = pricesAt(factors)
    const weights: BasketWeights = screen.weigh(column => weightOf(column, prices))
    // Once a block, at the prices that hold: lets the index come closer to them.
    if (!isScenario) screen.refresh(weights)
    return [...screen.under(weights, slot => isUnder(slot, prices))]
  }

  const owedBy = (slot: number) =>
    Array.from({ length: accounts.entriesOf(slot) }, (_, entry) => entry).flatMap(entry => {
      const column = accounts.columnAt(slot, entry)
      return isDebt(column) ? [{ token: tokens[tokenOf(column)]!.address, assets: accounts.amountAt(slot, entry) }] : []
    })

  return {
    set: (block, account, token, collateral, debt) => {
      const slot = accounts.open(block, account)
      accounts.put(block, slot, collateralColumn(token), collateral, 0)
      accounts.put(block, slot, debtColumn(token), debt, 0)
    },
    undo: fromBlock => accounts.undo(fromBlock, () => undefined),
    underWater: factors => slotsUnder(factors ?? new Map(), factors !== undefined).map(accounts.accountAt),
    debtAtRisk: (token, fallsBps) =>
      debtByLevel(fallsBps.length, level => slotsUnder(fallOf(token, fallsBps[level]!).factorWad, true), owedBy),
  }
}
