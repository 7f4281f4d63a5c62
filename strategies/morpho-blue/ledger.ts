// Markets and positions, and how each log changes them: totals as values replaced whole, positions in a PairBook, every change undoable by
// block. Hand-sliced hex, no decoder: a log takes microseconds. Supply shares by account and the fee recipient are not kept, and events that
// change nothing kept are not asked for: no liquidation depends on them. Knows no reads and no prices.
import { hexLength, wordAt } from '../../src/core/abi-words'
import { KeeperError } from '../../src/core/errors'
import { zeroFloorSub } from '../../src/core/fixed-point'
import { AMOUNT_LIMBS, addressDigits, amountAt, readAddress, readAmount, writeAmount } from '../../src/core/limbs'
import { createLogClock } from '../../src/core/log-clock'
import { createPairBook, createPairMove, type PairBook, type PairMove } from '../../src/core/pair-book'
import type { PairImage } from '../../src/core/pair-image'
import { ACCOUNT, COLLATERAL, DEBT, NONE } from '../../src/core/pair-records'
import type { Address, Block, Hex, Log } from '../../src/core/primitives'
import { createUndoJournal } from '../../src/core/undo-journal'
import { type MarketParams, readParams, TOPIC, TOPIC_BORROW_RATE_UPDATE } from './abi'
import type { Totals } from './math'

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
  /** Its number in `pairs`, which holds the positions of all markets: borrow shares as debt. */
  readonly number: number
  readonly pairs: PairBook
  state: MarketState
  /** Accounts whose position must be read: they were seen first where history is incomplete. Logs of theirs change nothing till then. */
  readonly unread: Set<Address>
  /** Why nothing of it counts until all of it was read anew; null: it does. Not saved: `unread` is, and says as much. */
  quarantine: string | null
}

/** A market without its positions, for a saved state. */
export interface SavedMarket {
  readonly id: Hex
  readonly state: MarketState
  readonly unread: readonly Address[]
}

/** All that a ledger holds but what can be undone: markets by their numbers. */
export interface LedgerImage {
  readonly markets: readonly SavedMarket[]
  readonly pairs: PairImage
}

