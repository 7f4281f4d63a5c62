// What the executor contract is asked to do, as values. Strategies and venues describe steps, src/executor encodes them
// for contracts/Liquidator.sol. No step carries a secret or looks anything up.
import type { Address, Hex } from './primitives'

/** An amount that may be known only on chain. */
export type Amount =
  | { readonly kind: 'exact'; readonly value: bigint }
  /** The 32-byte word at index `word` of the arguments of the callback that is running (int256 accepted; must be >= 0). */
  | { readonly kind: 'argument'; readonly word: number }
  /** What this run gained of `token` so far: balance now minus balance when the run first touched it. */
  | { readonly kind: 'gained'; readonly token: Address }
  /** `bytes` bytes from byte `at` (a multiple of 16) of what the call right before returned; `isOwed`: it is negative there, its sign is turned. */
  | { readonly kind: 'returned'; readonly at: number; readonly bytes: 16 | 32; readonly isOwed?: boolean }

/** Writes `amount` (negated if asked: Uniswap's exact-out sign) over the 32 bytes at `at` of the call's data (selector counts). */
export interface Fill {
  readonly at: number
  readonly amount: Amount
  readonly negate?: boolean
}

/**
 * The callback that a call leads to: accepted only from `from`, only with exactly the bytes committed to. `program` runs inside it.
 * The encoder appends the program as the call's `bytes` argument whose head word is argument number `dataWord` (0-based) of the call.
 */
export interface Callback {
  readonly from: Address
  readonly program: readonly Step[]
  readonly dataWord: number
}

export type Step =
  /** `data` holds selector and head words; with a callback, its `bytes` argument is empty and gets the encoded program. */
  | {
      readonly kind: 'call'
      readonly to: Address
      readonly data: Hex
      readonly fills: readonly Fill[]
      readonly callback: Callback | null
      readonly valueWei?: bigint
      /** Instead of valueWei, where only the chain knows it. `gained` of the zero address is native coin. */
      readonly value?: Amount
    }
  /** Transfers `amount` of `token` to `to`; tolerates tokens that return nothing. */
  | { readonly kind: 'pay'; readonly token: Address; readonly to: Address; readonly amount: Amount }
  /** Allows `spender` exactly `amount`; what is left of it is taken back to zero before the run ends. */
  | { readonly kind: 'approve'; readonly token: Address; readonly spender: Address; readonly amount: Amount }
  /** Inventory: takes `amount` of `token` from the recipient, within the cap that the owner set on chain. */
  | { readonly kind: 'draw'; readonly token: Address; readonly amount: Amount }

/** A call sequence that may fail alone. Its gain in wrapped native must reach `floorWei`. */
export interface Leg {
  readonly steps: readonly Step[]
  /** Tokens that the leg touches besides wrapped native: what is left of them is swept to the recipient. */
  readonly tokens: readonly Address[]
  readonly floorWei: bigint
  /** 0: no cap of its own. */
  readonly gasLimit: bigint
}

/** Who gets the bid. */
export type Payee =
  | { readonly kind: 'coinbase' }
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'none' }
