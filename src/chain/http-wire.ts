// JSON-RPC over keep-alive HTTP. A thin client on node's own: fetch costs several times as much per call.
import * as http from 'node:http'
import * as https from 'node:https'
import { hostOf, malformed, WireError } from './rpc-error'
import { isRecord, MAX_ANSWER_BYTES, parseJson, type RpcAnswer, toAnswer, type Wire } from './wire'

const RETRY_AFTER_CAP_MS = 60_000

/** Seconds form of Retry-After only; the date form is rare and clocks differ. */
const retryAfterMs = (header: string | undefined): number | null => {
  const seconds = Number(header)
  return header === undefined || !Number.isFinite(seconds) || seconds < 0 ? null : Math.min(seconds * 1000, RETRY_AFTER_CAP_MS)
}

const hasCode = (error: unknown, code: string): boolean => isRecord(error) && error.code === code

/** An HTTP error may still carry a JSON-RPC error, which says more. */
const rpcErrorOf = (text: string): RpcAnswer | null => {
  try {
    const answer = toAnswer(JSON.parse(text))
    return answer.kind === 'error' ? answer : null
  } catch {
    return null
  }
}

const readAnswer = (text: string, response: http.IncomingMessage, host: string): RpcAnswer => {
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) {
    const value = parseJson(text, host)
    if (Array.isArray(value)) throw malformed('a batch where one response was asked for')
    return toAnswer(value)
  }
  const carried = status === 429 || status >= 500 ? null : rpcErrorOf(text)
  if (carried !== null) return carried
  const failure = status === 413 ? 'too-large' : 'status'
  const after = retryAfterMs(response.headers['retry-after'])
  throw new WireError(failure, `${host} answered HTTP ${status}: ${text.slice(0, 120).replace(/\s+/g, ' ')}`, {
    status,
    retryAfterMs: after,
  })
}

/** `url` is http: or https:. */
export const createHttpWire = (url: string): Wire => {
  const host = hostOf(url)
  const target = new URL(url)
  const client = target.protocol === 'https:' ? https : http
  const agent = new client.Agent({ keepAlive: true, maxSockets: 32, scheduling: 'lifo' })
  const auth =
    target.username === '' ? {} : { auth: `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}` }
  const options = {
    agent,
    method: 'POST',
    hostname: target.hostname.replace(/^\[|\]$/g, ''),
    port: target.port,
    path: target.pathname + target.search,
    ...auth,
  }
  const state = { nextId: 1, isClosed: false }

  const post = (body: string, timeoutMs: number, isSecondTry: boolean): Promise<RpcAnswer> =>
    new Promise((resolve, reject) => {
      if (state.isClosed) return reject(new WireError('closed', `the connection to ${host} is closed`))
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const request = client.request({ ...options, headers })
      const timer = setTimeout(() => {
        request.destroy(new WireError('timeout', `${host} did not answer within ${timeoutMs} ms`))
      }, timeoutMs)
      const fail = (cause: unknown): void => {
        clearTimeout(timer)
        // The server may close an idle keep-alive connection just as we use it: that says nothing about its health.
        if (request.reusedSocket && hasCode(cause, 'ECONNRESET') && !isSecondTry) resolve(post(body, timeoutMs, true))
        else if (cause instanceof WireError) reject(cause)
        else
          reject(
            new WireError('connection', `no connection to ${host}: ${cause instanceof Error ? cause.message : String(cause)}`, {
              cause,
            }),
          )
      }
      request.on('error', fail)
      request.on('response', response => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          bytes += chunk.length
          if (bytes > MAX_ANSWER_BYTES)
            request.destroy(new WireError('too-large', `${host} sent more than ${MAX_ANSWER_BYTES} bytes`))
        })
        response.on('error', fail)
        response.on('aborted', () => fail(new WireError('connection', `${host} broke off its answer`)))
        response.on('end', () => {
          clearTimeout(timer)
          try {
            resolve(readAnswer(Buffer.concat(chunks).toString('utf8'), response, host))
          } catch (error) {
            reject(error)
          }
        })
      })
      request.end(body)
    })

  return {
    send: (method, params, timeoutMs) =>
      post(JSON.stringify({ jsonrpc: '2.0', id: state.nextId++, method, params }), timeoutMs, false),
    close: () => {
      state.isClosed = true
      agent.destroy()
    },
  }
}
