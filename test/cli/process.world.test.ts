// The program as a process: exit codes, signals, streams. `deploy` and `run` end to end against a real chain.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import type { Hex } from '../../src/core/primitives'
import { createLiquidationWorld, type LiquidationWorld } from '../fixtures/liquidation-world'
import { ROOT } from '../house/tree'

const KEY: Hex = `0x${'a7'.repeat(32)}`
const RELAY_KEY: Hex = `0x${'b8'.repeat(32)}`
const ACCOUNT = privateKeyToAccount(KEY).address

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
  /** stderr so far, once it matches; rejects if the process ends first. */
  says(wanted: RegExp): Promise<string>
}

const start = (directory: string, ...args: readonly string[]): Running => {
  const child = spawn(
    process.execPath,
    ['--import', join(ROOT, 'node_modules/tsx/dist/loader.mjs'), join(ROOT, 'src/cli.ts'), ...args],
    { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const text = { out: '', err: '' }
  child.stdout.on('data', chunk => {
    text.out += chunk
  })
  child.stderr.on('data', chunk => {
    text.err += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...text }))
  const says = async (wanted: RegExp): Promise<string> => {
    while (!wanted.test(text.err)) {
      const end = await Promise.race([ended, once(child.stderr, 'data').then(() => null)])
      if (end !== null && !wanted.test(text.err)) throw new Error(`it ended with ${end.code}: ${end.err}`)
    }
    return text.err
  }
  return { child, ended, says }
}

describe('bulwark as a process', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulwark-process-'))
  const children: ChildProcess[] = []
  const launch = (...args: readonly string[]): Running => {
    const running = start(directory, ...args)
    children.push(running.child)
    return running
  }
  let world: LiquidationWorld
  let silent: Server
  beforeAll(async () => {
    world = await createLiquidationWorld(1)
    await world.kit.rpc.request('anvil_setBalance', ACCOUNT, '0xde0b6b3a7640000')
    silent = createServer(() => undefined)
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const chain = {
      id: Number(await world.kit.rpc.request('eth_chainId')),
      rpc: [world.kit.anvil.wsUrl],
      wrappedNative: world.weth,
      strategies: { 'morpho-blue': { address: world.morpho, fromBlock: 0 } },
      owner: ACCOUNT,
      relays: [{ name: 'nobody', url: 'http://127.0.0.1:9' }],
    }
    writeFileSync(join(directory, '.env'), `BULWARK_OPERATOR_KEYS=${KEY}\nBULWARK_RELAY_KEY=${RELAY_KEY}\n`)
    writeFileSync(
      join(directory, 'bulwark.config.ts'),
      `export default ${JSON.stringify({ chains: [chain], metrics: { port: 0 }, journal: 'outcomes.jsonl' })}`,
    )
    writeFileSync(
      join(directory, 'silent.json'),
      JSON.stringify({ chains: [{ ...chain, rpc: [`http://127.0.0.1:${(silent.address() as AddressInfo).port}`] }] }),
    )
    writeFileSync(join(directory, 'bad.json'), '{"chains": []}')
  })
  afterAll(async () => {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    silent.closeAllConnections()
    await new Promise(resolve => silent.close(resolve))
    await world.kit.stop()
    rmSync(directory, { recursive: true })
  })

  it('default: deploy, then run until SIGTERM: 0, with logs as JSON on stderr, nothing on stdout, and no key anywhere', async () => {
    const undeployed = await launch('run').ended
    expect(undeployed).toMatchObject({ code: 78, err: expect.stringContaining('bulwark deploy') })
    expect(await launch('deploy').ended).toMatchObject({ code: 0, out: expect.stringContaining('deployed') })
    const daemon = launch('run')
    await daemon.says(/"ready"/)
    const url = /"url":"([^"]+)\/metrics"/.exec(await daemon.says(/"metrics".*\n/))?.[1]
    const health = await fetch(`${url}/health`, { headers: { connection: 'close' } })
    expect(await health.json()).toMatchObject({ chains: [{ chainId: expect.any(Number), inFlight: 0 }] })
    daemon.child.kill('SIGTERM')
    const { code, out, err } = await daemon.ended
    expect({ code, out }).toEqual({ code: 0, out: '' })
    for (const line of err.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), event: expect.any(String) })
    expect(err).not.toMatch(/(a7){8}|(b8){8}/)
  })

  it('behavior: a second signal means now: 130', async () => {
    const daemon = launch('run', '--config', 'silent.json')
    await once(silent, 'request')
    daemon.child.kill('SIGTERM')
    await daemon.says(/"stopping"/)
    await new Promise(resolve => setTimeout(resolve, 400))
    daemon.child.kill('SIGTERM')
    expect((await daemon.ended).code).toBe(130)
  })

  it('error: a bad configuration: 78, and a usage error too', async () => {
    const [bad, usage] = await Promise.all([launch('run', '--config', 'bad.json').ended, launch('rnu').ended])
    expect(bad).toMatchObject({ code: 78, out: '', err: expect.stringContaining('at least one chain') })
    expect(usage).toMatchObject({ code: 78, err: expect.stringContaining('run') })
  })
})
