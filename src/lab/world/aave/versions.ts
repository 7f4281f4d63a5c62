// What differs between the versions of Aave when a pool is set up: names of contracts, constructor arguments, shapes of inputs. Sends nothing.
import { encodeAbiParameters, type Hex, zeroAddress } from 'viem'
import type { Address } from '../../../core/primitives'
import type { AaveEModeSpec } from '../spec'
import type { WorldToken } from '../world'

/** Deploys a contract by name and gives its address, before it is mined. */
export type Deploy = (name: string, ...args: readonly unknown[]) => Address

export interface TokenCode {
  readonly aTokenImpl: Address
  readonly variableDebtTokenImpl: Address
  /** v3.0 only. */
  readonly stableDebtTokenImpl: Address | null
}

export interface Call {
  readonly functionName: string
  readonly args: readonly unknown[]
}

export interface AaveVersion {
  readonly pool: string
  readonly configurator: string
  /** In an order in which each finds those that it is linked with. */
  readonly libraries: readonly string[]
  /** The contract that says interest rates. */
  deployRates(deploy: Deploy, provider: Address): Address
  poolArgs(provider: Address, rates: Address): readonly unknown[]
  deployTokens(deploy: Deploy, pool: Address): TokenCode
  /** One entry of `initReserves`. */
  reserveInput(token: WorldToken, code: TokenCode, rates: Address): Readonly<Record<string, unknown>>
  /** What the configurator is told for a category; members are addresses. */
  eModeCalls(id: number, mode: AaveEModeSpec, members: readonly Address[]): readonly Call[]
}

const RAY = 10n ** 27n
const TREASURY: Address = '0x00000000000000000000000000000000000a4e01'

const names = ({ symbol }: WorldToken) => ({
  aTokenName: `Lab Aave ${symbol}`,
  aTokenSymbol: `a${symbol}`,
  variableDebtTokenName: `Lab Aave variable debt ${symbol}`,
  variableDebtTokenSymbol: `v${symbol}`,
})

export const V30: AaveVersion = {
  pool: 'Pool',
  configurator: 'PoolConfigurator',
  // FlashLoanLogic is linked with BorrowLogic.
  libraries: [
    'SupplyLogic',
    'BridgeLogic',
    'EModeLogic',
    'LiquidationLogic',
    'PoolLogic',
    'BorrowLogic',
    'FlashLoanLogic',
    'ConfiguratorLogic',
  ],
  // Optimal use 80 %, 4 % there, 75 % more at full use; no stable borrowing.
  deployRates: (deploy, provider) =>
    deploy(
      'DefaultReserveInterestRateStrategy',
      provider,
      (RAY * 8n) / 10n,
      0n,
      RAY / 25n,
      (RAY * 3n) / 4n,
      0n,
      0n,
      0n,
      0n,
      RAY / 5n,
    ),
  poolArgs: provider => [provider],
  deployTokens: (deploy, pool) => ({
    aTokenImpl: deploy('AToken', pool),
    stableDebtTokenImpl: deploy('StableDebtToken', pool),
    variableDebtTokenImpl: deploy('VariableDebtToken', pool),
  }),
  reserveInput: (token, code, rates) => ({
    ...names(token),
    ...code,
    stableDebtTokenName: `Lab Aave stable debt ${token.symbol}`,
    stableDebtTokenSymbol: `s${token.symbol}`,
    underlyingAssetDecimals: token.decimals,
    interestRateStrategyAddress: rates,
    underlyingAsset: token.address,
    treasury: TREASURY,
    incentivesController: zeroAddress,
    params: '0x',
  }),
  eModeCalls: (id, mode, members) => [
    {
      functionName: 'setEModeCategory',
      args: [id, mode.ltvBps, mode.thresholdBps, mode.bonusBps, zeroAddress, mode.label],
    },
    ...members.map(asset => ({ functionName: 'setAssetEModeCategory', args: [asset, id] })),
  ],
}

/** optimalUsageRatio, baseRate, slope1, slope2 in basis points. */
export const V36_RATES: Hex = encodeAbiParameters(
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

export const V36: AaveVersion = {
  pool: 'PoolInstance',
  configurator: 'PoolConfiguratorInstance',
  libraries: ['ConfiguratorLogic', 'SupplyLogic', 'LiquidationLogic', 'PoolLogic', 'BorrowLogic', 'FlashLoanLogic'],
  deployRates: (deploy, provider) => deploy('DefaultReserveInterestRateStrategyV2', provider),
  poolArgs: (provider, rates) => [provider, rates],
  deployTokens: (deploy, pool) => ({
    aTokenImpl: deploy('ATokenInstance', pool, zeroAddress, TREASURY),
    variableDebtTokenImpl: deploy('VariableDebtTokenInstance', pool, zeroAddress),
    stableDebtTokenImpl: null,
  }),
  reserveInput: (token, { aTokenImpl, variableDebtTokenImpl }) => ({
    ...names(token),
    aTokenImpl,
    variableDebtTokenImpl,
    underlyingAsset: token.address,
    params: '0x',
    interestRateData: V36_RATES,
  }),
  eModeCalls: (id, mode, members) => [
    { functionName: 'setEModeCategory', args: [id, mode.ltvBps, mode.thresholdBps, mode.bonusBps, mode.label] },
    ...members.flatMap(asset => [
      { functionName: 'setAssetCollateralInEMode', args: [asset, id, true] },
      { functionName: 'setAssetBorrowableInEMode', args: [asset, id, true] },
    ]),
  ],
}
