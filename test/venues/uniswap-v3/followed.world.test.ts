// Pools of every fee tier under random swaps, mints and burns on the official contracts: the followed state is the contract's own,
// and every quote is QuoterV2's, to the unit.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeFunctionResult, encodeFunctionData, encodePacked } from 'viem'
import type { Pool } from '../../../src/core/pool'
import type { Address } from '../../../src/core/primitives'
import { createRandom, type Random } from '../../../src/lab/world/random'
import { createUniswapV3Book, type UniswapV3Book } from '../../../src/venues/uniswap-v3/book'
import { MAX_SQRT_RATIO, MIN_SQRT_RATIO, sqrtRatioAtTick } from '../../../src/venues/uniswap-v3/tick-math'
import { wordOf } from '../../../src/venues/uniswap-v3/tick-table'
import { bookState, compareQuotes, contractState, isWithin, randomQuestions } from './comparison'
import { askQuoter, type PoolName, poolAbi, quoterAbi, startUniswapWorld, type UniswapWorld } from './uniswap-world'

const SEED = 20240305
const SPACINGS: Readonly<Record<number, number>> = { 100: 1, 500: 10, 3000: 60, 10000: 200 }
const FEES = [100, 500, 3000, 10000]

interface Market extends PoolName {
  readonly address: Address
  readonly spacing: number
  readonly ticksUsed: Set<number>
  readonly positions: number[]
}

let world: UniswapWorld
let markets: Market[]
const random = createRandom(SEED, 'uniswap-v3 followed')

const pick = <T>(list: readonly T[]): T => list[Math.floor(random.between(0, list.length))]!
const amountUpTo = (exponent: number): bigint =>
  1n + BigInt(Math.floor(10 ** random.between(0, 15))) * 10n ** BigInt(Math.floor(random.between(0, exponent - 15)))

const floorTo = (tick: number, spacing: number): number => Math.floor(tick / spacing) * spacing

/** Narrow, wide and one-sided ranges around the price, some sharing edges. */
const randomRange = (tick: number, spacing: number): readonly [number, number] => {
  const at = floorTo(tick, spacing)
  const reach = Math.min(3_000, Math.floor(14_000 / spacing))
  const kind = random.unit()
  const span = Math.max(1, Math.floor(kind < 0.4 ? random.between(1, 20) : random.between(10, reach)))
  const centre = at + spacing * Math.floor(kind < 0.2 ? 0 : random.between(-reach / 3, reach / 3))
  return [centre - span * spacing, centre + Math.max(1, Math.floor(random.between(0, span))) * spacing]
}

const mintRandomly = async (market: Market): Promise<void> => {
  const [, tick] = await world.view<readonly [bigint, number]>(market.address, poolAbi, 'slot0')
  const [lower, upper] = randomRange(tick, market.spacing)
  const before = world.positionCount()
  if (!(await world.mint(market, lower, upper, amountUpTo(26), amountUpTo(26)))) return
  market.positions.push(before)
  market.ticksUsed.add(lower).add(upper)
}

const burnRandomly = async (market: Market): Promise<void> => {
  if (market.positions.length === 0) return
  const position = pick(market.positions)
  const left = world.positionLiquidity(position)
  // All of it more often than not: ticks must vanish too.
  const liquidity = random.unit() < 0.6 ? left : (left * BigInt(Math.floor(random.between(0, 1000)))) / 1000n
  if (liquidity > 0n) await world.burn(position, liquidity)
}

const actRandomly = async (market: Market): Promise<void> => {
  const choice = random.unit()
  if (choice < 0.25) await mintRandomly(market)
  else if (choice < 0.45) await burnRandomly(market)
  else await swapRandomly(market, random.unit() < 0.03)
}

