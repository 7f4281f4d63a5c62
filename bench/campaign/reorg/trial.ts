// One history: blocks, forks, heads that skip, repeat and go back, and a node that lies; then the question whether the books at its end are
// those that a fresh fold of the final chain gives.
import { KeeperError } from '../../../src/core/errors'
import { maxOf } from '../../../src/core/fixed-point'
import type { TargetBlock } from '../../../src/core/primitives'
import type { Meter } from '../../../src/ports'
import { aaveModel } from './aave-model'
import { createFaultyNode, type FaultyNode } from './faulty-node'
import { answersOf, type Followed, type FollowOptions, follow, type Spoil, stateOf } from './followed'
import { morphoModel } from './morpho-model'
import { createPicking, type Picking } from './picking'
import { poolsModel } from './pools-model'
import { type Blooms, createTree, type Tree, type TreeBlock } from './tree'
import type { Model } from './world'

export interface TrialEnd {
  /** Null: equal. Else what differs, for a person. */
  readonly difference: string | null
  /** Whether the state could be held against a fresh fold to the last bit, besides all that the books answer. */
  readonly isBitwise: boolean
  readonly blocks: number
  readonly deepestFork: number
  /** Counters of the watcher. */
  readonly counted: ReadonlyMap<string, number>
  readonly faults: ReadonlyMap<string, number>
}

export const MAX_DEPTH = 64
const MODELS = [aaveModel, morphoModel, poolsModel] as readonly Model<unknown>[]
const BLOOMS: readonly Blooms[] = ['exact', 'exact', 'exact', 'none', 'full']
/** Honest blocks at the end: enough for what was missed to be found and mended. */
const QUIET = 40
const QUIET_GAP = 4
/** Chances that a request meets a fault. */
const FAULTS = [0, 0.02, 0.1, 0.3]
const MOST_STARTS = 200

const createCounts = () => {
  const counted = new Map<string, number>()
  const meter: Meter = {
    count: (name, by = 1) => void counted.set(name, (counted.get(name) ?? 0) + by),
    gauge: () => undefined,
    observe: () => undefined,
  }
  return { counted, meter }
}

/** How a trial's world moves: what the chain's tip is, and who is told. */
interface Stage {
  readonly tree: Tree
  readonly node: FaultyNode
  readonly picking: Picking
  readonly followed: Followed
  readonly finalityDepth: bigint
  readonly hasAave: boolean
  readonly counted: ReadonlyMap<string, number>
  tip: TreeBlock
  /** The highest block that ever was the chain's. */
  highest: bigint
  /** Tips of forks that were left. */
  readonly left: TreeBlock[]
  blocks: number
  deepestFork: number
  /** Heads at which the watcher stood, as far as no reorg took them away; null once even the first went. */
  stood: TreeBlock[] | null
}

/** No fork parts below this block. */
const finalOf = ({ highest }: Stage): bigint => maxOf(0n, highest - BigInt(MAX_DEPTH))

const growBy = (stage: Stage, from: TreeBlock, count: number, busy = 0.5): readonly TreeBlock[] => {
  const grown: TreeBlock[] = []
  for (let n = 0; n < count; n++) grown.push(stage.tree.grow(grown.at(-1) ?? from, stage.picking.chance(busy)))
  stage.blocks += count
  return grown
}

/** Where the watcher stands now, after a head that it served. */
const stand = (stage: Stage, head: TreeBlock, reorgFrom: bigint | null): void => {
  if (stage.stood === null) return
  if (reorgFrom !== null) stage.stood = stage.stood.filter(each => each.header.number < reorgFrom)
  if (stage.stood.length === 0) stage.stood = null
  else if (stage.stood.at(-1) !== head) stage.stood.push(head)
}

/** Where all that can be undone was folded anew, the way there is another. */
const noteRefolds = (stage: Stage, before: number): void => {
  if (refoldsOf(stage) > before) stage.stood = null
}

const refoldsOf = ({ counted }: Stage): number => counted.get('refolds') ?? 0

/** The watcher hears of a head, as from the keeper. A KeeperError is what that survives too: the next head heals. */
const tell = async (stage: Stage, head: TreeBlock): Promise<boolean> => {
  const { followed, picking } = stage
  const before = refoldsOf(stage)
  try {
    const end = await followed.watcher.advance(head.header, { wantReceipts: picking.chance(0.1) })
    noteRefolds(stage, before)
    if (end.kind === 'advanced') stand(stage, head, end.reorgFrom)
    await followed.watcher.mend()
    return end.kind === 'advanced'
  } catch (error) {
    if (error instanceof KeeperError) return false
    throw error
  } finally {
    noteRefolds(stage, before)
  }
}

