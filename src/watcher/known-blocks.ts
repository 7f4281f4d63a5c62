// The headers up to which logs are folded, oldest to newest, so that a reorg finds the last block both branches share.
// There may be gaps in it: a header between two known ones is then found by walking down to the lower one.
import { invariant } from '../core/errors'
import type { Block, Hex } from '../core/primitives'

export interface KnownBlocks {
  tip(): Block | null
  oldest(): Block | null
  get(hash: Hex): Block | null
  /** Newest first. */
  newestFirst(): readonly Block[]
  /** Higher than all before. */
  push(block: Block): void
  dropAbove(number: bigint): void
  /**
   * Forgets what is older than the newest known block at or below `number`, and returns the number from which on everything can still
   * be undone (that block's plus one); null if no known block is that old.
   */
  settle(number: bigint): bigint | null
}

export const createKnownBlocks = (): KnownBlocks => {
  let blocks: Block[] = []
  const byHash = new Map<Hex, Block>()

  const keep = (kept: Block[], dropped: readonly Block[]): void => {
    blocks = kept
    for (const { hash } of dropped) byHash.delete(hash)
  }

  return {
    tip: () => blocks.at(-1) ?? null,
    oldest: () => blocks[0] ?? null,
    get: hash => byHash.get(hash) ?? null,
    newestFirst: () => [...blocks].reverse(),
    push: block => {
      const tip = blocks.at(-1)
      invariant(tip === undefined || block.number > tip.number, `block ${block.number} pushed on ${tip?.number}`)
      blocks.push(block)
      byHash.set(block.hash, block)
    },
    dropAbove: number => {
      const count = blocks.findIndex(block => block.number > number)
      if (count !== -1) keep(blocks.slice(0, count), blocks.slice(count))
    },
    settle: number => {
      let index = blocks.length - 1
      while (index >= 0 && blocks[index]!.number > number) index -= 1
      if (index < 0) return null
      keep(blocks.slice(index), blocks.slice(0, index))
      return blocks[0]!.number + 1n
    },
  }
}
