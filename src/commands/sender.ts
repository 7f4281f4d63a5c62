// Public transactions of one key, one after the other: for `bulwark deploy` only. The keeper never sends this way.
import { keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Transport } from '../chain/transport'
import type { Secret } from '../config/secret'
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'

export interface Mined {
  readonly hash: Hex
  readonly gasUsed: bigint
  readonly costWei: bigint
}

export interface Outgoing {
  readonly to: Address
  readonly data: Hex
  readonly valueWei?: bigint
  /** For messages: "deploy the executor". */
  readonly what: string
}

export interface Sender {
  readonly address: Address
  /** Sends and waits until it is mined. Rejects with no-funds, rpc-refused (also where it reverted), rpc-failed. */
  send(transaction: Outgoing): Promise<Mined>
  /** Publishes a signed transaction of anybody's and waits until it is mined. */
  publish(raw: Hex, what: string): Promise<Mined>
}

const POLL_MS = 400
const WAIT_MS = 240_000
/** Gas limit over the estimate. */
const GAS_MARGIN = { numerator: 12n, denominator: 10n }

interface RawReceipt {
  readonly status: Hex
  readonly gasUsed: Hex
  readonly effectiveGasPrice?: Hex
}

type Fees =
  | { readonly type: 'legacy'; readonly gasPrice: bigint }
  | { readonly type: 'eip1559'; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

const quantity = (value: bigint): Hex => `0x${value.toString(16)}`
const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
const refused = (message: string, cause?: unknown): KeeperError =>
  new KeeperError('rpc-refused', message, { retryable: false, cause })
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const feesNow = async (transport: Transport): Promise<Fees> => {
  const head = (await transport.call('eth_getBlockByNumber', ['latest', false])) as { readonly baseFeePerGas?: Hex }
  if (head.baseFeePerGas === undefined)
    return { type: 'legacy', gasPrice: BigInt((await transport.call('eth_gasPrice', [])) as Hex) }
  const tip = BigInt((await transport.call('eth_maxPriorityFeePerGas', [])) as Hex)
  return { type: 'eip1559', maxFeePerGas: 2n * BigInt(head.baseFeePerGas) + tip, maxPriorityFeePerGas: tip }
}

const mined = async (transport: Transport, hash: Hex, what: string): Promise<Mined> => {
  const endMs = performance.now() + WAIT_MS
  while (performance.now() < endMs) {
    const receipt = (await transport.call('eth_getTransactionReceipt', [hash])) as RawReceipt | null
    if (receipt !== null) {
      if (BigInt(receipt.status) !== 1n) throw refused(`the transaction to ${what} (${hash}) was mined but reverted`)
      const gasUsed = BigInt(receipt.gasUsed)
      return { hash, gasUsed, costWei: gasUsed * BigInt(receipt.effectiveGasPrice ?? '0x0') }
    }
    await wait(POLL_MS)
  }
  throw new KeeperError(
    'rpc-failed',
    `the transaction to ${what} (${hash}) was not mined in ${WAIT_MS / 1_000} s; run the command again`,
    { retryable: true },
  )
}

/** Signs with `key`. Nonces and fees are read anew for each transaction. */
export const createSender = (transport: Transport, chainId: number, key: Secret): Sender => {
  const account = privateKeyToAccount(key.reveal() as Hex)
  const address = account.address.toLowerCase() as Address

  const publish: Sender['publish'] = async (raw, what) => {
    const hash = keccak256(raw)
    await transport.call('eth_sendRawTransaction', [raw]).catch((error: unknown) => {
      // Asked again after a lost answer, the node has it already.
      if (!/already known|already imported|known transaction/i.test(reasonOf(error))) throw error
    })
    return mined(transport, hash, what)
  }

  const mustAfford = async (gas: bigint, fees: Fees, valueWei: bigint, what: string): Promise<void> => {
    const price = fees.type === 'legacy' ? fees.gasPrice : fees.maxFeePerGas
    const balance = BigInt((await transport.call('eth_getBalance', [address, 'latest'])) as Hex)
    const need = gas * price + valueWei
    if (balance >= need) return
    throw new KeeperError(
      'no-funds',
      `${address} holds ${balance} wei on chain ${chainId}, but to ${what} may take ${need} wei: fund it`,
      { retryable: false },
    )
  }

  const send: Sender['send'] = async ({ to, data, valueWei = 0n, what }) => {
    const call = { from: address, to, data, value: quantity(valueWei) }
    const estimate = await transport.call('eth_estimateGas', [call]).catch((error: unknown) => {
      throw refused(`can't ${what}: ${reasonOf(error)}`, error)
    })
    const gas = (BigInt(estimate as Hex) * GAS_MARGIN.numerator) / GAS_MARGIN.denominator
    const fees = await feesNow(transport)
    await mustAfford(gas, fees, valueWei, what)
    const nonce = Number((await transport.call('eth_getTransactionCount', [address, 'pending'])) as Hex)
    const raw = await account.signTransaction({ ...fees, chainId, nonce, to, data, value: valueWei, gas })
    return publish(raw, what)
  }

  return { address, send, publish }
}
