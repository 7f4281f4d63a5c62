import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Address } from '../../../src/core/primitives'
import type { RouteNeeds } from '../../../src/core/strategy'
import { createUniswapV3Book, type UniswapV3Book } from '../../../src/venues/uniswap-v3/book'
import { sqrtRatioAtTick } from '../../../src/venues/uniswap-v3/tick-math'
import { bookState } from './comparison'
import {
  burnLog,
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
const [POOL, SECOND] = [address('c'), address('d')]

const pretendPool = (changes: Partial<PretendPool> = {}): PretendPool => ({
  token0: A,
  token1: B,
  fee: 500,
  tickSpacing: 10,
  sqrtPriceX96: sqrtRatioAtTick(0),
  tick: 0,
  liquidity: 0n,
  ticks: new Map(),
  ...changes,
})

const chainWith = (pools: Readonly<Record<Address, PretendPool>>): PretendChain => {
  const chain = createPretendChain(FACTORY)
  for (const [at, pool] of Object.entries(pools)) chain.pools.set(at as Address, pool)
  return chain
}

const configured = (pools: readonly Address[]): UniswapV3Book =>
  createUniswapV3Book({ pools, factory: null, fromBlock: 0n, feeTiers: [500] })
const discovering = (): UniswapV3Book =>
  createUniswapV3Book({ pools: [], factory: FACTORY, fromBlock: 3n, feeTiers: [500, 3000] })

const pair = (from: Address, to: Address): RouteNeeds => ({ pairs: [{ from, to }], hubs: [] })

const withPosition = (pool: PretendPool, lower: number, upper: number, amount: bigint): PretendPool => {
  changePosition(pool, lower, upper, amount)
  return pool
}

const truth = (pool: PretendPool) => ({
  sqrtPriceX96: pool.sqrtPriceX96,
  tick: pool.tick,
  liquidity: pool.liquidity,
  entries: [...pool.ticks]
    .sort(([a], [b]) => a - b)
    .map(([tick, { gross, net }]) => ({ tick, liquidityGross: gross, liquidityNet: net })),
})

const addresses = (book: UniswapV3Book): readonly Address[] => book.pools().map(pool => pool.address)

describe('bootstrap', () => {
  test('default: many configured pools in three aggregated reads', async () => {
    const pools = Array.from({ length: 40 }, (_, i) => `0x${(i + 0x1000).toString(16).padStart(40, '0')}` as Address)
    const one = () => withPosition(pretendPool(), -100, 250, 10n ** 18n)
    const chain = chainWith(Object.fromEntries(pools.map(at => [at, one()])))
    const book = configured(pools)
    expect(book.needsBootstrap()).toBe(true)
    await book.bootstrap(chain.readerAt(7n))
    expect(chain.reads).toHaveLength(3)
    expect(book.needsBootstrap()).toBe(false)
    expect(addresses(book)).toEqual(pools)
    for (const at of pools) expect(bookState(book, at)).toEqual(truth(one()))
    expect(book.filters()[0]?.addresses).toEqual(pools)
  })

  test('behavior: a fork’s short or long slot0 is read', async () => {
    const chain = chainWith({ [POOL]: pretendPool({ slot0Words: 2 }), [SECOND]: pretendPool({ slot0Words: 9 }) })
    const book = configured([POOL, SECOND])
    await book.bootstrap(chain.readerAt(1n))
    expect(book.faults()).toEqual([])
    expect(addresses(book)).toEqual([POOL, SECOND])
  })

  test('error: what is not such a pool is a fault with its reason, and the others go on', async () => {
    const other = address('7')
    const chain = chainWith({
      [POOL]: pretendPool(),
      [SECOND]: withPosition(pretendPool({ tickWords: 10 }), 0, 10, 5n),
      [other]: pretendPool({ fee: 1_000_000 }),
    })
    const book = configured([address('5'), SECOND, other, POOL])
    await book.bootstrap(chain.readerAt(1n))
    expect(addresses(book)).toEqual([POOL])
    expect(book.faults()).toEqual([
      { pool: address('5'), reason: 'not a Uniswap v3 pool: token0() no code' },
      { pool: SECOND, reason: 'not a Uniswap v3 pool: ticks(0) answered 320 bytes' },
      { pool: other, reason: 'not a Uniswap v3 pool: fee 1000000, tick spacing 10' },
    ])
    expect(book.needsBootstrap()).toBe(false)
  })

  test('error: a reader that rejects leaves the book as it was', async () => {
    const chain = chainWith({ [POOL]: pretendPool() })
    const book = configured([POOL])
    const broken = { ...chain.readerAt(1n), read: () => Promise.reject(new Error('connection lost')) }
    await expect(book.bootstrap(broken)).rejects.toThrow('connection lost')
    expect([book.needsBootstrap(), book.pools(), book.faults()]).toEqual([true, [], []])
    await book.bootstrap(chain.readerAt(2n))
    expect(addresses(book)).toEqual([POOL])
  })

  test('behavior: undone with its block, and asked for again', async () => {
    const chain = chainWith({ [POOL]: pretendPool() })
    const book = configured([POOL])
    await book.bootstrap(chain.readerAt(5n))
    book.undo(6n)
    expect(addresses(book)).toEqual([POOL])
    book.undo(5n)
    expect([book.needsBootstrap(), addresses(book)]).toEqual([true, []])
    await book.bootstrap(chain.readerAt(5n))
    book.finalise(6n)
    book.undo(5n)
    expect(addresses(book)).toEqual([POOL])
  })
})

describe('discovery', () => {
  test('default: the factory is asked for the pairs of tracked tokens, and a found pool is read in the same bootstrap', async () => {
    const chain = chainWith({
      [POOL]: pretendPool(),
      [SECOND]: pretendPool({ token0: A, token1: C, fee: 3000, tickSpacing: 60 }),
    })
    const book = discovering()
    expect([book.needsBootstrap(), book.fromBlock, book.filters()]).toEqual([false, 3n, []])
    const version = book.filtersVersion()
    book.track(pair(A, B))
    expect(book.filtersVersion()).not.toBe(version)
    expect(book.historyFilters()).toHaveLength(1)
    expect(book.needsBootstrap()).toBe(true)
    await book.bootstrap(chain.readerAt(9n))
    expect(addresses(book)).toEqual([POOL])
    book.track({ pairs: [{ from: C, to: B }], hubs: [A] })
    await book.bootstrap(chain.readerAt(10n))
    expect(addresses(book)).toEqual([POOL, SECOND])
    expect(book.needsBootstrap()).toBe(false)
    book.undo(10n)
    expect([addresses(book), book.needsBootstrap()]).toEqual([[POOL], true])
  })

  test('behavior: questions grow with markets, not with their square: each pair and each token with each hub, once', async () => {
    const chain = chainWith({ [POOL]: pretendPool() })
    const book = discovering()
    const [HUB, LOAN] = [address('e'), address('b')]
    const made = (n: number): Address => `0x${(0x7000 + n).toString(16).padStart(40, '0')}`
    const pairs = Array.from({ length: 200 }, (_, n) => ({ from: made(n), to: LOAN }))
    book.track({ pairs, hubs: [HUB] })
    await book.bootstrap(chain.readerAt(9n))
    // 200 pairs, 201 tokens with the hub, two tiers.
    expect(chain.reads.map(calls => calls.length)).toEqual([2 * 401])
    expect(new Set(chain.reads[0]!.map(({ data }) => data)).size).toBe(2 * 401)
    const version = book.filtersVersion()
    book.track({ pairs, hubs: [HUB] })
    expect([book.needsBootstrap(), book.filtersVersion()]).toEqual([false, version])
    book.track({ pairs: [...pairs, { from: made(200), to: LOAN }], hubs: [HUB, LOAN] })
    expect(book.filtersVersion()).not.toBe(version)
    await book.bootstrap(chain.readerAt(10n))
    // The new token with both hubs; all others have been held against both already.
    expect(chain.reads.at(-1)).toHaveLength(2 * 2)
  })

  test('behavior: topics are spared where they would be a long list, and sorted out here', async () => {
    const chain = chainWith({ [POOL]: pretendPool() })
    const book = discovering()
    const made = (n: number): Address => `0x${(0x7000 + n).toString(16).padStart(40, '0')}`
    book.track({ pairs: Array.from({ length: 100 }, (_, n) => ({ from: made(n), to: made(n + 1000) })), hubs: [] })
    expect(book.historyFilters()[0]?.topics.map(accepted => accepted?.length)).toEqual([1, 200, 200])
    book.track(pair(A, B))
    expect(book.historyFilters()[0]?.topics.map(accepted => accepted?.length)).toEqual([1])
    await book.bootstrap(chain.readerAt(9n))
    expect(addresses(book)).toEqual([POOL])
    chain.pools.set(SECOND, pretendPool({ fee: 123, tickSpacing: 1 }))
    book.fold(createdLog(FACTORY, 10n, address('8'), A, C))
    expect(book.needsBootstrap()).toBe(false)
    book.fold(createdLog(FACTORY, 10n, SECOND, A, made(0)))
    await book.bootstrap(chain.readerAt(10n))
    expect(addresses(book)).toEqual([POOL, SECOND])
  })

  test('behavior: a PoolCreated log between tracked tokens adds a pool, others do not', async () => {
    const chain = chainWith({ [POOL]: pretendPool() })
    const book = discovering()
    book.track(pair(A, B))
    await book.bootstrap(chain.readerAt(9n))
    chain.pools.set(SECOND, pretendPool({ fee: 123, tickSpacing: 1 }))
    book.fold(createdLog(FACTORY, 10n, address('8'), A, C))
    expect(book.needsBootstrap()).toBe(false)
    book.fold(createdLog(FACTORY, 10n, SECOND, A, B))
    await book.bootstrap(chain.readerAt(10n))
    expect(addresses(book)).toEqual([POOL, SECOND])
    book.undo(10n)
    expect([addresses(book), book.needsBootstrap()]).toEqual([[POOL], false])
  })

  test('behavior: history that is read late does not disturb what later blocks left to undo', async () => {
    const chain = chainWith({ [POOL]: pretendPool() })
    const late = createUniswapV3Book({ pools: [POOL], factory: FACTORY, fromBlock: 0n, feeTiers: [] })
    late.track(pair(A, B))
    await late.bootstrap(chain.readerAt(9n))
    chain.pools.set(SECOND, pretendPool({ fee: 3000, tickSpacing: 60 }))
    late.fold(createdLog(FACTORY, 4n, SECOND, A, B))
    await late.bootstrap(chain.readerAt(9n))
    late.undo(9n)
    expect([addresses(late), late.needsBootstrap()]).toEqual([[], true])
    await late.bootstrap(chain.readerAt(9n))
    expect(addresses(late)).toEqual([POOL, SECOND])
  })

  test('error: a factory that does not answer is a fault', async () => {
    const book = discovering()
    book.track(pair(A, B))
    await book.bootstrap(createPretendChain(FACTORY).readerAt(1n))
    expect(book.faults()).toEqual([{ pool: FACTORY, reason: 'getPool of the factory no code' }])
    expect(book.needsBootstrap()).toBe(false)
  })
})

describe('fold', () => {
  test('default: pools handed out stay as they were', async () => {
    const chain = chainWith({ [POOL]: withPosition(pretendPool(), -1000, 1000, 10n ** 20n) })
    const book = configured([POOL])
    await book.bootstrap(chain.readerAt(1n))
    const [before] = book.pools()
    const quoted = before!.quoteExactIn(A, B, 10n ** 15n)!.amountOut
    book.fold(mintLog(POOL, 2n, -500, 500, 10n ** 22n))
    book.fold(swapLog(POOL, 2n, { sqrtPriceX96: sqrtRatioAtTick(77), tick: 77, liquidity: 10n ** 22n + 10n ** 20n }))
    expect(before!.quoteExactIn(A, B, 10n ** 15n)!.amountOut).toBe(quoted)
    expect(book.pools()[0]!.quoteExactIn(A, B, 10n ** 15n)!.amountOut).toBeGreaterThan(quoted)
  })

  test('behavior: logs of the block that was read, and of pools not followed, change nothing', async () => {
    const chain = chainWith({ [POOL]: withPosition(pretendPool(), -1000, 1000, 10n ** 20n) })
    const book = configured([POOL])
    await book.bootstrap(chain.readerAt(5n))
    const before = bookState(book, POOL)
    book.fold(mintLog(POOL, 5n, -500, 500, 1n))
    book.fold(mintLog(SECOND, 6n, -500, 500, 1n))
    book.fold(burnLog(POOL, 6n, -500, 500, 0n))
    expect(bookState(book, POOL)).toEqual(before)
  })

  test('behavior: a pool without a price is not offered, and is followed from its Initialize without a read', async () => {
    const dormant = pretendPool({ sqrtPriceX96: 0n })
    const chain = chainWith({ [POOL]: dormant })
    const book = configured([POOL])
    await book.bootstrap(chain.readerAt(1n))
    expect([book.pools(), book.faults(), book.filters().length]).toEqual([[], [], 1])
    book.fold(initializeLog(POOL, 2n, sqrtRatioAtTick(-5), -5))
    book.fold(mintLog(POOL, 2n, -880_000, 880_000, 10n ** 18n))
    expect(book.needsBootstrap()).toBe(false)
    Object.assign(dormant, { sqrtPriceX96: sqrtRatioAtTick(-5), tick: -5 })
    changePosition(dormant, -880_000, 880_000, 10n ** 18n)
    expect(bookState(book, POOL)).toEqual(truth(dormant))
    book.undo(2n)
    expect(book.pools()).toEqual([])
  })

  test('behavior: near the end of what was read it asks for more, and knows what was minted there meanwhile', async () => {
    const pool = withPosition(pretendPool({ tickSpacing: 1, fee: 100 }), -50_000, 50_000, 10n ** 18n)
    const book = configured([POOL])
    const chain = chainWith({ [POOL]: pool })
    await book.bootstrap(chain.readerAt(1n))
    expect(bookState(book, POOL).entries).toEqual([])
    changePosition(pool, 20_000, 30_000, 7n)
    book.fold(mintLog(POOL, 2n, 20_000, 30_000, 7n))
    expect([book.needsBootstrap(), bookState(book, POOL).entries]).toEqual([false, []])
    Object.assign(pool, { sqrtPriceX96: sqrtRatioAtTick(14_000), tick: 14_000 })
    book.fold(swapLog(POOL, 3n, pool))
    expect(book.needsBootstrap()).toBe(true)
    await book.bootstrap(chain.readerAt(3n))
    expect(book.needsBootstrap()).toBe(false)
    expect(bookState(book, POOL).entries).toEqual(truth(pool).entries.filter(({ tick }) => tick > 0 && tick < 50_000))
    book.undo(3n)
    expect([book.needsBootstrap(), bookState(book, POOL).entries]).toEqual([false, []])
  })

  test('behavior: any history folds to the pool’s own state, and undoes to each of its blocks bit for bit', async () => {
    const action = fc.record({
      kind: fc.constantFrom('mint', 'burn', 'swap'),
      lower: fc.integer({ min: -40, max: 39 }),
      width: fc.integer({ min: 1, max: 40 }),
      amount: fc.bigInt(1n, 10n ** 20n),
      newBlock: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 40 }), async actions => {
        const pool = withPosition(pretendPool(), -2000, 2000, 10n ** 18n)
        const chain = chainWith({ [POOL]: pool })
        const book = configured([POOL])
        await book.bootstrap(chain.readerAt(1n))
        const held: { readonly lower: number; readonly upper: number; readonly amount: bigint }[] = []
        const atEnd = new Map([[1n, truth(pool)]])
        let block = 2n
        for (const { kind, lower, width, amount, newBlock } of actions) {
          if (newBlock) block++
          const position = { lower: lower * 10, upper: (lower + width) * 10, amount }
          if (kind === 'swap') {
            const tick = position.lower + 3
            const liquidity = [...pool.ticks].reduce((sum, [at, { net }]) => (at <= tick ? sum + net : sum), 0n)
            Object.assign(pool, { tick, sqrtPriceX96: sqrtRatioAtTick(tick), liquidity })
            book.fold(swapLog(POOL, block, pool))
          } else if (kind === 'mint') {
            held.push(position)
            changePosition(pool, position.lower, position.upper, amount)
            book.fold(mintLog(POOL, block, position.lower, position.upper, amount))
          } else {
            const taken = held.pop()
            if (taken !== undefined) {
              changePosition(pool, taken.lower, taken.upper, -taken.amount)
              book.fold(burnLog(POOL, block, taken.lower, taken.upper, taken.amount))
            }
          }
          atEnd.set(block, truth(pool))
        }
        const fresh = configured([POOL])
        await fresh.bootstrap(chain.readerAt(block))
        expect(bookState(book, POOL)).toEqual(truth(pool))
        expect(bookState(fresh, POOL)).toEqual(truth(pool))
        for (const [at, state] of [...atEnd].reverse()) {
          book.undo(at + 1n)
          expect(bookState(book, POOL)).toEqual(state)
        }
      }),
      { seed: 6, numRuns: 100 },
    )
  })
})
