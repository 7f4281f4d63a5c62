// The real DAI/WETH 0.3 % pool of mainnet block 19,163,600 and its real QuoterV2, served by anvil: no logs, no factory.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseAbi } from 'viem'
import { createRandom } from '../../../src/lab/world/random'
import { createUniswapV3Book, type UniswapV3Book } from '../../../src/venues/uniswap-v3/book'
import { describeWithShared, sharedPath } from '../../fixtures/shared'
import { bookState, compareQuotes, randomQuestions } from './comparison'
import { type Chain, routerAbi, startChain } from './uniswap-world'

const GENESIS = 'data/mainnet/morpho_blue_block19163600.genesis.json'
const POOL = '0xc2e9f25be6257c210d7adf0d4cd6e3e881ba25f8'
const DAI = '0x6b175474e89094c44da98b954eedeac495271d0f'
const WETH = '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'
const QUOTER = '0x61ffe014ba17989e743c5f6cb21bf9697530b21e'
const ROUTER = '0xe592427a0aece92de3edee1f18e0157c05861564'
const SETTINGS = { pools: [POOL], factory: null, fromBlock: 0n, feeTiers: [] } as const
const DAI_WETH = { token0: DAI, token1: WETH, fee: 3000 } as const
const ETHER = 10n ** 18n

const wethAbi = parseAbi([
  'function balanceOf(address) view returns (uint256)',
  'function deposit() payable',
  'function approve(address spender, uint256 amount) returns (bool)',
])

describeWithShared('uniswap v3 on recorded mainnet state', [GENESIS], () => {
  let chain: Chain
  let book: UniswapV3Book

  beforeAll(async () => {
    chain = await startChain(['--init', sharedPath(GENESIS)], 1)
    book = createUniswapV3Book(SETTINGS)
    await book.bootstrap(await chain.reader())
  }, 30_000)

  afterAll(() => chain?.stop())

  const wethToDai = (amount: bigint) => book.pools()[0]!.quoteExactIn(WETH, DAI, amount)

  test('default: 1 WETH fetches 2,288.89 DAI and 1,000 WETH 2,228,014, as the quoter says', async () => {
    expect(book.needsBootstrap()).toBe(false)
    expect(book.faults()).toEqual([])
    expect((wethToDai(ETHER)!.amountOut + 5n * 10n ** 15n) / 10n ** 16n).toBe(228_889n)
    expect(wethToDai(1000n * ETHER)!.amountOut / ETHER).toBe(2_228_014n)
    const questions = [1n, 1000n].map(units => ({ ...DAI_WETH, zeroForOne: false, exactIn: true, amount: units * ETHER }))
    expect((await compareQuotes(chain, QUOTER, book, POOL, questions)).mismatches).toEqual([])
  })

  test('behavior: 400 random sizes, both directions, exact in and out, as QuoterV2', async () => {
    // Far ticks were not recorded, so that far swaps ask the pool for more than it has: only its quoter notices, by the transfer.
    const held = await Promise.all(([DAI, WETH] as const).map(token => chain.view<bigint>(token, wethAbi, 'balanceOf', [POOL])))
    const pool = book.pools()[0]!
    const questions = randomQuestions(DAI_WETH, createRandom(7, 'mainnet quotes'), 400, 27).filter(question => {
      const { zeroForOne, exactIn, amount } = question
      const [from, to] = zeroForOne ? ([DAI, WETH] as const) : ([WETH, DAI] as const)
      const out = exactIn ? pool.quoteExactIn(from, to, amount)?.amountOut : amount
      return out !== undefined && out <= held[zeroForOne ? 1 : 0]!
    })
    const tally = await compareQuotes(chain, QUOTER, book, POOL, questions)
    expect(tally.mismatches).toEqual([])
    expect(tally.whole).toBeGreaterThan(300)
  }, 60_000)

  test('behavior: a real swap is followed by its log', async () => {
    const before = (await chain.block()).number
    const transaction = {
      from: chain.account,
      to: WETH,
      data: '0xd0e30db0',
      value: `0x${(500n * ETHER).toString(16)}`,
      gasPrice: '0x0',
    }
    await chain.rpc.request('eth_sendTransactionSync', transaction)
    await chain.invoke(WETH, wethAbi, 'approve', [ROUTER, 500n * ETHER])
    const predicted = wethToDai(500n * ETHER)!
    const params = {
      tokenIn: WETH,
      tokenOut: DAI,
      fee: 3000,
      recipient: chain.account,
      deadline: 2n ** 60n,
      amountIn: 500n * ETHER,
    }
    await chain.invoke(ROUTER, routerAbi, 'exactInputSingle', [
      { ...params, amountOutMinimum: predicted.amountOut, sqrtPriceLimitX96: 0n },
    ])
    for (const log of await chain.logs(before + 1n, (await chain.block()).number, book.filters())) book.fold(log)
    const fresh = createUniswapV3Book(SETTINGS)
    await fresh.bootstrap(await chain.reader())
    expect(bookState(book, POOL)).toEqual(bookState(fresh, POOL))
    expect(wethToDai(ETHER)!.amountOut).toBe(predicted.after.quoteExactIn(WETH, DAI, ETHER)!.amountOut)
  })
})
