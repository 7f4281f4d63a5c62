// What each kind of answer that relays are known to give is taken for.
import { parseRetryAfter, readAnswer } from '../../src/relay/relay-reply'

const classOf = (status: number, body: string): string => {
  const reply = readAnswer({ status, body, retryAfterMs: null })
  return reply.kind === 'accepted' ? 'accepted' : reply.class
}

const rpcError = (code: number, message: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code, message } })

describe('readAnswer', () => {
  test('default: a bundle hash is an acceptance, id as number or string', () => {
    const reply = readAnswer({
      status: 200,
      body: '{"jsonrpc":"2.0","id":"1","result":{"bundleHash":"0x12"}}',
      retryAfterMs: null,
    })
    expect(reply).toEqual({ kind: 'accepted', bundleHash: '0x12' })
  })

  test('behavior: a bare hash and an object without a hash are acceptances too', () => {
    expect(readAnswer({ status: 200, body: '{"result":"0xab"}', retryAfterMs: null })).toEqual({
      kind: 'accepted',
      bundleHash: '0xab',
    })
    expect(readAnswer({ status: 200, body: '{"result":{}}', retryAfterMs: null })).toEqual({ kind: 'accepted', bundleHash: null })
  })

  test.each([
    ['400 with an error string', 400, '{"error":"unable to decode txs"}', 'invalid'],
    ['400 wrong parameters', 400, rpcError(-32602, 'invalid params'), 'invalid'],
    ['signature error as a string', 400, '{"error":"error in signature check"}', 'auth'],
    ['200 signature is required', 200, rpcError(-32600, 'signature is required'), 'auth'],
    ['200 invalid flashbots signature', 200, rpcError(-32025, 'invalid flashbots signature'), 'auth'],
    ['200 unable to decode bundle', 200, rpcError(-32000, 'unable to decode bundle'), 'invalid'],
    ['403', 403, '', 'auth'],
    ['403 HTML', 403, '<html>Forbidden</html>', 'auth'],
    ['429', 429, 'slow down', 'retry'],
    ['429 with an error', 429, '{"error":"rate limit"}', 'retry'],
    ['502 HTML', 502, '<html><h1>502 Bad Gateway</h1></html>', 'retry'],
    ['200 HTML', 200, '<html>maintenance</html>', 'retry'],
    ['null result', 200, '{"jsonrpc":"2.0","id":1,"result":null}', 'retry'],
    ['"null" result', 200, '{"result":"null"}', 'retry'],
    ['empty body', 200, '', 'retry'],
    ['JSON null', 200, 'null', 'retry'],
    ['a number', 200, '200', 'retry'],
    ['unknown method', 200, rpcError(-32601, 'the method does not exist'), 'unsupported'],
    ['404', 404, 'not found', 'unsupported'],
    ['nonce too low', 200, rpcError(-32000, 'err: nonce too low: address 0x1'), 'stale'],
    ['jsonerror spelling', 200, '{"jsonerror":"block 5 is in the past"}', 'stale'],
    ['server error with a message', 500, rpcError(-32603, 'internal'), 'retry'],
  ])('error: %s', (_title, status, body, expected) => {
    expect(classOf(status, body)).toBe(expected)
  })

  test('behavior: a page of HTML is cut to a line', () => {
    const reply = readAnswer({ status: 502, body: `<html>\n${'x'.repeat(5000)}</html>`, retryAfterMs: null })
    expect(reply.kind === 'refused' && reply.message.length).toBeLessThanOrEqual(300)
    expect(reply.kind === 'refused' && reply.message).not.toContain('\n')
  })
})

describe('parseRetryAfter', () => {
  test('default: seconds, or a date', () => {
    expect(parseRetryAfter('2', 0)).toBe(2000)
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:09 GMT', 4000)).toBe(5000)
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:01 GMT', 4000)).toBe(0)
  })
  test('behavior: absent or nonsense is null', () => {
    expect(parseRetryAfter(undefined, 0)).toBeNull()
    expect(parseRetryAfter('soon', 0)).toBeNull()
  })
})
