// A JSON-RPC node on loopback, over HTTP and WebSocket on one port, that can be told to misbehave in every way seen in the wild.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** Thrown by an answer: becomes the JSON-RPC error object. */
export class RpcReplyError extends Error {
  readonly code: number
  readonly data: unknown
  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** hang: no answer. drop: the connection breaks. Otherwise the text is sent as the answer's body (or message). */
export type Misdeed =
  | { readonly kind: 'hang' }
  | { readonly kind: 'drop' }
  | {
      readonly kind: 'send'
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body: string
    }

export interface RpcNode {
  readonly httpUrl: string
  readonly wsUrl: string
  answer(method: string, handler: (...params: readonly unknown[]) => unknown): void
  /** The next `times` requests (but eth_chainId) get this instead of an answer. */
  misbehave(misdeed: Misdeed, times?: number): void
  /** Methods asked, in order, eth_chainId left out. */
  asked(): readonly string[]
  paramsOf(method: string): readonly (readonly unknown[])[]
  /** Sends a newHeads event to every subscription. */
  pushHead(header: unknown): void
  subscriptions(): number
  sockets(): number
  socketsEver(): number
  /** Pongs that no ping had asked for. */
  pongs(): number
  dropSockets(): void
  /** Half open: sockets stay, nothing is answered, not even pings. */
  freeze(): void
  /** Refuses connections until `recover`, on the same port then. */
  fail(): Promise<void>
  recover(): Promise<void>
  close(): Promise<void>
}

interface Request {
  readonly id: unknown
  readonly method: string
  readonly params: readonly unknown[]
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export const createRpcNode = async (chainId = 31337): Promise<RpcNode> => {
  const handlers = new Map<string, (...params: readonly unknown[]) => unknown>([
    ['eth_chainId', () => `0x${chainId.toString(16)}`],
  ])
  const asked: Request[] = []
  const misdeeds: Misdeed[] = []
  const connections = new Set<Socket>()
  const subscriptions = new Map<WebSocket, string>()
  const sockets = new Set<WebSocket>()
  let socketsEver = 0
  let pongs = 0
  let isFrozen = false
  let server!: Server
  let wss!: WebSocketServer
  let port = 0

  const note = (request: Request): Misdeed | undefined => {
    if (request.method === 'eth_chainId') return undefined
    asked.push(request)
    return misdeeds.shift()
  }

  const replyTo = (request: Request): string => {
    const handler = handlers.get(request.method)
    try {
      if (handler === undefined) throw new RpcReplyError(-32601, `the method ${request.method} does not exist/is not available`)
      return JSON.stringify({ jsonrpc: '2.0', id: request.id, result: handler(...request.params) })
    } catch (error) {
      if (!(error instanceof RpcReplyError)) throw error
      return JSON.stringify({
        jsonrpc: '2.0',
        id: request.id,
        error: { code: error.code, message: error.message, data: error.data },
      })
    }
  }

  const onHttp = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = JSON.parse(await bodyOf(incoming)) as Request
    const misdeed = note(request)
    if (misdeed?.kind === 'drop') incoming.socket.destroy()
    else if (misdeed?.kind === 'send') response.writeHead(misdeed.status ?? 200, misdeed.headers).end(misdeed.body)
    else if (misdeed === undefined) response.writeHead(200, { 'content-type': 'application/json' }).end(replyTo(request))
  }

  const onMessage = (socket: WebSocket, text: string): void => {
    if (isFrozen) return
    const request = JSON.parse(text) as Request
    const misdeed = note(request)
    if (misdeed?.kind === 'drop') socket.terminate()
    else if (misdeed?.kind === 'send') socket.send(misdeed.body)
    else if (misdeed === undefined) {
      const reply = replyTo(request)
      if (request.method === 'eth_subscribe' && reply.includes('"result"')) subscriptions.set(socket, '0x1')
      socket.send(reply)
    }
  }

  const listen = async (): Promise<void> => {
    server = createServer((request, response) => void onHttp(request, response))
    wss = new WebSocketServer({ server, autoPong: false })
    server.on('connection', socket => {
      connections.add(socket)
      socket.on('close', () => connections.delete(socket))
    })
    wss.on('connection', socket => {
      socketsEver += 1
      sockets.add(socket)
      socket.on('message', data => onMessage(socket, String(data)))
      socket.on('ping', () => {
        if (!isFrozen) socket.pong()
      })
      socket.on('pong', () => {
        pongs += 1
      })
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        subscriptions.delete(socket)
      })
    })
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  }

  const stop = async (): Promise<void> => {
    for (const socket of connections) socket.destroy()
    wss.close()
    await new Promise(resolve => server.close(resolve))
  }

  await listen()
  return {
    httpUrl: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    answer: (method, handler) => void handlers.set(method, handler),
    misbehave: (misdeed, times = 1) => {
      for (let n = 0; n < times; n++) misdeeds.push(misdeed)
    },
    asked: () => asked.map(request => request.method),
    paramsOf: method => asked.filter(request => request.method === method).map(request => request.params),
    pushHead: header => {
      for (const [socket, subscription] of subscriptions) {
        socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params: { subscription, result: header } }))
      }
    },
    subscriptions: () => subscriptions.size,
    sockets: () => sockets.size,
    socketsEver: () => socketsEver,
    pongs: () => pongs,
    dropSockets: () => {
      for (const socket of sockets) socket.terminate()
    },
    freeze: () => {
      isFrozen = true
    },
    fail: stop,
    recover: async () => {
      isFrozen = false
      await listen()
    },
    close: stop,
  }
}

/** A header as nodes write it. */
export const headerOf = (number: number, salt = 0): Readonly<Record<string, unknown>> => ({
  number: `0x${number.toString(16)}`,
  hash: hashOf(number, salt),
  parentHash: hashOf(number - 1, salt),
  timestamp: `0x${(1_700_000_000 + 12 * number).toString(16)}`,
  baseFeePerGas: '0x3b9aca00',
  gasUsed: '0x5208',
  gasLimit: '0x1c9c380',
  logsBloom: `0x${'00'.repeat(256)}`,
})

export const hashOf = (number: number, salt = 0): `0x${string}` =>
  `0x${salt.toString(16).padStart(8, '0')}${number.toString(16).padStart(56, '0')}`
