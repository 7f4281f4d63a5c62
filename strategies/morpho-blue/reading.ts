// What logs can't tell, and whether they told the truth. Bootstraps: time of the last accrual, rate model and its memory, token names, positions
// older than the history; answers are applied at the reader's block and undone with it, and what fails leaves its market due. Audits: what
// to ask of a position, what differs, and how a market is given up until it was read anew.
import { addressOf, numberOf, wordAt, wordsOf, ZERO_ADDRESS } from '../../src/core/abi-words'
import { auditQuestion, type Check, type Comparison } from '../../src/core/audit-checks'
import { minOf } from '../../src/core/fixed-point'
import type { ReadCall, Reader, ReadResult } from '../../src/core/folder'
import type { PositionRef } from '../../src/core/opportunity'
import { NONE } from '../../src/core/pair-records'
import { samplePairs } from '../../src/core/pair-sample'
import type { Address, Hex, Log, LogFilter, Token } from '../../src/core/primitives'
import { readLists } from '../../src/core/read-lists'
import type { AuditQuestion } from '../../src/core/strategy'
import { symbolCall, symbolOf } from '../../src/core/token-symbol'
import {
  encodeBorrowRateView,
  encodeDecimals,
  encodeIdToMarketParams,
  encodeMarket,
  encodePosition,
  encodeRateAtTarget,
  type MarketParams,
  readMarket,
  readParams,
  TOPIC,
} from './abi'
import type { Ledger, Market } from './ledger'
import { adaptiveRate, PROBES, type Totals } from './math'

/** How a rate model is followed: none (zero rate), computed here, or asked each block. */
export type RateModel = 'none' | 'adaptive' | 'viewed'

/** What was learnt of the world beside the markets, shared by all of them. */
export interface Lore {
  readonly models: Map<Address, RateModel>
  readonly tokens: Map<Address, Token>
}

/** A token's words are for display: little gas, few bytes. */
const TOKEN_CAPS = { gasCap: 100_000, maxReturnBytes: 256 } as const

/** Null while unknown. */
export const rateModelOf = (irm: Address, lore: Lore): RateModel | null =>
  irm === ZERO_ADDRESS ? 'none' : (lore.models.get(irm) ?? null)

/** Whether something must be read before the market can be judged. */
export const needsReads = (market: Market, lore: Lore): boolean => {
  const { params, lastUpdateSec, rateAtTarget } = market.state
  if (params === null || lastUpdateSec === null || market.unread.size > 0 || market.quarantine !== null) return true
  const model = rateModelOf(params.irm, lore)
  if (model === null || (model === 'adaptive' && rateAtTarget === null)) return true
  return !lore.tokens.has(params.loanToken) || !lore.tokens.has(params.collateralToken)
}

/** Null where the token does not say, or says more than a uint8. */
export const readDecimals = (result: ReadResult | undefined): number | null => {
  const decimals = numberOf(result)
  return decimals !== null && decimals <= 255n ? Number(decimals) : null
}

type Due = { readonly market: Market; readonly params: MarketParams }

const withParams = (due: readonly Market[]): Due[] =>
  due.flatMap(market => (market.state.params === null ? [] : [{ market, params: market.state.params }]))

const sameTotals = (a: Totals, b: Totals): boolean =>
  a.supplyAssets === b.supplyAssets &&
  a.supplyShares === b.supplyShares &&
  a.borrowAssets === b.borrowAssets &&
  a.borrowShares === b.borrowShares &&
  a.feeWad === b.feeWad

/** All that have a position as far as is known, or may have one. */
export const accountsOf = ({ pairs, number, unread }: Market): readonly Address[] => [
  ...new Set([...Array.from(pairs.slotsOf(number), pairs.accountAt), ...unread]),
]

/** Takes the contract's totals. Where logs say otherwise, history was incomplete: all known positions are read anew. */
const applyMarket = (ledger: Ledger, block: bigint, market: Market, answer: Hex): void => {
  const { totals, lastUpdateSec } = readMarket(answer)
  const agrees = sameTotals(totals, market.state)
  if (!agrees) ledger.setUnread(market, block, accountsOf(market))
  ledger.setState(market, block, { ...totals, lastUpdateSec, complete: market.state.complete && agrees })
}

