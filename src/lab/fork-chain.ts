// The Chain port of a fork: what the origin knows is asked of the origin (one request where the fork would fetch slot by slot), what only
// the fork knows is asked of the fork. Sends nothing to the origin but questions.
import { KeeperError } from '../core/errors'
import type { Block, Hex } from '../core/primitives'
import type { Chain } from '../ports'

export interface ForkChain extends Chain {
  /** From now on `block` of the origin is the head, until the fork, if there is one, has blocks of its own. */
  forkAt(block: Block, fork: Chain | null): void
}

/** Starts at `head` without a fork: questions that only a fork answers reject until `forkAt` names one. Closing it closes neither. */
export const createForkChain = (origin: Chain, head: Block): ForkChain => {
  let forkedAt = head
  let fork: Chain | null = null
  const own = new Set<Hex>()

  const mustFork = (): Chain => {
    if (fork !== null) return fork
    throw new KeeperError('lab-failed', 'the fork is not ready yet', { retryable: true })
  }
  const noted = (block: Block): Block => {
    if (block.number > forkedAt.number) own.add(block.hash)
    return block
  }
  const notedOrNull = (block: Block | null): Block | null => (block === null ? null : noted(block))
  const holderOf = (hash: Hex): Chain => (own.has(hash) ? mustFork() : origin)

  const latest = async (): Promise<Block> => {
    if (fork === null) return forkedAt
    const block = await fork.blockByTag('latest')
    return block.number > forkedAt.number ? noted(block) : forkedAt
  }

  const logsInRange: Chain['logsInRange'] = async (from, to, filters, onProgress) => {
    const last = to < forkedAt.number ? to : forkedAt.number
    const below = from > last ? [] : await origin.logsInRange(from, last, filters, onProgress)
    if (to <= forkedAt.number) return below
    const start = from > forkedAt.number ? from : forkedAt.number + 1n
    return [...below, ...(await mustFork().logsInRange(start, to, filters, onProgress))]
  }

  return {
    id: origin.id,
    forkAt: (block, next) => {
      forkedAt = block
      fork = next
      own.clear()
    },
    followHeads: () => {
      throw new KeeperError('lab-failed', 'a fork has no heads to follow: blocks are built on demand', { retryable: false })
    },
    blockByTag: async tag => (tag === 'latest' ? latest() : origin.blockByTag(tag)),
    blockByHash: async hash => notedOrNull(await holderOf(hash).blockByHash(hash)),
    blockByNumber: async number =>
      number === forkedAt.number
        ? forkedAt
        : number < forkedAt.number
          ? origin.blockByNumber(number)
          : notedOrNull((await fork?.blockByNumber(number)) ?? null),
    logsOfBlock: async (hash, filters) => holderOf(hash).logsOfBlock(hash, filters),
    logsInRange,
    read: async (calls, blockHash) => holderOf(blockHash).read(calls, blockHash),
    simulate: async (calls, parent, target) => mustFork().simulate(calls, parent, target),
    receiptsOfBlock: async hash => holderOf(hash).receiptsOfBlock(hash),
    receipt: async hash => mustFork().receipt(hash),
    nonce: async account => mustFork().nonce(account),
    balance: async account => mustFork().balance(account),
    code: async address => mustFork().code(address),
    requestCount: () => origin.requestCount() + (fork?.requestCount() ?? 0),
    close: async () => undefined,
  }
}
