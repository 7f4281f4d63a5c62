// A constant-product pool with a fee, exact in integers: simple enough to check by hand. Encodes nothing real.
import type { Pool, Quote } from '../../src/core/pool'
import type { Address } from '../../src/core/primitives'

export interface FakePoolState {
  readonly address: Address
  readonly tokens: readonly [Address, Address]
  readonly reserves: readonly [bigint, bigint]
  readonly feeBps?: bigint
}

const GAS = 100_000n

export const fakePool = (state: FakePoolState): Pool => {
  const keep = 10_000n - (state.feeBps ?? 30n)
  const sides = (tokenIn: Address): { reserveIn: bigint; reserveOut: bigint; flip: boolean } => {
    const flip = tokenIn === state.tokens[1]
    return flip
      ? { reserveIn: state.reserves[1], reserveOut: state.reserves[0], flip }
      : { reserveIn: state.reserves[0], reserveOut: state.reserves[1], flip }
  }
  const moved = (amountIn: bigint, amountOut: bigint, flip: boolean): Pool =>
    fakePool({
      ...state,
      reserves: flip
        ? [state.reserves[0] - amountOut, state.reserves[1] + amountIn]
        : [state.reserves[0] + amountIn, state.reserves[1] - amountOut],
    })
  const quoteExactIn = (tokenIn: Address, _tokenOut: Address, amountIn: bigint): Quote | null => {
    const { reserveIn, reserveOut, flip } = sides(tokenIn)
    const amountOut = (amountIn * keep * reserveOut) / (reserveIn * 10_000n + amountIn * keep)
    return amountOut === 0n ? null : { amountIn, amountOut, gas: GAS, after: moved(amountIn, amountOut, flip) }
  }
  const quoteExactOut = (tokenIn: Address, _tokenOut: Address, amountOut: bigint): Quote | null => {
    const { reserveIn, reserveOut, flip } = sides(tokenIn)
    if (amountOut >= reserveOut) return null
    const amountIn = (reserveIn * amountOut * 10_000n) / ((reserveOut - amountOut) * keep) + 1n
    return { amountIn, amountOut, gas: GAS, after: moved(amountIn, amountOut, flip) }
  }
  return {
    venue: 'fake',
    address: state.address,
    tokens: state.tokens,
    quoteExactIn,
    quoteExactOut,
    encodeExactIn: (tokenIn, _tokenOut, amount) => [{ kind: 'pay', token: tokenIn, to: state.address, amount }],
    encodeExactOut: (tokenIn, _tokenOut, amount, _to, payInput) =>
      payInput ?? [{ kind: 'pay', token: tokenIn, to: state.address, amount }],
    owedWord: tokenIn => (tokenIn === state.tokens[0] ? 0 : 1),
  }
}
