// Builds a world of a spec on a fresh local chain: real contracts, pools, markets and positions. Same spec and seed, same world.
import { concatHex, encodeDeployData, encodeFunctionData, type Hex as ViemHex } from 'viem'
import type { Address, Hex } from '../../core/primitives'
import type { Anvil } from '../anvil'
import { pricesAt } from '../prices/rounds'
import { createLabRpc, type LabRpc } from '../rpc'
import { openAccounts } from './aave/accounts'
import { openAavePool } from './aave/open-pool'
import { tokenAbi } from './abis'
import { officialBytecode } from './contracts'
import { feedAnswer } from './feeds'
import { LabAggregator, LabBlockFiller, LabLens, LabMarketMaker, LabRefereeRig } from './lab-artifacts'
import { openMarkets } from './markets'
import { createOutbox, type Outbox, toQuantity } from './outbox'
import { openPools } from './pools'
import { seededAddress } from './random'
import { checkSpec, type WorldSpec } from './spec'
import { deployTokens } from './tokens'
import type { World, WorldAave, WorldActors, WorldContracts, WorldFeed } from './world'

/** Flags that a world's chain needs. Its clock starts a day before the recorded prices. */
export const worldAnvilArgs = (spec: WorldSpec): readonly string[] => [
  '--no-mining',
  '--order',
  'fifo',
  '--prune-history',
  '500',
  '--gas-limit',
  String(spec.blockGasLimit),
  '--timestamp',
  String(spec.prices.startSec - 86_400),
]

const SETUP_GAS_LIMIT = 10n ** 12n
const RICH_WEI = 10n ** 27n
const DEPLOY_GAS = 12_000_000n

interface Deployer {
  readonly from: Address
  deploy(label: string, bytecode: Hex, args?: Hex): Address
}

const deployerOf = (outbox: Outbox, from: Address): Deployer => ({
  from,
  deploy: (label, bytecode, args = '0x') =>
    outbox.add({ from, to: null, data: concatHex([bytecode, args]), gas: DEPLOY_GAS, label }),
})

const word = (address: Address): Hex => `0x${address.slice(2).padStart(64, '0')}`
const words = (...addresses: readonly Address[]): Hex => concatHex(addresses.map(word)) as ViemHex

const deployContracts = ({ deploy, from }: Deployer, wrappedNative: Address): WorldContracts => {
  const factory = deploy('UniswapV3Factory', officialBytecode('UniswapV3Factory'))
  const morpho = deploy('Morpho', officialBytecode('Morpho'), word(from))
  return {
    morpho,
    wrappedNative,
    factory,
    irm: deploy('AdaptiveCurveIrm', officialBytecode('AdaptiveCurveIrm'), word(morpho)),
    router: deploy('SwapRouter', officialBytecode('SwapRouter'), words(factory, wrappedNative)),
    quoter: deploy('QuoterV2', officialBytecode('QuoterV2'), words(factory, wrappedNative)),
    marketMaker: deploy('LabMarketMaker', LabMarketMaker.bytecode),
    lens: deploy('LabLens', LabLens.bytecode),
    filler: deploy('LabBlockFiller', LabBlockFiller.bytecode),
    refereeRig: deploy('LabRefereeRig', LabRefereeRig.bytecode),
  }
}

const deployFeeds = (spec: WorldSpec, { deploy }: Deployer): readonly WorldFeed[] => {
  const prices = pricesAt(spec.prices, spec.openAtBar)
  return spec.feeds.map(feed => {
    const { abi, bytecode } = LabAggregator
    const args = [feed.decimals, feed.id, feedAnswer(feed, prices)] as const
    return { ...feed, address: deploy(feed.id, encodeDeployData({ abi, bytecode, args })) }
  })
}

const actorsOf = (seed: number): WorldActors => ({
  deployer: seededAddress(seed, 'deployer'),
  feedNode: seededAddress(seed, 'feed node'),
  arbitrageur: seededAddress(seed, 'arbitrageur'),
  crowd: seededAddress(seed, 'crowd'),
})

/** The last block of the set-up: at the opening time, at the quiet base fee, under the spec's gas limit. */
const openingBlock = async (rpc: LabRpc, spec: WorldSpec): Promise<bigint> => {
  const head = await rpc.request<{ timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)
  const planned = BigInt(spec.prices.startSec + (spec.openAtBar + 1) * spec.prices.barSec)
  const startSec = planned > BigInt(head.timestamp) ? planned : BigInt(head.timestamp) + 12n
  const fee = spec.baseFee?.quietWei ?? 10n ** 9n
  await rpc.batch([
    { method: 'evm_setBlockGasLimit', params: [toQuantity(spec.blockGasLimit)] },
    { method: 'anvil_setNextBlockBaseFeePerGas', params: [toQuantity(fee)] },
  ])
  await rpc.request('evm_mine', { timestamp: toQuantity(startSec) })
  return startSec
}

/**
 * Builds the world on `anvil`, which must be fresh and started with `worldAnvilArgs`; takes 1-3 s for some hundred positions.
 * Accounts are impersonated from then on. Throws RangeError for a spec that contradicts itself, KeeperError 'lab-failed' else.
 */
export const createWorld = async (anvil: Pick<Anvil, 'httpUrl'>, spec: WorldSpec, seed: number): Promise<World> => {
  checkSpec(spec)
  const rpc = createLabRpc(anvil.httpUrl)
  const actors = actorsOf(seed)
  const { deployer, feedNode, arbitrageur, crowd } = actors
  const [chainId, headNumber] = await rpc.batch<Hex>([
    { method: 'eth_chainId', params: [] },
    { method: 'eth_blockNumber', params: [] },
    { method: 'anvil_autoImpersonateAccount', params: [true] },
    { method: 'evm_setBlockGasLimit', params: [toQuantity(SETUP_GAS_LIMIT)] },
  ])
  const outbox = await createOutbox(rpc, [deployer, feedNode])
  await outbox.fund([deployer, feedNode, arbitrageur, crowd], RICH_WEI)
  const feeds = deployFeeds(spec, deployerOf(outbox, feedNode))
  await outbox.mine()

  const founder = deployerOf(outbox, deployer)
  const tokens = deployTokens(spec, founder.deploy)
  const wrapped = tokens.find(token => token.kind.kind === 'wrapped-native')!
  const contracts = deployContracts(founder, wrapped.address)
  await outbox.mine()
  const send = (to: Address, data: Hex, label: string, valueWei = 0n): void =>
    void outbox.add({ from: deployer, to, data, label, valueWei })
  send(wrapped.address, encodeFunctionData({ abi: tokenAbi, functionName: 'deposit' }), 'deposit', RICH_WEI / 2n)
  const pools = openPools({ spec, tokens, contracts, send })
  const markets = await openMarkets({ spec, seed, tokens, feeds, contracts, deployer, outbox })
  const aave: WorldAave[] = []
  const accountsPlan = { seed, prices: pricesAt(spec.prices, spec.openAtBar), flashLender: contracts.morpho, deployer, outbox }
  for (const each of spec.aave ?? []) {
    const opened = await openAavePool({ spec: each, tokens, feeds, deployer, outbox, rpc })
    aave.push(await openAccounts({ ...accountsPlan, aave: opened }))
  }
  const startSec = await openingBlock(rpc, spec)
  return {
    spec,
    seed,
    rpc,
    chainId: Number(chainId),
    contracts,
    actors,
    tokens,
    feeds,
    markets,
    aave,
    pools,
    fromBlock: BigInt(headNumber ?? '0x0') + 1n,
    startSec,
  }
}
