// Ways in which relays and builders go wrong, on demand. Test equipment: each reply has a shape seen from a real one.
import type { ServerResponse } from 'node:http'

export type Misbehaviour =
  | 'ok'
  | '400-string' // HTTP 400 {"error": "unable to decode txs"}
  | '200-error' // HTTP 200 with a JSON-RPC error
  | '403'
  | '429' // with Retry-After
  | '502-html'
  | 'null-result'
  | 'empty' // HTTP 200 without a body
  | 'hang' // never answers; the bundle is not taken
  | 'slow' // takes the bundle, answers late
  | 'drop' // closes the connection
  | 'wrong-id' // takes the bundle, answers with the id as a string
  | 'never-includes' // takes the bundle, says so, leaves it out
  | 'other-order' // public transactions first, then bundles, lowest payment first

export interface MisbehaviourSettings {
  /** For 'slow'. Default 2,000. */
  readonly slowMs?: number
  /** For '429'. Default 1. */
  readonly retryAfterSec?: number
}

interface CannedReply {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const JSON_TYPE = 'application/json'

/** The fixed reply of modes that refuse before looking at the request; null for modes that handle it. */
export const cannedReply = (mode: Misbehaviour, id: unknown, settings: MisbehaviourSettings): CannedReply | null => {
  const json = (status: number, value: unknown): CannedReply => ({ status, contentType: JSON_TYPE, body: JSON.stringify(value) })
  switch (mode) {
    case '400-string':
      return json(400, { error: 'unable to decode txs' })
    case '200-error':
      return json(200, { jsonrpc: '2.0', id, error: { code: -32000, message: 'unable to decode bundle' } })
    case '403':
      return json(403, { error: 'forbidden' })
    case '429':
      return {
        ...json(429, { error: 'rate limit exceeded' }),
        headers: { 'retry-after': String(settings.retryAfterSec ?? 1) },
      }
    case '502-html':
      return { status: 502, contentType: 'text/html', body: '<html><head><title>502 Bad Gateway</title></head></html>' }
    case 'null-result':
      return json(200, { jsonrpc: '2.0', id, result: null })
    case 'empty':
      return { status: 200, contentType: JSON_TYPE, body: '' }
    default:
      return null
  }
}

export const sendReply = (response: ServerResponse, reply: CannedReply): void => {
  response.writeHead(reply.status, {
    'content-type': reply.contentType,
    'content-length': Buffer.byteLength(reply.body),
    ...reply.headers,
  })
  response.end(reply.body)
}
