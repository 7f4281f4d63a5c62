// Pool: one place to swap, with its exact maths and its calls. Values: a swap yields a new pool, the old one stays as it was.
import type { Address } from './primitives'
import type { Amount, Step } from './program'

/** A swap's result: `after` is the pool once it happened. Null instead of a quote: the pool can't fill it whole. */
export interface Quote {
  readonly amountIn: bigint
  readonly amountOut: bigint
  /** Gas estimate of the swap's call, transfers included. */
  readonly gas: bigint
  readonly after: Pool
}

export interface Pool {
  readonly venue: string
  readonly address: Address
  /** Two or more; a swap goes from any to any other. */
  readonly tokens: readonly Address[]
  quoteExactIn(tokenIn: Address, tokenOut: Address, amountIn: bigint): Quote | null
  quoteExactOut(tokenIn: Address, tokenOut: Address, amountOut: bigint): Quote | null
  /** Steps that swap `amount` of tokenIn held by the executor; the output goes to `to` (the executor's own address to keep it). */
  encodeExactIn(tokenIn: Address, tokenOut: Address, amount: Amount, to: Address): readonly Step[]
  /**
   * Steps that buy exactly `amount` of tokenOut for `to`. `payInput` are the steps that deliver the input, run in the pool's callback:
   * null pays from the executor's own tokens. The owed input is the argument `owedWord(tokenIn)` of that callback.
   */
  encodeExactOut(
    tokenIn: Address,
    tokenOut: Address,
    amount: Amount,
    to: Address,
    payInput: readonly Step[] | null,
  ): readonly Step[]
  owedWord(tokenIn: Address): number
}
