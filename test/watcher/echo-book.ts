// A book that only remembers: every log folded, every bootstrap, the last reads. What it holds must equal what the chain says.
// Its markets count their pings; a market's only position is its own address, and the chain may be asked for the count.
import type { ReadCall, ReadResult, StatePart } from '../../src/core/folder'
import type { PositionRef } from '../../src/core/opportunity'
import type { Address, Block, Hex, Log, LogFilter } from '../../src/core/primitives'
import type { Book } from '../../src/core/strategy'
import { createUndoJournal } from '../../src/core/undo-journal'

/** First topic of a log that announces a new market, whose address is the log's data. */
export const NEW_MARKET: Hex = `0x${'aa'.repeat(32)}`
export const PING: Hex = `0x${'bb'.repeat(32)}`

/** Data of the calls that bootstraps and audits make of a market. */
export const ASK_STATE: Hex = '0x02'
export const ASK_COUNT: Hex = '0x03'

export interface EchoBook extends Book {
  /** Pings of a market as the book has it. */
  countOf(market: Address): bigint
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
  const counts = new Map<Address, bigint>()
  const quarantined = new Map<Address, string>()
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

  const name = options.name ?? 'echo'

  const setCount = (block: bigint, market: Address, count: bigint): void => {
    const before = counts.get(market) ?? 0n
    counts.set(market, count)
    journal.record(block, () => counts.set(market, before))
  }

  const setQuarantine = (block: bigint, market: Address, reason: string | null): void => {
    const before = quarantined.get(market)
    if (reason === null) quarantined.delete(market)
    else quarantined.set(market, reason)
    journal.record(block, () => {
      if (before === undefined) quarantined.delete(market)
      else quarantined.set(market, before)
    })
  }

  const positionOf = (market: Address): PositionRef => ({ strategy: name, market, account: market })

  const filters = (): readonly LogFilter[] => [
    { addresses: [options.address], topics: [[NEW_MARKET, PING]] },
    ...(markets.length === 0 ? [] : [{ addresses: [...markets], topics: [[PING]] }]),
  ]

  return {
    name,
    strategy: name,
    address: options.address,
    fromBlock: options.fromBlock === undefined ? 0n : options.fromBlock,
    historyFilters: filters,
    filters,
    filtersVersion: () => version,
    needsBootstrap: () => unread.size > 0,
    bootstrap: async reader => {
      const added = [...unread]
      const answers = await reader.read(added.map(to => ({ to, data: ASK_STATE })))
      added.forEach((market, i) => {
        const answer = answers[i]
        if (answer?.kind === 'ok' && answer.data !== '0x') setCount(reader.block.number, market, BigInt(answer.data))
        if (quarantined.has(market)) setQuarantine(reader.block.number, market, null)
      })
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
      else if (markets.includes(log.address)) setCount(log.blockNumber, log.address, (counts.get(log.address) ?? 0n) + 1n)
    },
    undo: from => journal.undo(from),
    finalise: block => {
      finalised = block
      journal.finalise(block)
    },
    fingerprint: () => `echo ${options.address}`,
    save: () =>
      new Map<string, StatePart>([
        [
          'echo',
          JSON.stringify({ logs, markets, unread: [...unread], counts: [...counts] }, (_key, value: unknown) =>
            typeof value === 'bigint' ? `${value}n` : value,
          ),
        ],
      ]),
    restore: state => {
      const text = state.get('echo')
      const saved = JSON.parse(typeof text === 'string' ? text : '', (_key, value: unknown) =>
        typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
      ) as { logs: Log[]; markets: Address[]; unread: Address[]; counts: [Address, bigint][] }
      logs.push(...saved.logs)
      markets.push(...saved.markets)
      for (const market of saved.unread) unread.add(market)
      for (const [market, count] of saved.counts) counts.set(market, count)
      version += 1
    },
    blockReads: readsNow,
    acceptReads: (block, results) => {
      reads = { block, calls: readsNow(), results }
    },
    opportunities: () => [],
    debtAtRisk: () => [],
    faults: () => [...quarantined].map(([market, reason]) => ({ market, reason })),
    positions: () => [],
    pairs: () => [],
    tokens: () => new Map(),
    size: () => 0,
    has: () => false,
    covers: position => markets.some(market => market === position.market),
    audit: positions =>
      positions.map(position => ({
        position,
        calls: [{ to: position.market, data: ASK_COUNT }],
        compare: ([result]) => {
          if (unread.has(position.market) || result?.kind !== 'ok' || result.data === '0x') return null
          const [book, chain] = [counts.get(position.market) ?? 0n, BigInt(result.data)]
          return book === chain ? [] : [{ position, field: 'pings', book: `${book}`, chain: `${chain}` }]
        },
      })),
    sample: (cursor, count) => ({
      positions: markets.slice(cursor, cursor + count).map(positionOf),
      next: cursor + count < markets.length ? cursor + count : 0,
    }),
    quarantine: (market, block, reason) => {
      setQuarantine(block, market, reason)
      unread.add(market)
      journal.record(block, () => unread.delete(market))
    },
    countOf: market => counts.get(market) ?? 0n,
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
