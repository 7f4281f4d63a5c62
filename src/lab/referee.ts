// Says which positions could have been closed with profit, and from which block on, by trying it on the contracts alone.
// Shares no code with profitability, strategies or venues: it is the measure that they are held to.
import { nextBaseFeeWei } from '../core/base-fee'
import { maxOf, WAD } from '../core/fixed-point'
import type { Address, Hex } from '../core/primitives'
import type { Prices } from './prices/rounds'
import { type BestClose, bestClose, type TryAt } from './referee/best-close'
import { candidateRoutes, type RigRoute } from './referee/candidate-routes'
import { isUnhealthy, unpayableDebt } from './referee/health'
import { nativeFor, profitBar, type RefereeOptions } from './referee/profit-bar'
import { createWatchList } from './referee/watch-list'
import { createTryMemory, type Stakes } from './referee/worth-trying'
import { type MarketState, type PositionState, readLiquidations, readPositions, uncoveredUsd } from './world/accounting'
import { priceOf, usdOf } from './world/market-price'
import type { LabBlock } from './world/play'
import type { World, WorldMarket } from './world/world'

export interface RefereeVerdict {
  readonly market: WorldMarket
  readonly account: Address
  /** First block N whose end state left it unhealthy. */
  readonly unhealthySince: bigint
  /** N + 1 of the first N whose end state makes closing it profitable; null while none does. */
  readonly firstEligibleBlock: bigint | null
  /** At that N, or the best seen so far; null where no close was worth trying or possible. */
  readonly bestProfitWei: bigint | null
  /** Loan units that no close could have recovered at the first eligible block; 0n if not eligible. */
  readonly unpayableAssets: bigint
}

export interface Referee {
  /**
   * Judges the end state of `block`, which the chain must still know, for a close in block + 1 at the base fee that the header
   * implies. Call it for every block, in order. Each position is judged alone: that closing others first moves the pools is left
   * out. `prices` only spare tries that even a windfall could not make pay (referee/worth-trying).
   */
  judge(block: LabBlock, prices: Prices): Promise<void>
  /** Everybody that was unhealthy at the end of a judged block. */
  verdicts(): readonly RefereeVerdict[]
  verdict(market: Hex, account: Address): RefereeVerdict | null
  /**
   * USD (WAD) of bad debt that an all-seeing keeper would still have at the end of `block`: of positions that never were worth closing what
   * is open and what others' closes wrote off, since closing earlier did not pay either; of the others what could not be recovered at the
   * first block in which they were.
   */
  minimumBadDebtUsd(block: bigint, prices: Prices): Promise<bigint>
  /** What judging took so far. */
  cost(): { readonly ms: number; readonly tries: number }
}

const toVerdict = (
  market: WorldMarket,
  account: Address,
  block: bigint,
  before: RefereeVerdict | undefined,
  best: BestClose | null,
  unpayableAssets: bigint | null,
): RefereeVerdict => {
  const seen = before?.bestProfitWei ?? null
  const now = best?.profitWei ?? null
  const isEligible = unpayableAssets !== null
  return {
    market,
    account,
    unhealthySince: before?.unhealthySince ?? block,
    firstEligibleBlock: isEligible ? block + 1n : null,
    bestProfitWei: isEligible || seen === null ? now : now === null ? seen : maxOf(now, seen),
    unpayableAssets: unpayableAssets ?? 0n,
  }
}

const loanUsd = ({ loan }: WorldMarket, assets: bigint, prices: Prices): bigint =>
  usdOf(assets, priceOf(prices, loan), loan.decimals)

export const createReferee = (world: World, options: RefereeOptions = {}): Referee => {
  const slotSec = options.slotSec ?? 12n
  const watchList = createWatchList(world)
  const found = new Map<string, RefereeVerdict>()
  const routes = new Map<Hex, readonly RigRoute[]>(
    world.markets.map(({ id, params }) => [
      id,
      candidateRoutes(world.pools, params.collateralToken, params.loanToken, world.contracts.wrappedNative),
    ]),
  )
  const memory = createTryMemory()
  const barWei = profitBar(options)
  let spentMs = 0

  // Morpho's incentive is at most 3/7 of (1 - LLTV).
  const stakesOf = ({ loan, params }: WorldMarket, { debtAssets }: PositionState, prices: Prices): Stakes => {
    const debtWei = nativeFor(world, usdOf(debtAssets, priceOf(prices, loan), loan.decimals), prices)
    return { debtWei, incentiveWei: (debtWei * 3n * (WAD - params.lltv)) / (7n * WAD) }
  }

  const tryClose = async ({ market, oraclePrice }: MarketState, position: PositionState, at: TryAt, prices: Prices) => {
    const key = `${market.id}/${position.account}`
    if (!memory.isWorthTrying(key, stakesOf(market, position, prices), at, barWei(at.baseFeePerGasWei))) return null
    const best = await bestClose({ world, market, position, oraclePrice, at }, routes.get(market.id) ?? [])
    memory.remember(key, at, best)
    return best
  }

  const consider = async (state: MarketState, position: PositionState, at: TryAt, prices: Prices): Promise<void> => {
    const { market, oraclePrice } = state
    const { account } = position
    const best = await tryClose(state, position, at, prices)
    const isEligible = best !== null && best.profitWei > barWei(at.baseFeePerGasWei)(best.gasUsed)
    const unpayable = isEligible ? unpayableDebt(position, oraclePrice, market.params.lltv) : null
    const key = `${market.id}/${account}`
    found.set(key, toVerdict(market, account, at.stateBlock, found.get(key), best, unpayable))
    if (isEligible) watchList.retire(market, account)
  }

  const judge = async (block: LabBlock, prices: Prices): Promise<void> => {
    const started = performance.now()
    const at = { stateBlock: block.number, timestampSec: block.timestampSec + slotSec, baseFeePerGasWei: nextBaseFeeWei(block) }
    for (const state of await watchList.readNear(block, at.timestampSec)) {
      const unhealthy = state.positions.filter(position => isUnhealthy(position, state.oraclePrice, state.market.params.lltv))
      for (const position of unhealthy) await consider(state, position, at, prices)
    }
    spentMs += performance.now() - started
  }

  const minimumBadDebtUsd = async (block: bigint, prices: Prices): Promise<bigint> => {
    const remaining = watchList.remaining()
    const states = await readPositions(world, remaining, { block })
    const never = states.flatMap(({ market, positions }) => positions.map(position => uncoveredUsd(market, position, prices)))
    const writtenOff = (await readLiquidations(world, world.fromBlock, block)).flatMap(({ id, borrower, badDebtAssets }) => {
      const bench = remaining.find(({ market, accounts }) => market.id === id && accounts.includes(borrower))
      return bench === undefined ? [] : [loanUsd(bench.market, badDebtAssets, prices)]
    })
    const lost = [...found.values()].map(({ market, unpayableAssets }) => loanUsd(market, unpayableAssets, prices))
    return [...never, ...writtenOff, ...lost].reduce((sum, usd) => sum + usd, 0n)
  }

  return {
    judge,
    verdicts: () => [...found.values()],
    verdict: (market, account) => found.get(`${market}/${account}`) ?? null,
    minimumBadDebtUsd,
    cost: () => ({ ms: spentMs, tries: memory.tries() }),
  }
}
