import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { checkLogs } from '../../src/core/log-check'
import type { Hex, Log } from '../../src/core/primitives'

const hashOf = (block: number, fork = 0): Hex => `0x${block.toString(16).padStart(62, '0')}${fork.toString(16).padStart(2, '0')}`

const log = (block: number, logIndex: number, more: Partial<Log> = {}): Log => ({
  address: `0x${'aa'.repeat(20)}`,
  topics: [],
  data: '0x',
  blockNumber: BigInt(block),
  blockHash: hashOf(block),
  logIndex,
  transactionHash: hashOf(block),
  ...more,
})

const all = (): boolean => true
/** Blocks 1 to 9, two logs each. */
const chain = Array.from({ length: 18 }, (_, n) => log(1 + (n >> 1), n & 1))

describe('checkLogs', () => {
  it('default: a proper answer is given back as it is', () => {
    expect(checkLogs(chain, all)).toEqual({ logs: chain, doubled: 0, isDisordered: false, complaint: null })
    expect(checkLogs(chain, all).logs).toBe(chain)
    expect(checkLogs([], all).logs).toEqual([])
  })

  it('behavior: whatever the order and the repeats, each log once, in order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(chain), fc.array(fc.nat(17), { maxLength: 10 }), (some, again) => {
        const given = [...some, ...again.flatMap(n => (some[n] === undefined ? [] : [{ ...some[n]! }]))]
        const checked = checkLogs(given, all)
        expect(checked.logs).toEqual(chain.filter(each => some.includes(each)))
        expect(checked.doubled).toBe(given.length - some.length)
        expect(checked.complaint).toBeNull()
      }),
      { seed: 5 },
    )
  })

  it.each([
    ['a log that was not asked for', [log(1, 0), log(20, 0)], 'log 0 of block 20'],
    ['two logs in one place', [log(1, 0), log(1, 0, { data: '0x01' })], 'two logs claim to be log 0 of block 1'],
    ['other topics in the same place', [log(1, 0), log(1, 0, { topics: [hashOf(7)] })], 'two logs claim'],
    ['one place on two forks', [log(1, 0), log(1, 0, { blockHash: hashOf(1, 9) })], 'two logs claim'],
    ['one block on two forks', [log(1, 0), log(1, 1, { blockHash: hashOf(1, 9) })], 'of two forks'],
  ])('error: %s', (_what, given, complaint) => {
    expect(checkLogs(given, ({ blockNumber }) => blockNumber < 10n).complaint).toContain(complaint)
  })
})
