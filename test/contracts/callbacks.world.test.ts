// Each callback of the Liquidator, once at least, with lenders that want their money again; and amounts that only the chain knows.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { parseAbi } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import type { Amount, Callback, Step } from '../../src/core/program'
import { Liquidator } from '../../src/executor/liquidator-artifact'
import { morphoAbi } from '../../src/lab/world/abis'
import { officialBytecode } from '../../src/lab/world/contracts'
import { HostileOracle } from '../../src/lab/world/lab-artifacts'
import { calldata } from '../fixtures/chain-kit'
import { createExecutorBench, type ExecutorBench, exact, leg, step, TOKEN_ABI } from './executor-bench'
import { MockLender, MockPools } from './mock-artifacts'

let bench: ExecutorBench
let lender: Address
let pools: Address
let start: Hex

beforeAll(async () => {
  bench = await createExecutorBench()
  lender = await bench.kit.deploy(MockLender)
  pools = await bench.kit.deploy(MockPools)
  for (const lending of [lender, pools]) {
    await bench.mint(bench.coin, lending, 1_000_000n)
    await bench.mint(bench.gem, lending, 1_000_000n)
  }
}, 60_000)
afterAll(() => bench?.kit.stop())
beforeEach(async () => {
  start = await bench.kit.snapshot()
})
afterEach(() => bench.kit.revert(start))

const AAVE = parseAbi([
  'function flashLoanSimple(address receiver, address asset, uint256 amount, bytes params, uint16 referral)',
  'function flashLoan(address receiver, address[] assets, uint256[] amounts, uint256[] modes, address onBehalf, bytes params, uint16 referral)',
])
const BALANCER = parseAbi(['function flashLoan(address recipient, address[] tokens, uint256[] amounts, bytes userData)'])
const ERC3156 = parseAbi(['function flashLoan(address receiver, address token, uint256 amount, bytes data)'])

const within = (to: Address, data: Hex, dataWord: number, program: readonly Step[], from = to): Step => ({
  kind: 'call',
  to,
  data,
  fills: [],
  callback: { from, dataWord, program } satisfies Callback,
})
const argument = (word: number): Amount => ({ kind: 'argument', word })
const approve = (token: Address, spender: Address, amount: Amount): Step => ({ kind: 'approve', token, spender, amount })
const pay = (token: Address, to: Address, amount: Amount): Step => ({ kind: 'pay', token, to, amount })
const mintCoin = (amount: bigint): Step => step(bench.coin, calldata(TOKEN_ABI, 'mint', [bench.liquidator, amount]))

/** Runs it, and expects that the loan came and went, that the profit arrived and that no allowance is left. */
const closes = async (steps: readonly Step[]): Promise<void> => {
  const { coin, gem, owner, liquidator } = bench
  expect(await bench.run([leg(steps, [coin])])).toBe('ok')
  expect(await bench.held(gem, owner)).toBe(10n)
  expect([await bench.held(coin, liquidator), await bench.held(gem, liquidator)]).toEqual([0n, 0n])
  expect([await bench.allowed(coin, lender), await bench.allowed(coin, pools)]).toEqual([0n, 0n])
}

