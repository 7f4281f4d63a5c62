// A Morpho Blue contract in memory: random acts give logs as the real one would emit them, and every view is answered at the end of any
// block. Its arithmetic is the product's own (the world test holds that against the real contract); its bookkeeping is not.

import { wordAt } from '../../../src/core/abi-words'
import type { ReadCall, ReadResult } from '../../../src/core/folder'
import type { Address, Block, Hex, Log } from '../../../src/core/primitives'
import { marketId } from '../../../src/lab/world/markets'
import { createRandom, type Random } from '../../../src/lab/world/random'
import { encodeDecimals, encodePrice, encodeSymbol, type MarketParams, readParams } from '../../../strategies/morpho-blue/abi'
import {
  accrue,
  adaptiveRate,
  isHealthy,
  liquidate,
  liquidationIncentiveWad,
  PRICE_SCALE,
  type Totals,
  toAssetsDown,
  toAssetsUp,
  toSharesDown,
  toSharesUp,
} from '../../../strategies/morpho-blue/math'
import type { World, WorldBlock } from '../conformance-world'
import { addressOf, blockAt, events, logOf, MORPHO, word } from './history'

const WAD = 10n ** 18n
const ZERO: Address = `0x${'0'.repeat(40)}`
export const ADAPTIVE = addressOf(4000)
/** A rate model of another kind: 7 % a year, whatever it is asked. */
const CONSTANT = addressOf(4001)
const CONSTANT_RATE_WAD = (7n * WAD) / 100n / (365n * 86_400n)
const SUPPLIER = addressOf(1)

interface Held {
  borrowShares: bigint
  collateral: bigint
}

interface ModelMarket {
  readonly id: Hex
  readonly params: MarketParams
  totals: Totals
  lastUpdateSec: bigint
  rateAtTarget: bigint
  readonly held: Map<Address, Held>
}

interface State {
  readonly markets: Map<Hex, ModelMarket>
  readonly prices: Map<Address, bigint>
}

/** Market `n`: the last two share their loan token; one has no rate model, one has an unknown one. */
const paramsOf = (n: number): MarketParams => ({
  loanToken: addressOf(1000 + Math.min(n, 2)),
  collateralToken: addressOf(2000 + n),
  oracle: addressOf(3000 + n),
  irm: [ADAPTIVE, ADAPTIVE, ZERO, CONSTANT][n % 4]!,
  lltvWad: [860n, 945n, 770n, 915n][n % 4]! * 10n ** 15n,
})

const idOf = ({ lltvWad, ...rest }: MarketParams): Hex => marketId({ ...rest, lltv: lltvWad })

const rateOf = ({ params, totals, rateAtTarget }: ModelMarket, elapsedSec: bigint) => {
  if (params.irm === ZERO) return { averageRateWad: 0n, endRateAtTarget: 0n }
  if (params.irm === CONSTANT) return { averageRateWad: CONSTANT_RATE_WAD, endRateAtTarget: 0n }
  return adaptiveRate(totals, rateAtTarget, elapsedSec)
}

/** Morpho._accrueInterest and its logs. */
const accrueAt = (market: ModelMarket, block: Block, on: ReturnType<typeof events>): Log[] => {
  const elapsedSec = block.timestampSec - market.lastUpdateSec
  if (elapsedSec === 0n) return []
  market.lastUpdateSec = block.timestampSec
  if (market.params.irm === ZERO) return []
  const { averageRateWad, endRateAtTarget } = rateOf(market, elapsedSec)
  const before = market.totals
  market.totals = accrue(before, averageRateWad, elapsedSec)!
  const logs = [on.accrue(market.totals.borrowAssets - before.borrowAssets, market.totals.supplyShares - before.supplyShares)]
  if (market.params.irm !== ADAPTIVE) return logs
  market.rateAtTarget = endRateAtTarget
  return [on.rate(endRateAtTarget, ADAPTIVE), ...logs]
}

