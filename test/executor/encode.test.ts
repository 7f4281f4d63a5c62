import { describe, expect, test } from '@jest/globals'
import { encodeFunctionData, parseAbi, toFunctionSelector } from 'viem'
import { InvariantError } from '../../src/core/errors'
import type { Address, Hex } from '../../src/core/primitives'
import type { Amount, Leg, Step } from '../../src/core/program'
import { encodeProgram, encodeRun, RUN_SELECTOR } from '../../src/executor/encode'
import type { RunOrder } from '../../src/executor/run-codec'

const at = (digits: string): Address => `0x${digits.repeat(20)}`
const [WETH, USDC, POOL, LENDER] = [at('ee'), at('dc'), at('a0'), at('1e')]
const TOKENS = [WETH, USDC]
const exact = (value: bigint): Amount => ({ kind: 'exact', value })
const call = (changes: Partial<Extract<Step, { kind: 'call' }>>): Step => ({
  kind: 'call',
  to: POOL,
  data: '0x01020304',
  fills: [],
  callback: null,
  ...changes,
})
const POOL_HEX = 'a0'.repeat(20)
const LENDER_HEX = '1e'.repeat(20)
const word = (value: bigint | number): string => value.toString(16).padStart(64, '0')

const order: RunOrder = {
  lastBlock: 0x11n,
  deadlineSec: 0x22n,
  wrappedNative: WETH,
  costWei: 0x33n,
  floorWei: 0x44n,
  bidShareBps: 9_000n,
  payee: { kind: 'coinbase' },
}

describe('encodeProgram', () => {
  test('default', () => {
    const steps: readonly Step[] = [
      call({ data: '0x01020304aa' }),
      { kind: 'pay', token: USDC, to: POOL, amount: exact(7n) },
      { kind: 'approve', token: WETH, spender: LENDER, amount: { kind: 'gained', token: USDC } },
      { kind: 'draw', token: USDC, amount: exact(1n) },
    ]
    expect(encodeProgram(steps, TOKENS, null)).toBe(
      `0x${[
        `00${POOL_HEX}0005000001020304aa`,
        `0101${POOL_HEX}0000${'7'.padStart(32, '0')}`,
        `0200${LENDER_HEX}0201`,
        `03010000${'1'.padStart(32, '0')}`,
      ].join('')}`,
    )
  })

  test('behavior: a payee or spender that is the caller of the callback is left out', () => {
    const steps: readonly Step[] = [
      { kind: 'pay', token: USDC, to: POOL, amount: { kind: 'argument', word: 1 } },
      { kind: 'approve', token: USDC, spender: POOL, amount: { kind: 'argument', word: 0 } },
    ]
    expect(encodeProgram(steps, TOKENS, POOL)).toBe('0x05010101' + '06010100')
  })

  test('behavior: exact fills are written at once, others are left to the chain', () => {
    const data = `0x01020304${word(0)}${word(0)}${word(0)}` as Hex
    const fills = [
      { at: 4, amount: exact(5n) },
      { at: 36, amount: exact(5n), negate: true },
      { at: 68, amount: { kind: 'returned', at: 16, bytes: 16, isOwed: true }, negate: true },
    ] as const
    expect(encodeProgram([call({ data, fills })], TOKENS, null)).toBe(
      `0x10${POOL_HEX}0064000001020304${word(5)}${word((1n << 256n) - 5n)}${word(0)}00441f01`,
    )
  })

  test('behavior: a value travels as a fill of its own', () => {
    const head = `10${POOL_HEX}0004000001020304`
    expect(encodeProgram([call({ valueWei: 9n })], TOKENS, null)).toBe(`0x${head}ffff0000${'9'.padStart(32, '0')}`)
    expect(encodeProgram([call({ valueWei: 0n })], TOKENS, null)).toBe(`0x00${POOL_HEX}0004000001020304`)
    expect(encodeProgram([call({ value: { kind: 'gained', token: USDC } })], TOKENS, null)).toBe(`0x${head}ffff0201`)
  })

  test('behavior: a callback’s program becomes the bytes argument, nested ones too', () => {
    const abi = parseAbi(['function swap(address to, bytes data)', 'function loan(bytes data, uint256 n)'])
    const inner = call({
      data: encodeFunctionData({ abi, functionName: 'swap', args: [LENDER, '0x'] }),
      callback: { from: POOL, dataWord: 1, program: [{ kind: 'pay', token: USDC, to: POOL, amount: exact(1n) }] },
    })
    const pay = `05010000${'1'.padStart(32, '0')}`
    const innerData = `${toFunctionSelector('swap(address,bytes)').slice(2)}${word(BigInt(LENDER))}${word(64)}${word(20)}${pay}`
    const innerHex = `04${POOL_HEX}${(innerData.length / 2).toString(16).padStart(4, '0')}0064${innerData}`
    expect(encodeProgram([inner], TOKENS, null)).toBe(`0x${innerHex}`)

    const outer = call({
      to: LENDER,
      data: encodeFunctionData({ abi, functionName: 'loan', args: ['0x', 3n] }),
      callback: { from: WETH, dataWord: 0, program: [inner] },
    })
    const outerData = `${toFunctionSelector('loan(bytes,uint256)').slice(2)}${word(64)}${word(3)}${word(innerHex.length / 2)}${innerHex}`
    expect(encodeProgram([outer], TOKENS, null)).toBe(
      `0x0c${LENDER_HEX}${(outerData.length / 2).toString(16).padStart(4, '0')}0064${'ee'.repeat(20)}${outerData}`,
    )
  })

  test('behavior: the empty argument is overwritten only where it stands last', () => {
    // Head word 0 is the bytes argument's; the zero word at the end belongs to something else.
    const data = `0x01020304${word(32)}${word(0)}${word(0)}` as Hex
    const program = encodeProgram([call({ data, callback: { from: POOL, dataWord: 0, program: [] } })], TOKENS, null)
    expect(program).toBe(`0x04${POOL_HEX}00840084` + `01020304${word(96)}${word(0)}${word(0)}${word(0)}`)
  })

  test.each<[string, Step]>([
    ['a token that is not in the table', { kind: 'pay', token: POOL, to: POOL, amount: exact(1n) }],
    ['an argument outside any callback', { kind: 'pay', token: USDC, to: POOL, amount: { kind: 'argument', word: 0 } }],
    ['an amount of more than 128 bits', { kind: 'pay', token: USDC, to: POOL, amount: exact(1n << 128n) }],
    ['a negative amount', { kind: 'pay', token: USDC, to: POOL, amount: exact(-1n) }],
    ['a fill over the selector', call({ data: `0x01020304${word(0)}`, fills: [{ at: 3, amount: exact(1n) }] })],
    ['a fill over the end', call({ data: `0x01020304${word(0)}`, fills: [{ at: 5, amount: exact(1n) }] })],
    ['an unaligned returned amount', { kind: 'pay', token: USDC, to: POOL, amount: { kind: 'returned', at: 8, bytes: 32 } }],
    ['call data of 64 KB', call({ data: `0x${'00'.repeat(65_536)}` })],
    ['a callback without its argument word', call({ callback: { from: POOL, dataWord: 0, program: [] } })],
  ])('error: %s', (_, step) => {
    expect(() => encodeProgram([step], TOKENS, null)).toThrow(InvariantError)
  })
})

