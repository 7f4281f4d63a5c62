// The calls that a pool encodes, made on the official pool: they move what was quoted, and cost about what was estimated.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeFunctionResult } from 'viem'
import type { Pool, Quote } from '../../../src/core/pool'
import type { Address, Hex } from '../../../src/core/primitives'
import type { Step } from '../../../src/core/program'
import { createRandom } from '../../../src/lab/world/random'
import { createUniswapV3Book } from '../../../src/venues/uniswap-v3/book'
import { sqrtRatioAtTick } from '../../../src/venues/uniswap-v3/tick-math'
import { type PoolName, poolAbi, startUniswapWorld, type UniswapWorld } from './uniswap-world'

interface CallFrame {
  readonly to: string
  readonly input: string
  readonly gasUsed: Hex
  readonly calls?: readonly CallFrame[]
}

const SPACING = 60
const random = createRandom(11, 'uniswap-v3 calls')
let world: UniswapWorld
let name: PoolName
let address: Address

const poolNow = async (): Promise<Pool> => {
  const book = createUniswapV3Book({ pools: [address], factory: null, fromBlock: 0n, feeTiers: [] })
  await book.bootstrap(await world.reader())
  return book.pools()[0]!
}

const frameOfSwap = (frame: CallFrame): CallFrame | undefined =>
  frame.to === address && frame.input.startsWith('0x128acb08')
    ? frame
    : frame.calls?.map(frameOfSwap).find(found => found !== undefined)

const gasOf = async (transaction: Hex): Promise<number> => {
  const trace = await world.rpc.request<CallFrame>('debug_traceTransaction', transaction, { tracer: 'callTracer' })
  return Number(frameOfSwap(trace)!.gasUsed)
}

const quoteOf = (pool: Pool, zeroForOne: boolean, exactIn: boolean, amount: bigint): Quote | null => {
  const [from, to] = zeroForOne ? [name.token0, name.token1] : [name.token1, name.token0]
  return exactIn ? pool.quoteExactIn(from, to, amount) : pool.quoteExactOut(from, to, amount)
}

beforeAll(async () => {
  world = await startUniswapWorld()
  const [token0, token1] = world.tokens as [Address, Address, Address]
  name = { token0, token1, fee: 3000 }
  address = await world.createPool(token0, token1, 3000, sqrtRatioAtTick(30))
  for (let i = 1; i < 30; i++) await world.mint(name, -SPACING * i * 7, SPACING * i * 7, 10n ** 18n, 10n ** 18n)
  // Cross every tick both ways once: a pool that has lived has no zeroed slots left there.
  for (const zeroForOne of [true, false, true, false]) await world.swap(name, zeroForOne, 6n * 10n ** 19n, true)
}, 60_000)

afterAll(() => world?.stop())

describe('uniswap v3 calls', () => {
  test('default: a swap called as encoded moves exactly what was quoted', async () => {
    const pool = await poolNow()
    for (let i = 0; i < 24; i++) {
      const [zeroForOne, exactIn] = [i % 2 === 0, i % 4 < 2]
      const amount = BigInt(Math.floor(10 ** random.between(3, 19)))
      const quote = quoteOf(pool, zeroForOne, exactIn, amount)!
      const [from, to] = zeroForOne ? ([name.token0, name.token1] as const) : ([name.token1, name.token0] as const)
      const exact = { kind: 'exact', value: amount } as const
      const [step] = (
        exactIn ? pool.encodeExactIn(from, to, exact, world.account) : pool.encodeExactOut(from, to, exact, world.account, null)
      ) as readonly [Extract<Step, { kind: 'call' }>]
      // The lab's market maker stands for the executor: it pays what a pool's callback asks.
      const result = await world.rpc.request<Hex>('eth_call', { from: world.maker, to: step.to, data: step.data }, 'latest')
      const [delta0, delta1] = decodeFunctionResult({ abi: poolAbi, functionName: 'swap', data: result })
      const [paid, received] = zeroForOne ? [delta0, -delta1] : [delta1, -delta0]
      expect([paid, received]).toEqual([quote.amountIn, quote.amountOut])
    }
  }, 30_000)

  test('behavior: the gas estimate is near the call’s real gas, with and without crossings', async () => {
    const ratios: number[] = []
    for (let i = 0; i < 24; i++) {
      const amount = BigInt(Math.floor(10 ** random.between(15, 19.5)))
      const [zeroForOne, exactIn] = [i % 2 === 0, i % 4 < 2]
      const quote = quoteOf(await poolNow(), zeroForOne, exactIn, amount)
      const transaction = quote === null ? null : await world.swap(name, zeroForOne, amount, exactIn)
      if (quote !== null && transaction !== null) ratios.push(Number(quote.gas) / (await gasOf(transaction)))
    }
    expect(ratios.length).toBeGreaterThan(15)
    for (const ratio of ratios) {
      expect(ratio).toBeGreaterThan(0.85)
      expect(ratio).toBeLessThan(1.3)
    }
  }, 30_000)
})
