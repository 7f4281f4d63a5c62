// What the Liquidator must not let happen: forged callbacks, stolen operator keys, tokens that do not behave.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { encodeAbiParameters, parseAbi, toFunctionSelector } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import type { Step } from '../../src/core/program'
import { encodeProgram, encodeRun } from '../../src/executor/encode'
import { Liquidator } from '../../src/executor/liquidator-artifact'
import { decodeRevert } from '../../src/executor/run-result'
import { officialBytecode } from '../../src/lab/world/contracts'
import { FalseToken, FeeToken, GasBurningToken, HookToken, SilentToken } from '../../src/lab/world/lab-artifacts'
import { calldata } from '../fixtures/chain-kit'
import { createExecutorBench, type ExecutorBench, exact, leg, step, TOKEN_ABI } from './executor-bench'
import { MockLender, Thief } from './mock-artifacts'

let bench: ExecutorBench
let thief: Address
let start: Hex

beforeAll(async () => {
  bench = await createExecutorBench()
  thief = await bench.kit.deploy(Thief)
}, 60_000)
afterAll(() => bench?.kit.stop())
beforeEach(async () => {
  start = await bench.kit.snapshot()
})
afterEach(() => bench.kit.revert(start))

const pay = (token: Address, to: Address, amount: bigint): Step => ({ kind: 'pay', token, to, amount: exact(amount) })
const approve = (token: Address, spender: Address, amount: bigint): Step => ({
  kind: 'approve',
  token,
  spender,
  amount: exact(amount),
})
const awaiting = (to: Address, data: Hex, dataWord: number, program: readonly Step[], from = to): Step => ({
  kind: 'call',
  to,
  data,
  fills: [],
  callback: { from, dataWord, program },
})
const CALLBACKS = parseAbi([
  'function onMorphoLiquidate(uint256 a, bytes data)',
  'function onMorphoFlashLoan(uint256 a, bytes data)',
  'function uniswapV3SwapCallback(int256 a, int256 b, bytes data)',
  'function uniswapV2Call(address sender, uint256 a, uint256 b, bytes data)',
  'function receiveFlashLoan(address[] a, uint256[] b, uint256[] c, bytes data)',
  'function executeOperation(address a, uint256 b, uint256 c, address initiator, bytes data)',
  'function onFlashLoan(address initiator, address a, uint256 b, uint256 c, bytes data)',
  'function unlockCallback(bytes data)',
])

