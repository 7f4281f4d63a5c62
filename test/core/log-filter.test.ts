import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { coveringFilter, createLogMatcher, inChainOrder, logMatches } from '../../src/core/log-filter'
import type { Hex, Log, LogFilter } from '../../src/core/primitives'

const address = (n: number): Hex => `0x${n.toString(16).padStart(40, '0')}`
const word = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`

const logOf = (at: number, topics: readonly number[], blockNumber = 1n, logIndex = 0): Log => ({
  address: address(at),
  topics: topics.map(word),
  data: '0x',
  blockNumber,
  blockHash: word(1),
  logIndex,
  transactionHash: word(2),
})

const small = fc.nat(3)
const filters = fc.array(
  fc.record({
    addresses: fc.array(small.map(address), { maxLength: 3 }),
    topics: fc.array(fc.option(fc.array(small.map(word), { minLength: 1, maxLength: 2 })), { maxLength: 3 }),
  }),
  { maxLength: 4 },
)
const logs = fc.record({ at: small, topics: fc.array(small, { maxLength: 4 }) }).map(({ at, topics }) => logOf(at, topics))

describe('logMatches', () => {
  it('default: address and each topic position', () => {
    const filter: LogFilter = { addresses: [address(1)], topics: [[word(1), word(2)], null, [word(3)]] }
    expect(logMatches(filter, logOf(1, [2, 9, 3]))).toBe(true)
    expect(logMatches(filter, logOf(2, [2, 9, 3]))).toBe(false)
    expect(logMatches(filter, logOf(1, [3, 9, 3]))).toBe(false)
    expect(logMatches(filter, logOf(1, [1, 9]))).toBe(false)
  })

  it('behavior: no addresses, no match', () => {
    expect(logMatches({ addresses: [], topics: [] }, logOf(1, []))).toBe(false)
  })
})

describe('createLogMatcher', () => {
  it('behavior: names exactly the filters that match', () => {
    fc.assert(
      fc.property(filters, logs, (given, log) => {
        const expected = given.flatMap((filter, index) => (logMatches(filter, log) ? [index] : []))
        expect(createLogMatcher(given)(log)).toEqual(expected)
      }),
      { seed: 1 },
    )
  })
})

describe('coveringFilter', () => {
  it('behavior: lets through all that any filter does', () => {
    fc.assert(
      fc.property(filters, logs, (given, log) => {
        if (given.some(filter => logMatches(filter, log))) expect(logMatches(coveringFilter(given), log)).toBe(true)
      }),
      { seed: 2, numRuns: 500 },
    )
  })

  it('default: joins addresses and topics, and keeps what all of them say', () => {
    const one: LogFilter = { addresses: [address(1)], topics: [[word(1)], [word(5)]] }
    const two: LogFilter = { addresses: [address(2)], topics: [[word(2)], [word(6)], null] }
    expect(coveringFilter([one, two])).toEqual({
      addresses: [address(1), address(2)],
      topics: [
        [word(1), word(2)],
        [word(5), word(6)],
      ],
    })
    expect(coveringFilter([one, { addresses: [address(3)], topics: [] }]).topics).toEqual([])
    expect(coveringFilter([])).toEqual({ addresses: [], topics: [] })
  })
})

describe('inChainOrder', () => {
  it('default: by block, then by index, each place once', () => {
    const ordered = inChainOrder([logOf(1, [], 2n, 1), logOf(1, [], 1n, 5), logOf(1, [], 2n, 0), logOf(1, [], 2n, 1)])
    expect(ordered.map(log => [log.blockNumber, log.logIndex])).toEqual([
      [1n, 5],
      [2n, 0],
      [2n, 1],
    ])
  })
})
