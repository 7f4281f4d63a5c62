// Nodes that lie, and logs that contradict what is folded: detected, healed, counted; and what can't be healed costs only what it is about.
import { describe, expect, it } from '@jest/globals'
import { encodeAbiParameters } from 'viem'
import type { Folder } from '../../src/core/folder'
import { logMatches } from '../../src/core/log-filter'
import type { Address, Block, Hex, Log } from '../../src/core/primitives'
import { createWatcher, type WatcherDeps } from '../../src/watcher/watcher'
import { bloomOf, createFakeChain, type FakeChain, type FakeLog } from '../fakes/chain'
import { createQuiet } from '../fakes/quiet'
import { createEchoBook, type EchoBook, PING } from './echo-book'

const HOME: Address = `0x${'11'.repeat(20)}`
const OTHER: Address = `0x${'22'.repeat(20)}`
const FULL: Hex = `0x${'ff'.repeat(256)}`
const signal = new AbortController().signal

const ping = (address: Address = HOME): FakeLog => ({ address, topics: [PING] })

const openWorld = async (deps: Partial<WatcherDeps> = {}) => {
  const chain = createFakeChain()
  const book = createEchoBook({ address: HOME })
  const quiet = createQuiet()
  const watcher = createWatcher({
    chain,
    strategies: [book],
    venues: [],
    log: quiet.log,
    meter: quiet.meter,
    auditPerBlock: 0,
    pause: async () => undefined,
    ...deps,
  })
  await watcher.backfill(signal)
  chain.resetCounts()
  return { chain, book, watcher, quiet }
}

const expectWhole = (chain: FakeChain, book: EchoBook, head: Block): void => {
  const wanted = chain.logsUpTo(head.hash).filter(log => book.filters().some(filter => logMatches(filter, log)))
  expect(book.logs()).toEqual(wanted)
}

/** The next `times` answers are passed through `lie`. */
const lieFor = (chain: FakeChain, times: number, lie: (logs: readonly Log[]) => readonly Log[]): void => {
  let left = times
  chain.distortLogs(logs => {
    left -= 1
    return left >= 0 ? lie(logs) : logs
  })
}

describe('answers that can not be right', () => {
  it.each<[string, (logs: readonly Log[]) => readonly Log[]]>([
    ['a log of another block', logs => [...logs, { ...logs[0]!, blockHash: `0x${'99'.repeat(32)}` }]],
    ['a log of another height', logs => [...logs, { ...logs[0]!, blockNumber: 7n }]],
    ['two logs in one place', logs => [...logs, { ...logs[0]!, data: '0x01' }]],
  ])('error: %s: the answer is asked for again', async (_what, lie) => {
    const { chain, book, watcher, quiet } = await openWorld()
    lieFor(chain, 1, lie)
    const head = chain.mine({ logs: [ping(), ping()] })
    expect((await watcher.advance(head)).kind).toBe('advanced')
    expectWhole(chain, book, head)
    expect(quiet.count('logs_foreign')).toBe(1)
  })

  it('error: for as long as it lies the head is behind; then one call heals', async () => {
    const { chain, book, watcher } = await openWorld()
    lieFor(chain, 4, logs => logs.map(log => ({ ...log, blockHash: `0x${'99'.repeat(32)}` as Hex })))
    const head = chain.mine({ logs: [ping()] })
    expect(await watcher.advance(head)).toMatchObject({ kind: 'behind', reason: expect.stringContaining('not to be believed') })
    expect(book.logs()).toEqual([])
    expect((await watcher.advance(head)).kind).toBe('advanced')
    expectWhole(chain, book, head)
  })

  it('error: a range answered from another fork', async () => {
    const { chain, book, watcher, quiet } = await openWorld()
    const base = chain.head()
    let fork = base
    for (let n = 0; n < 200; n++) fork = chain.mine({ parent: fork.hash, isHead: false, logs: [ping()] })
    let head = chain.setHead(base.hash) ?? base
    for (let n = 0; n < 200; n++) head = chain.mine({ logs: n % 7 === 0 ? [ping()] : [] })
    lieFor(chain, 1, () => chain.logsUpTo(fork.hash))
    expect((await watcher.advance(head)).kind).toBe('advanced')
    expectWhole(chain, book, head)
    expect(quiet.count('logs_foreign')).toBe(1)
  })
})

