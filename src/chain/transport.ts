// Requests over several URLs: the first healthy one in the order given, the next when it fails, again after a pause when all failed.
// Every request has a timeout; no node is trusted before it has named its chain.
import { KeeperError } from '../core/errors'
import type { LogSink, Meter } from '../ports'
import { type Backoff, backoffMs, pause } from './backoff'
import { createHttpWire } from './http-wire'
import { createRateGate, type RateGate } from './rate-gate'
import { hostOf, isRefusal, malformed, RpcRefusal, WireError } from './rpc-error'
import type { RpcAnswer, Wire } from './wire'
import { createWsWire } from './ws-wire'

export interface TransportOptions {
  readonly chainId: number
  readonly urls: readonly string[]
  readonly timeoutMs: number
  readonly requestsPerSecond: number | null
  /** Passes over all URLs before giving up. */
  readonly rounds: number
  readonly backoff: Backoff
  readonly log: LogSink
  readonly meter: Meter
  readonly random: () => number
  readonly nowMs: () => number
}

export interface CallOptions {
  readonly timeoutMs?: number
  /** Passes over all URLs before giving up; default: the transport's. */
  readonly rounds?: number
  /** Throws KeeperError 'rpc-malformed' where the result can't be right: then the next URL is asked. */
  readonly check?: (result: unknown) => void
}

export interface Transport {
  /** The result. Rejects with RpcRefusal (the node says no), or WireError / KeeperError when no node gave a usable answer. */
  call(method: string, params: readonly unknown[], options?: CallOptions): Promise<unknown>
  /** Asks `url`'s node for its chain id unless it has answered before. Rejects with 'wrong-chain' if it is another. */
  verify(url: string): Promise<void>
  requestCount(): number
  close(): void
}

/** What one attempt goes by. */
type Wanted = Pick<CallOptions, 'check'> & { readonly timeoutMs: number }

interface Endpoint {
  readonly url: string
  readonly host: string
  readonly wire: Wire
  readonly gate: RateGate
  isVerified: boolean
  /** The question for its chain id, while it is under way. */
  checking: Promise<void> | null
  isWrong: boolean
  failures: number
  restUntilMs: number
}

const createWire = (url: string): Wire => {
  if (/^wss?:/i.test(url)) return createWsWire(url)
  if (/^https?:/i.test(url)) return createHttpWire(url)
  throw new KeeperError('bad-config', 'an RPC URL must begin with http://, https://, ws:// or wss://', { retryable: false })
}

const wrongChain = (host: string, actual: number, expected: number): KeeperError =>
  new KeeperError(
    'wrong-chain',
    `${host} serves chain ${actual}, but the config says ${expected}: correct the chain's id or its RPC URL`,
    {
      retryable: false,
    },
  )

