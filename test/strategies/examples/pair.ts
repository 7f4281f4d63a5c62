// A whole strategy of the pair shape for a made-up protocol, "Pawn": loans without interest against one collateral. See
// docs/adding-a-strategy.md. In a real one, what is one file here is abi, math, ledger, reading, close and strategy.
import { z } from 'zod'
import { addressAt, word, wordAt, wordsOf } from '../../../src/core/abi-words'
import { KeeperError } from '../../../src/core/errors'
import { MAX_UINT128, minOf, mulDivDown, mulDivUp, WAD, wDivDown, wMulDown } from '../../../src/core/fixed-point'
import type { ReadCall, Reader, ReadResult } from '../../../src/core/folder'
import { createMarketRoll } from '../../../src/core/market-roll'
import type { Close, Opportunity, PositionRef, PositionView } from '../../../src/core/opportunity'
import { createPairBook } from '../../../src/core/pair-book'
import { imageFrom, partsOf } from '../../../src/core/pair-image'
import { pairPositions } from '../../../src/core/pair-nearest'
import { createPairQuery, type PairTerms } from '../../../src/core/pair-query'
import { NONE } from '../../../src/core/pair-records'
import { samplePairs } from '../../../src/core/pair-sample'
import type { Address, Hex, Log, LogFilter, Token } from '../../../src/core/primitives'
import { readJsonPart, writeJson } from '../../../src/core/saved-json'
import { createMarketTest, createPositionTest } from '../../../src/core/scope'
import type { AuditQuestion, Book, DebtAtRisk, Scope, Strategy, WhatIf } from '../../../src/core/strategy'
import { createUndoJournal } from '../../../src/core/undo-journal'
import { debtAtTerms, fallOf, priceAfterUp } from '../../../src/core/what-if'

const NAME = 'pawn'

// abi: topics, calls, words. No decoder: sliced hex.
/** Opened(bytes32 indexed market): parameters are read. Moved(bytes32 indexed market, address indexed account, uint256 debt, uint256 collateral): as they are now. */
export const TOPIC = { opened: `0x${'01'.repeat(32)}`, moved: `0x${'02'.repeat(32)}` } as const
export const SELECTOR = { params: '0x00000001', position: '0x00000002', liquidate: '0x00000003', price: '0xa035b1fe' } as const

// math: the contract's arithmetic, rounding included.
interface Params {
  readonly collateralToken: Address
  readonly debtToken: Address
  readonly oracle: Address
  readonly lltvWad: bigint
  readonly bonusWad: bigint
}
const PRICE_SCALE = 10n ** 36n
/** Pawn._limit: rounded down twice. */
const limitOf = (collateral: bigint, price: bigint, lltvWad: bigint): bigint =>
  wMulDown(mulDivDown(collateral, price, PRICE_SCALE), lltvWad)
/** Pawn.liquidate: collateral units for `pay`. */
const seizedFor = (pay: bigint, price: bigint, bonusWad: bigint): bigint =>
  mulDivDown(wMulDown(pay, bonusWad), PRICE_SCALE, price)

interface Market {
  readonly id: Hex
  readonly number: number
  params: Params | null
  quarantine: string | null
  /** Accounts to read anew. */
  unread: readonly Address[]
}

const settingsSchema = z.strictObject({
  address: z
    .string()
    .transform((text): Address => `0x${text.slice(2).toLowerCase()}`)
    .describe('The Pawn contract.'),
})
type Settings = z.output<typeof settingsSchema>

const closeOf = (
  pawn: Address,
  market: Market,
  params: Params,
  account: Address,
  debt: bigint,
  collateral: bigint,
  price: bigint,
): Close | null => {
  // The most whose seizure fits the collateral: less than `dear` with the bonus, which would seize a unit more.
  const dear = mulDivUp(collateral + 1n, price, PRICE_SCALE)
  const most = minOf(debt, (dear * WAD - 1n) / params.bonusWad)
  if (most === 0n) return null
  const paidFor = (pay: bigint): bigint => (pay < most ? pay : most)
  return {
    kind: 'repay',
    payToken: params.debtToken,
    receiveToken: params.collateralToken,
    minPay: 1n,
    maxPay: most,
    funding: 'callback',
    amountsFor: pay => ({ paid: paidFor(pay), needed: paidFor(pay), received: seizedFor(paidFor(pay), price, params.bonusWad) }),
    encode: (pay, inside) => [
      {
        kind: 'call',
        to: pawn,
        data: `${SELECTOR.liquidate}${market.id.slice(2)}${word(BigInt(account))}${word(paidFor(pay))}${word(128n)}${word(0n)}`,
        fills: [],
        callback: {
          from: pawn,
          dataWord: 3,
          program: [
            ...inside,
            { kind: 'approve', token: params.debtToken, spender: pawn, amount: { kind: 'argument', word: 0 } },
          ],
        },
      },
    ],
    paidWord: 0,
    gas: 90_000n,
  }
}

