// A competitor for lab worlds: liquidates Morpho positions with its own capital, in public or by a bundle with a bid.
// It does as it is told and judges nothing; it knows nothing of the keeper.
import { encodeFunctionData, keccak256, stringToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { KeeperError } from '../core/errors'
import { MAX_UINT256 } from '../core/fixed-point'
import type { Address, Hex } from '../core/primitives'
import type { UnsignedCall } from './builder/transaction'
import type { LabRpc } from './rpc'
import { morphoAbi, routerAbi, tokenAbi } from './world/abis'
import type { MarketParams } from './world/world'

/** One position to take: exactly one of the two amounts is non-zero, as the contract wants it. With bad debt: all of the collateral. */
export interface RivalTarget {
  readonly params: MarketParams
  readonly borrower: Address
  readonly repaidShares: bigint
  readonly seizedAssets: bigint
}

export interface RivalOptions {
  readonly rpc: LabRpc
  readonly morpho: Address
  readonly chainId: number
  /** Signs its transactions and, apart from that, its relay requests. */
  readonly key: Hex
  /** Default 600,000: one liquidation with its oracle and rate model. */
  readonly gasPerLiquidation?: bigint
}

export interface RivalFees {
  readonly maxFeePerGasWei: bigint
  readonly tipWei: bigint
}

export interface RivalBid {
  readonly builderUrl: string
  readonly targetBlock: bigint
  /** Paid to `coinbase` by a last transaction, on top of the tips. */
  readonly bidWei: bigint
  readonly coinbase: Address
}

/** Collateral sold for what it fetches, through Uniswap's SwapRouter, which needs to be a `spender` of it. */
export interface RivalSale {
  readonly router: Address
  readonly tokenIn: Address
  readonly tokenOut: Address
  readonly fee: number
  readonly amountIn: bigint
}

/** A token and where capital comes from: anyone may mint a lab token; wrapped native is deposited. */
export interface RivalCapital {
  readonly token: Address
  readonly amount: bigint
  readonly source: 'mint' | 'deposit'
  /** Who may take it; default: Morpho. */
  readonly spender?: Address
}

export interface Rival {
  readonly address: Address
  /** Calls that give it capital and let Morpho take it; sets its native balance at once. To be mined before it acts. */
  equip(capital: readonly RivalCapital[]): Promise<readonly UnsignedCall[]>
  /** Unsigned liquidations, then sales: for the top of a block, in order. */
  calls(targets: readonly RivalTarget[], sales?: readonly RivalSale[]): readonly UnsignedCall[]
  /** Signed liquidations, one transaction each, nonces from the latest state. */
  sign(targets: readonly RivalTarget[], fees: RivalFees): Promise<readonly Hex[]>
  /** All targets and sales or none, with a bid. Returns the bundle's hash. Throws KeeperError 'lab-failed' when the relay refuses. */
  sendBundle(targets: readonly RivalTarget[], fees: RivalFees, bid: RivalBid, sales?: readonly RivalSale[]): Promise<string>
}

const NATIVE_WEI = 10n ** 24n
const TRANSFER_GAS = 50_000n

const liquidateData = (target: RivalTarget): Hex => {
  const args = [target.params, target.borrower, target.seizedAssets, target.repaidShares, '0x'] as const
  return encodeFunctionData({ abi: morphoAbi, functionName: 'liquidate', args })
}

const saleData = ({ tokenIn, tokenOut, fee, amountIn }: RivalSale, recipient: Address): Hex =>
  encodeFunctionData({
    abi: routerAbi,
    functionName: 'exactInputSingle',
    args: [{ tokenIn, tokenOut, fee, recipient, deadline: MAX_UINT256, amountIn, amountOutMinimum: 0n, sqrtPriceLimitX96: 0n }],
  })

const capitalCalls = (
  address: Address,
  morpho: Address,
  { token, amount, source, spender }: RivalCapital,
): readonly UnsignedCall[] => {
  const mint = encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [address, amount] })
  const deposit = encodeFunctionData({ abi: tokenAbi, functionName: 'deposit' })
  const approve = encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [spender ?? morpho, MAX_UINT256] })
  const gas = 150_000n
  return [
    source === 'mint'
      ? { from: address, to: token, data: mint, gas }
      : { from: address, to: token, data: deposit, valueWei: amount, gas },
    { from: address, to: token, data: approve, gas },
  ]
}

const postBundle = async (url: string, key: Hex, params: unknown): Promise<string> => {
  const account = privateKeyToAccount(key)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendBundle', params: [params] })
  const signature = await account.signMessage({ message: keccak256(stringToHex(body)) })
  const headers = { 'content-type': 'application/json', 'x-flashbots-signature': `${account.address}:${signature}` }
  const text = await (await fetch(url, { method: 'POST', body, headers })).text()
  const bundleHash = (JSON.parse(text) as { readonly result?: { readonly bundleHash: string } }).result?.bundleHash
  if (bundleHash === undefined)
    throw new KeeperError('lab-failed', `the rival's bundle was refused: ${text}`, { retryable: false })
  return bundleHash
}

export const createRival = (options: RivalOptions): Rival => {
  const { rpc, morpho, chainId, key } = options
  const account = privateKeyToAccount(key)
  const address = account.address.toLowerCase() as Address
  const gas = options.gasPerLiquidation ?? 600_000n

  const nonce = async (): Promise<number> => Number(await rpc.request<Hex>('eth_getTransactionCount', address, 'latest'))

  const signOne = (to: Address, data: Hex, value: bigint, gasLimit: bigint, at: number, fees: RivalFees): Promise<Hex> =>
    account.signTransaction({
      type: 'eip1559',
      chainId,
      nonce: at,
      to,
      data,
      value,
      gas: gasLimit,
      maxFeePerGas: fees.maxFeePerGasWei,
      maxPriorityFeePerGas: fees.tipWei,
    })

  const actsOf = (
    targets: readonly RivalTarget[],
    sales: readonly RivalSale[],
  ): readonly { readonly to: Address; readonly data: Hex }[] => [
    ...targets.map(target => ({ to: morpho, data: liquidateData(target) })),
    ...sales.map(sale => ({ to: sale.router, data: saleData(sale, address) })),
  ]

  const signAll = (
    targets: readonly RivalTarget[],
    sales: readonly RivalSale[],
    fees: RivalFees,
    from: number,
  ): Promise<readonly Hex[]> =>
    Promise.all(actsOf(targets, sales).map(({ to, data }, index) => signOne(to, data, 0n, gas, from + index, fees)))

  return {
    address,
    equip: async capital => {
      await rpc.request('anvil_setBalance', address, `0x${NATIVE_WEI.toString(16)}`)
      return capital.flatMap(part => capitalCalls(address, morpho, part))
    },
    calls: (targets, sales = []) => actsOf(targets, sales).map(act => ({ from: address, ...act, gas })),
    sign: async (targets, fees) => signAll(targets, [], fees, await nonce()),
    sendBundle: async (targets, fees, { builderUrl, targetBlock, bidWei, coinbase }, sales = []) => {
      const from = await nonce()
      const raws = await signAll(targets, sales, fees, from)
      const bid = bidWei === 0n ? [] : [await signOne(coinbase, '0x', bidWei, TRANSFER_GAS, from + raws.length, fees)]
      const blockNumber = `0x${targetBlock.toString(16)}`
      return postBundle(builderUrl, key, { txs: [...raws, ...bid], blockNumber })
    },
  }
}
