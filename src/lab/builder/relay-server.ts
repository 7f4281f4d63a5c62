// The builder's HTTP face: JSON-RPC over POST, signatures, replies in the relay's shapes. Chooses and mines nothing.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address, Hex } from '../../core/primitives'
import type { PooledBundle } from './bundle-pool'
import { cannedReply, type Misbehaviour, type MisbehaviourSettings, sendReply } from './misbehaviour'
import {
  type CallBundle,
  parseRequest,
  RelayRefusal,
  type RelayRequest,
  readCallBundle,
  readCancelBundle,
  readRawTransaction,
  readSendBundle,
} from './relay-request'
import { checkSignature } from './signature'

/** A bundle as it came in. */
export interface BundleReceived {
  /** performance.now() when the last byte of the request had arrived, before anything was checked. */
  readonly receivedAtMs: number
  readonly targetBlock: bigint
  readonly bundleHash: Hex
  readonly transactionHashes: readonly Hex[]
  readonly signer: Address
}

export interface RelayServerDeps {
  readonly onBundle: (bundle: PooledBundle, receivedAtMs: number) => void
  readonly onCancel: (signer: Address, uuid: string) => readonly Hex[]
  readonly onRawTransaction: (raw: Hex) => Promise<Hex | null>
  readonly callBundle: (call: CallBundle) => Promise<unknown>
  /** Every reply that is not a result, for statistics. */
  readonly onRefusal: (message: string) => void
  readonly misbehaviour: () => { readonly mode: Misbehaviour; readonly settings: MisbehaviourSettings }
}

export interface RelayServer {
  readonly url: string
  close(): Promise<void>
}

const METHODS = ['eth_sendBundle', 'eth_callBundle', 'eth_cancelBundle', 'eth_sendRawTransaction']
const MAX_BODY_BYTES = 2_000_000

const readBody = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_BODY_BYTES) request.destroy(new Error('body too large'))
      else chunks.push(chunk)
    })
    request.on('error', reject)
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
  })

const reply = (response: ServerResponse, status: number, value: unknown): void =>
  sendReply(response, { status, contentType: 'application/json', body: JSON.stringify(value) })

const refuse = (response: ServerResponse, id: unknown, refusal: RelayRefusal): void => {
  if (refusal.isPlain) reply(response, refusal.code, { error: refusal.message })
  else reply(response, 200, { jsonrpc: '2.0', id, error: { code: refusal.code, message: refusal.message } })
}

/** Who signed the request. eth_sendRawTransaction needs no signature. Throws RelayRefusal. */
const signerOf = async (request: IncomingMessage, body: Buffer, method: string): Promise<Address | null> => {
  if (method === 'eth_sendRawTransaction') return null
  const header = request.headers['x-flashbots-signature']
  const check = await checkSignature(Array.isArray(header) ? header[0] : header, body)
  if (check.kind === 'valid') return check.signer
  const message = check.kind === 'missing' ? 'signature is required' : `error in signature check ${check.claimed}`.trim()
  throw new RelayRefusal(message, { code: -32600, isPlain: false })
}

const handle = async (
  deps: RelayServerDeps,
  call: RelayRequest,
  signer: Address | null,
  receivedAtMs: number,
): Promise<unknown> => {
  switch (call.method) {
    case 'eth_sendBundle': {
      const bundle = await readSendBundle(call.params, signer as Address)
      deps.onBundle(bundle, receivedAtMs)
      return { bundleHash: bundle.bundleHash }
    }
    case 'eth_callBundle':
      return deps.callBundle(await readCallBundle(call.params))
    case 'eth_cancelBundle':
      return deps.onCancel(signer as Address, readCancelBundle(call.params))
    default:
      return deps.onRawTransaction(readRawTransaction(call.params))
  }
}

const answer = async (deps: RelayServerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const body = await readBody(request)
  const receivedAtMs = performance.now()
  const { mode, settings } = deps.misbehaviour()
  let id: unknown = null
  try {
    const call = parseRequest(body.toString('utf8'))
    id = call.id
    const canned = cannedReply(mode, id, settings)
    if (canned !== null) return sendReply(response, canned)
    if (mode === 'drop') return void request.socket.destroy()
    if (mode === 'hang') return
    if (!METHODS.includes(call.method)) {
      reply(response, 400, {
        error: { message: `invalid method, only ${METHODS.join(',')} supported, you provided: ${call.method}` },
      })
      return
    }
    const result = await handle(deps, call, await signerOf(request, body, call.method), receivedAtMs)
    if (mode === 'slow') await sleep(settings.slowMs ?? 2_000, undefined, { ref: false })
    reply(response, 200, { jsonrpc: '2.0', id: mode === 'wrong-id' ? String(id) : id, result })
  } catch (cause) {
    const refusal = cause instanceof RelayRefusal ? cause : new RelayRefusal(String(cause), { code: -32603, isPlain: false })
    deps.onRefusal(refusal.message)
    refuse(response, id, refusal)
  }
}

/** Listens on 127.0.0.1. Port 0: any free one. */
export const startRelayServer = async (deps: RelayServerDeps, port: number): Promise<RelayServer> => {
  const server = createServer((request, response) => {
    answer(deps, request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  server.on('connection', socket => socket.setNoDelay(true))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
