// Spares tries that cannot succeed, by arithmetic on what earlier tries measured. It only ever says "not now": verdicts come from tries.
import type { Address } from '../../core/primitives'
import type { Prices } from '../prices/rounds'
import type { PositionState } from '../world/accounting'
import { priceOf, usdOf } from '../world/market-price'
import type { World, WorldMarket } from '../world/world'
import type { BestClose, TryAt } from './best-close'

export interface TryMemory {
  /** False where even a windfall on the whole debt could not lift the close over `barWei(gas)`. */
  isWorthTrying(market: WorldMarket, position: PositionState, at: TryAt, prices: Prices, barWei: (gas: bigint) => bigint): boolean
  remember(market: WorldMarket, account: Address, at: TryAt, best: BestClose | null): void
  /** Tries so far. */
  tries(): number
}

interface Tried {
  readonly block: bigint
  readonly gainWei: bigint
  readonly gas: bigint
}

const BPS = 10_000n
const WAD = 10n ** 18n
// Pools stay within a fee of the market and feeds within their threshold: from block to block the two differ by no more than this.
const WINDFALL_BPS = 100n
// Below what any liquidation with a swap has been seen to use, overhead included.
const LEAST_GAS = 200_000n
// Pools and feeds may surprise all the same: tried again after this many blocks.
const FORGET_BLOCKS = 60n

export const createTryMemory = (world: World): TryMemory => {
  const last = new Map<string, Tried>()
  const wrapped = world.tokens.find(token => token.address === world.contracts.wrappedNative)
  let tries = 0

  const debtWei = (market: WorldMarket, position: PositionState, prices: Prices): bigint => {
    if (wrapped === undefined) return 0n
    const usd = usdOf(position.debtAssets, priceOf(prices, market.loan), market.loan.decimals)
    return (usd * 10n ** BigInt(wrapped.decimals)) / priceOf(prices, wrapped)
  }

  return {
    isWorthTrying: (market, position, at, prices, barWei) => {
      const debt = debtWei(market, position, prices)
      const windfall = (debt * WINDFALL_BPS) / BPS
      const tried = last.get(`${market.id}/${position.account}`)
      if (tried !== undefined && at.stateBlock < tried.block + FORGET_BLOCKS) {
        return tried.gainWei + windfall > tried.gas * at.baseFeePerGasWei + barWei(tried.gas)
      }
      // Morpho's incentive is at most 3/7 of (1 - LLTV).
      const incentive = (debt * 3n * (WAD - market.params.lltv)) / (7n * WAD)
      return incentive + windfall > LEAST_GAS * at.baseFeePerGasWei + barWei(LEAST_GAS)
    },
    remember: (market, account, at, best) => {
      tries++
      const gas = best?.gasUsed ?? LEAST_GAS
      const gainWei = best === null ? 0n : best.profitWei + gas * at.baseFeePerGasWei
      last.set(`${market.id}/${account}`, { block: at.stateBlock, gainWei, gas })
    },
    tries: () => tries,
  }
}
