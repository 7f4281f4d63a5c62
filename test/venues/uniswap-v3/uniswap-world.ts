// A local chain with the official Uniswap v3 contracts and a few tokens, driven by plain JSON-RPC: what the venue is checked against.
import {
  type Abi,
  decodeFunctionResult,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  parseAbi,
} from 'viem'
import type { Reader } from '../../../src/core/folder'
import type { Address, Block, Log, LogFilter } from '../../../src/core/primitives'
import { startAnvil } from '../../../src/lab/anvil'
import { createLabRpc, type LabRpc } from '../../../src/lab/rpc'
import { officialBytecode } from '../../../src/lab/world/contracts'
import { LabMarketMaker, LabToken } from '../../../src/lab/world/lab-artifacts'

export const factoryAbi = parseAbi([
  'function enableFeeAmount(uint24 fee, int24 tickSpacing)',
  'function createPool(address a, address b, uint24 fee) returns (address)',
  'function getPool(address a, address b, uint24 fee) view returns (address)',
])
export const poolAbi = parseAbi([
  'function initialize(uint160 sqrtPriceX96)',
  'function slot0() view returns (uint160 sqrtPriceX96, int24 tick, uint16, uint16, uint16, uint8 feeProtocol, bool)',
  'function liquidity() view returns (uint128)',
  'function fee() view returns (uint24)',
  'function ticks(int24) view returns (uint128 gross, int128 net, uint256, uint256, int56, uint160, uint32, bool initialized)',
  'function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 limit, bytes data) returns (int256, int256)',
  'function setFeeProtocol(uint8 feeProtocol0, uint8 feeProtocol1)',
  'function flash(address recipient, uint256 amount0, uint256 amount1, bytes data)',
])
export const positionsAbi = parseAbi([
  'struct MintParams { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }',
  'function mint(MintParams params) returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)',
  'struct DecreaseParams { uint256 tokenId; uint128 liquidity; uint256 amount0Min; uint256 amount1Min; uint256 deadline; }',
  'function decreaseLiquidity(DecreaseParams params) returns (uint256, uint256)',
  'struct CollectParams { uint256 tokenId; address recipient; uint128 amount0Max; uint128 amount1Max; }',
  'function collect(CollectParams params) returns (uint256, uint256)',
])
export const routerAbi = parseAbi([
  'struct InParams { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 deadline; uint256 amountIn; uint256 amountOutMinimum; uint160 sqrtPriceLimitX96; }',
  'function exactInputSingle(InParams params) returns (uint256)',
  'struct OutParams { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 deadline; uint256 amountOut; uint256 amountInMaximum; uint160 sqrtPriceLimitX96; }',
  'function exactOutputSingle(OutParams params) returns (uint256)',
])
export const quoterAbi = parseAbi([
  'struct InQuote { address tokenIn; address tokenOut; uint256 amountIn; uint24 fee; uint160 sqrtPriceLimitX96; }',
  'function quoteExactInputSingle(InQuote params) returns (uint256 amount, uint160 sqrtPriceAfter, uint32 crossed, uint256 gas)',
  'struct OutQuote { address tokenIn; address tokenOut; uint256 amount; uint24 fee; uint160 sqrtPriceLimitX96; }',
  'function quoteExactOutputSingle(OutQuote params) returns (uint256 amount, uint160 sqrtPriceAfter, uint32 crossed, uint256 gas)',
  'function quoteExactInput(bytes path, uint256 amountIn) returns (uint256 amount, uint160[] prices, uint32[] crossed, uint256 gas)',
  'function quoteExactOutput(bytes path, uint256 amountOut) returns (uint256 amount, uint160[] prices, uint32[] crossed, uint256 gas)',
])
const erc20Abi = parseAbi([
  'function mint(address to, uint256 amount)',
  'function approve(address spender, uint256 amount) returns (bool)',
])

const ZERO: Address = `0x${'0'.repeat(40)}`
const FOREVER = 2n ** 60n
const MAX_UINT256 = 2n ** 256n - 1n
/** Far above what any test moves, and far below where uint128 liquidity or ERC-20 totals overflow. */
const WEALTH = 10n ** 45n
export const GAS_LIMIT = 200_000_000n

