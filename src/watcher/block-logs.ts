// The wanted logs of one block, checked: of this block, in order, each once, and as many as its bloom makes likely. What can't be believed is
// refused, and asked for again. Receipts instead of logs where both are wanted.
import { KeeperError } from '../core/errors'
import { checkLogs } from '../core/log-check'
import type { Block, Log } from '../core/primitives'
import type { Chain, Meter, Receipt } from '../ports'
import type { Interest } from './interest'

export interface BlockLogs {
  readonly logs: readonly Log[]
  readonly receipts: readonly Receipt[] | null
}

/** How often a doubt may cost a request: earned by blocks, spent by doubts that prove unfounded. */
export interface DoubtBudget {
  earn(): void
  /** False: no more for now. */
  spend(): boolean
  /** The doubt was justified. */
  refund(): void
}

export interface BlockLogsDeps {
  readonly chain: Chain
  readonly meter: Meter
  readonly doubts: DoubtBudget
}

/** One unfounded doubt in so many blocks. */
const BLOCKS_PER_DOUBT = 16
const MOST_DOUBTS = 4

const NOTHING: BlockLogs = { logs: [], receipts: null }

export const createDoubtBudget = (): DoubtBudget => {
  let blocks = MOST_DOUBTS * BLOCKS_PER_DOUBT
  const earn = (count: number): void => {
    blocks = Math.min(blocks + count, MOST_DOUBTS * BLOCKS_PER_DOUBT)
  }
  return {
    earn: () => earn(1),
    spend: () => {
      if (blocks < BLOCKS_PER_DOUBT) return false
      blocks -= BLOCKS_PER_DOUBT
      return true
    },
    refund: () => earn(BLOCKS_PER_DOUBT),
  }
}

/** The node's answer is wrong; another try, or another node, may give a right one. */
export const notBelieved = (what: string): KeeperError =>
  new KeeperError('rpc-refused', `the node's answer is not to be believed: ${what}`, { retryable: true })

/** In order, each once; counts what was mended. Rejects an answer that can't be right. */
export const believed = (given: readonly Log[], belongs: (log: Log) => boolean, meter: Meter): readonly Log[] => {
  const { logs, doubled, isDisordered, complaint } = checkLogs(given, belongs)
  if (complaint !== null) {
    meter.count('logs_foreign')
    throw notBelieved(complaint)
  }
  if (doubled > 0) meter.count('logs_doubled', doubled)
  if (isDisordered) meter.count('logs_disordered')
  return logs
}

const isOf =
  (block: Block) =>
  (log: Log): boolean =>
    log.blockHash === block.hash && log.blockNumber === block.number

/** All logs of the block, which are numbered from zero: then none is missing. */
const logsOfReceipts = (block: Block, receipts: readonly Receipt[], meter: Meter): readonly Log[] => {
  const all = believed(
    receipts.flatMap(receipt => receipt.logs),
    isOf(block),
    meter,
  )
  if (all.length > 0 && all.at(-1)!.logIndex !== all.length - 1) {
    meter.count('logs_missing')
    throw notBelieved(`${all.length} logs in the receipts of block ${block.number}, the last is number ${all.at(-1)!.logIndex}`)
  }
  return all
}

/** The second opinion: from receipts, which nodes keep apart from their index of logs; else the same question again. */
const askAgain = async ({ chain, meter }: BlockLogsDeps, block: Block, interest: Interest): Promise<readonly Log[]> => {
  const receipts = await chain.receiptsOfBlock(block.hash)
  if (receipts !== null) return logsOfReceipts(block, receipts, meter).filter(interest.isWanted)
  return believed(await chain.logsOfBlock(block.hash, interest.filters), isOf(block), meter)
}

/** Two answers that are right as far as they go: what either has is there. */
const completed = async (
  deps: BlockLogsDeps,
  block: Block,
  interest: Interest,
  logs: readonly Log[],
): Promise<readonly Log[]> => {
  const { doubts, meter } = deps
  if (!interest.seemsToLack(block, logs) || !doubts.spend()) return logs
  const again = await askAgain(deps, block, interest)
  const both = believed(
    [...logs, ...again].sort((a, b) => a.logIndex - b.logIndex),
    isOf(block),
    { ...meter, count: () => undefined },
  )
  if (both.length === logs.length) return logs
  doubts.refund()
  meter.count('logs_missing', both.length - logs.length)
  return both
}

/**
 * Receipts where they are wanted (a transaction may end without a log) and the block used any gas; else logs where its bloom does not rule
 * them out, else nothing. One request, two where receipts are wanted and the node has none by block, one more for a doubt. Rejects with a
 * retryable KeeperError where the answer contradicts itself or the block.
 */
export const fetchBlockLogs = async (
  deps: BlockLogsDeps,
  block: Block,
  interest: Interest,
  wantReceipts: boolean,
): Promise<BlockLogs> => {
  const { chain, meter } = deps
  deps.doubts.earn()
  if (wantReceipts && block.gasUsed > 0n) {
    const receipts = await chain.receiptsOfBlock(block.hash)
    if (receipts !== null) {
      const logs = logsOfReceipts(block, receipts, meter).filter(interest.isWanted)
      return { logs: await completed(deps, block, interest, logs), receipts }
    }
  }
  if (!interest.mayTouch(block)) return NOTHING
  const logs = believed(await chain.logsOfBlock(block.hash, interest.filters), isOf(block), meter)
  return { logs: await completed(deps, block, interest, logs), receipts: null }
}
