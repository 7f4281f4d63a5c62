// The way from what we know to a new head: the headers between, each proved by the hash that its child names. Asks the node, changes nothing.
import { KeeperError } from '../core/errors'
import type { Block, Hex } from '../core/primitives'
import type { Chain } from '../ports'
import type { KnownBlocks } from './known-blocks'

/** `blocks` leads from the child of `ancestor` (known) up to the head. */
export interface Path {
  readonly ancestor: Block
  readonly blocks: readonly Block[]
}

/** The node does not have (yet) what it announced. */
export const unknownBlock = (what: string): KeeperError =>
  new KeeperError('rpc-refused', `the node does not have ${what}`, { retryable: true })

const noAncestor = (head: Block, oldest: Block): KeeperError =>
  new KeeperError(
    'no-common-ancestor',
    `block ${head.number} (${head.hash}) does not descend from block ${oldest.number} (${oldest.hash}), the oldest that can be undone: start again`,
    { retryable: true },
  )

const ASKED_AT_ONCE = 32

/** Headers of `low`..`high` by number: a guess that parent hashes then prove or leave unused. */
const guess = async (chain: Chain, low: bigint, high: bigint): Promise<ReadonlyMap<Hex, Block>> => {
  const found = new Map<Hex, Block>()
  for (let from = low; from <= high; from += BigInt(ASKED_AT_ONCE)) {
    const count = high - from + 1n < BigInt(ASKED_AT_ONCE) ? Number(high - from + 1n) : ASKED_AT_ONCE
    const blocks = await Promise.all(Array.from({ length: count }, (_, index) => chain.blockByNumber(from + BigInt(index))))
    for (const block of blocks) if (block !== null) found.set(block.hash, block)
  }
  return found
}

const parentOf = async (chain: Chain, block: Block, guessed: ReadonlyMap<Hex, Block>): Promise<Block> => {
  const parent = guessed.get(block.parentHash) ?? (await chain.blockByHash(block.parentHash))
  if (parent === null || parent.hash !== block.parentHash || parent.number !== block.number - 1n)
    throw unknownBlock(`block ${block.parentHash}, the parent of ${block.number}`)
  return parent
}

/**
 * The `count` headers below `head`, lowest first; fewer where the chain begins, or where the node's part of it does (a snapshot, a fork of one).
 * Rejects (retryable) where the node no longer has those between.
 */
export const ancestorsOf = async (chain: Chain, head: Block, count: bigint): Promise<readonly Block[]> => {
  const lowest = head.number > count ? head.number - count : 0n
  const guessed = await guess(chain, lowest, head.number - 1n)
  const begins = [...guessed.values()].reduce((least, { number }) => (number < least ? number : least), head.number)
  let end = begins < head.number ? begins : lowest
  const blocks: Block[] = []
  for (let block = head; block.number > lowest; ) {
    if (block.number === end) {
      // Perhaps only one answer lacked it: what can be undone must not end here for that.
      const below = await chain.blockByHash(block.parentHash)
      if (below?.number !== block.number - 1n) break
      end = lowest
      block = below
    } else block = await parentOf(chain, block, guessed)
    blocks.push(block)
  }
  return blocks.reverse()
}

/** Walks down from `head` to a known block. Null: more than `atMost` steps. Rejects with 'no-common-ancestor' below the oldest known. */
export const findPath = async (chain: Chain, known: KnownBlocks, head: Block, atMost: number): Promise<Path | null> => {
  const tip = known.tip()!
  const oldest = known.oldest()!
  if (head.number - tip.number > BigInt(atMost)) return null
  const guessed =
    known.get(head.parentHash) === null ? await guess(chain, tip.number + 1n, head.number - 1n) : new Map<Hex, Block>()
  const blocks: Block[] = [head]
  for (;;) {
    const lowest = blocks.at(-1)!
    const ancestor = known.get(lowest.parentHash)
    if (ancestor !== null) {
      if (ancestor.number !== lowest.number - 1n) throw unknownBlock(`a block ${lowest.number} on top of ${ancestor.number}`)
      return { ancestor, blocks: blocks.reverse() }
    }
    if (lowest.number <= oldest.number + 1n) throw noAncestor(head, oldest)
    if (blocks.length > atMost) return null
    blocks.push(await parentOf(chain, lowest, guessed))
  }
}

/** 0, 1, 3, 7 and so on, and the last: few questions for shallow reorgs, not many for deep ones. */
const gallop = (count: number): readonly number[] => {
  const indexes: number[] = []
  for (let index = 0; index < count - 1; index = 2 * index + 1) indexes.push(index)
  return count > 0 ? [...indexes, count - 1] : []
}

/** A known block that the node's chain still holds, by number: the newest such or one a little older. Rejects with 'no-common-ancestor'. */
export const findCanonical = async (chain: Chain, known: KnownBlocks, head: Block): Promise<Block> => {
  const candidates = known.newestFirst().filter(block => block.number < head.number)
  for (const index of gallop(candidates.length)) {
    const candidate = candidates[index]!
    if ((await chain.blockByNumber(candidate.number))?.hash === candidate.hash) return candidate
  }
  throw noAncestor(head, known.oldest()!)
}
