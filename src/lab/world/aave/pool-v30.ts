// Deploys an Aave v3.0 pool with the given reserves from the official bytecode: real pool, tokens and configurator; prices are set by hand.
import { zeroAddress } from 'viem'
import type { Address } from '../../../core/primitives'
import type { Deployer } from './deployer'

export interface AaveReserveSpec {
  readonly symbol: string
  readonly decimals: number
  /** 8 decimals. */
  readonly price: bigint
  readonly ltvBps: bigint
  readonly thresholdBps: bigint
  /** 10_500n: 5 %. */
  readonly bonusBps: bigint
  readonly protocolFeeBps: bigint
}

export interface AaveReserve extends AaveReserveSpec {
  readonly asset: Address
  readonly aToken: Address
  readonly debtToken: Address
}

export interface AavePool {
  readonly pool: Address
  readonly configurator: Address
  readonly oracle: Address
  readonly provider: Address
  readonly reserves: readonly AaveReserve[]
}

const RAY = 10n ** 27n
const TREASURY = '0x00000000000000000000000000000000000a4e01'

const deployLibraries = async ({ deploy }: Deployer): Promise<void> => {
  // FlashLoanLogic is linked with BorrowLogic, hence the order.
  for (const name of [
    'SupplyLogic',
    'BridgeLogic',
    'EModeLogic',
    'LiquidationLogic',
    'PoolLogic',
    'BorrowLogic',
    'FlashLoanLogic',
    'ConfiguratorLogic',
  ])
    await deploy(name)
}

const deployCore = async (deployer: Deployer): Promise<Omit<AavePool, 'reserves'>> => {
  const { deploy, send, read, owner } = deployer
  await deployLibraries(deployer)
  const provider = await deploy('PoolAddressesProvider', 'lab', owner)
  const oracle = await deploy('PriceOracle')
  await send(provider, 'PoolAddressesProvider', 'setPriceOracle', oracle)
  await send(provider, 'PoolAddressesProvider', 'setACLAdmin', owner)
  const acl = await deploy('ACLManager', provider)
  await send(provider, 'PoolAddressesProvider', 'setACLManager', acl)
  await send(acl, 'ACLManager', 'addPoolAdmin', owner)
  await send(provider, 'PoolAddressesProvider', 'setPoolImpl', await deploy('Pool', provider))
  await send(provider, 'PoolAddressesProvider', 'setPoolConfiguratorImpl', await deploy('PoolConfigurator'))
  const pool = (await read<string>(provider, 'PoolAddressesProvider', 'getPool')).toLowerCase() as Address
  const configurator = (await read<string>(provider, 'PoolAddressesProvider', 'getPoolConfigurator')).toLowerCase() as Address
  return { pool, configurator, oracle, provider }
}

interface TokenAddresses {
  readonly aTokenAddress: string
  readonly variableDebtTokenAddress: string
}

const configure = async (
  { send }: Deployer,
  core: Omit<AavePool, 'reserves'>,
  asset: Address,
  spec: AaveReserveSpec,
): Promise<void> => {
  const { configurator, oracle } = core
  await send(oracle, 'PriceOracle', 'setAssetPrice', asset, spec.price)
  await send(
    configurator,
    'PoolConfigurator',
    'configureReserveAsCollateral',
    asset,
    spec.ltvBps,
    spec.thresholdBps,
    spec.bonusBps,
  )
  await send(configurator, 'PoolConfigurator', 'setReserveBorrowing', asset, true)
  await send(configurator, 'PoolConfigurator', 'setLiquidationProtocolFee', asset, spec.protocolFeeBps)
}

/** Deploys everything as the deployer's owner, who also is its administrator. */
export const deployPoolV30 = async (deployer: Deployer, specs: readonly AaveReserveSpec[]): Promise<AavePool> => {
  const { deploy, send, read } = deployer
  const core = await deployCore(deployer)
  const rates = await deploy(
    'DefaultReserveInterestRateStrategy',
    core.provider,
    (RAY * 8n) / 10n,
    0n,
    RAY / 25n,
    (RAY * 3n) / 4n,
    0n,
    0n,
    0n,
    0n,
    RAY / 5n,
  )
  const [aTokenImpl, stableDebtTokenImpl, variableDebtTokenImpl] = [
    await deploy('AToken', core.pool),
    await deploy('StableDebtToken', core.pool),
    await deploy('VariableDebtToken', core.pool),
  ]
  const assets: Address[] = []
  for (const { symbol, decimals } of specs) assets.push(await deploy('MintableERC20', symbol, symbol, decimals))
  const inputs = specs.map(({ symbol, decimals }, at) => ({
    aTokenImpl,
    stableDebtTokenImpl,
    variableDebtTokenImpl,
    underlyingAssetDecimals: decimals,
    interestRateStrategyAddress: rates,
    underlyingAsset: assets[at]!,
    treasury: TREASURY,
    incentivesController: zeroAddress,
    aTokenName: `a${symbol}`,
    aTokenSymbol: `a${symbol}`,
    variableDebtTokenName: `v${symbol}`,
    variableDebtTokenSymbol: `v${symbol}`,
    stableDebtTokenName: `s${symbol}`,
    stableDebtTokenSymbol: `s${symbol}`,
    params: '0x',
  }))
  await send(core.configurator, 'PoolConfigurator', 'initReserves', inputs)
  const reserves: AaveReserve[] = []
  for (const [at, spec] of specs.entries()) {
    const asset = assets[at]!
    await configure(deployer, core, asset, spec)
    const tokens = await read<TokenAddresses>(core.pool, 'Pool', 'getReserveData', asset)
    reserves.push({
      ...spec,
      asset,
      aToken: tokens.aTokenAddress.toLowerCase() as Address,
      debtToken: tokens.variableDebtTokenAddress.toLowerCase() as Address,
    })
  }
  return { ...core, reserves }
}
