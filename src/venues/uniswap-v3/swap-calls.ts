// Swaps as executor steps: direct calls of the pool, the input paid in its callback. Looks nothing up.
import { addressWord, word } from '../../core/abi-words'
import type { Address } from '../../core/primitives'
import type { Amount, Fill, Step } from '../../core/program'
import { SELECTORS } from './abi'
import { HIGHEST_LIMIT, LOWEST_LIMIT } from './ladder'

/** Where amountSpecified stands in swap's call data: after the selector, recipient and zeroForOne. */
const AMOUNT_AT = 4 + 2 * 32
/** `data` is argument 4 of swap; its empty tail starts after the five head words. */
const DATA_WORD = 4
const DATA_OFFSET = 5n * 32n

export interface SwapRequest {
  readonly pool: Address
  readonly tokenIn: Address
  readonly zeroForOne: boolean
  readonly exactIn: boolean
  /** Units of tokenIn for exact in, of the other token for exact out; always positive, the sign is set here. */
  readonly amount: Amount
  readonly to: Address
  /** Steps that deliver the owed input to the pool, or null: pay it from the executor's own tokens. */
  readonly payInput: readonly Step[] | null
}

/** The callback argument that holds what the pool is owed: amount0Delta or amount1Delta, the positive one. */
export const owedWordOf = (zeroForOne: boolean): number => (zeroForOne ? 0 : 1)

/** Pool.swap at the widest price limit: profit floors guard the price, not the pool. */
export const swapStep = (request: SwapRequest): Step => {
  const { pool, tokenIn, zeroForOne, exactIn, amount, to } = request
  const payOwed: Step = { kind: 'pay', token: tokenIn, to: pool, amount: { kind: 'argument', word: owedWordOf(zeroForOne) } }
  const written = amount.kind === 'exact' ? (exactIn ? amount.value : -amount.value) : 0n
  const head = [
    addressWord(to),
    word(zeroForOne ? 1n : 0n),
    word(written),
    word(zeroForOne ? LOWEST_LIMIT : HIGHEST_LIMIT),
    word(DATA_OFFSET),
  ]
  return {
    kind: 'call',
    to: pool,
    data: `${SELECTORS.swap}${head.join('')}${word(0n)}`,
    fills: fillsFor(amount, exactIn),
    callback: { from: pool, program: request.payInput ?? [payOwed], dataWord: DATA_WORD },
  }
}

const fillsFor = (amount: Amount, exactIn: boolean): readonly Fill[] => {
  if (amount.kind === 'exact') return []
  return [exactIn ? { at: AMOUNT_AT, amount } : { at: AMOUNT_AT, amount, negate: true }]
}
