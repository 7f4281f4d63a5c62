// Morpho Blue as a Strategy: the live book of one deployment. Joins ledger, reading and opportunities; says how its markets are swept, shown
// and saved.
import { z } from 'zod'
import { KeeperError } from '../../src/core/errors'
import { wDivDown } from '../../src/core/fixed-point'
import type { SavedState, StatePart } from '../../src/core/folder'
import { createMarketRoll } from '../../src/core/market-roll'
import type { Opportunity, PositionView } from '../../src/core/opportunity'
import type { PairBook } from '../../src/core/pair-book'
import { imageFrom, PAIR_IMAGE_FORMAT, partsOf } from '../../src/core/pair-image'
import { pairPositions, type ViewedMarket } from '../../src/core/pair-nearest'
import { createPairQuery } from '../../src/core/pair-query'
import { NONE } from '../../src/core/pair-records'
import { ASSETS, createPairSweep, LLTV, OWN, type PairSweep, SHARES } from '../../src/core/pair-sweep'
import type { PriceColumn } from '../../src/core/price-column'
import type { Address, Hex, LogFilter } from '../../src/core/primitives'
import { createMarketTest } from '../../src/core/scope'
import { addressSetting, countSetting, gasSetting } from '../../src/core/settings'
import type { Book, MarketFault, Scope, Strategy } from '../../src/core/strategy'
import { fallOf } from '../../src/core/what-if'
import { TOPIC, TOPIC_BORROW_RATE_UPDATE } from './abi'
import { createLedger, createLogFold, type Ledger, type LedgerImage, type Market, type SavedMarket } from './ledger'
import {
  highestGrowth,
  maxBorrowAssets,
  ROUNDING_ASSETS,
  roughAdaptiveRate,
  toAssetsUp,
  VIRTUAL_ASSETS,
  VIRTUAL_SHARES,
} from './math'
import { createFinder, createJudge, type Judge, type Judged, type Quotes, roughPrice, termsOf } from './opportunities'
import { createMorphoAudit, type Lore, needsReads, rateModelOf, readMarkets, unseenShares } from './reading'

const NAME = 'morpho-blue'

export const configSchema = z.strictObject({
  address: addressSetting.describe('The Morpho Blue contract.'),
  fromBlock: countSetting(0).describe(
    'Block of its deployment. With a later one, accounts that have not moved since then are not seen.',
  ),
  horizonSec: countSetting(900).describe(
    'For how long after its target block a liquidation must stay valid at an unchanged price, in seconds.',
  ),
  maxOracleGas: gasSetting.describe('Gas that one oracle or rate model may burn in a read. Default: `limits.readGasCap`.'),
})

export type Settings = z.output<typeof configSchema>

/** Places in the sweep's rows that are ours: assets without virtual ones; rate at target a second, or VIEWED: known only exactly; last accrual. */
const BORROWED = OWN
const SUPPLIED = OWN + 1
const RATE = OWN + 2
const VIEWED = -1
/** Seconds; Infinity where no interest accrues. */
const SINCE = OWN + 3

const canBeJudged = ({ number, pairs, state, unread }: Market): boolean =>
  number < pairs.markets() && pairs.borrowersOf(number) > 0 && state.lastUpdateSec !== null && unread.size === 0

const describeMarket = (market: Market, lore: Lore, rows: Float64Array, row: number): Address | null => {
  const { state } = market
  const model = state.params === null ? null : rateModelOf(state.params.irm, lore)
  if (state.params === null || model === null || !canBeJudged(market)) return null
  if (model === 'adaptive' && state.rateAtTarget === null) return null
  rows[row + LLTV] = Number(state.params.lltvWad) / 1e18
  rows[row + SHARES] = Number(state.borrowShares + VIRTUAL_SHARES)
  rows[row + ASSETS] = Number(state.borrowAssets + VIRTUAL_ASSETS)
  rows[row + BORROWED] = Number(state.borrowAssets)
  rows[row + SUPPLIED] = Number(state.supplyAssets)
  rows[row + RATE] = model === 'viewed' ? VIEWED : Number(state.rateAtTarget ?? 0n) / 1e18
  rows[row + SINCE] = model === 'none' ? Number.POSITIVE_INFINITY : Number(state.lastUpdateSec)
  return state.params.oracle
}

