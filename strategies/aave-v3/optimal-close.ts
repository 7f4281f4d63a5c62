// Two repayments that beat one under a close factor (Qin et al.), and where liquidating makes things worse (Warmuz et al.). Pure figures.
import { mulDivDown, mulDivUp, WAD } from '../../src/core/fixed-point'

const PERCENT = 10_000n

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
  const short = debt * PERCENT - collateral * thresholdBps
  const slope = PERCENT * PERCENT - thresholdBps * bonusBps
  if (short <= 0n || slope <= 0n || closeFactorBps >= PERCENT) return null
  const first = mulDivDown(short, PERCENT, slope)
  const single = mulDivDown(debt, closeFactorBps, PERCENT)
  if (first >= single) return null
  return { first, second: mulDivDown(debt - first, closeFactorBps, PERCENT), single }
}

/** What two steps repay more than one, as a share of one, in WAD, rounded down. */
export const twoStepGainWad = ({ first, second, single }: TwoSteps): bigint => mulDivDown(first + second - single, WAD, single)

/** Debt over collateral above which each liquidation raises that ratio: 1 / (1 + b), in WAD, rounded down. `bonusBps`: 10_500n for 5 %. */
export const toxicLtvWad = (bonusBps: bigint): bigint => mulDivDown(WAD, PERCENT, bonusBps)

/** Fall of the collateral's price that carries an account from its threshold to the toxic ratio, in WAD, rounded down. */
export const fallToToxicWad = (thresholdWad: bigint, toxicWad: bigint): bigint =>
  thresholdWad >= toxicWad ? 0n : WAD - mulDivUp(thresholdWad, WAD, toxicWad)