const draw = (random: Random, low: number, high: number): bigint => BigInt(Math.floor(random.between(low, high)))

/** One act on one market. Empty: it would revert. */
const act = (state: State, market: ModelMarket, who: Address, random: Random, block: Block): Log[] => {
  const { params, totals } = market
  const on = events(block, market.id)
  const position = market.held.get(who) ?? { borrowShares: 0n, collateral: 0n }
  market.held.set(who, position)
  const price = state.prices.get(params.oracle)!
  const isSafe = (): boolean => isHealthy(position.borrowShares, position.collateral, market.totals, price, params.lltvWad)
  const kind = Math.floor(random.between(0, 10))
  if (kind < 3) {
    const assets = random.unit() < 0.2 ? draw(random, 1, 40) : draw(random, 1e6, 1e12)
    position.collateral += assets
    return [on.deposit(who, assets)]
  }
  const accrued = accrueAt(market, block, on)
  const set = (change: Partial<Totals>): void => {
    market.totals = { ...market.totals, ...change }
  }
  if (kind < 7) {
    const limit = (((position.collateral * price) / PRICE_SCALE) * params.lltvWad) / WAD
    const assets = (limit * draw(random, 300, 1_000)) / 1_000n
    const shares = toSharesUp(assets, market.totals.borrowAssets, market.totals.borrowShares)
    position.borrowShares += shares
    if (assets === 0n || !isSafe()) {
      position.borrowShares -= shares
      return accrued
    }
    set({ borrowAssets: market.totals.borrowAssets + assets, borrowShares: market.totals.borrowShares + shares })
    return [...accrued, on.borrow(who, assets, shares)]
  }
  if (kind === 7) {
    const shares = random.unit() < 0.5 ? position.borrowShares : position.borrowShares / 3n
    if (shares === 0n) return accrued
    const assets = toAssetsUp(shares, market.totals.borrowAssets, market.totals.borrowShares)
    position.borrowShares -= shares
    const left = market.totals.borrowAssets - assets
    set({ borrowAssets: left > 0n ? left : 0n, borrowShares: market.totals.borrowShares - shares })
    return [...accrued, on.repay(who, assets, shares)]
  }
  if (kind === 8) {
    const assets = random.unit() < 0.5 ? position.collateral : position.collateral / 5n
    position.collateral -= assets
    if (assets > 0n && isSafe()) return [...accrued, on.take(who, assets)]
    position.collateral += assets
    return accrued
  }
  if (isSafe() || random.unit() < 0.5) return [...accrued, ...supplyOrFee(market, random, on, totals)]
  return [...accrued, ...liquidateAt(market, position, who, price, random, on)]
}

const supplyOrFee = (market: ModelMarket, random: Random, on: ReturnType<typeof events>, before: Totals): Log[] => {
  if (random.unit() < 0.3) {
    const feeWad = (WAD * draw(random, 0, 20)) / 100n
    market.totals = { ...market.totals, feeWad }
    return feeWad === before.feeWad ? [] : [on.setFee(feeWad)]
  }
  const { supplyAssets, supplyShares } = market.totals
  const assets = draw(random, 1e9, 1e13)
  const shares = toSharesDown(assets, supplyAssets, supplyShares)
  market.totals = { ...market.totals, supplyAssets: supplyAssets + assets, supplyShares: supplyShares + shares }
  if (random.unit() < 0.5) return [on.supply(SUPPLIER, assets, shares)]
  const [taken, takenShares] = [toAssetsDown(shares / 2n, market.totals.supplyAssets, market.totals.supplyShares), shares / 2n]
  market.totals = {
    ...market.totals,
    supplyAssets: market.totals.supplyAssets - taken,
    supplyShares: market.totals.supplyShares - takenShares,
  }
  return [on.supply(SUPPLIER, assets, shares), on.withdraw(SUPPLIER, taken, takenShares)]
}