describe('forged callbacks', () => {
  const forged = (program: Hex): readonly Hex[] => {
    const us = bench.liquidator
    return [
      calldata(CALLBACKS, 'onMorphoLiquidate', [1n, program]),
      calldata(CALLBACKS, 'onMorphoFlashLoan', [1n, program]),
      calldata(CALLBACKS, 'uniswapV3SwapCallback', [1n, 1n, program]),
      calldata(CALLBACKS, 'uniswapV2Call', [us, 1n, 1n, program]),
      calldata(CALLBACKS, 'receiveFlashLoan', [[], [], [], program]),
      calldata(CALLBACKS, 'executeOperation', [us, 1n, 1n, us, program]),
      calldata(CALLBACKS, 'onFlashLoan', [us, us, 1n, 1n, program]),
      calldata(CALLBACKS, 'unlockCallback', [program]),
      program,
      '0xdeadbeef',
    ]
  }

  test('error: out of the blue, by anybody, with any program', async () => {
    const { kit, coin, liquidator, operator, owner } = bench
    await bench.mint(coin, liquidator, 100n)
    const program = encodeProgram([pay(coin, thief, 100n)], [bench.gem, coin], thief)
    for (const from of [bench.stranger, operator, owner])
      for (const data of forged(program)) {
        const reply = await kit.call(liquidator, data, from)
        expect([data.slice(0, 10), reply.ok, decodeRevert(reply.data)]).toEqual([
          data.slice(0, 10),
          false,
          `RefusedCallback(caller ${from})`,
        ])
      }
  })

  test('error: during a run, by someone that we do not wait for, with the very bytes committed to', async () => {
    const { liquidator } = bench
    const other = await bench.kit.deploy(Thief)
    const program = encodeProgram([bench.earn()], [bench.gem], thief)
    // We wait for `thief`; it is asked to have `other` call back with the right program.
    const data = calldata(CALLBACKS, 'onMorphoFlashLoan', [1n, program])
    const nested = calldata(Thief.abi, 'callBack', [liquidator, data])
    expect(await bench.tryRun([leg([awaiting(other, nested, 1, [bench.earn()], thief)])])).toBe(
      `RefusedCallback(caller ${other})`,
    )
  })

  test('error: by the one that we wait for, with other bytes than committed to', async () => {
    const { coin, liquidator } = bench
    await bench.mint(coin, liquidator, 100n)
    const evil = encodeProgram([pay(coin, thief, 100n)], [bench.gem, coin], thief)
    for (const forgery of forged(evil)) {
      const call = awaiting(thief, calldata(Thief.abi, 'callBackWith', [liquidator, forgery, '0x']), 2, [bench.earn()])
      expect(await bench.tryRun([leg([call], [coin])])).toBe(`RefusedCallback(caller ${thief})`)
    }
    // The same way with the right bytes: accepted.
    const honest = encodeProgram([bench.earn()], [bench.gem, coin], thief)
    const right = calldata(CALLBACKS, 'onMorphoFlashLoan', [1n, honest])
    const call = awaiting(thief, calldata(Thief.abi, 'callBackWith', [liquidator, right, '0x']), 2, [bench.earn()])
    expect(await bench.tryRun([leg([call], [coin])])).toBe('ok')
  })

  test('error: twice; not at all', async () => {
    const twice = awaiting(thief, calldata(Thief.abi, 'swapTwice', ['0x']), 0, [bench.earn()])
    expect(await bench.tryRun([leg([twice])])).toBe(`RefusedCallback(caller ${thief})`)
    const never = awaiting(thief, calldata(Thief.abi, 'ignore', ['0x']), 0, [bench.earn()])
    expect(await bench.tryRun([leg([never])])).toBe(`MissingCallback(from ${thief})`)
  })

  test('error: a loan that somebody else started for us, with the program that we wait for', async () => {
    const { kit, coin, liquidator } = bench
    const lender = await kit.deploy(MockLender)
    await bench.mint(coin, lender, 1_000n)
    const AAVE = parseAbi([
      'function flashLoanSimple(address receiver, address asset, uint256 amount, bytes params, uint16 referral)',
    ])
    const V2 = parseAbi(['function uniswapV2Call(address sender, uint256 a, uint256 b, bytes data)'])
    const reply = await kit.call(lender, calldata(AAVE, 'flashLoanSimple', [liquidator, coin, 100n, '0x', 0]), bench.stranger)
    expect(decodeRevert(reply.data)).toBe(`RefusedInitiator(initiator ${bench.stranger})`)
    const v2 = await kit.call(liquidator, calldata(V2, 'uniswapV2Call', [bench.stranger, 1n, 1n, '0x']), bench.stranger)
    expect(decodeRevert(v2.data)).toBe(`RefusedInitiator(initiator ${bench.stranger})`)
  })
})

