// Reads only the positions that may be unhealthy at a block's end, so that judging every block of a long run stays cheap.
import type { Address } from '../../core/primitives'
import { type MarketState, readPositions } from '../world/accounting'
import type { LabBlock } from '../world/play'
import type { World, WorldMarket } from '../world/world'
import { healthRatio } from './health'

export interface WatchList {
  /** Positions near or below health 1 at the end of `block`, interest run up to `timestampSec`; retired ones left out. */
  readNear(block: LabBlock, timestampSec: bigint): Promise<readonly MarketState[]>
  /** Stops watching a position. */
  retire(market: WorldMarket, account: Address): void
  /** Accounts not retired, by market. */
  remaining(): readonly { readonly market: WorldMarket; readonly accounts: readonly Address[] }[]
}

// A position with more health than this at the last look is read again only when the price has eaten the difference.
const NEAR = 1.015
// Interest and strangers change positions without any price: everybody is read again after this long.
const REFRESH_SEC = 6n * 3_600n

interface Watched {
  readonly account: Address
  /** Health per unit of oracle price; 0 until the first read. */
  readonly healthPerPrice: number
}

interface Bench {
  readonly market: WorldMarket
  readonly watched: Map<Address, Watched>
  lastPrice: number
  refreshedSec: bigint
}

const nearAt = (bench: Bench, price: number): readonly Address[] =>
  [...bench.watched.values()].filter(({ healthPerPrice }) => healthPerPrice * price < NEAR).map(({ account }) => account)

const accept = (bench: Bench, state: MarketState): void => {
  const price = Number(state.oraclePrice)
  bench.lastPrice = price
  if (price === 0) return
  for (const position of state.positions) {
    const healthPerPrice = healthRatio(position, state.oraclePrice, bench.market.params.lltv) / price
    if (bench.watched.has(position.account)) bench.watched.set(position.account, { account: position.account, healthPerPrice })
  }
}

export const createWatchList = (world: World): WatchList => {
  const benches: readonly Bench[] = world.markets.map(market => ({
    market,
    watched: new Map(market.borrowers.map(account => [account, { account, healthPerPrice: 0 }])),
    lastPrice: 0,
    refreshedSec: 0n,
  }))

  const expected = (bench: Bench, block: LabBlock): readonly Address[] => {
    if (block.timestampSec < bench.refreshedSec + REFRESH_SEC) return nearAt(bench, bench.lastPrice)
    bench.refreshedSec = block.timestampSec
    return [...bench.watched.keys()]
  }

  /** The price moved since the last look: who came near by that has to be read as well. */
  const readLate = async (states: readonly MarketState[], options: { readonly block: bigint; readonly timestampSec: bigint }) => {
    const missing = benches.flatMap((bench, index) => {
      const state = states[index]
      if (state === undefined) return []
      const read = new Set(state.positions.map(position => position.account))
      const accounts = nearAt(bench, Number(state.oraclePrice)).filter(account => !read.has(account))
      return accounts.length === 0 ? [] : [{ market: bench.market, accounts }]
    })
    return missing.length === 0 ? [] : readPositions(world, missing, options)
  }

  return {
    readNear: async (block, timestampSec) => {
      const options = { block: block.number, timestampSec }
      const wanted = benches.map(bench => ({ market: bench.market, accounts: expected(bench, block) }))
      const states = await readPositions(world, wanted, options)
      const late = await readLate(states, options)
      return benches.flatMap((bench, index) => {
        const state = states[index]
        if (state === undefined) return []
        const more = late.find(other => other.market === bench.market)?.positions ?? []
        const whole = { ...state, positions: [...state.positions, ...more] }
        accept(bench, whole)
        return [whole]
      })
    },
    retire: (market, account) => void benches.find(bench => bench.market === market)?.watched.delete(account),
    remaining: () => benches.map(bench => ({ market: bench.market, accounts: [...bench.watched.keys()] })),
  }
}
