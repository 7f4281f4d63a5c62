// One connection's contract: a call goes out, an answer comes back or a WireError says why not. No retries here.
import { malformed, type RpcErrorObject, WireError } from './rpc-error'

export type RpcAnswer =
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'error'; readonly error: RpcErrorObject }

export interface Wire {
  /** Rejects with WireError when no answer of JSON-RPC's shape came within `timeoutMs`. */
  send(method: string, params: readonly unknown[], timeoutMs: number): Promise<RpcAnswer>
  close(): void
}

/** Answers above this are refused: nothing we ask for needs more. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads an error object however sloppy it is. */
const errorObject = (value: unknown): RpcErrorObject => {
  if (!isRecord(value)) return { code: 0, message: String(value), data: null }
  const { code, message, data } = value
  return {
    code: typeof code === 'number' ? code : 0,
    message: typeof message === 'string' ? message : 'no message',
    data: data ?? null,
  }
}

/** Throws KeeperError 'rpc-malformed' when `value` is no JSON-RPC response. */
export const toAnswer = (value: unknown): RpcAnswer => {
  if (!isRecord(value)) throw malformed('no JSON-RPC response')
  if (value.error !== undefined && value.error !== null) return { kind: 'error', error: errorObject(value.error) }
  if (value.result === undefined) throw malformed('a response without result')
  return { kind: 'result', result: value.result }
}

/** JSON, or a WireError 'malformed' that shows how the text begins. */
export const parseJson = (text: string, host: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new WireError('malformed', `${host} sent no JSON but: ${text.slice(0, 80).replace(/\s+/g, ' ')}`, { cause })
  }
}
