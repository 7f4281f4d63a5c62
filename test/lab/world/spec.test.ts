import { describe, expect, test } from '@jest/globals'
import { officialBytecode } from '../../../src/lab/world/contracts'
import { aaveWorld, demoWorld, manyMarkets } from '../../../src/lab/world/demo-world'
import { createRandom, seededAddress } from '../../../src/lab/world/random'
import { checkSpec } from '../../../src/lab/world/spec'

describe('demoWorld', () => {
  test('default', () => {
    const spec = demoWorld()
    checkSpec(spec)
    const positions = spec.markets.reduce((sum, market) => sum + market.borrowers.count, 0)
    expect(spec.markets.length).toBeGreaterThanOrEqual(4)
    expect(positions).toBeGreaterThanOrEqual(300)
    const lltvs = spec.markets.map(market => market.lltvPercent)
    expect([Math.min(...lltvs), Math.max(...lltvs)]).toEqual([62.5, 94.5])
    expect(new Set(spec.tokens.map(token => token.decimals))).toEqual(new Set([6, 8, 18]))
  })
})

describe('manyMarkets', () => {
  test('default', () => {
    const spec = manyMarkets(12, 7)
    checkSpec(spec)
    expect(spec.markets.map(market => market.borrowers.count)).toEqual(Array.from({ length: 12 }, () => 7))
  })
})

describe('checkSpec', () => {
  const spec = demoWorld()
  test('error: names that lead nowhere', () => {
    expect(() => checkSpec({ ...spec, tokens: spec.tokens.filter(token => token.symbol !== 'DAI') })).toThrow('no token DAI')
    expect(() => checkSpec({ ...spec, feeds: [] })).toThrow('no feed ETH / USD')
    expect(() => checkSpec({ ...spec, prices: { ...spec.prices, closes: {} } })).toThrow('no asset')
  })
  test('error: an Aave pool of what is not there, or twice the same', () => {
    const { aave = [], ...rest } = aaveWorld(1)
    const [pool] = aave
    checkSpec({ ...rest, aave })
    expect(() => checkSpec({ ...rest, aave: [...aave, ...aave] })).toThrow('two Aave pools share a name')
    expect(() => checkSpec({ ...rest, aave, feeds: rest.feeds.slice(0, 1) })).toThrow('no feed BTC / USD')
    expect(() => checkSpec({ ...rest, aave: [{ ...pool!, reserves: pool!.reserves.slice(1) }] })).toThrow(
      'no reserve of Aave v3.6 WETH',
    )
    const doubled = { ...pool!, reserves: [...pool!.reserves, ...pool!.reserves] }
    expect(() => checkSpec({ ...rest, aave: [doubled] })).toThrow('two reserves of Aave v3.6 share a name')
  })
  test('error: doubles, and no wrapped native', () => {
    expect(() => checkSpec({ ...spec, feeds: [...spec.feeds, ...spec.feeds] })).toThrow('two feeds share a name')
    const plain = spec.tokens.map(token => ({ ...token, kind: { kind: 'lab' as const } }))
    expect(() => checkSpec({ ...spec, tokens: plain })).toThrow('exactly one token is the wrapped native')
  })
})

describe('createRandom', () => {
  test('default', () => {
    const draw = (seed: number, label: string): readonly number[] => {
      const random = createRandom(seed, label)
      return Array.from({ length: 2_000 }, () => random.unit())
    }
    expect(draw(1, 'a')).toEqual(draw(1, 'a'))
    expect(draw(1, 'a')).not.toEqual(draw(2, 'a'))
    expect(draw(1, 'a')).not.toEqual(draw(1, 'b'))
    const mean = draw(3, 'c').reduce((sum, value) => sum + value, 0) / 2_000
    expect(mean).toBeGreaterThan(0.47)
    expect(mean).toBeLessThan(0.53)
    expect(seededAddress(1, 'x')).toMatch(/^0x[0-9a-f]{40}$/)
    expect(seededAddress(1, 'x')).not.toBe(seededAddress(2, 'x'))
  })

  test('behavior: normal draws have mean 0 and deviation 1', () => {
    const random = createRandom(5, 'normal')
    const draws = Array.from({ length: 5_000 }, () => random.normal())
    const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length
    const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length
    expect(Math.abs(mean)).toBeLessThan(0.05)
    expect(Math.abs(variance - 1)).toBeLessThan(0.08)
  })
})

describe('officialBytecode', () => {
  test('default', () => {
    expect(officialBytecode('Morpho').length).toBeGreaterThan(30_000)
    expect(officialBytecode('WETH9')).toMatch(/^0x60/)
  })
})
