// A real Morpho Blue on a fresh local chain, with tokens, settable oracles and markets; and a small watcher that feeds a book from it.
import { encodeDeployData, encodeFunctionData, parseAbi } from 'viem'
import type { Folder, ReadCall, Reader, ReadResult } from '../../../src/core/folder'
import type { Address, Block, Hex, Log } from '../../../src/core/primitives'
import type { Book } from '../../../src/core/strategy'
import { startAnvil } from '../../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../../src/lab/rpc'
import { officialBytecode } from '../../../src/lab/world/contracts'
import { HostileOracle, LabToken } from '../../../src/lab/world/lab-artifacts'
import { marketId } from '../../../src/lab/world/markets'
import type { MarketParams } from '../../../strategies/morpho-blue/abi'

const OFFICIAL_PARAMS = '(address loanToken, address collateralToken, address oracle, address irm, uint256 lltv) params'
export const morphoAbi = parseAbi([
  'function enableIrm(address irm)',
  'function enableLltv(uint256 lltv)',
  'function setFeeRecipient(address recipient)',
  `function setFee(${OFFICIAL_PARAMS}, uint256 fee)`,
  `function createMarket(${OFFICIAL_PARAMS})`,
  `function supply(${OFFICIAL_PARAMS}, uint256 assets, uint256 shares, address onBehalf, bytes data)`,
  `function withdraw(${OFFICIAL_PARAMS}, uint256 assets, uint256 shares, address onBehalf, address receiver)`,
  `function supplyCollateral(${OFFICIAL_PARAMS}, uint256 assets, address onBehalf, bytes data)`,
  `function withdrawCollateral(${OFFICIAL_PARAMS}, uint256 assets, address onBehalf, address receiver)`,
  `function borrow(${OFFICIAL_PARAMS}, uint256 assets, uint256 shares, address onBehalf, address receiver)`,
  `function repay(${OFFICIAL_PARAMS}, uint256 assets, uint256 shares, address onBehalf, bytes data)`,
  `function liquidate(${OFFICIAL_PARAMS}, address borrower, uint256 seizedAssets, uint256 repaidShares, bytes data)`,
  `function accrueInterest(${OFFICIAL_PARAMS})`,
  'function position(bytes32 id, address user) view returns (uint256 supplyShares, uint128 borrowShares, uint128 collateral)',
  'function market(bytes32 id) view returns (uint128, uint128, uint128, uint128, uint128, uint128)',
])
const tokenAbi = parseAbi(['function mint(address to, uint256 amount)', 'function approve(address spender, uint256 amount)'])

export interface ChainReceipt {
  readonly status: Hex
  readonly contractAddress: Address | null
  readonly blockNumber: Hex
  readonly gasUsed: Hex
  readonly logs: readonly { readonly address: Address; readonly topics: Hex[]; readonly data: Hex }[]
}

export interface MorphoChain {
  readonly rpc: LabRpc
  readonly morpho: Address
  readonly irm: Address
  /** Owner of Morpho, supplier and liquidator: rich in every token, everything approved. */
  readonly owner: Address
  readonly tokens: readonly { readonly address: Address; readonly decimals: number }[]
  /** One transaction, one block. Does not throw where it reverts: look at `status`. */
  send(from: Address, to: Address, data: Hex): Promise<ChainReceipt>
  deploy(data: Hex): Promise<Address>
  call(functionName: 'position' | 'market', args: readonly unknown[]): Promise<Hex>
  /** An oracle that says `price` until told otherwise. */
  deployOracle(price: bigint): Promise<Address>
  setPrice(oracle: Address, price: bigint): Promise<void>
  setMode(oracle: Address, mode: number): Promise<void>
  createMarket(params: MarketParams): Promise<Hex>
  /** Mints and approves every token. */
  enrich(account: Address): Promise<void>
  /** A call of Morpho on a market. */
  encode(
    functionName:
      | 'supply'
      | 'withdraw'
      | 'supplyCollateral'
      | 'withdrawCollateral'
      | 'borrow'
      | 'repay'
      | 'liquidate'
      | 'accrueInterest'
      | 'setFee',
    params: MarketParams,
    ...rest: readonly unknown[]
  ): Hex
  head(): Promise<Block>
  close(): Promise<void>
}

export interface WireBlock {
  readonly number: Hex
  readonly hash: Hex
  readonly parentHash: Hex
  readonly timestamp: Hex
}

