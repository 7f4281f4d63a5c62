// The least that any keeper must do, as a process: told what to simulate and post, it waits for the next head, simulates that on it
// and posts that. No folding, no deciding, no signing. What remains is the machine, the node and Node.js.
import http from 'node:http'
import { WebSocket } from 'ws'

export interface FloorOrder {
  /** Params of eth_simulateV1 but for the block. */
  readonly payload: unknown
  readonly body: string
}

const [, , nodeUrl = '', relayUrl = ''] = process.argv
const open = (): WebSocket => new WebSocket(nodeUrl, { perMessageDeflate: false })
const heads = open()
const requests = open()
const agent = new http.Agent({ keepAlive: true })
let order: FloorOrder | null = null

const postBundle = (body: string): void => {
  const request = http.request(relayUrl, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  })
  request.on('response', response => response.resume())
  request.end(body)
}

const onHead = (hash: string): void => {
  if (order === null) return
  const { payload, body } = order
  order = null
  requests.once('message', data => {
    const answer = JSON.parse(String(data)) as {
      readonly result?: readonly { readonly calls: readonly { readonly status: string }[] }[]
    }
    if (answer.result?.[0]?.calls.some(call => call.status !== '0x1') !== false) process.send?.('the simulation failed')
    postBundle(body)
  })
  requests.send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'eth_simulateV1', params: [payload, { blockHash: hash }] }))
}

heads.on('message', data => {
  const message = JSON.parse(String(data)) as {
    readonly id?: number
    readonly params?: { readonly result: { readonly hash: string } }
  }
  if (message.params !== undefined) onHead(message.params.result.hash)
  else process.send?.('ready')
})
heads.on('open', () => heads.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] })))
process.on('message', (next: FloorOrder) => {
  order = next
  process.send?.('armed')
})
process.on('disconnect', () => process.exit(0))
