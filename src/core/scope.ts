// The settings' lists as tests: which markets to follow, which positions to leave alone. Knows no protocol.
import type { Address, Hex } from './primitives'
import type { Scope } from './strategy'

/** Whether the lists let the market be acted on; the answer is remembered. */
export const createMarketTest = ({ markets }: Scope): ((id: Hex) => boolean) => {
  const known = new Map<Hex, boolean>()
  return id => {
    const answer = known.get(id) ?? (!markets.deny.includes(id) && (markets.allow.length === 0 || markets.allow.includes(id)))
    known.set(id, answer)
    return answer
  }
}

/** False where the settings leave the position alone: account not allowed, or too little owed (units of the debt token). */
export const createPositionTest = ({
  accounts,
  minDebtAssets,
}: Scope): ((account: Address, debtAssets: bigint, debtToken: Address) => boolean) => {
  const allowed = new Set(accounts.allow)
  const denied = new Set(accounts.deny)
  return (account, debtAssets, debtToken) =>
    !denied.has(account) && (allowed.size === 0 || allowed.has(account)) && debtAssets >= (minDebtAssets[debtToken] ?? 0n)
}
