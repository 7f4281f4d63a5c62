// Gas of one Morpho liquidation with a direct Uniswap v3 swap: our Liquidator against executooor, on the same snapshot of a real chain.
// executooor gets its cheapest shape: every amount a constant known beforehand, no router, no placeholder but the final skim.
import { bytecode, ExecutorEncoder, executorAbi } from 'executooor-viem'
import { decodeEventLog, encodeAbiParameters, encodeFunctionData, parseAbi } from 'viem'
import type { Address, Hex } from '../src/core/primitives'
import { encodeRun } from '../src/executor/encode'
import { morphoAbi } from '../src/lab/world/abis'
import { calldata, type SentReceipt } from '../test/fixtures/chain-kit'
import {
  buyOwedUsdc,
  createLiquidationWorld,
  ETHER,
  type LiquidationWorld,
  liquidationLeg,
  orderOf,
  SWAP_ABI,
  WETH_ABI,
} from '../test/fixtures/liquidation-world'
import type { Bench, BenchLine } from './bench'

const SEIZED = 5n * ETHER
const SWAP_EVENT = parseAbi([
  'event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)',
])

interface Amounts {
  readonly repaid: bigint
  readonly owedWeth: bigint
}

/** What the liquidation repaid and what the pool took, from our own run's logs: the constants that executooor is given. */
const amountsOf = (receipt: SentReceipt, world: LiquidationWorld): Amounts => {
  const event = (address: Address, abi: typeof SWAP_EVENT | typeof morphoAbi): Readonly<Record<string, unknown>> => {
    for (const log of receipt.logs) {
      if (log.address !== address) continue
      const decoded = decodeEventLog({ abi, data: log.data, topics: [...log.topics] as [Hex, ...Hex[]], strict: false })
      return decoded.args as Readonly<Record<string, unknown>>
    }
    throw new Error(`no event of ${address}`)
  }
  const owedWeth = event(world.pool, SWAP_EVENT)[world.isUsdcToken0 ? 'amount1' : 'amount0'] as bigint
  return { repaid: event(world.morpho, morphoAbi).repaidAssets as bigint, owedWeth }
}

const callsData = (calls: readonly Hex[]): Hex => encodeAbiParameters([{ type: 'bytes[]' }, { type: 'bytes' }], [calls, '0x'])

const executooorData = (world: LiquidationWorld, borrower: Address, executor: Address, amounts: Amounts): Hex => {
  const { morpho, pool, usdc, weth } = world
  const swap = buyOwedUsdc({ ...world, liquidator: executor })
  if (swap.kind !== 'call') throw new Error('a swap is a call')
  const limit = BigInt(`0x${swap.data.slice(10 + 3 * 64, 10 + 4 * 64)}`)
  const pay = ExecutorEncoder.buildErc20Transfer(weth, pool, amounts.owedWeth)
  const swapData = calldata(SWAP_ABI, 'swap', [executor, !world.isUsdcToken0, -amounts.repaid, limit, callsData([pay])])
  const inside = [
    ExecutorEncoder.buildCall(pool, 0n, swapData, { sender: pool, dataIndex: 2n }),
    ExecutorEncoder.buildErc20Approve(usdc, morpho, amounts.repaid),
  ]
  const liquidate = calldata(morphoAbi, 'liquidate', [world.params, borrower, SEIZED, 0n, callsData(inside)])
  const balanceOf = encodeFunctionData({ abi: WETH_ABI, functionName: 'balanceOf', args: [executor] })
  const skim = ExecutorEncoder.buildCall(weth, 0n, calldata(WETH_ABI, 'transfer', [world.owner, 0n]), undefined, [
    { to: weth, data: balanceOf, offset: 4n + 32n, length: 32n, resOffset: 0n },
  ])
  const calls = [ExecutorEncoder.buildCall(morpho, 0n, liquidate, { sender: morpho, dataIndex: 1n }), skim]
  return encodeFunctionData({ abi: executorAbi, functionName: 'exec_606BaXt', args: [calls] })
}

const succeeded = (receipt: SentReceipt, who: string): SentReceipt => {
  if (receipt.status !== 'success') throw new Error(`${who} failed to liquidate`)
  return receipt
}

/** Gas used by ours and by executooor; both leave the same profit with the same owner, who holds WETH already. */
const measure = async (world: LiquidationWorld): Promise<{ readonly ours: bigint; readonly theirs: bigint }> => {
  const { kit, owner, operator, liquidator, weth } = world
  const executor = await kit.deploy({ abi: executorAbi, bytecode: bytecode as Hex }, [operator])
  await kit.act(weth, calldata(WETH_ABI, 'deposit'), { from: owner, value: ETHER })
  const [first, second] = world.borrowers as [Address, Address]
  // One run of each before the measured one: no slot of either is written for the first time.
  const warmUp = succeeded(
    await kit.send(liquidator, encodeRun(orderOf(world), [liquidationLeg(world, first)]), { from: operator }),
    'our first run',
  )
  const start = await kit.snapshot()
  const ours = succeeded(
    await kit.send(liquidator, encodeRun(orderOf(world), [liquidationLeg(world, second)]), { from: operator }),
    'ours',
  )
  const amounts = amountsOf(ours, world)
  const profit = await kit.read(weth, WETH_ABI, 'balanceOf', [owner])
  await kit.revert(start)
  const theirs = succeeded(
    await kit.send(executor, executooorData(world, second, executor, amounts), { from: operator }),
    'executooor',
  )
  if ((await kit.read(weth, WETH_ABI, 'balanceOf', [owner])) !== profit) throw new Error('the two did not earn the same')
  if (warmUp.status !== 'success') throw new Error('warm-up failed')
  return { ours: ours.gasUsed, theirs: theirs.gasUsed }
}

const run = async (): Promise<BenchLine> => {
  const world = await createLiquidationWorld(2)
  try {
    const { ours, theirs } = await measure(world)
    const ratio = Number((10_000n * ours) / theirs) / 10_000
    const result = { what: 'morpho_liquidation_gas', value: Number(ours), unit: 'gas', baseline: Number(theirs), ratio }
    return { bench: 'gas', results: [result] }
  } finally {
    await world.kit.stop()
  }
}

export const gasBench: Bench = {
  name: 'gas',
  describe: 'one Morpho liquidation with a direct Uniswap v3 swap: our Liquidator against executooor',
  run,
}
