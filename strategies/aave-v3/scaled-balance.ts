// Scaled balances from token events, which carry rounded token units: each version's rounding turned round. Pure maths, no log format.
import { mulDivDown, mulDivUp } from '../../src/core/fixed-point'
import { type AaveRules, collateralBalance, debtBalance, RAY, rayDiv } from './math'

export type TokenSide = 'collateral' | 'debt'

/** A Mint or Burn event of an aToken or variable debt token. A repayment smaller than the interest since is a Mint, too. */
export interface BalanceEvent {
  readonly kind: 'mint' | 'burn'
  readonly value: bigint
  readonly balanceIncrease: bigint
  readonly indexRay: bigint
}

/**
 * v3.0 says what was added or taken: the amount is `value` less the interest, and was scaled half up. An equal Mint only books interest.
 * Mirrors ScaledBalanceTokenBase._mintScaled and _burnScaled.
 */
const afterV30 = (scaled: bigint, { kind, value, balanceIncrease, indexRay }: BalanceEvent): bigint => {
  const added = kind === 'mint' ? value - balanceIncrease : -(value + balanceIncrease)
  return added >= 0n ? scaled + rayDiv(added, indexRay) : scaled - rayDiv(-added, indexRay)
}

/** The one scaled balance that is worth `balance`; null if none is. Indices are never below 1, so there is no second. */
const scaledWorth = (rules: AaveRules, side: TokenSide, balance: bigint, indexRay: bigint): bigint | null => {
  const isDebt = side === 'debt'
  const scaled = isDebt ? mulDivDown(balance, RAY, indexRay) : mulDivUp(balance, RAY, indexRay)
  const back = isDebt ? debtBalance(rules, scaled, indexRay) : collateralBalance(rules, scaled, indexRay)
  return back === balance ? scaled : null
}

/**
 * Scaled balance after the event, from the one before. Since v3.5 the event tells the rounded balance afterwards, which only one scaled
 * balance has. Null where event and balance contradict each other: something was missed, read `scaledBalanceOf` instead.
 */
export const scaledAfter = (rules: AaveRules, side: TokenSide, scaled: bigint, event: BalanceEvent): bigint | null => {
  if (event.indexRay < RAY) return null
  if (rules === 'v3.0') {
    const after = afterV30(scaled, event)
    return after >= 0n ? after : null
  }
  const { kind, value, balanceIncrease, indexRay } = event
  const accrued = side === 'debt' ? debtBalance(rules, scaled, indexRay) : collateralBalance(rules, scaled, indexRay)
  const balance = accrued - balanceIncrease + (kind === 'mint' ? value : -value)
  return balance >= 0n ? scaledWorth(rules, side, balance, indexRay) : null
}
