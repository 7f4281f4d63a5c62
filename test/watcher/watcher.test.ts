import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { InvariantError, KeeperError } from '../../src/core/errors'
import type { Folder } from '../../src/core/folder'
import { logMatches } from '../../src/core/log-filter'
import type { Address, Block, Hex, LogFilter } from '../../src/core/primitives'
import type { LogSink, Meter } from '../../src/ports'
import { type Advance, createWatcher, type WatcherDeps } from '../../src/watcher/watcher'
import { bloomOf, createFakeChain, type FakeChain, type FakeLog, NO_BLOOM_BITS, rpcFailed } from '../fakes/chain'
import { createFakeLog } from '../fakes/store'
import { createEchoBook, type EchoBook, type EchoOptions, NEW_MARKET, PING } from './echo-book'

const HOME: Address = `0x${'11'.repeat(20)}`
const STRANGER: Address = `0x${'22'.repeat(20)}`
const EXECUTOR: Address = `0x${'33'.repeat(20)}`
const EXECUTED: Hex = `0x${'cc'.repeat(32)}`
const market = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`

const ping = (address: Address = HOME): FakeLog => ({ address, topics: [PING] })
const newMarket = (n: number): FakeLog => ({ address: HOME, topics: [NEW_MARKET], data: market(n) })
const executed: FakeLog = { address: EXECUTOR, topics: [EXECUTED] }
const executorFilters: readonly LogFilter[] = [{ addresses: [EXECUTOR], topics: [[EXECUTED]] }]

const silent: LogSink = { log: () => undefined }

const createCounts = (): { readonly meter: Meter; of(name: string): number } => {
  const counts = new Map<string, number>()
  return {
    meter: {
      count: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
      gauge: () => undefined,
      observe: () => undefined,
    },
    of: name => counts.get(name) ?? 0,
  }
}

const signal = new AbortController().signal

interface World {
  readonly chain: FakeChain
  readonly book: EchoBook
  readonly watcher: ReturnType<typeof createWatcher>
  readonly counted: (name: string) => number
}

const createWorld = async (
  options: { book?: Partial<EchoOptions>; deps?: Partial<WatcherDeps>; before?: (chain: FakeChain) => void } = {},
): Promise<World> => {
  const chain = createFakeChain()
  options.before?.(chain)
  const book = createEchoBook({ address: HOME, ...options.book })
  const counts = createCounts()
  const watcher = createWatcher({ chain, strategies: [book], venues: [], log: silent, meter: counts.meter, ...options.deps })
  await watcher.backfill(signal)
  chain.resetCounts()
  return { chain, book, watcher, counted: counts.of }
}

const mineMany = (chain: FakeChain, count: number, parent: Block = chain.head()): Block => {
  let tip = parent
  for (let n = 0; n < count; n++) tip = chain.mine({ parent: tip.hash, logs: n % 3 === 0 ? [ping()] : [] })
  return tip
}

const total = (chain: FakeChain): number => Object.values(chain.counts()).reduce((sum, count) => sum + count, 0)

const advanced = (result: Advance): Extract<Advance, { kind: 'advanced' }> => {
  if (result.kind !== 'advanced') throw new Error(`behind: ${result.reason}`)
  return result
}

/** What a folder that saw exactly the branch of `head` must hold. */
const truth = (chain: FakeChain, book: EchoBook, head: Block) =>
  chain.logsUpTo(head.hash).filter(log => book.filters().some(filter => logMatches(filter, log)))

describe('advance: requests per block', () => {
  it('default: a block that concerns nobody costs no request', async () => {
    const { chain, watcher } = await createWorld()
    const head = chain.mine({ logs: [{ address: STRANGER, topics: [PING] }] })
    expect(advanced(await watcher.advance(head)).logs).toEqual([])
    expect(total(chain)).toBe(0)
  })

  it('behavior: an idle block with reads costs one request, a relevant one two', async () => {
    const { chain, book, watcher } = await createWorld({
      before: chain => void chain.mine({ logs: [newMarket(1), newMarket(2)] }),
    })
    const idle = chain.mine()
    await watcher.advance(idle)
    expect(chain.counts()).toEqual({ read: 1 })
    expect(book.reads()?.block).toEqual(idle)
    expect(book.reads()?.results).toHaveLength(2)
    chain.resetCounts()
    const relevant = chain.mine({ logs: [ping(), ping(market(2)), ping(STRANGER)] })
    expect(advanced(await watcher.advance(relevant)).logs).toHaveLength(2)
    expect(chain.counts()).toEqual({ read: 1, logsOfBlock: 1 })
    expect(book.begun().at(-1)).toEqual(relevant)
  })

  it('behavior: without a bloom in the header the logs are asked for', async () => {
    const { chain, watcher } = await createWorld()
    const head = chain.mine({ logs: [ping()], logsBloom: null })
    expect(advanced(await watcher.advance(head)).logs).toHaveLength(1)
    expect(chain.counts()).toEqual({ logsOfBlock: 1 })
  })

  it('behavior: a chain whose blooms lack its logs is found out in the backfill', async () => {
    const { chain, book, watcher } = await createWorld({
      before: chain => void chain.mine({ logs: [ping()], logsBloom: NO_BLOOM_BITS }),
    })
    const head = chain.mine({ logs: [ping()], logsBloom: NO_BLOOM_BITS })
    await watcher.advance(head)
    expect(book.logs()).toEqual(truth(chain, book, head))
    expect(book.logs()).toHaveLength(2)
  })

  it('behavior: the same head again is no work', async () => {
    const { chain, book, watcher } = await createWorld()
    const head = chain.mine({ logs: [ping()] })
    await watcher.advance(head)
    chain.resetCounts()
    expect(advanced(await watcher.advance(head))).toMatchObject({ block: head, logs: [], reorgFrom: null })
    expect(total(chain)).toBe(0)
    expect(book.logs()).toHaveLength(1)
  })

  it('behavior: an older head is behind, and nothing is undone', async () => {
    const { chain, book, watcher } = await createWorld()
    const old = chain.mine({ logs: [ping()] })
    const head = chain.mine({ logs: [ping()] })
    await watcher.advance(head)
    expect((await watcher.advance(old)).kind).toBe('behind')
    expect(book.logs()).toHaveLength(2)
    expect(watcher.health()).toMatchObject({ tip: head, behindInARow: 1, reorgs: 0 })
  })

  it('behavior: a head older than the backfill, of a lagging node, is behind', async () => {
    let old!: Block
    const { watcher } = await createWorld({
      before: chain => {
        mineMany(chain, 10)
        old = chain.mine({ logs: [ping()] })
        mineMany(chain, 2)
      },
    })
    expect((await watcher.advance(old)).kind).toBe('behind')
    expect(watcher.health().reorgs).toBe(0)
  })
})

describe('advance: gaps and reorgs', () => {
  it.each([2, 5, 60, 129, 300])('behavior: a gap of %i blocks is filled, in order, each log once', async gap => {
    const { chain, book, watcher } = await createWorld()
    const head = mineMany(chain, gap)
    const result = advanced(await watcher.advance(head))
    expect(book.logs()).toEqual(truth(chain, book, head))
    expect(result.logs).toEqual(book.logs())
    expect(result.isCatchingUp).toBe(gap > 8)
    expect(book.begun().map(block => block.hash)).toEqual([...new Set(book.logs().map(log => log.blockHash))])
    const next = chain.mine({ logs: [ping()] })
    await watcher.advance(next)
    expect(book.logs()).toEqual(truth(chain, book, next))
  })

  it.each(Array.from({ length: 64 }, (_, n) => n + 1))('behavior: a reorg %i blocks deep', async depth => {
    const { chain, book, watcher } = await createWorld()
    let head = chain.head()
    for (let n = 0; n < 70; n++) {
      head = chain.mine({ logs: n % 3 === 0 ? [ping()] : n % 10 === 1 ? [newMarket(n)] : [] })
      await watcher.advance(head)
    }
    const branchOff = chain.head().number - BigInt(depth)
    let ancestor = head
    while (ancestor.number > branchOff) ancestor = (await chain.blockByHash(ancestor.parentHash))!
    const other = mineMany(chain, depth + (depth % 2), ancestor)
    const result = advanced(await watcher.advance(other))
    expect(result.reorgFrom).toBe(branchOff + 1n)
    expect(book.logs()).toEqual(truth(chain, book, other))
    expect(book.needsBootstrap()).toBe(false)
    expect(book.reads()?.block).toEqual(other)
    expect(advanced(await watcher.advance(chain.mine())).reorgFrom).toBeNull()
  })

  it('behavior: a reorg just after the backfill, between its checkpoints', async () => {
    const blocks: Block[] = []
    const { chain, book, watcher } = await createWorld({
      before: chain => {
        for (let n = 0; n < 40; n++) blocks.push(chain.mine({ logs: [ping()] }))
      },
    })
    const other = mineMany(chain, 12, blocks[28])
    const result = advanced(await watcher.advance(other))
    expect(book.logs()).toEqual(truth(chain, book, other))
    expect(result.reorgFrom).toBeLessThanOrEqual(blocks[29]!.number)
  })

  it('behavior: a reorg to a shorter branch', async () => {
    const { chain, book, watcher } = await createWorld()
    const base = mineMany(chain, 3)
    await watcher.advance(base)
    await watcher.advance(mineMany(chain, 5))
    const other = mineMany(chain, 2, base)
    expect(advanced(await watcher.advance(other)).reorgFrom).toBe(base.number + 1n)
    expect(book.logs()).toEqual(truth(chain, book, other))
  })

  it('behavior: over a long gap with a reorg below it', async () => {
    const { chain, book, watcher } = await createWorld()
    const base = mineMany(chain, 20)
    await watcher.advance(base)
    await watcher.advance(mineMany(chain, 7))
    const other = mineMany(chain, 400, base)
    const result = advanced(await watcher.advance(other))
    expect(result.reorgFrom).not.toBeNull()
    expect(book.logs()).toEqual(truth(chain, book, other))
  })

  it('error: deeper than can be undone is no-common-ancestor, once several heads say so, which a restart heals', async () => {
    const { chain, watcher, counted } = await createWorld({ deps: { finalityDepth: 8n } })
    const base = chain.head()
    for (let n = 0; n < 20; n++) await watcher.advance(chain.mine())
    let other = mineMany(chain, 21, base)
    for (let heard = 0; heard < 7; heard++) {
      expect((await watcher.advance(other)).kind).toBe('behind')
      other = chain.mine()
    }
    await expect(watcher.advance(other)).rejects.toMatchObject({ code: 'no-common-ancestor', retryable: true })
    expect(counted('heads_foreign')).toBe(7)
  })

  it('behavior: heads of a fork that parted long ago, from one node of many, cost nothing but themselves', async () => {
    const { chain, book, watcher, counted } = await createWorld({ deps: { finalityDepth: 8n } })
    const base = chain.head()
    for (let n = 0; n < 20; n++) await watcher.advance(chain.mine({ logs: [ping()] }))
    const main = chain.head()
    let foreign = base
    for (let n = 0; n < 25; n++) foreign = chain.mine({ parent: foreign.hash, isHead: false, logs: [ping()] })
    for (let n = 0; n < 10; n++) {
      expect((await watcher.advance(foreign)).kind).toBe('behind')
      await watcher.advance(chain.mine({ logs: [ping()] }))
    }
    expect(main.number).toBe(base.number + 20n)
    expect(book.logs()).toEqual(truth(chain, book, chain.head()))
    expect(counted('heads_foreign')).toBeGreaterThan(3)
    expect(counted('heads_foreign') + counted('heads_old')).toBe(10)
    expect(watcher.health().reorgs).toBe(0)
  })

  it('behavior: what is final is forgotten, but never more than can be undone', async () => {
    const { chain, book, watcher } = await createWorld({ deps: { finalityDepth: 8n } })
    for (let n = 0; n < 20; n++) await watcher.advance(chain.mine({ logs: [ping()] }))
    expect(book.finalisedBelow()).toBe(chain.head().number - 8n + 1n)
  })
})

describe('advance: new markets', () => {
  it('behavior: a market that appears in the block is bootstrapped and read there', async () => {
    const { chain, book, watcher } = await createWorld({ before: chain => void chain.mine({ logs: [newMarket(1)] }) })
    const head = chain.mine({ logs: [newMarket(2)] })
    await watcher.advance(head)
    expect(book.bootstraps().at(-1)).toEqual(head)
    expect(book.needsBootstrap()).toBe(false)
    expect(book.reads()).toMatchObject({ block: head, calls: [{ to: market(1) }, { to: market(2) }] })
    expect(book.reads()?.results).toHaveLength(2)
    // The reads of the known market, the bootstrap, and the new market's read.
    expect(chain.counts()).toEqual({ logsOfBlock: 1, read: 3 })
    chain.resetCounts()
    await watcher.advance(chain.mine({ logs: [ping(market(2))] }))
    expect(book.logs().at(-1)?.address).toBe(market(2))
    expect(chain.counts()).toEqual({ logsOfBlock: 1, read: 1 })
  })

  it('behavior: in a gap, the logs that a new market emits in the blocks after it are heard', async () => {
    const { chain, book, watcher } = await createWorld()
    chain.mine({ logs: [newMarket(7)] })
    chain.mine({ logs: [ping(market(7))] })
    const head = chain.mine({ logs: [ping(market(7))] })
    await watcher.advance(head)
    expect(book.logs()).toEqual(truth(chain, book, head))
    expect(book.logs()).toHaveLength(3)
  })

  it('behavior: a market whose block is reorged away is forgotten', async () => {
    const { chain, book, watcher } = await createWorld()
    const base = chain.head()
    await watcher.advance(chain.mine({ logs: [newMarket(3)] }))
    const other = chain.mine({ parent: base.hash })
    await watcher.advance(other)
    expect(book.markets()).toEqual([])
    expect(book.reads()).toMatchObject({ block: other, calls: [] })
  })

  it('behavior: venues learn of it before they bootstrap', async () => {
    const told: number[] = []
    const venue = createEchoBook({ name: 'venue', address: STRANGER, fromBlock: null })
    let book!: EchoBook
    const world = await createWorld({
      deps: { venues: [venue], afterStrategies: () => void told.push(book?.markets().length ?? 0) },
    })
    book = world.book
    told.length = 0
    await world.watcher.advance(world.chain.mine({ logs: [newMarket(9)] }))
    expect(told).toEqual([1])
    await world.watcher.advance(world.chain.mine({ logs: [{ address: STRANGER, topics: [PING] }] }))
    expect(told).toEqual([1])
    expect(venue.logs()).toHaveLength(1)
  })
})

describe('advance: others logs and receipts', () => {
  const deps = { extraFilters: () => executorFilters }

  it('default: the executor events come back unfolded', async () => {
    const { chain, book, watcher } = await createWorld({ deps })
    const result = advanced(await watcher.advance(chain.mine({ logs: [executed, ping()] })))
    expect(result.logs.map(log => log.address)).toEqual([EXECUTOR, HOME])
    expect(result.receipts).toBeNull()
    expect(book.logs()).toHaveLength(1)
  })

  it('behavior: receipts in place of logs where wanted, also of a block that holds no log of ours', async () => {
    const { chain, book, watcher } = await createWorld({ deps })
    const result = advanced(
      await watcher.advance(chain.mine({ logs: [executed, ping(), ping(STRANGER)] }), { wantReceipts: true }),
    )
    expect(result.receipts).toHaveLength(3)
    expect(result.logs.map(log => log.address)).toEqual([EXECUTOR, HOME])
    expect(book.logs()).toHaveLength(1)
    expect(chain.counts()).toEqual({ receiptsOfBlock: 1 })
    chain.resetCounts()
    expect(advanced(await watcher.advance(chain.mine({ logs: [ping(STRANGER)] }), { wantReceipts: true })).receipts).toHaveLength(
      1,
    )
    expect(chain.counts()).toEqual({ receiptsOfBlock: 1 })
  })

  it('behavior: logs instead where the node has no receipts by block', async () => {
    const { chain, watcher } = await createWorld({ deps })
    chain.withoutReceipts()
    const result = advanced(await watcher.advance(chain.mine({ logs: [executed, ping()] }), { wantReceipts: true }))
    expect(result).toMatchObject({ receipts: null })
    expect(result.logs).toHaveLength(2)
  })
})

describe('advance: failures', () => {
  it.each(['logsOfBlock', 'read'] as const)('error: %s fails: the folders are as before, the next call heals', async method => {
    const { chain, book, watcher } = await createWorld({ before: chain => void chain.mine({ logs: [newMarket(1)] }) })
    const before = [...book.logs()]
    const first = chain.mine({ logs: [ping()] })
    chain.failNext(method)
    await expect(watcher.advance(first)).rejects.toMatchObject({ code: 'rpc-failed' })
    expect(book.logs()).toEqual(before)
    const second = chain.mine({ logs: [ping()] })
    expect(advanced(await watcher.advance(second)).logs).toHaveLength(2)
    expect(book.logs()).toEqual(truth(chain, book, second))
  })

  it('error: a bootstrap fails: the new market is taken back and comes again', async () => {
    const { chain, book, watcher } = await createWorld()
    const head = chain.mine({ logs: [newMarket(4)] })
    chain.failNext('read')
    await expect(watcher.advance(head)).rejects.toMatchObject({ code: 'rpc-failed' })
    expect(book.markets()).toEqual([])
    await watcher.advance(head)
    expect(book.markets()).toEqual([market(4)])
    expect(book.needsBootstrap()).toBe(false)
  })

  it('error: a fold breaks once in the middle of a gap: nothing of it stays, and it is asked again', async () => {
    const { chain, book, watcher } = await createWorld()
    const head = mineMany(chain, 12)
    book.breakAfter(2)
    await watcher.advance(head)
    expect(book.logs()).toEqual(truth(chain, book, head))
  })

  it('error: a failure after a reorg was undone: the next call still tells of the reorg', async () => {
    const { chain, book, watcher } = await createWorld()
    const base = chain.head()
    await watcher.advance(chain.mine({ logs: [ping()] }))
    const other = chain.mine({ parent: base.hash, logs: [ping()] })
    chain.failNext('logsOfBlock')
    await expect(watcher.advance(other)).rejects.toBeInstanceOf(KeeperError)
    expect(book.logs()).toEqual([])
    expect(advanced(await watcher.advance(other)).reorgFrom).toBe(base.number + 1n)
    expect(book.logs()).toEqual(truth(chain, book, other))
  })

  it('behavior: a node that announces a head before it has it is asked again', async () => {
    const { chain, book, watcher } = await createWorld()
    const head = chain.mine({ logs: [ping()] })
    chain.hide(head.hash, 2)
    expect((await watcher.advance(head)).kind).toBe('advanced')
    expect(book.logs()).toEqual(truth(chain, book, head))
  })

  it('error: a head that the node does not get is behind, and a later one heals', async () => {
    const { chain, book, watcher } = await createWorld()
    const head = chain.mine({ logs: [ping()] })
    chain.hide(head.hash)
    expect((await watcher.advance(head)).kind).toBe('behind')
    expect(book.logs()).toEqual([])
    chain.hide(head.hash, 0)
    const next = chain.mine({ logs: [ping()] })
    await watcher.advance(next)
    expect(book.logs()).toEqual(truth(chain, book, next))
    expect(watcher.health().behindInARow).toBe(0)
  })

  it('behavior: repeats and disorder are put right and counted', async () => {
    const { chain, book, watcher, counted } = await createWorld()
    const head = chain.mine({ logs: [ping(), ping(), ping()] })
    chain.distortLogs(logs => [...[...logs].reverse(), ...logs])
    await watcher.advance(head)
    expect(book.logs()).toEqual(truth(chain, book, head))
    expect(counted('logs_doubled')).toBe(3)
    expect(counted('logs_disordered')).toBe(1)
  })

  it('error: two calls at once are a bug of the caller', async () => {
    const { chain, watcher } = await createWorld()
    const head = chain.mine({ logs: [ping()] })
    const first = watcher.advance(head)
    await expect(Promise.resolve().then(() => watcher.advance(head))).rejects.toBeInstanceOf(InvariantError)
    await first
  })
})

describe('backfill', () => {
  const withHistory = (chain: FakeChain): void => {
    chain.mine({ logs: [newMarket(1)] })
    mineMany(chain, 300)
  }

  it('default: history folded, state read, the head ready to be judged', async () => {
    const seen: string[] = []
    const chain = createFakeChain()
    withHistory(chain)
    const book = createEchoBook({ address: HOME })
    const watcher = createWatcher({ chain, strategies: [book], venues: [], log: silent, meter: createCounts().meter })
    const head = await watcher.backfill(signal, progress => seen.push(`${progress.folder} ${progress.done}/${progress.to}`))
    expect(head).toEqual(chain.head())
    expect(book.logs()).toEqual(truth(chain, book, head))
    expect(book.bootstraps()).toEqual([head])
    expect(book.reads()).toMatchObject({ block: head, calls: [{ to: market(1) }] })
    expect(book.finalisedBelow()).toBe(head.number - 128n + 1n)
    expect(seen).toEqual([`echo ${head.number - 128n}/${head.number}`, `echo ${head.number}/${head.number}`])
  })

  it('behavior: folders that need no history are only bootstrapped, after they were told', async () => {
    const order: string[] = []
    const chain = createFakeChain()
    withHistory(chain)
    const book = createEchoBook({ address: HOME })
    let isAsked = true
    const venue: Folder = {
      name: 'venue',
      fromBlock: null,
      historyFilters: () => [],
      filters: () => [],
      filtersVersion: () => 0,
      needsBootstrap: () => isAsked,
      bootstrap: async reader => {
        isAsked = false
        order.push(`venue at ${reader.block.number}`)
      },
      fold: () => undefined,
      undo: () => undefined,
      finalise: () => undefined,
      fingerprint: () => 'venue 1',
      save: () => new Map(),
      restore: () => undefined,
    }
    const afterStrategies = (): void => void order.push(`told of ${book.markets().length}`)
    const deps = { chain, strategies: [book], venues: [venue], afterStrategies, log: silent, meter: createCounts().meter }
    await createWatcher(deps).backfill(signal)
    expect(order[0]).toBe('told of 1')
    expect(order.at(-1)).toBe(`venue at ${chain.head().number}`)
    expect(order.filter(each => each.startsWith('venue'))).toHaveLength(1)
  })

  it('error: a start above the head is a slip in the configuration, of strategies and of venues', async () => {
    const chain = createFakeChain()
    withHistory(chain)
    const height = chain.head().number
    const home = createEchoBook({ address: HOME })
    const backfillOf = (options: Pick<WatcherDeps, 'strategies' | 'venues'>) =>
      createWatcher({ chain, ...options, log: silent, meter: createCounts().meter }).backfill(signal)
    const late = createEchoBook({ name: 'late', address: HOME, fromBlock: height + 1n })
    const refusal = { code: 'bad-config', retryable: false, message: expect.stringContaining(`late: fromBlock ${height + 1n}`) }
    await expect(backfillOf({ strategies: [late], venues: [] })).rejects.toMatchObject(refusal)
    await expect(backfillOf({ strategies: [home], venues: [late] })).rejects.toMatchObject(refusal)
    const newest = createEchoBook({ address: HOME, fromBlock: height })
    await expect(backfillOf({ strategies: [newest], venues: [] })).resolves.toEqual(chain.head())
  })

  it('behavior: a book without any open debt is told of once, with what to check', async () => {
    const chain = createFakeChain()
    withHistory(chain)
    const log = createFakeLog()
    const empty = createEchoBook({ name: 'empty', address: HOME, fromBlock: 7n })
    const used = { ...createEchoBook({ name: 'used', address: HOME }), size: () => 1 }
    const deps = { chain, strategies: [empty, used], venues: [], log, meter: createCounts().meter }
    chain.failNext('logsInRange')
    const watcher = createWatcher(deps)
    await expect(watcher.backfill(signal)).rejects.toThrow('the node is gone')
    expect(log.lines).toEqual([])
    await watcher.backfill(signal)
    expect(log.lines.map(({ level, event, fields }) => [level, event, fields.message])).toEqual([
      [
        'warn',
        'nothing-to-watch',
        'empty has no open debt since block 7: check its address and fromBlock, and the lists in scope',
      ],
    ])
  })

  it('behavior: a reorg while it runs is noticed and folded again', async () => {
    const chain = createFakeChain()
    withHistory(chain)
    const base = chain.head()
    chain.mine({ logs: [ping()] })
    const book = createEchoBook({ address: HOME })
    let isForked = false
    chain.answerReads(() => {
      if (!isForked) chain.mine({ parent: base.hash, logs: [ping(), ping()] })
      isForked = true
      return { kind: 'ok', data: '0x' }
    })
    const head = await createWatcher({
      chain,
      strategies: [book],
      venues: [],
      log: silent,
      meter: createCounts().meter,
    }).backfill(signal)
    expect(head).toEqual(chain.head())
    expect(book.logs()).toEqual(truth(chain, book, head))
    expect(book.bootstraps()).toEqual([head])
  })

  it('behavior: blocks that come meanwhile are folded before it ends', async () => {
    const chain = createFakeChain()
    withHistory(chain)
    let left = 3
    chain.answerReads(() => {
      if (left-- > 0) chain.mine({ logs: [ping()] })
      return { kind: 'ok', data: '0x' }
    })
    const book = createEchoBook({ address: HOME })
    const watcher = createWatcher({ chain, strategies: [book], venues: [], log: silent, meter: createCounts().meter })
    const head = await watcher.backfill(signal)
    expect(book.logs()).toEqual(truth(chain, book, head))
    const next = chain.head()
    await watcher.advance(next)
    expect(book.logs()).toEqual(truth(chain, book, next))
  })

  it('error: a failure is told; called again it goes on', async () => {
    const chain = createFakeChain()
    withHistory(chain)
    const book = createEchoBook({ address: HOME })
    const watcher = createWatcher({ chain, strategies: [book], venues: [], log: silent, meter: createCounts().meter })
    chain.failNext('read', 1, rpcFailed())
    await expect(watcher.backfill(signal)).rejects.toMatchObject({ code: 'rpc-failed' })
    const head = await watcher.backfill(signal)
    expect(book.logs()).toEqual(truth(chain, book, head))
  })

  it('error: advance before backfill is a bug of the caller', async () => {
    const chain = createFakeChain()
    const watcher = createWatcher({ chain, strategies: [], venues: [], log: silent, meter: createCounts().meter })
    await expect(watcher.advance(chain.head())).rejects.toBeInstanceOf(InvariantError)
  })

  it('error: an aborted backfill ends with the reason', async () => {
    const chain = createFakeChain()
    const watcher = createWatcher({
      chain,
      strategies: [createEchoBook({ address: HOME })],
      venues: [],
      log: silent,
      meter: createCounts().meter,
    })
    await expect(watcher.backfill(AbortSignal.abort(new Error('told to stop')))).rejects.toThrow('told to stop')
  })
})

describe('any history', () => {
  type Move =
    | { readonly kind: 'mine'; readonly logs: number; readonly back: number; readonly length: number }
    | { readonly kind: 'market' }
    | { readonly kind: 'fail'; readonly method: 'logsOfBlock' | 'read' | 'blockByHash' | 'blockByNumber' }
    | { readonly kind: 'repeat' }
    | { readonly kind: 'old'; readonly back: number }

  const moves: fc.Arbitrary<Move> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('mine' as const),
        logs: fc.nat(3),
        back: fc.constant(0),
        length: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('mine' as const),
        logs: fc.nat(3),
        back: fc.nat(12),
        length: fc.integer({ min: 1, max: 14 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'market' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('fail' as const),
        method: fc.constantFrom('logsOfBlock', 'read', 'blockByHash', 'blockByNumber' as const),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'repeat' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('old' as const), back: fc.integer({ min: 1, max: 5 }) }) },
  )

  const below = async (chain: FakeChain, block: Block, back: number): Promise<Block> => {
    let found = block
    for (let n = 0; n < back; n++) found = (await chain.blockByHash(found.parentHash).catch(() => null)) ?? found
    return found
  }

  it('behavior: after every advance the book holds exactly the logs of the head branch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moves, { minLength: 1, maxLength: 40 }), async script => {
        const { chain, book, watcher } = await createWorld({ before: chain => void mineMany(chain, 20) })
        let markets = 100
        for (const move of script) {
          let told = chain.head()
          if (move.kind === 'fail') chain.failNext(move.method)
          if (move.kind === 'market') told = chain.mine({ logs: [newMarket(markets++), ping()] })
          if (move.kind === 'old') told = await below(chain, chain.head(), move.back)
          if (move.kind === 'mine') {
            told = await below(chain, chain.head(), move.back)
            for (let n = 0; n < move.length; n++)
              told = chain.mine({ parent: told.hash, logs: Array.from({ length: move.logs }, () => ping()) })
          }
          const result = await watcher.advance(told).catch((error: unknown) => {
            expect(error).toBeInstanceOf(KeeperError)
            return null
          })
          if (result?.kind === 'advanced') {
            expect(book.logs()).toEqual(truth(chain, book, told))
            expect(book.reads()?.block).toEqual(told)
            expect(book.needsBootstrap()).toBe(false)
          }
          expect(book.logs()).toEqual(truth(chain, book, watcher.health().tip!))
        }
      }),
      { numRuns: 200, seed: 20200312 },
    )
  }, 60_000)
})

describe('bloomOf of the fake', () => {
  it('default: sets three bits per item at most', () => {
    const bits = [...BigInt(bloomOf([ping()])).toString(2)].filter(bit => bit === '1').length
    expect(bits).toBeGreaterThanOrEqual(4)
    expect(bits).toBeLessThanOrEqual(6)
  })
})
