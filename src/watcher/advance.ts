// Takes the folders from the last block folded to a new head: one block, a gap, or over a reorg. All or nothing: what fails is undone,
// and the next call finds the folders at a block that they have fully folded.
import { KeeperError } from '../core/errors'
import type { Block, Hex, Log } from '../core/primitives'
import type { Chain, LogSink, Meter, Receipt } from '../ports'
import { ancestorsOf, findCanonical, findPath, type Path, unknownBlock } from './ancestry'
import { type BlockLogs, believed, createDoubtBudget, fetchBlockLogs } from './block-logs'
import type { Folding } from './folding'

export interface AdvanceOptions {
  /** Fetch whole receipts, in place of logs, of blocks with transactions in them. */
  readonly wantReceipts?: boolean
}

export type Advance =
  | {
      readonly kind: 'advanced'
      readonly block: Block
      /** All newly folded and extra ones, in chain order. */
      readonly logs: readonly Log[]
      /** First block that was undone since the last time this was told, null if none was. */
      readonly reorgFrom: bigint | null
      /** Of the blocks for which they were wanted and to be had. Null: of none. */
      readonly receipts: readonly Receipt[] | null
      /** So much was folded that the head is likely to be old by now. */
      readonly isCatchingUp: boolean
    }
  | { readonly kind: 'behind'; readonly reason: string }

export interface AdvanceDeps {
  readonly chain: Chain
  readonly folding: Folding
  readonly log: LogSink
  readonly meter: Meter
  /** Told of a reorg: the first block undone. */
  readonly onUndone: (fromBlock: bigint) => void
}

/** What came of folding, before it is reported. */
interface Folded {
  readonly logs: readonly Log[]
  readonly receipts: readonly Receipt[] | null
  readonly isCatchingUp: boolean
}

/** More headers than this are not fetched one by one: the logs come in ranges. */
export const MAX_WALK = 128
/** Blocks that stay undoable, at most, for want of a second look. */
const MOST_HELD = 4_096n
const CATCHING_UP_AFTER = 8
const FETCHED_AT_ONCE = 16

const inSlices = async <T, R>(items: readonly T[], size: number, run: (item: T) => Promise<R>): Promise<readonly R[]> => {
  const results: R[] = []
  for (let from = 0; from < items.length; from += size)
    results.push(...(await Promise.all(items.slice(from, from + size).map(run))))
  return results
}

