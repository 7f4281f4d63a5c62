// One HTTP POST with a hard deadline and a bounded answer, over kept-alive connections. Knows nothing of bundles.
import http from 'node:http'
import https from 'node:https'
import { parseRetryAfter, type RelayAnswer } from './relay-reply'

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly timeoutMs: number
  /** Ends the request at once when aborted. */
  readonly signal: AbortSignal | null
}

export interface Poster {
  /** Resolves with any HTTP answer; rejects when there is none in time, or on abort. The socket is gone then. */
  post(request: Post): Promise<RelayAnswer>
  /** Ends idle connections. */
  close(): void
}

/** A relay's answer is some hundred bytes; what is longer is cut, so that a hostile endpoint can't fill memory. */
const MAX_ANSWER_BYTES = 65_536

interface Wire {
  readonly request: http.ClientRequest
  readonly answer: Promise<RelayAnswer>
}

const open = (agent: http.Agent, post: Post): Wire => {
  const { request: send } = post.url.startsWith('https:') ? https : http
  const request = send(post.url, {
    method: 'POST',
    agent,
    headers: { ...post.headers, 'content-length': Buffer.byteLength(post.body) },
  })
  const answer = new Promise<RelayAnswer>((resolve, reject) => {
    request.once('error', reject)
    request.once('response', response => {
      const chunks: Buffer[] = []
      let bytes = 0
      const finish = () => {
        const retryAfterMs = parseRetryAfter(response.headers['retry-after'], Date.now())
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8'), retryAfterMs })
      }
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= MAX_ANSWER_BYTES) chunks.push(chunk)
        else {
          finish()
          request.destroy()
        }
      })
      response.once('end', finish)
      response.once('error', reject)
    })
  })
  request.end(post.body)
  return { request, answer }
}

const postOnce = async (agent: http.Agent, post: Post): Promise<RelayAnswer> => {
  const { request, answer } = open(agent, post)
  const timer = setTimeout(() => request.destroy(new Error(`no answer within ${post.timeoutMs} ms`)), post.timeoutMs)
  const onAbort = () => request.destroy(new Error('abandoned: the target block is past'))
  post.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await answer
  } catch (error) {
    // A kept-alive connection that the server closed meanwhile says nothing about the server: once more, on a new one.
    if (request.reusedSocket && error instanceof Error && 'code' in error && error.code === 'ECONNRESET')
      return await postOnce(agent, post)
    throw error
  } finally {
    clearTimeout(timer)
    post.signal?.removeEventListener('abort', onAbort)
  }
}

/** A poster for one endpoint; `url` decides between http and https. Connections stay open between blocks: a TLS handshake costs more than a bundle. */
export const createPoster = (url: string): Poster => {
  const options = { keepAlive: true, maxFreeSockets: 4 }
  const agent = url.startsWith('https:') ? new https.Agent(options) : new http.Agent(options)
  return { post: request => postOnce(agent, request), close: () => agent.destroy() }
}