const liquidateAt = (
  market: ModelMarket,
  position: Held,
  who: Address,
  price: bigint,
  random: Random,
  on: ReturnType<typeof events>,
): Log[] => {
  const { totals, params } = market
  const terms = { ...totals, price, incentiveWad: liquidationIncentiveWad(params.lltvWad) }
  const ask =
    random.unit() < 0.5
      ? { seizedAssets: position.collateral, repaidShares: 0n }
      : { seizedAssets: 0n, repaidShares: position.borrowShares / 2n }
  const done = liquidate(position, terms, ask)
  if (done === null) return []
  const left = totals.borrowAssets - done.repaidAssets
  market.totals = {
    ...totals,
    borrowShares: totals.borrowShares - done.repaidShares - done.badDebtShares,
    borrowAssets: (left > 0n ? left : 0n) - done.badDebtAssets,
    supplyAssets: totals.supplyAssets - done.badDebtAssets,
  }
  position.borrowShares -= done.repaidShares + done.badDebtShares
  position.collateral -= done.seizedAssets
  return [on.liquidate(who, [done.repaidAssets, done.repaidShares, done.seizedAssets, done.badDebtAssets, done.badDebtShares])]
}

const open = (state: State, n: number, block: Block): Log[] => {
  const params = paramsOf(n)
  const id = idOf(params)
  const totals = { supplyAssets: 0n, supplyShares: 0n, borrowAssets: 0n, borrowShares: 0n, feeWad: 0n }
  const market = { id, params, totals, lastUpdateSec: block.timestampSec, rateAtTarget: 0n, held: new Map<Address, Held>() }
  state.markets.set(id, market)
  const on = events(block, id)
  const assets = 10n ** 14n
  const shares = assets * 1_000_000n
  const logs = [on.create(params)]
  if (params.irm === ADAPTIVE) {
    market.rateAtTarget = adaptiveRate(totals, 0n, 0n).endRateAtTarget
    logs.push(on.rate(market.rateAtTarget, ADAPTIVE))
  }
  market.totals = { ...totals, supplyAssets: assets, supplyShares: shares }
  return [...logs, on.supply(SUPPLIER, assets, shares)]
}

const ok = (...words: readonly bigint[]): ReadResult => ({ kind: 'ok', data: `0x${words.map(word).join('')}` })
const reverted: ReadResult = { kind: 'failed', why: 'reverted' }

const answerOfMorpho = ({ markets }: State, data: Hex): ReadResult => {
  const market = markets.get(`0x${data.slice(10, 74)}`)
  const selector = data.slice(0, 10)
  if (selector === '0x5c60e39a' && market !== undefined) {
    const { totals, lastUpdateSec } = market
    return ok(totals.supplyAssets, totals.supplyShares, totals.borrowAssets, totals.borrowShares, lastUpdateSec, totals.feeWad)
  }
  if (selector === '0x93c52062') {
    const held = market?.held.get(`0x${data.slice(98, 138)}`)
    return ok(0n, held?.borrowShares ?? 0n, held?.collateral ?? 0n)
  }
  if (selector !== '0x2c3c9157' || market === undefined) return reverted
  const { loanToken, collateralToken, oracle, irm, lltvWad } = market.params
  return ok(BigInt(loanToken), BigInt(collateralToken), BigInt(oracle), BigInt(irm), lltvWad)
}

const answerOfModel = ({ markets }: State, { to, data }: ReadCall, block: Block): ReadResult => {
  if (data.startsWith('0x01977b57')) {
    const market = markets.get(`0x${data.slice(10, 74)}`)
    return to === ADAPTIVE ? ok(market?.params.irm === ADAPTIVE ? market.rateAtTarget : 0n) : reverted
  }
  if (to === CONSTANT) return ok(CONSTANT_RATE_WAD)
  const words: Hex = `0x${data.slice(10)}`
  const known = markets.get(idOf(readParams(words, 0)))
  const asked = { supplyAssets: wordAt(words, 5), borrowAssets: wordAt(words, 7) }
  return ok(adaptiveRate(asked, known?.rateAtTarget ?? 0n, block.timestampSec - wordAt(words, 9)).averageRateWad)
}

