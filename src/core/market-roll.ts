// Which markets have debt, and which wait for reads: kept up at each change of a market, so that nothing looks through all of them.

export interface MarketRoll<Market> {
  /** Markets with borrowers. */
  readonly open: ReadonlySet<Market>
  /** Markets of which something must be read. */
  readonly due: ReadonlySet<Market>
  /** Borrowers of all of them. */
  size(): number
  /** What these markets were just asked and did not answer is not asked again before `resume`: the next block's reads. */
  postpone(asked: readonly Market[]): void
  resume(): void
  /** The market changed, or what is known of it. */
  refresh(market: Market): void
}

/** `borrowersOf`: null for a market that is no more. `isDue` is asked only for those that are, with their borrowers. */
export const createMarketRoll = <Market>(
  borrowersOf: (market: Market) => number | null,
  isDue: (market: Market, borrowers: number) => boolean,
): MarketRoll<Market> => {
  const open = new Set<Market>()
  const due = new Set<Market>()
  const postponed = new Set<Market>()
  const counted = new Map<Market, number>()
  let borrowers = 0
  const refresh = (market: Market): void => {
    const known = borrowersOf(market)
    const now = known ?? 0
    borrowers += now - (counted.get(market) ?? 0)
    if (now > 0) {
      counted.set(market, now)
      open.add(market)
    } else {
      counted.delete(market)
      open.delete(market)
    }
    if (known !== null && isDue(market, now)) due.add(market)
    else due.delete(market)
  }
  return {
    open,
    due,
    size: () => borrowers,
    postpone: asked => {
      for (const market of asked) if (due.delete(market)) postponed.add(market)
    },
    resume: () => {
      for (const market of postponed) refresh(market)
      postponed.clear()
    },
    refresh,
  }
}
