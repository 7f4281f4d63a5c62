// The wanted logs of one block, checked: of this block, in order, each once. Receipts instead of logs where both are wanted.
import { inChainOrder } from '../core/log-filter'
import type { Block, Log } from '../core/primitives'
import type { Chain, Meter, Receipt } from '../ports'
import type { Interest } from './interest'

export interface BlockLogs {
  readonly logs: readonly Log[]
  readonly receipts: readonly Receipt[] | null
}

const NOTHING: BlockLogs = { logs: [], receipts: null }

/** Drops and counts what cannot be: logs of another block, and repeats. */
const checked = (block: Block, logs: readonly Log[], meter: Meter): readonly Log[] => {
  const kept = inChainOrder(logs.filter(log => log.blockHash === block.hash && log.blockNumber === block.number))
  if (kept.length < logs.length) meter.count('logs_dropped', logs.length - kept.length)
  return kept
}

/**
 * Receipts where they are wanted (a transaction may end without a log) and the block used any gas; else logs where its bloom does not rule
 * them out, else nothing. One request, two where receipts are wanted and the node has none by block.
 */
export const fetchBlockLogs = async (
  chain: Chain,
  block: Block,
  interest: Interest,
  wantReceipts: boolean,
  meter: Meter,
): Promise<BlockLogs> => {
  if (wantReceipts && block.gasUsed > 0n) {
    const receipts = await chain.receiptsOfBlock(block.hash)
    if (receipts !== null) {
      const logs = receipts.flatMap(receipt => receipt.logs).filter(interest.isWanted)
      return { logs: checked(block, logs, meter), receipts }
    }
  }
  if (!interest.mayTouch(block)) return NOTHING
  return { logs: checked(block, await chain.logsOfBlock(block.hash, interest.filters), meter), receipts: null }
}
