import { describe, expect, test } from '@jest/globals'
import { encodeAbiParameters, encodeErrorResult, parseAbi } from 'viem'
import type { Address, Hex, Log } from '../../src/core/primitives'
import { Liquidator } from '../../src/executor/liquidator-artifact'
import { createLiquidatorCodec } from '../../src/executor/liquidator-codec'
import { decodeRevert, decodeRunLogs, EXECUTED_TOPIC, LEG_FAILED_TOPIC } from '../../src/executor/run-result'

const US: Address = `0x${'11'.repeat(20)}`
const MAX = (1n << 256n) - 1n

const log = (topic: Hex, data: Hex, address = US): Log => ({
  address,
  topics: [topic],
  data,
  blockNumber: 1n,
  blockHash: '0x',
  logIndex: 0,
  transactionHash: '0x',
})
const executed = (bid: bigint, gains: readonly bigint[], address = US): Log =>
  log(EXECUTED_TOPIC, encodeAbiParameters([{ type: 'uint256' }, { type: 'uint256[]' }], [bid, gains]), address)
const failed = (index: bigint, reason: Hex): Log =>
  log(LEG_FAILED_TOPIC, encodeAbiParameters([{ type: 'uint256' }, { type: 'bytes' }], [index, reason]))

describe('decodeRunLogs', () => {
  test('default', () => {
    const reason = encodeErrorResult({ abi: Liquidator.abi, errorName: 'LegFloor', args: [3n, 4n] })
    const result = decodeRunLogs([failed(1n, reason), log(`0x${'9'.repeat(64)}`, '0x'), executed(5n, [100n, MAX, 7n])], US)
    expect(result).toEqual({
      legs: [
        { index: 0, ok: true, gainedWei: 100n, failure: null },
        { index: 1, ok: false, gainedWei: 0n, failure: 'LegFloor(gainedWei 3, floorWei 4)' },
        { index: 2, ok: true, gainedWei: 7n, failure: null },
      ],
      profitWei: 107n,
      bidWei: 5n,
    })
  })

  test('behavior: the same event of another contract counts for nothing', () => {
    expect(decodeRunLogs([executed(5n, [100n], `0x${'22'.repeat(20)}`)], US)).toBeNull()
    expect(decodeRunLogs([], US)).toBeNull()
  })
})

describe('createLiquidatorCodec', () => {
  test('default', () => {
    const codec = createLiquidatorCodec(US)
    expect(codec.read([failed(0n, '0x'), executed(1n, [MAX, 9n])], 2)).toEqual({
      revenueWei: 9n,
      bidWei: 1n,
      legs: [
        { kind: 'failed', reason: 'reverted without data' },
        { kind: 'ok', gainWei: 9n },
      ],
    })
    expect(codec.read([], 1)).toBeNull()
  })
})

describe('decodeRevert', () => {
  const text = (message: string): Hex =>
    encodeErrorResult({ abi: parseAbi(['error Error(string)']), errorName: 'Error', args: [message] })

  test.each<[string, Hex, string]>([
    ['nothing', '0x', 'reverted without data'],
    ['Error(string)', text('position is healthy'), 'position is healthy'],
    ['Error(string), cut', text('x'.repeat(60)).slice(0, 202) as Hex, `${'x'.repeat(32)}…`],
    ['Panic', `0x4e487b71${'11'.padStart(64, '0')}`, 'panic: arithmetic overflow'],
    ['Panic of a new kind', `0x4e487b71${'99'.padStart(64, '0')}`, 'panic: 0x99'],
    ['an unknown error', '0xdeadbeef00', 'reverted with 0xdeadbeef'],
    [
      'our own, cut',
      encodeErrorResult({ abi: Liquidator.abi, errorName: 'TotalFloor', args: [1n, 2n] }).slice(0, 40) as Hex,
      'reverted with 0x',
    ],
  ])('default: %s', (_, data, expected) => {
    expect(decodeRevert(data)).toContain(expected)
  })

  test('behavior: our own errors by name and numbers; a reason inside a reason', () => {
    const floor = encodeErrorResult({ abi: Liquidator.abi, errorName: 'TotalFloor', args: [1n, 2n] })
    expect(decodeRevert(floor)).toBe('TotalFloor(profitWei 1, requiredWei 2)')
    const nothing = encodeErrorResult({ abi: Liquidator.abi, errorName: 'NothingClosed', args: [text('too late')] })
    expect(decodeRevert(nothing)).toBe('NothingClosed: too late')
    expect(decodeRevert(encodeErrorResult({ abi: Liquidator.abi, errorName: 'ZeroFloor' }))).toBe('ZeroFloor()')
  })
})