describe('a stolen operator key', () => {
  const STRAY = 1_000n

  beforeEach(async () => {
    await bench.mint(bench.coin, bench.liquidator, STRAY)
    await bench.mint(bench.gem, bench.liquidator, STRAY)
  })

  test('error: pays stray tokens to itself, directly or by an allowance', async () => {
    const { coin, gem, liquidator } = bench
    for (const token of [coin, gem]) {
      expect(await bench.tryRun([leg([pay(token, thief, 1n), ...(token === gem ? [] : [bench.earn()])])])).toMatch(
        /^(Overspent|LegFloor|TotalFloor)/,
      )
      const pull = step(thief, calldata(Thief.abi, 'pull', [token, liquidator, STRAY]))
      expect(await bench.tryRun([leg([approve(token, thief, STRAY), pull])])).toMatch(/^Overspent/)
    }
    // What it leaves allowed is gone when the leg ends.
    expect(await bench.run([leg([approve(coin, thief, STRAY), bench.earn()])])).toBe('ok')
    expect(await bench.allowed(coin, thief)).toBe(0n)
    expect(await bench.held(coin, liquidator)).toBe(STRAY)
  })

  test('error: moves tokens by generic calls', async () => {
    const { coin, liquidator, stranger } = bench
    const signatures = [
      'transfer(address,uint256)',
      'transferFrom(address,address,uint256)',
      'approve(address,uint256)',
      'increaseAllowance(address,uint256)',
      'increaseApproval(address,uint256)',
      'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)',
      'permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)',
      'transferAndCall(address,uint256,bytes)',
      'transferAndCall(address,uint256)',
      'transferFromAndCall(address,address,uint256)',
      'transferFromAndCall(address,address,uint256,bytes)',
      'approveAndCall(address,uint256)',
      'approveAndCall(address,uint256,bytes)',
      'send(address,uint256,bytes)',
      'operatorSend(address,address,uint256,bytes,bytes)',
      'authorizeOperator(address)',
      'setApprovalForAll(address,bool)',
      'safeTransferFrom(address,address,uint256)',
      'safeTransferFrom(address,address,uint256,bytes)',
      'safeTransferFrom(address,address,uint256,uint256,bytes)',
      'safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)',
      'transfer(address,uint256,uint256)',
      'transferFrom(address,address,uint256,uint256)',
      'approve(address,uint256,uint256)',
      'setOperator(address,bool)',
      'approve(address,address,uint160,uint48)',
      'transferShares(address,uint256)',
      'transferSharesFrom(address,address,uint256)',
      'setAuthorization(address,bool)',
      'allow(address,bool)',
    ]
    const undeclared = [
      'withdraw(uint256)',
      'withdraw(uint256,address,address)',
      'redeem(uint256,address,address)',
      'redeem(uint256)',
      'redeemUnderlying(uint256)',
      'burn(uint256)',
    ]
    for (const signature of [...signatures, ...undeclared]) {
      const selector = toFunctionSelector(signature)
      const data =
        `${selector}${encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [stranger, 1n]).slice(2)}${'00'.repeat(64)}` as Hex
      expect([signature, await bench.tryRun([leg([step(coin, data), bench.earn()])])]).toEqual([
        signature,
        `RefusedCall(to ${coin}, selector ${selector})`,
      ])
    }
    const self = step(liquidator, calldata(Liquidator.abi, 'setRecipient', [stranger]))
    expect(await bench.tryRun([leg([self, bench.earn()])])).toMatch(/^RefusedCall/)
    // A fill can't turn a harmless selector into a harmful one: the encoder refuses it, and so does the contract.
    const run = encodeRun(bench.order(), [
      leg([{ ...step(coin, `0x01020304${'00'.repeat(64)}`, [{ at: 4, amount: { kind: 'gained', token: bench.gem } }]) } as Step]),
    ])
    const patched = run.replace('00040200', '00000200') as Hex
    expect(patched).not.toBe(run)
    expect(decodeRevert((await bench.kit.call(liquidator, patched, bench.operator)).data)).toBe('RefusedFill(position 0)')
  })

  test('error: drains stray tokens through a pool of its own', async () => {
    const { coin } = bench
    const swap = calldata(Thief.abi, 'swap', [STRAY, -1n, '0x'])
    const drain = awaiting(thief, swap, 2, [{ kind: 'pay', token: coin, to: thief, amount: { kind: 'argument', word: 0 } }])
    expect(await bench.tryRun([leg([drain, bench.earn()], [coin])])).toMatch(/^Overspent/)
    // Undeclared, the token can't be named at all: index 2 of a leg with one token.
    const run = encodeRun(bench.order(), [leg([pay(coin, thief, 1n), bench.earn()], [coin])])
    const patched = run.replace(`0101${thief.slice(2)}`, `0102${thief.slice(2)}`) as Hex
    expect(patched).not.toBe(run)
    expect(decodeRevert((await bench.kit.call(bench.liquidator, patched, bench.operator)).data)).toBe('UndeclaredToken(index 2)')
  })

  test('error: names a token of an earlier leg in a leg that does not answer for it', async () => {
    const { coin } = bench
    const run = encodeRun(bench.order(), [
      leg([bench.earn()], [coin]),
      { ...leg([pay(bench.gem, thief, 1n), bench.earn()]), gasLimit: 1_000_000n },
    ])
    const patched = run.replace(`0100${thief.slice(2)}`, `0101${thief.slice(2)}`) as Hex
    expect(patched).not.toBe(run)
    const receipt = await bench.kit.send(bench.liquidator, patched, { from: bench.operator })
    expect(receipt.status).toBe('success')
    expect(await bench.held(coin, thief)).toBe(0n)
  })

  test('error: counts profit in a token of its own to get at native coin or wrapped native that strayed in', async () => {
    const { kit, liquidator, operator } = bench
    const weth = await kit.deploy({ abi: [], bytecode: officialBytecode('WETH9') })
    const wethAbi = parseAbi([
      'function deposit() payable',
      'function withdraw(uint256 amount)',
      'function transfer(address to, uint256 amount)',
    ])
    await kit.act(weth, calldata(wethAbi, 'deposit'), { value: 77n })
    await kit.act(weth, calldata(wethAbi, 'transfer', [liquidator, 77n]))
    await kit.rpc.request('anvil_setBalance', liquidator, '0x2a')
    const claim = step(thief, calldata(Thief.abi, 'claim', [1_000n]))
    const fake = { wrappedNative: thief }
    // A bid without a withdrawal behind it.
    const payee = { kind: 'address', address: operator } as const
    expect(await bench.tryRun([leg([claim])], { ...fake, bidShareBps: 100n, payee })).toMatch(/^Overspent/)
    // Native coin as a call's value.
    const give: Step = { kind: 'call', to: thief, data: calldata(Thief.abi, 'deposit'), fills: [], callback: null, valueWei: 42n }
    expect(await bench.tryRun([leg([claim, give])], fake)).toMatch(/^Overspent/)
    // Stray wrapped native, unwrapped so that it looks like a gain of native coin.
    expect(await bench.tryRun([leg([claim, step(weth, calldata(wethAbi, 'withdraw', [77n]))])], fake)).toMatch(/^RefusedCall/)
    expect(await bench.tryRun([leg([claim, step(weth, calldata(wethAbi, 'withdraw', [77n]))], [weth])], fake)).toMatch(
      /^Overspent/,
    )
  })

  test('error: takes the recipient’s allowance', async () => {
    const { kit, coin, owner, liquidator } = bench
    await bench.mint(coin, owner, 500n)
    await kit.act(coin, calldata(TOKEN_ABI, 'approve', [liquidator, 500n]), { from: owner })
    const take = step(coin, calldata(TOKEN_ABI, 'transferFrom', [owner, thief, 500n]))
    expect(await bench.tryRun([leg([take, bench.earn()], [coin])])).toMatch(/^RefusedCall/)
    const draw: Step = { kind: 'draw', token: coin, amount: exact(1n) }
    expect(await bench.tryRun([leg([draw, bench.earn()], [coin])])).toBe(`OverInventoryCap(token ${coin}, drawn 1, cap 0)`)
  })
})

