// Sends many transactions of impersonated accounts as few requests and mines them into blocks. For setting worlds up.
import { getCreateAddress } from 'viem'
import { KeeperError } from '../../core/errors'
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc } from '../rpc'

export interface SetupTransaction {
  readonly from: Address
  /** null creates a contract. */
  readonly to: Address | null
  readonly data: Hex
  readonly valueWei?: bigint
  readonly gas?: bigint
  /** Named when it fails. */
  readonly label: string
}

export interface Outbox {
  /** Queues a transaction. The address is that of the contract it creates, or its `to`. */
  add(transaction: SetupTransaction): Address
  /** Mines everything queued, in order per sender, in blocks 12 s apart. Throws KeeperError 'lab-failed' naming what reverted. */
  mine(): Promise<void>
  /** Gives each account this much of the native token. */
  fund(accounts: readonly Address[], wei: bigint): Promise<void>
}

const GAS = 8_000_000n
const PER_BLOCK = 200
const SLOT_SEC = 12n

export const toQuantity = (value: bigint): Hex => `0x${value.toString(16)}`

interface WireReceipt {
  readonly status: Hex
  readonly transactionHash: Hex
}

/** Runs of consecutive transactions of the same sender. */
const bySender = <T extends { readonly from: Address }>(transactions: readonly T[]): readonly (readonly T[])[] => {
  const groups: T[][] = []
  for (const transaction of transactions) {
    const last = groups.at(-1)
    if (last?.[0]?.from === transaction.from) last.push(transaction)
    else groups.push([transaction])
  }
  return groups
}

export const createOutbox = async (rpc: LabRpc, senders: readonly Address[]): Promise<Outbox> => {
  const count = (account: Address) => ({ method: 'eth_getTransactionCount', params: [account, 'latest'] })
  const known = await rpc.batch<Hex>(senders.map(count))
  const nonces = new Map<Address, bigint>(senders.map((sender, index) => [sender, BigInt(known[index] ?? '0x0')]))
  let queue: (SetupTransaction & { readonly nonce: bigint })[] = []

  const wire = (transaction: SetupTransaction & { readonly nonce: bigint }) => ({
    method: 'eth_sendTransaction',
    params: [
      {
        from: transaction.from,
        ...(transaction.to === null ? {} : { to: transaction.to }),
        data: transaction.data,
        value: toQuantity(transaction.valueWei ?? 0n),
        gas: toQuantity(transaction.gas ?? GAS),
        gasPrice: toQuantity(10_000_000_000n),
        nonce: toQuantity(transaction.nonce),
      },
    ],
  })

  const mineChunk = async (chunk: typeof queue): Promise<void> => {
    const hashes: Hex[] = []
    // Entries of one batch overlap: nonces keep one sender's in order, senders take turns.
    for (const group of bySender(chunk)) hashes.push(...(await rpc.batch<Hex>(group.map(wire))))
    const head = await rpc.request<{ timestamp: Hex }>('eth_getBlockByNumber', 'latest', false)
    await rpc.request('evm_mine', { timestamp: toQuantity(BigInt(head.timestamp) + SLOT_SEC) })
    const receipts = await rpc.request<readonly WireReceipt[]>('eth_getBlockReceipts', 'latest')
    const status = new Map(receipts.map(receipt => [receipt.transactionHash, receipt.status]))
    const bad = chunk.find((_, index) => status.get(hashes[index] ?? '0x') !== '0x1')
    if (bad !== undefined) throw new KeeperError('lab-failed', `setting up the world: ${bad.label} failed`, { retryable: false })
  }

  return {
    add: transaction => {
      const nonce = nonces.get(transaction.from) ?? 0n
      nonces.set(transaction.from, nonce + 1n)
      queue.push({ ...transaction, nonce })
      return transaction.to ?? (getCreateAddress({ from: transaction.from, nonce }).toLowerCase() as Address)
    },
    mine: async () => {
      const work = queue
      queue = []
      for (let start = 0; start < work.length; start += PER_BLOCK) await mineChunk(work.slice(start, start + PER_BLOCK))
    },
    fund: async (accounts, wei) => {
      await rpc.batch(accounts.map(account => ({ method: 'anvil_setBalance', params: [account, toQuantity(wei)] })))
    },
  }
}
