// The ways to close one position, exact at the target block and still valid when the transaction lands some slots later.
import { minOf } from '../../src/core/fixed-point'
import type { Close } from '../../src/core/opportunity'
import type { Address } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'
import { encodeLiquidate, LIQUIDATE_DATA_WORD, type MarketParams } from './abi'
import { type LiquidationTerms, liquidate, repaidForShares, seizedForShares, sharesForSeized, toSharesDown } from './math'

/**
 * Gas of `liquidate` without callback, swaps and transaction base: accrual, rate model, oracle, position and totals, two token transfers, the
 * event. 90,000 to 98,000 on a local chain with plain tokens and an oracle of one slot; feeds behind proxies cost some 15,000 more.
 */
const LIQUIDATE_GAS = 110_000n

/** One position to close: terms at the target block, and at the last moment in which the call must still be valid. */
export interface Closing {
  readonly morpho: Address
  readonly params: MarketParams
  readonly borrower: Address
  readonly borrowShares: bigint
  readonly collateral: bigint
  readonly terms: LiquidationTerms
  readonly laterTerms: LiquidationTerms
}

/** What `liquidate` is asked: exactly one is non-zero. */
export interface Ask {
  readonly seizedAssets: bigint
  readonly repaidShares: bigint
}

const bySeizure = (seizedAssets: bigint): Ask => ({ seizedAssets, repaidShares: 0n })
const byShares = (repaidShares: bigint): Ask => ({ seizedAssets: 0n, repaidShares })

/** The most shares whose seizure at `terms` fits `collateral`: sharesForSeized and seizedForShares are exact counterparts. */
const mostSharesFor = (collateral: bigint, terms: LiquidationTerms): bigint => sharesForSeized(collateral + 1n, terms) - 1n

/**
 * How to repay `shares` of the debt so that the call does not revert from the target on until the later moment. Interest makes each share
 * dearer, so a call by shares seizes more the later it lands and must fit the collateral at the end; a call by seizure implies fewer
 * shares the later it lands and must fit them at the start. So: by shares where their seizure fits later; else by the seizure that they
 * are worth now, at most all collateral; where that is nothing (a unit of collateral is worth more than the debt), by the shares that fit.
 */
const askFor = (shares: bigint, closing: Closing): Ask => {
  if (seizedForShares(shares, closing.laterTerms) <= closing.collateral) return byShares(shares)
  const seizable = minOf(seizedForShares(shares, closing.terms), closing.collateral)
  return seizable > 0n ? bySeizure(seizable) : byShares(mostSharesFor(closing.collateral, closing.laterTerms))
}

/** The most that can be closed: all debt, or all collateral where it covers less (the contract then writes the rest off). */
export const fullAsk = (closing: Closing): Ask => askFor(closing.borrowShares, closing)

/** What can be had for `pay` loan units or less; shares round down so that the contract, rounding up, takes no more than `pay`. */
const askForPay = (pay: bigint, closing: Closing): Ask => {
  const shares = toSharesDown(pay, closing.terms.borrowAssets, closing.terms.borrowShares)
  return askFor(minOf(shares, closing.borrowShares), closing)
}

const amountsOf = (ask: Ask, terms: LiquidationTerms): ReturnType<Close['amountsFor']> => {
  const shares = ask.seizedAssets > 0n ? sharesForSeized(ask.seizedAssets, terms) : ask.repaidShares
  const received = ask.seizedAssets > 0n ? ask.seizedAssets : seizedForShares(ask.repaidShares, terms)
  const paid = repaidForShares(shares, terms)
  return { paid, received, needed: paid }
}

const encode = (ask: Ask, closing: Closing, inside: readonly Step[]): readonly Step[] => [
  {
    kind: 'call',
    to: closing.morpho,
    data: encodeLiquidate(closing.params, closing.borrower, ask.seizedAssets, ask.repaidShares),
    fills: [],
    callback: {
      from: closing.morpho,
      dataWord: LIQUIDATE_DATA_WORD,
      // onMorphoLiquidate(uint256 repaidAssets, bytes): Morpho pulls exactly the first argument when the callback ends.
      program: [
        ...inside,
        { kind: 'approve', token: closing.params.loanToken, spender: closing.morpho, amount: { kind: 'argument', word: 0 } },
      ],
    },
  },
]

/** Null where not even one share can be repaid without a revert (a share worth more than the collateral). */
export const createClose = (closing: Closing): Close | null => {
  const full = fullAsk(closing)
  if (full.repaidShares === 0n && full.seizedAssets === 0n) return null
  const most = amountsOf(full, closing.terms)
  const least = repaidForShares(1n, closing.terms)
  const askOf = (pay: bigint): Ask => (pay >= most.paid ? full : askForPay(pay, closing))
  return {
    kind: 'repay',
    funding: 'callback',
    payToken: closing.params.loanToken,
    receiveToken: closing.params.collateralToken,
    minPay: minOf(least, most.paid),
    maxPay: most.paid,
    amountsFor: pay => (pay >= most.paid ? most : amountsOf(askForPay(pay, closing), closing.terms)),
    encode: (pay, inside) => encode(askOf(pay), closing, inside),
    paidWord: 0,
    gas: LIQUIDATE_GAS,
  }
}

/** Loan units that stay unpaid after the full close: what the contract writes off against the suppliers. */
export const badDebtAfter = (closing: Closing): bigint => liquidate(closing, closing.terms, fullAsk(closing))?.badDebtAssets ?? 0n
