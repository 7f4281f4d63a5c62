// Opens the Morpho markets of a world: oracles, supply, and seeded borrow positions at real utilisation.
import { encodeAbiParameters, encodeDeployData, encodeFunctionData, keccak256 } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import { type Prices, pricesAt } from '../prices/rounds'
import { morphoAbi, tokenAbi } from './abis'
import { drawDebtUsd } from './draw-debt'
import { HostileOracle, MorphoChainlinkOracle } from './lab-artifacts'
import { amountForUsd, oraclePrice, priceOf, toWad } from './market-price'
import type { Outbox } from './outbox'
import { createRandom, seededAddress } from './random'
import type { MarketSpec, WorldSpec } from './spec'
import type { MarketParams, WorldContracts, WorldFeed, WorldMarket, WorldToken } from './world'

export interface MarketsPlan {
  readonly spec: WorldSpec
  readonly seed: number
  readonly tokens: readonly WorldToken[]
  readonly feeds: readonly WorldFeed[]
  readonly contracts: WorldContracts
  readonly deployer: Address
  readonly outbox: Outbox
}

const NOBODY: Address = `0x${'0'.repeat(40)}`
const MAX_UINT256 = (1n << 256n) - 1n
const BORROWER_WEI = 10n ** 18n

const PARAMS_TYPES = [
  { type: 'address' },
  { type: 'address' },
  { type: 'address' },
  { type: 'address' },
  { type: 'uint256' },
] as const

/** Morpho's id of a market: keccak of its parameters. */
export const marketId = ({ loanToken, collateralToken, oracle, irm, lltv }: MarketParams): Hex =>
  keccak256(encodeAbiParameters(PARAMS_TYPES, [loanToken, collateralToken, oracle, irm, lltv]))

const oracleCode = (plan: MarketsPlan, market: MarketSpec, collateral: WorldToken, loan: WorldToken, prices: Prices): Hex => {
  if (market.oracle.kind === 'hostile') {
    const price = oraclePrice(
      { decimals: collateral.decimals, priceWad: priceOf(prices, collateral) },
      { decimals: loan.decimals, priceWad: priceOf(prices, loan) },
    )
    return encodeDeployData({ abi: HostileOracle.abi, bytecode: HostileOracle.bytecode, args: [price, 0] })
  }
  const feedAt = (ids: readonly string[], index: number): Address =>
    plan.feeds.find(feed => feed.id === ids[index])?.address ?? NOBODY
  const { base, quote } = market.oracle
  const baseArgs = [NOBODY, 1n, feedAt(base, 0), feedAt(base, 1), BigInt(collateral.decimals)] as const
  const quoteArgs = [NOBODY, 1n, feedAt(quote, 0), feedAt(quote, 1), BigInt(loan.decimals)] as const
  const { abi, bytecode } = MorphoChainlinkOracle
  return encodeDeployData({ abi, bytecode, args: [...baseArgs, ...quoteArgs] })
}

interface Draw {
  readonly account: Address
  readonly collateralAssets: bigint
  readonly debtAssets: bigint
}

const drawBorrowers = (plan: MarketsPlan, market: Omit<WorldMarket, 'borrowers'>, prices: Prices): readonly Draw[] => {
  const { count, ltvShare } = market.spec.borrowers
  const random = createRandom(plan.seed, `borrowers of ${market.name}`)
  return Array.from({ length: count }, (_, index) => {
    const usd = drawDebtUsd(market.spec.borrowers, random)
    const ltv = (market.spec.lltvPercent / 100) * random.between(...ltvShare)
    return {
      account: seededAddress(plan.seed, `${market.name} borrower ${index}`),
      collateralAssets: amountForUsd(toWad(usd / ltv), priceOf(prices, market.collateral), market.collateral.decimals),
      debtAssets: amountForUsd(toWad(usd), priceOf(prices, market.loan), market.loan.decimals),
    }
  })
}

const describeMarket = (plan: MarketsPlan, market: MarketSpec, prices: Prices): Omit<WorldMarket, 'borrowers'> => {
  const [collateral, loan] = [market.collateral, market.loan].map(symbol => plan.tokens.find(token => token.symbol === symbol)!)
  const data = oracleCode(plan, market, collateral!, loan!, prices)
  const oracle = plan.outbox.add({ from: plan.deployer, to: null, data, label: `oracle of ${market.name}` })
  const lltv = BigInt(Math.round(market.lltvPercent * 1e6)) * 10n ** 10n
  const params = { loanToken: loan!.address, collateralToken: collateral!.address, oracle, irm: plan.contracts.irm, lltv }
  return { name: market.name, spec: market, id: marketId(params), params, collateral: collateral!, loan: loan! }
}

