// Ways from collateral to wrapped native and to the debt token, as the referee tries them: by pool addresses and fees alone.
import { concatHex, type Hex as ViemHex } from 'viem'
import type { Address, Hex } from '../../core/primitives'

export interface RefereePool {
  readonly token0: { readonly address: Address }
  readonly token1: { readonly address: Address }
  readonly fee: number
}

/** As LabRefereeRig takes it. */
export interface RigRoute {
  readonly isBuyFirst: boolean
  readonly sell: Hex
  readonly buy: Hex
}

interface Hop {
  readonly to: Address
  readonly fee: number
}

const MAX_PATHS = 3
const NO_SWAP: Hex = '0x'

const hopsFrom = (pools: readonly RefereePool[], token: Address): readonly Hop[] =>
  pools.flatMap(({ token0, token1, fee }) =>
    token0.address === token ? [{ to: token1.address, fee }] : token1.address === token ? [{ to: token0.address, fee }] : [],
  )

const feeBytes = (fee: number): Hex => `0x${fee.toString(16).padStart(6, '0')}`

const encode = (from: Address, hops: readonly Hop[]): Hex =>
  concatHex([from, ...hops.flatMap(hop => [feeBytes(hop.fee), hop.to])]) as ViemHex

/** Paths of one pool, then of two; at most three. From a token to itself: one empty path. */
export const pathsBetween = (pools: readonly RefereePool[], from: Address, to: Address): readonly Hex[] => {
  if (from === to) return [NO_SWAP]
  const first = hopsFrom(pools, from)
  const direct = first.filter(hop => hop.to === to).map(hop => encode(from, [hop]))
  const twice = first
    .filter(hop => hop.to !== to)
    .flatMap(hop =>
      hopsFrom(pools, hop.to)
        .filter(next => next.to === to)
        .map(next => encode(from, [hop, next])),
    )
  return [...direct, ...twice].slice(0, MAX_PATHS)
}

/** Every way that is tried for a market: through wrapped native, and straight where a pool joins collateral and debt. */
export const candidateRoutes = (
  pools: readonly RefereePool[],
  collateral: Address,
  loan: Address,
  wrappedNative: Address,
): readonly RigRoute[] => {
  const sells = pathsBetween(pools, collateral, wrappedNative)
  // Exact-output paths run backwards.
  const buys = pathsBetween(pools, loan, wrappedNative)
  const throughNative = sells.flatMap(sell => buys.map(buy => ({ isBuyFirst: false, sell, buy })))
  if (collateral === wrappedNative || loan === wrappedNative) return throughNative
  const straight = hopsFrom(pools, loan)
    .filter(hop => hop.to === collateral)
    .map(hop => ({ isBuyFirst: true, sell: sells[0] ?? NO_SWAP, buy: encode(loan, [hop]) }))
  return [...throughNative, ...straight]
}
