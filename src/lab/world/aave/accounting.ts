// What accounts of a world's Aave pools hold and owe, who was liquidated, and what the pools wrote off. Reads contracts only.
import { decodeEventLog, decodeFunctionResult, encodeFunctionData, parseAbi, toEventSelector } from 'viem'
import type { Address, Hex } from '../../../core/primitives'
import type { Prices } from '../../prices/rounds'
import type { ReadOptions } from '../accounting'
import { LabAaveLens } from '../lab-artifacts'
import { priceOf, usdOf } from '../market-price'
import { toQuantity } from '../outbox'
import type { World, WorldAave } from '../world'

export interface AaveHealth {
  readonly account: Address
  /** In the pool's base currency: USD with eight decimals. */
  readonly collateralBase: bigint
  readonly debtBase: bigint
  /** The pool's own word; the largest uint256 without debt. */
  readonly healthFactorWad: bigint
}

/** Raw amounts with interest, by reserve in the pool's order. */
export interface AaveBalances {
  readonly account: Address
  readonly collateral: readonly bigint[]
  readonly debt: readonly bigint[]
}

type Reader = Pick<World, 'rpc'>

const CHUNK = 100
const CALL_GAS = 400_000_000n

const abi = parseAbi([
  'function getAssetsPrices(address[] assets) view returns (uint256[])',
  'function getUserEMode(address user) view returns (uint256)',
  'event LiquidationCall(address indexed collateralAsset, address indexed debtAsset, address indexed user, uint256 debtToCover, uint256 liquidatedCollateralAmount, address liquidator, bool receiveAToken)',
  'event DeficitCreated(address indexed user, address indexed debtAsset, uint256 amountCreated)',
])

const callOf = (to: Address, data: Hex, { block, timestampSec }: ReadOptions) => ({
  method: 'eth_call',
  params: [
    { to, data, gas: toQuantity(CALL_GAS) },
    block === 'latest' ? block : toQuantity(block),
    ...(timestampSec === undefined ? [] : [{}, { time: toQuantity(timestampSec) }]),
  ],
})

const chunksOf = (accounts: readonly Address[]): readonly (readonly Address[])[] =>
  Array.from({ length: Math.ceil(accounts.length / CHUNK) }, (_, index) => accounts.slice(index * CHUNK, (index + 1) * CHUNK))

/** What the pool says of each account. */
export const readAaveHealth = async (
  { rpc }: Reader,
  { pool, lens }: WorldAave,
  accounts: readonly Address[],
  options: ReadOptions,
): Promise<readonly AaveHealth[]> => {
  const calls = chunksOf(accounts).map(chunk => {
    const data = encodeFunctionData({ abi: LabAaveLens.abi, functionName: 'health', args: [pool, chunk] })
    return callOf(lens, data, options)
  })
  const rows = (await rpc.batch<Hex>(calls)).flatMap(data =>
    decodeFunctionResult({ abi: LabAaveLens.abi, functionName: 'health', data }),
  )
  return accounts.map((account, index) => ({
    account,
    collateralBase: rows[3 * index] ?? 0n,
    debtBase: rows[3 * index + 1] ?? 0n,
    healthFactorWad: rows[3 * index + 2] ?? 0n,
  }))
}

/** What each account holds and owes in every reserve. */
export const readAaveBalances = async (
  { rpc }: Reader,
  { lens, reserves }: WorldAave,
  accounts: readonly Address[],
  options: ReadOptions,
): Promise<readonly AaveBalances[]> => {
  const tokens = [...reserves.map(reserve => reserve.aToken), ...reserves.map(reserve => reserve.debtToken)]
  const calls = chunksOf(accounts).map(chunk => {
    const data = encodeFunctionData({ abi: LabAaveLens.abi, functionName: 'balances', args: [tokens, chunk] })
    return callOf(lens, data, options)
  })
  const rows = (await rpc.batch<Hex>(calls)).flatMap(data =>
    decodeFunctionResult({ abi: LabAaveLens.abi, functionName: 'balances', data }),
  )
  return accounts.map((account, index) => {
    const own = rows.slice(index * tokens.length, (index + 1) * tokens.length)
    return { account, collateral: own.slice(0, reserves.length), debt: own.slice(reserves.length) }
  })
}

/** What the pool's oracle says of each reserve, in order: USD with eight decimals. */
export const readAavePrices = async (
  { rpc }: Reader,
  { oracle, reserves }: WorldAave,
  options: ReadOptions,
): Promise<readonly bigint[]> => {
  const args = [reserves.map(reserve => reserve.token.address)] as const
  const data = encodeFunctionData({ abi, functionName: 'getAssetsPrices', args })
  const [reply] = await rpc.batch<Hex>([callOf(oracle, data, options)])
  return decodeFunctionResult({ abi, functionName: 'getAssetsPrices', data: reply ?? '0x' })
}