const unitsPerShareAt = (rows: Float64Array, row: number, time: number): number => {
  const perShare = rows[row + ASSETS]! / rows[row + SHARES]!
  const elapsedSec = time - rows[row + SINCE]!
  if (elapsedSec <= 0) return perShare
  const rate = rows[row + RATE]!
  if (rate === VIEWED) return Number.POSITIVE_INFINITY
  const roughRate = roughAdaptiveRate(rows[row + BORROWED]!, rows[row + SUPPLIED]!, rate, elapsedSec)
  return perShare * (1 + highestGrowth(roughRate, elapsedSec))
}

export type Sweep = PairSweep<Market>

/** Which markets may have anybody under water, all of a block at once. */
export const createSweep = (pairs: PairBook, prices: PriceColumn<Address>, lore: Lore): Sweep =>
  createPairSweep(pairs, {
    prices,
    describe: (market, rows, row) => describeMarket(market, lore, rows, row),
    unitsPerShareAt,
    roundingUnits: ROUNDING_ASSETS,
  })

/** WAD, rounded down; null where the market can't be judged. */
const healthOf = (judged: Judged, borrowShares: bigint, collateral: bigint): bigint | null => {
  if (judged.kind === 'fault') return null
  const { totals, price, params } = judged
  const debtAssets = toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares)
  return wDivDown(maxBorrowAssets(collateral, price, params.lltvWad), debtAssets)
}

const viewOf = (strategy: string, market: Market, judged: Judged, slot: number): PositionView | null => {
  const { params } = market.state
  const [borrowShares, collateral] = [market.pairs.debtAt(slot), market.pairs.collateralAt(slot)]
  if (params === null || borrowShares === 0n) return null
  const totals = judged.kind === 'ok' ? judged.totals : market.state
  return {
    strategy,
    market: market.id,
    account: market.pairs.accountAt(slot),
    collateralToken: params.collateralToken,
    debtToken: params.loanToken,
    collateralAssets: collateral,
    debtAssets: toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares),
    healthFactorWad: healthOf(judged, borrowShares, collateral),
  }
}

/** The market as tables see it, at `timestampSec`. */
const viewedAt = (strategy: string, market: Market, judge: Judge, timestampSec: bigint): ViewedMarket => {
  const judged = judge.judge(market, timestampSec)
  return {
    number: market.number,
    terms: judged.kind === 'fault' ? null : termsOf(judged.totals, judged.price, judged.params.lltvWad),
    healthOf: (borrowShares, collateral) => healthOf(judged, borrowShares, collateral),
    viewOf: slot => viewOf(strategy, market, judged, slot),
  }
}

/** Raised whenever the parts below change their meaning. */
const FORMAT = 1

/** See Folder.fingerprint: the contract, where its history begins, and which markets are followed. */
const fingerprintOf = (address: Address, fromBlock: bigint, { markets }: Scope): string =>
  JSON.stringify({
    format: `morpho-blue-${FORMAT} ${PAIR_IMAGE_FORMAT}`,
    address,
    fromBlock: fromBlock.toString(),
    allow: [...markets.allow].sort(),
    deny: [...markets.deny].sort(),
  })

const hex = z.string().regex(/^0x[0-9a-f]*$/) as unknown as z.ZodType<Hex>
const amount = z
  .string()
  .regex(/^\d+$/)
  .transform(text => BigInt(text))

const marketRow = z.strictObject({
  id: hex,
  state: z.strictObject({
    params: z.strictObject({ loanToken: hex, collateralToken: hex, oracle: hex, irm: hex, lltvWad: amount }).nullable(),
    supplyAssets: amount,
    supplyShares: amount,
    borrowAssets: amount,
    borrowShares: amount,
    feeWad: amount,
    lastUpdateSec: amount.nullable(),
    rateAtTarget: amount.nullable(),
    complete: z.boolean(),
  }),
  unread: z.array(hex),
})

const loreRows = z.strictObject({
  models: z.array(z.tuple([hex, z.enum(['none', 'adaptive', 'viewed'])])),
  tokens: z.array(z.strictObject({ address: hex, decimals: z.number().nullable(), symbol: z.string().nullable() })),
})