describe('callbacks', () => {
  test('behavior: Aave flashLoanSimple', async () => {
    const { coin, liquidator } = bench
    const data = calldata(AAVE, 'flashLoanSimple', [liquidator, coin, 10_000n, '0x', 0])
    await closes([within(lender, data, 3, [mintCoin(5n), approve(coin, lender, exact(10_005n)), bench.earn()])])
    expect(await bench.held(coin, lender)).toBe(1_000_005n)
  })

  test('behavior: Aave flashLoan of several assets', async () => {
    const { coin, gem, liquidator } = bench
    const data = calldata(AAVE, 'flashLoan', [liquidator, [coin, gem], [10_000n, 20_000n], [0n, 0n], liquidator, '0x', 0])
    const program = [mintCoin(5n), bench.earn(20n), approve(coin, lender, exact(10_005n)), approve(gem, lender, exact(20_010n))]
    await closes([within(lender, data, 5, program)])
  })

  test('behavior: Balancer v2, paid back by transfer', async () => {
    const { coin, liquidator } = bench
    const data = calldata(BALANCER, 'flashLoan', [liquidator, [coin], [7_000n], '0x'])
    // Heads of the four arguments, then tokens (length, one), then amounts (length, one): word 7.
    await closes([within(lender, data, 3, [pay(coin, lender, argument(7)), bench.earn()])])
  })

  test('behavior: ERC-3156', async () => {
    const { coin, liquidator } = bench
    const data = calldata(ERC3156, 'flashLoan', [liquidator, coin, 8_000n, '0x'])
    await closes([within(lender, data, 3, [approve(coin, lender, argument(2)), bench.earn()])])
  })

  test.each([false, true])('behavior: Uniswap v2 flash swap (fork: %s)', async isFork => {
    const { coin, liquidator } = bench
    const data = calldata(MockPools.abi, 'flashSwap', [coin, 9_000n, liquidator, '0x', isFork])
    await closes([within(pools, data, 3, [pay(coin, pools, argument(1)), bench.earn()])])
  })

  test('behavior: a Uniswap v3 fork, nested as an exact-output route is', async () => {
    const { coin, gem, liquidator, kit } = bench
    const first = await kit.deploy(MockPools)
    await bench.mint(coin, first, 1_000n)
    const swap = (tokenIn: Address, tokenOut: Address, amount: bigint, to: Address): Hex =>
      calldata(MockPools.abi, 'forkSwap', [tokenIn, tokenOut, amount, to, '0x'])
    // Buys GEM for COIN; inside its callback, the COIN owed is bought for GEM elsewhere and delivered straight to this pool.
    const inner: Step = {
      kind: 'call',
      to: first,
      data: swap(gem, coin, 0n, pools),
      fills: [{ at: 4 + 64, amount: argument(0) }],
      callback: { from: first, dataWord: 4, program: [pay(gem, first, argument(0))] },
    }
    await closes([within(pools, swap(coin, gem, 500n, liquidator), 4, [inner]), bench.earn()])
    expect([await bench.held(coin, pools), await bench.held(gem, first)]).toEqual([1_000_500n, 500n])
  })

  test('behavior: Uniswap v4: what the swap returned is paid and taken', async () => {
    const { coin, gem, liquidator, owner } = bench
    const call = (name: string, args: readonly unknown[] = []): Step => step(pools, calldata(MockPools.abi, name, args))
    const take: Step = {
      ...step(pools, calldata(MockPools.abi, 'take', [gem, liquidator, 0n])),
      // amount1 of the delta, in the low half: what we may take.
      fills: [{ at: 4 + 64, amount: { kind: 'returned', at: 16, bytes: 16 } }],
    } as Step
    const program = [
      mintCoin(300n),
      call('sync', [coin]),
      call('swap', [300n]),
      // amount0, in the high half, is owed: negative.
      pay(coin, pools, { kind: 'returned', at: 0, bytes: 16, isOwed: true }),
      call('settle'),
      call('swap', [0n]),
      call('swap', [40n]),
      take,
      call('sync', [coin]),
      mintCoin(40n),
      pay(coin, pools, exact(40n)),
      call('settle'),
    ]
    expect(await bench.run([leg([within(pools, calldata(MockPools.abi, 'unlock', ['0x']), 0, program)], [coin])])).toBe('ok')
    expect(await bench.held(gem, owner)).toBe(40n)
  })

  test('behavior: Balancer v3: the whole calldata of the callback is the program', async () => {
    const { coin } = bench
    const program = [
      step(pools, calldata(MockPools.abi, 'take', [coin, bench.liquidator, 6_000n])),
      pay(coin, pools, exact(6_000n)),
      bench.earn(),
    ]
    await closes([within(pools, calldata(MockPools.abi, 'unlockRaw', ['0x']), 0, program)])
  })
})

describe('callbacks of the real Morpho Blue', () => {
  let morpho: Address
  let params: Readonly<Record<string, unknown>>
  const ABI = parseAbi(['function flashLoan(address token, uint256 assets, bytes data)', 'constructor(address owner)'])

  beforeEach(async () => {
    const { kit, coin, gem } = bench
    morpho = await kit.deploy({ abi: ABI, bytecode: officialBytecode('Morpho') }, [kit.accounts[0]])
    const zero: Address = `0x${'0'.repeat(40)}`
    const oracle = await kit.deploy(HostileOracle, [10n ** 36n, 0])
    params = { loanToken: coin, collateralToken: gem, oracle, irm: zero, lltv: 9n * 10n ** 17n }
    await kit.act(morpho, calldata(morphoAbi, 'enableIrm', [zero]))
    await kit.act(morpho, calldata(morphoAbi, 'enableLltv', [9n * 10n ** 17n]))
    await kit.act(morpho, calldata(morphoAbi, 'createMarket', [params]))
    await bench.mint(coin, morpho, 50_000n)
  })

  test('behavior: flash loan', async () => {
    const { coin } = bench
    await closes([
      within(morpho, calldata(ABI, 'flashLoan', [coin, 50_000n, '0x']), 2, [approve(coin, morpho, argument(0)), bench.earn()]),
    ])
    expect(await bench.held(coin, morpho)).toBe(50_000n)
  })

  test('behavior: supply, supplyCollateral, borrow within, and repay', async () => {
    const { coin, gem, liquidator, kit } = bench
    const word = (name: string, args: readonly unknown[], dataWord: number, program: readonly Step[]): Step =>
      within(morpho, calldata(morphoAbi, name, [params, ...args]), dataWord, program)
    const steps = [
      word('supply', [1_000n, 0n, liquidator, '0x'], 8, [mintCoin(1_000n), approve(coin, morpho, argument(0))]),
      word('supplyCollateral', [2_000n, liquidator, '0x'], 7, [bench.earn(2_000n), approve(gem, morpho, argument(0))]),
      step(morpho, calldata(morphoAbi, 'borrow', [params, 500n, 0n, liquidator, liquidator])),
      word('repay', [500n, 0n, liquidator, '0x'], 8, [approve(coin, morpho, argument(0)), bench.earn(10n)]),
    ]
    await closes(steps)
    expect(await kit.read(coin, TOKEN_ABI, 'allowance', [liquidator, morpho])).toBe(0n)
  })
})

