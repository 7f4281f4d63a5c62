// Positions that are no plain full close: too big for their pool, not worth their gas, owing more than their collateral is worth.
import { pricesAt } from '../../src/lab/prices/rounds'
import { readPositions } from '../../src/lab/world/accounting'
import type { BorrowersSpec, MarketSpec, PoolSpec, TokenSpec, WorldSpec } from '../../src/lab/world/spec'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import { type Lab, leftovers, liquidatedIn, openLab, type Run, readUnderWater } from './lab'

const token = (symbol: string, decimals: number, asset: string | null): TokenSpec => ({
  symbol,
  name: symbol,
  decimals,
  asset,
  kind: { kind: 'lab' },
})
const borrowers = (count: number, usd: number): BorrowersSpec => ({
  count,
  ltvShare: [0.96, 0.99],
  debtUsd: { median: usd, sigma: 0.1, min: usd / 2, max: usd * 2 },
})
const market = (collateral: string, lltvPercent: number, people: BorrowersSpec): MarketSpec => ({
  name: collateral,
  collateral,
  loan: 'EUSD',
  lltvPercent,
  oracle: { kind: 'feeds', base: [`${collateral} / USD`], quote: [] },
  borrowers: people,
  utilisation: 0.9,
})
const pool = (a: string, b: string, depthUsd: number): PoolSpec => ({
  a,
  b,
  fee: 3000,
  liquidity: [{ from: 0.1, to: 5, depthUsd }],
})

const spec: WorldSpec = {
  name: 'odd sizes',
  prices: {
    startSec: 1_600_000_000,
    barSec: 3_600,
    closes: { ETH: [200, 200], THIN: [10, 8.6], DUST: [10, 9.4], SUNK: [10, 6.2] },
  },
  openAtBar: 0,
  tokens: [
    { symbol: 'WETH', name: 'Wrapped Ether', decimals: 18, asset: 'ETH', kind: { kind: 'wrapped-native' } },
    token('EUSD', 12, null),
    token('THIN', 6, 'THIN'),
    token('DUST', 18, 'DUST'),
    token('SUNK', 8, 'SUNK'),
  ],
  feeds: ['THIN', 'DUST', 'SUNK'].map(base => ({ id: `${base} / USD`, decimals: 8, base, quote: null, thresholdBps: 50 })),
  markets: [
    market('THIN', 80, borrowers(1, 30_000)),
    market('DUST', 86, borrowers(4, 2)),
    market('SUNK', 70, borrowers(3, 5_000)),
  ],
  pools: [
    pool('WETH', 'EUSD', 3_000_000),
    pool('THIN', 'WETH', 800),
    pool('DUST', 'WETH', 500_000),
    pool('SUNK', 'WETH', 500_000),
  ],
  blockGasLimit: 60_000_000n,
  baseFee: null,
}

let lab: Lab
let run: Run

beforeAll(async () => {
  lab = await openLab(spec, 6)
}, 60_000)

afterAll(() => lab?.close())

const arbitrage = () => arbitrageTransaction(lab.world, pricesAt(spec.prices, 1))

beforeEach(async () => {
  run = await lab.run({ keys: 2 })
  const posts = postTransactions(
    lab.world,
    pricesAt(spec.prices, 1),
    spec.feeds.map(({ id }) => id),
  )
  await run.play({ topOfBlock: [...posts, arbitrage()], baseFeePerGasWei: 20n * 10n ** 9n })
})

afterEach(() => run.close())

const marketOf = (name: string) => lab.world.markets.find(each => each.name === name)!
const openIn = async (name: string) => (await readUnderWater(lab.world)).filter(each => each.market.name === name)

describe('odd sizes', () => {
  test('behavior: what its pool can not swallow at once is closed in parts, block by block, each as predicted', async () => {
    const { id } = marketOf('THIN')
    const [before] = await openIn('THIN')
    let debt = before!.debtAssets
    for (let block = 0; block < 40 && (await openIn('THIN')).length > 0; block++) {
      // Arbitrage follows our transaction, as it would.
      const { tick } = await run.play({ endOfBlock: [arbitrage()] })
      expect(tick.end).toBe('done')
      const now = (await openIn('THIN'))[0]?.debtAssets ?? 0n
      expect(now).toBeLessThan(debt)
      debt = now
    }
    expect(await openIn('THIN')).toEqual([])
    const parts = run.closed().filter(({ position }) => position.market === id)
    expect(parts.length).toBeGreaterThanOrEqual(3)
    for (const { profitPredictedWei, profitRealisedWei, revenueWei } of parts) {
      const error = profitRealisedWei - profitPredictedWei
      expect((error < 0n ? -error : error) * 1_000n).toBeLessThanOrEqual(revenueWei)
      expect(profitRealisedWei).toBeGreaterThan(0n)
    }
    expect(await leftovers(lab)).toEqual([])
  })

  test('behavior: dust is skipped with the numbers, in each block anew, and costs nothing', async () => {
    await run.play()
    await run.play()
    const { id } = marketOf('DUST')
    const skips = run.skips().filter(({ position }) => position.market === id)
    expect(skips).toHaveLength(3 * 4)
    for (const { reason, message } of skips) {
      expect(reason).toBe('unprofitable')
      expect(message).toMatch(/earns \d+ wei, .* \d+ wei/)
    }
    expect(run.closed().filter(({ position }) => position.market === id)).toEqual([])
    expect(await openIn('DUST')).toHaveLength(4)
  })

  test('behavior: debt above the collateral is closed by seizing it all, in the first block; the rest is written off', async () => {
    const sunk = marketOf('SUNK')
    const before = await openIn('SUNK')
    expect(before).toHaveLength(3)
    for (const { collateralAssets, oraclePrice, debtAssets } of before)
      expect((collateralAssets * oraclePrice) / 10n ** 36n).toBeLessThan(debtAssets)
    const { block } = await run.play()
    const liquidated = (await liquidatedIn(lab.world, block.number)).filter(each => each.id === sunk.id)
    expect(liquidated).toHaveLength(3)
    for (const { borrower, seizedAssets, badDebtAssets } of liquidated) {
      expect(seizedAssets).toBe(before.find(({ account }) => account === borrower)?.collateralAssets)
      expect(badDebtAssets).toBeGreaterThan(0n)
    }
    const [state] = await readPositions(lab.world, [{ market: sunk, accounts: sunk.borrowers }], { block: 'latest' })
    expect(state?.positions.map(({ borrowShares, collateralAssets }) => [borrowShares, collateralAssets])).toEqual(
      Array(3).fill([0n, 0n]),
    )
    const parts = run.closed().filter(({ position }) => position.market === sunk.id)
    expect(parts.every(({ profitRealisedWei }) => profitRealisedWei > 0n)).toBe(true)
    expect(await leftovers(lab)).toEqual([])
  })
})
