import { describe, expect, test } from '@jest/globals'
import { encodeFunctionData, parseAbi } from 'viem'
import type { Address } from '../../../src/core/primitives'
import type { Step } from '../../../src/core/program'
import { createPool, poolKey } from '../../../src/venues/uniswap-v3/pool'
import { fullRange } from '../../../src/venues/uniswap-v3/tick-table'

const abi = parseAbi(['function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 limit, bytes data)'])
const POOL: Address = `0x${'c'.repeat(40)}`
const TOKEN_0: Address = `0x${'1'.repeat(40)}`
const TOKEN_1: Address = `0x${'2'.repeat(40)}`
const SELF: Address = `0x${'e'.repeat(40)}`

const key = poolKey({ address: POOL, token0: TOKEN_0, token1: TOKEN_1, feePips: 500n, tickSpacing: 10 })
const table = { tickSpacing: 10, words: fullRange(10), entries: [] }
const pool = createPool(key, { sqrtPriceX96: 1n << 96n, tick: 0, liquidity: 10n ** 18n, table })

const only = (steps: readonly Step[]): Extract<Step, { kind: 'call' }> => {
  expect(steps).toHaveLength(1)
  const [step] = steps
  if (step?.kind !== 'call') throw new Error('not a call')
  return step
}

const LOWEST = 4295128740n
const HIGHEST = 1461446703485210103287273052203988822378723970341n

describe('encodeExactIn', () => {
  test('default: the ABI encoding of swap, the output to the recipient, the input paid in the callback', () => {
    const step = only(pool.encodeExactIn(TOKEN_0, TOKEN_1, { kind: 'exact', value: 12345n }, SELF))
    expect(step.to).toBe(POOL)
    expect(step.data).toBe(encodeFunctionData({ abi, args: [SELF, true, 12345n, LOWEST, '0x'] }))
    expect(step.fills).toEqual([])
    expect(step.callback).toEqual({
      from: POOL,
      dataWord: 4,
      program: [{ kind: 'pay', token: TOKEN_0, to: POOL, amount: { kind: 'argument', word: 0 } }],
    })
  })

  test('behavior: the other way round, an amount that only the chain knows is filled in', () => {
    const amount = { kind: 'gained', token: TOKEN_1 } as const
    const step = only(pool.encodeExactIn(TOKEN_1, TOKEN_0, amount, SELF))
    expect(step.data).toBe(encodeFunctionData({ abi, args: [SELF, false, 0n, HIGHEST, '0x'] }))
    expect(step.fills).toEqual([{ at: 68, amount }])
    expect(step.callback?.program).toEqual([{ kind: 'pay', token: TOKEN_1, to: POOL, amount: { kind: 'argument', word: 1 } }])
  })

  test('error: a token that the pool does not hold', () => {
    expect(() => pool.encodeExactIn(SELF, TOKEN_1, { kind: 'exact', value: 1n }, SELF)).toThrow(/does not swap/)
  })
})

describe('encodeExactOut', () => {
  test('default: the amount negated', () => {
    const step = only(pool.encodeExactOut(TOKEN_1, TOKEN_0, { kind: 'exact', value: 77n }, SELF, null))
    expect(step.data).toBe(encodeFunctionData({ abi, args: [SELF, false, -77n, HIGHEST, '0x'] }))
    expect(step.fills).toEqual([])
  })

  test('behavior: an amount filled on chain is negated there, and the given steps pay', () => {
    const amount = { kind: 'argument', word: pool.owedWord(TOKEN_0) } as const
    const payInput: readonly Step[] = [{ kind: 'pay', token: TOKEN_0, to: POOL, amount: { kind: 'exact', value: 5n } }]
    const step = only(pool.encodeExactOut(TOKEN_0, TOKEN_1, amount, POOL, payInput))
    expect(step.fills).toEqual([{ at: 68, amount, negate: true }])
    expect(step.callback?.program).toBe(payInput)
    expect([pool.owedWord(TOKEN_0), pool.owedWord(TOKEN_1)]).toEqual([0, 1])
  })
})
