// `bulwark run`, as a supervisor and an operator see it: a process that closes positions, answers questions and stops when told.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createWorkbench, eventually, type JsonLine, jsonLines, type Run, spawnCli, type Workbench } from '../fixtures/cli-run'
import { createDaemonWorld, type DaemonWorld } from '../fixtures/daemon-world'
import { createTcpProxy, type TcpProxy } from '../fixtures/tcp-proxy'

interface Answer {
  readonly status: number
  readonly body: string
}

const get = async (url: string): Promise<Answer> => {
  const response = await fetch(url, { headers: { connection: 'close' } })
  return { status: response.status, body: await response.text() }
}

const events = (text: string, event: string): readonly JsonLine[] => jsonLines(text).filter(line => line.event === event)
const portOf = (text: string): number => Number(/:(\d+)\/metrics/.exec(String(events(text, 'metrics')[0]?.url))?.[1])
const journalOf = (bench: Workbench): readonly JsonLine[] => {
  const path = join(bench.directory, 'ends.jsonl')
  return existsSync(path) ? jsonLines(readFileSync(path, 'utf8')) : []
}
const outcomesIn = (bench: Workbench): readonly JsonLine[] => journalOf(bench).filter(line => line.type === 'outcome')

interface Closed {
  readonly positions: readonly { readonly outcome: string }[]
}
const closedBy = (outcomes: readonly JsonLine[]): number =>
  outcomes.flatMap(line => (line as unknown as Closed).positions).filter(part => part.outcome === 'included').length

