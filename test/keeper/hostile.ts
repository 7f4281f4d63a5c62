// Honest markets beside hostile ones: oracles that turn, tokens that are not what ERC-20 promises. All collateral is worth a GEM.
import { encodeFunctionData } from 'viem'
import type { UnsignedCall } from '../../src/lab/builder/transaction'
import { pricesAt } from '../../src/lab/prices/rounds'
import { GasBurningToken, HostileOracle } from '../../src/lab/world/lab-artifacts'
import { oraclePrice, priceOf } from '../../src/lab/world/market-price'
import type { MarketSpec, PoolSpec, TokenSpec, WorldSpec } from '../../src/lab/world/spec'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { World } from '../../src/lab/world/world'

/** As in HostileOracle.sol. */
export const MODES = { honest: 0, reverts: 1, zero: 2, max: 3, burnsAllGas: 4, oneMegabyte: 5, shortData: 6 } as const
export type Mode = keyof typeof MODES
export const HOSTILE_MODES = (Object.keys(MODES) as readonly Mode[]).filter(mode => mode !== 'honest')

const token = (symbol: string, decimals: number, asset: string | null): TokenSpec => ({
  symbol,
  name: symbol,
  decimals,
  asset,
  kind: { kind: 'lab' },
})
const odd = (symbol: string, artifact: string, asset: string | null): TokenSpec => ({
  symbol,
  name: symbol,
  decimals: 18,
  asset,
  kind: { kind: 'contract', artifact },
})

const market = (name: string, collateral: string, loan: string, more: Partial<MarketSpec> = {}): MarketSpec => ({
  name,
  collateral,
  loan,
  lltvPercent: 77,
  oracle: { kind: 'feeds', base: ['GEM / USD'], quote: [] },
  // The riskier half goes under water at the first drop, all at the second.
  borrowers: { count: 4, ltvShare: [0.91, 0.99], debtUsd: { median: 4_000, sigma: 0.3, min: 2_000, max: 8_000 } },
  utilisation: 0.8,
  ...more,
})

const pool = (a: string, b: string): PoolSpec => ({ a, b, fee: 3000, liquidity: [{ from: 0.2, to: 4, depthUsd: 2_000_000 }] })

export const hostileSpec = (): WorldSpec => ({
  name: 'hostile',
  prices: { startSec: 1_600_000_000, barSec: 3_600, closes: { ETH: [200, 200, 200], GEM: [50, 47.5, 45] } },
  openAtBar: 0,
  tokens: [
    { symbol: 'WETH', name: 'Wrapped Ether', decimals: 18, asset: 'ETH', kind: { kind: 'wrapped-native' } },
    token('GEM', 9, 'GEM'),
    token('USD', 6, null),
    odd('FEE', 'FeeToken', 'GEM'),
    odd('BURN', 'GasBurningToken', 'GEM'),
    odd('FALSE', 'FalseToken', null),
    odd('SILENT', 'SilentToken', 'GEM'),
    odd('SILENTUSD', 'SilentToken', null),
  ],
  feeds: [{ id: 'GEM / USD', decimals: 8, base: 'GEM', quote: null, thresholdBps: 50 }],
  markets: [
    market('honest', 'GEM', 'USD'),
    ...HOSTILE_MODES.map(mode => market(`oracle ${mode}`, 'GEM', 'USD', { oracle: { kind: 'hostile' } })),
    market('fee on transfer', 'FEE', 'USD'),
    market('gas burner', 'BURN', 'USD'),
    market('says false', 'GEM', 'FALSE'),
    market('silent', 'SILENT', 'SILENTUSD'),
  ],
  pools: [
    pool('GEM', 'WETH'),
    pool('WETH', 'USD'),
    ...['FEE', 'BURN', 'FALSE', 'SILENT', 'SILENTUSD'].map(symbol => pool(symbol, 'WETH')),
  ],
  blockGasLimit: 60_000_000n,
  baseFee: null,
})

const oracles = (world: World) => world.markets.filter(({ spec }) => spec.oracle.kind === 'hostile')

/** Every hostile oracle turns to the mode that its market is named for, or back to honesty. */
export const turnOracles = (world: World, isHostile: boolean): readonly UnsignedCall[] =>
  oracles(world).map(({ name, params }) => {
    const mode = isHostile ? MODES[name.replace('oracle ', '') as Mode] : MODES.honest
    const data = encodeFunctionData({ abi: HostileOracle.abi, functionName: 'setMode', args: [mode] })
    return { from: world.actors.deployer, to: params.oracle, data, gas: 100_000n }
  })

/** The prices of close `bar`, told by every oracle that can be told, and arbitrage. */
export const dropTo = (world: World, bar: number): readonly UnsignedCall[] => {
  const prices = pricesAt(world.spec.prices, bar)
  const told = oracles(world).map(({ params, collateral, loan }): UnsignedCall => {
    const priced = (of: typeof loan) => ({ decimals: of.decimals, priceWad: priceOf(prices, of) })
    const args = [oraclePrice(priced(collateral), priced(loan))] as const
    const data = encodeFunctionData({ abi: HostileOracle.abi, functionName: 'setPrice', args })
    return { from: world.actors.deployer, to: params.oracle, data, gas: 100_000n }
  })
  return [...postTransactions(world, prices, ['GEM / USD']), ...told, arbitrageTransaction(world, prices)]
}

/** From now on the gas burner burns. */
export const armBurner = (world: World): UnsignedCall => ({
  from: world.actors.deployer,
  to: world.tokens.find(({ symbol }) => symbol === 'BURN')!.address,
  data: encodeFunctionData({ abi: GasBurningToken.abi, functionName: 'arm', args: [true] }),
  gas: 100_000n,
})
