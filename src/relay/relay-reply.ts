// What a relay's HTTP answer means, as a RelayReply. Pure reading of status and body; sends nothing.
import type { RelayReply } from '../ports'

export type RefusalClass = Extract<RelayReply, { readonly kind: 'refused' }>['class']

/** One HTTP answer as it came. `retryAfterMs` is null where the server named no wait. */
export interface RelayAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfterMs: number | null
}

/** The longest piece of a relay's own words that is kept for people. */
const MESSAGE_LENGTH = 300

/** Refusal with a bounded one-line message: relays answer with whole HTML pages. */
export const refused = (refusalClass: RefusalClass, message: string): RelayReply => ({
  kind: 'refused',
  class: refusalClass,
  message: message.replace(/\s+/g, ' ').trim().slice(0, MESSAGE_LENGTH),
})

/** `Retry-After` in ms (seconds or an HTTP date, which needs `nowMs`); null if absent or nonsense. */
export const parseRetryAfter = (header: string | undefined, nowMs: number): number | null => {
  if (header === undefined) return null
  if (/^\d+$/.test(header.trim())) return Number(header.trim()) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs)
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

interface RelayFault {
  readonly code: number | null
  readonly message: string
}

/** The error in a body, whichever way it is spelt: string, object, or `jsonerror`. */
const faultIn = (body: unknown): RelayFault | null => {
  if (!isRecord(body)) return null
  const raw = body.error ?? body.jsonerror
  if (raw === undefined || raw === null) return null
  if (!isRecord(raw)) return { code: null, message: String(raw) }
  return {
    code: typeof raw.code === 'number' ? raw.code : null,
    message: typeof raw.message === 'string' ? raw.message : JSON.stringify(raw),
  }
}

const classOfFault = (status: number, fault: RelayFault): RefusalClass => {
  const { code, message } = fault
  if (status === 401 || status === 403) return 'auth'
  if (code === -32601 || /method not found|not supported/i.test(message)) return 'unsupported'
  if (code === -32025 || /signature|unauthori[sz]ed/i.test(message)) return 'auth'
  if (status === 429 || code === -32005 || /rate limit|too many requests/i.test(message)) return 'retry'
  if (/nonce too low|already (passed|mined|known)|block.*(in the past|too old|passed)|invalid inclusion/i.test(message))
    return 'stale'
  if (code === -32600) return 'auth'
  return status >= 500 ? 'retry' : 'invalid'
}

const classOfStatus = (status: number): RefusalClass => {
  if (status === 401 || status === 403) return 'auth'
  if (status === 404 || status === 405) return 'unsupported'
  return status === 408 || status === 425 || status === 429 || status >= 500 ? 'retry' : 'invalid'
}

/**
 * Reads an answer to eth_sendBundle. Accepted only if it is a 2xx JSON reply that names a bundle: an empty body, a null
 * result or a page of HTML is refused as 'retry', because nothing says that the relay kept the bundle.
 */
export const readAnswer = (answer: RelayAnswer): RelayReply => {
  const { status } = answer
  const body = parseJson(answer.body)
  const fault = faultIn(body)
  if (fault !== null) return refused(classOfFault(status, fault), `HTTP ${status}: ${fault.message}`)
  if (status < 200 || status >= 300) return refused(classOfStatus(status), `HTTP ${status}: ${answer.body}`)
  if (!isRecord(body)) return refused('retry', `HTTP ${status} without a JSON reply: ${answer.body}`)
  if (isRecord(body.result)) {
    const hash = body.result.bundleHash
    return { kind: 'accepted', bundleHash: typeof hash === 'string' ? hash : null }
  }
  if (typeof body.result === 'string' && body.result.startsWith('0x')) return { kind: 'accepted', bundleHash: body.result }
  return refused('retry', `HTTP ${status} without a result: ${answer.body}`)
}