/** The account's category; 0: none. */
export const readEMode = async (
  { rpc }: Reader,
  { pool }: WorldAave,
  account: Address,
  options: ReadOptions,
): Promise<number> => {
  const data = encodeFunctionData({ abi, functionName: 'getUserEMode', args: [account] })
  const [reply] = await rpc.batch<Hex>([callOf(pool, data, options)])
  return Number(decodeFunctionResult({ abi, functionName: 'getUserEMode', data: reply ?? '0x' }))
}

interface WireLog {
  readonly topics: readonly [Hex, ...Hex[]]
  readonly data: Hex
  readonly blockNumber: Hex
}

const LIQUIDATION = toEventSelector('LiquidationCall(address,address,address,uint256,uint256,address,bool)')
const DEFICIT = toEventSelector('DeficitCreated(address,address,uint256)')

const readLogs = async ({ rpc }: Reader, { pool }: WorldAave, topic: Hex, fromBlock: bigint, toBlock: bigint) => {
  const filter = { address: pool, topics: [topic], fromBlock: toQuantity(fromBlock), toBlock: toQuantity(toBlock) }
  return rpc.request<readonly WireLog[]>('eth_getLogs', filter)
}

const lower = (address: string): Address => address.toLowerCase() as Address

/** Liquidations of the pool, in chain order. */
export const readAaveLiquidations = async (world: Reader, aave: WorldAave, fromBlock: bigint, toBlock: bigint) =>
  (await readLogs(world, aave, LIQUIDATION, fromBlock, toBlock)).map(({ topics, data, blockNumber }) => {
    const { args } = decodeEventLog({ abi, eventName: 'LiquidationCall', topics: [...topics], data })
    return {
      account: lower(args.user),
      collateral: lower(args.collateralAsset),
      debt: lower(args.debtAsset),
      repaidAssets: args.debtToCover,
      seizedAssets: args.liquidatedCollateralAmount,
      block: BigInt(blockNumber),
    }
  })

/** Debt that the pool wrote off, in chain order; v3.0 never does. */
export const readDeficits = async (world: Reader, aave: WorldAave, fromBlock: bigint, toBlock: bigint) =>
  (await readLogs(world, aave, DEFICIT, fromBlock, toBlock)).map(({ topics, data }) => {
    const { args } = decodeEventLog({ abi, eventName: 'DeficitCreated', topics: [...topics], data })
    return { account: lower(args.user), debt: lower(args.debtAsset), assets: args.amountCreated }
  })

/** Market value of raw amounts by reserve: USD in WAD, rounded down. */
export const aaveUsd = ({ reserves }: Pick<WorldAave, 'reserves'>, amounts: readonly bigint[], prices: Prices): bigint =>
  reserves.reduce((sum, { token }, at) => sum + usdOf(amounts[at] ?? 0n, priceOf(prices, token), token.decimals), 0n)

/** Debt of one account that its collateral doesn't cover at market price: USD in WAD, 0n if covered. */
export const aaveUncoveredUsd = (aave: WorldAave, balances: AaveBalances, prices: Prices): bigint => {
  const debt = aaveUsd(aave, balances.debt, prices)
  const collateral = aaveUsd(aave, balances.collateral, prices)
  return debt > collateral ? debt - collateral : 0n
}

/** USD in WAD of deficits at market price, of `accounts` or of all. */
export const aaveDeficitUsd = async (
  world: Pick<World, 'rpc' | 'fromBlock'>,
  aave: WorldAave,
  block: bigint,
  prices: Prices,
  accounts: ReadonlySet<Address> | null = null,
): Promise<bigint> => {
  const deficits = await readDeficits(world, aave, world.fromBlock, block)
  return deficits.reduce((sum, { account, debt, assets }) => {
    const token = aave.reserves.find(reserve => reserve.token.address === debt)?.token
    const isWanted = token !== undefined && (accounts === null || accounts.has(account))
    return isWanted ? sum + usdOf(assets, priceOf(prices, token), token.decimals) : sum
  }, 0n)
}

/** Open debt without collateral and deficits of one pool at the end of `block`, valued at `prices`. */
export const aaveBadDebt = async (world: Pick<World, 'rpc' | 'fromBlock'>, aave: WorldAave, block: bigint, prices: Prices) => {
  const balances = await readAaveBalances(world, aave, aave.accounts, { block })
  return {
    openUsdWad: balances.reduce((sum, each) => sum + aaveUncoveredUsd(aave, each, prices), 0n),
    writtenOffUsdWad: await aaveDeficitUsd(world, aave, block, prices),
  }
}