/** New blocks become the chain; of some the watcher never hears, of some twice. */
const become = async (stage: Stage, blocks: readonly TreeBlock[], skipped: number): Promise<void> => {
  for (const block of blocks) {
    stage.tip = block
    stage.highest = maxOf(stage.highest, block.header.number)
    stage.node.setTip(block)
    const isLast = block === blocks.at(-1)
    if (!isLast && stage.picking.chance(skipped)) continue
    await tell(stage, block)
    if (stage.picking.chance(0.05)) await tell(stage, block)
  }
}

const extend = (stage: Stage): Promise<void> => {
  const count = stage.picking.chance(0.01) ? 130 + stage.picking.below(20) : stage.picking.skewed(8)
  return become(stage, growBy(stage, stage.tip, count), count > 100 ? 1 : 0.3)
}

const fork = (stage: Stage): Promise<void> => {
  const { picking, tree, tip, stood } = stage
  // Mostly not below the block at which the watcher began, so that its way can be followed by another.
  const first = stood !== null && picking.chance(0.9) ? stood[0]!.header.number : 0n
  const most = Number(tip.header.number - maxOf(first, finalOf(stage)))
  if (most < 1) return extend(stage)
  const depth = picking.skewed(most)
  const base = tree.ancestor(tip, tip.header.number - BigInt(depth))!
  stage.left.push(tip)
  stage.deepestFork = Math.max(stage.deepestFork, depth)
  return become(stage, growBy(stage, base, Math.max(1, depth + picking.below(4) - 1)), picking.chance(0.7) ? 1 : 0.3)
}

/** Back to a fork that was left, some blocks on. */
const flip = async (stage: Stage): Promise<void> => {
  const { picking, left, tip } = stage
  const other = left.at(-1 - picking.below(Math.min(3, left.length)))
  if (other === undefined || tip.header.number - other.header.number > BigInt(MAX_DEPTH / 2)) return
  const depth = depthOf(stage, other)
  if (tip.header.number - BigInt(depth) < finalOf(stage)) return
  stage.deepestFork = Math.max(stage.deepestFork, depth)
  left.push(tip)
  await become(stage, growBy(stage, other, picking.skewed(4)), 0.3)
}

/** Blocks of the chain that a fork to `other` takes away. */
const depthOf = ({ tree, tip }: Stage, other: TreeBlock): number => {
  let at: TreeBlock | null = other
  while (at !== null && tree.ancestor(tip, at.header.number) !== at) at = at.parent
  return Number(tip.header.number - (at?.header.number ?? 0n))
}

/** A node that lags tells of an old head, or of one of another fork. */
const old = async (stage: Stage): Promise<void> => {
  const { picking, tree, tip, left } = stage
  const back = BigInt(picking.skewed(30))
  const other = left.at(-1)
  const isOther = other !== undefined && picking.chance(0.4)
  const from = isOther ? other : tip
  const head = tree.ancestor(from, from.header.number > back ? from.header.number - back : 0n)
  if (head !== null && head.header.number > 0n) await tell(stage, head)
}

const STEPS: readonly ((stage: Stage) => Promise<void>)[] = [extend, extend, extend, fork, fork, flip, old]

const targetAfter = ({ header }: TreeBlock): TargetBlock => ({
  number: header.number + 1n,
  timestampSec: header.timestampSec + 12n,
  baseFeePerGasWei: 1_000_000_000n,
})

/** The part of `line` around the first letter in which it differs from `other`. */
const shown = (line: string | undefined, other: string | undefined): string => {
  if (line === undefined) return 'nothing'
  let at = 0
  while (other !== undefined && at < line.length && line[at] === other[at]) at++
  return at < 400 ? line.slice(0, 1_000) : `${line.slice(0, 60)} ... ${line.slice(at - 200, at + 600)}`
}

const firstDifference = (what: string, got: readonly string[], wanted: readonly string[]): string | null => {
  const extra = got.find(each => !wanted.includes(each))
  const missing = wanted.find(each => !got.includes(each))
  if (extra === undefined && missing === undefined && got.join() === wanted.join()) return null
  return `${what}\nfollowed: ${shown(extra, missing)}\nfresh:    ${shown(missing, extra)}`
}

const honest = ({ tree, picking }: Stage, tip: TreeBlock): FaultyNode => {
  const mayMiss = { block: false, range: false }
  const node = createFaultyNode({ tree, picking, otherTip: () => tip, mayMiss, hasReceipts: false })
  node.setTip(tip)
  return node
}

const freshOptions = ({ finalityDepth, hasAave }: Stage): FollowOptions => ({
  meter: createCounts().meter,
  finalityDepth,
  hasAave,
})