describe('logs that are missing', () => {
  it('behavior: a sparse bloom names an address whose logs are not there: the receipts decide', async () => {
    const { chain, book, watcher, quiet } = await openWorld()
    lieFor(chain, 1, () => [])
    const head = chain.mine({ logs: [ping(OTHER), ping()] })
    await watcher.advance(head)
    expectWhole(chain, book, head)
    expect(chain.counts()).toEqual({ logsOfBlock: 1, receiptsOfBlock: 1 })
    expect(quiet.count('logs_missing')).toBe(1)
  })

  it('behavior: without receipts the same question is put again', async () => {
    const { chain, book, watcher } = await openWorld()
    chain.withoutReceipts()
    lieFor(chain, 1, () => [])
    const head = chain.mine({ logs: [ping()] })
    await watcher.advance(head)
    expectWhole(chain, book, head)
  })

  it('behavior: doubts that prove unfounded cost few requests, a full bloom none', async () => {
    const { chain, watcher } = await openWorld()
    const doubtful = bloomOf([ping()])
    for (let n = 0; n < 40; n++) await watcher.advance(chain.mine({ logsBloom: doubtful }))
    expect(chain.counts().logsOfBlock).toBe(40)
    expect(chain.counts().receiptsOfBlock).toBeLessThanOrEqual(4 + 40 / 16)
    chain.resetCounts()
    for (let n = 0; n < 40; n++) await watcher.advance(chain.mine({ logsBloom: FULL }))
    expect(chain.counts()).toEqual({ logsOfBlock: 40 })
  })

  it('behavior: where no bloom tells, a second look some blocks later finds them, and all that can be undone is folded anew', async () => {
    const { chain, book, watcher, quiet } = await openWorld()
    lieFor(chain, 1, () => [])
    for (let n = 0; n < 50; n++) {
      await watcher.advance(chain.mine({ logs: n % 3 === 0 ? [ping()] : [], logsBloom: FULL }))
      await watcher.mend()
    }
    await new Promise(resolve => setImmediate(resolve))
    await watcher.mend()
    expectWhole(chain, book, chain.head())
    expect([quiet.count('logs_missing'), quiet.count('refolds')]).toEqual([1, 1])
    // The look, the refold, and a look at what was folded anew.
    expect(chain.counts().logsInRange).toBe(3)
    expect(quiet.lines.filter(({ event }) => event === 'logs-missing')).toHaveLength(1)
  })

  it('behavior: receipts that end too early are not believed', async () => {
    const { chain, book, watcher } = await openWorld()
    const whole = chain.receiptsOfBlock
    let left = 1
    const lying = {
      ...chain,
      receiptsOfBlock: async (hash: Hex) => {
        const receipts = await whole(hash)
        left -= 1
        return left < 0 || receipts === null ? receipts : receipts.filter(({ transactionIndex }) => transactionIndex !== 1)
      },
    }
    const other = createEchoBook({ address: HOME })
    const { log, meter, count } = createQuiet()
    const deps = { chain: lying, strategies: [other], venues: [], log, meter, pause: async () => undefined }
    const second = createWatcher(deps)
    await second.backfill(signal)
    const head = chain.mine({ logs: [ping(), ping(), ping()] })
    expect((await second.advance(head, { wantReceipts: true })).kind).toBe('advanced')
    expectWhole(chain, other, head)
    expect(count('logs_missing')).toBe(1)
    await watcher.advance(head)
    expectWhole(chain, book, head)
  })
})

/** Folds pings whose data is a number that must be one more than the last of its address; told to distrust one, it takes what comes. */
const createCounter = () => {
  const counts = new Map<Address, bigint>()
  const distrusted: Log[] = []
  const base = createEchoBook({ address: HOME, name: 'counter' })
  const book: EchoBook = {
    ...base,
    filters: () => [{ addresses: [HOME, OTHER], topics: [[PING]] }],
    fold: log => {
      const before = counts.get(log.address) ?? 0n
      const isDistrusted = distrusted.some(({ address }) => address === log.address)
      if (BigInt(log.data) !== before + 1n && !isDistrusted) throw new RangeError(`${before} is followed by ${BigInt(log.data)}`)
      base.fold(log)
      counts.set(log.address, BigInt(log.data))
    },
    undo: from => {
      base.undo(from)
      counts.clear()
      for (const log of base.logs()) counts.set(log.address, BigInt(log.data))
      while (distrusted.length > 0 && distrusted.at(-1)!.blockNumber >= from) distrusted.pop()
    },
    distrust: (log: Log) => {
      distrusted.push(log)
      counts.set(log.address, BigInt(log.data))
    },
  }
  return { book, counts, distrusted }
}

