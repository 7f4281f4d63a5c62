// Plays rounds on a world whose blocks nobody builds but the chain itself: the unattended run, and tests.
import { KeeperError } from '../../core/errors'
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
  readonly transactions: readonly Hex[]
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

/** Mines `calls` in their order as the next block and gives its header. Throws KeeperError 'lab-failed' if one is not in it. */
export const mineCalls = async (
  world: Pick<World, 'rpc'>,
  calls: readonly UnsignedCall[],
  timestampSec: bigint,
): Promise<LabBlock> => {
  // Three requests: entries of one batch overlap, so neither mining nor reading may share one with what must come before.
  const hashes = await world.rpc.batch<Hex>(calls.map(sendCall))
  await world.rpc.request('evm_mine', { timestamp: toQuantity(timestampSec) })
  const block = await world.rpc.request<WireBlock>('eth_getBlockByNumber', 'latest', false)
  if (hashes.some((hash, index) => block.transactions[index] !== hash)) {
    throw new KeeperError('lab-failed', `block ${BigInt(block.number)} does not hold what was sent for it`, { retryable: false })
  }
  return toBlock(block)
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