describe('amounts', () => {
  test('behavior: native coin that a leg gets is wrapped and counts as profit; a call takes its value from the chain', async () => {
    const { kit, operator, liquidator, owner } = bench
    const weth = await kit.deploy({ abi: [], bytecode: officialBytecode('WETH9') })
    const wethAbi = parseAbi([
      'function deposit() payable',
      'function withdraw(uint256 amount)',
      'function approve(address spender, uint256 amount)',
    ])
    await kit.act(weth, calldata(wethAbi, 'deposit'), { value: 100n, from: owner })
    await kit.act(weth, calldata(wethAbi, 'approve', [liquidator, 100n]), { from: owner })
    await kit.act(liquidator, calldata(Liquidator.abi, 'setInventoryCap', [weth, 60n]), { from: owner })
    const native: Address = `0x${'0'.repeat(40)}`
    const drawAll: Step = { kind: 'draw', token: weth, amount: exact(60n) }
    const unwrap = step(weth, calldata(wethAbi, 'withdraw', [60n]))
    const wrap: Step = {
      kind: 'call',
      to: weth,
      data: calldata(wethAbi, 'deposit'),
      fills: [],
      callback: null,
      value: { kind: 'gained', token: native },
    }
    // Inventory is no profit, whatever it turns into on its way.
    expect(await bench.tryRun([leg([drawAll, unwrap, wrap], [native])], { wrappedNative: weth })).toBe(
      'TotalFloor(profitWei 0, requiredWei 1)',
    )
    expect(await bench.tryRun([leg([drawAll, unwrap], [])], { wrappedNative: weth })).toBe(
      'TotalFloor(profitWei 0, requiredWei 1)',
    )
    const over: Step = { kind: 'draw', token: weth, amount: exact(61n) }
    expect(await bench.tryRun([leg([over])], { wrappedNative: weth })).toBe(`OverInventoryCap(token ${weth}, drawn 61, cap 60)`)
    expect(await bench.tryRun([leg([drawAll, drawAll])], { wrappedNative: weth })).toMatch(/^OverInventoryCap/)
    expect(operator).not.toBe(owner)
    // Spent inventory of another token: drawn COIN goes, the rest comes back.
    await bench.mint(bench.coin, owner, 100n)
    await kit.act(bench.coin, calldata(TOKEN_ABI, 'approve', [liquidator, 100n]), { from: owner })
    await kit.act(liquidator, calldata(Liquidator.abi, 'setInventoryCap', [bench.coin, 60n]), { from: owner })
    const spend = [
      { kind: 'draw', token: bench.coin, amount: exact(60n) },
      pay(bench.coin, lender, exact(40n)),
      bench.earn(),
    ] as const
    expect(await bench.run([leg(spend, [bench.coin])])).toBe('ok')
    expect(await bench.held(bench.coin, owner)).toBe(60n)
  })

  test('behavior: gained pays what came in, not what was there', async () => {
    const { coin, liquidator } = bench
    await bench.mint(coin, liquidator, 33n)
    const before = await bench.held(coin, lender)
    const steps = [mintCoin(100n), pay(coin, lender, { kind: 'gained', token: coin }), bench.earn()]
    expect(await bench.run([leg(steps, [coin])])).toBe('ok')
    expect([(await bench.held(coin, lender)) - before, await bench.held(coin, liquidator)]).toEqual([100n, 33n])
  })

  test('error: a negative argument is refused', async () => {
    const { coin, gem, liquidator } = bench
    const data = calldata(MockPools.abi, 'forkSwap', [coin, gem, 5n, liquidator, '0x'])
    // Argument 1 is what we get: negative.
    expect(await bench.tryRun([leg([within(pools, data, 4, [pay(coin, pools, argument(1))])], [coin])])).toMatch(/^BadAmount/)
  })

  test('error: nothing was returned that could be taken', async () => {
    const { coin } = bench
    const short = pay(coin, pools, { kind: 'returned', at: 32, bytes: 32 })
    expect(await bench.tryRun([leg([step(pools, calldata(MockPools.abi, 'swap', [1n])), short], [coin])])).toBe(
      'BadAmount(value 32)',
    )
  })
})