const learnParams = async (reader: Reader, ledger: Ledger, morpho: Address, due: readonly Market[]): Promise<void> => {
  const unknown = due.filter(market => market.state.params === null)
  const [answers] = await readLists(reader, [unknown.map(({ id }) => ({ to: morpho, data: encodeIdToMarketParams(id) }))])
  unknown.forEach((market, i) => {
    const data = wordsOf(answers?.[i], 5)
    if (data !== null) ledger.setState(market, reader.block.number, { params: readParams(data, 0) })
  })
}

const learnTokens = (
  ledger: Ledger,
  block: bigint,
  lore: Lore,
  tokens: readonly Address[],
  answers: readonly (readonly ReadResult[])[],
): void => {
  tokens.forEach((address, i) => {
    lore.tokens.set(address, { address, decimals: readDecimals(answers[0]?.[i]), symbol: symbolOf(answers[1]?.[i]) })
    ledger.record(block, () => lore.tokens.delete(address))
  })
}

/** Totals, times, rates at target and tokens: one request for all that is due. Returns the markets that answered. */
const learnMarkets = async (
  reader: Reader,
  ledger: Ledger,
  morpho: Address,
  lore: Lore,
  due: readonly Due[],
): Promise<readonly Market[]> => {
  const block = reader.block.number
  const rated = due.filter(({ params }) => params.irm !== ZERO_ADDRESS && lore.models.get(params.irm) !== 'viewed')
  const tokens = [...new Set(due.flatMap(({ params }) => [params.loanToken, params.collateralToken]))].filter(
    token => !lore.tokens.has(token),
  )
  const [markets, rates, decimals, symbols] = await readLists(reader, [
    due.map(({ market }) => ({ to: morpho, data: encodeMarket(market.id) })),
    rated.map(({ market, params }) => ({ to: params.irm, data: encodeRateAtTarget(market.id) })),
    tokens.map(to => ({ to, data: encodeDecimals(), ...TOKEN_CAPS })),
    tokens.map(symbolCall),
  ])
  learnTokens(ledger, block, lore, tokens, [decimals ?? [], symbols ?? []])
  rated.forEach(({ market }, i) => {
    const rateAtTarget = numberOf(rates?.[i])
    if (rateAtTarget !== null) ledger.setState(market, block, { rateAtTarget })
  })
  return due.flatMap(({ market }, i) => {
    const data = wordsOf(markets?.[i], 6)
    if (data !== null) applyMarket(ledger, block, market, data)
    return data === null ? [] : [market]
  })
}

/** A chain whose clock starts at zero can't look back twenty years. */
const elapsedOf = ({ elapsedSec }: (typeof PROBES)[number], nowSec: bigint): bigint => minOf(elapsedSec, nowSec)

const probeCall = (params: MarketParams, probe: (typeof PROBES)[number], nowSec: bigint): ReadCall => {
  // A market with another LLTV has another id: one that the model never saw.
  const asked = probe.known ? params : { ...params, lltvWad: params.lltvWad + 1n }
  const totals = {
    supplyAssets: probe.supplyAssets,
    supplyShares: 0n,
    borrowAssets: probe.borrowAssets,
    borrowShares: 0n,
    feeWad: 0n,
  }
  return { to: params.irm, data: encodeBorrowRateView(asked, totals, nowSec - elapsedOf(probe, nowSec)) }
}

const answersAdaptively = (rateAtTarget: bigint, results: readonly ReadResult[], nowSec: bigint): boolean =>
  PROBES.every(
    (probe, i) =>
      numberOf(results[i]) === adaptiveRate(probe, probe.known ? rateAtTarget : 0n, elapsedOf(probe, nowSec)).averageRateWad,
  )

