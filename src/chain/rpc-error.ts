// What can go wrong between us and a node, sorted by what to do about it. Messages never hold a URL's path or key.
import { KeeperError } from '../core/errors'
import type { Hex } from '../core/primitives'

/** A JSON-RPC error object, or what stands for one. */
export interface RpcErrorObject {
  readonly code: number
  readonly message: string
  readonly data: unknown
}

/**
 * rate-limited: ask later or elsewhere. unsupported: the method is not there. unknown-block: the node does not have the block (yet).
 * refused: anything else, for good.
 */
export type RefusalKind = 'rate-limited' | 'unsupported' | 'unknown-block' | 'refused'

/** The node answered with an error. Retryable only where the block is unknown to it: it may come. */
export class RpcRefusal extends KeeperError {
  readonly kind: RefusalKind
  readonly rpcCode: number
  readonly data: unknown
  constructor(method: string, host: string, error: RpcErrorObject) {
    const kind = refusalKind(error)
    super('rpc-refused', `${method} refused by ${host}: ${error.message} (code ${error.code})`, {
      retryable: kind === 'unknown-block',
    })
    this.kind = kind
    this.rpcCode = error.code
    this.data = error.data
  }
}

export type WireFailure = 'timeout' | 'connection' | 'status' | 'too-large' | 'malformed' | 'closed'

/** No usable answer came. `retryAfterMs` is what the server asked for, null if it did not. */
export class WireError extends KeeperError {
  readonly failure: WireFailure
  readonly status: number | null
  readonly retryAfterMs: number | null
  constructor(
    failure: WireFailure,
    message: string,
    more: { status?: number; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(failure === 'malformed' ? 'rpc-malformed' : 'rpc-failed', message, {
      retryable: failure !== 'closed',
      cause: more.cause,
    })
    this.failure = failure
    this.status = more.status ?? null
    this.retryAfterMs = more.retryAfterMs ?? null
  }
}

/** An answer of the wrong shape. */
export const malformed = (what: string, cause?: unknown): KeeperError =>
  new KeeperError('rpc-malformed', `the node's answer is malformed: ${what}`, { retryable: true, cause })

// Nodes agree on few codes, so the wording decides; both lists hold wordings of geth, reth, erigon, nethermind, anvil and the hosted services.
const RATE =
  /rate.?limit|too many requests|request count exceeded|requests? per second|compute units|throughput|capacity exceeded/i
const UNKNOWN_BLOCK =
  /unknown block|header not found|header for hash not found|block not found|resource not found|could not find block|blockoutofrange|missing trie node|not currently canonical|is not canonical|unknown (header|hash)|block .{0,90}not (found|available)/i
const UNSUPPORTED =
  /method (not found|.{0,60}(does not exist|not available|not supported|is not))|unsupported method|not implemented/i

export const refusalKind = (error: RpcErrorObject): RefusalKind => {
  // Code 3 is a revert: its wording is the contract's, and could be anything.
  if (error.code === 3) return 'refused'
  if (error.code === 429 || RATE.test(error.message)) return 'rate-limited'
  if (error.code === -32601 || UNSUPPORTED.test(error.message)) return 'unsupported'
  if (UNKNOWN_BLOCK.test(error.message)) return 'unknown-block'
  return 'refused'
}

export const isRefusal = (error: unknown, kind?: RefusalKind): error is RpcRefusal =>
  error instanceof RpcRefusal && (kind === undefined || error.kind === kind)

/** The revert data that a refused eth_call carries, wherever the node puts it; null where it hands out none. */
export const revertDataOf = (error: RpcRefusal): Hex | null => {
  const { data } = error
  const inner = typeof data === 'object' && data !== null && 'data' in data ? data.data : data
  const found = typeof inner === 'string' ? /0x([0-9a-f]{2})*$/i.exec(inner) : null
  return found === null ? null : (found[0].toLowerCase() as Hex)
}

/** Where a URL leads, without what may be a key: scheme and host. */
export const hostOf = (url: string): string => {
  try {
    const { protocol, host } = new URL(url)
    return `${protocol}//${host}`
  } catch {
    return 'an RPC URL that is no URL'
  }
}
