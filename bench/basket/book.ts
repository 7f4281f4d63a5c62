// A seeded book of cross-collateral accounts as flat arrays, with Aave v3.0's health in bigint: the naive baseline and the judge.
import type { BasketWeights } from '../../src/core/basket-index'
import { createRandom, type Random } from '../../src/lab/world/random'
import { type BasketTerms, basketHealthWad, basketWeights, RAY, WAD } from '../../test/fixtures/basket-states'

/** Room per account: at most 3 collaterals and 2 debts. */
const STRIDE = 5
const SPREAD = { near: 0.06, middle: 0.2, dust: 0.005, under: 0.00005 }

export interface BasketBook {
  readonly size: number
  readonly prices: readonly bigint[]
  /** Columns of the index: an asset's number for its collateral, that plus `assets` for its debt. */
  columnsOf(slot: number): Uint16Array
  amountsOf(slot: number): Float64Array
  weights(prices?: readonly bigint[]): BasketWeights
  /** Decides in integers, at these prices and today's indices. */
  judgeAt(prices: readonly bigint[]): (slot: number) => boolean
  /** All indices grow by one block's interest. */
  accrue(): void
  /** Gives so many random accounts new amounts; their slots. */
  change(count: number): readonly number[]
  moved(asset: number, numerator: bigint, denominator: bigint): readonly bigint[]
  /** Every price moves, by up to 35 % down or 10 % up. */
  anyMove(): readonly bigint[]
}

interface Flat {
  readonly columns: Uint16Array
  readonly counts: Uint8Array
  /** Scaled balances. */
  readonly amounts: bigint[]
}

const targetHealth = (random: Random): number => {
  const kind = random.unit()
  if (kind < SPREAD.under) return random.between(0.97, 1)
  if (kind < SPREAD.near) return random.between(1.0005, 1.05)
  if (kind < SPREAD.middle) return random.between(1.05, 1.2)
  return 1.2 + 3.8 * random.unit() ** 1.5
}

/** Zipf-like: the first asset is the commonest. */
const pickAsset = (random: Random, assets: number): number => {
  const total = Math.log(assets + 1)
  return Math.min(assets - 1, Math.floor(Math.exp(random.unit() * total) - 1))
}

const distinct = (random: Random, assets: number, count: number): readonly number[] => {
  const picked = new Set<number>()
  while (picked.size < count) picked.add(pickAsset(random, assets))
  return [...picked]
}

const createState = (random: Random, assets: number): BasketTerms => {
  const all = Array.from({ length: assets }, (_, at) => at)
  const decimals = all.map(at => [18, 6, 8, 18][at % 4]!)
  return {
    prices: all.map(at => BigInt(Math.round((at % 4 === 1 ? 1 : 10 ** random.between(-1, 4.5)) * 1e8))),
    incomes: all.map(() => RAY + BigInt(Math.floor(random.between(0, 0.2) * 1e15)) * 10n ** 12n),
    debts: all.map(() => RAY + BigInt(Math.floor(random.between(0, 0.4) * 1e15)) * 10n ** 12n),
    thresholds: all.map(() => BigInt(Math.floor(random.between(5_000, 9_000)))),
    units: decimals.map(each => 10n ** BigInt(each)),
  }
}

export const createBasketBook = (seed: number, size: number, assets: number): BasketBook => {
  const random = createRandom(seed, 'basket')
  let state = createState(random, assets)
  const flat: Flat = { columns: new Uint16Array(size * STRIDE), counts: new Uint8Array(size), amounts: [] }

  const scaled = (usd: number, asset: number, index: bigint): bigint =>
    BigInt(Math.floor(((usd * 1e8) / Number(state.prices[asset]!)) * Number(state.units[asset]!) * (1e27 / Number(index))))

  const draw = (slot: number): void => {
    const worth = random.unit() < SPREAD.dust ? 10 ** random.between(-6, -1) : 10 ** random.between(1, 6)
    const collaterals = distinct(random, assets, 1 + Math.floor(random.unit() * 3))
    const debts = distinct(random, assets, 1 + Math.floor(random.unit() * 2))
    const share = worth / collaterals.length
    const covered = collaterals.reduce((sum, asset) => sum + (share * Number(state.thresholds[asset]!)) / 1e4, 0)
    const owed = covered / targetHealth(random) / debts.length
    let at = slot * STRIDE
    flat.counts[slot] = collaterals.length + debts.length
    for (const asset of collaterals) {
      flat.columns[at] = asset
      flat.amounts[at++] = scaled(share, asset, state.incomes[asset]!)
    }
    for (const asset of debts) {
      flat.columns[at] = asset + assets
      flat.amounts[at++] = scaled(owed, asset, state.debts[asset]!)
    }
    while (at < (slot + 1) * STRIDE) flat.amounts[at++] = 0n
  }
  for (let slot = 0; slot < size; slot++) draw(slot)

  return {
    size,
    get prices() {
      return state.prices
    },
    columnsOf: slot => flat.columns.subarray(slot * STRIDE, slot * STRIDE + flat.counts[slot]!),
    amountsOf: slot => Float64Array.from(flat.amounts.slice(slot * STRIDE, slot * STRIDE + flat.counts[slot]!), Number),
    weights: (prices = state.prices) => basketWeights({ ...state, prices }),
    judgeAt: prices => {
      const at = { ...state, prices }
      const { columns, amounts, counts } = flat
      return slot => basketHealthWad(at, columns, amounts, slot * STRIDE, slot * STRIDE + counts[slot]!) < WAD
    },
    accrue: () => {
      const grown = (index: bigint, at: number): bigint => index + (index * BigInt(3 + (at % 5))) / 1_000_000_000n
      state = { ...state, incomes: state.incomes.map(grown), debts: state.debts.map((each, at) => grown(each, at + 2)) }
    },
    change: count =>
      Array.from({ length: count }, () => {
        const slot = Math.floor(random.unit() * size)
        draw(slot)
        return slot
      }),
    moved: (asset, numerator, denominator) =>
      state.prices.map((price, at) => (at === asset ? (price * numerator) / denominator : price)),
    anyMove: () => state.prices.map(price => (price * BigInt(Math.round(random.between(0.65, 1.1) * 1e6))) / 1_000_000n),
  }
}
