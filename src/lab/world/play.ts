// Plays rounds on a world whose blocks nobody builds but the chain itself: the unattended run, and tests.
import type { Address, Hex } from '../../core/primitives'
import type { UnsignedCall } from '../builder/transaction'
import { playRounds, type Round } from '../prices/rounds'
import { toQuantity } from './outbox'
import { roundTimestamp, roundTransactions } from './transactions'
import type { World } from './world'

/** A header as the lab needs it. */
export interface LabBlock {
  readonly number: bigint
  readonly hash: Hex
  readonly timestampSec: bigint
  readonly baseFeePerGasWei: bigint
  readonly gasUsed: bigint
  readonly gasLimit: bigint
}

interface WireBlock {
  readonly number: Hex
  readonly hash: Hex
  readonly timestamp: Hex
  readonly baseFeePerGas: Hex
  readonly gasUsed: Hex
  readonly gasLimit: Hex
}

const toBlock = (wire: WireBlock): LabBlock => ({
  number: BigInt(wire.number),
  hash: wire.hash,
  timestampSec: BigInt(wire.timestamp),
  baseFeePerGasWei: BigInt(wire.baseFeePerGas),
  gasUsed: BigInt(wire.gasUsed),
  gasLimit: BigInt(wire.gasLimit),
})

/** The header of the newest block. */
export const readHead = async (world: Pick<World, 'rpc'>): Promise<LabBlock> =>
  toBlock(await world.rpc.request<WireBlock>('eth_getBlockByNumber', 'latest', false))

const UNBOUND_FEE_WEI = 10n ** 12n

const sendCall = (call: UnsignedCall) => ({
  method: 'eth_sendTransaction',
  params: [
    {
      from: call.from,
      to: call.to ?? undefined,
      data: call.data ?? '0x',
      value: toQuantity(call.valueWei ?? 0n),
      gas: toQuantity(call.gas ?? 2_000_000n),
      maxFeePerGas: toQuantity(call.maxFeePerGasWei ?? UNBOUND_FEE_WEI),
      maxPriorityFeePerGas: toQuantity(call.maxPriorityFeePerGasWei ?? 0n),
    },
  ],
})

/** Mines `calls` in their order as the next block and gives its header. */
export const mineCalls = async (
  world: Pick<World, 'rpc'>,
  calls: readonly UnsignedCall[],
  timestampSec: bigint,
): Promise<LabBlock> => {
  // Two requests: entries of one batch may overlap, and the block must not be mined before its transactions are in.
  await world.rpc.batch(calls.map(sendCall))
  const replies = await world.rpc.batch<unknown>([
    { method: 'evm_setNextBlockTimestamp', params: [toQuantity(timestampSec)] },
    { method: 'evm_mine', params: [] },
    { method: 'eth_getBlockByNumber', params: ['latest', false] },
  ])
  return toBlock(replies[2] as WireBlock)
}

/** One round as one block, mined plainly. */
export const mineRound = async (world: World, round: Round, parent: LabBlock): Promise<LabBlock> =>
  mineCalls(world, roundTransactions(world, round, parent), roundTimestamp(world, round))

/** The rounds of a world's own prices, from its opening on. */
export const worldRounds = (world: Pick<World, 'spec'>, toBar?: number): Generator<Round> =>
  playRounds(world.spec.prices, world.spec.feeds, { fromBar: world.spec.openAtBar, ...(toBar === undefined ? {} : { toBar }) })

/** Lets a lab user pay for gas. */
export const fundAccount = async (world: Pick<World, 'rpc'>, account: Address, wei: bigint): Promise<void> => {
  await world.rpc.request('anvil_setBalance', account, toQuantity(wei))
}
