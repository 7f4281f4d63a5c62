// Book and chain held against each other, on scripted chains: logs that a node drops, answers that it makes up, reorgs in between.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { ReadResult } from '../../src/core/folder'
import type { PositionRef } from '../../src/core/opportunity'
import type { Address, Block, Hex, Log } from '../../src/core/primitives'
import { createWatcher, type WatcherDeps } from '../../src/watcher/watcher'
import { createFakeChain, type FakeChain, type FakeLog } from '../fakes/chain'
import { createQuiet } from '../fakes/quiet'
import { ASK_COUNT, ASK_STATE, createEchoBook, NEW_MARKET, PING } from './echo-book'

const HOME: Address = `0x${'11'.repeat(20)}`
const market = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const [FIRST, SECOND, THIRD] = [market(1), market(2), market(3)]
const ping = (address: Address): FakeLog => ({ address, topics: [PING] })
const opened = (address: Address): FakeLog => ({ address: HOME, topics: [NEW_MARKET], data: address })
const positionIn = (address: Address): PositionRef => ({ strategy: 'echo', market: address, account: address })
const signal = new AbortController().signal

const hex = (value: number): ReadResult => ({ kind: 'ok', data: `0x${value.toString(16).padStart(64, '0')}` as Hex })

/** Pings of `address` on the branch that ends in `block`. */
const pingsAt = (chain: FakeChain, address: Address, block: Block): number =>
  chain.logsUpTo(block.hash).filter(log => log.address === address && log.topics[0] === PING).length

/** A chain whose markets 1 to 3, open for longer than anything can be undone, tell how often they were pinged; and a watcher of it. */
const openWorld = async (deps: Partial<WatcherDeps> = {}, settledFor = 80) => {
  const chain = createFakeChain()
  chain.mine({ logs: [opened(FIRST), opened(SECOND), opened(THIRD)] })
  chain.answerReads(({ to, data }, block) =>
    data === ASK_COUNT || data === ASK_STATE ? hex(pingsAt(chain, to, block)) : { kind: 'ok', data: '0x' },
  )
  const book = createEchoBook({ address: HOME })
  const quiet = createQuiet()
  const { log, meter } = quiet
  const watcher = createWatcher({
    chain,
    strategies: [book],
    venues: [],
    log,
    meter,
    auditPerBlock: 1,
    finalityDepth: 64n,
    lookEvery: 0n,
    ...deps,
  })
  await watcher.backfill(signal)
  // What the backfill read can't be undone any more.
  for (let block = 0; block < settledFor; block++) {
    await watcher.advance(chain.mine())
    await watcher.mend()
  }
  chain.resetCounts()
  const before = quiet.count('audits')
  const advance = async (logs: readonly FakeLog[] = []): Promise<Block> => {
    const head = chain.mine({ logs })
    expect((await watcher.advance(head)).kind).toBe('advanced')
    return head
  }
  return {
    chain,
    book,
    quiet,
    watcher,
    /** One block with everything that belongs to it. */
    play: async (logs: readonly FakeLog[] = []) => {
      const head = await advance(logs)
      await watcher.mend()
      return head
    },
    advance,
    audits: () => quiet.count('audits') - before,
    alarms: () => quiet.lines.filter(({ event }) => event === 'drift'),
    released: () => quiet.lines.filter(({ event }) => event === 'released'),
    /** Drops the last of several logs of `address` in the next block, `times` answers long: no bloom can tell. */
    drop: (address: Address, times = Number.POSITIVE_INFINITY) => {
      let left = times
      const number = chain.head().number + 1n
      const isDropped = (each: Log, index: number, logs: readonly Log[]): boolean =>
        each.address === address &&
        each.blockNumber === number &&
        logs.slice(index + 1).every(later => later.address !== address || later.blockNumber !== each.blockNumber)
      chain.distortLogs(logs => {
        if (left <= 0 || !logs.some(isDropped)) return logs
        left -= 1
        return logs.filter((each, index, all) => !isDropped(each, index, all))
      })
    },
  }
}

