// The referees of all protocols of a world as one, for whoever plays it. Adds nothing to their verdicts.
import { WAD } from '../core/fixed-point'
import type { Address, Hex } from '../core/primitives'
import { createAaveReferee } from './aave-referee'
import type { Prices } from './prices/rounds'
import { createReferee } from './referee'
import type { LabBlock } from './world/play'
import type { World } from './world/world'

/** A market as rows of tables name it: one of Morpho's, or a whole Aave pool. */
export interface LabMarket {
  /** As in PositionRef.market: an Aave pool is named by its address. */
  readonly id: Hex
  readonly name: string
  /** Percent; null where each collateral has its own. */
  readonly lltvPct: number | null
  readonly positions: number
}

export interface LabVerdict {
  readonly market: Hex
  readonly account: Address
  /** The block in which it could first have been closed at a profit; null: in none. */
  readonly firstEligibleBlock: bigint | null
  /** A block in which it could have been and was not touched, where positions are closed in steps (aave-referee.ts); else null. */
  readonly idleBlock: bigint | null
}

export interface Referees {
  /** Judges the end state of `block`; for every block, in order. */
  judge(block: LabBlock, prices: Prices): Promise<void>
  /** Tells the run's last block, whose end state nobody acts on. */
  finish(block: LabBlock): Promise<void>
  verdicts(): readonly LabVerdict[]
  minimumBadDebtUsd(block: bigint, prices: Prices): Promise<bigint>
}

export const labMarkets = (world: Pick<World, 'markets' | 'aave'>): readonly LabMarket[] => [
  ...world.markets.map(({ id, name, params, borrowers }) => ({
    id,
    name,
    lltvPct: Number(params.lltv / (WAD / 10_000n)) / 100,
    positions: borrowers.length,
  })),
  ...world.aave.map(({ pool, name, accounts }) => ({ id: pool, name, lltvPct: null, positions: accounts.length })),
]

export const createReferees = (world: World): Referees => {
  const morpho = createReferee(world)
  const aave = world.aave.map(pool => createAaveReferee(world, pool))
  return {
    judge: async (block, prices) => {
      await Promise.all([morpho, ...aave].map(referee => referee.judge(block, prices)))
    },
    finish: async block => {
      for (const referee of aave) await referee.finish(block)
    },
    verdicts: () => [
      ...morpho.verdicts().map(({ market, account, firstEligibleBlock }) => ({
        market: market.id,
        account,
        firstEligibleBlock,
        idleBlock: null,
      })),
      ...aave.flatMap(referee =>
        referee.verdicts().map(({ aave: { pool }, account, firstEligibleBlock, idleBlock }) => ({
          market: pool,
          account,
          firstEligibleBlock,
          idleBlock,
        })),
      ),
    ],
    minimumBadDebtUsd: async (block, prices) => {
      let sum = await morpho.minimumBadDebtUsd(block, prices)
      for (const referee of aave) sum += await referee.minimumBadDebtUsd(block, prices)
      return sum
    },
  }
}