const counted = (n: number, address: Address = HOME): FakeLog => ({
  address,
  topics: [PING],
  data: encodeAbiParameters([{ type: 'uint256' }], [BigInt(n)]),
})

const openCounter = async () => {
  const { book, counts, distrusted } = createCounter()
  const world = await openWorld({ strategies: [book], lookEvery: 0n })
  return { ...world, book, counts, distrusted }
}

describe('logs that contradict what is folded', () => {
  it('behavior: a log before was missed: all that can be undone is folded anew, and the block goes on', async () => {
    const { chain, book, watcher, distrusted, quiet } = await openCounter()
    await watcher.advance(chain.mine({ logs: [counted(1)], logsBloom: FULL }))
    lieFor(chain, 1, () => [])
    await watcher.advance(chain.mine({ logs: [counted(2)], logsBloom: FULL }))
    for (let n = 0; n < 5; n++) await watcher.advance(chain.mine())
    const head = chain.mine({ logs: [counted(3)], logsBloom: FULL })
    expect((await watcher.advance(head)).kind).toBe('advanced')
    expectWhole(chain, book, head)
    expect(distrusted).toEqual([])
    expect([quiet.count('refolds'), quiet.count('logs_refused')]).toEqual([1, 0])
  })

  it('error: the missing log is gone for good: what it is about is distrusted, all else goes on, without end', async () => {
    const { chain, watcher, counts, distrusted, quiet } = await openCounter()
    chain.distortLogs(logs => logs.filter(({ data }) => BigInt(data) !== 2n))
    for (const n of [1, 2, 3, 4]) {
      const head = chain.mine({
        logs: [counted(n), counted(1 + (n > 1 ? n + 1 : 0), OTHER)].slice(0, n === 1 ? 1 : 2),
        logsBloom: FULL,
      })
      expect((await watcher.advance(head)).kind).toBe('advanced')
      expect(watcher.health().tip).toEqual(head)
    }
    expect(distrusted.map(({ address }) => address)).toContain(HOME)
    expect(counts.get(HOME)).toBe(4n)
    expect(quiet.count('logs_refused')).toBeGreaterThan(0)
    expect(quiet.lines.filter(({ event }) => event === 'log-refused').length).toBeGreaterThan(0)
    expect(quiet.count('refolds')).toBe(1)
  })

  it('error: in the backfill too', async () => {
    const { book, distrusted, counts } = createCounter()
    const chain = createFakeChain()
    const { log, meter } = createQuiet()
    const history: Partial<Folder> = { historyFilters: book.filters }
    for (const n of [1, 3]) chain.mine({ logs: [counted(n)] })
    const watcher = createWatcher({
      chain,
      strategies: [{ ...book, ...history }],
      venues: [],
      log,
      meter,
      pause: async () => undefined,
    })
    await watcher.backfill(signal)
    expect(distrusted).toHaveLength(1)
    expect(counts.get(HOME)).toBe(3n)
  })
})

describe('a tip that was only reached by undoing', () => {
  it('behavior: its reads are made when it is heard of again', async () => {
    const { chain, book, watcher } = await openWorld()
    const base = chain.mine({ logs: [ping()] })
    await watcher.advance(base)
    const ancestor = chain.mine({ logs: [{ address: HOME, topics: [`0x${'aa'.repeat(32)}`], data: OTHER }] })
    const old = chain.mine({ logs: [ping()] })
    await watcher.advance(old)
    expect(book.reads()?.block).toEqual(old)
    const head = chain.mine({ parent: ancestor.hash })
    chain.failNext('read')
    await expect(watcher.advance(head)).rejects.toMatchObject({ code: 'rpc-failed' })
    expect((await watcher.advance(ancestor)).kind).toBe('advanced')
    expect(book.reads()?.block).toEqual(ancestor)
    expect(book.needsBootstrap()).toBe(false)
  })
})
