// How much block space everybody else wants: sets the filler's gas so that the base fee follows the market's stress.
// EIP-1559 itself is left to the chain, so every base fee is exactly what the parent's header says.
import { nextBaseFeeWei } from '../../core/base-fee'
import type { Block } from '../../core/primitives'
import type { PriceSeries } from '../prices/series'
import type { BaseFeeSpec } from './spec'

export type ParentFees = Pick<Block, 'baseFeePerGasWei' | 'gasUsed' | 'gasLimit'>

const HOUR_SEC = 3_600
// Left for oracle posts, arbitrage and liquidations in a full block.
const RESERVED_GAS = 16_000_000n
// What those use of an ordinary block: a guess that the feedback over blocks corrects.
const USUAL_GAS = 1_000_000n
/** EIP-7825: no transaction may ask for more. */
const TRANSACTION_GAS_CAP = 1n << 24n

/** high / low - 1 of the lead asset over the hour of closes that ends with `bar`. */
export const hourRange = (series: PriceSeries, asset: string, bar: number): number => {
  const closes = series.closes[asset] ?? []
  const bars = Math.ceil(HOUR_SEC / series.barSec)
  const window = closes.slice(Math.max(0, bar + 1 - bars), bar + 1)
  return window.length === 0 ? 0 : Math.max(...window) / Math.min(...window) - 1
}

/** The base fee that the crowd's bids would settle at. */
export const wantedBaseFeeWei = (spec: BaseFeeSpec, series: PriceSeries, bar: number): bigint => {
  const stress = BigInt(Math.round(hourRange(series, spec.leadAsset, bar) * 1e6))
  const wanted = spec.quietWei + (spec.weiPerRange * stress) / 1_000_000n
  return wanted < spec.maxWei ? wanted : spec.maxWei
}

/** Gas of each filler transaction of the next block: as much as moves the base fee towards `wantedWei`. */
export const fillerGas = (wantedWei: bigint, parent: ParentFees): readonly bigint[] => {
  const next = nextBaseFeeWei(parent)
  if (next === 0n) return []
  const target = parent.gasLimit / 2n
  // base * (1 + (used - target) / target / 8) = wanted, solved for used.
  const used = target + ((wantedWei - next) * target * 8n) / next
  const room = parent.gasLimit - RESERVED_GAS
  let left = (used < room ? used : room) - USUAL_GAS
  const parts: bigint[] = []
  for (; left > 100_000n; left -= TRANSACTION_GAS_CAP) parts.push(left < TRANSACTION_GAS_CAP ? left : TRANSACTION_GAS_CAP)
  return parts
}