const answer = (state: State, call: ReadCall, block: Block): ReadResult => {
  if (call.to === MORPHO) return answerOfMorpho(state, call.data)
  if (call.to === ADAPTIVE || call.to === CONSTANT) return answerOfModel(state, call, block)
  const price = state.prices.get(call.to)
  if (call.data === encodePrice()) return price === undefined ? reverted : ok(price)
  // The first collateral token keeps quiet about itself.
  if (call.to === addressOf(2000)) return reverted
  if (call.data === encodeDecimals()) return ok(18n)
  return call.data === encodeSymbol() ? ok(BigInt(`0x${'54'.padEnd(64, '0')}`)) : reverted
}

/** Events that change nothing, or come from somebody else. */
const noise = (block: Block, id: Hex, random: Random): Log[] => {
  const foreign = { ...events(block, id).borrow(addressOf(100), 5n, 5n), address: addressOf(666) }
  const foreignRate = events(block, id).rate(99n, addressOf(667))
  const flashLoan = logOf(block, 0, [`0x${'c7'.repeat(32)}`, id, id], [word(1n)])
  return [foreign, foreignRate, flashLoan].filter(() => random.unit() < 0.3)
}

const MARKETS = 4
const ACCOUNTS = 14

/** A seeded history of `length` blocks: markets open one after the other, prices wander down in the end, time now and then jumps. */
export const morphoWorld = (seed: number, length = 60): World => {
  const random = createRandom(seed, 'morpho model')
  let state: State = { markets: new Map(), prices: new Map() }
  for (let n = 0; n < MARKETS; n++) state.prices.set(addressOf(3000 + n), (PRICE_SCALE * draw(random, 50, 4_000)) / 1_000n)
  const states = new Map<Hex, State>()
  const blocks: WorldBlock[] = []
  let timestampSec = 1_700_000_000n
  for (let at = 0; at < length; at++) {
    timestampSec += random.unit() < 0.15 ? draw(random, 1_000, 3_000_000) : 12n
    const block: Block = { ...blockAt(BigInt(10 + at)), timestampSec }
    const logs: Log[] = []
    if (at % 5 === 0 && at / 5 < MARKETS) logs.push(...open(state, at / 5, block))
    const markets = [...state.markets.values()]
    for (const oracle of state.prices.keys()) {
      const percent = at > length - 5 ? draw(random, 80, 97) : draw(random, 96, 105)
      if (random.unit() < 0.4 || at > length - 4) state.prices.set(oracle, (state.prices.get(oracle)! * percent) / 100n + 1n)
    }
    for (let acts = at % 7 === 6 ? 0 : Math.floor(random.between(1, 7)); acts > 0; acts--) {
      const market = markets[Math.floor(random.between(0, markets.length))]!
      logs.push(...act(state, market, addressOf(100 + Math.floor(random.between(0, ACCOUNTS))), random, block))
    }
    logs.push(...noise(block, markets[0]!.id, random))
    blocks.push({ block, logs: logs.map((log, logIndex) => ({ ...log, logIndex })) })
    states.set(block.hash, state)
    state = structuredClone(state)
  }
  return {
    blocks,
    readerAt: block => ({
      block,
      read: async calls => calls.map(call => answer(states.get(block.hash)!, call, block)),
    }),
  }
}

/** The price read of an oracle and the tokens that it is about. */
export const tokensByOracle: ReadonlyMap<Address, { readonly collateral: Address; readonly loan: Address }> = new Map(
  Array.from({ length: MARKETS }, (_, n) => paramsOf(n)).map(({ oracle, collateralToken, loanToken }) => [
    oracle,
    { collateral: collateralToken, loan: loanToken },
  ]),
)
