// The executor contract on one chain: there or deployed now, with its operators and its recipient. Public transactions of one key.
import { decodeFunctionResult, encodeFunctionData, keccak256 } from 'viem'
import type { Transport } from '../chain/transport'
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'
import { deploymentCall, LIQUIDATOR_RUNTIME_HASH, liquidatorAddress, TRANSIENT_PROBE } from '../executor/deployment'
import { Liquidator } from '../executor/liquidator-artifact'
import { ensureCreate2Deployer } from './create2-deployer'
import type { Mined, Sender } from './sender'

export interface SetupWish {
  readonly chainId: number
  readonly owner: Address
  readonly operators: readonly Address[]
  /** Null: as it is. */
  readonly recipient: Address | null
}

export interface SetupReport {
  readonly address: Address
  readonly status: 'deployed' | 'already-there'
  readonly transactions: readonly (Mined & { readonly what: string })[]
  /** What only the owner can do and this key is not: calls for the owner to make. */
  readonly pending: readonly { readonly what: string; readonly to: Address; readonly data: Hex }[]
}

const { abi } = Liquidator

/** Rejects with no-transient-storage unless the chain has EIP-1153. */
export const requireTransientStorage = async (transport: Transport, chainId: number): Promise<void> => {
  const answer = await transport.call('eth_call', [{ data: TRANSIENT_PROBE }, 'latest']).catch((error: unknown) => {
    if (error instanceof KeeperError && error.code === 'rpc-refused') return '0x'
    throw error
  })
  if (typeof answer === 'string' && answer.length > 2 && BigInt(answer) === 1n) return
  throw new KeeperError(
    'no-transient-storage',
    `chain ${chainId} has no transient storage (EIP-1153, Ethereum's Cancun upgrade): the executor contract can't work there.`,
    { retryable: false },
  )
}

const isThere = async (transport: Transport, address: Address): Promise<boolean> => {
  const code = (await transport.call('eth_getCode', [address, 'latest'])) as Hex
  if (code === '0x') return false
  if (keccak256(code) === LIQUIDATOR_RUNTIME_HASH) return true
  throw new KeeperError('no-code', `what stands at ${address} is not this version's executor contract`, { retryable: false })
}

const view = async (transport: Transport, to: Address, data: Hex): Promise<Hex> =>
  (await transport.call('eth_call', [{ to, data }, 'latest'])) as Hex

const ownerOf = async (transport: Transport, contract: Address): Promise<Address> => {
  const data = await view(transport, contract, encodeFunctionData({ abi, functionName: 'owner' }))
  return decodeFunctionResult({ abi, functionName: 'owner', data }).toLowerCase() as Address
}

/** The owner's calls that are still to be made. */
const missingCalls = async (transport: Transport, contract: Address, wish: SetupWish): Promise<SetupReport['pending']> => {
  const calls: { what: string; to: Address; data: Hex }[] = []
  for (const operator of wish.operators) {
    const data = await view(transport, contract, encodeFunctionData({ abi, functionName: 'isOperator', args: [operator] }))
    if (decodeFunctionResult({ abi, functionName: 'isOperator', data })) continue
    const call = encodeFunctionData({ abi, functionName: 'setOperator', args: [operator, true] })
    calls.push({ what: `allow operator ${operator}`, to: contract, data: call })
  }
  const data = await view(transport, contract, encodeFunctionData({ abi, functionName: 'recipient' }))
  const recipient = decodeFunctionResult({ abi, functionName: 'recipient', data }).toLowerCase()
  if (wish.recipient !== null && wish.recipient !== recipient) {
    const call = encodeFunctionData({ abi, functionName: 'setRecipient', args: [wish.recipient] })
    calls.push({ what: `pay profit to ${wish.recipient}`, to: contract, data: call })
  }
  return calls
}

/** Makes it so; what is so already costs nothing. Rejects with no-transient-storage, no-funds, rpc-refused, rpc-failed, no-code. */
export const setUpExecutor = async (transport: Transport, sender: Sender, wish: SetupWish): Promise<SetupReport> => {
  await requireTransientStorage(transport, wish.chainId)
  const address = liquidatorAddress(wish.owner)
  const transactions: (Mined & { readonly what: string })[] = []
  const wasThere = await isThere(transport, address)
  if (!wasThere) {
    await ensureCreate2Deployer(transport, wish.chainId, sender)
    const what = 'deploy the executor'
    transactions.push({ what, ...(await sender.send({ ...deploymentCall(wish.owner), what })) })
    if (!(await isThere(transport, address)))
      throw new KeeperError('no-code', `the deployment was mined, but ${address} has no code on chain ${wish.chainId}`, {
        retryable: false,
      })
  }
  const calls = await missingCalls(transport, address, wish)
  const status = wasThere ? 'already-there' : 'deployed'
  if ((await ownerOf(transport, address)) !== sender.address) return { address, status, transactions, pending: calls }
  for (const { what, to, data } of calls) transactions.push({ what, ...(await sender.send({ to, data, what })) })
  return { address, status, transactions, pending: [] }
}