export const createAdvance = ({ chain, folding, log, meter, onUndone }: AdvanceDeps) => {
  const { known, interest } = folding
  const doubts = createDoubtBudget()
  /** The block at which everything was read last; null: where the backfill ended. */
  let servedHash: Hex | null = null

  const undoTo = (ancestor: Block): void => {
    const tip = known.tip()!
    if (ancestor.number >= tip.number) return
    log.log('warn', 'reorg', { from: (ancestor.number + 1n).toString(), undone: (tip.number - ancestor.number).toString() })
    meter.count('reorgs')
    folding.undoAbove(ancestor.number)
    onUndone(ancestor.number + 1n)
  }

  /** Folds the blocks one after another. Filters that grow on the way apply from the next block on. */
  const foldBlocks = async (blocks: readonly Block[], wantReceipts: boolean) => {
    const all: BlockLogs[] = []
    let hasFoldedStrategies = false
    while (all.length < blocks.length) {
      const asked = interest.current()
      const fetched = await inSlices(blocks.slice(all.length), FETCHED_AT_ONCE, block =>
        fetchBlockLogs({ chain, meter, doubts }, block, asked, wantReceipts),
      )
      for (const each of fetched) {
        const block = blocks[all.length]!
        if (each.logs.length > 0) folding.begin(block)
        hasFoldedStrategies = folding.fold(each.logs) || hasFoldedStrategies
        folding.secondLook.remember(block, asked, each.logs)
        all.push(each)
        if (interest.current() !== asked) break
      }
    }
    return { all, hasFoldedStrategies }
  }

  const overPath = async ({ blocks }: Path, wantReceipts: boolean): Promise<Folded> => {
    const head = blocks.at(-1)!
    const reads = folding.startReads(head)
    const { all, hasFoldedStrategies } = await foldBlocks(blocks, wantReceipts)
    await folding.bootstrap(head, hasFoldedStrategies)
    await reads.finish()
    for (const block of blocks) known.push(block)
    const receipts = all.flatMap(each => (each.receipts === null ? [] : [each.receipts]))
    return {
      logs: all.flatMap(each => each.logs),
      receipts: receipts.length === 0 ? null : receipts.flat(),
      isCatchingUp: blocks.length > CATCHING_UP_AFTER,
    }
  }

  /** Headers below `head`, lowest first: `proved` ones, and those of logs in blocks below them, which the node's chain must hold. */
  const headersOf = async (logs: readonly Log[], head: Block, proved: readonly Block[]): Promise<readonly Block[]> => {
    const numbers = new Set([...proved, head].map(block => block.number))
    const wanted = [...new Set(logs.map(each => each.blockNumber))].filter(number => !numbers.has(number))
    const others = await inSlices(wanted, FETCHED_AT_ONCE, async number => {
      const block = await chain.blockByNumber(number)
      if (block === null) throw unknownBlock(`block ${number}`)
      return block
    })
    return [...others, ...proved].sort((a, b) => Number(a.number - b.number))
  }

  const foldGrouped = (logs: readonly Log[], headers: ReadonlyMap<Hex, Block>): boolean => {
    let current: Hex | null = null
    let hasFoldedStrategies = false
    for (const each of logs) {
      if (each.blockHash !== current) folding.begin(headers.get(each.blockHash)!)
      current = each.blockHash
      hasFoldedStrategies = folding.fold([each]) || hasFoldedStrategies
    }
    return hasFoldedStrategies
  }

  /** The headers below `head` that another fork could still replace, each proved by its child. */
  const proveBelow = async (ancestor: Block, head: Block): Promise<readonly Block[]> => {
    const between = head.number - ancestor.number - 1n
    const proved = await ancestorsOf(chain, head, between < MAX_WALK ? between : BigInt(MAX_WALK))
    const lowest = proved[0] ?? head
    if (lowest.number === ancestor.number + 1n && lowest.parentHash !== ancestor.hash)
      throw unknownBlock(`block ${lowest.number} on top of ${ancestor.hash}`)
    return proved
  }

  /**
   * A long way: logs by ranges; headers of the blocks that may still go, and of those with logs below them; at the end the proof that the
   * head still stands. `proved`: headers that are known to lead to the head.
   */
  const overRange = async (ancestor: Block, head: Block, proved: readonly Block[] | null): Promise<Folded> => {
    const recent = proved ?? (await proveBelow(ancestor, head))
    const asked = interest.current()
    const given = await chain.logsInRange(ancestor.number + 1n, head.number, asked.filters)
    const below = await headersOf(given, head, recent)
    const headers = new Map([...below, head].map(block => [block.hash, block]))
    const logs = believed(given, each => headers.get(each.blockHash)?.number === each.blockNumber, meter)
    if ((await chain.blockByNumber(head.number))?.hash !== head.hash) throw unknownBlock(`block ${head.number} any more`)
    const hasFoldedStrategies = foldGrouped(logs, headers)
    const reads = folding.startReads(head)
    await folding.bootstrap(head, hasFoldedStrategies)
    await reads.finish()
    const byHash = new Map<Hex, Log[]>([...below, head].map(block => [block.hash, []]))
    for (const each of logs) byHash.get(each.blockHash)!.push(each)
    for (const block of [...below, head]) {
      known.push(block)
      if (head.number - block.number <= MAX_WALK) folding.secondLook.remember(block, asked, byHash.get(block.hash)!)
    }
    return { logs, receipts: null, isCatchingUp: true }
  }

  /** What is deep enough is final, but not before it was looked at again; where that fails for long, all the same. */
  const settle = (head: Block): void => {
    const deep = head.number - folding.finalityDepth
    const open = folding.secondLook.oldestOpen()
    const isHeld = open !== null && open <= deep && head.number - open < MOST_HELD
    const undoable = known.settle(isHeld ? open - 1n : deep)
    if (undoable !== null) for (const folder of folding.folders) folder.finalise(undoable)
  }

  /** Whether `head` is merely older than the tip, served by a node that lags. */
  const isStale = async (head: Block, tip: Block): Promise<boolean> => {
    if (known.get(head.hash) !== null) return true
    return (
      head.number < tip.number &&
      known.get(head.parentHash) === null &&
      (await chain.blockByNumber(tip.number))?.hash === tip.hash
    )
  }

  /**
   * Undoes all blocks that can be undone and folds them again, from logs that are asked for by range this time. One request for logs as a
   * rule, one for the head's number, the reads. Rejects with the folders at the oldest block, from which `advance` goes on.
   */
  const refold = async (): Promise<void> => {
    const [head, oldest] = [known.tip()!, known.oldest()!]
    if (head.number === oldest.number) return
    const below = known.newestFirst().filter(block => block.number > oldest.number && block.number < head.number)
    folding.undoAbove(oldest.number)
    try {
      await overRange(oldest, head, below)
      servedHash = head.hash
    } catch (error) {
      folding.undoAbove(oldest.number)
      throw error
    }
  }

  /** The tip once more. Where a reorg was undone down to it and what followed failed, nothing was read there yet. */
  const again = async (head: Block): Promise<Folded> => {
    if (servedHash !== head.hash) {
      const reads = folding.startReads(head)
      await folding.bootstrap(head, true)
      await reads.finish()
      servedHash = head.hash
    }
    return { logs: [], receipts: null, isCatchingUp: false }
  }

  /** One try. Rejects with the folders at the last block that both `head` and they have. */
  const advance = async (head: Block, { wantReceipts = false }: AdvanceOptions): Promise<Folded | 'stale'> => {
    const tip = known.tip()!
    servedHash ??= tip.hash
    if (head.hash === tip.hash) return again(head)
    if (await isStale(head, tip)) return 'stale'
    const path = await findPath(chain, known, head, MAX_WALK)
    const ancestor = path?.ancestor ?? (await findCanonical(chain, known, head))
    undoTo(ancestor)
    try {
      const folded = path === null ? await overRange(ancestor, head, null) : await overPath(path, wantReceipts)
      settle(head)
      servedHash = head.hash
      return folded
    } catch (error) {
      folding.undoAbove(ancestor.number)
      throw error
    }
  }

  return { advance, refold }
}

/** A node that lags behind its own announcements: worth asking again in a moment. */
export const isUnknownBlock = (error: unknown): error is KeeperError =>
  error instanceof KeeperError && error.code === 'rpc-refused' && error.retryable
