// Whatever a person, a node or a relay gets wrong: `bulwark run` says what, which value and what to do, ends with the right code, or goes on.
import { existsSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Misbehaviour } from '../../src/lab/builder/misbehaviour'
import { randomKeys } from '../../src/lab/local-executor'
import { createWorkbench, eventually, type JsonLine, jsonLines, type Workbench } from '../fixtures/cli-run'
import { createDaemonWorld, type DaemonWorld } from '../fixtures/daemon-world'
import { type RelayByBlock, startRelayByBlock } from '../fixtures/relay-by-block'

const NOWHERE = `0x${'99'.repeat(20)}`
const events = (text: string, event: string): readonly JsonLine[] => jsonLines(text).filter(line => line.event === event)

let scene: DaemonWorld
let bench: Workbench
beforeAll(async () => {
  scene = await createDaemonWorld()
})
afterAll(() => scene.close())
beforeEach(() => {
  bench = createWorkbench()
  environ(scene.env)
})
afterEach(() => bench.close())

const environ = (env: Readonly<Record<string, string>>): void => {
  bench.file(
    '.env',
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
}
const configure = (config: unknown): void => void bench.file('bulwark.config.json', config)

describe('bulwark run refuses to start', () => {
  /** Runs to its end and gives its last word. */
  const refusal = async (...args: readonly string[]) => {
    const { code, out, err } = await bench.run('run', '--json', ...args)
    expect(out).toBe('')
    for (const key of [...scene.keys.operators, scene.keys.relayKey]) expect(err).not.toContain(key.slice(2))
    expect(err).not.toContain('    at ')
    const complaint = events(err, 'failed')[0]
    return { exit: code, code: complaint?.code, message: String(complaint?.message) }
  }

  it('error: no file', async () => {
    expect(await refusal()).toMatchObject({
      exit: 78,
      code: 'bad-config',
      message: expect.stringContaining('bulwark.config.json'),
    })
  })

  it('error: a file that is not there', async () => {
    expect(await refusal('--config', 'mainnet.json')).toMatchObject({
      exit: 78,
      message: expect.stringContaining('mainnet.json'),
    })
  })

  it('error: no JSON', async () => {
    configure('{"chains": [}')
    expect(await refusal()).toMatchObject({ exit: 78, message: expect.stringMatching(/bulwark\.config\.json is not valid JSON/) })
  })

  it.each<[string, () => unknown, RegExp]>([
    ['a key at the top', () => ({ chains: [scene.chain()], metric: { port: 0 } }), /metric.*did you mean "metrics"/],
    ['a key of a chain', () => ({ chains: [scene.chain({ relay: [] })] }), /chains\[0\]\.relay.*did you mean "relays"/],
    [
      'a key of a strategy',
      () => ({ chains: [scene.chain({ strategies: { 'morpho-blue': { adress: scene.world.contracts.morpho } } })] }),
      /strategies\.morpho-blue\.adress.*did you mean "address"/,
    ],
    [
      'a strategy',
      () => ({ chains: [scene.chain({ strategies: { 'morpho-bleu': {} } })] }),
      /morpho-bleu.*did you mean "morpho-blue"/,
    ],
  ])('error: %s that is unknown: where, and what was probably meant', async (_, config, message) => {
    configure(config())
    expect(await refusal()).toMatchObject({ exit: 78, code: 'bad-config', message: expect.stringMatching(message) })
  })

  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['an address that is too short', { wrappedNative: '0x1234' }, /chains\[0\]\.wrappedNative = "0x1234": must be an address/],
    [
      'an address with a wrong checksum',
      { wrappedNative: '0xc02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2' },
      /wrappedNative.*checksum/,
    ],
    ['an endpoint that is no URL', { rpc: ['localhost:8545'] }, /rpc\[0\].*ws:\/\//],
    ['no endpoint', { rpc: [] }, /rpc.*at least one/],
    ['no relay', { relays: [] }, /relays is empty/],
    ['a bid of all', { bidShareBps: 10_000 }, /bidShareBps = 10000.*nothing ever sent/],
  ])('error: %s', async (_, change, message) => {
    configure({ chains: [scene.chain(change)] })
    expect(await refusal()).toMatchObject({ exit: 78, code: 'bad-config', message: expect.stringMatching(message) })
  })

  it.each<[string, () => Readonly<Record<string, string>>, RegExp]>([
    ['no operator key', () => ({ BULWARK_RELAY_KEY: scene.keys.relayKey }), /BULWARK_OPERATOR_KEYS/],
    ['no relay key', () => ({ BULWARK_OPERATOR_KEYS: scene.keys.operators[0] ?? '' }), /BULWARK_RELAY_KEY/],
    ['a key that is none', () => ({ ...scene.env, BULWARK_OPERATOR_KEYS: '0x1234' }), /BULWARK_OPERATOR_KEYS.*not a private key/],
  ])('error: %s', async (_, env, message) => {
    configure({ chains: [scene.chain()] })
    environ(env())
    expect(await refusal()).toMatchObject({ exit: 78, code: 'bad-config', message: expect.stringMatching(message) })
  })

  it('error: a key that is no operator: which, of what, and who must do what', async () => {
    configure({ chains: [scene.chain()] })
    environ({ ...scene.env, BULWARK_OPERATOR_KEYS: randomKeys(1).operators.join() })
    expect(await refusal()).toMatchObject({
      exit: 78,
      message: expect.stringMatching(
        new RegExp(`^0x[0-9a-f]{40} is no operator of executor ${scene.executor.contract}.*setOperator`),
      ),
    })
  })

  it('error: an operator without money: which account to fund', async () => {
    const { operators } = randomKeys(1)
    await scene.allow(operators, 0n)
    configure({ chains: [scene.chain()] })
    environ({ ...scene.env, BULWARK_OPERATOR_KEYS: operators.join() })
    expect(await refusal()).toMatchObject({ exit: 78, code: 'no-funds', message: expect.stringMatching(/fund 0x[0-9a-f]{40}/) })
  })

  it.each([
    ['wrappedNative', { wrappedNative: NOWHERE }],
    ['strategies.morpho-blue.address', { strategies: { 'morpho-blue': { address: NOWHERE, fromBlock: 0 } } }],
    ['executor', { executor: NOWHERE }],
  ])('error: %s without code', async (what, change) => {
    configure({ chains: [scene.chain(change)] })
    const told = await refusal()
    expect(told).toMatchObject({ exit: 78, code: 'no-code', message: expect.stringContaining(NOWHERE) })
    expect(told.message).toContain(what)
  })

  it('error: another chain id', async () => {
    configure({ chains: [scene.chain({ id: 10 })] })
    expect(await refusal()).toMatchObject({
      exit: 78,
      code: 'wrong-chain',
      message: expect.stringMatching(/serves chain \d+.*says 10/),
    })
  })

  it('error: nobody at the endpoint, on one chain of two: 75, and the other does not keep it running', async () => {
    configure({ chains: [scene.chain(), scene.chain({ id: 10, rpc: ['http://127.0.0.1:9'] })] })
    expect(await refusal()).toMatchObject({ exit: 75, code: 'rpc-failed', message: expect.stringContaining('127.0.0.1:9') })
  })

  it('error: a port that is taken', async () => {
    const taken = createServer()
    await new Promise<void>(done => taken.listen(0, '127.0.0.1', done))
    const { port } = taken.address() as AddressInfo
    configure({ chains: [scene.chain()], metrics: { port } })
    expect(await refusal()).toMatchObject({ exit: 78, message: expect.stringContaining(`127.0.0.1:${port}`) })
    await new Promise(done => taken.close(done))
  })

  it('error: a journal that can not be written', async () => {
    bench.file('file', '')
    configure({ chains: [scene.chain()], journal: 'file/ends.jsonl' })
    expect(await refusal()).toMatchObject({ exit: 78, message: expect.stringContaining('ends.jsonl') })
  })
})

