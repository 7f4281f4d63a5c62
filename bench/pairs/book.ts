// A seeded Morpho Blue of many markets and positions, as the product's own ledger holds it after reading history. Sizes of markets fall
// as 1/rank; most positions are far from liquidation, one in twelve within 5 %, some are dust. Nobody is under water at the start.
import type { ReadResult } from '../../src/core/folder'
import type { Address, Hex } from '../../src/core/primitives'
import { createRandom, type Random } from '../../src/lab/world/random'
import { createLedger, type Ledger, type Market } from '../../strategies/morpho-blue/ledger'
import { createJudge, type Judge } from '../../strategies/morpho-blue/opportunities'
import type { Lore } from '../../strategies/morpho-blue/reading'
import { createSweep, type Sweep } from '../../strategies/morpho-blue/strategy'

export const START_SEC = 1_700_000_000n
const SPREAD = { near: 0.08, dust: 0.01 }
const LLTVS = [625n, 770n, 860n, 915n, 945n]
const PRICE_SCALE = 10n ** 36n
const IRM: Address = `0x${'1'.repeat(40)}`

export interface BenchMarket {
  readonly market: Market
  readonly oracle: Address
  price: bigint
}

export interface PairWorld {
  readonly ledger: Ledger
  readonly judge: Judge
  readonly sweep: Sweep
  /** Largest first. */
  readonly markets: readonly BenchMarket[]
  readonly random: Random
}

/** `size` hex digits. */
export const digits = ({ unit }: Random, size: number): string => {
  let text = ''
  while (text.length < size)
    text += Math.floor(unit() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return text.slice(0, size)
}

/** `mantissa` times ten to the `exponent`, of which six decimals count. */
const scaled = (mantissa: number, exponent: number): bigint =>
  (BigInt(Math.round(mantissa * 1e6)) * 10n ** BigInt(exponent)) / 1_000_000n

/** A health factor above 1: within 5 % of it for those that are near, 1.05 to 6 for the others. */
const drawHealth = ({ unit }: Random): number => (unit() < SPREAD.near ? 1.00001 + 0.0499 * unit() : 1.05 + 5 * unit() * unit())

/** Priced answers in the order of `judge.reads`, which asks each oracle once. */
export const answersOf = (markets: readonly BenchMarket[]): readonly ReadResult[] =>
  markets.map(({ price }) => ({ kind: 'ok', data: `0x${price.toString(16).padStart(64, '0')}` }))

export const applyPrices = (judge: Judge, markets: readonly BenchMarket[]): void => {
  judge.reads(markets.map(({ market }) => market))
  judge.accept(answersOf(markets))
}

interface Plan {
  readonly id: Hex
  readonly oracle: Address
  readonly price: bigint
  readonly lltvWad: bigint
  readonly size: number
  /** Shares a unit of debt, at least a million: they get dearer with interest. */
  readonly shares: number
  readonly debtExponent: number
}

const drawPlan = (random: Random, size: number): Plan => {
  const [collateralDecimals, debtExponent] = [
    [18, 8, 6][Math.floor(3 * random.unit())]!,
    [18, 8, 6][Math.floor(3 * random.unit())]!,
  ]
  const price = scaled(0.01 + 5_000 * random.unit() ** 4, 36 + debtExponent - collateralDecimals)
  return {
    id: `0x${digits(random, 64)}`,
    oracle: `0x${digits(random, 40)}`,
    price,
    lltvWad: LLTVS[Math.floor(LLTVS.length * random.unit())]! * 10n ** 15n,
    size,
    shares: 1_000_000 / (1 + random.unit()),
    debtExponent,
  }
}

/** Opens the market's positions. Returns shares borrowed in all. */
const openPositions = (ledger: Ledger, market: Market, plan: Plan, random: Random): bigint => {
  let total = 0n
  for (let n = 0; n < plan.size; n++) {
    const isDust = random.unit() < SPREAD.dust
    const debt = isDust
      ? BigInt(1 + Math.floor(50 * random.unit()))
      : scaled(Math.exp(6 + 2.5 * random.normal()) + 0.01, plan.debtExponent) + 1n
    const shares = (debt * BigInt(Math.round(plan.shares * 1e6))) / 1_000_000n
    const backed = (debt * BigInt(Math.round(drawHealth(random) * 1e9))) / 1_000_000_000n + 4n
    const collateral = (backed * PRICE_SCALE * 10n ** 18n) / (plan.price * plan.lltvWad) + 1n
    ledger.setPosition(market, 1n, `0x${digits(random, 40)}`, shares, collateral)
    total += shares
  }
  return total
}

const openMarket = (ledger: Ledger, plan: Plan, random: Random): BenchMarket => {
  const market = ledger.marketOf(plan.id, 1n)
  const borrowShares = openPositions(ledger, market, plan, random)
  const borrowAssets = (borrowShares * 1_000_000n) / BigInt(Math.round(plan.shares * 1e6))
  ledger.setState(market, 1n, {
    params: { loanToken: IRM, collateralToken: IRM, oracle: plan.oracle, irm: IRM, lltvWad: plan.lltvWad },
    supplyAssets: (borrowAssets * 100n) / BigInt(50 + Math.floor(50 * random.unit())),
    supplyShares: borrowShares * 2n,
    borrowAssets,
    borrowShares,
    lastUpdateSec: START_SEC - BigInt(Math.floor(86_400 * random.unit() ** 3)),
    rateAtTarget: BigInt(Math.round(1.3e9 * Math.exp(0.8 * random.normal()))),
    complete: true,
  })
  return { market, oracle: plan.oracle, price: plan.price }
}

export const createPairWorld = (seed: number, markets: number, positions: number): PairWorld => {
  const random = createRandom(seed, 'pair markets')
  const touched = new Set<Market>()
  let touch = (market: Market): void => void touched.add(market)
  const ledger = createLedger(market => touch(market))
  const harmonic = Array.from({ length: markets }, (_, i) => 1 / (i + 1)).reduce((sum, each) => sum + each, 0)
  const opened: BenchMarket[] = []
  let left = positions
  for (let rank = 1; rank <= markets; rank++) {
    const size = rank === markets ? left : Math.min(left, Math.max(1, Math.round(positions / rank / harmonic)))
    left -= size
    opened.push(openMarket(ledger, drawPlan(random, size), random))
    ledger.finalise(2n)
  }
  const lore: Lore = { models: new Map([[IRM, 'adaptive']]), tokens: new Map() }
  const judge = createJudge(lore, undefined)
  const sweep = createSweep(ledger.pairs, judge.column, lore)
  for (const market of touched) sweep.touch(market)
  touch = sweep.touch
  applyPrices(judge, opened)
  return { ledger, judge, sweep, markets: opened, random }
}
