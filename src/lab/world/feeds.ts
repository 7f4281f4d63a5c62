// What a price feed answers at given market prices.
import type { Prices } from '../prices/rounds'
import type { FeedSpec } from './spec'

/** The answer in the feed's decimals, rounded down. Throws RangeError where a price is missing. */
export const feedAnswer = (feed: Pick<FeedSpec, 'id' | 'base' | 'quote' | 'decimals'>, prices: Prices): bigint => {
  const base = prices[feed.base]
  const quote = feed.quote === null ? 10n ** 18n : prices[feed.quote]
  if (base === undefined || quote === undefined) throw new RangeError(`no price for feed ${feed.id}`)
  return (base * 10n ** BigInt(feed.decimals)) / quote
}
