// Morpho Blue's events, and its adaptive rate model's, as changes of the ledger. Hand-sliced hex, no decoder: a log takes microseconds.
// FlashLoan, owner and authorisation events change nothing that is kept and are not asked for.
import { zeroFloorSub } from '../../src/core/fixed-point'
import type { Address, Block, Hex, Log } from '../../src/core/primitives'
import { readParams, TOPIC, TOPIC_BORROW_RATE_UPDATE, topicAddress, wordAt } from './abi'
import type { Ledger, Market } from './ledger'

/** One log of one market; `timeSec` is null where the block's header is unknown. */
type Handler = (ledger: Ledger, market: Market, log: Log, timeSec: bigint | null) => void

const move = (ledger: Ledger, market: Market, log: Log, account: Address, shares: bigint, collateral: bigint): void => {
  const position = market.positions.get(account)
  ledger.setPosition(
    market,
    log.blockNumber,
    account,
    (position?.borrowShares ?? 0n) + shares,
    (position?.collateral ?? 0n) + collateral,
  )
}

const supplied = (ledger: Ledger, market: Market, log: Log, assets: bigint, shares: bigint): void => {
  const { state } = market
  ledger.setState(market, log.blockNumber, {
    supplyAssets: state.supplyAssets + assets,
    supplyShares: state.supplyShares + shares,
  })
}

const created: Handler = (ledger, market, log, timeSec) =>
  ledger.setState(market, log.blockNumber, { params: readParams(log.data, 0), lastUpdateSec: timeSec, complete: true })

const accrued: Handler = (ledger, market, log, timeSec) => {
  const interest = wordAt(log.data, 1)
  const { state } = market
  ledger.setState(market, log.blockNumber, {
    borrowAssets: state.borrowAssets + interest,
    supplyAssets: state.supplyAssets + interest,
    supplyShares: state.supplyShares + wordAt(log.data, 2),
    lastUpdateSec: timeSec,
  })
}

const borrowed: Handler = (ledger, market, log) => {
  const [assets, shares] = [wordAt(log.data, 1), wordAt(log.data, 2)]
  const { state } = market
  ledger.setState(market, log.blockNumber, {
    borrowAssets: state.borrowAssets + assets,
    borrowShares: state.borrowShares + shares,
  })
  move(ledger, market, log, topicAddress(log.topics[2]!), shares, 0n)
}

const repaid: Handler = (ledger, market, log) => {
  const [assets, shares] = [wordAt(log.data, 0), wordAt(log.data, 1)]
  const { state } = market
  // What is repaid may exceed what is owed in all by one unit of rounding: the contract floors at zero.
  ledger.setState(market, log.blockNumber, {
    borrowAssets: zeroFloorSub(state.borrowAssets, assets),
    borrowShares: state.borrowShares - shares,
  })
  move(ledger, market, log, topicAddress(log.topics[3]!), -shares, 0n)
}

const liquidated: Handler = (ledger, market, log) => {
  const [repaidAssets, repaidShares, seized] = [wordAt(log.data, 0), wordAt(log.data, 1), wordAt(log.data, 2)]
  const [badDebtAssets, badDebtShares] = [wordAt(log.data, 3), wordAt(log.data, 4)]
  const { state } = market
  ledger.setState(market, log.blockNumber, {
    borrowShares: state.borrowShares - repaidShares - badDebtShares,
    borrowAssets: zeroFloorSub(state.borrowAssets, repaidAssets) - badDebtAssets,
    supplyAssets: state.supplyAssets - badDebtAssets,
  })
  move(ledger, market, log, topicAddress(log.topics[3]!), -(repaidShares + badDebtShares), -seized)
}

const HANDLERS: Readonly<Record<Hex, Handler>> = {
  [TOPIC.createMarket]: created,
  [TOPIC.accrueInterest]: accrued,
  [TOPIC.borrow]: borrowed,
  [TOPIC.repay]: repaid,
  [TOPIC.liquidate]: liquidated,
  [TOPIC.supplyCollateral]: (ledger, market, log) =>
    move(ledger, market, log, topicAddress(log.topics[3]!), 0n, wordAt(log.data, 0)),
  [TOPIC.withdrawCollateral]: (ledger, market, log) =>
    move(ledger, market, log, topicAddress(log.topics[2]!), 0n, -wordAt(log.data, 1)),
  [TOPIC.supply]: (ledger, market, log) => supplied(ledger, market, log, wordAt(log.data, 0), wordAt(log.data, 1)),
  [TOPIC.withdraw]: (ledger, market, log) => supplied(ledger, market, log, -wordAt(log.data, 1), -wordAt(log.data, 2)),
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
    // Only the market's own model speaks for it.
    if (market?.state.params?.irm === log.address) ledger.setState(market, log.blockNumber, { rateAtTarget: wordAt(log.data, 1) })
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
