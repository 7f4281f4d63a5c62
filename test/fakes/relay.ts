// A relay that answers as told and keeps what it was sent; and a real HTTP endpoint that misbehaves as told.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BundleRequest, Relay, RelayReply } from '../../src/ports'

export interface FakeRelay extends Relay {
  readonly bundles: BundleRequest[]
}

/** Answers each bundle with `reply(bundle)`; accepts all by default. */
export const createFakeRelay = (
  name: string,
  reply: (bundle: BundleRequest) => RelayReply | Promise<RelayReply> = () => ({ kind: 'accepted', bundleHash: '0xb' }),
): FakeRelay => {
  const bundles: BundleRequest[] = []
  return {
    name,
    bundles,
    send: async bundle => {
      bundles.push(bundle)
      return reply(bundle)
    },
  }
}

export interface ReceivedPost {
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** What the endpoint does with one request. `hang` never answers, `drop` cuts the connection. */
export type Behaviour =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'hang' }
  | { readonly kind: 'drop' }

export interface RelayEndpoint {
  readonly url: string
  readonly received: ReceivedPost[]
  close(): Promise<void>
}

const readBody = async (request: http.IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

/** Listens on 127.0.0.1 at a free port; request number n (from 0) is treated as `behave(n)` says. */
export const startRelayEndpoint = async (behave: (n: number) => Behaviour): Promise<RelayEndpoint> => {
  const received: ReceivedPost[] = []
  const server = http.createServer((request, response) => {
    void readBody(request).then(body => {
      const behaviour = behave(received.length)
      received.push({ headers: request.headers, body })
      if (behaviour.kind === 'drop') request.socket.destroy()
      if (behaviour.kind !== 'answer') return
      response.writeHead(behaviour.status, behaviour.headers)
      response.end(behaviour.body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
