// A small JSON-RPC client for lab chains: keep-alive HTTP, batches, nothing else. It drives and inspects local worlds;
// the keeper never uses it.
import { Agent, request as httpRequest } from 'node:http'
import { KeeperError } from '../core/errors'

export interface RpcCall {
  readonly method: string
  readonly params: readonly unknown[]
}

export type RpcReply =
  | { readonly kind: 'ok'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly message: string; readonly data: unknown }

export interface LabRpc {
  /** Result of one call. Rejects with KeeperError 'lab-failed' that names the method. */
  request<T = unknown>(method: string, ...params: readonly unknown[]): Promise<T>
  /** Results in the order of `calls`; rejects if any of them failed. Empty: no request. */
  batch<T = unknown>(calls: readonly RpcCall[]): Promise<readonly T[]>
  /** As `batch`, but every call fails alone. */
  batchSettled(calls: readonly RpcCall[]): Promise<readonly RpcReply[]>
  /** Calls made so far; a batch counts by its entries. */
  requestCount(): number
  close(): void
}

interface WireReply {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly message: string; readonly data?: unknown }
}

const labError = (message: string, cause?: unknown): KeeperError =>
  new KeeperError('lab-failed', message, { retryable: true, cause })

const post = (url: URL, agent: Agent, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = httpRequest(url, { method: 'POST', agent, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    })
    sent.on('error', reject)
    sent.end(body)
  })

const toReply = (wire: WireReply | undefined, method: string): RpcReply => {
  if (wire === undefined) return { kind: 'failed', message: `${method}: no reply`, data: null }
  if (wire.error !== undefined)
    return { kind: 'failed', message: `${method}: ${wire.error.message}`, data: wire.error.data ?? null }
  return { kind: 'ok', result: wire.result }
}

/** A client of one lab chain. Entries of one batch bigger than anvil's 2 MB body limit must be split by the caller. */
export const createLabRpc = (httpUrl: string): LabRpc => {
  const url = new URL(httpUrl)
  const agent = new Agent({ keepAlive: true, maxSockets: 8, noDelay: true })
  let nextId = 1
  let sent = 0

  const exchange = async (body: string): Promise<unknown> => {
    let text = ''
    try {
      text = await post(url, agent, body)
      return JSON.parse(text)
    } catch (cause) {
      throw labError(`the local chain at ${httpUrl} gave no JSON answer${text === '' ? '' : `: ${text.slice(0, 120)}`}`, cause)
    }
  }

  const batchSettled = async (calls: readonly RpcCall[]): Promise<readonly RpcReply[]> => {
    if (calls.length === 0) return []
    sent += calls.length
    const first = nextId
    nextId += calls.length
    const wire = calls.map((call, index) => ({ jsonrpc: '2.0', id: first + index, method: call.method, params: call.params }))
    const answer = await exchange(JSON.stringify(wire.length === 1 ? wire[0] : wire))
    const replies = new Map((Array.isArray(answer) ? answer : [answer]).map((reply: WireReply) => [reply.id, reply]))
    return calls.map((call, index) => toReply(replies.get(first + index), call.method))
  }

  const batch = async <T>(calls: readonly RpcCall[]): Promise<readonly T[]> =>
    (await batchSettled(calls)).map(reply => {
      if (reply.kind === 'failed') throw labError(reply.message, reply.data)
      return reply.result as T
    })

  return {
    request: async <T>(method: string, ...params: readonly unknown[]) => (await batch<T>([{ method, params }]))[0] as T,
    batch,
    batchSettled,
    requestCount: () => sent,
    close: () => agent.destroy(),
  }
}
