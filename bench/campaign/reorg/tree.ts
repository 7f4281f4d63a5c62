// A tree of blocks: every branch that the chain of one trial ever had, with the protocols' state at the end of each block.
import { createHash } from 'node:crypto'
import type { ReadCall, ReadResult } from '../../../src/core/folder'
import type { Block, Hex, Log } from '../../../src/core/primitives'
import { bloomWriter } from './bloom-writer'
import type { Picking } from './picking'
import { type Model, madeUp, REVERTED, type Said } from './world'

export interface TreeBlock {
  readonly header: Block
  readonly parent: TreeBlock | null
  /** All of the block, strangers' too. */
  readonly logs: readonly Log[]
  readonly states: readonly unknown[]
}

export interface Tree {
  readonly genesis: TreeBlock
  /** A new child. `isBusy` false: a block without any of the models' logs. */
  grow(parent: TreeBlock, isBusy: boolean): TreeBlock
  byHash(hash: Hex): TreeBlock | null
  /** The ancestor (or the block itself) at `number`; null above it and below the genesis. */
  ancestor(of: TreeBlock, number: bigint): TreeBlock | null
  answer(at: TreeBlock, call: ReadCall): ReadResult
}

/** How headers show their logs: as they should, not at all, or so full that they rule nothing out. */
export type Blooms = 'exact' | 'none' | 'full'

export interface TreeOptions {
  readonly models: readonly Model<unknown>[]
  readonly picking: Picking
  readonly blooms: Blooms
}

const FULL: Hex = `0x${'ff'.repeat(256)}`
const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`
const START_SEC = 1_700_000_000n
const STRANGER = madeUp('99', 9)

export const createTree = ({ models, picking, blooms }: TreeOptions): Tree => {
  const blocks = new Map<Hex, TreeBlock>()
  const bloomOf = bloomWriter()
  /** The branch asked for last: by number, from the genesis. */
  let branch: { readonly tip: TreeBlock; readonly line: readonly TreeBlock[] } | null = null

  const lineOf = (tip: TreeBlock): readonly TreeBlock[] => {
    if (branch?.tip === tip) return branch.line
    const line: TreeBlock[] = []
    for (let at: TreeBlock | null = tip; at !== null; at = at.parent) line.push(at)
    branch = { tip, line: line.reverse() }
    return branch.line
  }

  const place = (said: readonly Said[], number: bigint, hash: Hex): readonly Log[] =>
    said.map((each, logIndex) => ({ ...each, blockNumber: number, blockHash: hash, logIndex, transactionHash: hash }))

  const make = (parent: TreeBlock | null, said: readonly Said[], states: readonly unknown[], timestampSec: bigint): TreeBlock => {
    const number = parent === null ? 0n : parent.header.number + 1n
    const hash: Hex = `0x${createHash('sha256').update(`${parent?.header.hash} ${blocks.size}`).digest('hex')}`
    const exact = blooms === 'exact' ? bloomOf(said) : null
    const header: Block = {
      chainId: 1,
      number,
      hash,
      parentHash: parent?.header.hash ?? ZERO_HASH,
      timestampSec,
      baseFeePerGasWei: 1_000_000_000n,
      gasUsed: said.length === 0 ? 0n : 1_000_000n,
      gasLimit: 30_000_000n,
      logsBloom: blooms === 'full' ? FULL : exact,
    }
    const block = { header, parent, logs: place(said, number, hash), states }
    blocks.set(hash, block)
    return block
  }

  const genesis = make(
    null,
    [],
    models.map(model => model.genesis),
    START_SEC,
  )

  return {
    genesis,
    grow: (parent, isBusy) => {
      const timestampSec = parent.header.timestampSec + BigInt(12 * picking.skewed(5))
      const states = [...parent.states]
      const said: Said[] = []
      for (const [at, model] of models.entries()) {
        if (!isBusy || !picking.chance(0.6)) continue
        const moved = model.move(states[at], timestampSec, picking)
        states[at] = moved.state
        said.push(...moved.said)
        // A stranger that uses the same events: it makes gaps in the log indexes.
        if (moved.said.length > 0 && picking.chance(0.3)) said.push({ ...picking.pick(moved.said), address: STRANGER })
      }
      return make(parent, said, states, timestampSec)
    },
    byHash: hash => blocks.get(hash) ?? null,
    ancestor: (of, number) => lineOf(of)[Number(number)] ?? null,
    answer: (at, call) => {
      for (const [index, model] of models.entries()) {
        const found = model.answer(at.states[index], call, at.header.timestampSec)
        if (found !== null) return found
      }
      return REVERTED
    },
  }
}
