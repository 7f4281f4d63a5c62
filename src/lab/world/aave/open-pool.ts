// Sets up one Aave pool of a world over the world's own tokens and feeds: official contracts, the real AaveOracle, nothing set by hand
// afterwards. Queues transactions; accounts come later (accounts.ts).
import { decodeFunctionResult, encodeDeployData, type Hex as ViemHex, zeroAddress } from 'viem'
import type { Address, Hex } from '../../../core/primitives'
import type { LabRpc } from '../../rpc'
import { LabAaveLens, LabAaveRig, LabPriceProduct } from '../lab-artifacts'
import type { Outbox } from '../outbox'
import type { AaveReserveSpec, AaveSpec } from '../spec'
import type { WorldAave, WorldAaveReserve, WorldFeed, WorldToken } from '../world'
import { type Artifacts, callData, creationCode, v30Artifacts } from './artifact'
import { v36Artifacts } from './compile-v36'
import { type AaveVersion, type Deploy, V30, V36 } from './versions'

export interface AavePlan {
  readonly spec: AaveSpec
  readonly tokens: readonly WorldToken[]
  readonly feeds: readonly WorldFeed[]
  /** Also the pool's administrator. */
  readonly deployer: Address
  readonly outbox: Outbox
  readonly rpc: LabRpc
}

const DEPLOY_GAS = 12_000_000n
const USD_UNIT = 10n ** 8n
const PROVIDER = 'PoolAddressesProvider'

interface Site extends AavePlan {
  readonly version: AaveVersion
  readonly artifacts: Artifacts
  readonly deploy: Deploy
  send(to: Address, contract: string, functionName: string, ...args: readonly unknown[]): void
}

const createSite = (plan: AavePlan): Site => {
  const { spec, deployer: from, outbox } = plan
  const [version, artifacts] = spec.version === 'v3.0' ? [V30, v30Artifacts] : [V36, v36Artifacts()]
  const libraries: Record<string, Address> = {}
  const deploy: Deploy = (name, ...args) => {
    const data = creationCode(artifacts(name), libraries, args) as ViemHex
    const address = outbox.add({ from, to: null, data, gas: DEPLOY_GAS, label: `${name} of ${spec.name}` })
    libraries[name] = address
    return address
  }
  const send = (to: Address, contract: string, functionName: string, ...args: readonly unknown[]): void =>
    void outbox.add({
      from,
      to,
      data: callData(artifacts(contract), functionName, args),
      label: `${functionName} of ${spec.name}`,
    })
  return { ...plan, version, artifacts, deploy, send }
}

const tokenOf = (tokens: readonly WorldToken[], symbol: string): WorldToken => tokens.find(token => token.symbol === symbol)!

/** The feed itself where it speaks USD with eight decimals, else a contract that multiplies. */
const priceSource = ({ feeds, deployer, outbox, spec }: AavePlan, reserve: AaveReserveSpec): Address => {
  const [first, second] = reserve.feeds.map(id => feeds.find(feed => feed.id === id)!)
  if (first !== undefined && second === undefined) return first.address
  const { abi, bytecode } = LabPriceProduct
  const args = [first?.address ?? zeroAddress, second?.address ?? zeroAddress] as const
  const label = `price of ${reserve.token} in ${spec.name}`
  return outbox.add({ from: deployer, to: null, data: encodeDeployData({ abi, bytecode, args }), label })
}

interface Core {
  readonly provider: Address
  readonly oracle: Address
  readonly rates: Address
  readonly sources: readonly Address[]
}

const deployCore = (site: Site): Core => {
  const { version, deploy, send, deployer, spec, tokens } = site
  for (const name of version.libraries) deploy(name)
  const provider = deploy(PROVIDER, spec.name, deployer)
  const sources = spec.reserves.map(reserve => priceSource(site, reserve))
  const assets = spec.reserves.map(reserve => tokenOf(tokens, reserve.token).address)
  const oracle = deploy('AaveOracle', provider, assets, sources, zeroAddress, zeroAddress, USD_UNIT)
  send(provider, PROVIDER, 'setPriceOracle', oracle)
  send(provider, PROVIDER, 'setACLAdmin', deployer)
  const acl = deploy('ACLManager', provider)
  send(provider, PROVIDER, 'setACLManager', acl)
  send(acl, 'ACLManager', 'addPoolAdmin', deployer)
  const rates = version.deployRates(deploy, provider)
  send(provider, PROVIDER, 'setPoolImpl', deploy(version.pool, ...version.poolArgs(provider, rates)))
  send(provider, PROVIDER, 'setPoolConfiguratorImpl', deploy(version.configurator))
  return { provider, oracle, rates, sources }
}