/** Tells models apart by what they answer, wherever they are deployed: see PROBES. */
const learnModels = async (reader: Reader, ledger: Ledger, lore: Lore, due: readonly Due[]): Promise<void> => {
  const byModel = new Map<Address, Due>()
  for (const each of due) if (rateModelOf(each.params.irm, lore) === null) byModel.set(each.params.irm, each)
  const asked = [...byModel.values()].filter(({ market }) => market.state.rateAtTarget !== null)
  const answers = await readLists(
    reader,
    asked.map(({ params }) => PROBES.map(probe => probeCall(params, probe, reader.block.timestampSec))),
  )
  for (const { market, params } of byModel.values()) {
    const i = asked.findIndex(each => each.market === market)
    const isAdaptive = i >= 0 && answersAdaptively(market.state.rateAtTarget ?? 0n, answers[i] ?? [], reader.block.timestampSec)
    lore.models.set(params.irm, isAdaptive ? 'adaptive' : 'viewed')
    ledger.record(reader.block.number, () => lore.models.delete(params.irm))
  }
}

/** Positions of quarantined markets that one bootstrap reads: about one request. */
const MAX_REREAD = 2_000

/** Whom to read of each market: a quarantined one's share of what is left of the bound. */
const listsOf = (due: readonly Market[]): readonly (readonly Address[])[] => {
  let left = MAX_REREAD
  return due.map(({ unread, quarantine }) => {
    if (quarantine === null) return [...unread]
    const list = [...unread].slice(0, left)
    left -= list.length
    return list
  })
}

const learnPositions = async (reader: Reader, ledger: Ledger, morpho: Address, due: readonly Market[]): Promise<void> => {
  const lists = listsOf(due)
  const answers = await readLists(
    reader,
    due.map((market, i) => (lists[i] ?? []).map(account => ({ to: morpho, data: encodePosition(market.id, account) }))),
  )
  due.forEach((market, i) => {
    const done = (lists[i] ?? []).filter((account, j) => {
      const data = wordsOf(answers[i]?.[j], 3)
      if (data !== null) ledger.setPosition(market, reader.block.number, account, wordAt(data, 1), wordAt(data, 2))
      return data !== null
    })
    const out = new Set(done)
    const left = [...market.unread].filter(account => !out.has(account))
    if (done.length > 0) ledger.setUnread(market, reader.block.number, left)
  })
}

/** Those of which totals and all positions were read. Debt of accounts that nobody knows shows from now on, if there is any. */
const letGo = (ledger: Ledger, block: bigint, markets: readonly Market[]): void => {
  for (const market of markets) {
    if (market.quarantine === null || market.unread.size > 0) continue
    ledger.setQuarantine(market, block, null)
    const isAllSeen = market.pairs.debtOf(market.number) === market.state.borrowShares
    if (!isAllSeen && market.state.complete) ledger.setState(market, block, { complete: false })
  }
}

/** Reads all that the `due` markets miss, in one request as a rule: a second for new rate models, more only for incomplete history. */
export const readMarkets = async (
  reader: Reader,
  ledger: Ledger,
  morpho: Address,
  lore: Lore,
  due: readonly Market[],
): Promise<void> => {
  await learnParams(reader, ledger, morpho, due)
  const known = withParams(due)
  const answered = await learnMarkets(reader, ledger, morpho, lore, known)
  await learnModels(reader, ledger, lore, known)
  await learnPositions(reader, ledger, morpho, due)
  letGo(ledger, reader.block.number, answered)
}

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

/** Shares of borrowers whom no log has named; 0n for a market known from its creation. */
export const unseenShares = ({ state, pairs, number }: Market): bigint =>
  state.complete ? 0n : state.borrowShares - pairs.debtOf(number)

const isBeingRead = ({ quarantine, unread }: Market): boolean => quarantine !== null || unread.size > 0

/** Null where the book holds none: there is nothing to compare then. */
const compared = (field: string, book: bigint | null, chain: bigint): readonly Comparison[] =>
  book === null ? [] : [{ field, book: book.toString(), chain: chain.toString() }]

