// The way from what we know to a new head: the headers between, by parent hashes. Asks the node, changes nothing.
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

/** Headers between tip and head at once, by number: a guess that the parent hashes then prove or leave unused. */
const guessBetween = async (chain: Chain, tip: Block, head: Block, atMost: number): Promise<ReadonlyMap<Hex, Block>> => {
  const count = Number(head.number - tip.number) - 1
  if (count < 1 || count > atMost) return new Map()
  const numbers = Array.from({ length: count }, (_, index) => tip.number + 1n + BigInt(index))
  const blocks = await Promise.all(numbers.map(number => chain.blockByNumber(number)))
  return new Map(blocks.flatMap(block => (block === null ? [] : [[block.hash, block] as const])))
}

/** Walks down from `head` to a known block. Null: more than `atMost` steps. Rejects with 'no-common-ancestor' below the oldest known. */
export const findPath = async (chain: Chain, known: KnownBlocks, head: Block, atMost: number): Promise<Path | null> => {
  const tip = known.tip()!
  const oldest = known.oldest()!
  if (head.number - tip.number > BigInt(atMost)) return null
  const guessed = known.get(head.parentHash) === null ? await guessBetween(chain, tip, head, atMost) : new Map<Hex, Block>()
  const blocks: Block[] = [head]
  for (;;) {
    const lowest = blocks.at(-1)!
    const ancestor = known.get(lowest.parentHash)
    if (ancestor !== null) return { ancestor, blocks: blocks.reverse() }
    if (lowest.number <= oldest.number + 1n) throw noAncestor(head, oldest)
    if (blocks.length > atMost) return null
    const parent = guessed.get(lowest.parentHash) ?? (await chain.blockByHash(lowest.parentHash))
    if (parent === null) throw unknownBlock(`block ${lowest.parentHash}, the parent of ${lowest.number}`)
    blocks.push(parent)
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
