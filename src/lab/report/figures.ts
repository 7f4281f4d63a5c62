// Figures as people read them. Formats only.

/** Wei of the native token as ether with four decimals, cut off. */
export const eth = (wei: string | bigint): string => {
  const value = BigInt(wei)
  const [sign, size] = value < 0n ? ['-', -value] : ['', value]
  return `${sign}${size / 10n ** 18n}.${(size % 10n ** 18n).toString().padStart(18, '0').slice(0, 4)}`
}

/** Whole dollars; null where there is no figure. */
export const usd = (value: number | null): string =>
  value === null ? 'n/a' : `$${value.toLocaleString('en-US', { maximumFractionDigits: 0 })}`

/** Both ends of an address or id. */
export const short = (hex: string): string => (hex.length > 14 ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : hex)

/** A loan-to-value limit; null where a market has more than one. */
export const limit = (pct: number | null): string => (pct === null ? 'each its own' : `${pct} %`)
