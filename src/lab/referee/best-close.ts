// Tries closes of one position on the real contracts and gives the best: sizes and routes by eth_call on a block's end state.
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import type { Hex } from '../../core/primitives'
import { refereeRigAbi } from '../world/abis'
import type { PositionState } from '../world/accounting'
import { toQuantity } from '../world/outbox'
import type { World, WorldMarket } from '../world/world'
import type { RigRoute } from './candidate-routes'
import { type CloseSize, closeOf } from './health'

/** The state to try on, and the block that the close would be in. */
export interface TryAt {
  readonly stateBlock: bigint
  readonly timestampSec: bigint
  readonly baseFeePerGasWei: bigint
}

export interface BestClose {
  readonly profitWei: bigint
  readonly gasUsed: bigint
  /** Share of the position. */
  readonly share: number
}

/** Gas of a transaction around the close that the rig does not see: the intrinsic 21,000 and its call data. */
export const OVERHEAD_GAS = 45_000n

type Share = readonly [bigint, bigint]

const COARSE: readonly Share[] = [
  [1n, 1n],
  [3n, 4n],
  [1n, 4n],
  [1n, 32n],
]
const FINE: readonly Share[] = [
  [1n, 2n],
  [3n, 8n],
  [1n, 8n],
  [1n, 16n],
  [1n, 64n],
]
const CALL_GAS = 200_000_000n

interface Tried extends BestClose {
  readonly route: RigRoute
}

interface Case {
  readonly world: Pick<World, 'rpc' | 'contracts'>
  readonly market: WorldMarket
  readonly position: PositionState
  readonly oraclePrice: bigint
  readonly at: TryAt
}

const measure = async (subject: Case, sizes: readonly CloseSize[], routes: readonly RigRoute[]) => {
  const { world, market, position, at } = subject
  const { morpho, router, wrappedNative, refereeRig } = world.contracts
  const rigSubject = { morpho, router, wrappedNative, params: market.params, borrower: position.account }
  const data = encodeFunctionData({ abi: refereeRigAbi, functionName: 'measure', args: [rigSubject, sizes, routes] })
  const call = { to: refereeRig, data, gas: toQuantity(CALL_GAS) }
  const tag = toQuantity(at.stateBlock)
  const overrides = { time: toQuantity(at.timestampSec), number: toQuantity(at.stateBlock + 1n) }
  const reply = await world.rpc.request<Hex>('eth_call', call, tag, {}, overrides)
  const [gains, gasUsed] = decodeFunctionResult({ abi: refereeRigAbi, functionName: 'measure', data: reply })
  return { gains, gasUsed }
}

const trySizes = async (subject: Case, shares: readonly Share[], routes: readonly RigRoute[]): Promise<readonly Tried[]> => {
  const { position, oraclePrice, market, at } = subject
  const sizes = shares.map(share => closeOf(position, oraclePrice, market.params.lltv, share))
  const { gains, gasUsed } = await measure(subject, sizes, routes)
  return gains.flatMap((gain, index) => {
    const share = shares[Math.floor(index / routes.length)]
    const route = routes[index % routes.length]
    if (gain === 0n || share === undefined || route === undefined) return []
    const gas = (gasUsed[index] ?? 0n) + OVERHEAD_GAS
    return [{ route, gasUsed: gas, profitWei: gain - gas * at.baseFeePerGasWei, share: Number(share[0]) / Number(share[1]) }]
  })
}

const better = (tried: readonly Tried[]): readonly Tried[] =>
  [...tried].sort((a, b) => (a.profitWei > b.profitWei ? -1 : a.profitWei < b.profitWei ? 1 : 0))

const near = (share: number): readonly Share[] =>
  [0.85, 0.95, 1.1, 1.25].map(factor => [BigInt(Math.floor(Math.min(1, share * factor) * 1e6)), 1_000_000n] as const)

const closeFrom = ({ profitWei, gasUsed, share }: Tried): BestClose => ({ profitWei, gasUsed, share })

/**
 * The best close of one position alone; null where no size can be closed by any route. Wei are wrapped native after gas at `at`'s
 * base fee, without a bid. The whole position and three parts are tried by all routes; where a part is best (thin pools, or debt
 * that outgrew its collateral), more parts are tried by the two best routes, then around the best.
 */
export const bestClose = async (subject: Case, routes: readonly RigRoute[]): Promise<BestClose | null> => {
  const coarse = better(await trySizes(subject, COARSE, routes))
  const first = coarse[0]
  // Profit is concave in size: where the whole beats three quarters, it is the best or next to it.
  if (first === undefined || first.share === 1) return first === undefined ? null : closeFrom(first)
  const narrowed = [...new Set(coarse.map(tried => tried.route))].slice(0, 2)
  const best = better([...coarse, ...(await trySizes(subject, FINE, narrowed))])[0] ?? first
  return closeFrom(better([best, ...(await trySizes(subject, near(best.share), [best.route]))])[0] ?? best)
}
