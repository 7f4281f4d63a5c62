// Scenarios as people write them, and tokens by the names they give themselves.
import { describe, expect, it } from '@jest/globals'
import { parseChange, parseFalls, percentText, scenarioOf, scenarioText, tokenNamed } from '../../src/commands/scenario'
import type { Address, Token } from '../../src/core/primitives'

const WAD = 10n ** 18n
const token = (n: number, symbol: string | null): Token => ({
  address: `0x${n.toString(16).padStart(40, 'a')}`,
  decimals: 18,
  symbol,
})
const viewOf = (...tokens: readonly Token[]) => ({
  id: 7,
  tokens: new Map(tokens.map((each): [Address, Token] => [each.address, each])),
})
const [WETH, FAKE, USDC, MUTE] = [token(1, 'WETH'), token(2, 'weth'), token(3, 'USDC'), token(4, null)]

describe('parseChange', () => {
  it('default', () => {
    expect(parseChange('WETH=-10%')).toEqual({ token: 'WETH', bps: -1_000n })
    expect(parseChange('0xAB=+2.5%')).toEqual({ token: '0xAB', bps: 250n })
    expect(parseChange('a=b=-0.05')).toEqual({ token: 'a=b', bps: -5n })
  })
  it('error: what is not of that form, and a fall that leaves nothing', () => {
    for (const text of ['', 'WETH', 'WETH=', '=-1%', 'WETH=10%', 'WETH=-1.234%', 'WETH=-100%', 'WETH=-1e3', 'WETH=-5%%'])
      expect(parseChange(text)).toBeNull()
  })
})

describe('parseFalls', () => {
  it('default: ascending, each once', () => expect(parseFalls('10, 1,2.5%,10')).toEqual([100n, 250n, 1_000n]))
  it('error: no falls', () => {
    for (const text of ['', '1,,2', '-1', '100', 'ten']) expect(parseFalls(text)).toBeNull()
  })
})

describe('tokenNamed', () => {
  it('default: by address in any case, and by a symbol that one token has', () => {
    const view = viewOf(WETH, USDC, MUTE)
    expect(tokenNamed('usdc', view)).toBe(USDC.address)
    expect(tokenNamed(`0x${MUTE.address.slice(2).toUpperCase()}`, view)).toBe(MUTE.address)
  })
  it('error: unknown, and a symbol that two tokens give themselves', () => {
    expect(() => tokenNamed('WBTC', viewOf(WETH))).toThrow('No token of an open market on chain 7 calls itself "WBTC"')
    expect(() => tokenNamed(USDC.address, viewOf(WETH))).toThrow('has the token')
    expect(() => tokenNamed('WETH', viewOf(WETH, FAKE))).toThrow(`${WETH.address}, ${FAKE.address}`)
  })
})

describe('scenarioOf', () => {
  it('default: a factor for each token; named twice, both count', () => {
    const changes = ['WETH=-10%', 'USDC=+1%', 'WETH=-50%'].map(text => parseChange(text)!)
    expect(scenarioOf(changes, viewOf(WETH, USDC))).toEqual({
      kind: 'values',
      factorWad: new Map([
        [WETH.address, (45n * WAD) / 100n],
        [USDC.address, (101n * WAD) / 100n],
      ]),
    })
    expect(scenarioText(changes)).toBe('WETH falls 10 %, USDC rises 1 %, WETH falls 50 %')
    expect([1n, 150n, 10_000n].map(percentText)).toEqual(['0.01 %', '1.5 %', '100 %'])
  })
})