/** A size that the pool can fill, found from a random one; `sweeping`: whatever the size, so that the price may run to its limit. */
const swapRandomly = async (market: Market, sweeping: boolean): Promise<void> => {
  const [zeroForOne, exactIn] = [random.unit() < 0.5, random.unit() < 0.6]
  for (let amount = amountUpTo(26); amount > 0n; amount /= 1000n) {
    const [answer] = await askQuoter(world, world.quoter, [{ ...market, zeroForOne, exactIn, amount }])
    const isFilled = answer != null && answer.sqrtPriceAfter > MIN_SQRT_RATIO + 1n && answer.sqrtPriceAfter < MAX_SQRT_RATIO - 1n
    if (!isFilled && !sweeping) continue
    await world.swap(market, zeroForOne, amount, exactIn)
    return
  }
}

const createMarket = async (token0: Address, token1: Address, fee: number): Promise<Market> => {
  const tick = Math.floor(random.between(-60_000, 60_000))
  const address = await world.createPool(token0, token1, fee, sqrtRatioAtTick(tick) + BigInt(Math.floor(random.between(0, 1000))))
  const market = { token0, token1, fee, address, spacing: SPACINGS[fee]!, ticksUsed: new Set<number>(), positions: [] }
  for (let i = 0; i < 12; i++) await mintRandomly(market)
  return market
}

const newBook = (): UniswapV3Book => {
  const book = createUniswapV3Book({ pools: [], factory: world.factory, fromBlock: 0n, feeTiers: FEES })
  book.track({ pairs: [], hubs: world.tokens })
  return book
}

const bootstrapped = async (): Promise<UniswapV3Book> => {
  const book = newBook()
  await book.bootstrap(await world.reader())
  expect(book.needsBootstrap()).toBe(false)
  expect(book.faults()).toEqual([])
  return book
}

/** As the watcher does: logs of the new blocks, then a bootstrap where the book asks for one. */
const follow = async (book: UniswapV3Book, from: bigint): Promise<bigint> => {
  const reader = await world.reader()
  for (const log of await world.logs(from + 1n, reader.block.number, book.filters())) book.fold(log)
  if (book.needsBootstrap()) await book.bootstrap(reader)
  return reader.block.number
}

const poolIn = (book: UniswapV3Book, address: Address): Pool => book.pools().find(pool => pool.address === address)!

/** Price, tick, liquidity, and every tick in the words that the book knows. */
const expectAsContract = async (book: UniswapV3Book, market: Market): Promise<void> => {
  const { words } = book.stateOf(market.address)!.table
  const known = [...market.ticksUsed].filter(tick => isWithin(wordOf(tick, market.spacing), words))
  expect(bookState(book, market.address)).toEqual(await contractState(world, market.address, known))
}

const randomOrder = (market: Market, rng: Random) => ({ zeroForOne: rng.unit() < 0.5, amount: amountUpTo(22), market })

beforeAll(async () => {
  world = await startUniswapWorld()
  const [a, b, c] = world.tokens as [Address, Address, Address]
  markets = []
  for (const fee of FEES) markets.push(await createMarket(a, b, fee))
  markets.push(await createMarket(b, c, 500), await createMarket(b, c, 3000), await createMarket(a, c, 10000))
}, 60_000)

afterAll(() => world?.stop())

