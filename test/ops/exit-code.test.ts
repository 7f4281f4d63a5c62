import { InvariantError, KeeperError } from '../../src/core/errors'
import { exitCodeOf } from '../../src/ops/exit-code'

describe('exitCodeOf', () => {
  it.each([
    [new KeeperError('bad-config', '', { retryable: false }), 78],
    [new KeeperError('wrong-chain', '', { retryable: false }), 78],
    [new KeeperError('no-code', '', { retryable: false }), 78],
    [new KeeperError('no-transient-storage', '', { retryable: false }), 78],
    [new KeeperError('no-funds', '', { retryable: false }), 78],
    [new KeeperError('rpc-failed', '', { retryable: true }), 75],
    [new KeeperError('rpc-refused', '', { retryable: false }), 75],
    [new KeeperError('lab-failed', '', { retryable: false }), 75],
    [new InvariantError(''), 70],
    [new TypeError(''), 70],
    ['text', 70],
  ])('default: %p ends with %i', (error, code) => {
    expect(exitCodeOf(error)).toBe(code)
  })
})
