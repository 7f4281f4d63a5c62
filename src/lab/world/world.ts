// A lab world that stands: addresses of everything in it. Plain data; what can be done with it is in the neighbours of this file.
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc } from '../rpc'
import type { AaveReserveSpec, AaveSpec, FeedSpec, MarketSpec, TokenSpec, WorldSpec } from './spec'

export interface WorldToken extends TokenSpec {
  readonly address: Address
}

export interface WorldFeed extends FeedSpec {
  readonly address: Address
}

export interface MarketParams {
  readonly loanToken: Address
  readonly collateralToken: Address
  readonly oracle: Address
  readonly irm: Address
  readonly lltv: bigint
}

export interface WorldMarket {
  readonly name: string
  readonly spec: MarketSpec
  readonly id: Hex
  readonly params: MarketParams
  readonly collateral: WorldToken
  readonly loan: WorldToken
  readonly borrowers: readonly Address[]
}

export interface WorldAaveReserve {
  readonly spec: AaveReserveSpec
  readonly token: WorldToken
  readonly aToken: Address
  /** Variable debt. */
  readonly debtToken: Address
  /** What its oracle asks for the price. */
  readonly source: Address
}

export interface WorldAave {
  readonly name: string
  readonly spec: AaveSpec
  readonly pool: Address
  readonly configurator: Address
  readonly oracle: Address
  readonly provider: Address
  /** In the pool's own order. */
  readonly reserves: readonly WorldAaveReserve[]
  readonly accounts: readonly Address[]
  readonly lens: Address
  readonly rig: Address
}

export interface WorldPool {
  readonly address: Address
  readonly token0: WorldToken
  readonly token1: WorldToken
  readonly fee: number
  readonly tickSpacing: number
}

export interface WorldContracts {
  readonly morpho: Address
  readonly irm: Address
  readonly wrappedNative: Address
  readonly factory: Address
  readonly router: Address
  readonly quoter: Address
  readonly marketMaker: Address
  readonly lens: Address
  readonly filler: Address
  readonly refereeRig: Address
}

/** Impersonated accounts that play everybody else. */
export interface WorldActors {
  readonly deployer: Address
  /** Owns the feeds. */
  readonly feedNode: Address
  readonly arbitrageur: Address
  /** Sends the filler. */
  readonly crowd: Address
}

export interface World {
  readonly spec: WorldSpec
  readonly seed: number
  readonly rpc: LabRpc
  readonly chainId: number
  readonly contracts: WorldContracts
  readonly actors: WorldActors
  readonly tokens: readonly WorldToken[]
  readonly feeds: readonly WorldFeed[]
  readonly markets: readonly WorldMarket[]
  readonly aave: readonly WorldAave[]
  readonly pools: readonly WorldPool[]
  /** First block of the set-up: history before it holds nothing of this world. */
  readonly fromBlock: bigint
  /** Timestamp of the block in which the world was ready: offsets of rounds count from it. */
  readonly startSec: bigint
}
