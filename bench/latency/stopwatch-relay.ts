// A relay that answers every bundle at once, as Flashbots' does, and notes when its last byte came in. Checks nothing, includes nothing.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Hex } from '../../src/core/primitives'

export interface Arrival {
  /** performance.now() when the last byte had arrived. */
  readonly atMs: number
  readonly body: string
}

export interface StopwatchRelay {
  readonly url: string
  /** The next bundle that comes in from now on; null where none does within `timeoutMs`. */
  next(timeoutMs: number): Promise<Arrival | null>
  close(): Promise<void>
}

const ANSWER = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { bundleHash: `0x${'5a'.repeat(32)}` } })

/** Bundles of a body: what the raw transactions are, and for which block. */
export const bundleOf = (body: string): { readonly transactions: readonly Hex[]; readonly targetBlock: number } => {
  const [params] = (
    JSON.parse(body) as { readonly params: readonly [{ readonly txs: readonly Hex[]; readonly blockNumber: Hex }] }
  ).params
  return { transactions: params.txs, targetBlock: Number(params.blockNumber) }
}

export const startStopwatchRelay = async (): Promise<StopwatchRelay> => {
  let waiting: ((arrival: Arrival) => void) | null = null
  const read = (request: IncomingMessage, done: (arrival: Arrival) => void): void => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => done({ atMs: performance.now(), body: Buffer.concat(chunks).toString('utf8') }))
  }
  const server = createServer((request, response) =>
    read(request, arrival => {
      response.setHeader('content-type', 'application/json')
      response.end(ANSWER)
      waiting?.(arrival)
      waiting = null
    }),
  )
  server.keepAliveTimeout = 60_000
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: timeoutMs =>
      new Promise(resolve => {
        const timer = setTimeout(() => {
          waiting = null
          resolve(null)
        }, timeoutMs)
        waiting = arrival => {
          clearTimeout(timer)
          resolve(arrival)
        }
      }),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