export const createTransport = (options: TransportOptions): Transport => {
  const { chainId, log, meter, nowMs } = options
  const closing = new AbortController()
  let requests = 0
  const endpoints: readonly Endpoint[] = options.urls.map(url => ({
    url,
    host: hostOf(url),
    wire: createWire(url),
    gate: createRateGate(options.requestsPerSecond, nowMs),
    isVerified: false,
    checking: null,
    isWrong: false,
    failures: 0,
    restUntilMs: 0,
  }))

  const exchange = (endpoint: Endpoint, method: string, params: readonly unknown[], timeoutMs: number): Promise<RpcAnswer> =>
    endpoint.gate.run(() => {
      requests += 1
      return endpoint.wire.send(method, params, timeoutMs)
    })

  const resultOf = (endpoint: Endpoint, method: string, answer: RpcAnswer): unknown => {
    if (answer.kind === 'error') throw new RpcRefusal(method, endpoint.host, answer.error)
    return answer.result
  }

  const askChainId = async (endpoint: Endpoint, timeoutMs: number): Promise<void> => {
    const result = resultOf(endpoint, 'eth_chainId', await exchange(endpoint, 'eth_chainId', [], timeoutMs))
    const actual = typeof result === 'string' ? Number(result) : Number.NaN
    if (!Number.isSafeInteger(actual)) throw malformed(`chain id ${String(result).slice(0, 40)}`)
    if (actual !== chainId) {
      endpoint.isWrong = true
      log.log('error', 'rpc-wrong-chain', { host: endpoint.host, actual, expected: chainId })
      throw wrongChain(endpoint.host, actual, chainId)
    }
    endpoint.isVerified = true
  }

  const check = (endpoint: Endpoint, timeoutMs: number): Promise<void> => {
    endpoint.checking ??= askChainId(endpoint, timeoutMs).finally(() => {
      endpoint.checking = null
    })
    return endpoint.checking
  }

  const attempt = async (endpoint: Endpoint, method: string, params: readonly unknown[], wanted: Wanted): Promise<unknown> => {
    if (!endpoint.isVerified) await check(endpoint, wanted.timeoutMs)
    const result = resultOf(endpoint, method, await exchange(endpoint, method, params, wanted.timeoutMs))
    wanted.check?.(result)
    endpoint.failures = 0
    return result
  }

  const punish = (endpoint: Endpoint, error: unknown): void => {
    endpoint.failures += 1
    const asked = error instanceof WireError ? error.retryAfterMs : null
    endpoint.restUntilMs = nowMs() + (asked ?? backoffMs(options.backoff, endpoint.failures, options.random()))
    meter.count('rpc_failures', 1, { host: endpoint.host })
    log.log('debug', 'rpc-failure', { host: endpoint.host, message: error instanceof Error ? error.message : String(error) })
  }

  /** Whether another node, or the same one later, may do better. */
  const isWorthAnother = (error: unknown): boolean =>
    isRefusal(error)
      ? error.kind === 'rate-limited'
      : error instanceof KeeperError &&
        error.code !== 'wrong-chain' &&
        !(error instanceof WireError && ['closed', 'too-large'].includes(error.failure))

  /** Rested ones in order, then those that still rest, the soonest first. */
  const inOrder = (): readonly Endpoint[] => {
    const now = nowMs()
    const usable = endpoints.filter(endpoint => !endpoint.isWrong)
    if (usable.length < 2) return usable
    const resting = usable.filter(endpoint => endpoint.restUntilMs > now).sort((a, b) => a.restUntilMs - b.restUntilMs)
    return [...usable.filter(endpoint => endpoint.restUntilMs <= now), ...resting]
  }

  const round = async (
    method: string,
    params: readonly unknown[],
    wanted: Wanted,
  ): Promise<{ result: unknown } | { error: unknown }> => {
    let error: unknown = new KeeperError('wrong-chain', `no RPC URL serves chain ${chainId}`, { retryable: false })
    for (const endpoint of inOrder()) {
      try {
        return { result: await attempt(endpoint, method, params, wanted) }
      } catch (caught) {
        // That another URL is of another chain is no reason to give up on the right ones.
        if (!endpoint.isWrong || !(error instanceof WireError)) error = caught
        if (isWorthAnother(caught)) punish(endpoint, caught)
        // A node that lags may stand beside one that has the block: ask on, without blame.
        else if (!isRefusal(caught, 'unknown-block') && !endpoint.isWrong) throw caught
      }
    }
    return { error }
  }

  const soonestMs = (): number => {
    const rests = endpoints.filter(endpoint => !endpoint.isWrong).map(endpoint => endpoint.restUntilMs - nowMs())
    return Math.max(0, Math.min(...rests, options.backoff.maxMs))
  }

  const call: Transport['call'] = async (method, params, given = {}) => {
    const { rounds = options.rounds, timeoutMs = options.timeoutMs } = given
    for (let done = 1; ; done++) {
      const outcome = await round(method, params, { ...given, timeoutMs })
      if ('result' in outcome) return outcome.result
      if (closing.signal.aborted || done >= rounds || !isWorthAnother(outcome.error)) throw asFailure(outcome.error)
      await pause(soonestMs(), closing.signal)
    }
  }

  return {
    call,
    verify: async url => {
      const endpoint = endpoints.find(each => each.url === url)
      if (endpoint === undefined || endpoint.isVerified) return
      await check(endpoint, options.timeoutMs)
    },
    requestCount: () => requests,
    close: () => {
      closing.abort()
      for (const { wire, gate } of endpoints) {
        gate.close()
        wire.close()
      }
    },
  }
}

/** A rate limit that outlasts our patience is a failure of the world, not a refusal of the question. */
const asFailure = (error: unknown): unknown =>
  isRefusal(error, 'rate-limited') ? new KeeperError('rpc-failed', error.message, { retryable: true, cause: error }) : error
