// What the builder's tests share: a chain, funded signers, a contract that serves only the first caller, a relay client.
import { keccak256, toBytes } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import type { Address, Hex } from '../../../src/core/primitives'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import { type Builder, type BuilderOptions, createBuilder } from '../../../src/lab/builder/builder'
import { createLabRpc, type LabRpc } from '../../../src/lab/rpc'

export const GWEI = 10n ** 9n
export const CHAIN_ID = 31_337

export const account = (index: number): PrivateKeyAccount => privateKeyToAccount(`0x${index.toString(16).padStart(64, '0')}`)

/** Reverts unless its slot 0 is empty; fills it and passes the call's value on to the coinbase. */
export const FIRST_COME: Address = '0xf1000000000000000000000000000000000000f1'
const FIRST_COME_CODE = '0x60005415600c5760006000fd5b600160005560006000600060003441' + '5af15000'

/** Always reverts with Error("nope"). */
export const NOPE: Address = '0xf2000000000000000000000000000000000000f2'
const NOPE_DATA = `08c379a0${'20'.padStart(64, '0')}${'04'.padStart(64, '0')}${'6e6f7065'.padEnd(64, '0')}`
// CODECOPY(0, 0x0c, 0x64), REVERT(0, 0x64), then the data.
const NOPE_CODE = `0x6064600c60003960646000fd${NOPE_DATA}`

export interface Bench {
  readonly anvil: Anvil
  readonly rpc: LabRpc
  readonly builder: Builder
  close(): Promise<void>
}

export const startBench = async (options: Partial<BuilderOptions> = {}): Promise<Bench> => {
  const anvil = await startAnvil({ chainId: CHAIN_ID, args: ['--no-mining', '--order', 'fifo', '--prune-history', '32'] })
  const rpc = createLabRpc(anvil.httpUrl)
  for (let index = 1; index <= 8; index++) await rpc.request('anvil_setBalance', account(index).address, '0x3635c9adc5dea00000')
  await rpc.request('anvil_setCode', FIRST_COME, FIRST_COME_CODE)
  await rpc.request('anvil_setCode', NOPE, NOPE_CODE)
  await rpc.request('evm_mine')
  const builder = await createBuilder({ rpcUrl: anvil.httpUrl, ...options })
  const close = async (): Promise<void> => {
    await builder.close()
    rpc.close()
    await anvil.stop()
  }
  return { anvil, rpc, builder, close }
}

export interface SignOptions {
  readonly nonce: number
  readonly to: Address
  readonly valueWei?: bigint
  readonly gas?: bigint
  readonly tipWei?: bigint
  readonly maxFeeWei?: bigint
  readonly data?: Hex
}

export const sign = (signer: PrivateKeyAccount, options: SignOptions): Promise<Hex> =>
  signer.signTransaction({
    type: 'eip1559',
    chainId: CHAIN_ID,
    nonce: options.nonce,
    to: options.to,
    value: options.valueWei ?? 0n,
    gas: options.gas ?? 100_000n,
    maxFeePerGas: options.maxFeeWei ?? 100n * GWEI,
    maxPriorityFeePerGas: options.tipWei ?? GWEI,
    ...(options.data === undefined ? {} : { data: options.data }),
  })

export const nonceOf = async (rpc: LabRpc, address: Address): Promise<number> =>
  Number(await rpc.request<Hex>('eth_getTransactionCount', address, 'latest'))

export const nextBlock = async (rpc: LabRpc): Promise<bigint> => BigInt(await rpc.request<Hex>('eth_blockNumber')) + 1n

export interface HttpReply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export const signBody = async (body: string, signer: PrivateKeyAccount): Promise<string> =>
  `${signer.address}:${await signer.signMessage({ message: keccak256(toBytes(body)) })}`

/** Posts a relay request; the default signature is right. `header: null` sends none. */
export const postRelay = async (
  url: string,
  method: string,
  params: readonly unknown[],
  options: { readonly header?: string | null; readonly signal?: AbortSignal; readonly signer?: PrivateKeyAccount } = {},
): Promise<HttpReply> => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method, params })
  const header = options.header === undefined ? await signBody(body, options.signer ?? account(99)) : options.header
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...(header === null ? {} : { 'X-Flashbots-Signature': header }) },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** The JSON-RPC result; throws with the reply where there is none. */
export const relayResult = async <T>(
  url: string,
  method: string,
  params: readonly unknown[],
  signer = account(99),
): Promise<T> => {
  const { text } = await postRelay(url, method, params, { signer })
  const reply = JSON.parse(text) as { readonly result?: T }
  if (reply.result === undefined) throw new Error(text)
  return reply.result
}

export const sendBundle = async (
  url: string,
  raws: readonly Hex[],
  block: bigint,
  more: Readonly<Record<string, unknown>> = {},
  signer = account(99),
): Promise<Hex> => {
  const params = [{ txs: raws, blockNumber: `0x${block.toString(16)}`, ...more }]
  return (await relayResult<{ readonly bundleHash: Hex }>(url, 'eth_sendBundle', params, signer)).bundleHash
}
