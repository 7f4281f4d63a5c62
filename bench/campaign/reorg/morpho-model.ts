// A Morpho Blue of few markets and accounts that keeps the contract's own books: interest, shares and bad debt are the contract's to the unit,
// so that every log agrees with those before it. Two rate models: the adaptive one, and one that only answers views.

import { addressAt, wordAt } from '../../../src/core/abi-words'
import { mulDivDown, WAD } from '../../../src/core/fixed-point'
import type { ReadResult } from '../../../src/core/folder'
import type { Address, Hex } from '../../../src/core/primitives'
import { type MarketParams, TOPIC, TOPIC_BORROW_RATE_UPDATE } from '../../../strategies/morpho-blue/abi'
import {
  accrue,
  adaptiveRate,
  isHealthy,
  liquidate,
  liquidationIncentiveWad,
  type Totals,
  toAssetsUp,
  toSharesDown,
  toSharesUp,
} from '../../../strategies/morpho-blue/math'
import type { Picking } from './picking'
import { answered, type Model, madeUp, REVERTED, type Said, words } from './world'

export const MORPHO = madeUp('b1', 0)
const ADAPTIVE = madeUp('c1', 1)
const VIEWED = madeUp('c2', 2)
const VIEWED_RATE = 1_500_000_000n
const MARKETS = 4
const ACCOUNTS = 7
/** What a new market is supplied with at once. */
const FIRST_SUPPLY = 10n ** 12n

export const idOf = (n: number): Hex => words(0xabc000n + BigInt(n))
export const tokenOf = (n: number): Address => madeUp('a1', n)

/** Few tokens, so that markets share them. */
const paramsOf = (n: number): MarketParams => ({
  loanToken: tokenOf(n % 2),
  collateralToken: tokenOf(2 + (n % 3)),
  oracle: madeUp('d1', n),
  irm: n % 4 === 3 ? VIEWED : ADAPTIVE,
  lltvWad: 860_000_000_000_000_000n,
})

interface Held {
  readonly shares: bigint
  readonly collateral: bigint
}

interface MarketNow {
  readonly totals: Totals
  readonly lastUpdateSec: bigint
  readonly rateAtTarget: bigint
  readonly price: bigint
  readonly held: ReadonlyMap<number, Held>
}

export type MorphoNow = ReadonlyMap<number, MarketNow>

const accountOf = (n: number): Address => madeUp('e1', n)
const topicOf = (address: Address): Hex => `0x${address.slice(2).padStart(64, '0')}`
const CALLER = topicOf(madeUp('e2', 0))
const numberOf = (id: Hex): number => Number(BigInt(id) - 0xabc000n)

const say = (topic: Hex, n: number, indexed: readonly Hex[], ...data: readonly bigint[]): Said => ({
  address: MORPHO,
  topics: [topic, idOf(n), ...indexed],
  data: words(...data),
})

const rateSaid = (n: number, average: bigint, end: bigint): Said => ({
  address: ADAPTIVE,
  topics: [TOPIC_BORROW_RATE_UPDATE, idOf(n)],
  data: words(average, end),
})

/** Morpho.createMarket, and a first supply so that there is something to borrow. */
const create = (n: number, timestampSec: bigint): { readonly market: MarketNow; readonly said: readonly Said[] } => {
  const params = paramsOf(n)
  const totals = { supplyAssets: 0n, supplyShares: 0n, borrowAssets: 0n, borrowShares: 0n, feeWad: 0n }
  const first = adaptiveRate(totals, 0n, 0n)
  const isAdaptive = params.irm === ADAPTIVE
  const shares = toSharesDown(FIRST_SUPPLY, 0n, 0n)
  const { loanToken, collateralToken, oracle, irm, lltvWad } = params
  return {
    market: {
      totals: { ...totals, supplyAssets: FIRST_SUPPLY, supplyShares: shares },
      lastUpdateSec: timestampSec,
      rateAtTarget: isAdaptive ? first.endRateAtTarget : 0n,
      price: 10n ** 36n,
      held: new Map(),
    },
    said: [
      say(TOPIC.createMarket, n, [], BigInt(loanToken), BigInt(collateralToken), BigInt(oracle), BigInt(irm), lltvWad),
      ...(isAdaptive ? [rateSaid(n, first.averageRateWad, first.endRateAtTarget)] : []),
      say(TOPIC.supply, n, [CALLER, topicOf(accountOf(0))], FIRST_SUPPLY, shares),
    ],
  }
}

