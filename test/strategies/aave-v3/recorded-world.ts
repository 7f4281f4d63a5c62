// A real Aave pool on a local chain, random acts of a few accounts on it, all of it recorded as the conformance suite wants it.

import type { Address, Hex, Log } from '../../../src/core/primitives'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../../src/lab/rpc'
import type { Artifacts } from '../../../src/lab/world/aave/artifact'
import { createRandom, type Random } from '../../../src/lab/world/random'
import { createDeployer, type Deployer } from '../../fixtures/aave-deployer'
import type { AavePool, AaveReserve } from '../../fixtures/aave-pool-v30'
import type { World, WorldBlock } from '../conformance-world'
import { readerOn, toBlock, type WireBlock } from '../morpho-blue/chain'

export interface RecordedWorld extends World {
  readonly pool: AavePool
  stop(): Promise<void>
}

export interface PoolPlan {
  readonly artifacts: Artifacts
  readonly args: readonly string[]
  deploy(deployer: Deployer): Promise<AavePool>
  /** Called once the pool stands. */
  prepare(deployer: Deployer, pool: AavePool): Promise<void>
  /** Name of the configurator's ABI. */
  readonly configurator: string
  readonly acts: number
}

interface WireLog extends Omit<Log, 'blockNumber' | 'logIndex'> {
  readonly blockNumber: Hex
  readonly logIndex: Hex
}

const quantity = (value: bigint): Hex => `0x${value.toString(16)}`

/** All logs, as they come: the suite filters. */
const recordBlock = async (rpc: LabRpc, number: bigint): Promise<WorldBlock> => {
  const at = quantity(number)
  const block = await rpc.request<WireBlock>('eth_getBlockByNumber', at, false)
  const logs = await rpc.request<readonly WireLog[]>('eth_getLogs', { fromBlock: at, toBlock: at })
  return {
    block: toBlock(block),
    logs: logs.map(({ address, topics, data, blockHash, transactionHash, blockNumber, logIndex }) => ({
      address,
      topics,
      data,
      blockHash,
      transactionHash,
      blockNumber: BigInt(blockNumber),
      logIndex: Number(logIndex),
    })),
  }
}

/** Worth about `value` units of base currency; now and then a few token units only. */
const amountOf = ({ price, decimals }: AaveReserve, random: Random): bigint => {
  if (random.unit() < 0.1) return BigInt(1 + Math.floor(random.unit() * 30))
  const value = BigInt(Math.floor(10 ** random.between(10, 13)))
  return (value * 10n ** BigInt(decimals)) / price + 1n
}

/** A large part of what the account may borrow still, in this asset. */
const borrow = async (
  deployer: Deployer,
  { pool, oracle }: AavePool,
  who: Address,
  to: AaveReserve,
  random: Random,
): Promise<void> => {
  const account = await deployer.read<readonly bigint[]>(pool, 'Pool', 'getUserAccountData', who)
  const price = await deployer.read<bigint>(oracle, 'PriceOracle', 'getAssetPrice', to.asset)
  const value = (account[2]! * BigInt(Math.floor(random.between(200, 995)))) / 1_000n
  await deployer.sendAs(who, pool, 'Pool', 'borrow', to.asset, (value * 10n ** BigInt(to.decimals)) / price + 1n, 2, 0, who)
}

/** One act of somebody, which the pool may refuse. */
const act = async (
  deployer: Deployer,
  world: AavePool,
  configuratorAbi: string,
  users: readonly Address[],
  random: Random,
): Promise<void> => {
  const { owner, sendAs, send } = deployer
  const { pool, reserves, oracle, configurator } = world
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.unit() * list.length)]!
  const [who, reserve, other] = [pick(users), pick(reserves), pick(reserves)]
  const { asset } = reserve
  const amount = amountOf(reserve, random)
  const thresholdBps = 7_000n + BigInt(Math.floor(random.between(-300, 300)))
  const price = (reserve.price * BigInt(Math.floor(random.between(8_800, 11_200)))) / 10_000n
  const all = (1n << 256n) - 1n
  const supply = () => sendAs(who, pool, 'Pool', 'supply', asset, amount, who, 0)
  const loan = () => borrow(deployer, world, who, other, random)
  const acts: readonly (() => Promise<void>)[] = [
    supply,
    supply,
    supply,
    loan,
    loan,
    loan,
    loan,
    () => sendAs(who, pool, 'Pool', 'repay', asset, random.unit() < 0.3 ? all : amount / 3n + 1n, 2, who),
    () => sendAs(who, pool, 'Pool', 'withdraw', asset, amount / 5n + 1n, who),
    () => sendAs(who, pool, 'Pool', 'setUserUseReserveAsCollateral', asset, random.unit() < 0.6),
    () => sendAs(who, reserve.aToken, 'MintableERC20', 'transfer', pick(users), amount / 4n + 1n),
    () => sendAs(who, pool, 'Pool', 'setUserEMode', Math.floor(random.unit() * 3)),
    () => sendAs(owner, pool, 'Pool', 'liquidationCall', asset, other.asset, who, amount, random.unit() < 0.2),
    () => send(oracle, 'PriceOracle', 'setAssetPrice', asset, price),
    () => send(configurator, configuratorAbi, 'configureReserveAsCollateral', asset, 6_000n, thresholdBps, reserve.bonusBps),
    () => send(configurator, configuratorAbi, 'setReservePause', asset, random.unit() < 0.2),
  ]
  await pick(acts)()
}

