import { describe, expect, test } from '@jest/globals'
import { countRounds, type DeviationFeed, playRounds, pricesAt } from '../../../src/lab/prices/rounds'
import { continueWith, fitBeta, march2020Crash, stakedRate } from '../../../src/lab/prices/series'

const feeds: readonly DeviationFeed[] = [
  { id: 'ETH/USD', base: 'ETH', quote: null, thresholdBps: 50 },
  { id: 'BTC/USD', base: 'BTC', quote: null, thresholdBps: 50 },
  { id: 'STETH/ETH', base: 'STETH', quote: 'ETH', thresholdBps: 50 },
]

const ratio = (a: bigint, b: bigint): number => Number((a * 10n ** 12n) / b) / 1e12

describe('march2020Crash', () => {
  test('default', () => {
    const { closes } = march2020Crash()
    expect(Object.values(closes).map(values => values.length)).toEqual([576, 576, 576, 576])
    expect(Math.min(...(closes.ETH ?? []))).toBe(88.35)
    expect(closes.BTC?.[254]).toBe(5694.69)
    expect(Object.values(closes).every(values => values.every(value => value > 0))).toBe(true)
  })

  test('behavior: BTC goes on by the fitted beta where its record stops', () => {
    const { closes } = march2020Crash()
    const [eth, btc] = [closes.ETH ?? [], closes.BTC ?? []]
    const beta = fitBeta(eth.slice(0, 255), btc.slice(0, 255))
    expect(beta).toBeGreaterThan(0.8)
    expect(beta).toBeLessThan(0.95)
    expect(Math.log(btc[300]! / btc[299]!)).toBeCloseTo(beta * Math.log(eth[300]! / eth[299]!), 10)
  })

  test('behavior: the staked rate falls with the crash and never below its worst of June 2022', () => {
    const rate = stakedRate(march2020Crash().closes.ETH ?? [])
    expect(rate[0]).toBe(0.999)
    expect(Math.min(...rate)).toBeGreaterThan(0.93)
    expect(Math.min(...rate)).toBeLessThan(0.96)
  })

  test('error: no beta of a constant series', () => {
    expect(() => fitBeta([1, 1, 1], [1, 2, 3])).toThrow('constant')
    expect(continueWith([2], [1, 2, 4], 1)).toEqual([2, 4, 8])
  })
})

describe('playRounds', () => {
  const series = march2020Crash()

  test('default', () => {
    const rounds = [...playRounds(series, feeds)]
    expect(rounds.length).toBe(countRounds(series, feeds))
    expect(rounds.map(round => round.index)).toEqual(rounds.map((_, index) => index))
    expect(rounds.at(-1)?.bar).toBe(575)
    expect(new Set(rounds.map(round => round.bar)).size).toBe(575)
    for (const [index, round] of rounds.entries()) expect(round.offsetSec).toBeGreaterThan(rounds[index - 1]?.offsetSec ?? 0)
  })

  test('behavior: no post moves a feed by more than its threshold, no feed stays behind by more', () => {
    const start = pricesAt(series, 0)
    const feedPrice = (feed: DeviationFeed, prices: Readonly<Record<string, bigint>>): bigint =>
      feed.quote === null ? prices[feed.base]! : (prices[feed.base]! * 10n ** 18n) / prices[feed.quote]!
    const last = new Map(feeds.map(feed => [feed.id, feedPrice(feed, start)]))
    for (const round of playRounds(series, feeds)) {
      for (const feed of feeds) {
        const moved = Math.abs(Math.log(ratio(feedPrice(feed, round.prices), last.get(feed.id)!)))
        expect(moved).toBeLessThanOrEqual(Math.log(1.005) + 1e-6)
        if (round.posts.includes(feed.id)) last.set(feed.id, feedPrice(feed, round.prices))
      }
    }
  })

  test('behavior: a slice of the bars starts from its own first close', () => {
    const rounds = [...playRounds(series, feeds, { fromBar: 120, toBar: 132 })]
    expect(rounds[0]?.bar).toBe(121)
    expect(rounds.at(-1)?.bar).toBe(132)
    expect(rounds[0]!.offsetSec).toBeLessThanOrEqual(300)
  })
})
