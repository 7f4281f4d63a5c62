// An official Aave pool with drawn accounts on a fresh local chain, a book that follows it, and calls tried in a block to come.
import { decodeEventLog, encodeFunctionData, parseAbi } from 'viem'
import { createChain } from '../../../src/chain/chain'
import { MAX_UINT256 } from '../../../src/core/fixed-point'
import type { Address, Block, Hex, TargetBlock } from '../../../src/core/primitives'
import type { Step } from '../../../src/core/program'
import type { Book, Scope } from '../../../src/core/strategy'
import { startAnvil } from '../../../src/lab/anvil'
import { aaveActionsAbi } from '../../../src/lab/world/aave/accounts'
import { createWorld, worldAnvilArgs } from '../../../src/lab/world/create-world'
import { aaveWorld } from '../../../src/lab/world/demo-world'
import { LabAggregator, LabToken } from '../../../src/lab/world/lab-artifacts'
import type { World, WorldAave, WorldAaveReserve } from '../../../src/lab/world/world'
import { type Chain, readerAt } from '../../../src/ports'
import { aaveV3, configSchema } from '../../../strategies/aave-v3/strategy'
import { createFakeLog, createFakeMeter } from '../../fakes/store'

export const EVERYTHING: Scope = { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} }

export interface Tried {
  readonly paid: bigint
  readonly received: bigint
}

