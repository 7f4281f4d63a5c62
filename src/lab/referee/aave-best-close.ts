// Tries closes of one Aave account on the real contracts and gives the best: which collateral, which debt, how much, by which swaps; by eth_call
// on a block's end state. Knows no rule of the protocol: what the pool refuses has no gain.
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import type { Prices } from '../prices/rounds'
import type { AaveBalances } from '../world/aave/accounting'
import { LabAaveRig } from '../world/lab-artifacts'
import { priceOf, usdOf } from '../world/market-price'
import { toQuantity } from '../world/outbox'
import type { World, WorldAave, WorldAaveReserve } from '../world/world'
import { OVERHEAD_GAS, type TryAt } from './best-close'
import { candidateRoutes, type RigRoute } from './candidate-routes'

export interface AaveBestClose {
  readonly profitWei: bigint
  readonly gasUsed: bigint
  /** Tokens. */
  readonly collateral: Address
  readonly debt: Address
  /** What each call asked for, in a row; the largest uint256: as much as the pool allows. */
  readonly repays: readonly bigint[]
}

export interface AaveCase {
  readonly world: Pick<World, 'rpc' | 'contracts' | 'pools'>
  readonly aave: WorldAave
  readonly balances: AaveBalances
  /** Market prices: they order the tries, nothing else. */
  readonly prices: Prices
  readonly at: TryAt
  /** Stops at the first close that leaves more than this after gas; null: the best of all is wanted. */
  readonly enoughWei: bigint | null
}

interface Pair {
  readonly collateral: WorldAaveReserve
  readonly debt: WorldAaveReserve
  readonly debtAssets: bigint
  /** USD (WAD) that can change hands at most. */
  readonly worth: bigint
  readonly routes: readonly RigRoute[]
}

interface Attempt {
  readonly pair: Pair
  readonly repays: readonly bigint[]
  readonly route: RigRoute
}

interface Tried extends AaveBestClose {
  readonly attempt: Attempt
}

const MAX_UINT256 = (1n << 256n) - 1n
const CALL_GAS = 1_000_000_000n
/** Percent of a debt that are tried besides as much as possible, and as the first of two calls. */
const PARTS = [75n, 50n, 25n] as const
const FIRST_OF_TWO = [10n, 20n, 30n, 40n] as const

const pairsOf = ({ world, aave, balances, prices }: AaveCase): readonly Pair[] => {
  const usd = ({ token }: WorldAaveReserve, assets: bigint): bigint => usdOf(assets, priceOf(prices, token), token.decimals)
  const pairs = aave.reserves.flatMap((collateral, c) =>
    aave.reserves.flatMap((debt, d) => {
      const [held, owed] = [balances.collateral[c] ?? 0n, balances.debt[d] ?? 0n]
      if (held === 0n || owed === 0n) return []
      const [seized, repaid] = [usd(collateral, held), usd(debt, owed)]
      const routes = candidateRoutes(world.pools, collateral.token.address, debt.token.address, world.contracts.wrappedNative)
      return [{ collateral, debt, debtAssets: owed, worth: seized < repaid ? seized : repaid, routes }]
    }),
  )
  return pairs.sort((a, b) => (a.worth > b.worth ? -1 : a.worth < b.worth ? 1 : 0))
}

const measure = async (subject: AaveCase, attempts: readonly Attempt[]): Promise<readonly Tried[]> => {
  if (attempts.length === 0) return []
  const { world, aave, balances, at, enoughWei } = subject
  const { morpho, router, wrappedNative } = world.contracts
  const rigSubject = { pool: aave.pool, morpho, router, wrappedNative, borrower: balances.account }
  const wire = attempts.map(({ pair, repays, route }) => ({
    collateral: pair.collateral.token.address,
    debt: pair.debt.token.address,
    repays: [...repays],
    flash: pair.debtAssets,
    ...route,
  }))
  const price = at.baseFeePerGasWei
  // The rig does not see the gas around the close: it has to leave that much more.
  const enough = enoughWei === null ? MAX_UINT256 : enoughWei + OVERHEAD_GAS * price
  const data = encodeFunctionData({ abi: LabAaveRig.abi, functionName: 'measure', args: [rigSubject, wire, price, enough] })
  const call = { to: aave.rig, data, gas: toQuantity(CALL_GAS) }
  const overrides = { time: toQuantity(at.timestampSec), number: toQuantity(at.stateBlock + 1n) }
  const reply = await world.rpc.request<Hex>('eth_call', call, toQuantity(at.stateBlock), {}, overrides)
  const [gains, gasUsed] = decodeFunctionResult({ abi: LabAaveRig.abi, functionName: 'measure', data: reply })
  return gains.flatMap((gain, index) => {
    const attempt = attempts[index]
    if (gain === 0n || attempt === undefined) return []
    const gas = (gasUsed[index] ?? 0n) + OVERHEAD_GAS
    const { collateral, debt } = attempt.pair
    const [from, to] = [collateral.token.address, debt.token.address]
    return [{ profitWei: gain - gas * price, gasUsed: gas, collateral: from, debt: to, repays: attempt.repays, attempt }]
  })
}

const bestOf = (tried: readonly Tried[]): Tried | null =>
  tried.reduce<Tried | null>((best, each) => (best === null || each.profitWei > best.profitWei ? each : best), null)

/** The first way through wrapped native, and the first straight one. */
const mainRoutes = ({ routes }: Pair): readonly RigRoute[] => {
  const straight = routes.find(route => route.isBuyFirst)
  return [...routes.slice(0, 1), ...(straight === undefined ? [] : [straight])]
}

const otherRoutes = (pair: Pair): readonly RigRoute[] => {
  const main = mainRoutes(pair)
  return pair.routes.filter(route => !main.includes(route))
}

const share = (pair: Pair, percent: bigint): bigint => (pair.debtAssets * percent) / 100n

/** Rounds of tries, cheapest first: as much as allowed, then parts and other routes, then two calls in a row around the best so far. */
const rounds = (pairs: readonly Pair[]): readonly ((best: Tried | null) => readonly Attempt[])[] => [
  () => pairs.flatMap(pair => mainRoutes(pair).map(route => ({ pair, repays: [MAX_UINT256], route }))),
  () =>
    pairs.flatMap(pair => [
      ...otherRoutes(pair).map(route => ({ pair, repays: [MAX_UINT256], route })),
      ...PARTS.flatMap(percent => mainRoutes(pair).map(route => ({ pair, repays: [share(pair, percent)], route }))),
    ]),
  best => {
    if (best === null) return []
    const { pair, route } = best.attempt
    const inRow = FIRST_OF_TWO.map(percent => ({ pair, repays: [share(pair, percent), MAX_UINT256], route }))
    return [...inRow, ...[90n, 60n, 40n, 10n].map(percent => ({ pair, repays: [share(pair, percent)], route }))]
  },
]

/**
 * The best close of one account alone by one transaction; null where none went through. Wei are wrapped native after gas at `at`'s base
 * fee, without a bid. A lower bound: nothing says that no other size earns more.
 */
export const bestAaveClose = async (subject: AaveCase): Promise<AaveBestClose | null> => {
  let best: Tried | null = null
  for (const next of rounds(pairsOf(subject))) {
    const found: Tried | null = bestOf(await measure(subject, next(best)))
    if (found !== null && (best === null || found.profitWei > best.profitWei)) best = found
    if (best !== null && subject.enoughWei !== null && best.profitWei > subject.enoughWei) break
  }
  if (best === null) return null
  const { attempt: _, ...close } = best
  return close
}
