import { describe, expect, test } from '@jest/globals'
import { venues } from '../../../src/venues/registry'
import { configSchema, uniswapV3 } from '../../../src/venues/uniswap-v3/venue'

const POOL = `0x${'Ab'.repeat(20)}`

describe('configSchema', () => {
  test('default: every key is optional', () => {
    expect(configSchema.parse({})).toEqual({ pools: [], fromBlock: 0, feeTiers: [100, 500, 3000, 10000] })
  })

  test('behavior: addresses become lower case', () => {
    const parsed = configSchema.parse({ pools: [POOL], factory: POOL, fromBlock: 5, feeTiers: [2500] })
    expect(parsed).toEqual({ pools: [POOL.toLowerCase()], factory: POOL.toLowerCase(), fromBlock: 5, feeTiers: [2500] })
  })

  test('error: unknown keys, addresses that are none, negative blocks', () => {
    for (const wrong of [{ pool: [] }, { pools: ['0x12'] }, { fromBlock: -1 }, { feeTiers: [1_000_000] }]) {
      expect(configSchema.safeParse(wrong).success).toBe(false)
    }
  })
})

describe('uniswapV3', () => {
  test('default: is registered, and makes a book', () => {
    expect(venues).toContain(uniswapV3)
    const book = uniswapV3.createBook(configSchema.parse({ pools: [POOL] }))
    expect([book.venue, book.fromBlock, book.needsBootstrap()]).toEqual(['uniswap-v3', null, true])
    expect(uniswapV3.createBook(configSchema.parse({ factory: POOL, fromBlock: 9 })).fromBlock).toBe(9n)
  })
})