const asText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Copies, in an order that does not depend on how the state came about. */
export const saveState = (ledger: Ledger, lore: Lore): SavedState => {
  const { markets, pairs } = ledger.save()
  const known = {
    models: [...lore.models].sort(([a], [b]) => byText(a, b)),
    tokens: [...lore.tokens.values()].sort((a, b) => byText(a.address, b.address)),
  }
  return new Map<string, StatePart>([
    ['markets', JSON.stringify(markets, asText)],
    ['lore', JSON.stringify(known)],
    ...partsOf(pairs),
  ])
}

const parsed = <T>(state: SavedState, name: string, schema: z.ZodType<T>): T => {
  const text = state.get(name)
  try {
    return schema.parse(JSON.parse(typeof text === 'string' ? text : ''))
  } catch (cause) {
    const message = `the saved ${name} of morpho-blue can't be read`
    throw new KeeperError('bad-checkpoint', message, { retryable: true, cause })
  }
}

/** What `saveState` saved. Throws KeeperError bad-checkpoint. */
export const readState = (state: SavedState): { readonly image: LedgerImage; readonly lore: Lore } => {
  const markets: readonly SavedMarket[] = parsed(state, 'markets', z.array(marketRow))
  const { models, tokens } = parsed(state, 'lore', loreRows)
  return {
    image: { markets, pairs: imageFrom(state) },
    lore: { models: new Map(models), tokens: new Map(tokens.map(token => [token.address, token])) },
  }
}

/** Filters that follow the rate models known; `version` changes when they do. */
const createFilters = (morpho: Address, lore: Lore) => {
  const ofMorpho: LogFilter = { addresses: [morpho], topics: [Object.values(TOPIC)] }
  let live: readonly LogFilter[] = [ofMorpho]
  let models = ''
  let version = 0
  return {
    // Rates at target are read once history is folded: their logs matter only from then on.
    history: (): readonly LogFilter[] => [ofMorpho],
    live: () => live,
    version: () => version,
    refresh: (): void => {
      const addresses = [...lore.models].flatMap(([irm, model]) => (model === 'adaptive' ? [irm] : [])).sort()
      if (addresses.join() === models) return
      models = addresses.join()
      version += 1
      live = addresses.length === 0 ? [ofMorpho] : [ofMorpho, { addresses, topics: [[TOPIC_BORROW_RATE_UPDATE]] }]
    },
  }
}

const sharesOf = ({ byId, pairs }: Ledger, id: Hex, account: Address): bigint => {
  const market = byId.get(id)
  const slot = market === undefined ? NONE : pairs.find(market.number, account)
  return slot === NONE ? 0n : pairs.debtAt(slot)
}

/** Why the market can't be judged at `timestampSec`, or only in part; null if it can. */
const faultOf = (market: Market, judge: Judge, timestampSec: bigint): string | null => {
  const judged = judge.judge(market, timestampSec)
  if (judged.kind === 'fault') return judged.reason
  const unseen = unseenShares(market)
  if (unseen === 0n) return null
  return `judged in part: ${unseen} of ${market.state.borrowShares} borrow shares belong to accounts that have not moved since fromBlock`
}

const pairsOf = (markets: Iterable<Market>): readonly { readonly from: Address; readonly to: Address }[] => {
  const pairs = new Map<string, { readonly from: Address; readonly to: Address }>()
  for (const { state } of markets) {
    if (state.params === null) continue
    const { collateralToken: from, loanToken: to } = state.params
    pairs.set(from + to, { from, to })
  }
  return [...pairs.values()]
}

