// The demo's world: five isolated markets of different decimals and LLTVs with 375 positions, an Aave pool with 120 accounts, through the crash
// of March 2020.
import { march2020Crash } from '../prices/series'
import type { AaveReserveSpec, AaveSpec, FeedSpec, LiquidityRange, MarketSpec, PoolSpec, TokenSpec, WorldSpec } from './spec'

const GWEI = 10n ** 9n

const lab = (symbol: string, name: string, decimals: number, asset: string | null): TokenSpec => ({
  symbol,
  name,
  decimals,
  asset,
  kind: { kind: 'lab' },
})

const TOKENS: readonly TokenSpec[] = [
  { symbol: 'WETH', name: 'Wrapped Ether', decimals: 18, asset: 'ETH', kind: { kind: 'wrapped-native' } },
  lab('USDC', 'Lab USD Coin', 6, null),
  lab('DAI', 'Lab Dai', 18, null),
  lab('WBTC', 'Lab Wrapped Bitcoin', 8, 'BTC'),
  lab('wstETH', 'Lab Staked Ether', 18, 'STETH'),
  lab('LINK', 'Lab Link', 18, 'LINK'),
]

const feed = (id: string, decimals: number, base: string, quote: string | null): FeedSpec => ({
  id,
  decimals,
  base,
  quote,
  thresholdBps: 50,
})

const FEEDS: readonly FeedSpec[] = [
  feed('ETH / USD', 8, 'ETH', null),
  feed('BTC / USD', 8, 'BTC', null),
  feed('LINK / USD', 8, 'LINK', null),
  feed('STETH / ETH', 18, 'STETH', 'ETH'),
]

/** Liquidity that reaches far below and above, with more of it nearer: a crash moves out of the narrow part. */
const wide = (depthUsd: number): readonly LiquidityRange[] => [
  { from: 0.1, to: 6, depthUsd: depthUsd * 0.5 },
  { from: 0.3, to: 1.8, depthUsd: depthUsd * 0.35 },
  { from: 0.75, to: 1.15, depthUsd: depthUsd * 0.15 },
]

const pegged = (depthUsd: number): readonly LiquidityRange[] => [
  { from: 0.7, to: 1.3, depthUsd: depthUsd * 0.5 },
  { from: 0.93, to: 1.02, depthUsd: depthUsd * 0.5 },
]

const POOLS: readonly PoolSpec[] = [
  { a: 'WETH', b: 'USDC', fee: 500, liquidity: wide(3_000_000) },
  { a: 'WETH', b: 'USDC', fee: 3000, liquidity: wide(1_500_000) },
  { a: 'WETH', b: 'DAI', fee: 3000, liquidity: wide(1_200_000) },
  { a: 'WBTC', b: 'WETH', fee: 3000, liquidity: wide(2_000_000) },
  { a: 'WBTC', b: 'USDC', fee: 3000, liquidity: wide(60_000) },
  { a: 'wstETH', b: 'WETH', fee: 100, liquidity: pegged(4_000_000) },
  { a: 'LINK', b: 'WETH', fee: 3000, liquidity: wide(500_000) },
  { a: 'USDC', b: 'DAI', fee: 100, liquidity: pegged(5_000_000) },
]

/** A few accounts in each market are not worth their gas in a crash: real markets are full of them. */
const DUST = { share: 0.08, maxDebtUsd: 80 }

const MARKETS: readonly MarketSpec[] = [
  {
    name: 'WETH/USDC',
    collateral: 'WETH',
    loan: 'USDC',
    lltvPercent: 86,
    oracle: { kind: 'feeds', base: ['ETH / USD'], quote: [] },
    borrowers: { count: 75, ltvShare: [0.4, 0.97], debtUsd: { median: 12_000, sigma: 1.5, min: 150, max: 600_000 }, dust: DUST },
    utilisation: 0.9,
  },
  {
    name: 'WBTC/USDC',
    collateral: 'WBTC',
    loan: 'USDC',
    lltvPercent: 77,
    oracle: { kind: 'feeds', base: ['BTC / USD'], quote: [] },
    borrowers: { count: 75, ltvShare: [0.45, 0.97], debtUsd: { median: 15_000, sigma: 1.5, min: 150, max: 500_000 }, dust: DUST },
    utilisation: 0.88,
  },
  {
    name: 'WETH/DAI',
    collateral: 'WETH',
    loan: 'DAI',
    lltvPercent: 62.5,
    oracle: { kind: 'feeds', base: ['ETH / USD'], quote: [] },
    borrowers: { count: 75, ltvShare: [0.4, 0.97], debtUsd: { median: 10_000, sigma: 1.5, min: 150, max: 400_000 }, dust: DUST },
    utilisation: 0.8,
  },
  {
    name: 'wstETH/WETH',
    collateral: 'wstETH',
    loan: 'WETH',
    lltvPercent: 94.5,
    oracle: { kind: 'feeds', base: ['STETH / ETH'], quote: [] },
    borrowers: {
      count: 75,
      ltvShare: [0.92, 0.995],
      debtUsd: { median: 20_000, sigma: 1.5, min: 150, max: 500_000 },
      dust: DUST,
    },
    utilisation: 0.92,
  },
  {
    // No pool joins the two: closing goes through WETH.
    name: 'LINK/USDC',
    collateral: 'LINK',
    loan: 'USDC',
    lltvPercent: 77,
    oracle: { kind: 'feeds', base: ['LINK / USD'], quote: [] },
    borrowers: { count: 75, ltvShare: [0.4, 0.97], debtUsd: { median: 4_000, sigma: 1.5, min: 150, max: 120_000 }, dust: DUST },
    utilisation: 0.85,
  },
]

