// Turns a price series into rounds as deviation feeds would post them. Pure and repeatable: same series, same rounds.
import type { PriceSeries } from './series'

/** USD per whole token, in WAD, by asset. */
export type Prices = Readonly<Record<string, bigint>>

/** A feed that posts base in units of quote (null: USD) once it deviates by `thresholdBps` from its last post. */
export interface DeviationFeed {
  readonly id: string
  readonly base: string
  readonly quote: string | null
  readonly thresholdBps: number
}

/** One block's worth of news. */
export interface Round {
  readonly index: number
  readonly bar: number
  /** Seconds after the first close of the series; strictly growing, a multiple of the slot within its bar. */
  readonly offsetSec: number
  /** Market prices at this moment. */
  readonly prices: Prices
  /** Feeds that post their price of this moment. Empty: a quiet bar, which still gets its block. */
  readonly posts: readonly string[]
}

export interface RoundOptions {
  readonly slotSec?: number
  /** When one feed posts, others that have done this share of their threshold post in the same block. */
  readonly joinShare?: number
  /** Plays closes from..to (default: all). */
  readonly fromBar?: number
  readonly toBar?: number
}

type LogPrices = Readonly<Record<string, number>>

const SLOT_SEC = 12
// Half: correlated feeds then land in common blocks, which halves the number of blocks and changes no price.
const JOIN_SHARE = 0.5
const CLOSE_ENOUGH = 1e-12

const toWad = (logPrice: number): bigint => BigInt(Math.round(Math.exp(logPrice) * 1e9)) * 10n ** 9n

/** Close `bar` of a series as prices. */
export const pricesAt = (series: PriceSeries, bar: number): Prices =>
  Object.fromEntries(Object.entries(series.closes).map(([asset, closes]) => [asset, toWad(Math.log(closes[bar] ?? Number.NaN))]))

const logsAt = (series: PriceSeries, bar: number): LogPrices =>
  Object.fromEntries(Object.entries(series.closes).map(([asset, closes]) => [asset, Math.log(closes[bar] ?? Number.NaN)]))

const between = (from: LogPrices, to: LogPrices, share: number): LogPrices =>
  Object.fromEntries(Object.entries(from).map(([asset, start]) => [asset, start + ((to[asset] ?? start) - start) * share]))

const feedLog = (feed: DeviationFeed, logs: LogPrices): number =>
  (logs[feed.base] ?? Number.NaN) - (feed.quote === null ? 0 : (logs[feed.quote] ?? Number.NaN))

const thresholdOf = (feed: DeviationFeed): number => Math.log1p(feed.thresholdBps / 10_000)

/** Share of the way at which `feed` next deviates by its threshold; null if not on this way. */
const nextPost = (feed: DeviationFeed, last: number, from: LogPrices, to: LogPrices, after: number): number | null => {
  const start = feedLog(feed, from)
  const move = feedLog(feed, to) - start
  if (move === 0) return null
  const share = (last + Math.sign(move) * thresholdOf(feed) - start) / move
  return share > after + CLOSE_ENOUGH && share <= 1 ? share : null
}

/** Rounds in order, a block each: every post that a deviation feed makes, and at least one round a bar. */
export function* playRounds(series: PriceSeries, feeds: readonly DeviationFeed[], options: RoundOptions = {}): Generator<Round> {
  const slotSec = options.slotSec ?? SLOT_SEC
  const joinShare = options.joinShare ?? JOIN_SHARE
  const first = options.fromBar ?? 0
  const bars = Math.min(...Object.values(series.closes).map(closes => closes.length))
  const end = Math.min(options.toBar ?? bars - 1, bars - 1)
  const slots = Math.floor(series.barSec / slotSec)
  const last = new Map(feeds.map(feed => [feed.id, feedLog(feed, logsAt(series, first))]))
  let index = 0
  let offsetSec = 0

  const roundAt = (bar: number, share: number, from: LogPrices, to: LogPrices): Round => {
    const now = between(from, to, share)
    const posting = feeds.filter(feed => Math.abs(feedLog(feed, now) - (last.get(feed.id) ?? 0)) >= thresholdOf(feed) * joinShare)
    // Only a full deviation makes a block; a quiet bar's closing round posts nothing.
    const posts = share < 1 || posting.some(feed => deviates(feed, now)) ? posting : []
    for (const feed of posts) last.set(feed.id, feedLog(feed, now))
    const slotted = (bar - first - 1) * series.barSec + Math.ceil(share * slots) * slotSec
    offsetSec = Math.max(slotted, offsetSec + slotSec)
    const prices = Object.fromEntries(Object.entries(now).map(([asset, log]) => [asset, toWad(log)]))
    return { index: index++, bar, offsetSec, prices, posts: posts.map(feed => feed.id) }
  }
  const deviates = (feed: DeviationFeed, now: LogPrices): boolean =>
    Math.abs(feedLog(feed, now) - (last.get(feed.id) ?? 0)) >= thresholdOf(feed) - CLOSE_ENOUGH

  for (let bar = first + 1; bar <= end; bar++) {
    const [from, to] = [logsAt(series, bar - 1), logsAt(series, bar)]
    let share = 0
    for (let made = 0; ; made++) {
      const due = feeds.map(feed => nextPost(feed, last.get(feed.id) ?? 0, from, to, share)).filter(next => next !== null)
      if (due.length === 0) {
        if (made === 0) yield roundAt(bar, 1, from, to)
        break
      }
      share = Math.min(...due)
      yield roundAt(bar, share, from, to)
    }
  }
}

/** How many rounds a playback has: for progress bars. */
export const countRounds = (series: PriceSeries, feeds: readonly DeviationFeed[], options: RoundOptions = {}): number => {
  let count = 0
  for (const _ of playRounds(series, feeds, options)) count++
  return count
}
