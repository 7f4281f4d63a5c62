// A book that only remembers: every log folded, every bootstrap, the last reads. What it holds must equal what the chain says.
import type { ReadCall, ReadResult } from '../../src/core/folder'
import type { Address, Block, Hex, Log, LogFilter } from '../../src/core/primitives'
import type { Book } from '../../src/core/strategy'
import { createUndoJournal } from '../../src/core/undo-journal'

/** First topic of a log that announces a new market, whose address is the log's data. */
export const NEW_MARKET: Hex = `0x${'aa'.repeat(32)}`
export const PING: Hex = `0x${'bb'.repeat(32)}`

export interface EchoBook extends Book {
  logs(): readonly Log[]
  markets(): readonly Address[]
  /** Blocks at which bootstraps ran and still stand. */
  bootstraps(): readonly Block[]
  reads(): { readonly block: Block; readonly calls: readonly ReadCall[]; readonly results: readonly ReadResult[] } | null
  begun(): readonly Block[]
  finalisedBelow(): bigint
  /** The fold after `count` more logs throws. */
  breakAfter(count: number): void
}

export interface EchoOptions {
  readonly name?: string
  readonly address: Address
  readonly fromBlock?: bigint | null
  /** Calls each block reads besides one per market. */
  readonly alwaysReads?: readonly ReadCall[]
}

/** Follows `address` and every market it announces; each market is bootstrapped once and read each block. */
export const createEchoBook = (options: EchoOptions): EchoBook => {
  const journal = createUndoJournal()
  const logs: Log[] = []
  const markets: Address[] = []
  const unread = new Set<Address>()
  const bootstraps: Block[] = []
  const begun: Block[] = []
  let reads: ReturnType<EchoBook['reads']> = null
  let finalised = 0n
  let version = 0
  let foldsLeft = Number.POSITIVE_INFINITY

  const readsNow = (): readonly ReadCall[] => [
    ...(options.alwaysReads ?? []),
    ...markets.map(to => ({ to, data: '0x' as const })),
  ]

  const learn = (log: Log): void => {
    const market = log.data
    markets.push(market)
    unread.add(market)
    version += 1
    journal.record(log.blockNumber, () => {
      markets.pop()
      unread.delete(market)
      version += 1
    })
  }

  const filters = (): readonly LogFilter[] => [
    { addresses: [options.address], topics: [[NEW_MARKET, PING]] },
    ...(markets.length === 0 ? [] : [{ addresses: [...markets], topics: [[PING]] }]),
  ]

  return {
    name: options.name ?? 'echo',
    strategy: options.name ?? 'echo',
    address: options.address,
    fromBlock: options.fromBlock === undefined ? 0n : options.fromBlock,
    historyFilters: filters,
    filters,
    filtersVersion: () => version,
    needsBootstrap: () => unread.size > 0,
    bootstrap: async reader => {
      const added = [...unread]
      await reader.read(added.map(to => ({ to, data: '0x02' })))
      unread.clear()
      bootstraps.push(reader.block)
      journal.record(reader.block.number, () => {
        for (const market of added) unread.add(market)
        bootstraps.pop()
      })
    },
    beginBlock: block => begun.push(block),
    fold: log => {
      foldsLeft -= 1
      if (foldsLeft < 0) {
        foldsLeft = Number.POSITIVE_INFINITY
        throw new RangeError('fold broke')
      }
      logs.push(log)
      journal.record(log.blockNumber, () => logs.pop())
      if (log.topics[0] === NEW_MARKET) learn(log)
    },
    undo: from => journal.undo(from),
    finalise: block => {
      finalised = block
      journal.finalise(block)
    },
    blockReads: readsNow,
    acceptReads: (block, results) => {
      reads = { block, calls: readsNow(), results }
    },
    opportunities: () => [],
    faults: () => [],
    positions: () => [],
    pairs: () => [],
    tokens: () => new Map(),
    size: () => 0,
    has: () => false,
    logs: () => logs,
    markets: () => markets,
    bootstraps: () => bootstraps,
    reads: () => reads,
    begun: () => begun,
    finalisedBelow: () => finalised,
    breakAfter: count => {
      foldsLeft = count
    },
  }
}
