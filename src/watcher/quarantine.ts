// Markets in which book and chain differ: the alarm, and how each comes back. Nothing of them is acted on meanwhile. First all that can
// be undone is folded again, since a log may have been missed; what still differs is read anew, more and more seldom where that does not help.

import { marketKey, type PositionRef } from '../core/opportunity'
import type { Hex } from '../core/primitives'
import type { AuditQuestion, Book, Drift, MarketFault } from '../core/strategy'
import type { LogSink, Meter } from '../ports'

/** Null drifts: the answers said nothing. */
export interface Verdict {
  readonly question: AuditQuestion
  readonly drifts: readonly Drift[] | null
}

export interface Quarantine {
  /** Differences found at the end of `block`, the last folded: alarm, and nothing is done with their markets from now on. */
  accuse(drifts: readonly Drift[], block: bigint): void
  /** What this block's questions came to: new differences, markets that can be let go, those for which more has to be done. */
  judge(verdicts: readonly Verdict[], block: bigint): void
  /** Positions of this book to ask about in the next block: what differed has to agree before its market is let go. */
  suspects(book: Book): readonly PositionRef[]
  isHeld(position: PositionRef): boolean
  faults(): readonly MarketFault[]
  /** Whether what can be undone should be folded anew. */
  wantsRefold(tip: bigint): boolean
  /** It is about to be. */
  refolding(tip: bigint): void
  /** See Folder.undo: what books were told in those blocks is told again. */
  undone(fromBlock: bigint): void
}

export interface QuarantineDeps {
  readonly books: readonly Book[]
  readonly log: LogSink
  readonly meter: Meter
  /** Told of a market that is acted on again, and as of which block. */
  readonly onReleased: (book: Book, market: Hex, block: bigint) => void
}

interface Held {
  readonly book: Book
  readonly market: Hex
  readonly reason: string
  /** What differed, a few of them. */
  readonly suspects: Map<string, PositionRef>
  /** Block in which the book was told to read the market anew; null: it has to be told (again). */
  toldAt: bigint | null
  /** It is not told again before this block. */
  retryAt: bigint
  /** Readings anew that did not help. */
  failures: number
  isRefolded: boolean
}

const MAX_SUSPECTS = 4
/** Of all markets together, in one block. */
const MAX_ASKED = 64
/** Lines of one alarm; the counter knows the rest. */
const MAX_LINES = 8
/** Folding anew costs a request for logs of many blocks: not more often than this, whatever a node claims. */
const REFOLD_PAUSE = 64n
const MAX_PAUSE = 256n

const pauseAfter = (failures: number): bigint => {
  const pause = 2n ** BigInt(Math.min(failures, 16))
  return pause < MAX_PAUSE ? pause : MAX_PAUSE
}

export const createQuarantine = ({ books, log, meter, onReleased }: QuarantineDeps): Quarantine => {
  const held = new Map<string, Held>()
  let lastRefold: bigint | null = null

  const alarm = (drifts: readonly Drift[], block: bigint): void => {
    // What is wrong of a market is wrong for each of its positions.
    const distinct = [
      ...new Map(drifts.map(each => [`${marketKey(each.position)} ${each.field} ${each.book} ${each.chain}`, each])).values(),
    ]
    meter.count('drifts', distinct.length)
    for (const { position, field, book, chain } of distinct.slice(0, MAX_LINES))
      log.log('error', 'drift', { ...position, field, book, chain, block: block.toString() })
  }

  const tell = (each: Held, block: bigint): void => {
    each.book.quarantine(each.market, block, each.reason)
    each.toldAt = block
    each.retryAt = block + pauseAfter(each.failures)
  }

  const hold = (book: Book, drift: Drift, block: bigint): Held => {
    const { position, field } = drift
    const each: Held = {
      book,
      market: position.market,
      reason: `differs from the chain since block ${block} (${field} of ${position.account}: here ${drift.book}, there ${drift.chain})`,
      suspects: new Map(),
      toldAt: null,
      retryAt: block,
      failures: 0,
      isRefolded: false,
    }
    held.set(marketKey(position), each)
    meter.gauge('quarantined_markets', held.size)
    log.log('warn', 'quarantined', { strategy: position.strategy, market: position.market, block: block.toString() })
    tell(each, block)
    return each
  }

  /** Returns the markets that were not held before. */
  const accuse = (drifts: readonly Drift[], block: bigint): ReadonlySet<Held> => {
    const fresh = new Set<Held>()
    const news: Drift[] = []
    for (const drift of drifts) {
      const { position } = drift
      const book = books.find(each => each.covers(position))
      if (book === undefined) continue
      const known = held.get(marketKey(position))
      const each = known ?? hold(book, drift, block)
      if (known === undefined) fresh.add(each)
      if (fresh.has(each)) news.push(drift)
      if (each.suspects.size < MAX_SUSPECTS) each.suspects.set(position.account, position)
    }
    if (news.length > 0) alarm(news, block)
    return fresh
  }

  const release = (each: Held, key: string, block: bigint): void => {
    held.delete(key)
    meter.gauge('quarantined_markets', held.size)
    const { book, market, toldAt } = each
    const how = toldAt === null ? 'its logs folded anew' : 'all of it read anew'
    log.log('info', 'released', { strategy: book.strategy, market, block: block.toString(), how })
    onReleased(book, market, block)
  }

  const isBeingRead = ({ book, market, reason }: Held): boolean =>
    book.faults().some(fault => fault.market === market && fault.reason.includes(reason))

  /** Whether what differed was asked about, answered, and agrees. */
  const agrees = (each: Held, own: readonly Verdict[]): boolean =>
    own.every(({ drifts }) => drifts?.length === 0) &&
    [...each.suspects.keys()].every(account => own.some(({ question }) => question.position.account === account))

  const goOn = (each: Held, key: string, own: readonly Verdict[], block: bigint): void => {
    const drifts = own.flatMap(verdict => verdict.drifts ?? [])
    if (each.toldAt === null && (!each.isRefolded || drifts.length > 0)) tell(each, block)
    else if (isBeingRead(each)) return
    else if (agrees(each, own)) release(each, key, block)
    else if (drifts.length > 0 && block >= each.retryAt) {
      each.failures += 1
      alarm(drifts, block)
      tell(each, block)
    }
  }

  return {
    accuse: (drifts, block) => void accuse(drifts, block),
    judge: (verdicts, block) => {
      const known = [...held]
      accuse(
        verdicts.flatMap(({ drifts }) => drifts ?? []),
        block,
      )
      for (const [key, each] of known) {
        const own = verdicts.filter(({ question }) => marketKey(question.position) === key)
        goOn(each, key, own, block)
      }
    },
    suspects: book => {
      const asked: PositionRef[] = []
      for (const [key, each] of [...held]) {
        if (each.book !== book || asked.length + each.suspects.size > MAX_ASKED) continue
        asked.push(...each.suspects.values())
        // To the end of the line: where there are too many, each has its turn.
        held.delete(key)
        held.set(key, each)
      }
      return asked
    },
    isHeld: position => held.size > 0 && held.has(marketKey(position)),
    faults: () => [...held.values()].map(({ market, reason }) => ({ market, reason: `quarantined: ${reason}` })),
    wantsRefold: tip =>
      (lastRefold === null || tip >= lastRefold + REFOLD_PAUSE) && [...held.values()].some(each => !each.isRefolded),
    refolding: tip => {
      lastRefold = tip
      for (const each of held.values()) each.isRefolded = true
    },
    undone: fromBlock => {
      for (const each of held.values()) if (each.toldAt !== null && each.toldAt >= fromBlock) each.toldAt = null
    },
  }
}
