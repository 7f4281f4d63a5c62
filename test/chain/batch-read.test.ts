import { describe, expect, test } from '@jest/globals'
import { decodeBatch, encodeBatch, READ_DEFAULTS, readInBatches, splitBatch } from '../../src/chain/batch-read'
import type { ReadCall } from '../../src/core/folder'
import type { Hex } from '../../src/core/primitives'

const address = (n: number): Hex => `0x${n.toString(16).padStart(40, '0')}`
const word = (n: bigint): string => n.toString(16).padStart(64, '0')
const bytes = (data: Hex): number => data.length / 2 - 1

describe('encodeBatch', () => {
  test('default', () => {
    const none = encodeBatch([])
    const one = encodeBatch([{ to: address(1), data: '0xa035b1fe' }])
    // One group head, its data and one target.
    expect(bytes(one) - bytes(none)).toBe(15 + 4 + 20)
    expect(one.endsWith(`${address(1).slice(2)}${(3 + 15 + 4 + 20).toString(16).padStart(8, '0')}`)).toBe(true)
  })

  test('behavior: one question to 2,000 contracts fits one request', () => {
    const calls = Array.from({ length: 2_000 }, (_, n): ReadCall => ({ to: address(n), data: '0xa035b1fe' }))
    expect(bytes(encodeBatch(calls))).toBeLessThanOrEqual(49_152)
    expect(splitBatch(calls)).toHaveLength(1)
  })

  test('behavior: many questions to one contract share target and prefix', () => {
    const calls = Array.from({ length: 1_000 }, (_, n): ReadCall => ({ to: address(1), data: `0xf30dba93${word(BigInt(n))}` }))
    expect(bytes(encodeBatch(calls)) - bytes(encodeBatch([]))).toBe(15 + 20 + 34 + 2 * 1_000)
  })
})

describe('splitBatch', () => {
  const calls = Array.from(
    { length: 5_000 },
    (_, n): ReadCall => ({ to: address(n), data: n % 7 === 0 ? '0x01020304' : '0xa035b1fe' }),
  )

  test('default', () => {
    const chunks = splitBatch(calls)
    expect(chunks.flat()).toEqual(calls)
    for (const chunk of chunks) expect(bytes(encodeBatch(chunk))).toBeLessThanOrEqual(49_152)
    // Each chunk is full: one call more would not fit (a call costs at most a new group).
    for (const chunk of chunks.slice(0, -1)) expect(bytes(encodeBatch(chunk))).toBeGreaterThan(49_152 - 60)
  })

  test('behavior: gas caps bound a chunk too', () => {
    const chunks = splitBatch(calls.slice(0, 100), { maxBytes: 49_152, maxGas: 10 * READ_DEFAULTS.gasCap })
    expect(chunks.map(chunk => chunk.length)).toEqual(Array.from({ length: 10 }, () => 10))
  })

  test('behavior: a call larger than any request gets its own', () => {
    const huge: ReadCall = { to: address(9), data: `0x${'ab'.repeat(60_000)}` }
    expect(splitBatch([calls[0]!, huge, calls[1]!]).map(chunk => chunk.length)).toEqual([1, 1, 1])
  })
})

describe('decodeBatch', () => {
  const two: readonly ReadCall[] = [
    { to: address(1), data: '0x01020304' },
    { to: address(2), data: '0x01020304' },
  ]
  test('default', () => {
    expect(decodeBatch(two, '0x0100000002123403')).toEqual([
      { kind: 'ok', data: '0x1234' },
      { kind: 'failed', why: 'no-code' },
    ])
  })

  test.each([
    '0x',
    '0x08c379a0',
    '0x01',
    '0x0100000002',
    '0x010000000212',
    '0x01000000021234',
    '0x0101',
    '0x010101ff',
    '0x010709',
  ])('error: %s is not an answer', returned => {
    expect(() => decodeBatch(two, returned as Hex)).toThrow(expect.objectContaining({ code: 'rpc-malformed' }))
  })
})

describe('readInBatches', () => {
  test('behavior: what was not tried is asked again, and given up when alone it does not fit', async () => {
    const calls = Array.from({ length: 3 }, (_, n): ReadCall => ({ to: address(n), data: '0x01020304' }))
    const replies: Hex[] = ['0x01' + '04' + '0000000122' + '04', '0x01' + '0000000111' + '04', '0x01' + '04'] as Hex[]
    const results = await readInBatches(calls, async () => replies.shift()!)
    expect(results).toEqual([
      { kind: 'ok', data: '0x11' },
      { kind: 'ok', data: '0x22' },
      { kind: 'failed', why: 'no-gas' },
    ])
    expect(replies).toEqual([])
  })
})