export interface PoolBook {
  readonly world: World
  readonly aave: WorldAave
  readonly chain: Chain
  readonly book: Book
  newBook(scope?: Scope, fromBlock?: bigint): Book
  /** Feeds post their opening prices times `factors`, by feed; a block later the book has followed. `gapSec`: the block's distance. */
  move(factors: Readonly<Record<string, number>>, gapSec: number): Promise<Block>
  /** Folds everything up to the head, bootstraps, reads prices. */
  follow(book: Book): Promise<Block>
  /** What the calls among `steps` take and give, one after the other in block `target`; null where one of them reverts. */
  attempt(steps: readonly Step[], parent: Block, target: TargetBlock): Promise<Tried | null>
  /** What the reserve can hand out. */
  liquidityOf(reserve: WorldAaveReserve): Promise<bigint>
  /** Owes nothing until it borrows. */
  readonly debtor: Address
  /** The debtor supplies one reserve and borrows of another; no block is mined. */
  borrow(supplied: WorldAaveReserve, supplyAssets: bigint, borrowed: WorldAaveReserve, borrowAssets: bigint): Promise<void>
  /** Runs `act` and takes back, on chain and in the book, whatever it did. */
  apart(act: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

const poolAbi = parseAbi([
  'event LiquidationCall(address indexed collateralAsset, address indexed debtAsset, address indexed user, uint256 debtToCover, uint256 liquidatedCollateralAmount, address liquidator, bool receiveAToken)',
])
const wethAbi = parseAbi(['function deposit() payable'])
const readAbi = parseAbi([
  'function balanceOf(address owner) view returns (uint256)',
  'function getVirtualUnderlyingBalance(address asset) view returns (uint128)',
])
const GAS = 3_000_000n
const ETHER = 10n ** 18n

export const targetAfter = ({ number, timestampSec }: Block): TargetBlock => ({
  number: number + 1n,
  timestampSec: timestampSec + 12n,
  baseFeePerGasWei: 0n,
})

const followUp = async (chain: Chain, book: Book, from: bigint | null): Promise<Block> => {
  const head = await chain.blockByTag('latest')
  if (from === null)
    for (const log of await chain.logsInRange(book.fromBlock ?? 0n, head.number, book.historyFilters())) book.fold(log)
  else
    for (let number = from + 1n; number <= head.number; number++) {
      const block = (await chain.blockByNumber(number))!
      book.beginBlock?.(block)
      for (const log of await chain.logsOfBlock(block.hash, book.filters())) book.fold(log)
    }
  const reader = readerAt(chain, head)
  for (let round = 0; book.needsBootstrap() && round < 8; round++) await book.bootstrap(reader)
  book.acceptReads(head, await reader.read(book.blockReads()))
  return head
}

/** The liquidator holds plenty of everything, and the pool may take it. */
const enrich = async (world: World, aave: WorldAave, liquidator: Address): Promise<void> => {
  const calls = aave.reserves.flatMap(({ token }) => {
    const mint =
      token.kind.kind === 'wrapped-native'
        ? { data: encodeFunctionData({ abi: wethAbi, functionName: 'deposit' }), value: `0x${(10n ** 7n * ETHER).toString(16)}` }
        : { data: encodeFunctionData({ abi: LabToken.abi, functionName: 'mint', args: [liquidator, 1n << 100n] }) }
    const approve = encodeFunctionData({ abi: LabToken.abi, functionName: 'approve', args: [aave.pool, MAX_UINT256] })
    return [mint, { data: approve }].map(each => ({ from: liquidator, to: token.address, gas: '0x30d40', ...each }))
  })
  await world.rpc.request('anvil_setBalance', liquidator, `0x${(10n ** 8n * ETHER).toString(16)}`)
  for (const call of calls) await world.rpc.request('eth_sendTransaction', call)
  await world.rpc.request('evm_mine')
}

/** A pool of `version` with `count` accounts. */
export const openPoolBook = async (version: 'v3.0' | 'v3.6', count: number, seed: number): Promise<PoolBook> => {
  const spec = aaveWorld(count, version)
  const anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  const world = await createWorld(anvil, spec, seed)
  const [aave] = world.aave as readonly [WorldAave]
  const chain = await createChain({
    id: world.chainId,
    rpcUrls: [anvil.httpUrl],
    log: createFakeLog(),
    meter: createFakeMeter(),
    requestsPerSecond: 100_000,
  })
  const liquidator: Address = `0x${'1a'.repeat(20)}`
  const debtor: Address = `0x${'2b'.repeat(20)}`
  await enrich(world, aave, liquidator)
  await enrich(world, aave, debtor)
  const newBook = (scope = EVERYTHING, fromBlock = world.fromBlock): Book =>
    aaveV3.createBook(configSchema.parse({ address: aave.pool, fromBlock: Number(fromBlock) }), scope)
  const followed = new Map<Book, bigint>()
  const follow = async (book: Book): Promise<Block> => {
    const head = await followUp(chain, book, followed.get(book) ?? null)
    followed.set(book, head.number)
    return head
  }
  const book = newBook()
  const opening = new Map<Address, bigint>()
  for (const { address } of world.feeds) {
    const data = encodeFunctionData({ abi: LabAggregator.abi, functionName: 'latestAnswer' })
    opening.set(address, BigInt(await world.rpc.request<Hex>('eth_call', { to: address, data }, 'latest')))
  }
  const move = async (factors: Readonly<Record<string, number>>, gapSec: number): Promise<Block> => {
    for (const { id, address } of world.feeds) {
      const factor = factors[id]
      if (factor === undefined) continue
      const answer = (opening.get(address)! * BigInt(Math.round(factor * 1e6))) / 1_000_000n
      const data = encodeFunctionData({ abi: LabAggregator.abi, functionName: 'submit', args: [answer] })
      await world.rpc.request('eth_sendTransaction', { from: world.actors.feedNode, to: address, data, gas: '0x30d40' })
    }
    const { timestampSec } = await chain.blockByTag('latest')
    await world.rpc.request('evm_mine', { timestamp: `0x${(timestampSec + BigInt(gapSec)).toString(16)}` })
    return await follow(book)
  }
  const attempt = async (steps: readonly Step[], parent: Block, target: TargetBlock): Promise<Tried | null> => {
    const calls = steps.flatMap(step => (step.kind === 'call' ? [{ to: step.to, data: step.data }] : []))
    const results = await chain.simulate(
      calls.map(call => ({ from: liquidator, ...call, gas: GAS, maxFeePerGasWei: 0n, maxPriorityFeePerGasWei: 0n })),
      parent,
      target,
    )
    if (results.some(({ status }) => status === 'reverted')) return null
    const ends = results.flatMap(({ logs }) =>
      logs.flatMap(({ address, data, topics }) => {
        if (address !== aave.pool) return []
        try {
          return [decodeEventLog({ abi: poolAbi, data, topics: [...topics] as [Hex, ...Hex[]] }).args]
        } catch {
          return []
        }
      }),
    )
    return {
      paid: ends.reduce((sum, { debtToCover }) => sum + debtToCover, 0n),
      received: ends.reduce((sum, { liquidatedCollateralAmount }) => sum + liquidatedCollateralAmount, 0n),
    }
  }
  const liquidityOf = async ({ token, aToken }: WorldAaveReserve): Promise<bigint> => {
    const [to, data] =
      version === 'v3.0'
        ? [token.address, encodeFunctionData({ abi: readAbi, functionName: 'balanceOf', args: [aToken] })]
        : [aave.pool, encodeFunctionData({ abi: readAbi, functionName: 'getVirtualUnderlyingBalance', args: [token.address] })]
    return BigInt(await world.rpc.request<Hex>('eth_call', { to, data }, 'latest'))
  }
  const borrow: PoolBook['borrow'] = async (supplied, supplyAssets, borrowed, borrowAssets) => {
    const calls = [
      encodeFunctionData({
        abi: aaveActionsAbi,
        functionName: 'supply',
        args: [supplied.token.address, supplyAssets, debtor, 0],
      }),
      encodeFunctionData({
        abi: aaveActionsAbi,
        functionName: 'borrow',
        args: [borrowed.token.address, borrowAssets, 2n, 0, debtor],
      }),
    ]
    for (const data of calls)
      await world.rpc.request('eth_sendTransaction', { from: debtor, to: aave.pool, data, gas: '0x16e360' })
  }
  const apart = async (act: () => Promise<void>): Promise<void> => {
    const snapshot = await world.rpc.request<Hex>('evm_snapshot')
    const { number } = await chain.blockByTag('latest')
    await act()
    await world.rpc.request('evm_revert', snapshot)
    book.undo(number + 1n)
    followed.set(book, number)
  }
  const close = async (): Promise<void> => {
    await chain.close()
    world.rpc.close()
    await anvil.stop()
  }
  return { world, aave, chain, book, newBook, move, follow, attempt, liquidityOf, debtor, borrow, apart, close }
}
