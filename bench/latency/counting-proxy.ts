// Stands between a keeper and its node and counts requests; a batch counts by its entries. Passes every frame on untouched.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

export interface CountingProxy {
  readonly wsUrl: string
  /** Methods asked for so far, in order. */
  methods(): readonly string[]
  close(): Promise<void>
}

const methodsIn = (frame: string): readonly string[] => {
  const parsed = JSON.parse(frame) as { readonly method: string } | readonly { readonly method: string }[]
  return (Array.isArray(parsed) ? parsed : [parsed]).map((entry: { readonly method: string }) => entry.method)
}

/** In front of the node at `nodeUrl` (ws://). */
export const startCountingProxy = async (nodeUrl: string): Promise<CountingProxy> => {
  const seen: string[] = []
  const server = createServer()
  const front = new WebSocketServer({ server, perMessageDeflate: false })
  front.on('connection', client => {
    const node = new WebSocket(nodeUrl, { perMessageDeflate: false })
    const early: string[] = []
    client.on('message', data => {
      const frame = String(data)
      seen.push(...methodsIn(frame))
      if (node.readyState === WebSocket.OPEN) node.send(frame)
      else early.push(frame)
    })
    node.on('open', () => {
      for (const frame of early) node.send(frame)
    })
    node.on('message', data => client.send(String(data)))
    node.on('close', () => client.close())
    node.on('error', () => client.terminate())
    client.on('close', () => node.terminate())
    client.on('error', () => node.terminate())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    wsUrl: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    methods: () => seen,
    close: () =>
      new Promise(resolve => {
        for (const client of front.clients) client.terminate()
        front.close()
        server.close(() => resolve())
      }),
  }
}
