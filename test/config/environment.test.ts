import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { parseEnvironment, readEnvironment } from '../../src/config/environment'
import { createSecret } from '../../src/config/secret'

const key = (digit: string): string => `0x${digit.repeat(64)}`

describe('parseEnvironment', () => {
  it('default: nothing given is nothing had', () => {
    expect(parseEnvironment({})).toEqual({
      operatorKeys: [],
      relayKey: null,
      deployerKey: null,
      rpc: new Map(),
      configFile: null,
    })
  })

  it('behavior: keys by commas, with or without 0x, each once; both names add up', () => {
    const { operatorKeys } = parseEnvironment({
      BULWARK_OPERATOR_KEYS: ` ${key('1')}, ${'2'.repeat(64)},${key('1')} `,
      BULWARK_OPERATOR_KEY: key('3'),
    })
    expect(operatorKeys.map(each => each.reveal())).toEqual([key('1'), key('2'), key('3')])
  })

  it('behavior: RPC endpoints by chain', () => {
    const { rpc } = parseEnvironment({ BULWARK_RPC_1: 'wss://a.example/k, https://b.example', BULWARK_RPC_10: 'ws://c.example' })
    expect([...rpc]).toEqual([
      [1, ['wss://a.example/k', 'https://b.example']],
      [10, ['ws://c.example']],
    ])
  })

  it.each([
    ['too short', '0x1234'],
    ['no hex', 'z'.repeat(64)],
    ['zero', key('0')],
    ['beyond the curve', key('f')],
  ])('error: a key that is %s is named but not shown', (_, value) => {
    expect(() => parseEnvironment({ BULWARK_OPERATOR_KEYS: value })).toThrow(/BULWARK_OPERATOR_KEYS: is not a private key/)
    expect(() => parseEnvironment({ BULWARK_OPERATOR_KEYS: value })).not.toThrow(new RegExp(value.slice(2)))
  })

  it('error: an endpoint that is none, without showing it', () => {
    expect(() => parseEnvironment({ BULWARK_RPC_1: 'node.example/token' })).toThrow(/BULWARK_RPC_1: must list/)
    expect(() => parseEnvironment({ BULWARK_RPC_1: 'node.example/token' })).not.toThrow(/token/)
  })

  it('error: a misspelt name in .env', () => {
    expect(() => parseEnvironment({ BULWARK_OPERATOR_KEYZ: key('1') }, ['BULWARK_OPERATOR_KEYZ', 'OTHER'])).toThrow(
      /BULWARK_OPERATOR_KEYZ: unknown variable \(did you mean BULWARK_OPERATOR_KEYS?/,
    )
  })
})

describe('readEnvironment', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulwark-env-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  it('behavior: .env is read, and the process wins', () => {
    writeFileSync(join(directory, '.env'), `BULWARK_RELAY_KEY=${key('1')}\nBULWARK_CONFIG=a.json\nBULWARK_OPERATOR_KEYS=\n`)
    const environment = readEnvironment(directory, {
      BULWARK_CONFIG: 'b.json',
      BULWARK_SERVICE_HOST: 'invented by an orchestrator',
    })
    expect(environment.relayKey?.reveal()).toBe(key('1'))
    expect(environment.configFile).toBe('b.json')
    expect(environment.operatorKeys).toEqual([])
  })
})

describe('createSecret', () => {
  it('behavior: nothing but reveal gives it away', () => {
    const secret = createSecret('hush-hush')
    expect(secret.reveal()).toBe('hush-hush')
    for (const text of [
      String(secret),
      `${secret as unknown as string}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: [secret] }),
      JSON.stringify(Object.entries(secret)),
    ])
      expect(text).not.toContain('hush')
  })
})
