// The chain's own nouns as the house passes them around. Imports nothing; holds no behaviour but closing unions.

/** `0x`-prefixed bytes, lower case. */
export type Hex = `0x${string}`

/** A 20-byte address, always lower case inside the house: no checksum work on any path (keepers.md K22). */
export type Address = Hex

/** A block header, the only clock that pure rooms know. */
export interface Block {
  readonly chainId: number
  readonly number: bigint
  readonly hash: Hex
  readonly parentHash: Hex
  readonly timestampSec: bigint
  /** null on chains without EIP-1559. */
  readonly baseFeePerGasWei: bigint | null
  readonly gasUsed: bigint
  readonly gasLimit: bigint
  /** null where the node leaves it out: then no log can be ruled out. */
  readonly logsBloom: Hex | null
}

/** The block that a transaction is made for: everything in it is known, or a stated assumption, before it exists. */
export interface TargetBlock {
  readonly number: bigint
  readonly timestampSec: bigint
  /** Exact for parent + 1 under EIP-1559. */
  readonly baseFeePerGasWei: bigint
}

export interface Log {
  readonly address: Address
  readonly topics: readonly Hex[]
  readonly data: Hex
  readonly blockNumber: bigint
  readonly blockHash: Hex
  readonly logIndex: number
  readonly transactionHash: Hex
}

/** Logs of any of `addresses` whose topics match: per position a list of accepted values, null for any. Empty `addresses` means none. */
export interface LogFilter {
  readonly addresses: readonly Address[]
  readonly topics: readonly (readonly Hex[] | null)[]
}

export interface Token {
  readonly address: Address
  /** null where the token does not say, or says nonsense. Only for display: no decision divides by it. */
  readonly decimals: number | null
  readonly symbol: string | null
}

/** Closes a union: the compiler proves that no kind is left. Throws if one arrives all the same. */
export const unreachable = (value: never): never => {
  throw new Error(`unreachable: ${String(value)}`)
}
