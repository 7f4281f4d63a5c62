// Liquidation as figures, whatever the protocol: two repayments that beat one under a close factor (Qin et al.), and where liquidating makes
// things worse (Warmuz et al.).
import { BPS, mulDivDown, mulDivUp, WAD } from './fixed-point'

export interface TwoSteps {
  /** Repays to a health of just 1, rounded down: whoever needs it below 1 afterwards takes a unit less where it is exact. */
  readonly first: bigint
  /** The close factor of what is left. */
  readonly second: bigint
  /** What one call alone could repay. */
  readonly single: bigint
}

/**
 * r1 = (D - LT*C) / (1 - LT*(1+b)), r2 = CF*(D - r1), in units of base currency, rounded down. Null where two steps don't apply: the
 * account is healthy, a single call may repay all, or repaying never restores its health.
 */
export const twoSteps = (
  debt: bigint,
  collateral: bigint,
  thresholdBps: bigint,
  bonusBps: bigint,
  closeFactorBps: bigint,
): TwoSteps | null => {
  const short = debt * BPS - collateral * thresholdBps
  const slope = BPS * BPS - thresholdBps * bonusBps
  if (short <= 0n || slope <= 0n || closeFactorBps >= BPS) return null
  const first = mulDivDown(short, BPS, slope)
  const single = mulDivDown(debt, closeFactorBps, BPS)
  if (first >= single) return null
  return { first, second: mulDivDown(debt - first, closeFactorBps, BPS), single }
}

/** What two steps repay more than one, as a share of one, in WAD, rounded down. */
export const twoStepGainWad = ({ first, second, single }: TwoSteps): bigint => mulDivDown(first + second - single, WAD, single)

/** Debt over collateral above which each liquidation raises that ratio: 1 / (1 + b), in WAD, rounded down. `bonusBps`: 10_500n for 5 %. */
export const toxicLtvWad = (bonusBps: bigint): bigint => mulDivDown(WAD, BPS, bonusBps)

/** Fall of the collateral's price that carries an account from its threshold to the toxic ratio, in WAD, rounded down. */
export const fallToToxicWad = (thresholdWad: bigint, toxicWad: bigint): bigint =>
  thresholdWad >= toxicWad ? 0n : WAD - mulDivUp(thresholdWad, WAD, toxicWad)

/**
 * Debt whose repayment brings an account of this health back to 1, in the unit of `debt`, rounded down; null where repaying never does.
 * `bonusBps`: 10_500n for 5 %.
 */
export const repayToRestore = (debt: bigint, healthWad: bigint, thresholdBps: bigint, bonusBps: bigint): bigint | null => {
  const slope = BPS * BPS - thresholdBps * bonusBps
  return slope <= 0n ? null : mulDivDown(debt, (WAD - healthWad) * BPS * BPS, WAD * slope)
}