const createBook = (settings: Settings, scope: Scope): Book => {
  const morpho = settings.address
  const lore: Lore = { models: new Map(), tokens: new Map() }
  const roll = createMarketRoll<Market>(
    market => (ledger.byId.get(market.id) === market ? market.pairs.borrowersOf(market.number) : null),
    (market, borrowers) => (borrowers > 0 || market.unread.size > 0 || market.quarantine !== null) && needsReads(market, lore),
  )
  /** Changed since `settle`: a market is looked at once for all its logs. */
  const changed = new Set<Market>()
  const ledger = createLedger(market => changed.add(market))
  const logs = createLogFold(morpho, ledger, createMarketTest(scope))
  const filters = createFilters(morpho, lore)
  const judge = createJudge(lore, settings.maxOracleGas)
  const query = createPairQuery(ledger.pairs)
  const sweep = createSweep(ledger.pairs, judge.column, lore)
  const finder = createFinder({ strategy: NAME, morpho, horizonSec: settings.horizonSec, scope }, judge, query)
  const audit = createMorphoAudit(NAME, morpho, ledger, lore)
  const settle = (): void => {
    for (const market of changed) {
      roll.refresh(market)
      sweep.touch(market)
    }
    changed.clear()
  }
  const markets = (): readonly Market[] => {
    settle()
    return [...roll.open]
  }
  /** Time of the last target asked for: faults are told as of then. */
  let targetSec = 0n

  /** What is known of models and tokens changed: it bears on every market. */
  const relearn = (): void => {
    for (const market of markets()) changed.add(market)
    settle()
    filters.refresh()
  }

  /** Opportunities at other quotes: through the same sweep, with each market's supposed price in place of its oracle's. */
  const supposed = (timestampSec: bigint, quotes: Quotes): readonly Opportunity[] => {
    const priceOf = (number: number): number => {
      const { params } = ledger.marketAt(number).state
      return params === null ? Number.NaN : roughPrice(quotes.price(params))
    }
    return sweep
      .candidates(timestampSec, priceOf)
      .flatMap(number => finder.underWater(ledger.marketAt(number), timestampSec, quotes))
  }

  return {
    name: NAME,
    strategy: NAME,
    address: morpho,
    fromBlock: settings.fromBlock,
    historyFilters: filters.history,
    filters: filters.live,
    filtersVersion: filters.version,
    needsBootstrap: () => {
      settle()
      return roll.due.size > 0
    },
    bootstrap: async reader => {
      settle()
      const asked = [...roll.due]
      await readMarkets(reader, ledger, morpho, lore, asked)
      relearn()
      roll.postpone(asked)
    },
    beginBlock: logs.beginBlock,
    fold: logs.fold,
    undo: fromBlock => {
      ledger.undo(fromBlock)
      relearn()
    },
    finalise: block => ledger.finalise(block),
    fingerprint: () => fingerprintOf(morpho, settings.fromBlock, scope),
    save: () => saveState(ledger, lore),
    restore: state => {
      const saved = readState(state)
      ledger.restore(saved.image)
      for (const [irm, model] of saved.lore.models) lore.models.set(irm, model)
      for (const [address, token] of saved.lore.tokens) lore.tokens.set(address, token)
      relearn()
    },
    blockReads: () => judge.reads(markets()),
    acceptReads: (_block, results) => {
      judge.accept(results)
      roll.resume()
    },
    opportunities: (target, whatIf) => {
      settle()
      if (whatIf !== undefined) return supposed(target.timestampSec, judge.suppose(whatIf))
      targetSec = target.timestampSec
      return sweep.candidates(targetSec).flatMap(number => finder.underWater(ledger.marketAt(number), targetSec))
    },
    debtAtRisk: (target, token, fallsBps) => {
      const falls = fallsBps.map(bps => judge.suppose(fallOf(token, bps)))
      return markets().flatMap(market => finder.debtAtRisk(market, target.timestampSec, token, falls) ?? [])
    },
    faults: () =>
      markets().flatMap((market): MarketFault[] => {
        const reason = faultOf(market, judge, targetSec)
        return reason === null ? [] : [{ market: market.id, reason }]
      }),
    positions: (target, limit) => {
      const viewed = markets().map(market => viewedAt(NAME, market, judge, target.timestampSec))
      return pairPositions(ledger.pairs, query, viewed, limit)
    },
    pairs: () => pairsOf(markets()),
    tokens: () => lore.tokens,
    size: () => {
      settle()
      return roll.size()
    },
    covers: ({ strategy, market }) => strategy === NAME && ledger.byId.has(market),
    has: ({ strategy, market, account }) => strategy === NAME && sharesOf(ledger, market, account) > 0n,
    ...audit,
  }
}

export const morphoBlue = { name: NAME, configSchema, createBook } satisfies Strategy<Settings> & {
  readonly configSchema: z.ZodType<Settings>
}