interface RawBlock {
  readonly number: Hex
  readonly hash: Hex
  readonly parentHash: Hex
  readonly timestamp: Hex
}
interface RawLog {
  readonly address: Hex
  readonly topics: readonly Hex[]
  readonly data: Hex
  readonly blockNumber: Hex
  readonly blockHash: Hex
  readonly logIndex: Hex
  readonly transactionHash: Hex
}
interface RawReceipt {
  readonly status: Hex
  readonly contractAddress: Hex | null
  readonly transactionHash: Hex
  readonly blockNumber: Hex
}

const hex = (value: bigint | number): Hex => `0x${value.toString(16)}`
const lower = (address: string): Address => address.toLowerCase() as Address

/** A call of the world's quoter, with what it answers. */
export interface QuoterAnswer {
  readonly amount: bigint
  readonly sqrtPriceAfter: bigint
}

export interface Chain {
  readonly rpc: LabRpc
  readonly account: Address
  send(to: Address | null, data: Hex): Promise<RawReceipt>
  /** One eth_call at the head; null where it reverts. */
  tryCall(to: Address, data: Hex): Promise<Hex | null>
  tryCalls(calls: readonly { readonly to: Address; readonly data: Hex }[]): Promise<readonly (Hex | null)[]>
  view<T>(to: Address, abi: Abi, functionName: string, args?: readonly unknown[]): Promise<T>
  invoke(to: Address, abi: Abi, functionName: string, args: readonly unknown[]): Promise<RawReceipt>
  block(tag?: string): Promise<Block>
  reader(): Promise<Reader>
  logs(from: bigint, to: bigint, filters: readonly LogFilter[]): Promise<readonly Log[]>
  stop(): Promise<void>
}

const toBlock = (raw: RawBlock): Block => ({
  chainId: 1,
  number: BigInt(raw.number),
  hash: raw.hash,
  parentHash: raw.parentHash,
  timestampSec: BigInt(raw.timestamp),
  baseFeePerGasWei: 0n,
  gasUsed: 0n,
  gasLimit: 0n,
  logsBloom: null,
})

const toLog = (raw: RawLog): Log => ({ ...raw, blockNumber: BigInt(raw.blockNumber), logIndex: Number(raw.logIndex) })

/** A Reader over eth_call by block hash: the smallest that does what the interface says. */
const readerOver = (rpc: LabRpc, block: Block): Reader => ({
  block,
  read: async calls => {
    const parts = Array.from({ length: Math.ceil(calls.length / 1000) }, (_, i) => calls.slice(i * 1000, (i + 1) * 1000))
    const replies = []
    for (const part of parts) {
      replies.push(
        ...(await rpc.batchSettled(
          part.map(({ to, data }) => ({ method: 'eth_call', params: [{ to, data }, { blockHash: block.hash }] })),
        )),
      )
    }
    return replies.map(reply => {
      if (reply.kind === 'failed') return { kind: 'failed', why: reply.message }
      return reply.result === '0x' ? { kind: 'failed', why: 'no code' } : { kind: 'ok', data: reply.result as Hex }
    })
  },
})