export interface Ledger {
  readonly byId: ReadonlyMap<Hex, Market>
  readonly pairs: PairBook
  /** The market of a number in `pairs`. */
  marketAt(number: number): Market
  /** The market, created empty where it is new. */
  marketOf(id: Hex, blockNumber: bigint): Market
  setState(market: Market, blockNumber: bigint, change: Partial<MarketState>): void
  setPosition(market: Market, blockNumber: bigint, account: Address, borrowShares: bigint, collateral: bigint): void
  /** Adds to a position, or subtracts. RangeError where an amount would leave 0..2^128-1. */
  raise(market: Market, blockNumber: bigint, move: PairMove): void
  lower(market: Market, blockNumber: bigint, move: PairMove): void
  setUnread(market: Market, blockNumber: bigint, accounts: readonly Address[]): void
  setQuarantine(market: Market, blockNumber: bigint, reason: string | null): void
  /** See Folder. */
  undo(fromBlock: bigint): void
  finalise(block: bigint): void
  /** Remembers how to take back something else that `blockNumber` changed. */
  record(blockNumber: bigint, takeBack: () => void): void
  /** Changes that can be undone. */
  undoable(): number
  save(): LedgerImage
  /** Into an empty ledger. Throws KeeperError bad-checkpoint, and has changed nothing, where positions and totals do not fit each other. */
  restore(image: LedgerImage): void
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

const swapUnread = (market: Market, accounts: readonly Address[]): void => {
  market.unread.clear()
  for (const account of accounts) market.unread.add(account)
}

const bad = (message: string): KeeperError => new KeeperError('bad-checkpoint', message, { retryable: true })

/** `onChange` is called after each change of a market, undo included. */
export const createLedger = (onChange: (market: Market) => void): Ledger => {
  const byId = new Map<Hex, Market>()
  const byNumber: Market[] = []
  const pairs = createPairBook()
  const journal = createUndoJournal()
  /** What states were, oldest first: almost every log changes one, so they cost no closures. */
  let states: { readonly blockNumber: bigint; readonly market: Market; readonly before: MarketState }[] = []

  const undoStates = (fromBlock: bigint): void => {
    for (let last = states.at(-1); last !== undefined && last.blockNumber >= fromBlock; last = states.at(-1)) {
      last.market.state = last.before
      onChange(last.market)
      states.pop()
    }
  }

  const add = (id: Hex, state: MarketState, unread: readonly Address[]): Market => {
    const market: Market = { id, number: pairs.addMarket(), pairs, state, unread: new Set(unread), quarantine: null }
    byId.set(id, market)
    byNumber.push(market)
    return market
  }

  const create = (id: Hex, blockNumber: bigint): Market => {
    const market = add(id, EMPTY, [])
    journal.record(blockNumber, () => {
      byId.delete(id)
      byNumber.pop()
      pairs.dropMarket()
      onChange(market)
    })
    onChange(market)
    return market
  }

  const setState = (market: Market, blockNumber: bigint, change: Partial<MarketState>): void => {
    states.push({ blockNumber, market, before: market.state })
    market.state = { ...market.state, ...change }
    onChange(market)
  }

  const setUnread = (market: Market, blockNumber: bigint, accounts: readonly Address[]): void => {
    const before = [...market.unread]
    swapUnread(market, accounts)
    journal.record(blockNumber, () => {
      swapUnread(market, before)
      onChange(market)
    })
    onChange(market)
  }

  const setQuarantine = (market: Market, blockNumber: bigint, reason: string | null): void => {
    const before = market.quarantine
    market.quarantine = reason
    journal.record(blockNumber, () => {
      market.quarantine = before
      onChange(market)
    })
    onChange(market)
  }

  /** True where a position must be read before logs may change it: nothing is known of what stood there before. */
  const awaitsRead = (market: Market, blockNumber: bigint, move: PairMove): boolean => {
    if (market.state.complete && market.unread.size === 0) return false
    const account: Address = `0x${addressDigits(move, ACCOUNT)}`
    if (market.unread.has(account)) return true
    if (market.state.complete || pairs.find(market.number, account) !== NONE) return false
    market.unread.add(account)
    journal.record(blockNumber, () => {
      market.unread.delete(account)
      onChange(market)
    })
    onChange(market)
    return true
  }

  const clear = (): void => {
    byId.clear()
    for (let { length } = byNumber.splice(0); length > 0; length--) pairs.dropMarket()
  }

  /** Of a market known from its creation the positions must add up to what is borrowed. */
  const checkSums = (): void => {
    for (const { id, number, state, unread } of byNumber) {
      const sum = pairs.debtOf(number)
      if (state.complete && unread.size === 0 && sum !== state.borrowShares)
        throw bad(`the positions saved of market ${id} owe ${sum} shares, the market ${state.borrowShares}`)
    }
  }

  const restore = ({ markets, pairs: image }: LedgerImage): void => {
    for (const { id, state, unread } of markets) add(id, state, unread)
    try {
      if (byId.size !== markets.length) throw bad('a market was saved twice')
      pairs.restore(image, checkSums)
    } catch (error) {
      clear()
      throw error
    }
    for (const market of byNumber) onChange(market)
  }

  return {
    byId,
    pairs,
    marketAt: number => byNumber[number]!,
    marketOf: (id, blockNumber) => byId.get(id) ?? create(id, blockNumber),
    setState,
    setPosition: (market, blockNumber, account, borrowShares, collateral) => {
      pairs.put(blockNumber, market.number, account, borrowShares, collateral)
      onChange(market)
    },
    raise: (market, blockNumber, move) => {
      if (awaitsRead(market, blockNumber, move)) return
      pairs.raise(blockNumber, market.number, move)
      onChange(market)
    },
    lower: (market, blockNumber, move) => {
      if (awaitsRead(market, blockNumber, move)) return
      pairs.lower(blockNumber, market.number, move)
      onChange(market)
    },
    setUnread,
    setQuarantine,
    undo: fromBlock => {
      pairs.undo(fromBlock, number => onChange(byNumber[number]!))
      undoStates(fromBlock)
      journal.undo(fromBlock)
    },
    finalise: block => {
      const keep = states.findIndex(({ blockNumber }) => blockNumber >= block)
      states = keep === -1 ? [] : states.slice(keep)
      pairs.finalise(block)
      journal.finalise(block)
    },
    record: journal.record,
    save: () => ({
      markets: byNumber.map(({ id, state, unread }) => ({ id, state, unread: [...unread].sort() })),
      pairs: pairs.save(),
    }),
    restore,
    undoable: () => pairs.undoable() + states.length + journal.size(),
  }
}

/** One log of one market; `timeSec` is null where the block's header is unknown. */
type Handler = (ledger: Ledger, market: Market, log: Log, timeSec: bigint | null) => void

/** Registers of the change at hand: filled and used up within one handler. */
const move = createPairMove()

const amount = new Uint32Array(AMOUNT_LIMBS)

/** First digit of word `index`, behind `0x`. */
const digitOf = (index: number): number => 2 + 64 * index

/** Whose position moves: the address in topic `index`. */
const startMove = (log: Log, index: number): void => {
  move.fill(0)
  readAddress(log.topics[index]!, 26, move, ACCOUNT)
}

const amountOf = (data: Hex, index: number): bigint => {
  readAmount(data, digitOf(index), amount, 0)
  return amountAt(amount, 0)
}

/** Changes totals. RangeError where one would fall below zero although all logs were folded: one before this is missing. */
const change = (ledger: Ledger, market: Market, log: Log, totals: Partial<Totals>): void => {
  for (const [name, amount] of Object.entries(totals))
    if (amount < 0n && market.state.complete) throw new RangeError(`${name} of market ${market.id} falls below zero`)
  ledger.setState(market, log.blockNumber, totals)
}

const supplied = (ledger: Ledger, market: Market, log: Log, assets: bigint, shares: bigint): void => {
  const { state } = market
  change(ledger, market, log, {
    supplyAssets: state.supplyAssets + assets,
    supplyShares: state.supplyShares + shares,
  })
}

const created: Handler = (ledger, market, log, timeSec) =>
  ledger.setState(market, log.blockNumber, { params: readParams(log.data, 0), lastUpdateSec: timeSec, complete: true })

const accrued: Handler = (ledger, market, log, timeSec) => {
  const interest = amountOf(log.data, 1)
  const { state } = market
  ledger.setState(market, log.blockNumber, {
    borrowAssets: state.borrowAssets + interest,
    supplyAssets: state.supplyAssets + interest,
    supplyShares: state.supplyShares + amountOf(log.data, 2),
    lastUpdateSec: timeSec,
  })
}

const borrowed: Handler = (ledger, market, log) => {
  startMove(log, 2)
  readAmount(log.data, digitOf(2), move, DEBT)
  const { state } = market
  ledger.setState(market, log.blockNumber, {
    borrowAssets: state.borrowAssets + amountOf(log.data, 1),
    borrowShares: state.borrowShares + amountAt(move, DEBT),
  })
  ledger.raise(market, log.blockNumber, move)
}

const repaid: Handler = (ledger, market, log) => {
  startMove(log, 3)
  readAmount(log.data, digitOf(1), move, DEBT)
  const { state } = market
  // What is repaid may exceed what is owed in all by one unit of rounding: the contract floors at zero.
  change(ledger, market, log, {
    borrowAssets: zeroFloorSub(state.borrowAssets, amountOf(log.data, 0)),
    borrowShares: state.borrowShares - amountAt(move, DEBT),
  })
  ledger.lower(market, log.blockNumber, move)
}

const liquidated: Handler = (ledger, market, log) => {
  const [repaidAssets, repaidShares] = [amountOf(log.data, 0), amountOf(log.data, 1)]
  const [badDebtAssets, badDebtShares] = [amountOf(log.data, 3), amountOf(log.data, 4)]
  const { state } = market
  change(ledger, market, log, {
    borrowShares: state.borrowShares - repaidShares - badDebtShares,
    borrowAssets: zeroFloorSub(state.borrowAssets, repaidAssets) - badDebtAssets,
    supplyAssets: state.supplyAssets - badDebtAssets,
  })
  startMove(log, 3)
  writeAmount(repaidShares + badDebtShares, move, DEBT)
  readAmount(log.data, digitOf(2), move, COLLATERAL)
  ledger.lower(market, log.blockNumber, move)
}

const deposited: Handler = (ledger, market, log) => {
  startMove(log, 3)
  readAmount(log.data, digitOf(0), move, COLLATERAL)
  ledger.raise(market, log.blockNumber, move)
}

const taken: Handler = (ledger, market, log) => {
  startMove(log, 2)
  readAmount(log.data, digitOf(1), move, COLLATERAL)
  ledger.lower(market, log.blockNumber, move)
}

const HANDLERS: Readonly<Record<Hex, Handler>> = {
  [TOPIC.createMarket]: created,
  [TOPIC.accrueInterest]: accrued,
  [TOPIC.borrow]: borrowed,
  [TOPIC.repay]: repaid,
  [TOPIC.liquidate]: liquidated,
  [TOPIC.supplyCollateral]: deposited,
  [TOPIC.withdrawCollateral]: taken,
  [TOPIC.supply]: (ledger, market, log) => supplied(ledger, market, log, amountOf(log.data, 0), amountOf(log.data, 1)),
  [TOPIC.withdraw]: (ledger, market, log) => supplied(ledger, market, log, -amountOf(log.data, 1), -amountOf(log.data, 2)),
  [TOPIC.setFee]: (ledger, market, log) => ledger.setState(market, log.blockNumber, { feeWad: wordAt(log.data, 0) }),
}

export interface LogFold {
  /** See Folder.beginBlock. */
  beginBlock(block: Block): void
  fold(log: Log): void
}

/** `follows` says which markets matter at all: logs of others cost one look-up. */
export const createLogFold = (morpho: Address, ledger: Ledger, follows: (id: Hex) => boolean): LogFold => {
  const clock = createLogClock()

  const rateUpdated = (log: Log): void => {
    const market = ledger.byId.get(log.topics[1]!)
    // Only the market's own model speaks for it; what makes no sense is read instead.
    if (market?.state.params?.irm !== log.address) return
    const isWhole = log.data.length >= hexLength(2)
    ledger.setState(market, log.blockNumber, { rateAtTarget: isWhole ? wordAt(log.data, 1) : null })
  }

  return {
    beginBlock: clock.begin,
    fold: log => {
      const [topic, id] = log.topics
      if (topic === undefined || id === undefined) return
      if (topic === TOPIC_BORROW_RATE_UPDATE) return rateUpdated(log)
      const handler = HANDLERS[topic]
      if (log.address !== morpho || handler === undefined || !follows(id)) return
      handler(ledger, ledger.marketOf(id, log.blockNumber), log, clock.timeOf(log))
    },
  }
}