describe('encodeRun', () => {
  test('default', () => {
    const leg: Leg = { steps: [call({})], tokens: [USDC, WETH, USDC], floorWei: 5n, gasLimit: 6n }
    const body = `${'5'.padStart(24, '0')}01${'dc'.repeat(20)}00${POOL_HEX}0004000001020304`
    expect(encodeRun(order, [leg])).toBe(
      [
        RUN_SELECTOR,
        'ee'.repeat(20),
        `${'00'.repeat(19)}01`,
        '000000000011',
        '000000000022',
        '2328',
        '0001',
        '33'.padStart(24, '0'),
        '44'.padStart(24, '0'),
        (body.length / 2).toString(16).padStart(6, '0'),
        '000006',
        '000000',
        body,
      ].join(''),
    )
  })

  test('behavior: tokens that only the steps name are declared, those of nested programs too', () => {
    const nested: Step = { kind: 'pay', token: USDC, to: POOL, amount: { kind: 'gained', token: LENDER } }
    const leg: Leg = {
      steps: [call({ data: `0x01020304${word(0)}`, callback: { from: POOL, dataWord: 0, program: [nested] } })],
      tokens: [],
      floorWei: 0n,
      gasLimit: 0n,
    }
    const declared = `02${'dc'.repeat(20)}${LENDER_HEX}`
    expect(
      encodeRun(order, [leg])
        .slice(2 + 2 * 84 + 18 + 24)
        .startsWith(declared),
    ).toBe(true)
  })

  test('behavior: payees', () => {
    const payeeOf = (payee: RunOrder['payee']): string => encodeRun({ ...order, payee }, []).slice(50, 90)
    expect(payeeOf({ kind: 'none' })).toBe('00'.repeat(20))
    expect(payeeOf({ kind: 'address', address: POOL })).toBe(POOL_HEX)
  })

  test("behavior: a leg's gas stands behind its limit; legs without one have none", () => {
    const leg: Leg = { steps: [], tokens: [], floorWei: 0n, gasLimit: 6n }
    const encoded = encodeRun({ ...order, legGas: [0xabcden] }, [leg, leg])
    const body = `${'0'.repeat(24)}00`
    expect(encoded.slice(2 + 2 * 84)).toBe(`00000d0000060abcde${body}00000d000006000000${body}`)
  })

  test('error: numbers that do not fit', () => {
    expect(() => encodeRun({ ...order, floorWei: 1n << 96n }, [])).toThrow(InvariantError)
    expect(() => encodeRun(order, [{ steps: [], tokens: [], floorWei: 0n, gasLimit: 1n << 24n }])).toThrow(/gas limit/)
  })

  test('behavior: the selector is the contract’s', () => {
    expect(RUN_SELECTOR).toBe(toFunctionSelector('run()'))
  })
})