/** Whoever can borrows nearly all they may against what will fall. */
const overstretch = async (
  deployer: Deployer,
  world: AavePool,
  configuratorAbi: string,
  users: readonly Address[],
): Promise<void> => {
  const { send, sendAs, read } = deployer
  const { pool, configurator, reserves } = world
  const [falls, stays] = [reserves[0]!, reserves[1]!]
  for (const { asset } of [falls, stays]) await send(configurator, configuratorAbi, 'setReservePause', asset, false)
  for (const [at, who] of users.entries()) {
    // Three of them against what will fall, the others little against what stays.
    const [from, share] = at < 3 ? [falls, 90n] : [stays, 20n]
    const amount = (10n ** 12n * 10n ** BigInt(from.decimals)) / from.price
    await sendAs(who, pool, 'Pool', 'setUserEMode', 0).catch(() => undefined)
    await sendAs(who, pool, 'Pool', 'supply', from.asset, amount, who, 0)
    await sendAs(who, pool, 'Pool', 'setUserUseReserveAsCollateral', from.asset, true).catch(() => undefined)
    const [, , value] = await read<readonly bigint[]>(pool, 'Pool', 'getUserAccountData', who)
    const debt = (((value! * share) / 100n) * 10n ** BigInt(stays.decimals)) / stays.price
    await sendAs(who, pool, 'Pool', 'borrow', stays.asset, debt, 2, 0, who).catch(() => undefined)
  }
}

/** Prices as they are in the end: two fall, the others rise, so that some accounts are under water. */
const crash = async ({ send }: Deployer, { oracle, reserves }: AavePool): Promise<void> => {
  for (const [at, { asset, price }] of reserves.entries())
    await send(oracle, 'PriceOracle', 'setAssetPrice', asset, (price * [50n, 120n, 70n, 130n][at % 4]!) / 100n)
}

/** What all owe now, by position and token. */
const debtsNow = async (deployer: Deployer, { pool, reserves }: AavePool, accounts: readonly Address[]) => {
  const debts = new Map<string, ReadonlyMap<Address, bigint>>()
  for (const account of accounts) {
    const owed = new Map<Address, bigint>()
    for (const { asset, debtToken } of reserves) {
      const debt = await deployer.read<bigint>(debtToken, 'MintableERC20', 'balanceOf', account)
      if (debt > 0n) owed.set(asset, debt)
    }
    if (owed.size > 0) debts.set(`${pool} ${account}`, owed)
  }
  return debts
}

const WHOLE = 10n ** 9n

const stock = async (
  { owner, send, sendAs }: Deployer,
  { pool, reserves }: AavePool,
  users: readonly Address[],
): Promise<void> => {
  for (const { asset, decimals } of reserves) {
    const amount = WHOLE * 10n ** BigInt(decimals)
    for (const who of [owner, ...users]) {
      await sendAs(who, asset, 'MintableERC20', 'mint', amount)
      await sendAs(who, asset, 'MintableERC20', 'approve', pool, (1n << 256n) - 1n)
    }
    await send(pool, 'Pool', 'supply', asset, amount / 2n, owner, 0)
  }
}

/** Where the pool's code appears. */
const bornAt = async (rpc: LabRpc, pool: Address, head: bigint): Promise<bigint> => {
  let [low, high] = [0n, head]
  while (low < high) {
    const middle = (low + high) / 2n
    if ((await rpc.request<Hex>('eth_getCode', pool, quantity(middle))) === '0x') low = middle + 1n
    else high = middle
  }
  return low
}

const play = async (rpc: LabRpc, plan: PoolPlan, seed: number): Promise<Omit<RecordedWorld, 'stop'>> => {
  const [owner, ...rest] = (await rpc.request<readonly Address[]>('eth_accounts')).map(each => each.toLowerCase() as Address)
  const users = rest.slice(0, 7)
  const deployer = createDeployer(rpc, owner!, plan.artifacts)
  const pool = await plan.deploy(deployer)
  await plan.prepare(deployer, pool)
  await stock(deployer, pool, users)
  const random = createRandom(seed, 'aave conformance')
  for (let done = 0; done < plan.acts; done++) {
    await rpc.request('evm_increaseTime', Math.floor(10 ** random.between(0, done % 10 === 0 ? 6 : 3)))
    // Some are refused: nothing to burn, unhealthy, paused.
    await act(deployer, pool, plan.configurator, users, random).catch(() => undefined)
  }
  await overstretch(deployer, pool, plan.configurator, users)
  await crash(deployer, pool)
  const head = BigInt(await rpc.request<Hex>('eth_blockNumber'))
  const blocks: WorldBlock[] = []
  for (let number = await bornAt(rpc, pool.pool, head); number <= head; number++) blocks.push(await recordBlock(rpc, number))
  await rpc.request('evm_setNextBlockTimestamp', Number(blocks.at(-1)!.block.timestampSec + 12n))
  await rpc.request('evm_mine')
  const debts = await debtsNow(deployer, pool, [owner!, ...users])
  return { pool, blocks, debts, readerAt: block => readerOn(rpc, block) }
}

/** Stop it when done: its answers come from the chain. */
export const recordWorld = async (plan: PoolPlan, seed: number): Promise<RecordedWorld> => {
  const anvil: Anvil = await startAnvil({ args: ['--timestamp', '1700000000', '--order', 'fifo', ...plan.args] })
  const rpc = createLabRpc(anvil.httpUrl)
  const stop = async (): Promise<void> => {
    rpc.close()
    await anvil.stop()
  }
  try {
    return { ...(await play(rpc, plan, seed)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
