// Is the keeper well? A judgement on facts that the loop reports, per chain. It never says "ok" for want of news.
export interface ChainFacts {
  readonly chainId: number
  /** Null until the first head. */
  readonly lastHead: { readonly number: bigint; readonly seenAtMs: number } | null
  /** Above this age of the last head, the chain counts as silent. */
  readonly maxHeadAgeMs: number
  readonly inFlight: number
  /** Markets and pools that can't be judged at the moment, in words. */
  readonly faults: readonly string[]
  /** Operator accounts below the alarm. */
  readonly lowBalances: readonly string[]
  /** Failed ticks since the last good one. */
  readonly failedTicks: number
}

export interface ChainHealth {
  readonly chainId: number
  readonly status: 'ok' | 'degraded' | 'down'
  readonly reasons: readonly string[]
  readonly head: string | null
  readonly headAgeMs: number | null
  readonly inFlight: number
}

export interface Health {
  readonly status: 'ok' | 'degraded' | 'down'
  readonly chains: readonly ChainHealth[]
}

/** So many failed ticks in a row mean that nothing would be closed now. */
const FAILED_TICKS_DOWN = 3

const judgeChain = (facts: ChainFacts, nowMs: number): ChainHealth => {
  const headAgeMs = facts.lastHead === null ? null : Math.max(0, Math.round(nowMs - facts.lastHead.seenAtMs))
  const down = [
    ...(headAgeMs === null ? ['no head seen yet'] : headAgeMs > facts.maxHeadAgeMs ? [`no head for ${headAgeMs} ms`] : []),
    ...(facts.failedTicks >= FAILED_TICKS_DOWN ? [`${facts.failedTicks} ticks in a row failed`] : []),
  ]
  const degraded = [
    ...facts.lowBalances.map(account => `low balance: ${account}`),
    ...facts.faults.map(fault => `faulty: ${fault}`),
    ...(facts.failedTicks > 0 && facts.failedTicks < FAILED_TICKS_DOWN ? [`the last ${facts.failedTicks} ticks failed`] : []),
  ]
  const status = down.length > 0 ? 'down' : degraded.length > 0 ? 'degraded' : 'ok'
  const head = facts.lastHead === null ? null : facts.lastHead.number.toString()
  return { chainId: facts.chainId, status, reasons: [...down, ...degraded], head, headAgeMs, inFlight: facts.inFlight }
}

/** The worst chain's state is the keeper's. No chain at all is `down`. */
export const judgeHealth = (facts: readonly ChainFacts[], nowMs: number): Health => {
  const chains = facts.map(each => judgeChain(each, nowMs))
  const has = (status: ChainHealth['status']): boolean => chains.some(chain => chain.status === status)
  return { status: chains.length === 0 || has('down') ? 'down' : has('degraded') ? 'degraded' : 'ok', chains }
}
