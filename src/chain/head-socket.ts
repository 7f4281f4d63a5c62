// One passive WebSocket for newHeads. It ends, once, when the socket is lost, silent for too long, or told to; it never reconnects
// itself and sends nothing but the subscription and pings: requests on this socket would delay its events.
import { KeeperError } from '../core/errors'
import { hostOf } from './rpc-error'
import { isRecord, parseJson } from './wire'
import { openSocket } from './ws-wire'

export interface HeadSocketOptions {
  readonly url: string
  readonly openTimeoutMs: number
  /** A ping goes out this often; nothing heard over two of them: the socket is half open. */
  readonly pingIntervalMs: number
  readonly onSubscribed: () => void
  /** The raw header of an event. */
  readonly onHead: (header: unknown) => void
  /** Called with each ping: says whether heads that exist have stopped coming. Null: all well. */
  readonly findStale: () => Promise<string | null>
  readonly signal: AbortSignal
}

/** Why it ended. `unsupported`: this node has no subscriptions, so trying again won't help. */
export interface HeadSocketEnd {
  readonly why: string
  readonly isUnsupported: boolean
}

/** Resolves when the socket has ended; by then it sends no more events. Never rejects. */
export const followHeadSocket = (options: HeadSocketOptions): Promise<HeadSocketEnd> =>
  new Promise(resolve => {
    const { url, signal } = options
    const host = hostOf(url)
    const socket = openSocket(url, options.openTimeoutMs)
    let heardSincePing = true
    let silentPings = 0
    let isSubscribed = false
    let isOver = false

    const end = (why: string, isUnsupported = false): void => {
      if (isOver) return
      isOver = true
      clearInterval(pinging)
      clearTimeout(subscribing)
      signal.removeEventListener('abort', stop)
      socket.terminate()
      resolve({ why: `${host}: ${why}`, isUnsupported })
    }
    const stop = (): void => end('stopped')

    const onReply = (value: Readonly<Record<string, unknown>>): void => {
      if (value.id !== 1) return
      if (typeof value.result === 'string') {
        isSubscribed = true
        clearTimeout(subscribing)
        options.onSubscribed()
      } else end(`no subscription: ${JSON.stringify(value.error).slice(0, 120)}`, true)
    }

    const onMessage = (text: string): void => {
      if (isOver) return
      heardSincePing = true
      try {
        const value = parseJson(text, host)
        if (!isRecord(value)) return
        const { params } = value
        if (value.method === 'eth_subscription' && isRecord(params)) {
          // Makes our kernel acknowledge at once: a node with Nagle's algorithm on would hold the next head back, up to 40 ms.
          socket.pong()
          options.onHead(params.result)
        } else onReply(value)
      } catch (error) {
        // Garbage on this socket may hide a head: begin anew, which also fetches the latest.
        if (!(error instanceof KeeperError)) throw error
        end(error.message)
      }
    }

    const checkStale = async (): Promise<void> => {
      const stale = await options.findStale().catch(() => null)
      if (stale !== null) end(stale)
    }

    const ping = (): void => {
      silentPings = heardSincePing ? 0 : silentPings + 1
      heardSincePing = false
      if (silentPings >= 2) end('silent, not even pings are answered')
      else if (socket.readyState === socket.OPEN) socket.ping()
      if (isSubscribed && !isOver) void checkStale()
    }

    const subscribing = setTimeout(() => end('no subscription in time'), options.openTimeoutMs)
    const pinging = setInterval(ping, options.pingIntervalMs)
    signal.addEventListener('abort', stop)
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] })))
    socket.on('message', data => onMessage(String(data)))
    socket.on('pong', () => {
      heardSincePing = true
    })
    socket.on('error', error => end(error.message))
    socket.on('close', code => end(`closed (${code})`))
    if (signal.aborted) stop()
  })
