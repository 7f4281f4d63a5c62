// Deploys and calls contracts on a chain that mines at once, one transaction after the other, and insists that each succeeds.
import { decodeFunctionResult, type Hex } from 'viem'
import { KeeperError } from '../../../core/errors'
import type { Address } from '../../../core/primitives'
import type { LabRpc } from '../../rpc'
import { type Artifact, type Artifacts, callData, creationCode } from './artifact'

export interface Deployer {
  readonly artifacts: Artifacts
  readonly owner: Address
  /** Deploys by name; libraries deployed before are linked by their names. */
  deploy(name: string, ...args: readonly unknown[]): Promise<Address>
  /** Sends a call as the owner. `name` says whose ABI. */
  send(to: Address, name: string, functionName: string, ...args: readonly unknown[]): Promise<void>
  sendAs(from: Address, to: Address, name: string, functionName: string, ...args: readonly unknown[]): Promise<void>
  read<T>(to: Address, name: string, functionName: string, ...args: readonly unknown[]): Promise<T>
}

interface WireReceipt {
  readonly status: Hex
  readonly contractAddress: Hex | null
}

const GAS = '0xe4e1c0' // 15 M: the cap of one transaction on the newest forks is a little above.

/** Times to ask for a receipt: anvil may answer a send just before its block. */
const PATIENCE = 200

export const createDeployer = (rpc: LabRpc, owner: Address, artifacts: Artifacts): Deployer => {
  const known: Record<string, Address> = {}
  const mined = async (transaction: Readonly<Record<string, unknown>>, what: string): Promise<WireReceipt> => {
    const hash = await rpc.request<Hex>('eth_sendTransaction', { gas: GAS, ...transaction })
    for (let tries = 0; tries < PATIENCE; tries++) {
      const receipt = await rpc.request<WireReceipt | null>('eth_getTransactionReceipt', hash)
      if (receipt?.status === '0x1') return receipt
      if (receipt !== null) break
    }
    throw new KeeperError('lab-failed', `${what} failed`, { retryable: false })
  }
  const read = async <T>(to: Address, artifact: Artifact, functionName: string, args: readonly unknown[]): Promise<T> => {
    const data = await rpc.request<Hex>('eth_call', { to, data: callData(artifact, functionName, args) }, 'latest')
    return decodeFunctionResult({ abi: artifact.abi, functionName, data }) as T
  }
  return {
    artifacts,
    owner,
    deploy: async (name, ...args) => {
      const data = creationCode(artifacts(name), known, args)
      const { contractAddress } = await mined({ from: owner, data }, `deploying ${name}`)
      const address = (contractAddress ?? '0x').toLowerCase() as Address
      known[name] = address
      return address
    },
    send: async (to, name, functionName, ...args) => {
      await mined({ from: owner, to, data: callData(artifacts(name), functionName, args) }, `${name}.${functionName}`)
    },
    sendAs: async (from, to, name, functionName, ...args) => {
      await mined({ from, to, data: callData(artifacts(name), functionName, args) }, `${name}.${functionName}`)
    },
    read: (to, name, functionName, ...args) => read(to, artifacts(name), functionName, args),
  }
}