const compareTotals = ({ state }: Market, answer: Hex): readonly Comparison[] => {
  const { totals, lastUpdateSec } = readMarket(answer)
  // Without a rate model the contract notes the time of an accrual but emits nothing; no interest depends on it.
  const isTimed = state.params !== null && state.params.irm !== ZERO_ADDRESS
  return [
    ...compared('total supply assets', state.supplyAssets, totals.supplyAssets),
    ...compared('total supply shares', state.supplyShares, totals.supplyShares),
    ...compared('total borrow assets', state.borrowAssets, totals.borrowAssets),
    ...compared('total borrow shares', state.borrowShares, totals.borrowShares),
    ...compared('fee', state.feeWad, totals.feeWad),
    ...compared('time of the last accrual', isTimed ? state.lastUpdateSec : null, lastUpdateSec),
  ]
}

const compareAmounts = ({ pairs, number }: Market, account: Address, answer: Hex): readonly Comparison[] => {
  const slot = pairs.find(number, account)
  return [
    ...compared('borrow shares', slot === NONE ? 0n : pairs.debtAt(slot), wordAt(answer, 1)),
    ...compared('collateral', slot === NONE ? 0n : pairs.collateralAt(slot), wordAt(answer, 2)),
  ]
}

export const createMorphoAudit = (strategy: string, morpho: Address, ledger: Ledger, lore: Lore): MorphoAudit => {
  const rateCall = (id: Hex): ReadCall | null => {
    const params = ledger.byId.get(id)?.state.params
    if (params === undefined || params === null || rateModelOf(params.irm, lore) !== 'adaptive') return null
    return { to: params.irm, data: encodeRateAtTarget(id) }
  }

  const questionOf = (position: PositionRef): AuditQuestion => {
    const { market: id, account } = position
    const rate = rateCall(id)
    const ofMarket =
      (words: number, compare: (market: Market, answer: Hex) => readonly Comparison[]): Check['compare'] =>
      result => {
        const [market, answer] = [ledger.byId.get(id), wordsOf(result, words)]
        return market === undefined || answer === null ? null : compare(market, answer)
      }
    const checks: Check[] = [
      { call: { to: morpho, data: encodeMarket(id) }, compare: ofMarket(6, compareTotals) },
      {
        call: { to: morpho, data: encodePosition(id, account) },
        compare: ofMarket(3, (market, answer) => compareAmounts(market, account, answer)),
      },
    ]
    const compareRate = ofMarket(1, ({ state }, answer) => compared('rate at target', state.rateAtTarget, wordAt(answer, 0)))
    // A rate that was not told says nothing of the rest.
    if (rate !== null) checks.push({ call: rate, compare: result => compareRate(result) ?? [] })
    return auditQuestion(position, () => {
      const market = ledger.byId.get(id)
      return { checks, isSure: market !== undefined && !isBeingRead(market) }
    })
  }

  /** A market that has no borrower as far as is known has its turn too: the nobody's position stands for it. */
  const marketAt = (number: number): PositionRef | null => {
    const { id, pairs, state } = ledger.marketAt(number)
    return pairs.borrowersOf(number) > 0 || state.supplyAssets === 0n ? null : { strategy, market: id, account: ZERO_ADDRESS }
  }

  const positionAt = (slot: number): PositionRef => {
    const { pairs } = ledger
    return { strategy, market: ledger.marketAt(pairs.marketAt(slot)).id, account: pairs.accountAt(slot) }
  }

  const quarantine = (market: Market, block: bigint, reason: string): void => {
    ledger.setQuarantine(market, block, reason)
    ledger.setUnread(market, block, accountsOf(market))
    ledger.setState(market, block, { lastUpdateSec: null, rateAtTarget: null })
  }

  return {
    audit: positions => positions.map(questionOf),
    sample: (cursor, count) => samplePairs(ledger.pairs, cursor, count, marketAt, positionAt),
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
        .map(({ topics }) => addressOf(topics[2] ?? ''))
      const added = [...new Set(named)].filter(account => account.length === 42 && !known.has(account))
      if (added.length > 0) ledger.setUnread(market, block, [...market.unread, ...added])
    },
  }
}
