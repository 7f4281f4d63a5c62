// The referee's own reading of Morpho's rules: who is unhealthy, and how much of a position one close can take.
// Written from the contract; shares nothing with the strategy that it judges.
import type { PositionState } from '../world/accounting'

const WAD = 10n ** 18n
const ORACLE_SCALE = 10n ** 36n
const LIQUIDATION_CURSOR = (3n * WAD) / 10n
const MAX_INCENTIVE = (115n * WAD) / 100n

/** Most debt that the collateral allows (Morpho._isHealthy), rounded down as there. */
export const maxBorrow = (position: PositionState, oraclePrice: bigint, lltv: bigint): bigint =>
  (((position.collateralAssets * oraclePrice) / ORACLE_SCALE) * lltv) / WAD

/** True where Morpho would let anyone liquidate. */
export const isUnhealthy = (position: PositionState, oraclePrice: bigint, lltv: bigint): boolean =>
  position.borrowShares > 0n && maxBorrow(position, oraclePrice, lltv) < position.debtAssets

/** Health as a plain ratio, for deciding whom to look at; Infinity without debt. */
export const healthRatio = (position: PositionState, oraclePrice: bigint, lltv: bigint): number =>
  position.borrowShares === 0n || position.debtAssets === 0n
    ? Number.POSITIVE_INFINITY
    : Number(maxBorrow(position, oraclePrice, lltv)) / Number(position.debtAssets)

/** Morpho's liquidation incentive factor, WAD. */
export const incentiveFactor = (lltv: bigint): bigint => {
  const factor = (WAD * WAD) / (WAD - (LIQUIDATION_CURSOR * (WAD - lltv)) / WAD)
  return factor < MAX_INCENTIVE ? factor : MAX_INCENTIVE
}

/** Debt (loan units) that even seizing all collateral at the incentive leaves unpaid; 0n if none. */
export const unpayableDebt = (position: PositionState, oraclePrice: bigint, lltv: bigint): bigint => {
  const payable = (((position.collateralAssets * oraclePrice) / ORACLE_SCALE) * WAD) / incentiveFactor(lltv)
  return position.debtAssets > payable ? position.debtAssets - payable : 0n
}

export interface CloseSize {
  readonly seizedAssets: bigint
  readonly repaidShares: bigint
}

/** A close of `numerator / denominator` of the position: by shares, or by collateral where the debt outgrew it. */
export const closeOf = (
  position: PositionState,
  oraclePrice: bigint,
  lltv: bigint,
  [numerator, denominator]: readonly [bigint, bigint],
): CloseSize =>
  unpayableDebt(position, oraclePrice, lltv) > 0n
    ? { seizedAssets: (position.collateralAssets * numerator) / denominator, repaidShares: 0n }
    : { seizedAssets: 0n, repaidShares: (position.borrowShares * numerator) / denominator }
