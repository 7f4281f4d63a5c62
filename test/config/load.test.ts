import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnvironment } from '../../src/config/environment'
import { loadConfig, secretsOf } from '../../src/config/load'
import { chainWith, registry } from './registry'

describe('loadConfig', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bulwark-config-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const put = (name: string, text: string): void => writeFileSync(join(directory, name), text)
  const load = (file?: string, values: Record<string, string> = {}) =>
    loadConfig({ file, directory, registry, environment: parseEnvironment(values) })
  const json = (id = 1): string => JSON.stringify({ chains: [chainWith({ id })] })

  it('default: bulwark.config.json of the folder', async () => {
    put('bulwark.config.json', json())
    const { config, file } = await load()
    expect(config.chains[0]?.id).toBe(1)
    expect(file).toBe(join(directory, 'bulwark.config.json'))
  })

  it('behavior: a TypeScript file with types, imports and bigints', async () => {
    put('ids.ts', 'export const id: number = 42')
    put(
      'bulwark.config.ts',
      `import { id } from './ids'\ninterface Loose { [key: string]: unknown }\nconst chain: Loose = ${JSON.stringify(chainWith())}\nexport default { chains: [{ ...chain, id, minProfitWei: 10n ** 20n }] } satisfies Loose`,
    )
    const { config } = await load()
    expect(config.chains[0]).toMatchObject({ id: 42, minProfitWei: 10n ** 20n })
  })

  it('behavior: --config wins over BULWARK_CONFIG, and that over the usual names', async () => {
    put('bulwark.config.json', json(1))
    put('two.json', json(2))
    put('three.json', json(3))
    expect((await load('three.json', { BULWARK_CONFIG: 'two.json' })).config.chains[0]?.id).toBe(3)
    expect((await load(undefined, { BULWARK_CONFIG: 'two.json' })).config.chains[0]?.id).toBe(2)
  })

  it('behavior: BULWARK_RPC_<id> replaces the endpoints of that chain', async () => {
    put('bulwark.config.json', JSON.stringify({ chains: [chainWith(), chainWith({ id: 5 })] }))
    const { config } = await load(undefined, { BULWARK_RPC_5: 'wss://other.example/0123456789' })
    expect(config.chains.map(chain => chain.rpc)).toEqual([['ws://127.0.0.1:8546'], ['wss://other.example/0123456789']])
  })

  it('error: no file, with what to do', async () => {
    await expect(load()).rejects.toMatchObject({ code: 'bad-config', message: expect.stringContaining('--config') })
    await expect(load('gone.json')).rejects.toMatchObject({
      code: 'bad-config',
      message: expect.stringContaining('gone.json (named by --config)'),
    })
  })

  it.each([
    ['broken.json', '{ "chains": [ }', 'is not valid JSON'],
    ['broken.ts', 'export default { chains: [ }', 'could not be loaded'],
    ['throws.ts', 'throw new Error("out of ideas")', 'out of ideas'],
    ['config.yml', 'chains: []', 'ends in .ts, .js or .json'],
  ])('error: %s', async (name, text, message) => {
    put(name, text)
    await expect(load(name)).rejects.toMatchObject({
      code: 'bad-config',
      retryable: false,
      message: expect.stringContaining(message),
    })
  })
})

describe('secretsOf', () => {
  it('behavior: keys, and what in an endpoint may be a login or a token', async () => {
    const environment = parseEnvironment({
      BULWARK_OPERATOR_KEY: '1'.repeat(64),
      BULWARK_RPC_1: 'wss://a.example/v3/0123456789abcdef,https://user:password@b.example,http://127.0.0.1:8545',
    })
    expect(secretsOf(null, environment).map(secret => secret.reveal())).toEqual([
      `0x${'1'.repeat(64)}`,
      '/v3/0123456789abcdef',
      'user:password',
    ])
  })
})