describe('the sample', () => {
  it('default: a missed log is found within one round, folded anew, and its market released', async () => {
    const { chain, book, watcher, play, advance, drop, alarms, released, quiet } = await openWorld()
    drop(SECOND, 1)
    const wrong = await play([ping(FIRST), ping(SECOND), ping(SECOND)])
    expect(book.countOf(SECOND)).toBe(1n)
    let found = wrong
    for (let block = 0; block < 3 && alarms().length === 0; block++) found = await advance()
    expect(alarms()).toEqual([
      {
        level: 'error',
        event: 'drift',
        fields: { ...positionIn(SECOND), field: 'pings', book: '1', chain: '2', block: `${found.number}` },
      },
    ])
    expect(watcher.isQuarantined(positionIn(SECOND))).toBe(true)
    expect(watcher.quarantined()).toEqual([{ market: SECOND, reason: expect.stringContaining('here 1, there 2') }])
    expect(book.faults().map(fault => fault.market)).toEqual([SECOND])
    for (const other of [FIRST, THIRD]) expect(watcher.isQuarantined(positionIn(other))).toBe(false)
    chain.resetCounts()
    await watcher.mend()
    // The logs of many blocks, the head's number, and the read that every block costs.
    expect(chain.counts()).toMatchObject({ logsInRange: 1, blockByNumber: 1, read: 1 })
    expect(book.countOf(SECOND)).toBe(2n)
    expect(released()).toEqual([
      { level: 'info', event: 'released', fields: expect.objectContaining({ market: SECOND, how: 'its logs folded anew' }) },
    ])
    expect(watcher.quarantined()).toEqual([])
    expect(book.faults()).toEqual([])
    expect(book.logs()).toEqual(chain.logsUpTo(found.hash))
    expect([quiet.count('drifts'), quiet.count('refolds')]).toEqual([1, 1])
    for (let block = 0; block < 6; block++) await play([ping(SECOND)])
    expect(alarms()).toHaveLength(1)
    expect(quiet.count('audits')).toBeGreaterThanOrEqual(8)
  })

  it('behavior: what no log explains is read anew, by the next block', async () => {
    const { book, watcher, play, drop, alarms, released } = await openWorld()
    drop(SECOND)
    await play([ping(SECOND), ping(SECOND)])
    for (let block = 0; block < 3 && alarms().length === 0; block++) await play()
    expect(watcher.isQuarantined(positionIn(SECOND))).toBe(true)
    const head = await play([ping(SECOND)])
    expect(released().map(({ fields }) => fields)).toEqual([
      { strategy: 'echo', market: SECOND, block: `${head.number}`, how: 'all of it read anew' },
    ])
    expect([book.countOf(SECOND), book.faults()]).toEqual([3n, []])
    expect(alarms()).toHaveLength(1)
  })

  it('behavior: it costs no request, and none at all where nothing is read anyway', async () => {
    const { chain, audits, play } = await openWorld()
    for (let block = 0; block < 5; block++) await play()
    expect(chain.counts()).toEqual({ read: 5 })
    expect(audits()).toBe(5)
    const idle = createFakeChain()
    const book = createEchoBook({ address: HOME })
    const { log, meter, count } = createQuiet()
    const watcher = createWatcher({ chain: idle, strategies: [book], venues: [], log, meter })
    await watcher.backfill(signal)
    idle.resetCounts()
    await watcher.advance(idle.mine())
    await watcher.mend()
    expect([idle.counts(), count('audits')]).toEqual([{}, 0])
  })

  it('behavior: none where it is switched off, and what others find is still dealt with', async () => {
    const { book, watcher, quiet, play, drop, alarms, released } = await openWorld({ auditPerBlock: 0 })
    drop(FIRST)
    await play([ping(FIRST), ping(FIRST)])
    for (let block = 0; block < 4; block++) await play()
    expect([quiet.count('audits'), alarms()]).toEqual([0, []])
    watcher.accuse([{ position: positionIn(FIRST), field: 'pings', book: '1', chain: '2' }])
    expect(watcher.isQuarantined(positionIn(FIRST))).toBe(true)
    await watcher.mend()
    await play()
    expect([book.countOf(FIRST), alarms().length, released().length]).toEqual([2n, 1, 1])
  })
})

