// The venue's book saved and restored: the same pools, filters, quotes and questions, and the same life after.
import { describe, expect, test } from '@jest/globals'
import type { SavedState } from '../../../src/core/folder'
import type { Address } from '../../../src/core/primitives'
import { type BookSettings, createUniswapV3Book, type UniswapV3Book } from '../../../src/venues/uniswap-v3/book'
import { sqrtRatioAtTick } from '../../../src/venues/uniswap-v3/tick-math'
import {
  changePosition,
  createdLog,
  createPretendChain,
  initializeLog,
  mintLog,
  type PretendChain,
  type PretendPool,
  swapLog,
} from './pretend-chain'

const address = (digit: string): Address => `0x${digit.repeat(40)}`
const [A, B, C] = [address('1'), address('2'), address('3')]
const FACTORY = address('f')
const [LIVE, DORMANT, LATER, ODD] = [address('a'), address('b'), address('c'), address('d')]
const SETTINGS: BookSettings = { pools: [ODD], factory: FACTORY, fromBlock: 3n, feeTiers: [500, 3000] }

const pretendPool = (changes: Partial<PretendPool> = {}): PretendPool => ({
  token0: A,
  token1: B,
  fee: 500,
  tickSpacing: 10,
  sqrtPriceX96: sqrtRatioAtTick(0),
  tick: 0,
  liquidity: 10n ** 20n,
  ticks: new Map(),
  ...changes,
})

const world = (): PretendChain => {
  const chain = createPretendChain(FACTORY)
  const live = pretendPool()
  changePosition(live, -1000, 2000, 10n ** 20n)
  chain.pools.set(LIVE, live)
  chain.pools.set(DORMANT, pretendPool({ fee: 3000, tickSpacing: 60, sqrtPriceX96: 0n }))
  chain.pools.set(LATER, pretendPool({ token1: C }))
  return chain
}

const needs = { pairs: [{ from: A, to: B }], hubs: [A, B] }

const opened = async (chain: PretendChain): Promise<UniswapV3Book> => {
  const book = createUniswapV3Book(SETTINGS)
  book.track(needs)
  book.fold(createdLog(FACTORY, 4n, LIVE, A, B))
  await book.bootstrap(chain.readerAt(5n))
  book.fold(mintLog(LIVE, 6n, -500, 500, 7n))
  return book
}

const restoredFrom = (state: SavedState): UniswapV3Book => {
  const book = createUniswapV3Book(SETTINGS)
  book.restore(state)
  return book
}

const seen = (book: UniswapV3Book) => ({
  state: book.save(),
  pools: book.pools().map(pool => [pool.address, pool.quoteExactIn(A, B, 10n ** 16n)?.amountOut]),
  states: [LIVE, DORMANT, LATER, ODD].map(pool => book.stateOf(pool)),
  filters: book.filters(),
  historyFilters: book.historyFilters(),
})

describe('save and restore', () => {
  test('default: the same, and the same after later logs, reads and their undoing', async () => {
    const chain = world()
    const book = await opened(chain)
    const restored = restoredFrom(book.save())
    // What could not be read is asked once more.
    expect([book.faults().length, restored.faults().length, restored.needsBootstrap()]).toEqual([1, 0, true])
    await restored.bootstrap(chain.readerAt(6n))
    expect(restored.faults()).toEqual(book.faults())
    expect(seen(restored)).toEqual(seen(book))
    for (const each of [book, restored]) {
      each.fold(swapLog(LIVE, 7n, { sqrtPriceX96: sqrtRatioAtTick(77), tick: 77, liquidity: 2n * 10n ** 20n + 7n }))
      each.fold(initializeLog(DORMANT, 7n, sqrtRatioAtTick(-5), -5))
      each.track({ pairs: [{ from: C, to: A }], hubs: [] })
      each.fold(createdLog(FACTORY, 7n, LATER, A, C))
      await each.bootstrap(chain.readerAt(8n))
    }
    expect(book.pools().map(pool => pool.address)).toContain(LATER)
    expect(seen(restored)).toEqual(seen(book))
    for (const each of [book, restored]) each.undo(7n)
    expect(seen(restored)).toEqual(seen(book))
  })

  test('behavior: nothing is asked or read again', async () => {
    const chain = world()
    const state = (await opened(chain)).save()
    const restored = restoredFrom(state)
    chain.reads.length = 0
    restored.track(needs)
    await restored.bootstrap(chain.readerAt(9n))
    expect(chain.reads.flat().map(({ to }) => to)).toEqual(Array.from({ length: 6 }, () => ODD))
  })

  test('behavior: logs up to the block at which a pool was read stay without effect', async () => {
    const restored = restoredFrom((await opened(world())).save())
    const before = restored.stateOf(LIVE)
    restored.fold(mintLog(LIVE, 5n, -500, 500, 1n))
    expect(restored.stateOf(LIVE)).toEqual(before)
  })

  test('behavior: a factory that could not be asked is asked again', async () => {
    const book = createUniswapV3Book(SETTINGS)
    book.track(needs)
    await book.bootstrap(createPretendChain(address('e')).readerAt(5n))
    expect(book.faults().map(({ pool }) => pool)).toContain(FACTORY)
    const restored = restoredFrom(book.save())
    expect(restored.needsBootstrap()).toBe(true)
    await restored.bootstrap(world().readerAt(6n))
    expect(restored.pools().map(pool => pool.address)).toEqual([LIVE])
    expect(restored.faults().map(({ pool }) => pool)).toEqual([ODD])
  })

  test('behavior: other settings, another fingerprint', () => {
    const all = [
      SETTINGS,
      { ...SETTINGS, pools: [] },
      { ...SETTINGS, factory: null },
      { ...SETTINGS, fromBlock: 4n },
      { ...SETTINGS, feeTiers: [500] },
    ].map(settings => createUniswapV3Book(settings).fingerprint())
    expect(new Set(all).size).toBe(5)
    expect(createUniswapV3Book(SETTINGS).fingerprint()).toBe(all[0])
  })
})

describe('damage', () => {
  test.each([
    ['no JSON', 'pools', /^./, ''],
    ['a tick that can not be', 'pools', /"tick":0/, '"tick":900000'],
    ['an amount that is none', 'pools', /"liquidity":"\d+"/, '"liquidity":"x"'],
    ['an unknown key', 'questions', /"hubs"/, '"hub"'],
  ])('error: %s, and nothing is changed', async (_, name, from, to) => {
    const state = (await opened(world())).save()
    const damaged = new Map(state).set(name, String(state.get(name)).replace(from, to))
    const book = createUniswapV3Book(SETTINGS)
    expect(() => book.restore(damaged)).toThrow(`the saved ${name} of uniswap-v3 can't be read`)
    expect(book.save()).toEqual(createUniswapV3Book(SETTINGS).save())
    book.restore(state)
    expect(book.pools()).toHaveLength(1)
  })
})