const total = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n)

const openMarket = (plan: MarketsPlan, market: Omit<WorldMarket, 'borrowers'>, draws: readonly Draw[]): void => {
  const { morpho } = plan.contracts
  const { params } = market
  const send = (from: Address, to: Address, data: Hex, label: string): void =>
    void plan.outbox.add({ from, to, data, label: `${label} in ${market.name}`, gas: 1_000_000n })
  const debt = total(draws.map(draw => draw.debtAssets))
  const supply = (debt * 10_000n) / BigInt(Math.round(market.spec.utilisation * 10_000)) + 1_000_000n
  const give = (token: WorldToken, amount: bigint): void => {
    // Wrapped native is deposited once for everybody.
    if (token.kind.kind === 'wrapped-native') return
    send(
      plan.deployer,
      token.address,
      encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [plan.deployer, amount] }),
      'mint',
    )
  }
  send(
    plan.deployer,
    morpho,
    encodeFunctionData({ abi: morphoAbi, functionName: 'createMarket', args: [params] }),
    'createMarket',
  )
  give(market.loan, supply)
  give(market.collateral, total(draws.map(draw => draw.collateralAssets)))
  const supplyArgs = [params, supply, 0n, plan.deployer, '0x'] as const
  send(plan.deployer, morpho, encodeFunctionData({ abi: morphoAbi, functionName: 'supply', args: supplyArgs }), 'supply')
  for (const { account, collateralAssets } of draws) {
    const args = [params, collateralAssets, account, '0x'] as const
    send(
      plan.deployer,
      morpho,
      encodeFunctionData({ abi: morphoAbi, functionName: 'supplyCollateral', args }),
      'supplyCollateral',
    )
  }
}

const prepare = (plan: MarketsPlan): void => {
  const { morpho, irm } = plan.contracts
  const send = (to: Address, data: Hex, label: string): void => void plan.outbox.add({ from: plan.deployer, to, data, label })
  send(morpho, encodeFunctionData({ abi: morphoAbi, functionName: 'enableIrm', args: [irm] }), 'enableIrm')
  for (const percent of new Set(plan.spec.markets.map(market => market.lltvPercent))) {
    const args = [BigInt(Math.round(percent * 1e6)) * 10n ** 10n] as const
    send(morpho, encodeFunctionData({ abi: morphoAbi, functionName: 'enableLltv', args }), 'enableLltv')
  }
  const approve = encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [morpho, MAX_UINT256] })
  for (const token of plan.tokens) send(token.address, approve, `approve ${token.symbol}`)
}

/** Opens all markets and mines everything queued so far. Borrowing is left to the borrowers themselves, as the contract demands. */
export const openMarkets = async (plan: MarketsPlan): Promise<readonly WorldMarket[]> => {
  const prices = pricesAt(plan.spec.prices, plan.spec.openAtBar)
  prepare(plan)
  const opened = plan.spec.markets.map(market => {
    const described = describeMarket(plan, market, prices)
    const draws = drawBorrowers(plan, described, prices)
    openMarket(plan, described, draws)
    return { market: described, draws }
  })
  await plan.outbox.mine()
  await plan.outbox.fund(
    opened.flatMap(({ draws }) => draws.map(draw => draw.account)),
    BORROWER_WEI,
  )
  for (const { market, draws } of opened)
    for (const { account, debtAssets } of draws) {
      // To one receiver: a balance for each borrower would be one more slot that the chain hashes every block.
      const args = [market.params, debtAssets, 0n, account, plan.deployer] as const
      const data = encodeFunctionData({ abi: morphoAbi, functionName: 'borrow', args })
      plan.outbox.add({ from: account, to: plan.contracts.morpho, data, label: `borrow in ${market.name}`, gas: 1_000_000n })
    }
  await plan.outbox.mine()
  return opened.map(({ market, draws }) => ({ ...market, borrowers: draws.map(draw => draw.account) }))
}