/** Morpho._accrueInterest. */
const accrued = (
  n: number,
  market: MarketNow,
  timestampSec: bigint,
): { readonly market: MarketNow; readonly said: readonly Said[] } => {
  const elapsedSec = timestampSec - market.lastUpdateSec
  if (elapsedSec === 0n) return { market, said: [] }
  const isAdaptive = paramsOf(n).irm === ADAPTIVE
  const rate = adaptiveRate(market.totals, market.rateAtTarget, elapsedSec)
  const rateWad = isAdaptive ? rate.averageRateWad : VIEWED_RATE
  const totals = accrue(market.totals, rateWad, elapsedSec)!
  const interest = totals.borrowAssets - market.totals.borrowAssets
  const feeShares = totals.supplyShares - market.totals.supplyShares
  const rateAtTarget = isAdaptive ? rate.endRateAtTarget : 0n
  return {
    market: { ...market, totals, lastUpdateSec: timestampSec, rateAtTarget },
    said: [
      ...(isAdaptive ? [rateSaid(n, rateWad, rateAtTarget)] : []),
      say(TOPIC.accrueInterest, n, [], rateWad, interest, feeShares),
    ],
  }
}

type Act = (
  n: number,
  market: MarketNow,
  who: number,
  picking: Picking,
) => { readonly market: MarketNow; readonly said: Said } | null

const heldBy = (market: MarketNow, who: number): Held => market.held.get(who) ?? { shares: 0n, collateral: 0n }

const withHeld = (market: MarketNow, who: number, held: Held, totals: Totals = market.totals): MarketNow => ({
  ...market,
  totals,
  held: new Map(market.held).set(who, held),
})

const amountOf = (picking: Picking, most: number): bigint => BigInt(1 + picking.below(most))

const supply: Act = (n, market, who, picking) => {
  const { totals } = market
  const assets = amountOf(picking, 1_000_000_000)
  const shares = toSharesDown(assets, totals.supplyAssets, totals.supplyShares)
  const after = { ...totals, supplyAssets: totals.supplyAssets + assets, supplyShares: totals.supplyShares + shares }
  return { market: { ...market, totals: after }, said: say(TOPIC.supply, n, [CALLER, topicOf(accountOf(who))], assets, shares) }
}

const deposit: Act = (n, market, who, picking) => {
  const held = heldBy(market, who)
  const assets = amountOf(picking, 1_000_000_000)
  return {
    market: withHeld(market, who, { ...held, collateral: held.collateral + assets }),
    said: say(TOPIC.supplyCollateral, n, [CALLER, topicOf(accountOf(who))], assets),
  }
}

const take: Act = (n, market, who) => {
  const held = heldBy(market, who)
  const assets = held.shares === 0n ? held.collateral : held.collateral / 3n
  if (assets === 0n) return null
  return {
    market: withHeld(market, who, { ...held, collateral: held.collateral - assets }),
    said: say(TOPIC.withdrawCollateral, n, [topicOf(accountOf(who)), CALLER], 0n, assets),
  }
}

const borrow: Act = (n, market, who, picking) => {
  const held = heldBy(market, who)
  const { totals } = market
  const assets = amountOf(picking, Number(held.collateral) + 1)
  if (totals.borrowAssets + assets > totals.supplyAssets) return null
  const shares = toSharesUp(assets, totals.borrowAssets, totals.borrowShares)
  const after = { ...totals, borrowAssets: totals.borrowAssets + assets, borrowShares: totals.borrowShares + shares }
  return {
    market: withHeld(market, who, { ...held, shares: held.shares + shares }, after),
    said: say(TOPIC.borrow, n, [topicOf(accountOf(who)), CALLER], 0n, assets, shares),
  }
}

const repay: Act = (n, market, who, picking) => {
  const held = heldBy(market, who)
  if (held.shares === 0n) return null
  const { totals } = market
  const shares = picking.chance(0.5) ? held.shares : held.shares / 2n + 1n
  const assets = toAssetsUp(shares, totals.borrowAssets, totals.borrowShares)
  const borrowAssets = totals.borrowAssets > assets ? totals.borrowAssets - assets : 0n
  return {
    market: withHeld(
      market,
      who,
      { ...held, shares: held.shares - shares },
      { ...totals, borrowAssets, borrowShares: totals.borrowShares - shares },
    ),
    said: say(TOPIC.repay, n, [CALLER, topicOf(accountOf(who))], assets, shares),
  }
}

const seize: Act = (n, market, who, picking) => {
  const held = heldBy(market, who)
  const { lltvWad } = paramsOf(n)
  const { totals, price } = market
  if (held.shares === 0n || held.collateral === 0n || isHealthy(held.shares, held.collateral, totals, price, lltvWad)) return null
  const terms = {
    borrowAssets: totals.borrowAssets,
    borrowShares: totals.borrowShares,
    price,
    incentiveWad: liquidationIncentiveWad(lltvWad),
  }
  const all = liquidate({ borrowShares: held.shares, collateral: held.collateral }, terms, {
    seizedAssets: held.collateral,
    repaidShares: 0n,
  })
  const half = { seizedAssets: 0n, repaidShares: held.shares / 2n + 1n }
  const done = picking.chance(0.5)
    ? all
    : (liquidate({ borrowShares: held.shares, collateral: held.collateral }, terms, half) ?? all)
  if (done === null) return null
  const left = totals.borrowAssets > done.repaidAssets ? totals.borrowAssets - done.repaidAssets : 0n
  const shares = done.repaidShares + done.badDebtShares
  const after = {
    ...totals,
    borrowShares: totals.borrowShares - shares,
    borrowAssets: left - done.badDebtAssets,
    supplyAssets: totals.supplyAssets - done.badDebtAssets,
  }
  return {
    market: withHeld(market, who, { shares: held.shares - shares, collateral: held.collateral - done.seizedAssets }, after),
    said: say(
      TOPIC.liquidate,
      n,
      [CALLER, topicOf(accountOf(who))],
      done.repaidAssets,
      done.repaidShares,
      done.seizedAssets,
      done.badDebtAssets,
      done.badDebtShares,
    ),
  }
}

