// What a configuration is once it is checked: the types that the composition root builds from. No parsing here.
import type { z } from 'zod'
import type { Address } from '../core/primitives'
import type { Payee } from '../core/program'
import type { Scope } from '../core/strategy'
import type { LogLevel } from '../ports'

/** A registered strategy or venue, as far as the configuration cares. */
export interface ConfigPart {
  readonly name: string
  readonly configSchema: z.ZodType
}

/** What may stand under `strategies` and `venues`. */
export interface Registry {
  readonly strategies: readonly ConfigPart[]
  readonly venues: readonly ConfigPart[]
}

export interface RelayConfig {
  readonly name: string
  readonly url: string
  readonly kind: 'flashbots'
}

export interface Limits {
  readonly requestsPerSecond: number
  /** Gas that one call of a shared read may burn. */
  readonly readGasCap: number
  readonly readMaxBytes: number
  /** Most blocks that one eth_getLogs asks for. */
  readonly backfillRange: number
}

export interface ChainConfig {
  readonly id: number
  readonly rpc: readonly string[]
  readonly wrappedNative: Address
  /** Null: the CREATE2 address that belongs to `owner`. */
  readonly executor: Address | null
  readonly owner: Address | null
  /** Null: the owner. */
  readonly recipient: Address | null
  readonly relays: readonly RelayConfig[]
  readonly bidShareBps: bigint
  readonly payee: Payee
  readonly floorShareBps: bigint
  readonly minProfitWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
  /** Null: inferred from the chain's heads. */
  readonly slotSec: bigint | null
  readonly scope: Scope
  readonly hopTokens: readonly Address[]
  readonly maxHops: number
  readonly limits: Limits
  readonly lowBalanceWei: bigint
  readonly finalityDepth: bigint
  /** Positions of each book that are held against the chain in each block; 0: none. */
  readonly auditPerBlock: number
  /** By name of the registry: what each one's own schema made of its part, or the list of what it made of several. */
  readonly strategies: Readonly<Record<string, unknown>>
  /** By name of the registry: what each one's own schema made of its part. */
  readonly venues: Readonly<Record<string, unknown>>
}

export interface Config {
  readonly chains: readonly ChainConfig[]
  readonly log: { readonly level: LogLevel }
  /** File of the journal; null: outcomes go to the log only. */
  readonly journal: string | null
  /** File of the saved state; null: none is kept. */
  readonly store: string | null
  /** Null: no server. */
  readonly metrics: { readonly host: string; readonly port: number } | null
}
