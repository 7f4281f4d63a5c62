// `bulwark run` as a process of its own, on a scene: a real config file, keys in its environment, logs as JSON lines.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { BenchKeys } from './keys'
import type { Scene } from './scene'

export interface LogLine {
  readonly level: string
  readonly event: string
  readonly [field: string]: unknown
}

export interface KeeperProcess {
  readonly lines: readonly LogLine[]
  /** Ends it as a supervisor would; resolves with the exit code. */
  stop(): Promise<number | null>
}

export interface KeeperSettings {
  readonly scene: Scene
  readonly keys: BenchKeys
  readonly rpcUrl: string
  readonly relayUrl: string
  readonly profileDir: string | null
}

const ROOT = resolve(__dirname, '../..')
const READY_TIMEOUT_MS = 60_000

/** Compiles src as a release does: what is measured is what runs. */
export const build = (): Promise<void> =>
  new Promise((done, fail) => {
    const tsc = resolve(ROOT, 'node_modules/typescript/bin/tsc')
    const child = spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noCheck'], { cwd: ROOT, stdio: ['ignore', 2, 2] })
    child.once('error', fail)
    child.once('exit', code => (code === 0 ? done() : fail(new Error(`the build ended with ${code}`))))
  })

const configOf = ({ scene, rpcUrl, relayUrl }: KeeperSettings): object => {
  const { world, executor } = scene
  const { morpho, factory, wrappedNative } = world.contracts
  return {
    chains: [
      {
        id: world.chainId,
        rpc: [rpcUrl],
        wrappedNative,
        owner: executor.owner,
        executor: executor.contract,
        relays: [{ name: 'bench', url: relayUrl }],
        strategies: { 'morpho-blue': { address: morpho, fromBlock: Number(world.fromBlock) } },
        venues: { 'uniswap-v3': { factory, fromBlock: Number(world.fromBlock) } },
        // Blocks come a hundred times as fast here as on any chain.
        limits: { requestsPerSecond: 100_000 },
      },
    ],
  }
}

/** Resolves when it is ready for the first head. Rejects with its last words where it ends before. */
export const startKeeper = async (settings: KeeperSettings): Promise<KeeperProcess> => {
  const folder = mkdtempSync(join(tmpdir(), 'bulwark-bench-'))
  writeFileSync(join(folder, 'bulwark.config.json'), JSON.stringify(configOf(settings)))
  const { operators, relayKey } = settings.keys
  const profiling = settings.profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(settings.profileDir)}`]
  const child = spawn(
    process.execPath,
    [...profiling, join(ROOT, 'dist/src/cli.js'), 'run', '--json', '--config', join(folder, 'bulwark.config.json')],
    {
      cwd: folder,
      env: { PATH: process.env.PATH, BULWARK_OPERATOR_KEYS: operators.join(','), BULWARK_RELAY_KEY: relayKey },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const lines: LogLine[] = []
  const others: string[] = []
  const gone = new Promise<number | null>(done => child.once('exit', code => done(code)))
  const ready = new Promise<void>((done, fail) => {
    const timer = setTimeout(() => fail(new Error('the keeper was not ready in time')), READY_TIMEOUT_MS)
    const read = (text: string): void => {
      if (!text.startsWith('{')) return void others.push(text)
      const line = JSON.parse(text) as LogLine
      lines.push(line)
      if (line.event !== 'ready') return
      clearTimeout(timer)
      done()
    }
    createInterface({ input: child.stderr }).on('line', read)
    void gone.then(code => {
      clearTimeout(timer)
      fail(new Error(`the keeper ended with ${code}: ${JSON.stringify(lines.at(-1))} ${others.join('\n')}`))
    })
  })
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null) child.kill('SIGTERM')
    const code = await gone
    rmSync(folder, { recursive: true, force: true })
    return code
  }
  try {
    await ready
    return { lines, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