describe('trouble on the way', () => {
  it('error: a node that lies for ever: it stays quarantined, at bounded cost, and the others are judged as ever', async () => {
    const { chain, book, watcher, play, alarms, quiet } = await openWorld()
    chain.answerReads(({ to, data }, block) => {
      if (data !== ASK_COUNT && data !== ASK_STATE) return { kind: 'ok', data: '0x' }
      return hex(pingsAt(chain, to, block) + (to === SECOND && data === ASK_COUNT ? 7 : 0))
    })
    for (let block = 0; block < 3; block++) await play()
    chain.resetCounts()
    const blocks = 300
    for (let block = 0; block < blocks; block++) await play(block % 2 === 0 ? [ping(FIRST)] : [])
    expect(watcher.quarantined().map(fault => fault.market)).toEqual([SECOND])
    expect(book.countOf(FIRST)).toBe(150n)
    // Read anew less and less often: after 2, 4, 8 and so on blocks.
    expect(chain.counts().read).toBeLessThanOrEqual(blocks + 10)
    expect(quiet.count('refolds')).toBe(1)
    expect(alarms().length).toBeLessThanOrEqual(10)
  })

  it('behavior: where the lie ends, the market is released', async () => {
    const { chain, watcher, play, released } = await openWorld()
    let lie = 1
    chain.answerReads(({ to, data }, block) =>
      data === ASK_COUNT || data === ASK_STATE
        ? hex(pingsAt(chain, to, block) + (data === ASK_COUNT ? lie : 0))
        : { kind: 'ok', data: '0x' },
    )
    for (let block = 0; block < 6; block++) await play()
    expect(watcher.quarantined()).toHaveLength(3)
    lie = 0
    await play()
    expect([watcher.quarantined(), released().length]).toEqual([[], 3])
  })

  it('error: answers that say nothing neither alarm nor release', async () => {
    const { chain, watcher, play, drop, alarms, released } = await openWorld()
    drop(THIRD)
    await play([ping(THIRD), ping(THIRD)])
    for (let block = 0; block < 3; block++) await play()
    expect(alarms()).toHaveLength(1)
    const before = released().length
    chain.answerReads(() => ({ kind: 'failed', why: 'reverted' }))
    watcher.accuse([{ position: positionIn(FIRST), field: 'pings', book: '1', chain: '2' }])
    for (let block = 0; block < 5; block++) await play()
    expect(watcher.isQuarantined(positionIn(FIRST))).toBe(true)
    expect(released()).toHaveLength(before)
  })

  it.each(['logsInRange', 'blockByNumber', 'read'] as const)(
    'error: %s fails while folding anew: the next block makes up for it',
    async method => {
      const { chain, book, watcher, play, advance, drop, alarms, quiet } = await openWorld()
      drop(SECOND, 1)
      await play([ping(SECOND), ping(SECOND)])
      for (let block = 0; block < 3 && alarms().length === 0; block++) await advance()
      chain.failNext(method)
      await watcher.mend()
      expect(quiet.lines.filter(({ event }) => event === 'refold-failed')).toHaveLength(1)
      const head = await play([ping(SECOND)])
      expect(book.logs()).toEqual(chain.logsUpTo(head.hash))
      for (let block = 0; block < 2; block++) await play()
      expect([book.countOf(SECOND), watcher.quarantined(), alarms().length]).toEqual([3n, [], 1])
    },
  )

  it.each([1, 2, 4])('behavior: a reorg that undoes the quarantine %i blocks on', async blocksOn => {
    const { chain, book, watcher, advance, drop, alarms } = await openWorld()
    drop(SECOND)
    const base = await advance([ping(SECOND), ping(SECOND)])
    for (let block = 0; block < 3 && alarms().length === 0; block++) await advance()
    for (let block = 1; block < blocksOn; block++) {
      await watcher.mend()
      await advance()
    }
    let other = base
    for (let block = 0; block < 12; block++) other = chain.mine({ parent: other.hash, logs: [ping(FIRST)] })
    await watcher.advance(other)
    await watcher.mend()
    for (let block = 0; block < 4; block++) {
      await advance()
      await watcher.mend()
    }
    expect([watcher.quarantined(), book.faults()]).toEqual([[], []])
    expect([book.countOf(FIRST), book.countOf(SECOND)]).toEqual([12n, 2n])
  })

  it('behavior: no false alarm over random histories with gaps and reorgs', async () => {
    const step = fc.record({ depth: fc.nat(12), blocks: fc.integer({ min: 1, max: 15 }), pinged: fc.nat(3) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async steps => {
        const { chain, book, watcher, alarms, quiet } = await openWorld({ auditPerBlock: 2 }, 31)
        for (const { depth, blocks, pinged } of steps) {
          let tip = chain.head()
          for (let back = 0; back < depth && tip.number > 30n; back++) tip = (await chain.blockByHash(tip.parentHash))!
          const length = blocks + (chain.head().number === tip.number ? 0 : depth)
          for (let n = 0; n < length; n++)
            tip = chain.mine({ parent: tip.hash, logs: pinged === 0 ? [] : [ping(market(pinged)), ping(market(1 + (n % 3)))] })
          expect((await watcher.advance(tip)).kind).toBe('advanced')
          await watcher.mend()
        }
        expect(alarms()).toEqual([])
        expect(quiet.count('audits')).toBeGreaterThanOrEqual(steps.length)
        for (const each of [FIRST, SECOND, THIRD]) expect(book.countOf(each)).toBe(BigInt(pingsAt(chain, each, chain.head())))
      }),
      { seed: 14, numRuns: 40 },
    )
  })
})