const reserve = (
  token: string,
  [ltvBps, thresholdBps, bonusBps]: readonly [number, number, number],
  feeds: readonly string[],
  demand: AaveReserveSpec['demand'],
): AaveReserveSpec => ({ token, ltvBps, thresholdBps, bonusBps, protocolFeeBps: 1_000, feeds, idle: 0.1, demand })

/** Parameters near those of the mainnet pools; mostly volatile collateral against stable debt, as there. */
const aavePool = (name: string, version: AaveSpec['version'], count: number): AaveSpec => ({
  name,
  version,
  reserves: [
    reserve('WETH', [8_050, 8_300, 10_500], ['ETH / USD'], { collateral: 5, debt: 1 }),
    reserve('USDC', [7_500, 7_800, 10_450], [], { collateral: 0.7, debt: 5 }),
    reserve('WBTC', [7_300, 7_800, 10_500], ['BTC / USD'], { collateral: 3, debt: 0.4 }),
    reserve('DAI', [6_300, 7_700, 10_500], [], { collateral: 0.4, debt: 3 }),
    reserve('wstETH', [7_850, 8_100, 10_600], ['STETH / ETH', 'ETH / USD'], { collateral: 3, debt: 0.3 }),
    reserve('LINK', [6_600, 7_100, 10_700], ['LINK / USD'], { collateral: 1, debt: 0.3 }),
  ],
  eModes: [{ label: 'ETH correlated', ltvBps: 9_300, thresholdBps: 9_500, bonusBps: 10_100, members: ['WETH', 'wstETH'] }],
  borrowers: {
    count,
    borrowShare: [0.45, 0.985],
    debtUsd: { median: 12_000, sigma: 1.5, min: 150, max: 500_000 },
    dust: DUST,
    eModeShare: 0.15,
  },
})

/** The demo's Morpho markets alone. */
const morphoWorld = (): WorldSpec => ({
  name: 'morpho',
  prices: march2020Crash(),
  openAtBar: 0,
  tokens: TOKENS,
  feeds: FEEDS,
  markets: MARKETS,
  pools: POOLS,
  blockGasLimit: 60_000_000n,
  baseFee: { quietWei: 8n * GWEI, maxWei: 220n * GWEI, weiPerRange: 600n * GWEI, leadAsset: 'ETH' },
})

/** A fresh copy of the demo's world. */
export const demoWorld = (): WorldSpec => ({
  ...morphoWorld(),
  name: 'demo',
  aave: [aavePool('Aave v3.6', 'v3.6', 100), aavePool('Aave v3.0', 'v3.0', 30)],
})

/** The demo's Morpho markets with `positions` a market instead of 75, without its Aave pool: small enough for tests. */
export const smallWorld = (positions: number): WorldSpec => {
  const spec = morphoWorld()
  const shrink = (market: MarketSpec): MarketSpec => ({ ...market, borrowers: { ...market.borrowers, count: positions } })
  return { ...spec, name: 'small', markets: spec.markets.map(shrink) }
}

/** The demo's tokens and pools under `markets` markets of `positions` each: its five, again and again, each with an oracle of its own. */
export const manyMarkets = (markets: number, positions: number): WorldSpec => {
  const spec = smallWorld(positions)
  const repeated = Array.from({ length: markets }, (_, index) => {
    const market = spec.markets[index % spec.markets.length]!
    return { ...market, name: `${market.name} ${Math.floor(index / spec.markets.length)}` }
  })
  return { ...spec, name: 'many', markets: repeated }
}

/** The demo's tokens and pools under one Aave pool of `count` accounts and no Morpho market. */
export const aaveWorld = (count: number, version: AaveSpec['version'] = 'v3.6'): WorldSpec => ({
  ...morphoWorld(),
  name: 'aave',
  markets: [],
  aave: [aavePool(`Aave ${version}`, version, count)],
})