const readAll = async <T>(
  { rpc, artifacts }: Site,
  calls: readonly {
    readonly to: Address
    readonly contract: string
    readonly functionName: string
    readonly args: readonly unknown[]
  }[],
): Promise<readonly T[]> => {
  const replies = await rpc.batch<Hex>(
    calls.map(({ to, contract, functionName, args }) => ({
      method: 'eth_call',
      params: [{ to, data: callData(artifacts(contract), functionName, args) }, 'latest'],
    })),
  )
  return replies.map((data, index) => {
    const { contract, functionName } = calls[index]!
    return decodeFunctionResult({ abi: artifacts(contract).abi, functionName, data }) as T
  })
}

const lower = (address: string): Address => address.toLowerCase() as Address

const configure = (site: Site, configurator: Address, asset: Address, reserve: AaveReserveSpec): void => {
  const { send, version } = site
  const tell = (functionName: string, ...args: readonly unknown[]): void =>
    send(configurator, version.configurator, functionName, asset, ...args)
  if (reserve.ltvBps > 0)
    tell('configureReserveAsCollateral', BigInt(reserve.ltvBps), BigInt(reserve.thresholdBps), BigInt(reserve.bonusBps))
  tell('setReserveBorrowing', true)
  tell('setReserveFlashLoaning', true)
  tell('setLiquidationProtocolFee', BigInt(reserve.protocolFeeBps))
}

const setUpReserves = (site: Site, { rates }: Core, pool: Address, configurator: Address): void => {
  const { version, deploy, send, spec, tokens } = site
  const code = version.deployTokens(deploy, pool)
  // One by one: all in one transaction would be more gas than one may take.
  for (const reserve of spec.reserves)
    send(configurator, version.configurator, 'initReserves', [version.reserveInput(tokenOf(tokens, reserve.token), code, rates)])
  for (const reserve of spec.reserves) configure(site, configurator, tokenOf(tokens, reserve.token).address, reserve)
  for (const [index, mode] of spec.eModes.entries()) {
    const members = mode.members.map(symbol => tokenOf(tokens, symbol).address)
    for (const { functionName, args } of version.eModeCalls(index + 1, mode, members))
      send(configurator, version.configurator, functionName, ...args)
  }
}

const describeReserves = async (site: Site, { sources }: Core, pool: Address): Promise<readonly WorldAaveReserve[]> => {
  const { spec, tokens, version } = site
  const tokensOf = await readAll<{ readonly aTokenAddress: string; readonly variableDebtTokenAddress: string }>(
    site,
    spec.reserves.map(reserve => ({
      to: pool,
      contract: version.pool,
      functionName: 'getReserveData',
      args: [tokenOf(tokens, reserve.token).address],
    })),
  )
  return spec.reserves.map((reserve, index) => ({
    spec: reserve,
    token: tokenOf(tokens, reserve.token),
    aToken: lower(tokensOf[index]!.aTokenAddress),
    debtToken: lower(tokensOf[index]!.variableDebtTokenAddress),
    source: sources[index]!,
  }))
}

/** The pool with its reserves and e-modes, and the lab's lens and rig beside it; mines what it queues. Nobody has an account yet. */
export const openAavePool = async (plan: AavePlan): Promise<Omit<WorldAave, 'accounts'>> => {
  const site = createSite(plan)
  const { deployer: from, outbox, spec } = plan
  const core = deployCore(site)
  const lens = outbox.add({ from, to: null, data: LabAaveLens.bytecode, label: 'LabAaveLens' })
  const rig = outbox.add({ from, to: null, data: LabAaveRig.bytecode, label: 'LabAaveRig' })
  await outbox.mine()
  const { provider, oracle } = core
  const [pool, configurator] = (
    await readAll<string>(
      site,
      ['getPool', 'getPoolConfigurator'].map(functionName => ({ to: provider, contract: PROVIDER, functionName, args: [] })),
    )
  ).map(lower)
  setUpReserves(site, core, pool!, configurator!)
  await outbox.mine()
  const reserves = await describeReserves(site, core, pool!)
  return { name: spec.name, spec, pool: pool!, configurator: configurator!, oracle, provider, reserves, lens, rig }
}