describe('uniswap v3, followed', () => {
  test('default: pools found by the factory quote what QuoterV2 quotes', async () => {
    const book = await bootstrapped()
    expect(
      book
        .pools()
        .map(pool => pool.address)
        .sort(),
    ).toEqual(markets.map(({ address }) => address).sort())
    for (const market of markets) {
      const tally = await compareQuotes(world, world.quoter, book, market.address, randomQuestions(market, random, 120))
      expect(tally.mismatches).toEqual([])
      expect(tally.whole).toBeGreaterThan(30)
    }
  }, 60_000)

  test('behavior: after random swaps, mints and burns the state is the contract’s, and equals a fresh bootstrap', async () => {
    const book = await bootstrapped()
    let at = (await world.block()).number
    for (let round = 0; round < 5; round++) {
      for (const market of markets) for (let i = 0; i < 3; i++) await actRandomly(market)
      at = await follow(book, at)
      const fresh = await bootstrapped()
      for (const market of markets) {
        await expectAsContract(book, market)
        const { words } = fresh.stateOf(market.address)!.table
        expect(bookState(fresh, market.address)).toEqual(bookState(book, market.address, words))
        const tally = await compareQuotes(world, world.quoter, book, market.address, randomQuestions(market, random, 24))
        expect(tally.mismatches).toEqual([])
      }
    }
  }, 120_000)

  test('behavior: a quote’s `after` is the pool once that swap happened on chain', async () => {
    const book = await bootstrapped()
    let at = (await world.block()).number
    let compared = 0
    for (let i = 0; i < 24; i++) {
      const { market, zeroForOne, amount } = randomOrder(pick(markets), random)
      const [tokenIn, tokenOut] = zeroForOne ? [market.token0, market.token1] : [market.token1, market.token0]
      const quote = poolIn(book, market.address).quoteExactIn(tokenIn, tokenOut, amount)
      if (quote === null || (await world.swap(market, zeroForOne, amount, true)) === null) continue
      const questions = randomQuestions(market, random, 16)
      const answers = await askQuoter(world, world.quoter, questions)
      at = await follow(book, at)
      for (const [n, question] of questions.entries()) {
        const [from, to] = question.zeroForOne ? [market.token0, market.token1] : [market.token1, market.token0]
        const ask = question.exactIn ? ('quoteExactIn' as const) : ('quoteExactOut' as const)
        const predicted = quote.after[ask](from, to, question.amount)
        const followed = poolIn(book, market.address)[ask](from, to, question.amount)
        expect([predicted?.amountIn, predicted?.amountOut]).toEqual([followed?.amountIn, followed?.amountOut])
        if (predicted === null) continue
        expect(question.exactIn ? predicted.amountOut : predicted.amountIn).toBe(answers[n]?.amount)
        compared++
      }
    }
    expect(compared).toBeGreaterThan(50)
  }, 60_000)

  test('behavior: pools in a row quote what QuoterV2 quotes for the path', async () => {
    const book = await bootstrapped()
    const [a, b, c] = world.tokens as [Address, Address, Address]
    const first = poolIn(book, markets.find(m => m.token0 === a && m.token1 === b && m.fee === 3000)!.address)
    const second = poolIn(book, markets.find(m => m.token0 === b && m.fee === 500)!.address)
    let compared = 0
    for (let i = 0; i < 60; i++) {
      const amount = amountUpTo(24)
      const middle = first.quoteExactIn(a, b, amount)
      const through = middle === null ? null : second.quoteExactIn(b, c, middle.amountOut)
      const path = encodePacked(['address', 'uint24', 'address', 'uint24', 'address'], [a, 3000, b, 500, c])
      const data = encodeFunctionData({ abi: quoterAbi, functionName: 'quoteExactInput', args: [path, amount] })
      const answer = await world.tryCall(world.quoter, data)
      const back = second.quoteExactOut(b, c, amount)
      const backwards = back === null ? null : first.quoteExactOut(a, b, back.amountIn)
      const backPath = encodePacked(['address', 'uint24', 'address', 'uint24', 'address'], [c, 500, b, 3000, a])
      const backData = encodeFunctionData({ abi: quoterAbi, functionName: 'quoteExactOutput', args: [backPath, amount] })
      const backAnswer = await world.tryCall(world.quoter, backData)
      if (through !== null) {
        expect(through.amountOut).toBe(
          decodeFunctionResult({ abi: quoterAbi, functionName: 'quoteExactInput', data: answer! })[0],
        )
        compared++
      }
      if (backwards !== null) {
        expect(backwards.amountIn).toBe(
          decodeFunctionResult({ abi: quoterAbi, functionName: 'quoteExactOutput', data: backAnswer! })[0],
        )
        compared++
      }
    }
    expect(compared).toBeGreaterThan(30)
  }, 60_000)

  test('behavior: a reorg is undone bit for bit, and the other branch is followed', async () => {
    const book = await bootstrapped()
    const start = (await world.block()).number
    const before = markets.map(({ address }) => bookState(book, address))
    const snapshot = await world.rpc.request<string>('evm_snapshot')
    for (const market of markets) await actRandomly(market)
    await follow(book, start)
    expect(markets.map(({ address }) => bookState(book, address))).not.toEqual(before)
    book.undo(start + 1n)
    expect(markets.map(({ address }) => bookState(book, address))).toEqual(before)
    await world.rpc.request('evm_revert', snapshot)
    for (const market of markets) await swapRandomly(market, false)
    await follow(book, start)
    for (const market of markets) {
      await expectAsContract(book, market)
    }
  }, 60_000)

  test('behavior: a pool created and initialised later is found by its log', async () => {
    const book = await bootstrapped()
    const at = (await world.block()).number
    const [a, , c] = world.tokens as [Address, Address, Address]
    const market = await createMarket(a, c, 3000)
    expect(poolIn(book, market.address)).toBeUndefined()
    await follow(book, at)
    await expectAsContract(book, market)
    const tally = await compareQuotes(world, world.quoter, book, market.address, randomQuestions(market, random, 60))
    expect(tally.mismatches).toEqual([])
  }, 60_000)

  test('behavior: a price that leaves the window of a dense pool is followed by more reads', async () => {
    const market = markets.find(({ fee }) => fee === 100)!
    const book = await bootstrapped()
    const start = (await world.block()).number
    const [, tick] = await world.view<readonly [bigint, number]>(market.address, poolAbi, 'slot0')
    const ends = [tick - 40_000, tick + 40_000] as const
    await world.mint(market, ends[0], ends[1], 10n ** 20n, 10n ** 20n)
    market.ticksUsed.add(ends[0]).add(ends[1])
    const reached = await follow(book, start)
    expect(book.stateOf(market.address)!.table.entries.some(({ tick: at }) => ends.includes(at))).toBe(false)
    for (let i = 0, amount = 10n ** 18n; i < 30; i++, amount = (amount * 17n) / 10n) {
      const [, now] = await world.view<readonly [bigint, number]>(market.address, poolAbi, 'slot0')
      if (Math.abs(now - tick) > 30_000) break
      await world.swap(market, true, amount, true)
    }
    await follow(book, reached)
    expect(book.needsBootstrap()).toBe(false)
    expect(bookState(book, market.address).entries.some(({ tick: at }) => at === ends[0])).toBe(true)
    const questions = randomQuestions(market, random, 80)
    expect((await compareQuotes(world, world.quoter, book, market.address, questions)).mismatches).toEqual([])
  }, 60_000)

  test('behavior: where liquidity is so deep that one unit less still reaches the tick, the tick is crossed as on chain', async () => {
    const [, b, c] = world.tokens as [Address, Address, Address]
    const deep = { token0: b, token1: c, fee: 10000, address: await world.createPool(b, c, 10000, sqrtRatioAtTick(0)) }
    await world.mint(deep, -200, 200, 10n ** 29n, 10n ** 29n)
    await world.mint(deep, -2000, 2000, 10n ** 20n, 10n ** 20n)
    const at = (await world.block()).number
    const book = await bootstrapped()
    expect(book.stateOf(deep.address)!.liquidity).toBeGreaterThan(1n << 97n)
    const state = book.stateOf(deep.address)!
    const toTick = ((sqrtRatioAtTick(0) - sqrtRatioAtTick(-200)) * state.liquidity) >> 96n
    const quote = poolIn(book, deep.address).quoteExactOut(b, c, toTick - 1n)!
    await world.swap(deep, true, toTick - 1n, false)
    await follow(book, at)
    expect(book.stateOf(deep.address)).toMatchObject({ tick: -201, sqrtPriceX96: sqrtRatioAtTick(-200) })
    const questions = randomQuestions(deep, random, 40)
    expect((await compareQuotes(world, world.quoter, book, deep.address, questions)).mismatches).toEqual([])
    for (const amount of [1n, 10n ** 9n, 10n ** 18n]) {
      const followed = poolIn(book, deep.address).quoteExactIn(b, c, amount)
      expect(quote.after.quoteExactIn(b, c, amount)?.amountOut).toBe(followed?.amountOut)
    }
  }, 60_000)
})
