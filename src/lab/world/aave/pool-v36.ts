// Deploys an Aave pool of the v3.6 line with the given reserves from compiled official sources; tokens and oracle are v3.0's test ones.
import { encodeAbiParameters } from 'viem'
import type { Address } from '../../../core/primitives'
import type { Deployer } from './deployer'
import type { AavePool, AaveReserve, AaveReserveSpec } from './pool-v30'

const TREASURY = '0x00000000000000000000000000000000000a4e01'
const NO_REWARDS = '0x0000000000000000000000000000000000000000'

/** optimalUsageRatio, baseRate, slope1, slope2 in basis points. */
const RATES = encodeAbiParameters(
  [
    {
      type: 'tuple',
      components: [
        { type: 'uint16', name: 'optimal' },
        { type: 'uint32', name: 'base' },
        { type: 'uint32', name: 'slope1' },
        { type: 'uint32', name: 'slope2' },
      ],
    },
  ],
  [{ optimal: 8_000, base: 0, slope1: 400, slope2: 7_500 }],
)

/** BorrowLogic before FlashLoanLogic, which is linked with it. v3.7 has no ConfiguratorLogic of its own. */
const LIBRARIES = ['SupplyLogic', 'LiquidationLogic', 'PoolLogic', 'BorrowLogic', 'FlashLoanLogic'] as const

const deployCore = async (deployer: Deployer, libraries: readonly string[]): Promise<Omit<AavePool, 'reserves'>> => {
  const { deploy, send, read, owner } = deployer
  for (const name of libraries) await deploy(name)
  const provider = await deploy('PoolAddressesProvider', 'lab', owner)
  const oracle = await deploy('PriceOracle')
  await send(provider, 'PoolAddressesProvider', 'setPriceOracle', oracle)
  await send(provider, 'PoolAddressesProvider', 'setACLAdmin', owner)
  const acl = await deploy('ACLManager', provider)
  await send(provider, 'PoolAddressesProvider', 'setACLManager', acl)
  await send(acl, 'ACLManager', 'addPoolAdmin', owner)
  const rates = await deploy('DefaultReserveInterestRateStrategyV2', provider)
  await send(provider, 'PoolAddressesProvider', 'setPoolImpl', await deploy('PoolInstance', provider, rates))
  const configuratorImpl = await deploy('PoolConfiguratorInstance')
  await send(provider, 'PoolAddressesProvider', 'setPoolConfiguratorImpl', configuratorImpl)
  const pool = await read<string>(provider, 'PoolAddressesProvider', 'getPool')
  const configurator = await read<string>(provider, 'PoolAddressesProvider', 'getPoolConfigurator')
  return { pool: pool.toLowerCase() as Address, configurator: configurator.toLowerCase() as Address, oracle, provider }
}

const configure = async (
  { send }: Deployer,
  core: Omit<AavePool, 'reserves'>,
  asset: Address,
  spec: AaveReserveSpec,
): Promise<void> => {
  const { ltvBps, thresholdBps, bonusBps, protocolFeeBps } = spec
  const configurator = 'PoolConfiguratorInstance'
  await send(core.configurator, configurator, 'configureReserveAsCollateral', asset, ltvBps, thresholdBps, bonusBps)
  await send(core.configurator, configurator, 'setReserveBorrowing', asset, true)
  await send(core.configurator, configurator, 'setLiquidationProtocolFee', asset, protocolFeeBps)
}

/** Deploys everything as the deployer's owner, who also is its administrator. `libraries` beyond the common ones come first. */
export const deployPoolV36 = async (
  deployer: Deployer,
  specs: readonly AaveReserveSpec[],
  libraries: readonly string[] = ['ConfiguratorLogic'],
): Promise<AavePool> => {
  const { deploy, send, read } = deployer
  const core = await deployCore(deployer, [...libraries, ...LIBRARIES])
  const aTokenImpl = await deploy('ATokenInstance', core.pool, NO_REWARDS, TREASURY)
  const variableDebtTokenImpl = await deploy('VariableDebtTokenInstance', core.pool, NO_REWARDS)
  const assets: Address[] = []
  for (const { symbol, decimals, price } of specs) {
    const asset = await deploy('MintableERC20', symbol, symbol, decimals)
    await send(core.oracle, 'PriceOracle', 'setAssetPrice', asset, price)
    assets.push(asset)
  }
  const inputs = specs.map(({ symbol }, at) => ({
    aTokenImpl,
    variableDebtTokenImpl,
    underlyingAsset: assets[at]!,
    aTokenName: `a${symbol}`,
    aTokenSymbol: `a${symbol}`,
    variableDebtTokenName: `v${symbol}`,
    variableDebtTokenSymbol: `v${symbol}`,
    params: '0x',
    interestRateData: RATES,
  }))
  await send(core.configurator, 'PoolConfiguratorInstance', 'initReserves', inputs)
  const reserves: AaveReserve[] = []
  for (const [at, spec] of specs.entries()) {
    const asset = assets[at]!
    await configure(deployer, core, asset, spec)
    const aToken = await read<string>(core.pool, 'PoolInstance', 'getReserveAToken', asset)
    const debtToken = await read<string>(core.pool, 'PoolInstance', 'getReserveVariableDebtToken', asset)
    reserves.push({ ...spec, asset, aToken: aToken.toLowerCase() as Address, debtToken: debtToken.toLowerCase() as Address })
  }
  return { ...core, reserves }
}
