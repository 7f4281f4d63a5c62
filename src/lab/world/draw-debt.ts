// How much one borrower owes, drawn as the spec says.
import type { Random } from './random'
import type { BorrowersSpec } from './spec'

/** USD. */
export const drawDebtUsd = ({ debtUsd, dust }: Pick<BorrowersSpec, 'debtUsd' | 'dust'>, random: Random): number => {
  const drawn = Math.min(debtUsd.max, Math.max(debtUsd.min, debtUsd.median * Math.exp(debtUsd.sigma * random.normal())))
  return dust !== undefined && random.unit() < dust.share ? random.between(1, dust.maxDebtUsd) : drawn
}
