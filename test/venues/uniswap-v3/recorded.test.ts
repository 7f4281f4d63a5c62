// The WBTC/WETH 0.3 % pool of mainnet block 24,407,242: 80 answers of the real quoter, asked at that block.
import { createLadder, type Ladder } from '../../../src/venues/uniswap-v3/ladder'
import { createPool, poolKey } from '../../../src/venues/uniswap-v3/pool'
import { entryOf, fullRange } from '../../../src/venues/uniswap-v3/tick-table'
import { describeWithShared, readShared } from '../../fixtures/shared'

const POOL_FILE = 'data/dex/degenbot_uniswap_v3_wbtc_weth_block_24407242.json'
const ANSWERS_FILE = 'data/dex/degenbot_test_cached_calculations_v3_wbtc_weth.json'

interface RecordedPool {
  readonly scalars: { readonly fee: number; readonly tick_spacing: number; readonly tick: number }
}

/** JSON.parse would round the big integers: they become strings first. */
const parseExact = <T>(text: string): T => JSON.parse(text.replace(/(?<=[[:,\s])(-?\d{16,})(?=[,\s\]}])/g, '"$1"')) as T

const load = () => {
  const text = readShared(POOL_FILE)
  const { scalars } = JSON.parse(text) as RecordedPool
  const exact = parseExact<{
    readonly scalars: { readonly sqrt_price_x96: string; readonly liquidity: string }
    readonly tick_data: Readonly<Record<string, readonly [string | number, string | number, number]>>
    readonly token0: { readonly address: string }
    readonly token1: { readonly address: string }
  }>(text)
  const entries = Object.entries(exact.tick_data)
    .map(([tick, [gross, net]]) => entryOf(Number(tick), BigInt(gross), BigInt(net)))
    .sort((a, b) => a.tick - b.tick)
  const key = poolKey({
    address: '0xcbcdf9626bc03e24f779434178a73a0b4bad62ed',
    token0: exact.token0.address.toLowerCase() as `0x${string}`,
    token1: exact.token1.address.toLowerCase() as `0x${string}`,
    feePips: BigInt(scalars.fee),
    tickSpacing: scalars.tick_spacing,
  })
  const table = { tickSpacing: scalars.tick_spacing, words: fullRange(scalars.tick_spacing), entries }
  const state = {
    sqrtPriceX96: BigInt(exact.scalars.sqrt_price_x96),
    tick: scalars.tick,
    liquidity: BigInt(exact.scalars.liquidity),
    table,
  }
  return { key, state }
}

interface Answer {
  readonly exactIn: boolean
  readonly zeroForOne: boolean
  readonly amount: bigint
  readonly expected: bigint
}

const answers = (): readonly Answer[] => {
  const { entries } = parseExact<{ readonly entries: Readonly<Record<string, { readonly value: string | number }>> }>(
    readShared(ANSWERS_FILE),
  )
  return Object.entries(entries).map(([name, { value }]) => {
    const [, method, direction, amount] = name.split('|')
    return {
      exactIn: method === 'quoteExactInputSingle',
      zeroForOne: direction === 'WBTC->WETH',
      amount: BigInt(amount!),
      expected: BigInt(value),
    }
  })
}

describeWithShared('recorded quotes', [POOL_FILE, ANSWERS_FILE], () => {
  test('default: all 80 answers match to the unit, the partial fills included', () => {
    const { key, state } = load()
    const all = answers()
    expect(all).toHaveLength(80)
    const ladderOf = (zeroForOne: boolean): Ladder =>
      createLadder({ table: state.table, feePips: key.feePips, zeroForOne, ratioAtBoundary: key.ratioAtBoundary }, state)
    const ladders = { down: ladderOf(true), up: ladderOf(false) }
    const ours = all.map(({ exactIn, zeroForOne, amount }) => {
      const { rung } = (zeroForOne ? ladders.down : ladders.up).walk(amount, exactIn)
      return exactIn ? rung.sumOut : rung.sumIn
    })
    expect(ours).toEqual(all.map(({ expected }) => expected))
  })

  test('behavior: the pool answers as recorded, and null where the quoter filled only a part', () => {
    const { key, state } = load()
    const pool = createPool(key, state)
    let whole = 0
    for (const { exactIn, zeroForOne, amount, expected } of answers()) {
      const [tokenIn, tokenOut] = zeroForOne ? [key.token0, key.token1] : [key.token1, key.token0]
      const quote = exactIn ? pool.quoteExactIn(tokenIn, tokenOut, amount) : pool.quoteExactOut(tokenIn, tokenOut, amount)
      if (quote === null) {
        expect(amount > 10n ** 14n).toBe(true)
        continue
      }
      whole++
      expect(exactIn ? quote.amountOut : quote.amountIn).toBe(expected)
      expect(exactIn ? quote.amountIn : quote.amountOut).toBe(amount)
    }
    expect(whole).toBeGreaterThan(50)
  })
})