describe('bulwark run', () => {
  let scene: DaemonWorld
  let bench: Workbench
  const secrets = (): readonly string[] => [...scene.keys.operators, scene.keys.relayKey].map(key => key.slice(2))
  const configure = (...chains: readonly unknown[]): void => {
    bench.file('bulwark.config.json', { chains, journal: 'ends.jsonl', metrics: { port: 0 } })
  }
  const environ = (env: Readonly<Record<string, string>>): void => {
    bench.file(
      '.env',
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    )
  }
  const ready = async (text: () => string, chains = 1): Promise<void> => {
    await eventually(text, () => events(text(), 'ready').length === chains || events(text(), 'failed').length > 0)
    expect(events(text(), 'failed')).toEqual([])
  }

  beforeEach(async () => {
    bench = createWorkbench()
    scene = await createDaemonWorld()
    environ(scene.env)
  })
  afterEach(async () => {
    await bench.close()
    await scene.close()
  })

  it('default: closes what the crash puts under water, tells the truth, keeps its secrets and ends with 0', async () => {
    configure(scene.chain())
    const cli = spawnCli(bench.directory, ['run', '--json'])
    try {
      await ready(cli.err)
      const url = `http://127.0.0.1:${portOf(cli.err())}`
      await eventually(cli.err, () => existsSync(join(bench.directory, 'ends.jsonl')))
      expect(JSON.parse((await get(`${url}/health`)).body)).toMatchObject({
        chains: [{ chainId: scene.world.chainId, inFlight: 0 }],
      })
      await scene.crash()
      await eventually(cli.err, () => scene.builder.stats().bundlesReceived > 0)
      await eventually(cli.err, () => events(cli.err(), 'sent').length > 0)
      const block = await scene.builder.buildBlock()
      await eventually(cli.err, () => outcomesIn(bench).length > 0)
      const health = await get(`${url}/health`)
      expect(health.status).toBe(200)
      expect(JSON.parse(health.body)).toMatchObject({
        status: 'ok',
        chains: [{ status: 'ok', head: block.number.toString(), inFlight: 0 }],
      })
      const metrics = (await get(`${url}/metrics`)).body
      expect(metrics).toMatch(new RegExp(`bulwark_head_block{chain="${scene.world.chainId}"} ${block.number}`))
      expect(metrics).toMatch(/bulwark_outcomes_total{.*outcome="included".*} [1-9]/)

      const stopAtMs = performance.now()
      cli.child.kill('SIGTERM')
      expect(await cli.ended).toBe(0)
      expect(performance.now() - stopAtMs).toBeLessThan(2_000)

      const outcomes = outcomesIn(bench)
      const hashes = outcomes.map(line => line.transactionHash)
      expect(new Set(hashes).size).toBe(hashes.length)
      expect(closedBy(outcomes)).toBeGreaterThan(3)
      expect(hashes.length).toBe(events(cli.err(), 'sent').length)
      expect(events(cli.err(), 'outcome')).toHaveLength(hashes.length)
      const everything = [cli.out(), cli.err(), health.body, metrics, JSON.stringify(journalOf(bench))].join('\n')
      for (const secret of secrets()) expect(everything).not.toContain(secret)
      expect(cli.out()).toBe('')
    } finally {
      cli.child.kill('SIGKILL')
      await cli.ended
    }
  })

  it('behavior: with a bundle in flight it waits for the block; a second signal ends it with 130 at once', async () => {
    configure(scene.chain())
    const cli = spawnCli(bench.directory, ['run', '--json'])
    try {
      await ready(cli.err)
      await scene.crash()
      await eventually(cli.err, () => events(cli.err(), 'sent').length > 0)
      cli.child.kill('SIGTERM')
      await eventually(cli.err, () => events(cli.err(), 'stopping').length > 0)
      await new Promise(done => setTimeout(done, 400))
      expect(cli.child.exitCode).toBeNull()
      cli.child.kill('SIGTERM')
      expect(await cli.ended).toBe(130)
    } finally {
      cli.child.kill('SIGKILL')
      await cli.ended
    }
  })

  it('behavior: what is in flight when it is told to stop still gets its outcome', async () => {
    configure(scene.chain())
    const run = bench.start('run', '--json')
    await ready(run.io.errText)
    await scene.crash()
    await eventually(run.io.errText, () => events(run.io.errText(), 'sent').length > 0)
    run.signal('SIGTERM')
    await scene.builder.buildBlock()
    expect(await run.code).toBe(0)
    expect(closedBy(outcomesIn(bench))).toBeGreaterThan(3)
  })

  describe('an RPC that drops', () => {
    let proxy: TcpProxy
    beforeEach(async () => {
      proxy = await createTcpProxy(Number(new URL(scene.anvil.httpUrl).port))
    })
    afterEach(async () => {
      await proxy.close()
    })

    it.each(['ws', 'http'])('behavior: over %s: the loop lives, resumes and closes what fell meanwhile', async scheme => {
      configure(scene.chain({ rpc: [`${scheme}://127.0.0.1:${proxy.port}`] }))
      const run: Run = bench.start('run', '--json')
      await ready(run.io.errText)
      const health = async () => JSON.parse((await get(`http://127.0.0.1:${portOf(run.io.errText())}/health`)).body)
      await eventually(run.io.errText, async () => (await health()).status === 'ok')
      const { head } = (await health()).chains[0]
      await proxy.cut()
      await scene.crash()
      // More than a head or two: it has to catch up, and no further head comes to decide on.
      for (let n = 0; n < 12; n += 1) await scene.builder.buildBlock()
      // The balances asked for a moment ago are still believed: what tells is that nothing new comes.
      expect((await health()).chains[0].head).toBe(head)
      await proxy.mend()
      await eventually(run.io.errText, () => events(run.io.errText(), 'sent').length > 0)
      await scene.builder.buildBlock()
      await eventually(run.io.errText, () => closedBy(outcomesIn(bench)) > 3)
      run.signal('SIGTERM')
      expect(await run.code).toBe(0)
    })
  })

  it('behavior: two chains in one process, each closes its own', async () => {
    const other = await createDaemonWorld({ chainId: 10, seed: 6, positions: 2 })
    try {
      const env = { ...scene.env, BULWARK_OPERATOR_KEYS: [...scene.keys.operators, ...other.keys.operators].join(',') }
      environ(env)
      // Each contract knows the other's operators too: the keys are one set for all chains.
      for (const [here, there] of [
        [scene, other],
        [other, scene],
      ] as const)
        await here.allow(there.keys.operators)
      configure(scene.chain(), other.chain())
      const run = bench.start('run', '--json')
      await ready(run.io.errText, 2)
      const crashes = await Promise.all([scene.crash(), other.crash()])
      expect(crashes).toHaveLength(2)
      const sentOn = (chain: number): number => events(run.io.errText(), 'sent').filter(line => line.chain === chain).length
      await eventually(run.io.errText, () => sentOn(10) > 0 && sentOn(scene.world.chainId) > 0)
      await Promise.all([scene.builder.buildBlock(), other.builder.buildBlock()])
      const endedOn = (chain: number): number => events(run.io.errText(), 'outcome').filter(line => line.chain === chain).length
      await eventually(run.io.errText, () => endedOn(10) > 0 && endedOn(scene.world.chainId) > 0)
      const health = JSON.parse((await get(`http://127.0.0.1:${portOf(run.io.errText())}/health`)).body)
      expect(health.chains.map((chain: { chainId: number; status: string }) => [chain.chainId, chain.status])).toEqual([
        [scene.world.chainId, 'ok'],
        [10, 'ok'],
      ])
      run.signal('SIGTERM')
      expect(await run.code).toBe(0)
      expect(outcomesIn(bench).every(line => line.kind === 'included')).toBe(true)
    } finally {
      await bench.close()
      await other.close()
    }
  })
})