export const startChain = async (args: readonly string[] = [], chainId = 31337): Promise<Chain> => {
  const anvil = await startAnvil({
    chainId,
    args: ['--hardfork', 'cancun', '--gas-limit', String(GAS_LIMIT * 10n), '--base-fee', '0', ...args],
  })
  const rpc = createLabRpc(anvil.httpUrl)
  const [account] = await rpc.request<readonly string[]>('eth_accounts')
  const from = lower(account!)

  const block = async (tag = 'latest'): Promise<Block> => toBlock(await rpc.request<RawBlock>('eth_getBlockByNumber', tag, false))
  const send = async (to: Address | null, data: Hex): Promise<RawReceipt> => {
    const transaction = { from, ...(to === null ? {} : { to }), data, gas: hex(GAS_LIMIT), gasPrice: '0x0' }
    return rpc.request<RawReceipt>('eth_sendTransactionSync', transaction)
  }
  const tryCalls: Chain['tryCalls'] = async calls => {
    const asked = calls.map(({ to, data }) => ({
      method: 'eth_call',
      params: [{ from, to, data, gas: hex(GAS_LIMIT * 9n) }, 'latest'],
    }))
    return (await rpc.batchSettled(asked)).map(reply => (reply.kind === 'ok' ? (reply.result as Hex) : null))
  }
  const tryCall: Chain['tryCall'] = async (to, data) => (await tryCalls([{ to, data }]))[0] ?? null
  return {
    rpc,
    account: from,
    send,
    tryCall,
    tryCalls,
    view: async <T>(to: Address, abi: Abi, functionName: string, argsOf: readonly unknown[] = []) => {
      const data = await tryCall(to, encodeFunctionData({ abi, functionName, args: argsOf }))
      if (data === null) throw new Error(`${functionName} of ${to} reverted`)
      return decodeFunctionResult({ abi, functionName, data }) as T
    },
    invoke: async (to, abi, functionName, argsOf) => {
      const receipt = await send(to, encodeFunctionData({ abi, functionName, args: argsOf }))
      if (receipt.status !== '0x1') throw new Error(`${functionName} failed`)
      return receipt
    },
    block,
    reader: async () => readerOver(rpc, await block()),
    logs: async (fromBlock, toBlockNumber, filters) => {
      const found = await rpc.batch<readonly RawLog[]>(
        filters.map(({ addresses, topics }) => ({
          method: 'eth_getLogs',
          params: [{ address: addresses, topics, fromBlock: hex(fromBlock), toBlock: hex(toBlockNumber) }],
        })),
      )
      return found
        .flat()
        .map(toLog)
        .sort((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex)
    },
    stop: async () => {
      rpc.close()
      await anvil.stop()
    },
  }
}

export interface UniswapWorld extends Chain {
  readonly factory: Address
  readonly quoter: Address
  readonly maker: Address
  /** Ascending by address. */
  readonly tokens: readonly Address[]
  createPool(token0: Address, token1: Address, fee: number, sqrtPriceX96: bigint): Promise<Address>
  /** False where the contract refuses (a range that takes nothing, say). */
  mint(pool: PoolName, lower: number, upper: number, amount0: bigint, amount1: bigint): Promise<boolean>
  /** Takes `liquidity` out of the n-th position minted. */
  burn(position: number, liquidity: bigint): Promise<boolean>
  positionCount(): number
  /** Liquidity left in the n-th position minted. */
  positionLiquidity(position: number): bigint
  swap(pool: PoolName, zeroForOne: boolean, amount: bigint, exactIn: boolean): Promise<Hex | null>
}

export interface PoolName {
  readonly token0: Address
  readonly token1: Address
  readonly fee: number
}

export interface QuoteQuestion extends PoolName {
  readonly zeroForOne: boolean
  readonly exactIn: boolean
  readonly amount: bigint
}

/** QuoterV2's answers at the head, null where it reverts. */
export const askQuoter = async (
  chain: Chain,
  quoter: Address,
  questions: readonly QuoteQuestion[],
): Promise<readonly (QuoterAnswer | null)[]> => {
  const answers = await chain.tryCalls(
    questions.map(({ token0, token1, fee, zeroForOne, exactIn, amount }) => {
      const [tokenIn, tokenOut] = zeroForOne ? [token0, token1] : [token1, token0]
      const base = { tokenIn, tokenOut, fee, sqrtPriceLimitX96: 0n }
      const data = exactIn
        ? encodeFunctionData({ abi: quoterAbi, functionName: 'quoteExactInputSingle', args: [{ ...base, amountIn: amount }] })
        : encodeFunctionData({ abi: quoterAbi, functionName: 'quoteExactOutputSingle', args: [{ ...base, amount }] })
      return { to: quoter, data }
    }),
  )
  return answers.map(data => {
    if (data === null) return null
    const [amount, sqrtPriceAfter] = decodeFunctionResult({ abi: quoterAbi, functionName: 'quoteExactInputSingle', data })
    return { amount, sqrtPriceAfter }
  })
}

const deploy = async (chain: Chain, bytecode: Hex, types: readonly string[], args: readonly unknown[]): Promise<Address> => {
  const encoded = encodeAbiParameters(
    types.map(type => ({ type })),
    args,
  )
  const receipt = await chain.send(null, `${bytecode}${encoded.slice(2)}`)
  if (receipt.status !== '0x1' || receipt.contractAddress === null) throw new Error('deployment failed')
  return lower(receipt.contractAddress)
}

/** The official contracts, and three tokens (18, 6 and 8 decimals) of which the account has plenty. */
export const startUniswapWorld = async (): Promise<UniswapWorld> => {
  const chain = await startChain()
  try {
    return await uniswapOn(chain)
  } catch (error) {
    await chain.stop()
    throw error
  }
}

const uniswapOn = async (chain: Chain): Promise<UniswapWorld> => {
  const factory = await deploy(chain, officialBytecode('UniswapV3Factory'), [], [])
  const weth = await deploy(chain, officialBytecode('WETH9'), [], [])
  const pair = ['address', 'address']
  const quoter = await deploy(chain, officialBytecode('QuoterV2'), pair, [factory, weth])
  const router = await deploy(chain, officialBytecode('SwapRouter'), pair, [factory, weth])
  const positions = await deploy(
    chain,
    officialBytecode('NonfungiblePositionManager'),
    [...pair, 'address'],
    [factory, weth, ZERO],
  )
  const maker = await deploy(chain, LabMarketMaker.bytecode, [], [])
  const tokens: Address[] = []
  for (const decimals of [18, 6, 8]) {
    const data = encodeDeployData({ ...LabToken, args: [`Token ${decimals}`, `T${decimals}`, decimals] })
    tokens.push(lower((await chain.send(null, data)).contractAddress!))
  }
  for (const token of tokens) {
    for (const holder of [chain.account, maker]) await chain.invoke(token, erc20Abi, 'mint', [holder, WEALTH])
    for (const spender of [router, positions]) await chain.invoke(token, erc20Abi, 'approve', [spender, MAX_UINT256])
  }
  await chain.invoke(factory, factoryAbi, 'enableFeeAmount', [100, 1])

  const minted: bigint[] = []
  return {
    ...chain,
    factory,
    quoter,
    maker,
    tokens: [...tokens].sort(),
    createPool: async (token0, token1, fee, sqrtPriceX96) => {
      await chain.invoke(factory, factoryAbi, 'createPool', [token0, token1, fee])
      const pool = lower(await chain.view<Address>(factory, factoryAbi, 'getPool', [token0, token1, fee]))
      await chain.invoke(pool, poolAbi, 'initialize', [sqrtPriceX96])
      return pool
    },
    mint: async ({ token0, token1, fee }, tickLower, tickUpper, amount0Desired, amount1Desired) => {
      const amounts = { amount0Desired, amount1Desired, amount0Min: 0n, amount1Min: 0n }
      const params = { token0, token1, fee, tickLower, tickUpper, ...amounts, recipient: chain.account, deadline: FOREVER }
      const call = { abi: positionsAbi, functionName: 'mint', args: [params] } as const
      const data = encodeFunctionData(call)
      const result = await chain.tryCall(positions, data)
      if (result === null) return false
      await chain.send(positions, data)
      minted.push(decodeFunctionResult({ abi: positionsAbi, functionName: 'mint', data: result })[1])
      return true
    },
    burn: async (position, liquidity) => {
      const params = { tokenId: BigInt(position + 1), liquidity, amount0Min: 0n, amount1Min: 0n, deadline: FOREVER }
      const { status } = await chain.send(
        positions,
        encodeFunctionData({ abi: positionsAbi, functionName: 'decreaseLiquidity', args: [params] }),
      )
      if (status === '0x1') minted[position]! -= liquidity
      return status === '0x1'
    },
    positionCount: () => minted.length,
    positionLiquidity: position => minted[position] ?? 0n,
    swap: async ({ token0, token1, fee }, zeroForOne, amount, exactIn) => {
      const [tokenIn, tokenOut] = zeroForOne ? [token0, token1] : [token1, token0]
      const base = { tokenIn, tokenOut, fee, recipient: chain.account, deadline: FOREVER, sqrtPriceLimitX96: 0n }
      const data = exactIn
        ? encodeFunctionData({
            abi: routerAbi,
            functionName: 'exactInputSingle',
            args: [{ ...base, amountIn: amount, amountOutMinimum: 0n }],
          })
        : encodeFunctionData({
            abi: routerAbi,
            functionName: 'exactOutputSingle',
            args: [{ ...base, amountOut: amount, amountInMaximum: MAX_UINT256 }],
          })
      const { status, transactionHash } = await chain.send(router, data)
      return status === '0x1' ? transactionHash : null
    },
  }
}
