// Starts and stops a local chain (anvil, from npm or the PATH). It must never outlive this process, however that ends.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { KeeperError } from '../core/errors'

export interface AnvilOptions {
  /** Further flags, e.g. ['--no-mining', '--order', 'fifo', '--prune-history', '500']. */
  readonly args?: readonly string[]
  readonly chainId?: number
  readonly forkUrl?: string
  readonly forkBlock?: bigint
  /** Default: a free port of the system's choice. */
  readonly port?: number
  readonly startTimeoutMs?: number
}

export interface Anvil {
  readonly httpUrl: string
  readonly wsUrl: string
  readonly pid: number
  /** Ends the chain and resolves once the process is gone. May be called twice. */
  stop(): Promise<void>
}

const ADVICE = 'run `npm ci` with optional dependencies, or install Foundry so that `anvil` is on the PATH'

const PLATFORM_PACKAGES: Readonly<Record<string, string>> = {
  'darwin-x64': 'anvil-darwin-amd64',
  'darwin-arm64': 'anvil-darwin-arm64',
  'linux-x64': 'anvil-linux-amd64',
  'linux-arm64': 'anvil-linux-arm64',
  'win32-x64': 'anvil-win32-amd64',
}

const labFailed = (message: string, cause?: unknown): KeeperError =>
  new KeeperError('lab-failed', message, { retryable: false, cause })

const fromPackage = (binary: string): string | null => {
  const name = PLATFORM_PACKAGES[`${process.platform}-${process.arch}`]
  if (name === undefined) return null
  try {
    // The platform package is a dependency of the launcher package, which may hold it in its own node_modules.
    const launcher = createRequire(createRequire(__filename).resolve('@foundry-rs/anvil/package.json'))
    const found = join(dirname(launcher.resolve(`@foundry-rs/${name}/package.json`)), 'bin', binary)
    return existsSync(found) ? found : null
  } catch {
    return null
  }
}

/** The anvil program: of the npm package, else of the PATH. Throws KeeperError 'lab-failed' with advice when there is none. */
export const findAnvil = (): string => {
  const binary = process.platform === 'win32' ? 'anvil.exe' : 'anvil'
  const packaged = fromPackage(binary)
  if (packaged !== null) return packaged
  const { error } = spawnSync(binary, ['--version'], { stdio: 'ignore' })
  if (error !== undefined) throw labFailed(`no anvil for ${process.platform}-${process.arch}: ${ADVICE}`, error)
  return binary
}

// A shell stands between us and anvil: it kills anvil as soon as our end of its stdin closes, so even a SIGKILL of this
// process leaves nothing behind. Its own output is closed after the first line, so that stdout ends when anvil does.
const GUARD = `"$0" "$@" </dev/null & echo "guarded $!"; exec >/dev/null 2>&1; read -r _; kill -9 $!; wait $!`

const launch = (binary: string, args: readonly string[]): ChildProcess =>
  process.platform === 'win32'
    ? spawn(binary, [...args], { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
    : spawn('/bin/sh', ['-c', GUARD, binary, ...args], { stdio: ['pipe', 'pipe', 'pipe'], detached: true })

interface Started {
  readonly port: number
  readonly pid: number
}

/** Reads what anvil prints until it listens; rejects when it ends or stays silent. */
const listening = (child: ChildProcess, timeoutMs: number): Promise<Started> =>
  new Promise((resolve, reject) => {
    let output = ''
    const settle = (act: () => void): void => {
      clearTimeout(timer)
      act()
    }
    const fail = (why: string, cause?: unknown): void =>
      settle(() => reject(labFailed(`anvil did not start (${why}): ${output.trim().slice(-600) || 'no output'}`, cause)))
    const timer = setTimeout(() => fail(`no answer in ${timeoutMs} ms`), timeoutMs)
    const onData = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-8_000)
      const port = /Listening on \S+:(\d+)/.exec(output)?.[1]
      if (port === undefined) return
      const guarded = /guarded (\d+)/.exec(output)?.[1]
      settle(() => resolve({ port: Number(port), pid: guarded === undefined ? (child.pid ?? 0) : Number(guarded) }))
    }
    child.stdout?.on('data', onData)
    child.stderr?.on('data', onData)
    // What went wrong stands in stderr, which may come after stdout has ended.
    let open = 2
    const onEnd = (): void => {
      open -= 1
      if (open === 0) fail('it ended')
    }
    child.stdout?.once('end', onEnd)
    child.stderr?.once('end', onEnd)
    child.once('error', cause => fail('it could not be run', cause))
  })

const commandLine = (options: AnvilOptions): readonly string[] => [
  '--host',
  '127.0.0.1',
  '--port',
  String(options.port ?? 0),
  ...(options.chainId === undefined ? [] : ['--chain-id', String(options.chainId)]),
  ...(options.forkUrl === undefined ? [] : ['--fork-url', options.forkUrl]),
  ...(options.forkBlock === undefined ? [] : ['--fork-block-number', String(options.forkBlock)]),
  ...(options.args ?? []),
]

const stopper = (child: ChildProcess): (() => Promise<void>) => {
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  return () => {
    if (child.stdin === null) child.kill('SIGKILL')
    else child.stdin.end()
    return gone
  }
}

/** Starts anvil on 127.0.0.1 and waits until it listens. Throws KeeperError 'lab-failed' with what anvil said. */
export const startAnvil = async (options: AnvilOptions = {}): Promise<Anvil> => {
  const child = launch(findAnvil(), commandLine(options))
  const stop = stopper(child)
  // Windows has no guard: there the exit hook is all we have.
  const onExit = (): void => void child.kill('SIGKILL')
  if (child.stdin === null) process.once('exit', onExit)
  child.stdin?.on('error', () => {})
  try {
    const { port, pid } = await listening(child, options.startTimeoutMs ?? 20_000)
    // Nobody reads the rest, but a full pipe would block anvil.
    child.stdout?.removeAllListeners('data').resume()
    child.stderr?.removeAllListeners('data').resume()
    return {
      httpUrl: `http://127.0.0.1:${port}`,
      wsUrl: `ws://127.0.0.1:${port}`,
      pid,
      stop: async () => {
        process.removeListener('exit', onExit)
        await stop()
      },
    }
  } catch (cause) {
    void stop()
    throw cause
  }
}
