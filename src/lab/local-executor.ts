// Puts an executor contract on a lab chain or fork: owner and operators are accounts made for it. Never used on a real chain (`bulwark deploy`).
import { encodeFunctionData, getContractAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'
import { liquidatorInitCode } from '../executor/deployment'
import { Liquidator } from '../executor/liquidator-artifact'
import { createLocalSigner } from '../executor/signer'
import type { Signer } from '../ports'
import type { LabRpc } from './rpc'

export interface LocalExecutor {
  readonly contract: Address
  readonly owner: Address
  readonly signers: readonly Signer[]
  /** Identity towards the local relay. */
  readonly relayKey: Hex
}

export interface LocalExecutorKeys {
  readonly owner: Address
  readonly operators: readonly Hex[]
  readonly relayKey: Hex
}

/** What each account gets: more than any lab run spends on gas. */
export const OPERATOR_FUNDS_WEI = 1_000n * 10n ** 18n
const quantity = (value: bigint): Hex => `0x${value.toString(16)}`

/** Fresh random keys: they hold money on this one lab chain only. */
export const randomKeys = (operators: number): LocalExecutorKeys => ({
  owner: privateKeyToAccount(generatePrivateKey()).address.toLowerCase() as Address,
  operators: Array.from({ length: operators }, () => generatePrivateKey()),
  relayKey: generatePrivateKey(),
})

/** Where the contract of a fresh owner stands. */
export const localContract = (owner: Address): Address => getContractAddress({ from: owner, nonce: 0n }).toLowerCase() as Address

/** Mines one block with the deployment and the operators' permissions. Rejects with lab-failed where the chain refuses it. */
export const deployLocalExecutor = async (rpc: LabRpc, keys: LocalExecutorKeys): Promise<LocalExecutor> => {
  const { owner } = keys
  const signers = keys.operators.map(createLocalSigner)
  const [nonce] = await rpc.batch<Hex>([
    { method: 'eth_getTransactionCount', params: [owner, 'latest'] },
    { method: 'anvil_impersonateAccount', params: [owner] },
    ...[owner, ...signers.map(signer => signer.address)].map(account => ({
      method: 'anvil_setBalance',
      params: [account, quantity(OPERATOR_FUNDS_WEI)],
    })),
  ])
  const first = BigInt(nonce ?? '0x0')
  const calls = signers.map(signer =>
    encodeFunctionData({ abi: Liquidator.abi, functionName: 'setOperator', args: [signer.address, true] }),
  )
  const deployed = await rpc.request<Hex>('eth_sendTransaction', {
    from: owner,
    data: liquidatorInitCode(owner),
    gas: quantity(8_000_000n),
    nonce: quantity(first),
  })
  const contract = getContractAddress({ from: owner, nonce: first }).toLowerCase() as Address
  await rpc.batch(
    calls.map((data, i) => ({
      method: 'eth_sendTransaction',
      params: [{ from: owner, to: contract, data, gas: quantity(200_000n), nonce: quantity(first + BigInt(i) + 1n) }],
    })),
  )
  await rpc.request('evm_mine')
  const receipt = await rpc.request<{ status: Hex; contractAddress: Address } | null>('eth_getTransactionReceipt', deployed)
  if (receipt?.status !== '0x1')
    throw new KeeperError('lab-failed', 'the local chain refused the executor contract: it may predate EIP-1153 (Cancun)', {
      retryable: false,
    })
  return { contract, owner, signers, relayKey: keys.relayKey }
}
