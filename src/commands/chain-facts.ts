// What /health is told of one chain: heads, failures, faults, money. Judging it is ops/health.ts.
import type { ChainConfig } from '../config/config'
import type { TickReport } from '../keeper'
import type { ChainFacts } from '../ops/health'
import type { Chain, Signer } from '../ports'

/** A head older than this many usual slots means that the keeper is blind. */
const SILENT_SLOTS = 10
const DEFAULT_SLOT_SEC = 12
const LEAST_SILENCE_MS = 15_000

export interface Facts {
  readonly read: () => Promise<ChainFacts>
  readonly onTick: (report: TickReport) => void
}

/** Facts that ticks tell, with `live` ones asked for when they are read. */
export const createFacts = (
  config: ChainConfig,
  nowMs: () => number,
  live: () => Promise<Pick<ChainFacts, 'inFlight' | 'faults' | 'lowBalances'>>,
): Facts => {
  let lastHead: ChainFacts['lastHead'] = null
  let failedTicks = 0
  let lastBlock: TickReport['head'] | null = null
  let slotSec = config.slotSec === null ? DEFAULT_SLOT_SEC : Number(config.slotSec)
  /** Unless the configuration says it: as the last two heads show it. */
  const observe = (head: TickReport['head']): void => {
    const steps = lastBlock === null ? 0 : Number(head.number - lastBlock.number)
    if (config.slotSec === null && lastBlock !== null && steps > 0)
      slotSec = Number(head.timestampSec - lastBlock.timestampSec) / steps
    lastBlock = head
  }
  return {
    onTick: report => {
      failedTicks = report.end === 'failed' ? failedTicks + 1 : report.end === 'done' ? 0 : failedTicks
      if (report.end !== 'done') return
      if (report.head.hash === lastBlock?.hash) return
      observe(report.head)
      lastHead = { number: report.head.number, seenAtMs: nowMs() }
    },
    read: async () => ({
      chainId: config.id,
      maxHeadAgeMs: Math.max(LEAST_SILENCE_MS, slotSec * 1_000 * SILENT_SLOTS),
      ...(await live()),
      lastHead,
      failedTicks,
    }),
  }
}

/** Balances are asked for when /health is, not every block, and not more often than this. */
const BALANCE_AGE_MS = 15_000
/** A node that does not answer in this time must not silence /health. */
const BALANCE_WAIT_MS = 1_000

const lowOf = async (config: ChainConfig, chain: Chain, signers: readonly Signer[]): Promise<readonly string[]> => {
  const balances = await Promise.all(signers.map(signer => chain.balance(signer.address)))
  return signers.flatMap(({ address }, i) => ((balances[i] ?? 0n) < config.lowBalanceWei ? [address] : []))
}

/** Accounts below the alarm. A node that does not answer is no proof of money. */
export const createBalanceCheck = (
  config: ChainConfig,
  chain: Chain,
  signers: readonly Signer[],
  nowMs: () => number,
): (() => Promise<readonly string[]>) => {
  const unknown: readonly string[] = ['unknown: the node does not answer']
  let asked: { readonly atMs: number; readonly answer: Promise<readonly string[]> } | null = null
  const ask = (): Promise<readonly string[]> => {
    if (asked !== null && nowMs() - asked.atMs < BALANCE_AGE_MS) return asked.answer
    const answer = lowOf(config, chain, signers).catch(() => {
      asked = null
      return unknown
    })
    asked = { atMs: nowMs(), answer }
    return answer
  }
  return async () => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<readonly string[]>(done => {
      timer = setTimeout(() => done(unknown), BALANCE_WAIT_MS)
    })
    try {
      return await Promise.race([ask(), late])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** What /health says of a chain until its history is read. */
export const factsBefore = (config: ChainConfig): ChainFacts => ({
  chainId: config.id,
  lastHead: null,
  maxHeadAgeMs: 0,
  inFlight: 0,
  faults: [],
  lowBalances: [],
  failedTicks: 0,
})