const setFee: Act = (n, market, _who, picking) => {
  const feeWad = (WAD * BigInt(picking.below(25))) / 100n
  return { market: { ...market, totals: { ...market.totals, feeWad } }, said: say(TOPIC.setFee, n, [], feeWad) }
}

const ACTS: readonly Act[] = [supply, deposit, deposit, deposit, borrow, borrow, borrow, take, repay, seize, seize, setFee]

const move: Model<MorphoNow>['move'] = (state, timestampSec, picking) => {
  const n = picking.below(MARKETS)
  const found = state.get(n)
  const start = found === undefined ? create(n, timestampSec) : accrued(n, found, timestampSec)
  const said = [...start.said]
  let { market } = start
  for (let left = 1 + picking.below(3); left > 0; left--) {
    const done = picking.pick(ACTS)(n, market, 1 + picking.below(ACCOUNTS), picking)
    if (done === null) continue
    market = done.market
    said.push(done.said)
  }
  // Prices move between blocks, without a log.
  const price = mulDivDown(market.price, BigInt(80 + picking.below(41)), 100n)
  return { state: new Map(state).set(n, { ...market, price }), said }
}

/** The lending side and the words that `market(id)` returns. */
const marketWords = ({ totals, lastUpdateSec }: MarketNow): ReadResult =>
  answered(totals.supplyAssets, totals.supplyShares, totals.borrowAssets, totals.borrowShares, lastUpdateSec, totals.feeWad)

const ofMorpho = (state: MorphoNow, data: Hex): ReadResult => {
  const body: Hex = `0x${data.slice(10)}`
  const n = numberOf(`0x${data.slice(10, 74)}`)
  const market = state.get(n)
  switch (data.slice(0, 10)) {
    case '0x5c60e39a':
      return market === undefined ? answered(0n, 0n, 0n, 0n, 0n, 0n) : marketWords(market)
    case '0x2c3c9157': {
      if (market === undefined) return answered(0n, 0n, 0n, 0n, 0n)
      const { loanToken, collateralToken, oracle, irm, lltvWad } = paramsOf(n)
      return answered(BigInt(loanToken), BigInt(collateralToken), BigInt(oracle), BigInt(irm), lltvWad)
    }
    case '0x93c52062': {
      const account = addressAt(body, 1)
      const held = market?.held.get(Number(BigInt(account) & 0xffffn))
      return answered(0n, held?.shares ?? 0n, held?.collateral ?? 0n)
    }
    default:
      return REVERTED
  }
}

/** The market that params name, where there is one: the probes ask for others too. */
const namedBy = (state: MorphoNow, body: Hex): MarketNow | undefined =>
  [...state].find(([n]) => paramsOf(n).oracle === addressAt(body, 2) && paramsOf(n).lltvWad === wordAt(body, 4))?.[1]

const ofAdaptive = (state: MorphoNow, data: Hex, timestampSec: bigint): ReadResult => {
  const body: Hex = `0x${data.slice(10)}`
  if (data.startsWith('0x01977b57')) return answered(state.get(numberOf(body))?.rateAtTarget ?? 0n)
  const totals = { supplyAssets: wordAt(body, 5), borrowAssets: wordAt(body, 7) }
  const start = namedBy(state, body)?.rateAtTarget ?? 0n
  return answered(adaptiveRate(totals, start, timestampSec - wordAt(body, 9)).averageRateWad)
}

const ofToken = (address: Address, data: Hex): ReadResult => {
  if (data === '0x313ce567') return answered(18n)
  return data === '0x95d89b41' ? { kind: 'ok', data: `0x${'54'.padEnd(62, '0')}${address.slice(-2)}` } : REVERTED
}

const answer: Model<MorphoNow>['answer'] = (state, { to, data }, timestampSec) => {
  if (to === MORPHO) return ofMorpho(state, data)
  if (to === ADAPTIVE) return ofAdaptive(state, data, timestampSec)
  if (to === VIEWED) return data.startsWith('0x8c00bf6b') ? answered(VIEWED_RATE) : REVERTED
  if (to.startsWith('0xa1')) return ofToken(to, data)
  if (!to.startsWith('0xd1')) return null
  const market = state.get(Number(BigInt(to) & 0xffffn))
  return market === undefined ? REVERTED : answered(market.price)
}

export const morphoModel: Model<MorphoNow> = { genesis: new Map(), move, answer }
