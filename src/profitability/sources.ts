// What several positions of a block draw from, such as a lending reserve's idle tokens: each gets what those before it leave. Arithmetic on
// values only.
import type { Close, Opportunity } from '../core/opportunity'

export interface Sources {
  /** The opportunity with its closes cut to what is left, and that said; the very same where none is short. */
  capped(opportunity: Opportunity): Opportunity
  draw(close: Close, pay: bigint): void
}

/** With the largest size that receives no more than `left`; null: none does. */
const cut = (close: Close, left: bigint): Close | null => {
  const fits = (pay: bigint): boolean => close.amountsFor(pay).received <= left
  if (fits(close.maxPay)) return close
  if (!fits(close.minPay)) return null
  let [low, high] = [close.minPay, close.maxPay]
  while (high - low > 1n) {
    const middle = (low + high) / 2n
    if (fits(middle)) low = middle
    else high = middle
  }
  return { ...close, maxPay: low }
}

/** Of one block; nothing is drawn yet. */
export const createSources = (): Sources => {
  const drawn = new Map<string, bigint>()
  return {
    capped: opportunity => {
      const notes = new Set<string>()
      const closes = opportunity.closes.flatMap((close): readonly Close[] => {
        const { source } = close
        const before = source === undefined ? undefined : drawn.get(source.id)
        if (source === undefined || before === undefined) return [close]
        const fitting = cut(close, source.available - before)
        if (fitting !== close) notes.add(`others of this block draw ${before} of the ${source.available} units of ${source.id}`)
        return fitting === null ? [] : [fitting]
      })
      if (notes.size === 0) return opportunity
      const { obstacle } = opportunity
      return { ...opportunity, closes, obstacle: [...(obstacle === null ? [] : [obstacle]), ...notes].join('; ') }
    },
    draw: ({ source, amountsFor }, pay) => {
      if (source !== undefined) drawn.set(source.id, (drawn.get(source.id) ?? 0n) + amountsFor(pay).received)
    },
  }
}