const damaged = (why: string): KeeperError => new KeeperError('bad-checkpoint', why, { retryable: true })

const createBook = ({ address: pawn }: Settings, scope: Scope): Book => {
  // ledger: positions in a pair book, markets beside it; every change undoable.
  const pairs = createPairBook()
  const query = createPairQuery(pairs)
  const journal = createUndoJournal()
  const byId = new Map<Hex, Market>()
  const byNumber: Market[] = []
  const tokens = new Map<Address, Token>()
  const follows = createMarketTest(scope)
  const isInScope = createPositionTest(scope)
  const roll = createMarketRoll<Market>(
    market => (byId.get(market.id) === market ? pairs.borrowersOf(market.number) : null),
    market => market.params === null || market.unread.length > 0 || market.quarantine !== null,
  )
  const set = (market: Market, block: bigint, change: Partial<Pick<Market, 'params' | 'quarantine' | 'unread'>>): void => {
    const before = { ...market }
    Object.assign(market, change)
    journal.record(block, () => {
      Object.assign(market, before)
      roll.refresh(market)
    })
    roll.refresh(market)
  }
  const add = (id: Hex, rest: Pick<Market, 'params' | 'quarantine' | 'unread'>): Market => {
    const market: Market = { id, number: pairs.addMarket(), ...rest }
    byId.set(id, market)
    byNumber.push(market)
    return market
  }
  const marketOf = (id: Hex, block: bigint): Market => {
    const known = byId.get(id)
    if (known !== undefined) return known
    const market = add(id, { params: null, quarantine: null, unread: [] })
    journal.record(block, () => {
      byId.delete(id)
      byNumber.pop()
      pairs.dropMarket()
      roll.refresh(market)
    })
    roll.refresh(market)
    return market
  }
  const fold = ({ address, topics, data, blockNumber }: Log): void => {
    const [topic, id, account] = topics
    if (address !== pawn || topic === undefined || id === undefined || !follows(id)) return
    const market = marketOf(id, blockNumber)
    if (topic !== TOPIC.moved || account === undefined) return
    pairs.put(blockNumber, market.number, `0x${account.slice(26)}`, wordAt(data, 0), wordAt(data, 1))
    roll.refresh(market)
  }

  // reading: what logs don't tell.
  const paramsCall = ({ id }: Market): ReadCall => ({ to: pawn, data: `${SELECTOR.params}${id.slice(2)}` })
  const positionCall = (id: Hex, account: Address): ReadCall => ({
    to: pawn,
    data: `${SELECTOR.position}${id.slice(2)}${word(BigInt(account))}`,
  })
  const bootstrap = async ({ block, read }: Reader): Promise<void> => {
    const due = [...roll.due]
    const calls = due.map(market => [paramsCall(market), ...market.unread.map(account => positionCall(market.id, account))])
    const answers = await read(calls.flat())
    let from = 0
    due.forEach((market, i) => {
      const [params, ...positions] = answers.slice(from, from + calls[i]!.length)
      from += calls[i]!.length
      const data = wordsOf(params, 5)
      if (data === null) return
      const found = positions.map(result => wordsOf(result, 2))
      market.unread.forEach((account, j) => {
        const amounts = found[j] ?? null
        if (amounts !== null) pairs.put(block.number, market.number, account, wordAt(amounts, 0), wordAt(amounts, 1))
      })
      const unread = market.unread.filter((_, j) => found[j] === null)
      set(market, block.number, {
        params: {
          collateralToken: addressAt(data, 0),
          debtToken: addressAt(data, 1),
          oracle: addressAt(data, 2),
          lltvWad: wordAt(data, 3),
          bonusWad: wordAt(data, 4),
        },
        unread,
        quarantine: unread.length > 0 ? market.quarantine : null,
      })
      for (const token of [addressAt(data, 0), addressAt(data, 1)]) {
        if (tokens.has(token)) continue
        tokens.set(token, { address: token, decimals: null, symbol: null })
        journal.record(block.number, () => tokens.delete(token))
      }
    })
    roll.postpone(due)
  }
  let asked: readonly Address[] = []
  let prices = new Map<Address, bigint>()
  const pricesFrom = (results: readonly ReadResult[]): Map<Address, bigint> =>
    new Map(
      asked.flatMap((oracle, i): [Address, bigint][] => {
        const data = wordsOf(results[i], 1)
        return data === null || wordAt(data, 0) === 0n ? [] : [[oracle, wordAt(data, 0)]]
      }),
    )

  // judging: a market at a price. Null: it can't be judged, and `faultOf` says why.
  interface Judged {
    readonly market: Market
    readonly params: Params
    readonly price: bigint
    readonly terms: PairTerms
  }
  const judge = (market: Market, whatIf?: WhatIf): Judged | null => {
    const { params } = market
    if (params === null || market.quarantine !== null || market.unread.length > 0) return null
    const read = (whatIf?.kind === 'reads' ? pricesFrom(whatIf.results) : prices).get(params.oracle)
    const factors = whatIf?.kind === 'values' ? whatIf.factorWad : new Map<Address, bigint>()
    const price = read === undefined ? null : priceAfterUp(read, factors, params.collateralToken, params.debtToken)
    if (price === null || price === 0n || price > MAX_UINT128) return null
    const threshold = (Number(price) / 1e36) * (Number(params.lltvWad) / 1e18)
    // Real numbers would put whoever is under water there too, if the debt were two units more: `limitOf` rounds twice.
    const isUnderWater = (debt: bigint, collateral: bigint): boolean => limitOf(collateral, price, params.lltvWad) < debt
    return { market, params, price, terms: { threshold, rounding: 2, isUnderWater } }
  }
  const faultOf = (market: Market): string | null => {
    if (market.quarantine !== null) return `quarantined: ${market.quarantine}`
    return judge(market) === null ? 'its parameters, positions or price are not known' : null
  }
  const opportunityOf = ({ market, params, price }: Judged, slot: number): Opportunity | null => {
    const [account, debt, collateral] = [pairs.accountAt(slot), pairs.debtAt(slot), pairs.collateralAt(slot)]
    if (!isInScope(account, debt, params.debtToken)) return null
    const close = closeOf(pawn, market, params, account, debt, collateral, price)
    return {
      position: { strategy: NAME, market: market.id, account },
      closes: close === null ? [] : [close],
      obstacle: close === null ? 'one unit of debt is worth more than all collateral' : null,
      debtAssets: debt - (close?.maxPay ?? 0n),
    }
  }
  const viewOf = (market: Market, slot: number, health: bigint | null): PositionView | null =>
    market.params && {
      strategy: NAME,
      market: market.id,
      account: pairs.accountAt(slot),
      collateralToken: market.params.collateralToken,
      debtToken: market.params.debtToken,
      collateralAssets: pairs.collateralAt(slot),
      debtAssets: pairs.debtAt(slot),
      healthFactorWad: health,
    }
  const covers = ({ strategy, market }: PositionRef): boolean => strategy === NAME && byId.has(market)
  const slotOf = ({ market, account }: PositionRef): number => pairs.find(byId.get(market)?.number ?? NONE, account)
  const filters: readonly LogFilter[] = [{ addresses: [pawn], topics: [Object.values(TOPIC)] }]

  return {
    name: NAME,
    strategy: NAME,
    address: pawn,
    fromBlock: 0n,
    historyFilters: () => filters,
    filters: () => filters,
    filtersVersion: () => 0,
    needsBootstrap: () => roll.due.size > 0,
    bootstrap,
    fold,
    undo: fromBlock => {
      pairs.undo(fromBlock, number => roll.refresh(byNumber[number]!))
      journal.undo(fromBlock)
    },
    finalise: block => {
      pairs.finalise(block)
      journal.finalise(block)
    },
    fingerprint: () => writeJson([NAME, 1, pawn, scope.markets]),
    save: () =>
      new Map<string, string | Uint8Array>([
        ['markets', writeJson({ markets: byNumber, tokens: [...tokens.values()], positions: pairs.size() })],
        ...partsOf(pairs.save()),
      ]),
    restore: state => {
      const saved = z
        .object({
          markets: z.array(z.custom<Market>(each => typeof each === 'object')),
          tokens: z.array(z.custom<Token>()),
          positions: z.number(),
        })
        .safeParse(readJsonPart(state, 'markets'))
      if (!saved.success) throw damaged('the saved markets make no sense')
      const image = imageFrom(state)
      for (const { id, number: _, ...rest } of saved.data.markets) add(id, rest)
      try {
        pairs.restore(image, () => {
          if (pairs.size() !== saved.data.positions) throw damaged('positions are missing')
        })
      } catch (error) {
        for (; byNumber.length > 0; byNumber.pop()) pairs.dropMarket()
        byId.clear()
        throw error
      }
      for (const token of saved.data.tokens) tokens.set(token.address, token)
      for (const market of byNumber) roll.refresh(market)
    },
    blockReads: () => {
      asked = [...new Set([...roll.open].flatMap(({ params }) => (params === null ? [] : [params.oracle])))]
      return asked.map(to => ({ to, data: SELECTOR.price, maxReturnBytes: 256 }))
    },
    acceptReads: (_block, results) => {
      prices = pricesFrom(results)
      roll.resume()
    },
    opportunities: (_target, whatIf) =>
      [...roll.open].flatMap(market => {
        const judged = judge(market, whatIf)
        if (judged === null) return []
        return [...query.underWater(market.number, judged.terms)].flatMap(slot => opportunityOf(judged, slot) ?? [])
      }),
    debtAtRisk: (_target, token, fallsBps) =>
      [...roll.open].flatMap((market): DebtAtRisk[] => {
        const { params } = market
        if (params === null || (params.collateralToken !== token && params.debtToken !== token)) return []
        const terms = fallsBps.map(bps => judge(market, fallOf(token, bps))?.terms ?? null)
        const debts = debtAtTerms(query, market.number, terms)
        const [debtAssets, positions] = [debts.map(each => each.debt), debts.map(each => each.positions)]
        return [{ market: market.id, debtToken: params.debtToken, debtAssets, positions }]
      }),
    faults: () =>
      [...roll.open].flatMap(market => {
        const reason = faultOf(market)
        return reason === null ? [] : [{ market: market.id, reason }]
      }),
    positions: (_target, limit) => {
      const viewed = [...roll.open].map(market => {
        const judged = judge(market)
        const healthOf = (debt: bigint, collateral: bigint): bigint | null =>
          judged && wDivDown(limitOf(collateral, judged.price, judged.params.lltvWad), debt)
        return {
          number: market.number,
          terms: judged?.terms ?? null,
          healthOf,
          viewOf: (slot: number) => viewOf(market, slot, healthOf(pairs.debtAt(slot), pairs.collateralAt(slot))),
        }
      })
      return pairPositions(pairs, query, viewed, limit)
    },
    pairs: () =>
      [...roll.open].flatMap(({ params }) => (params === null ? [] : [{ from: params.collateralToken, to: params.debtToken }])),
    tokens: () => tokens,
    size: roll.size,
    has: position => covers(position) && slotOf(position) !== NONE && pairs.debtAt(slotOf(position)) > 0n,
    covers,
    audit: positions =>
      positions.filter(covers).map(
        (position): AuditQuestion => ({
          position,
          calls: [positionCall(position.market, position.account)],
          compare: ([result]) => {
            const data = wordsOf(result, 2)
            if (data === null || byId.get(position.market)?.quarantine !== null) return null
            const slot = slotOf(position)
            const [debt, collateral] = slot === NONE ? [0n, 0n] : [pairs.debtAt(slot), pairs.collateralAt(slot)]
            return [
              { field: 'debt', book: debt, chain: wordAt(data, 0) },
              { field: 'collateral', book: collateral, chain: wordAt(data, 1) },
            ].flatMap(({ field, book, chain }) =>
              book === chain ? [] : [{ position, field, book: `${book}`, chain: `${chain}` }],
            )
          },
        }),
      ),
    sample: (cursor, count) =>
      samplePairs(
        pairs,
        cursor,
        count,
        () => null,
        slot => ({ strategy: NAME, market: byNumber[pairs.marketAt(slot)]!.id, account: pairs.accountAt(slot) }),
      ),
    quarantine: (id, block, reason) => {
      const market = byId.get(id)
      if (market === undefined) return
      set(market, block, { quarantine: reason, unread: Array.from(pairs.slotsOf(market.number), pairs.accountAt) })
    },
  }
}

export const pawn = { name: NAME, configSchema: settingsSchema, createBook } satisfies Strategy<Settings> & {
  readonly configSchema: z.ZodType<Settings>
}
