// Morpho Blue as a Strategy: the live book of one deployment. Joins ledger, logs, reads, prices and search; each lives in its own file.
import { z } from 'zod'
import type { Opportunity } from '../../src/core/opportunity'
import { createPairQuery } from '../../src/core/pair-query'
import { NONE } from '../../src/core/pair-records'
import type { Address, Hex, LogFilter } from '../../src/core/primitives'
import type { Book, MarketFault, Scope, Strategy } from '../../src/core/strategy'
import { fallOf } from '../../src/core/what-if'
import { TOPIC, TOPIC_BORROW_RATE_UPDATE } from './abi'
import { createMorphoAudit, unseenShares } from './audit'
import { type Lore, needsReads, readMarkets } from './bootstrap'
import { createFinder } from './finder'
import { createLogFold } from './fold'
import { createJudge, type Judge, type Quotes } from './judge'
import { createLedger, type Ledger, type Market } from './ledger'
import { fingerprintOf, readState, saveState } from './saved'
import { createSweep } from './sweep'
import { createViews } from './views'

const NAME = 'morpho-blue'

export const configSchema = z.strictObject({
  address: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, { error: 'must be an address' })
    .transform((text): Address => `0x${text.slice(2).toLowerCase()}`)
    .describe('The Morpho Blue contract.'),
  fromBlock: z
    .number()
    .int()
    .nonnegative()
    .prefault(0)
    .transform(BigInt)
    .describe('Block of its deployment. With a later one, accounts that have not moved since then are not seen.'),
  horizonSec: z
    .number()
    .int()
    .nonnegative()
    .prefault(900)
    .transform(BigInt)
    .describe('For how long after its target block a liquidation must stay valid at an unchanged price, in seconds.'),
  maxOracleGas: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Gas that one oracle or rate model may burn in a read. Default: `limits.readGasCap`.'),
})

export type Settings = z.output<typeof configSchema>

/** A market is followed where the lists let it be acted on; the answer is remembered. */
const createMarketTest = ({ markets }: Scope): ((id: Hex) => boolean) => {
  const known = new Map<Hex, boolean>()
  return id => {
    const answer = known.get(id) ?? (!markets.deny.includes(id) && (markets.allow.length === 0 || markets.allow.includes(id)))
    known.set(id, answer)
    return answer
  }
}

/** Which markets have debt, and which of those wait for reads. Kept up at each change of a market. */
const createRoll = (isKnown: (market: Market) => boolean, needs: (market: Market) => boolean) => {
  const open = new Set<Market>()
  const due = new Set<Market>()
  const postponed = new Set<Market>()
  const counted = new Map<Market, number>()
  let borrowers = 0
  const refresh = (market: Market): void => {
    const isHere = isKnown(market)
    const now = isHere ? market.pairs.borrowersOf(market.number) : 0
    borrowers += now - (counted.get(market) ?? 0)
    if (now > 0) {
      counted.set(market, now)
      open.add(market)
    } else {
      counted.delete(market)
      open.delete(market)
    }
    if (isHere && (now > 0 || market.unread.size > 0 || market.quarantine !== null) && needs(market)) due.add(market)
    else due.delete(market)
  }

  return {
    open,
    due,
    size: () => borrowers,
    /** What these markets were just asked and did not answer is not asked again before the next block's reads. */
    postpone: (asked: readonly Market[]): void => {
      for (const market of asked) if (due.delete(market)) postponed.add(market)
    },
    resume: (): void => {
      for (const market of postponed) refresh(market)
      postponed.clear()
    },
    refresh,
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
  const roll = createRoll(
    market => ledger.byId.get(market.id) === market,
    market => needsReads(market, lore),
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
  const views = createViews(NAME, slot => ledger.marketAt(ledger.pairs.marketAt(slot)), judge, query)
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
      const price = params === null ? null : quotes.price(params)
      return price?.kind === 'value' ? Number(price.value) / 1e36 : Number.NaN
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
    positions: (target, limit) => views.positions(markets(), target, limit),
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