export const toBlock = ({ number, hash, parentHash, timestamp }: WireBlock): Block => ({
  chainId: 31_337,
  number: BigInt(number),
  hash,
  parentHash,
  timestampSec: BigInt(timestamp),
  baseFeePerGasWei: 0n,
  gasUsed: 0n,
  gasLimit: 30_000_000n,
  logsBloom: null,
})

export const officialParams = ({ lltvWad, ...rest }: MarketParams) => ({ ...rest, lltv: lltvWad })
export const idOfMarket = (params: MarketParams): Hex => marketId(officialParams(params))
const wordOf = (address: Address): string => address.slice(2).padStart(64, '0')

/** `lltvs` are enabled besides the adaptive model and none at all. */
export const startMorphoChain = async (decimals: readonly number[], lltvs: readonly bigint[]): Promise<MorphoChain> => {
  const anvil = await startAnvil({
    args: ['--no-mining', '--prune-history', '500', '--order', 'fifo', '--gas-limit', '100000000', '--timestamp', '1700000000'],
  })
  const rpc = createLabRpc(anvil.httpUrl)
  const owner: Address = `0x${'0f'.repeat(20)}`
  await rpc.batch([
    { method: 'anvil_autoImpersonateAccount', params: [true] },
    { method: 'anvil_setBalance', params: [owner, '0x200000000000000000000000'] },
    { method: 'anvil_setNextBlockBaseFeePerGas', params: ['0x0'] },
  ])
  const transact = async (from: Address, to: Address | null, data: Hex): Promise<ChainReceipt> => {
    const transaction = { from, ...(to === null ? {} : { to }), data, gas: '0x1c9c380', gasPrice: '0x77359400' }
    const [hash] = await rpc.batch<Hex>([
      { method: 'eth_sendTransaction', params: [transaction] },
      { method: 'evm_mine', params: [] },
    ])
    return await rpc.request<ChainReceipt>('eth_getTransactionReceipt', hash)
  }
  const deploy = async (data: Hex): Promise<Address> => {
    const { status, contractAddress } = await transact(owner, null, data)
    if (status !== '0x1' || contractAddress === null) throw new Error('deployment failed')
    return contractAddress
  }
  const must = async (from: Address, to: Address, data: Hex): Promise<void> => {
    if ((await transact(from, to, data)).status !== '0x1') throw new Error(`call of ${to} reverted: ${data.slice(0, 10)}`)
  }
  const morpho = await deploy(`${officialBytecode('Morpho')}${wordOf(owner)}`)
  const irm = await deploy(`${officialBytecode('AdaptiveCurveIrm')}${wordOf(morpho)}`)
  const own = (functionName: 'enableIrm' | 'enableLltv' | 'setFeeRecipient', arg: Address | bigint): Promise<void> =>
    must(
      owner,
      morpho,
      encodeFunctionData({ abi: morphoAbi, functionName, args: [arg] } as Parameters<typeof encodeFunctionData>[0]),
    )
  await own('enableIrm', irm)
  await own('enableIrm', `0x${'0'.repeat(40)}`)
  await own('setFeeRecipient', `0x${'fe'.repeat(20)}`)
  for (const lltv of lltvs) await own('enableLltv', lltv)
  const tokens: { address: Address; decimals: number }[] = []
  for (const [i, each] of decimals.entries())
    tokens.push({
      address: await deploy(
        encodeDeployData({ abi: LabToken.abi, bytecode: LabToken.bytecode, args: [`Token ${i}`, `TKN${i}`, each] }),
      ),
      decimals: each,
    })
  const enrich = async (account: Address): Promise<void> => {
    await rpc.request('anvil_setBalance', account, '0x200000000000000000000000')
    for (const { address } of tokens) {
      await must(account, address, encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [account, 1n << 120n] }))
      await must(
        account,
        address,
        encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [morpho, (1n << 256n) - 1n] }),
      )
    }
  }
  await enrich(owner)
  return {
    rpc,
    morpho,
    irm,
    owner,
    tokens,
    send: transact,
    deploy,
    enrich,
    call: (functionName, args) =>
      rpc.request<Hex>(
        'eth_call',
        {
          to: morpho,
          data: encodeFunctionData({ abi: morphoAbi, functionName, args } as Parameters<typeof encodeFunctionData>[0]),
        },
        'latest',
      ),
    deployOracle: price =>
      deploy(encodeDeployData({ abi: HostileOracle.abi, bytecode: HostileOracle.bytecode, args: [price, 0] })),
    setPrice: (oracle, price) =>
      must(owner, oracle, encodeFunctionData({ abi: HostileOracle.abi, functionName: 'setPrice', args: [price] })),
    setMode: (oracle, mode) =>
      must(owner, oracle, encodeFunctionData({ abi: HostileOracle.abi, functionName: 'setMode', args: [mode] })),
    createMarket: async params => {
      await must(
        owner,
        morpho,
        encodeFunctionData({ abi: morphoAbi, functionName: 'createMarket', args: [officialParams(params)] }),
      )
      return idOfMarket(params)
    },
    encode: (functionName, params, ...rest) =>
      encodeFunctionData({ abi: morphoAbi, functionName, args: [officialParams(params), ...rest] } as unknown as Parameters<
        typeof encodeFunctionData
      >[0]),
    head: async () => toBlock(await rpc.request<WireBlock>('eth_getBlockByNumber', 'latest', false)),
    close: async () => {
      rpc.close()
      await anvil.stop()
    },
  }
}

