// Holds the ledger against the contract: what to ask of a position and its market, what differs, whose turn it is, and how a market is
// given up until it was read anew. Asks nothing itself.
import type { ReadCall, ReadResult } from '../../src/core/folder'
import type { PositionRef } from '../../src/core/opportunity'
import { NONE } from '../../src/core/pair-records'
import type { Address, Hex, Log, LogFilter } from '../../src/core/primitives'
import type { AuditQuestion, Drift } from '../../src/core/strategy'
import { encodeMarket, encodePosition, encodeRateAtTarget, readMarket, TOPIC, wordAt } from './abi'
import { accountsOf, type Lore, rateModelOf, wordsOf } from './bootstrap'
import { type Ledger, type Market, ZERO_ADDRESS } from './ledger'

export interface MorphoAudit {
  /** See Book. */
  audit(positions: readonly PositionRef[]): readonly AuditQuestion[]
  sample(cursor: number, count: number): { readonly positions: readonly PositionRef[]; readonly next: number }
  quarantine(market: Hex, block: bigint, reason: string): void
  /** See Folder. */
  distrust(log: Log, reason: string): void
  missing(market: Hex): readonly LogFilter[] | null
  recall(market: Hex, block: bigint, logs: readonly Log[]): void
}

/** Places looked at for one sample: most of them may be empty. */
const MAX_STEPS = 512

/** A value in the book, and where the contract says the same. */
type Comparison = readonly [field: string, book: bigint | null, chain: bigint | null]

/** Shares of borrowers whom no log has named; 0n for a market known from its creation. */
export const unseenShares = ({ state, pairs, number }: Market): bigint =>
  state.complete ? 0n : state.borrowShares - pairs.debtOf(number)

const isBeingRead = ({ quarantine, unread }: Market): boolean => quarantine !== null || unread.size > 0

const totalsOf = ({ state }: Market, answer: Hex): readonly Comparison[] => {
  const { totals, lastUpdateSec } = readMarket(answer)
  // Without a rate model the contract notes the time of an accrual but emits nothing; no interest depends on it.
  const isTimed = state.params !== null && state.params.irm !== ZERO_ADDRESS
  return [
    ['total supply assets', state.supplyAssets, totals.supplyAssets],
    ['total supply shares', state.supplyShares, totals.supplyShares],
    ['total borrow assets', state.borrowAssets, totals.borrowAssets],
    ['total borrow shares', state.borrowShares, totals.borrowShares],
    ['fee', state.feeWad, totals.feeWad],
    ['time of the last accrual', isTimed ? state.lastUpdateSec : null, lastUpdateSec],
  ]
}

const amountsOf = ({ pairs, number }: Market, account: Address, answer: Hex): readonly Comparison[] => {
  const slot = pairs.find(number, account)
  return [
    ['borrow shares', slot === NONE ? 0n : pairs.debtAt(slot), wordAt(answer, 1)],
    ['collateral', slot === NONE ? 0n : pairs.collateralAt(slot), wordAt(answer, 2)],
  ]
}

const driftsOf = (position: PositionRef, comparisons: readonly Comparison[]): readonly Drift[] =>
  comparisons.flatMap(([field, book, chain]) =>
    book === null || chain === null || book === chain
      ? []
      : [{ position, field, book: book.toString(), chain: chain.toString() }],
  )

export const createMorphoAudit = (strategy: string, morpho: Address, ledger: Ledger, lore: Lore): MorphoAudit => {
  const rateCall = (id: Hex): ReadCall | null => {
    const params = ledger.byId.get(id)?.state.params
    if (params === undefined || params === null || rateModelOf(params.irm, lore) !== 'adaptive') return null
    return { to: params.irm, data: encodeRateAtTarget(id) }
  }

  const questionOf = (position: PositionRef): AuditQuestion => {
    const { market: id, account } = position
    const rate = rateCall(id)
    const compare = ([totals, amounts, rateNow]: readonly ReadResult[]): readonly Drift[] | null => {
      const market = ledger.byId.get(id)
      const [ofMarket, ofPosition] = [wordsOf(totals, 6), wordsOf(amounts, 3)]
      if (market === undefined || isBeingRead(market) || ofMarket === null || ofPosition === null) return null
      const ofRate = rate === null ? null : wordsOf(rateNow, 1)
      return driftsOf(position, [
        ...totalsOf(market, ofMarket),
        ['rate at target', market.state.rateAtTarget, ofRate === null ? null : wordAt(ofRate, 0)],
        ...amountsOf(market, account, ofPosition),
      ])
    }
    const calls = [
      { to: morpho, data: encodeMarket(id) },
      { to: morpho, data: encodePosition(id, account) },
    ]
    return { position, calls: rate === null ? calls : [...calls, rate], compare }
  }

  /** A market that has no borrower as far as is known has its turn too: the nobody's position stands for it. */
  const marketAt = (number: number): PositionRef | null => {
    const { id, pairs, state } = ledger.marketAt(number)
    return pairs.borrowersOf(number) > 0 || state.supplyAssets === 0n ? null : { strategy, market: id, account: ZERO_ADDRESS }
  }

  const positionAt = (slot: number): PositionRef | null => {
    const { pairs } = ledger
    if (pairs.roughDebtAt(slot) === 0) return null
    return { strategy, market: ledger.marketAt(pairs.marketAt(slot)).id, account: pairs.accountAt(slot) }
  }

  const sample: MorphoAudit['sample'] = (cursor, count) => {
    const markets = ledger.byId.size
    const places = markets + ledger.pairs.slots()
    const positions: PositionRef[] = []
    let steps = 0
    for (; steps < Math.min(places, MAX_STEPS) && positions.length < count; steps++) {
      const place = (cursor + steps) % places
      const found = place < markets ? marketAt(place) : positionAt(place - markets)
      if (found !== null) positions.push(found)
    }
    return { positions, next: places === 0 ? 0 : (cursor + steps) % places }
  }

  const quarantine = (market: Market, block: bigint, reason: string): void => {
    ledger.setQuarantine(market, block, reason)
    ledger.setUnread(market, block, accountsOf(market))
    ledger.setState(market, block, { lastUpdateSec: null, rateAtTarget: null })
  }

  return {
    audit: positions => positions.map(questionOf),
    sample,
    quarantine: (id, block, reason) => {
      const market = ledger.byId.get(id)
      if (market !== undefined) quarantine(market, block, reason)
    },
    distrust: ({ topics, blockNumber }, reason) => {
      const market = ledger.byId.get(topics[1] ?? '0x')
      if (market === undefined) return
      // Whoever comes up next was perhaps there before: to be read, not folded.
      ledger.setState(market, blockNumber, { complete: false })
      quarantine(market, blockNumber, reason)
    },
    missing: id => {
      const market = ledger.byId.get(id)
      if (market === undefined || unseenShares(market) <= 0n) return null
      // Whoever owes has borrowed.
      return [{ addresses: [morpho], topics: [[TOPIC.borrow], [id]] }]
    },
    recall: (id, block, logs) => {
      const market = ledger.byId.get(id)
      if (market === undefined) return
      const known = new Set(accountsOf(market))
      const named = logs
        .filter(({ topics }) => topics[0] === TOPIC.borrow && topics[1] === id)
        .map(({ topics }): Address => `0x${(topics[2] ?? '').slice(26)}`)
      const added = [...new Set(named)].filter(account => account.length === 42 && !known.has(account))
      if (added.length > 0) ledger.setUnread(market, block, [...market.unread, ...added])
    },
  }
}
