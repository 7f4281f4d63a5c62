// Finds what is under water: a float screen over the market's index, then the contract's own arithmetic for each hit.
import type { Opportunity } from '../../src/core/opportunity'
import type { PairQuery, PairTerms } from '../../src/core/pair-query'
import type { Address } from '../../src/core/primitives'
import type { DebtAtRisk, Scope } from '../../src/core/strategy'
import { debtAtTerms } from '../../src/core/what-if'
import { badDebtAfter, type Closing, createClose } from './close'
import type { Judge, Judged, Quotes } from './judge'
import type { Market } from './ledger'
import { isHealthy, liquidationIncentiveWad, type Totals, toAssetsUp, VIRTUAL_ASSETS, VIRTUAL_SHARES } from './math'

export interface FinderSettings {
  readonly strategy: string
  readonly morpho: Address
  readonly horizonSec: bigint
  readonly scope: Scope
}

const sharesPerAsset = (totals: Totals): number =>
  Number(totals.borrowShares + VIRTUAL_SHARES) / Number(totals.borrowAssets + VIRTUAL_ASSETS)

/** The pairKey above which a position is under water: price * lltv / assets per share. Float, relative error below 1e-14. */
export const thresholdOf = (totals: Totals, price: bigint, lltvWad: bigint): number =>
  (Number(price) / 1e36) * (Number(lltvWad) / 1e18) * sharesPerAsset(totals)

/** A market at a price as the query of positions sees it. Debt is rounded up and value down twice: 3 loan units or less in all. */
export const termsOf = (totals: Totals, price: bigint, lltvWad: bigint): PairTerms => ({
  threshold: thresholdOf(totals, price, lltvWad),
  rounding: 3 * sharesPerAsset(totals),
  isUnderWater: (borrowShares, collateral) => !isHealthy(borrowShares, collateral, totals, price, lltvWad),
})

/** True where the settings leave the position alone: account not allowed, or too little owed. */
const createScopeTest = (scope: Scope): ((account: Address, debtAssets: bigint, loanToken: Address) => boolean) => {
  const allowed = new Set(scope.accounts.allow)
  const denied = new Set(scope.accounts.deny)
  return (account, debtAssets, loanToken) =>
    !denied.has(account) && (allowed.size === 0 || allowed.has(account)) && debtAssets >= (scope.minDebtAssets[loanToken] ?? 0n)
}

export interface Finder {
  /** All positions of the market that the contract would let be liquidated at `timestampSec`, with their closes. */
  underWater(market: Market, timestampSec: bigint, quotes?: Quotes): readonly Opportunity[]
  /** See Book.debtAtRisk; null where the market has nothing to do with `token`. */
  debtAtRisk(market: Market, timestampSec: bigint, token: Address, falls: readonly Quotes[]): DebtAtRisk | null
}

export const createFinder = (settings: FinderSettings, judge: Judge, query: PairQuery): Finder => {
  const { strategy, morpho, horizonSec } = settings
  const isInScope = createScopeTest(settings.scope)

  const opportunityOf = (market: Market, closing: Closing): Opportunity => {
    const close = createClose(closing)
    return {
      position: { strategy, market: market.id, account: closing.borrower },
      closes: close === null ? [] : [close],
      obstacle: close === null ? 'the smallest repayment is worth more than all collateral' : null,
      debtAssets: badDebtAfter(closing),
    }
  }

  /** `found` are slots of positions under water. */
  const confirm = (
    market: Market,
    judged: Extract<Judged, { kind: 'ok' }>,
    found: Uint32Array,
    timestampSec: bigint,
    quotes: Quotes | undefined,
  ): readonly Opportunity[] => {
    const { params, totals, price } = judged
    const { pairs } = market
    const later = judge.judge(market, timestampSec + horizonSec, quotes)
    const terms = {
      borrowAssets: totals.borrowAssets,
      borrowShares: totals.borrowShares,
      price,
      incentiveWad: liquidationIncentiveWad(params.lltvWad),
    }
    const laterTerms = later.kind === 'ok' ? { ...terms, borrowAssets: later.totals.borrowAssets } : terms
    const opportunities: Opportunity[] = []
    for (const slot of found) {
      const [account, borrowShares, collateral] = [pairs.accountAt(slot), pairs.debtAt(slot), pairs.collateralAt(slot)]
      if (!isInScope(account, toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares), params.loanToken)) continue
      opportunities.push(
        opportunityOf(market, { morpho, params, borrower: account, borrowShares, collateral, terms, laterTerms }),
      )
    }
    return opportunities
  }

  const underWater = (market: Market, timestampSec: bigint, quotes?: Quotes): readonly Opportunity[] => {
    const judged = judge.judge(market, timestampSec, quotes)
    if (judged.kind === 'fault') return []
    const terms = termsOf(judged.totals, judged.price, judged.params.lltvWad)
    const found = query.underWater(market.number, terms)
    return found.length === 0 ? [] : confirm(market, judged, found, timestampSec, quotes)
  }

  const debtAtRisk = (market: Market, timestampSec: bigint, token: Address, falls: readonly Quotes[]): DebtAtRisk | null => {
    const { params } = market.state
    if (params === null || (params.collateralToken !== token && params.loanToken !== token)) return null
    const judged = falls.map(quotes => judge.judge(market, timestampSec, quotes))
    const debts = debtAtTerms(
      query,
      market.number,
      judged.map(each => (each.kind === 'fault' ? null : termsOf(each.totals, each.price, params.lltvWad))),
    )
    return {
      market: market.id,
      debtToken: params.loanToken,
      debtAssets: debts.map(({ debt }, i) => {
        const each = judged[i]!
        return each.kind === 'fault' ? 0n : toAssetsUp(debt, each.totals.borrowAssets, each.totals.borrowShares)
      }),
      positions: debts.map(({ positions }) => positions),
    }
  }

  return { underWater, debtAtRisk }
}
