// JSON-RPC requests over one WebSocket that is opened when needed and again after it broke. Never subscribes: heads have a socket of their own.
import { WebSocket } from 'ws'
import { hostOf, malformed, WireError } from './rpc-error'
import { isRecord, MAX_ANSWER_BYTES, parseJson, type RpcAnswer, toAnswer, type Wire } from './wire'

interface Pending {
  readonly resolve: (answer: RpcAnswer) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/** Compression off: on every hop we care for it costs more time than it saves. */
export const openSocket = (url: string, handshakeTimeoutMs: number): WebSocket =>
  new WebSocket(url, { handshakeTimeout: handshakeTimeoutMs, perMessageDeflate: false, maxPayload: MAX_ANSWER_BYTES })

/** `url` is ws: or wss:. */
export const createWsWire = (url: string): Wire => {
  const host = hostOf(url)
  const pending = new Map<number, Pending>()
  let opened: WebSocket | null = null
  let connecting: WebSocket | null = null
  let opening: Promise<WebSocket> | null = null
  let nextId = 1
  let isClosed = false
  let heard = 0

  const failAll = (error: WireError): void => {
    for (const [id, { reject, timer }] of [...pending]) {
      clearTimeout(timer)
      pending.delete(id)
      reject(error)
    }
  }

  const settle = (value: unknown): void => {
    const id = isRecord(value) ? value.id : undefined
    const waiting = typeof id === 'number' ? pending.get(id) : undefined
    if (typeof id !== 'number' || waiting === undefined) return
    clearTimeout(waiting.timer)
    pending.delete(id)
    try {
      waiting.resolve(toAnswer(value))
    } catch (error) {
      waiting.reject(error)
    }
  }

  const onMessage = (data: unknown): void => {
    heard += 1
    try {
      const value = parseJson(String(data), host)
      if (isRecord(value) && value.id === null && value.error !== undefined) throw malformed('an error that names no request')
      settle(value)
    } catch (error) {
      // Garbage can't be matched to a request: none of those that wait can be trusted to get an answer.
      const message = error instanceof Error ? error.message : String(error)
      failAll(new WireError('malformed', message, { cause: error }))
    }
  }

  const open = (timeoutMs: number): Promise<WebSocket> => {
    if (opening !== null) return opening
    opening = new Promise<WebSocket>((resolve, reject) => {
      const socket = openSocket(url, timeoutMs)
      connecting = socket
      const lost = (why: string, cause?: unknown): void => {
        if (opened === socket) opened = null
        const failure = new WireError(isClosed ? 'closed' : 'connection', `connection to ${host} lost: ${why}`, { cause })
        reject(failure)
        failAll(failure)
      }
      socket.on('open', () => {
        if (isClosed) return socket.terminate()
        connecting = null
        opened = socket
        resolve(socket)
      })
      socket.on('message', data => {
        onMessage(data)
        // Others wait on this socket: an unsolicited pong carries the acknowledgement without which the node may hold their answers back.
        if (pending.size > 0 && socket.readyState === WebSocket.OPEN) socket.pong()
      })
      socket.on('error', cause => lost(cause.message, cause))
      socket.on('close', code => lost(`closed (${code})`))
    }).finally(() => {
      opening = null
    })
    return opening
  }

  const drop = (socket: WebSocket): void => {
    if (opened === socket) opened = null
    socket.terminate()
  }

  const exchange = (socket: WebSocket, method: string, params: readonly unknown[], timeoutMs: number): Promise<RpcAnswer> =>
    new Promise((resolve, reject) => {
      const id = nextId++
      const heardBefore = heard
      const timer = setTimeout(() => {
        pending.delete(id)
        reject(new WireError('timeout', `${host} did not answer ${method} within ${timeoutMs} ms`))
        // Nothing at all came meanwhile: the socket is half open, only a new one can help.
        if (heard === heardBefore) drop(socket)
      }, timeoutMs)
      pending.set(id, { resolve, reject, timer })
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }), error => {
        if (error === undefined || error === null || !pending.delete(id)) return
        clearTimeout(timer)
        reject(new WireError('connection', `could not send to ${host}: ${error.message}`, { cause: error }))
      })
    })

  return {
    send: (method, params, timeoutMs) => {
      if (isClosed) return Promise.reject(new WireError('closed', `the connection to ${host} is closed`))
      if (opened !== null && opened.readyState === WebSocket.OPEN) return exchange(opened, method, params, timeoutMs)
      return open(timeoutMs).then(socket => exchange(socket, method, params, timeoutMs))
    },
    close: () => {
      isClosed = true
      opened?.terminate()
      connecting?.terminate()
      opened = null
      failAll(new WireError('closed', `the connection to ${host} is closed`))
    },
  }
}
