// Ends what is in flight, from our own heads only: a relay's word is never an inclusion (keepers.md K9).
import type { Address, Block, Hex, Log } from '../core/primitives'
import type { Outcome } from '../core/verdict'
import type { Chain, LogSink, Receipt } from '../ports'
import type { InFlight } from './in-flight'
import type { KeyEnd } from './key-ring'
import { absentOutcome, includedOutcome, type StillOpen } from './outcome'
import type { RunCodec } from './run-codec'

/** What the watcher saw since it was last asked. */
export interface Advance {
  /** The newest block. */
  readonly block: Block
  readonly logs: readonly Log[]
  /** Whole blocks' receipts, of some or all new blocks; null: of none. */
  readonly receipts: readonly Receipt[] | null
  /** First block number whose block was replaced since then; null or absent: none was. */
  readonly reorgFrom?: bigint | null
  readonly stillOpen: StillOpen
}

export interface Settled {
  readonly flight: InFlight
  readonly receipt: Receipt | null
  readonly outcome: Outcome
}

/** The receipt of `flight`, without a request where its block's own receipts answer it. Rejects with KeeperError where the chain does. */
const receiptOf = async (chain: Chain, flight: InFlight, { block, receipts }: Advance): Promise<Receipt | null> => {
  const known = receipts?.find(receipt => receipt.transactionHash === flight.hash)
  if (known !== undefined) return known
  // A block that used no gas holds nothing.
  const isWhole = block.gasUsed === 0n || receipts?.some(receipt => receipt.blockHash === block.hash) === true
  const hasWholeTarget = flight.targetBlock === block.number && isWhole
  return hasWholeTarget ? null : chain.receipt(flight.hash)
}

const endOf = (flight: InFlight, receipt: Receipt | null, codec: RunCodec, stillOpen: StillOpen): Outcome => {
  if (receipt === null) return absentOutcome(flight, stillOpen)
  const reading = receipt.status === 'success' ? codec.read(receipt.logs, flight.takes.length) : null
  return includedOutcome(flight, receipt, reading, stillOpen)
}

/** How each of `due` ended. Rejects, with nothing settled, where a receipt can't be had: the next block asks again. */
export const settleDue = async (
  chain: Chain,
  codec: RunCodec,
  due: readonly InFlight[],
  advance: Advance,
): Promise<readonly Settled[]> => {
  const receipts = await Promise.all(due.map(flight => receiptOf(chain, flight, advance)))
  return due.map((flight, index) => {
    const receipt = receipts[index] ?? null
    return { flight, receipt, outcome: endOf(flight, receipt, codec, advance.stillOpen) }
  })
}

/** What the settled transactions mean for their keys. */
export const keyEnds = (settled: readonly Settled[]): readonly KeyEnd[] =>
  [...new Set(settled.map(each => each.flight.key))].map(address => {
    const included = settled.filter(each => each.flight.key === address && each.receipt !== null)
    const spentWei = included.reduce(
      (sum, { receipt }) => sum + (receipt === null ? 0n : receipt.gasUsed * receipt.effectiveGasPriceWei),
      0n,
    )
    const includedNonce = included.reduce<number | null>(
      (last, { flight }) => (last === null || flight.nonce > last ? flight.nonce : last),
      null,
    )
    return { address, includedNonce, spentWei }
  })

export interface SettledMemory {
  remember(settled: readonly Settled[], block: bigint): void
  /** A reorg replaced the blocks from here on: what was settled in them may have ended otherwise. Tells which keys that concerns. */
  doubt(reorgFrom: bigint): readonly Address[]
  /** Doubted transactions whose target the new chain has come to, and whose end there differs from what was recorded. */
  corrections(head: bigint, stillOpen: StillOpen): Promise<readonly Settled[]>
}

const correction = (before: Settled, now: Receipt | null, codec: RunCodec, stillOpen: StillOpen): Settled => {
  const { flight } = before
  const was =
    before.receipt === null ? 'not included' : `included in block ${before.receipt.blockNumber} ${before.receipt.blockHash}`
  const outcome = endOf(flight, now, codec, stillOpen)
  return { flight, receipt: now, outcome: { ...outcome, reason: `correction after a reorg, before ${was}: ${outcome.reason}` } }
}

const isSameEnd = (before: Receipt | null, now: Receipt | null): boolean => before?.blockHash === now?.blockHash

/** Keeps ends until they are final, so that a reorg's change of history is recorded as a second line and not lost. */
export const createSettledMemory = (chain: Chain, codec: RunCodec, finalityDepth: bigint, log: LogSink): SettledMemory => {
  const byHash = new Map<Hex, Settled>()
  const doubtful = new Set<Hex>()
  const check = async (before: Settled, stillOpen: StillOpen): Promise<Settled | null> => {
    const now = await chain.receipt(before.flight.hash)
    if (isSameEnd(before.receipt, now)) return null
    log.log('warn', 'reorged-end', {
      transaction: before.flight.hash,
      before: before.receipt?.blockHash ?? null,
      now: now?.blockHash ?? null,
    })
    return correction(before, now, codec, stillOpen)
  }
  return {
    remember: (settled, block) => {
      for (const each of settled) byHash.set(each.flight.hash, each)
      for (const [hash, { flight }] of byHash)
        if (flight.targetBlock + finalityDepth < block) {
          byHash.delete(hash)
          doubtful.delete(hash)
        }
    },
    doubt: reorgFrom => {
      const found = [...byHash.values()].filter(({ flight }) => flight.targetBlock >= reorgFrom)
      for (const { flight } of found) doubtful.add(flight.hash)
      return [...new Set(found.filter(each => each.receipt !== null).map(({ flight }) => flight.key))]
    },
    // A chain that went back below the target may include the transaction yet: its end is not known before the target is there again.
    corrections: async (head, stillOpen) => {
      const ready = [...doubtful].flatMap(hash => byHash.get(hash) ?? []).filter(({ flight }) => flight.targetBlock <= head)
      const changed = (await Promise.all(ready.map(each => check(each, stillOpen)))).filter(each => each !== null)
      for (const { flight } of ready) doubtful.delete(flight.hash)
      for (const each of changed) byHash.set(each.flight.hash, each)
      return changed
    },
  }
}
