// Asks once more, by range and some blocks later, for logs that were folded block by block: nodes index logs after they announce a block, and
// on a busy chain no bloom tells that some were missing. One request in many blocks, beside all else. Only finds out; others mend.
import { KeeperError } from '../core/errors'
import type { Block, Log } from '../core/primitives'
import type { Chain, LogSink, Meter } from '../ports'
import { believed } from './block-logs'
import type { Interest, InterestSource } from './interest'

export interface SecondLook {
  /** What was folded of the block, and what was wanted then. Blocks come in order. */
  remember(block: Block, wanted: Interest, logs: readonly Log[]): void
  /** See Folder.undo. */
  undone(fromBlock: bigint): void
  /** The lowest block that is still to be looked at, or mended: it should not become final before. Null: none. */
  oldestOpen(): bigint | null
  /** Once a block, between blocks: begins a look where one is due, and says whether the last one found logs that were missed. Never rejects. */
  step(tip: bigint): boolean
}

interface Remembered {
  readonly block: Block
  readonly wanted: Interest
  readonly indexes: ReadonlySet<number>
}

/** Blocks between looks, where the configuration says nothing; fewer where little can be undone. */
const DEFAULT_EVERY = 32n
/** Answers that lack what was there before are not asked for more often: it may be gone for another reason. */
const MOST_TRIES = 3
/** Where looks fail or nobody steps, what is older is let go. */
const MOST_REMEMBERED = 4_096
/** How long logs are given to appear. */
const LAG = 4n

const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)

export interface SecondLookDeps {
  readonly chain: Chain
  readonly interest: InterestSource
  readonly log: LogSink
  readonly meter: Meter
  readonly finalityDepth: bigint
  /** Blocks between looks; 0n: none. */
  readonly every: bigint | null
}

export const createSecondLook = (deps: SecondLookDeps): SecondLook => {
  const { chain, interest, log, meter, finalityDepth } = deps
  const every = minOf(deps.every ?? DEFAULT_EVERY, finalityDepth / 2n)
  const lag = minOf(LAG, finalityDepth / 8n)
  let remembered: Remembered[] = []
  let isBusy = false
  /** Answers to the present look that were no good. */
  let tries = 0
  /** Whether anybody calls `step`: else nothing waits for looks that never come. */
  let isUsed = false
  /** The lowest block in which logs were missed. */
  let missedFrom: bigint | null = null

  const missedIn = (found: readonly Log[], { block, wanted, indexes }: Remembered): number =>
    found.filter(each => each.blockHash === block.hash && !indexes.has(each.logIndex) && wanted.isWanted(each)).length

  /** Logs that were there once and are not in this answer, or that are of other blocks: it comes from a node that is elsewhere, or lacks logs itself. */
  const isWhole = (found: readonly Log[], blocks: readonly Remembered[]): boolean => {
    const hashes = new Map(blocks.map(({ block }) => [block.number, block.hash]))
    if (found.some(each => (hashes.get(each.blockNumber) ?? each.blockHash) !== each.blockHash)) return false
    const places = new Set(found.map(each => `${each.blockHash} ${each.logIndex}`))
    return blocks.every(({ block, indexes }) => [...indexes].every(index => places.has(`${block.hash} ${index}`)))
  }

  const look = async (blocks: readonly Remembered[]): Promise<void> => {
    const [from, to] = [blocks[0]!.block.number, blocks.at(-1)!.block.number]
    const given = await chain.logsInRange(from, to, interest.current().filters)
    const found = believed(given, each => each.blockNumber >= from && each.blockNumber <= to, meter)
    if (tries < MOST_TRIES && !isWhole(found, blocks)) {
      tries += 1
      return
    }
    tries = 0
    const byHash = new Map<string, Log[]>()
    for (const each of found) byHash.set(each.blockHash, [...(byHash.get(each.blockHash) ?? []), each])
    // Of a block that was undone meanwhile nothing counts.
    const standing = new Set(remembered)
    const faulty = blocks.filter(each => standing.has(each) && missedIn(byHash.get(each.block.hash) ?? [], each) > 0)
    const missed = faulty.reduce((sum, each) => sum + missedIn(byHash.get(each.block.hash) ?? [], each), 0)
    const looked = new Set(blocks)
    remembered = remembered.filter(each => !looked.has(each))
    if (missed === 0) return
    missedFrom = minOf(faulty[0]!.block.number, missedFrom ?? faulty[0]!.block.number)
    meter.count('logs_missing', missed)
    log.log('warn', 'logs-missing', { from: from.toString(), to: to.toString(), missing: missed })
  }

  const goOn = async (blocks: readonly Remembered[]): Promise<void> => {
    try {
      await look(blocks)
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error
      log.log('debug', 'second-look-failed', { message: error.message })
    } finally {
      isBusy = false
    }
  }

  /** The next to look at: without long stretches in between of which nothing is remembered. */
  const due = (tip: bigint): readonly Remembered[] => {
    const ripe = remembered.filter(each => each.block.number <= tip - lag)
    const gap = ripe.findIndex((each, at) => at > 0 && each.block.number > ripe[at - 1]!.block.number + every)
    if (gap > 0) return ripe.slice(0, gap)
    return BigInt(ripe.length) >= every ? ripe : []
  }

  return {
    remember: (block, wanted, logs) => {
      if (every === 0n) return
      if (remembered.length >= MOST_REMEMBERED) remembered = remembered.slice(MOST_REMEMBERED / 2)
      remembered.push({ block, wanted, indexes: new Set(logs.map(each => each.logIndex)) })
    },
    undone: fromBlock => {
      remembered = remembered.filter(each => each.block.number < fromBlock)
      if (missedFrom !== null && missedFrom >= fromBlock) missedFrom = null
    },
    oldestOpen: () => {
      if (!isUsed) return null
      const first = remembered[0]?.block.number ?? null
      if (first === null || missedFrom === null) return first ?? missedFrom
      return minOf(first, missedFrom)
    },
    step: tip => {
      isUsed = true
      const blocks = isBusy ? [] : due(tip)
      if (blocks.length > 0) {
        isBusy = true
        void goOn(blocks)
      }
      const hasMissed = missedFrom !== null
      missedFrom = null
      return hasMissed
    },
  }
}
