import fc from 'fast-check'
import type { ChainConfig } from '../../src/config/config'
import { parseConfig } from '../../src/config/parse'
import { nearest } from '../../src/config/problem'
import { KeeperError } from '../../src/core/errors'
import { ADDRESS, CHECKSUMMED, chainWith, registry } from './registry'

const parse = (raw: unknown) => parseConfig(raw, 'bulwark.config.json', registry)
const parseChain = (more: object): ChainConfig => parse({ chains: [chainWith(more)] }).chains[0] as ChainConfig

const messageOf = (raw: unknown): string => {
  try {
    parse(raw)
  } catch (error) {
    expect(error).toBeInstanceOf(KeeperError)
    expect((error as KeeperError).code).toBe('bad-config')
    expect((error as KeeperError).retryable).toBe(false)
    return (error as KeeperError).message
  }
  throw new Error('it was accepted')
}
const complaint = (more: object): string => messageOf({ chains: [chainWith(more)] })

describe('parseConfig', () => {
  it('default: the smallest configuration is enough, and everything else has a default', () => {
    const chain = parseChain({})
    expect(chain).toMatchObject({
      id: 1,
      wrappedNative: ADDRESS,
      executor: null,
      owner: null,
      recipient: null,
      relays: [],
      bidShareBps: 2_500n,
      floorShareBps: 9_000n,
      payee: { kind: 'coinbase' },
      minProfitWei: 0n,
      slotSec: null,
      maxHops: 3,
      hopTokens: [],
      finalityDepth: 64n,
      auditPerBlock: 4,
      scope: { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} },
      strategies: { 'morpho-blue': { address: ADDRESS, fromBlock: 0 } },
    })
    expect(parse({ chains: [chainWith()] })).toMatchObject({
      log: { level: 'info' },
      journal: null,
      store: '.bulwark/state.sqlite',
      metrics: null,
    })
    expect(parse({ chains: [chainWith()], store: 'none' }).store).toBeNull()
  })

  it('behavior: a strategy has one section, or a list of them: one for each contract', () => {
    const other = `0x${'ab'.repeat(20)}`
    const list = [
      { address: ADDRESS, fromBlock: 7 },
      { address: other.toUpperCase().replace('0X', '0x'), fromBlock: 0 },
    ]
    expect(parseChain({ strategies: { 'morpho-blue': list } }).strategies).toEqual({
      'morpho-blue': [
        { address: ADDRESS, fromBlock: 7 },
        { address: other, fromBlock: 0 },
      ],
    })
    const wrong = (value: unknown): string => complaint({ strategies: { 'morpho-blue': value } })
    expect(wrong([...list, { address: CHECKSUMMED, fromBlock: 1 }])).toContain(
      `chains[0].strategies.morpho-blue[2].address = "${ADDRESS}": is the address of entry 0 already: each contract is listed once`,
    )
    expect(wrong([])).toContain('chains[0].strategies.morpho-blue = []: must list at least one, or be left out')
    expect(wrong([list[0], { adress: other, fromBlock: 0 }])).toContain(
      'chains[0].strategies.morpho-blue[1].adress: unknown key (did you mean "address"?',
    )
    expect(wrong({ adress: other, fromBlock: 0 })).toContain(
      'chains[0].strategies.morpho-blue.adress: unknown key (did you mean "address"?',
    )
    expect(wrong([list[0], 5])).toContain('chains[0].strategies.morpho-blue[1] = 5')
    expect(wrong(5)).toContain('chains[0].strategies.morpho-blue = 5')
  })

  it('behavior: any chain id is accepted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), id => {
        expect(parseChain({ id }).id).toBe(id)
      }),
      { seed: 1, numRuns: 5 },
    )
  })

  it('behavior: venues may be left out, and so may each of their keys', () => {
    const { venues, ...rest } = chainWith() as { readonly venues: object }
    expect(venues).toBeDefined()
    expect(parse({ chains: [rest] }).chains[0]?.venues).toEqual({})
    expect(parseChain({ venues: { 'uniswap-v3': {} } }).venues).toEqual({ 'uniswap-v3': {} })
  })

  it('behavior: hex is lower case inside, wherever it stands', () => {
    const chain = parseChain({
      wrappedNative: CHECKSUMMED,
      hopTokens: [CHECKSUMMED],
      minDebt: { [CHECKSUMMED]: 5 },
      markets: { allow: ['0xABCDEF'] },
      payee: CHECKSUMMED,
      strategies: { 'morpho-blue': { address: `0x${ADDRESS.slice(2).toUpperCase()}`, fromBlock: 0 } },
    })
    expect(chain.wrappedNative).toBe(ADDRESS)
    expect(chain.hopTokens).toEqual([ADDRESS])
    expect(chain.scope.minDebtAssets).toEqual({ [ADDRESS]: 5n })
    expect(chain.scope.markets.allow).toEqual(['0xabcdef'])
    expect(chain.payee).toEqual({ kind: 'address', address: ADDRESS })
    expect(chain.strategies['morpho-blue']).toMatchObject({ address: ADDRESS })
  })

  it('behavior: whole numbers come as number, bigint or decimal text', () => {
    const huge = 10n ** 30n
    expect(parseChain({ minProfitWei: 7 }).minProfitWei).toBe(7n)
    expect(parseChain({ minProfitWei: huge }).minProfitWei).toBe(huge)
    expect(parseChain({ minProfitWei: huge.toString() }).minProfitWei).toBe(huge)
  })

  it.each([[-1], [1.5], [2 ** 53], ['1e18'], ['-1'], [''], [' 1'], ['0x10'], [null], [true], [-1n]])(
    'error: %p is no whole number',
    value => {
      expect(complaint({ minProfitWei: value })).toContain('chains[0].minProfitWei')
    },
  )

  it('error: a mixed-case address with a wrong checksum, with the right form', () => {
    const wrong = CHECKSUMMED.replace('5aAeb', '5Aaeb')
    const text = complaint({ recipient: wrong })
    expect(text).toContain(`chains[0].recipient = "${wrong}"`)
    expect(text).toContain('checksum')
    expect(text).toContain(CHECKSUMMED)
    expect(complaint({ strategies: { 'morpho-blue': { address: wrong, fromBlock: 0 } } })).toContain(
      'chains[0].strategies.morpho-blue.address',
    )
  })

  it.each([['0x1234'], ['1234'], [`${ADDRESS}00`], [ADDRESS.replace('5', 'g')], [7]])('error: %p is no address', value => {
    expect(complaint({ owner: value })).toMatch(/chains\[0\]\.owner = .*must be an address: 0x and 40 hex digits/)
  })

  it.each([
    [{ bidShareBP: 1 }, 'chains[0].bidShareBP', 'bidShareBps'],
    [{ limits: { readGascap: 1 } }, 'chains[0].limits.readGascap', 'readGasCap'],
    [{ markets: { alow: [] } }, 'chains[0].markets.alow', 'allow'],
    [{ venues: { 'uniswap-v3': { pool: [] } } }, 'chains[0].venues.uniswap-v3.pool', 'pools'],
    [{ venues: { uniswapv3: {} } }, 'chains[0].venues.uniswapv3', 'uniswap-v3'],
    [{ relays: [{ name: 'a', url: 'https://a.example', kin: 'flashbots' }] }, 'chains[0].relays[0].kin', 'kind'],
  ])('error: unknown key in %j, with the file and the nearest known key', (more, place, meant) => {
    const text = complaint(more)
    expect(text).toContain('bulwark.config.json')
    expect(text).toContain(`${place}: unknown key (did you mean "${meant}"?`)
  })

  it('error: a bid of the whole profit, with why', () => {
    expect(complaint({ bidShareBps: 10_000 })).toMatch(
      /chains\[0\]\.bidShareBps = 10000: must be between 0 and 9999 .* nothing would be left, and nothing ever sent/,
    )
    expect(parseChain({ bidShareBps: 9_999 }).bidShareBps).toBe(9_999n)
  })

  it('error: an unknown key at the top', () => {
    expect(messageOf({ chains: [chainWith()], metric: {} })).toContain('metric: unknown key (did you mean "metrics"?')
  })

  it('error: a secret in the file is refused and not repeated', () => {
    const key = `0x${'ab'.repeat(32)}`
    const text = complaint({ privateKey: key })
    expect(text).toContain('Secrets belong in the environment')
    expect(text).not.toContain('abab')
  })

  it('error: all problems are listed at once, what is missing with its meaning', () => {
    const text = messageOf({
      chains: [
        { id: 0, rpc: [], strategies: {}, maxHops: 9 },
        { id: 2, rpc: ['foo'], wrappedNative: ADDRESS, strategies: { 'morpho-blue': { address: ADDRESS } } },
      ],
    })
    for (const place of [
      'chains[0].id',
      'chains[0].rpc',
      'chains[0].wrappedNative: is missing: the wrapped native',
      'chains[0].strategies',
      'chains[0].maxHops',
      'chains[1].rpc[0]',
      'chains[1].strategies.morpho-blue.fromBlock: is missing: first block',
    ])
      expect(text).toContain(place)
    expect(text).toMatch(/has 7 problems/)
  })

  it('error: the same chain twice', () => {
    expect(messageOf({ chains: [chainWith(), chainWith()] })).toContain('same chain id twice')
  })

  it.each([[null], [7], ['x'], [[]], [{}], [{ chains: [] }], [{ chains: {} }]])('error: %j is no configuration', raw => {
    expect(messageOf(raw)).toContain('bulwark.config.json has')
  })

  it('behavior: never throws anything but bad-config, whatever the input', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), value => {
        for (const raw of [value, { chains: [chainWith({ limits: value })] }, { chains: value }]) {
          try {
            parse(raw)
          } catch (error) {
            expect(error).toMatchObject({ code: 'bad-config' })
          }
        }
      }),
      { seed: 2, numRuns: 50 },
    )
  })
})

describe('nearest', () => {
  it('default: finds what was meant, and nothing for the far-fetched', () => {
    const known = ['wrappedNative', 'rpc', 'relays']
    expect(nearest('wrapped_native', known)).toBe('wrappedNative')
    expect(nearest('relay', known)).toBe('relays')
    expect(nearest('somethingElse', known)).toBeNull()
  })
})