/** A watcher that meets only the final chain, from an honest node: it reads all of it at once. */
const foldedAtOnce = async (stage: Stage): Promise<Followed> => {
  const fresh = follow(honest(stage, stage.tip).chain, freshOptions(stage))
  await fresh.watcher.backfill(new AbortController().signal)
  return fresh
}

/** One that stands at the same blocks of the final chain on its way. */
const foldedStepwise = async (stage: Stage, stood: readonly TreeBlock[]): Promise<Followed> => {
  const node = honest(stage, stood[0]!)
  const fresh = follow(node.chain, freshOptions(stage))
  await fresh.watcher.backfill(new AbortController().signal)
  for (const head of stood.slice(1)) {
    node.setTip(head)
    await fresh.watcher.advance(head.header)
  }
  return fresh
}

const compare = async (stage: Stage): Promise<string | null> => {
  const { followed, stood } = stage
  const target = targetAfter(stage.tip)
  const atOnce = await foldedAtOnce(stage)
  const answers = firstDifference('answers', answersOf(followed, target, atOnce), answersOf(atOnce, target, followed))
  if (answers !== null || stood === null) return answers
  return firstDifference('state', stateOf(followed), stateOf(await foldedStepwise(stage, stood)))
}

const openStage = (seed: number, finalityDepth: bigint, spoil: Spoil): Stage => {
  const { counted, meter } = createCounts()
  const picking = createPicking(seed, 'reorg trial')
  const blooms = picking.pick(BLOOMS)
  // Its books read and answer so much that it would take most of the time.
  const hasAave = picking.chance(0.4)
  const tree = createTree({ models: hasAave ? MODELS : MODELS.slice(1), picking, blooms })
  const left: TreeBlock[] = []
  const node = createFaultyNode({
    tree,
    picking,
    otherTip: () => left.at(-1) ?? null,
    mayMiss: { block: true, range: false },
    hasReceipts: picking.chance(0.5),
  })
  const followed = follow(node.chain, { meter, finalityDepth, hasAave, spoil })
  return {
    tree,
    node,
    picking,
    followed,
    tip: tree.genesis,
    highest: 0n,
    left,
    blocks: 0,
    deepestFork: 0,
    stood: [],
    finalityDepth,
    counted,
    hasAave,
  }
}

/** Some block that may still go. */
const forkBase = (stage: Stage): TreeBlock => {
  const { tree, tip, picking } = stage
  const back = BigInt(picking.skewed(Number(tip.header.number - finalOf(stage))))
  return tree.ancestor(tip, tip.header.number - back)!
}

/** The backfill, begun again where the world fails it, as a supervisor does. Resolves with the block at which it ended. */
const begin = async ({ followed, tree }: Stage): Promise<TreeBlock> => {
  for (let tries = 1; ; tries++) {
    try {
      const head = await followed.watcher.backfill(new AbortController().signal)
      return tree.byHash(head.hash)!
    } catch (error) {
      if (!(error instanceof KeeperError) || tries === MOST_STARTS) throw error
    }
  }
}

/** The history of `seed`. `spoil` breaks the folders that follow it: to see that this is noticed. Rejects where the watcher does: with anything but a KeeperError it is wrong. */
export const runTrial = async (seed: number, spoil: Spoil = each => each): Promise<TrialEnd> => {
  const finalityDepth = seed % 2 === 0 ? 64n : 128n
  const stage = openStage(seed, finalityDepth, spoil)
  const { picking, node } = stage
  const share = picking.pick(FAULTS)
  stage.tip = growBy(stage, stage.tip, picking.skewed(60)).at(-1)!
  stage.highest = stage.tip.header.number
  node.setTip(stage.tip)
  if (picking.chance(0.5)) stage.left.push(growBy(stage, forkBase(stage), picking.skewed(20)).at(-1)!)
  // Some hundred answers in a row must be right: the transport, which asks again, is not here.
  node.setFaults(picking.chance(0.5) ? Math.min(share, 0.01) : 0)
  stage.stood = [await begin(stage)]
  node.setFaults(share)
  await become(stage, growBy(stage, stage.tip, picking.skewed(90)), 0.6)
  for (let steps = 3 + picking.skewed(20); steps > 0; steps--) await picking.pick(STEPS)(stage)
  node.setFaults(0)
  let isThere = false
  for (let blocks = 0; blocks < QUIET || (!isThere && blocks < 2 * QUIET); blocks += QUIET_GAP) {
    stage.tip = growBy(stage, stage.tip, QUIET_GAP, 0.15).at(-1)!
    node.setTip(stage.tip)
    isThere = await tell(stage, stage.tip)
  }
  const difference = isThere ? await compare(stage) : 'it never got to the head'
  return {
    difference,
    isBitwise: stage.stood !== null,
    blocks: stage.blocks,
    deepestFork: stage.deepestFork,
    counted: stage.counted,
    faults: node.played(),
  }
}
