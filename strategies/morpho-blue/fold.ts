// Morpho Blue's events, and its adaptive rate model's, as changes of the ledger. Hand-sliced hex, no decoder: a log takes microseconds.
// FlashLoan, owner and authorisation events change nothing that is kept and are not asked for.
import { zeroFloorSub } from '../../src/core/fixed-point'
import { AMOUNT_LIMBS, amountAt, readAddress, readAmount, writeAmount } from '../../src/core/limbs'
import { createPairMove } from '../../src/core/pair-book'
import { ACCOUNT, COLLATERAL, DEBT } from '../../src/core/pair-records'
import type { Address, Block, Hex, Log } from '../../src/core/primitives'
import { hexLength, readParams, TOPIC, TOPIC_BORROW_RATE_UPDATE, wordAt } from './abi'
import type { Ledger, Market } from './ledger'
import type { Totals } from './math'

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
  let header: Block | null = null

  const timeOf = (log: Log): bigint | null =>
    header !== null && header.number === log.blockNumber && header.hash === log.blockHash ? header.timestampSec : null

  const rateUpdated = (log: Log): void => {
    const market = ledger.byId.get(log.topics[1]!)
    // Only the market's own model speaks for it; what makes no sense is read instead.
    if (market?.state.params?.irm !== log.address) return
    const isWhole = log.data.length >= hexLength(2)
    ledger.setState(market, log.blockNumber, { rateAtTarget: isWhole ? wordAt(log.data, 1) : null })
  }

  return {
    beginBlock: block => {
      header = block
    },
    fold: log => {
      const [topic, id] = log.topics
      if (topic === undefined || id === undefined) return
      if (topic === TOPIC_BORROW_RATE_UPDATE) return rateUpdated(log)
      const handler = HANDLERS[topic]
      if (log.address !== morpho || handler === undefined || !follows(id)) return
      handler(ledger, ledger.marketOf(id, log.blockNumber), log, timeOf(log))
    },
  }
}