describe('bulwark run and a relay that misbehaves', () => {
  interface Ended extends JsonLine {
    readonly kind: string
    readonly reason: string
    readonly positions: readonly { readonly outcome: string; readonly reason: string }[]
  }
  const MODES: readonly [Misbehaviour, string, RegExp][] = [
    ['400-string', 'refused-by-relay', /lab: invalid: .*unable to decode txs/],
    ['200-error', 'refused-by-relay', /lab: invalid: .*unable to decode bundle/],
    ['403', 'refused-by-relay', /lab: auth: .*(403|forbidden)/],
    ['429', 'refused-by-relay', /lab: retry: .*(429|rate limit)/],
    ['502-html', 'refused-by-relay', /lab: retry: .*502/],
    ['null-result', 'refused-by-relay', /lab: (retry|invalid): /],
    ['empty', 'refused-by-relay', /lab: retry: /],
    ['drop', 'refused-by-relay', /lab: retry: /],
    ['hang', 'refused-by-relay', /lab: retry: .*(no answer|abandoned)/],
    ['never-includes', 'missed', /not in block \d+ \(lab: accepted\)/],
  ]

  let relay: RelayByBlock | null = null
  afterEach(async () => {
    await relay?.close()
  })

  it('error: each answer ends in one outcome that quotes it, and the loop lives to close everything afterwards', async () => {
    const crashed = Number(await scene.world.rpc.request('eth_blockNumber')) + 1
    const modeOf = (block: number): Misbehaviour => MODES[block - crashed - 1]?.[0] ?? 'ok'
    relay = await startRelayByBlock(scene.builder.url, modeOf)
    const relays = [{ name: 'lab', url: relay.url }]
    configure({ chains: [scene.chain({ relays })], journal: 'ends.jsonl', metrics: { port: 0 } })
    const outcomes = (): readonly Ended[] => {
      const path = join(bench.directory, 'ends.jsonl')
      return existsSync(path)
        ? (jsonLines(readFileSync(path, 'utf8')).filter(line => line.type === 'outcome') as unknown as readonly Ended[])
        : []
    }
    const run = bench.start('run', '--json')
    const text = run.io.errText
    const trouble = (): string => text().slice(-2_000)
    await eventually(trouble, () => events(text(), 'ready').length > 0 || events(text(), 'failed').length > 0)
    const url = String(events(text(), 'metrics')[0]?.url).replace('/metrics', '/health')
    const inFlight = async (): Promise<number> => {
      const { chains } = (await (await fetch(url, { headers: { connection: 'close' } })).json()) as {
        readonly chains: readonly { readonly inFlight: number }[]
      }
      return chains[0]?.inFlight ?? 0
    }
    /** Whether something is on its way for the next block: the relay may not have answered. */
    const isOut = async (): Promise<void> => {
      const endMs = performance.now() + 15_000
      while ((await inFlight()) === 0) {
        if (performance.now() > endMs) throw new Error(`nothing sent: ${trouble()}`)
        await new Promise(done => setTimeout(done, 20))
      }
    }
    await scene.crash()
    for (const [index, [mode, kind, reason]] of MODES.entries()) {
      await isOut()
      await eventually(trouble, () => relay?.wasAsked(crashed + 1 + index))
      // Long enough for an answer, not for all the retries.
      await new Promise(done => setTimeout(done, 100))
      await scene.builder.buildBlock()
      const ended = await eventually(trouble, () => outcomes()[index])
      expect({ mode, ...ended }).toMatchObject({ mode, kind, reason: expect.stringMatching(reason) })
      expect(ended.positions.length).toBeGreaterThan(3)
    }
    await isOut()
    await scene.builder.buildBlock()
    const last = await eventually(trouble, () => outcomes()[MODES.length])
    expect(last.positions.filter(part => part.outcome === 'included').length).toBeGreaterThan(3)
    run.signal('SIGTERM')
    expect(await run.code).toBe(0)
  })
})
