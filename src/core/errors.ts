// The two kinds of failure that are thrown. Ordinary ends (skips, outcomes) are values: see verdict.ts.

export type KeeperErrorCode =
  | 'bad-config'
  | 'wrong-chain'
  | 'no-code'
  | 'no-transient-storage'
  | 'no-funds'
  | 'rpc-failed'
  | 'rpc-refused'
  | 'rpc-malformed'
  | 'no-common-ancestor'
  | 'bad-checkpoint'
  | 'lab-failed'

/** The world failed: caught once per stage. `retryable` tells a supervisor whether a restart can help. */
export class KeeperError extends Error {
  readonly code: KeeperErrorCode
  readonly retryable: boolean
  constructor(code: KeeperErrorCode, message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'KeeperError'
    this.code = code
    this.retryable = options.retryable
  }
}

/** We are wrong: never caught, the process drains and exits with 70. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvariantError'
  }
}

/** Throws InvariantError unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
