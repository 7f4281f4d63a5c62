import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Hex } from '../../src/core/primitives'
import { createBloomTests } from '../../src/watcher/bloom'
import { bloomOf, NO_BLOOM_BITS } from '../fakes/chain'

const address = fc.nat(1000).map(n => `0x${n.toString(16).padStart(40, '0')}` as Hex)
const topic = fc.nat(1000).map(n => `0x${n.toString(16).padStart(64, '0')}` as Hex)
const log = fc.record({ address, topics: fc.array(topic, { maxLength: 4 }) })

const test = createBloomTests()

describe('createBloomTests', () => {
  it('behavior: never rules out a log that is there', () => {
    fc.assert(
      fc.property(fc.array(log, { minLength: 1, maxLength: 30 }), fc.nat(29), (logs, pick) => {
        const wanted = logs[pick % logs.length]!
        const filter = { addresses: [wanted.address], topics: wanted.topics.map(each => [each]) }
        expect(test([filter]).mayMatch(bloomOf(logs))).toBe(true)
      }),
      { seed: 3 },
    )
  })

  it('behavior: rules out what is not there, but for rare chance', () => {
    const bloom = bloomOf(
      Array.from({ length: 10 }, (_, n) => ({ address: `0x${(5000 + n).toString(16).padStart(40, '0')}` as Hex })),
    )
    const misses = Array.from({ length: 1000 }, (_, n) =>
      test([{ addresses: [`0x${n.toString(16).padStart(40, '0')}`], topics: [] }]).mayMatch(bloom),
    )
    expect(misses.filter(may => may).length).toBeLessThan(10)
  })

  it('behavior: an empty bloom matches nothing, a missing one anything', () => {
    const filter = { addresses: [`0x${'11'.repeat(20)}` as Hex], topics: [] }
    expect(test([filter]).mayMatch(NO_BLOOM_BITS)).toBe(false)
    expect(test([filter]).mayMatch(null)).toBe(true)
    expect(test([{ addresses: [], topics: [] }]).mayMatch(`0x${'ff'.repeat(256)}`)).toBe(false)
  })

  it('behavior: both address and topic must be there', () => {
    const there = { address: `0x${'11'.repeat(20)}` as Hex, topics: [`0x${'22'.repeat(32)}` as Hex] }
    const other: Hex = `0x${'33'.repeat(32)}`
    const bloom = bloomOf([there])
    expect(test([{ addresses: [there.address], topics: [[other, ...there.topics]] }]).mayMatch(bloom)).toBe(true)
    expect(test([{ addresses: [there.address], topics: [[other]] }]).mayMatch(bloom)).toBe(false)
    expect(test([{ addresses: [there.address], topics: [null, [other]] }]).mayMatch(bloom)).toBe(false)
  })
})

describe('seemsToLack', () => {
  const address = (n: number): Hex => `0x${n.toString(16).padStart(40, '0')}`
  const topic = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
  const logOf = (n: number, event: number) => ({
    address: address(n),
    topics: [topic(event)],
    data: '0x' as const,
    blockNumber: 1n,
    blockHash: topic(9),
    logIndex: n,
    transactionHash: topic(8),
  })
  const filters = [{ addresses: [address(1), address(2)], topics: [[topic(7)]] }]

  it('default: an address is named with its topic and none of its logs is there', () => {
    const bloom = bloomOf([logOf(1, 7), logOf(2, 7), logOf(3, 6)])
    expect(test(filters).seemsToLack(bloom, [logOf(1, 7)])).toBe(true)
    expect(test(filters).seemsToLack(bloom, [logOf(1, 7), logOf(2, 7)])).toBe(false)
    expect(test(filters).seemsToLack(bloom, [logOf(1, 7), logOf(2, 6)])).toBe(true)
  })

  it('behavior: says nothing where the topic is not there, without a bloom, and where a full one names everything', () => {
    expect(test(filters).seemsToLack(bloomOf([logOf(1, 6)]), [])).toBe(false)
    expect(test(filters).seemsToLack(null, [])).toBe(false)
    const busy = Array.from({ length: 400 }, (_, n) => logOf(1000 + n, 2000 + n))
    expect(test(filters).seemsToLack(bloomOf([...busy, logOf(1, 7)]), [])).toBe(false)
    expect(test(filters).seemsToLack(bloomOf([...busy.slice(0, 20), logOf(1, 7)]), [])).toBe(true)
  })
})
