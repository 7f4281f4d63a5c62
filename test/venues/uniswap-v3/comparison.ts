// Asks the venue's pools and the real quoter the same questions, and the book's state and the real pool the same facts.

import type { Address } from '../../../src/core/primitives'
import type { UniswapV3Book } from '../../../src/venues/uniswap-v3/book'
import { createLadder } from '../../../src/venues/uniswap-v3/ladder'
import { poolKey } from '../../../src/venues/uniswap-v3/pool'
import { MAX_SQRT_RATIO, MIN_SQRT_RATIO, tickAtSqrtRatio } from '../../../src/venues/uniswap-v3/tick-math'
import { type TickEntry, type WordRange, wordOf } from '../../../src/venues/uniswap-v3/tick-table'
import { askQuoter, type Chain, type PoolName, poolAbi, type QuoteQuestion } from './uniswap-world'

export interface Tally {
  readonly whole: number
  readonly refused: number
  readonly mismatches: readonly string[]
}

/** Null from us is right where the quoter reverts, fills only a part (ends at the price limit), or goes where we did not read. */
const mayRefuse = (
  answer: { readonly sqrtPriceAfter: bigint } | null,
  words: { low: number; high: number },
  spacing: number,
): boolean => {
  if (answer === null) return true
  const { sqrtPriceAfter } = answer
  if (sqrtPriceAfter === MIN_SQRT_RATIO + 1n || sqrtPriceAfter === MAX_SQRT_RATIO - 1n) return true
  const word = wordOf(tickAtSqrtRatio(sqrtPriceAfter), spacing)
  return word <= words.low || word >= words.high
}

/** Every question put to the book's pool and to QuoterV2: amounts and price after must agree to the unit. */
export const compareQuotes = async (
  chain: Chain,
  quoter: Address,
  book: UniswapV3Book,
  pool: Address,
  questions: readonly QuoteQuestion[],
): Promise<Tally> => {
  const answers = await askQuoter(chain, quoter, questions)
  const ours = book.pools().find(({ address }) => address === pool)
  const state = book.stateOf(pool)
  if (ours === undefined || state === null) throw new Error(`${pool} is not followed`)
  const tally = { whole: 0, refused: 0, mismatches: [] as string[] }
  for (const [i, question] of questions.entries()) {
    const { token0, token1, fee, zeroForOne, exactIn, amount } = question
    const [tokenIn, tokenOut] = zeroForOne ? [token0, token1] : [token1, token0]
    const answer = answers[i]!
    const quote = exactIn ? ours.quoteExactIn(tokenIn, tokenOut, amount) : ours.quoteExactOut(tokenIn, tokenOut, amount)
    const name = `fee ${fee} ${zeroForOne ? '0>1' : '1>0'} ${exactIn ? 'in' : 'out'} ${amount}`
    if (quote === null) {
      tally.refused++
      if (!mayRefuse(answer, state.table.words, state.table.tickSpacing))
        tally.mismatches.push(`${name}: we refuse, quoter ${answer?.amount}`)
      continue
    }
    tally.whole++
    const amountOfOurs = exactIn ? quote.amountOut : quote.amountIn
    const { ratioAtBoundary } = poolKey({
      address: pool,
      token0,
      token1,
      feePips: BigInt(fee),
      tickSpacing: state.table.tickSpacing,
    })
    const { rung } = createLadder({ table: state.table, feePips: BigInt(fee), zeroForOne, ratioAtBoundary }, state).walk(
      amount,
      exactIn,
    )
    if (amountOfOurs !== answer?.amount) tally.mismatches.push(`${name}: we ${amountOfOurs}, quoter ${answer?.amount}`)
    if (rung.sqrtPriceX96 !== answer?.sqrtPriceAfter)
      tally.mismatches.push(`${name}: price ${rung.sqrtPriceX96}, ${answer?.sqrtPriceAfter}`)
  }
  return tally
}

/** Log-uniform sizes, all four kinds in turn. */
export const randomQuestions = (
  name: PoolName,
  random: { between(low: number, high: number): number },
  count: number,
  maxExponent = 32,
): readonly QuoteQuestion[] =>
  Array.from({ length: count }, (_, i) => ({
    ...name,
    zeroForOne: i % 2 === 0,
    exactIn: i % 4 < 2,
    amount: 1n + BigInt(Math.floor(10 ** random.between(0, 15))) * 10n ** BigInt(Math.floor(random.between(0, maxExponent - 15))),
  }))

/** The same facts as the contract tells them: price, tick, liquidity, and gross and net of each tick in `ticks`. */
export const contractState = async (chain: Chain, pool: Address, ticks: readonly number[]) => {
  const [sqrtPriceX96, tick] = await chain.view<readonly [bigint, number]>(pool, poolAbi, 'slot0')
  const liquidity = await chain.view<bigint>(pool, poolAbi, 'liquidity')
  const entries: Pick<TickEntry, 'tick' | 'liquidityGross' | 'liquidityNet'>[] = []
  for (const at of [...ticks].sort((a, b) => a - b)) {
    const info = await chain.view<readonly unknown[]>(pool, poolAbi, 'ticks', [at])
    const [liquidityGross, liquidityNet, initialized] = [info[0] as bigint, info[1] as bigint, info[7] as boolean]
    if (initialized) entries.push({ tick: at, liquidityGross, liquidityNet })
  }
  return { sqrtPriceX96, tick, liquidity, entries }
}

export const isWithin = (word: number, { low, high }: WordRange): boolean => word >= low && word <= high

/** `words`: only ticks of these bitmap words (a book that started elsewhere knows others). */
export const bookState = (book: UniswapV3Book, pool: Address, words?: WordRange) => {
  const state = book.stateOf(pool)
  if (state === null) throw new Error(`${pool} is not followed`)
  const { sqrtPriceX96, tick, liquidity, table } = state
  const known = table.entries.filter(({ tick: at }) => words === undefined || isWithin(wordOf(at, table.tickSpacing), words))
  const entries = known.map(({ tick: at, liquidityGross, liquidityNet }) => ({ tick: at, liquidityGross, liquidityNet }))
  return { sqrtPriceX96, tick, liquidity, entries }
}