/** Reads call by call at the block's hash, capped as the house's reader would. */
export const readerOf = (chain: MorphoChain, block: Block): Reader => readerOn(chain.rpc, block)

export const readerOn = (rpc: LabRpc, block: Block): Reader => ({
  block,
  read: async (calls: readonly ReadCall[]): Promise<readonly ReadResult[]> => {
    const replies = await rpc.batchSettled(
      calls.map(({ to, data, gasCap }) => ({
        method: 'eth_call',
        params: [{ to, data, gas: `0x${(gasCap ?? 1_000_000).toString(16)}` }, { blockHash: block.hash }],
      })),
    )
    return replies.map((reply, i): ReadResult => {
      if (reply.kind === 'failed') return { kind: 'failed', why: 'reverted' }
      const data = reply.result as Hex
      return (data.length - 2) / 2 > (calls[i]?.maxReturnBytes ?? 4_096)
        ? { kind: 'failed', why: 'too-long' }
        : { kind: 'ok', data }
    })
  },
})

interface WireLog extends Omit<Log, 'blockNumber' | 'logIndex'> {
  readonly blockNumber: Hex
  readonly logIndex: Hex
}

/** What the folder's filters match, in chain order. */
export const logsBetween = async (
  chain: MorphoChain,
  folder: Folder,
  from: bigint,
  to: bigint,
  isHistory: boolean,
): Promise<readonly Log[]> => {
  const filters = isHistory ? folder.historyFilters() : folder.filters()
  const found = await chain.rpc.batch<readonly WireLog[]>(
    filters.map(({ addresses, topics }) => ({
      method: 'eth_getLogs',
      params: [{ fromBlock: `0x${from.toString(16)}`, toBlock: `0x${to.toString(16)}`, address: addresses, topics }],
    })),
  )
  return found
    .flat()
    .map(log => ({ ...log, blockNumber: BigInt(log.blockNumber), logIndex: Number(log.logIndex) }))
    .sort((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex)
}

export interface Follower {
  /** Folds everything up to the head, block by block with headers (or in one go without them), bootstraps, reads prices. */
  advance(how: 'live' | 'backfill'): Promise<Block>
}

export const follow = (chain: MorphoChain, book: Book): Follower => {
  let done = -1n
  const settle = async (block: Block): Promise<void> => {
    if (book.needsBootstrap()) await book.bootstrap(readerOf(chain, block))
    const calls = book.blockReads()
    book.acceptReads(block, await readerOf(chain, block).read(calls))
  }
  const live = async (number: bigint): Promise<void> => {
    const block = toBlock(await chain.rpc.request<WireBlock>('eth_getBlockByNumber', `0x${number.toString(16)}`, false))
    const logs = await logsBetween(chain, book, number, number, false)
    if (logs.length > 0) book.beginBlock?.(block)
    for (const log of logs) book.fold(log)
    if (book.needsBootstrap()) await book.bootstrap(readerOf(chain, block))
  }
  return {
    advance: async how => {
      const head = await chain.head()
      if (how === 'backfill') for (const log of await logsBetween(chain, book, done + 1n, head.number, done < 0n)) book.fold(log)
      else for (let number = done + 1n; number <= head.number; number++) await live(number)
      done = head.number
      await settle(head)
      return head
    },
  }
}
