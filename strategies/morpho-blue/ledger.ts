// The ledger of markets and positions: values are replaced whole, never changed in place, and each replacement can be undone.
// Supply shares by account and the fee recipient are not kept: no liquidation depends on them. Knows no logs, reads or prices.
import { createPairIndex, type PairIndex, pairKey } from '../../src/core/pair-index'
import type { Address, Hex } from '../../src/core/primitives'
import { createUndoJournal, type UndoJournal } from '../../src/core/undo-journal'
import type { MarketParams } from './abi'
import { type Totals, VIRTUAL_ASSETS, VIRTUAL_SHARES } from './math'

export const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`

export interface Position {
  readonly account: Address
  /** Its number within the market, as the index knows it. */
  readonly slot: number
  readonly borrowShares: bigint
  readonly collateral: bigint
}

export interface MarketState extends Totals {
  /** Null until read, where the market was created before the first folded block. */
  readonly params: MarketParams | null
  /** Time of the last accrual; null while unknown, because it was folded without its block's header. */
  readonly lastUpdateSec: bigint | null
  /** The AdaptiveCurveIrm's memory of this market; null until read, and for other rate models. */
  readonly rateAtTarget: bigint | null
  /** All logs since the market's creation were folded and agree with the contract. */
  readonly complete: boolean
}

/** One market's current values; only this file replaces them. */
export interface Market {
  readonly id: Hex
  state: MarketState
  readonly positions: Map<Address, Position>
  readonly bySlot: Position[]
  /** Positions with debt and collateral, by debt shares over collateral. */
  readonly index: PairIndex
  /** Positions with debt. */
  borrowers: number
  /** Sum over `positions`. */
  collateral: bigint
  /** Worth of 3 loan units or more in shares: see pairKey. */
  padShares: number
  /** Accounts whose position must be read: they were seen first where history is incomplete. */
  readonly unread: Set<Address>
}

export interface Ledger {
  readonly byId: ReadonlyMap<Hex, Market>
  readonly journal: UndoJournal
  /** The market, created empty where it is new. */
  marketOf(id: Hex, blockNumber: bigint): Market
  setState(market: Market, blockNumber: bigint, change: Partial<MarketState>): void
  setPosition(market: Market, blockNumber: bigint, account: Address, borrowShares: bigint, collateral: bigint): void
  setUnread(market: Market, blockNumber: bigint, accounts: readonly Address[]): void
}

const EMPTY: MarketState = {
  params: null,
  supplyAssets: 0n,
  supplyShares: 0n,
  borrowAssets: 0n,
  borrowShares: 0n,
  feeWad: 0n,
  lastUpdateSec: null,
  rateAtTarget: null,
  complete: false,
}

/** Shares per loan unit, in float. */
const sharesPerAsset = (totals: Totals): number =>
  Number(totals.borrowShares + VIRTUAL_SHARES) / Number(totals.borrowAssets + VIRTUAL_ASSETS)

const indexPosition = (market: Market, position: Position): void => {
  const indexed = position.borrowShares > 0n
  market.index.set(position.slot, indexed ? pairKey(position.borrowShares, market.padShares, position.collateral) : Number.NaN)
}

/**
 * Keeps the pad at 3 loan units or more. Interest makes shares dearer, so a pad stays valid for years; a market that empties and starts
 * again, or bad debt, can make them cheaper.
 */
const keepPad = (market: Market): void => {
  const perAsset = sharesPerAsset(market.state)
  if (3 * perAsset <= market.padShares) return
  market.padShares = 4 * perAsset
  for (const position of market.bySlot) indexPosition(market, position)
}

const createMarket = (id: Hex): Market => ({
  id,
  state: EMPTY,
  positions: new Map(),
  bySlot: [],
  index: createPairIndex(),
  borrowers: 0,
  collateral: 0n,
  padShares: 0, // until the first debt: see keepPad
  unread: new Set(),
})

const count = (market: Market, position: Position, sign: 1 | -1): void => {
  if (position.borrowShares > 0n) market.borrowers += sign
  market.collateral += sign === 1 ? position.collateral : -position.collateral
}

const swapState = (market: Market, state: MarketState): void => {
  market.state = state
  keepPad(market)
}

const swapPosition = (market: Market, before: Position | undefined, after: Position): void => {
  if (before !== undefined) count(market, before, -1)
  count(market, after, 1)
  market.positions.set(after.account, after)
  market.bySlot[after.slot] = after
  indexPosition(market, after)
}

/** Takes back the market's newest position: undo runs newest first, so its slot is the last one. */
const dropPosition = (market: Market, position: Position): void => {
  count(market, position, -1)
  market.positions.delete(position.account)
  market.unread.delete(position.account)
  market.bySlot.pop()
  market.index.remove(position.slot)
}

const swapUnread = (market: Market, accounts: readonly Address[]): void => {
  market.unread.clear()
  for (const account of accounts) market.unread.add(account)
}

/** `onChange` is called after each change of a market, undo included. */
export const createLedger = (onChange: (market: Market) => void): Ledger => {
  const byId = new Map<Hex, Market>()
  const journal = createUndoJournal()

  /** Does `change` now and remembers `takeBack`. */
  const perform = (market: Market, blockNumber: bigint, change: () => void, takeBack: () => void): void => {
    journal.record(blockNumber, () => {
      takeBack()
      onChange(market)
    })
    change()
    onChange(market)
  }

  const marketOf = (id: Hex, blockNumber: bigint): Market => {
    const known = byId.get(id)
    if (known !== undefined) return known
    const market = createMarket(id)
    perform(
      market,
      blockNumber,
      () => byId.set(id, market),
      () => byId.delete(id),
    )
    return market
  }

  const setState = (market: Market, blockNumber: bigint, change: Partial<MarketState>): void => {
    const before = market.state
    perform(
      market,
      blockNumber,
      () => swapState(market, { ...before, ...change }),
      () => swapState(market, before),
    )
  }

  const setPosition = (market: Market, blockNumber: bigint, account: Address, borrowShares: bigint, collateral: bigint): void => {
    const before = market.positions.get(account)
    const after: Position = { account, slot: before?.slot ?? market.bySlot.length, borrowShares, collateral }
    if (before === undefined && !market.state.complete) market.unread.add(account)
    perform(
      market,
      blockNumber,
      () => swapPosition(market, before, after),
      () => (before === undefined ? dropPosition(market, after) : swapPosition(market, after, before)),
    )
  }

  const setUnread = (market: Market, blockNumber: bigint, accounts: readonly Address[]): void => {
    const before = [...market.unread]
    perform(
      market,
      blockNumber,
      () => swapUnread(market, accounts),
      () => swapUnread(market, before),
    )
  }

  return { byId, journal, marketOf, setState, setPosition, setUnread }
}