describe('hostile tokens', () => {
  let lender: Address
  const ERC3156 = parseAbi(['function flashLoan(address receiver, address token, uint256 amount, bytes data)'])

  beforeEach(async () => {
    lender = await bench.kit.deploy(MockLender)
  })

  /** Borrows 1,000 of `token`, pays 10 to a stranger, gets them back by minting, and repays. */
  const loanOf = (token: Address, minted = 10n): readonly Step[] => [
    awaiting(lender, calldata(ERC3156, 'flashLoan', [bench.liquidator, token, 1_000n, '0x']), 3, [
      pay(token, bench.stranger, 10n),
      step(token, calldata(TOKEN_ABI, 'mint', [bench.liquidator, minted])),
      { kind: 'approve', token, spender: lender, amount: { kind: 'argument', word: 2 } },
      bench.earn(),
    ]),
  ]

  test('behavior: returns nothing, and wants approve(0) first', async () => {
    const token = await bench.kit.deploy(SilentToken)
    await bench.mint(token, lender, 1_000n)
    // Real lenders use safe transfers; this one decodes a bool, so it only serves the executor's own side here.
    const steps = [
      step(token, calldata(TOKEN_ABI, 'mint', [bench.liquidator, 30n])),
      approve(token, lender, 20n),
      approve(token, lender, 25n),
      pay(token, bench.stranger, 10n),
      bench.earn(),
    ]
    expect(await bench.run([leg(steps, [token])])).toBe('ok')
    expect(await bench.allowed(token, lender)).toBe(0n)
    expect([
      await bench.held(token, bench.stranger),
      await bench.held(token, bench.owner),
      await bench.held(token, bench.liquidator),
    ]).toEqual([10n, 20n, 0n])
  })

  test('behavior: takes a fee: works where the fee is covered, else the leg reverts whole', async () => {
    const token = await bench.kit.deploy(FeeToken)
    await bench.mint(token, lender, 1_000n)
    expect(await bench.tryRun([leg(loanOf(token), [token])])).toBe('panic: arithmetic overflow')
    expect(await bench.run([leg(loanOf(token, 20n), [token])])).toBe('ok')
    expect([await bench.held(token, bench.liquidator), await bench.allowed(token, lender)]).toEqual([0n, 0n])
  })

  test('behavior: hooks: a caller from within gets nowhere', async () => {
    const { kit, liquidator } = bench
    const token = await kit.deploy(HookToken)
    await bench.mint(token, lender, 1_000n)
    const program = encodeProgram([bench.earn()], [bench.gem, token], lender)
    const attempts = [
      calldata(CALLBACKS, 'onFlashLoan', [liquidator, token, 1n, 0n, program]),
      encodeRun(bench.order(), [leg([bench.earn()])]),
      calldata(Liquidator.abi, 'closeLeg'),
    ]
    // The token is made an operator: the worst that can be.
    await kit.act(liquidator, calldata(Liquidator.abi, 'setOperator', [token, true]), { from: bench.owner })
    for (const attempt of attempts) {
      await kit.act(token, calldata(HookToken.abi, 'setHook', [liquidator, attempt, false]))
      expect(await bench.tryRun([leg(loanOf(token), [token])])).toBe('ok')
      await kit.act(token, calldata(HookToken.abi, 'setHook', [liquidator, attempt, true]))
      expect(await bench.tryRun([leg(loanOf(token), [token])])).not.toBe('ok')
    }
  })

  test('behavior: says false: the leg reverts', async () => {
    const token = await bench.kit.deploy(FalseToken)
    const steps = [pay(token, bench.stranger, 10n), bench.earn()]
    expect(await bench.tryRun([leg(steps, [token])])).toBe(`TokenFailed(token ${token})`)
  })

  test('behavior: burns all gas: its leg fails within its limit, the other goes on', async () => {
    const { kit } = bench
    const token = await kit.deploy(GasBurningToken)
    await bench.mint(token, lender, 1_000n)
    await kit.act(token, calldata(GasBurningToken.abi, 'arm', [true]))
    const legs = [{ ...leg(loanOf(token), [token]), gasLimit: 500_000n }, leg([bench.earn()])]
    expect(await bench.run(legs)).not.toBe('ok')
    expect(await bench.held(bench.gem, bench.owner)).toBe(10n)
  })

  test('error: a token without code is refused', async () => {
    const nowhere: Address = `0x${'77'.repeat(20)}`
    expect(await bench.tryRun([leg([bench.earn()], [nowhere])])).toBe(`TokenFailed(token ${nowhere})`)
  })
})
