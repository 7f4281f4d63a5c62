// A watcher that stops and one that goes on: what the second holds is what a fresh one would, and it asks for what is new only.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { KeeperError } from '../../src/core/errors'
import type { Address, Block, Hex } from '../../src/core/primitives'
import type { Book } from '../../src/core/strategy'
import type { Chain } from '../../src/ports'
import { createWatcher, type Watcher, type WatcherDeps } from '../../src/watcher/watcher'
import { createFakeChain, type FakeChain, type FakeLog, NO_BLOOM_BITS } from '../fakes/chain'
import { createFakeCheckpoints, type FakeCheckpoints } from '../fakes/checkpoints'
import { createFakeLog, createFakeMeter, type FakeLog as LogOfLines } from '../fakes/store'
import { createEchoBook, type EchoBook, NEW_MARKET, PING } from './echo-book'

const HOME: Address = `0x${'11'.repeat(20)}`
const SHOP: Address = `0x${'22'.repeat(20)}`
const STRANGER: Address = `0x${'33'.repeat(20)}`
const DEPTH = 8n
const market = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const ping = (address: Address = HOME): FakeLog => ({ address, topics: [PING] })
const newMarket = (n: number, home = HOME): FakeLog => ({ address: home, topics: [NEW_MARKET], data: market(n) })

const never = new AbortController().signal

/** Ranges of logs that were asked for. */
const recording = (chain: FakeChain): { readonly chain: Chain; readonly ranges: [bigint, bigint][] } => {
  const ranges: [bigint, bigint][] = []
  return {
    ranges,
    chain: {
      ...chain,
      logsInRange: (from, to, filters, onProgress) => {
        ranges.push([from, to])
        return chain.logsInRange(from, to, filters, onProgress)
      },
    },
  }
}

interface Life {
  readonly watcher: Watcher
  readonly books: readonly EchoBook[]
  readonly ranges: readonly (readonly [bigint, bigint])[]
  readonly log: LogOfLines
  readonly counts: ReadonlyMap<string, number>
}

interface LifeOptions {
  readonly homes?: readonly Address[]
  readonly deps?: Partial<WatcherDeps>
  readonly change?: (book: EchoBook) => EchoBook
}

/** A process of its own, as it were: nothing but the chain and the checkpoints outlives it. */
const live = (fake: FakeChain, checkpoints: FakeCheckpoints | null, options: LifeOptions = {}): Life => {
  const { chain, ranges } = recording(fake)
  const log = createFakeLog()
  const meter = createFakeMeter()
  const books = (options.homes ?? [HOME]).map((address, n) => {
    const book = createEchoBook({ address, name: `echo ${n}` })
    return options.change?.(book) ?? book
  })
  const watcher = createWatcher({
    chain,
    strategies: books as readonly Book[],
    venues: [],
    log,
    meter,
    finalityDepth: DEPTH,
    pause: () => new Promise(resolve => setImmediate(resolve)),
    ...(checkpoints === null ? {} : { checkpoints }),
    ...options.deps,
  })
  return { watcher, books, ranges, log, counts: meter.counts }
}

const mineMany = (chain: FakeChain, count: number): void => {
  for (let n = 0; n < count; n++) chain.mine({ logs: n % 3 === 0 ? [ping(), ping(STRANGER)] : [] })
}

const events = ({ log }: Life, event: string) => log.lines.filter(line => line.event === event).map(({ fields }) => fields)

/** One that read everything itself. */
const fresh = async (chain: FakeChain, homes: readonly Address[] = [HOME]): Promise<Life> => {
  const life = live(chain, null, { homes })
  await life.watcher.backfill(never)
  return life
}

const expectSame = async (chain: FakeChain, life: Life, homes?: readonly Address[]): Promise<void> => {
  const other = await fresh(chain, homes)
  expect(life.books.map(book => book.logs())).toEqual(other.books.map(book => book.logs()))
  expect(life.books.map(book => book.save())).toEqual(other.books.map(book => book.save()))
}

/** Lives through a history of forty blocks and saves at its end. */
const firstLife = async (homes?: readonly Address[]) => {
  const chain = createFakeChain()
  const checkpoints = createFakeCheckpoints()
  chain.mine({ logs: [newMarket(1)] })
  mineMany(chain, 40)
  const life = live(chain, checkpoints, homes === undefined ? {} : { homes })
  await life.watcher.backfill(never)
  await life.watcher.save('now')
  return { chain, checkpoints, life }
}

describe('going on from a checkpoint', () => {
  it('default: only what is new is asked for, and nothing differs from a fresh fold', async () => {
    const { chain, checkpoints } = await firstLife()
    const saved = chain.head().number
    mineMany(chain, 30)
    const next = live(chain, checkpoints)
    const head = await next.watcher.backfill(never)
    expect(head).toEqual(chain.head())
    expect(next.ranges.map(([from]) => from).sort()[0]).toBe(saved + 1n)
    expect(events(next, 'resumed')).toEqual([{ block: saved.toString(), folders: ['echo 0'] }])
    await expectSame(chain, next)
    await next.watcher.advance(chain.mine({ logs: [ping(), newMarket(2)] }))
    await expectSame(chain, next)
  })

  it('behavior: with nothing new, no logs are asked for at all', async () => {
    const { chain, checkpoints } = await firstLife()
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    expect(next.ranges).toEqual([])
    expect(next.watcher.health().tip).toEqual(chain.head())
    await expectSame(chain, next)
  })

  it('behavior: filters that grow on the way are asked with from the next block on', async () => {
    const { chain, checkpoints } = await firstLife()
    chain.mine({ logs: [newMarket(2)] })
    for (let n = 0; n < 12; n++) chain.mine({ logs: [ping(market(2)), n === 5 ? newMarket(3) : ping(market(3))] })
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    expect(next.books[0]!.logs().filter(({ address }) => address === market(2))).toHaveLength(12)
    expect(next.books[0]!.logs().filter(({ address }) => address === market(3))).toHaveLength(6)
  })

  it('behavior: a reorg above the checkpoint is undone as ever', async () => {
    const { chain, checkpoints } = await firstLife()
    const base = chain.head()
    mineMany(chain, 3)
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    let tip: Block = base
    for (let n = 0; n < 5; n++) tip = chain.mine({ parent: tip.hash, logs: [ping()] })
    await next.watcher.advance(tip)
    await expectSame(chain, next)
    expect(next.counts.get('reorgs')).toBe(1)
  })

  it('behavior: a reorg below the checkpoint ends the process, and the next one takes the older checkpoint', async () => {
    const { chain, checkpoints, life } = await firstLife()
    const base = chain.head()
    mineMany(chain, 10)
    await life.watcher.advance(chain.head())
    await life.watcher.save('now')
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    let tip: Block = base
    for (let n = 0; n < 14; n++) tip = chain.mine({ parent: tip.hash, logs: n % 2 === 0 ? [ping()] : [] })
    let failure: unknown
    for (let n = 0; n < 10 && failure === undefined; n++) {
      const head = chain.mine({ logs: [ping()] })
      failure = await next.watcher.advance(head).then(
        () => undefined,
        (error: unknown) => error,
      )
    }
    expect(failure).toMatchObject({ code: 'no-common-ancestor' })
    const third = live(chain, checkpoints)
    await third.watcher.backfill(never)
    expect(events(third, 'checkpoint-refused')[0]!.message).toMatch(
      /^it was saved at block 51 0x\w{64}, which on the chain is 0x\w{64}; the one of block 41 is tried$/,
    )
    expect(events(third, 'resumed')).toMatchObject([{ block: '41' }])
    await expectSame(chain, third)
  })

  it('behavior: a chain that leaves the checkpoint while it is taken up: start again', async () => {
    const { chain, checkpoints } = await firstLife()
    const parent = chain.head().parentHash
    const life = live(chain, checkpoints, {
      change: book => ({
        ...book,
        restore: state => {
          book.restore(state)
          let tip = parent
          for (let n = 0; n < 4; n++) tip = chain.mine({ parent: tip }).hash
        },
      }),
    })
    await expect(life.watcher.backfill(never)).rejects.toMatchObject({ code: 'no-common-ancestor' })
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    await expectSame(chain, next)
  })

  it('behavior: a node that is not yet where we were: nothing is dropped, and history serves', async () => {
    const { chain, checkpoints } = await firstLife()
    const old = chain.head()
    chain.setHead(old.parentHash)
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-refused')[0]!.message).toBe(
      'the node has not come to block 41, at which it was saved; history is read from its start',
    )
    expect(checkpoints.dropped).toEqual([])
    await expectSame(chain, next)
  })

  it('behavior: what was found out about blooms is not forgotten', async () => {
    const chain = createFakeChain()
    const checkpoints = createFakeCheckpoints()
    chain.mine({ logs: [ping()], logsBloom: NO_BLOOM_BITS })
    const life = live(chain, checkpoints)
    await life.watcher.backfill(never)
    await life.watcher.save('now')
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    await next.watcher.advance(chain.mine({ logs: [ping()], logsBloom: NO_BLOOM_BITS }))
    expect(next.books[0]!.logs()).toHaveLength(2)
    const third = live(chain, checkpoints)
    await next.watcher.save('now')
    await third.watcher.backfill(never)
    expect(events(third, 'blooms-not-believed')).toHaveLength(1)
  })

  it('behavior: rpc failures while looking restore nothing, and the next call goes on', async () => {
    const { chain, checkpoints } = await firstLife()
    const next = live(chain, checkpoints)
    chain.failNext('blockByNumber')
    await expect(next.watcher.backfill(never)).rejects.toMatchObject({ code: 'rpc-failed' })
    await next.watcher.backfill(never)
    expect(next.ranges).toEqual([])
    await expectSame(chain, next)
  })
})

describe('folders that changed', () => {
  it('behavior: a new one is folded from its own start while the others go on', async () => {
    const { chain, checkpoints } = await firstLife()
    chain.mine({ logs: [ping(SHOP), newMarket(9, SHOP)] })
    const next = live(chain, checkpoints, { homes: [HOME, SHOP] })
    await next.watcher.backfill(never)
    expect(next.ranges.map(([from]) => from)).toEqual([0n, 42n, 35n])
    expect(events(next, 'checkpoint-lacks')).toEqual([{ folder: 'echo 1', message: 'it is folded from block 0 on' }])
    await expectSame(chain, next, [HOME, SHOP])
  })

  it('behavior: another name for the same is no other folder', async () => {
    const { chain, checkpoints } = await firstLife()
    const next = live(chain, checkpoints, { change: book => ({ ...book, name: 'echo of home' }) })
    await next.watcher.backfill(never)
    expect(next.ranges).toEqual([])
    expect(events(next, 'resumed')).toMatchObject([{ folders: ['echo of home'] }])
    await expectSame(chain, next)
  })

  it('error: other settings: that one alone is folded anew, and both values are told', async () => {
    const { chain, checkpoints } = await firstLife([HOME, SHOP])
    const other = (book: EchoBook): EchoBook => (book.name === 'echo 0' ? book : { ...book, fingerprint: () => 'echo new' })
    const next = live(chain, checkpoints, { homes: [HOME, SHOP], change: other })
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-refused')).toEqual([
      {
        folder: 'echo 1',
        block: '41',
        message: `echo 1 was saved with other settings: echo ${SHOP}, now echo new; it is folded from block 0 on`,
      },
    ])
    expect(next.ranges.map(([from]) => from)).toEqual([0n, 34n])
    expect(checkpoints.dropped).toEqual([])
    await expectSame(chain, next, [HOME, SHOP])
  })

  it('error: a state that its folder does not accept: that one alone is folded anew', async () => {
    const { chain, checkpoints } = await firstLife([HOME, SHOP])
    const next = live(chain, checkpoints, {
      homes: [HOME, SHOP],
      change: book => ({
        ...book,
        restore: state => {
          if (book.name === 'echo 1') throw new KeeperError('bad-checkpoint', 'it makes no sense', { retryable: true })
          book.restore(state)
        },
      }),
    })
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-refused')).toMatchObject([{ message: 'it makes no sense; it is folded from block 0 on' }])
    await expectSame(chain, next, [HOME, SHOP])
  })
})

describe('checkpoints that are refused', () => {
  it.each(['read', 'load'] as const)('error: a damaged one (%s) is dropped and the older one is taken', async what => {
    const { chain, checkpoints, life } = await firstLife()
    mineMany(chain, 10)
    await life.watcher.advance(chain.head())
    await life.watcher.save('now')
    checkpoints.damage(1, what)
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-refused')[0]!.message).toMatch(/ is damaged; the one of block 41 is tried$/)
    expect(checkpoints.dropped).toEqual([1])
    expect(events(next, 'resumed')).toMatchObject([{ block: '41' }])
    await expectSame(chain, next)
  })

  it('error: both damaged: history is read again', async () => {
    const { chain, checkpoints } = await firstLife()
    checkpoints.damage(0, 'load')
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-refused')[0]!.message).toBe('the state of echo 0 is damaged; history is read from its start')
    expect(next.ranges[0]![0]).toBe(0n)
    await expectSame(chain, next)
  })

  it('error: of another chain with the same id', async () => {
    const { checkpoints } = await firstLife()
    const chain = createFakeChain()
    for (let n = 0; n < 60; n++) chain.mine({ logs: [ping()], afterSec: 5n, parent: chain.head().hash })
    checkpoints.edit(0, checkpoint => ({
      ...checkpoint,
      folders: checkpoint.folders.map(folder => ({ ...folder, block: { number: 41n, hash: `0x${'ee'.repeat(32)}` as Hex } })),
    }))
    const next = live(chain, checkpoints)
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-refused')[0]!.message).toMatch(
      /^it was saved at block 41 0xeeee.* history is read from its start$/,
    )
    await expectSame(chain, next)
  })

  it('behavior: nothing is saved of this chain: that is said too', async () => {
    const chain = createFakeChain(10)
    const next = live(chain, createFakeCheckpoints())
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-none')).toEqual([{ message: 'nothing is saved of chain 10: history is read from its start' }])
  })

  it('error: the list itself can not be read', async () => {
    const { chain, checkpoints } = await firstLife()
    const stored = (): never => {
      throw new KeeperError('bad-checkpoint', 'the file is gone', { retryable: true })
    }
    const next = live(chain, { ...checkpoints, stored })
    await next.watcher.backfill(never)
    expect(events(next, 'checkpoint-refused')).toEqual([{ message: 'the file is gone; history is read from its start' }])
    await expectSame(chain, next)
  })
})

describe('when it is saved', () => {
  it('default: after so many blocks as are not final, not before, and at the end', async () => {
    const { chain, checkpoints } = await firstLife()
    const blocks = (): bigint[] => checkpoints.saved.map(({ folders }) => folders[0]!.block.number)
    const life = live(chain, checkpoints, { deps: { saveEveryMs: 0 } })
    await life.watcher.backfill(never)
    for (let n = 0; n < 20; n++) {
      await life.watcher.advance(chain.mine({ logs: [ping()] }))
      await life.watcher.save('due')
    }
    expect(blocks()).toEqual([41n, 49n, 57n])
    await life.watcher.save('now')
    await life.watcher.save('now')
    expect(blocks()).toEqual([41n, 49n, 57n, 61n])
    expect(checkpoints.saved.at(-1)!.folders[0]!.block.hash).toBe(chain.head().hash)
  })

  it('behavior: where blocks come fast, time counts too', async () => {
    const { chain, checkpoints, life } = await firstLife()
    for (let n = 0; n < 20; n++) {
      await life.watcher.advance(chain.mine())
      await life.watcher.save('due')
    }
    expect(checkpoints.saved).toHaveLength(1)
  })

  it('behavior: what is folded while it is written is not in it', async () => {
    const { chain, checkpoints, life } = await firstLife()
    const before = life.books[0]!.save()
    await life.watcher.advance(chain.mine({ logs: [ping()] }))
    const saving = life.watcher.save('now')
    const at = life.books[0]!.save()
    await life.watcher.advance(chain.mine({ logs: [ping()] }))
    await saving
    expect(checkpoints.saved[0]!.folders[0]!.state).toEqual(before)
    expect(checkpoints.saved[1]!.folders[0]!.state).toEqual(at)
  })

  it('behavior: not while a market is known to differ from the chain', async () => {
    const { chain, checkpoints, life } = await firstLife()
    await life.watcher.advance(chain.mine({ logs: [ping()] }))
    const position = { strategy: 'echo 0', market: market(1), account: market(1) }
    life.watcher.accuse([{ position, field: 'pings', book: '1', chain: '2' }])
    await life.watcher.save('now')
    expect(checkpoints.saved).toHaveLength(1)
  })

  it('behavior: before anything is folded, and without a place for it, it is nothing', async () => {
    const chain = createFakeChain()
    const checkpoints = createFakeCheckpoints()
    await live(chain, checkpoints).watcher.save('now')
    expect(checkpoints.saved).toEqual([])
    const homeless = await fresh(chain)
    await homeless.watcher.save('now')
  })

  it('error: a failure is a warning and a count, and the next time comes', async () => {
    const { chain, checkpoints, life } = await firstLife()
    checkpoints.failSaves('the disk is full')
    await life.watcher.advance(chain.mine())
    await life.watcher.save('now')
    expect(events(life, 'checkpoint-failed')).toEqual([
      { block: '42', message: 'the disk is full; the keeper goes on, and tries again later' },
    ])
    expect(life.counts.get('checkpoint_failures')).toBe(1)
  })
})

describe('during a long backfill', () => {
  const long = async (): Promise<FakeChain> => {
    const chain = createFakeChain()
    chain.mine({ logs: [newMarket(1)] })
    mineMany(chain, 300)
    return chain
  }
  const slowly = { saveEveryMs: 0, firstChunk: 10n }

  it('default: killed on the way, the next goes on from where it was', async () => {
    const chain = await long()
    const checkpoints = createFakeCheckpoints()
    const dying = live(chain, checkpoints, { deps: slowly })
    const killed = new AbortController()
    let done = 0n
    await expect(
      dying.watcher.backfill(killed.signal, progress => {
        done = progress.done
        if (done >= 200n) chain.failNext('logsInRange', 100)
      }),
    ).rejects.toMatchObject({ code: 'rpc-failed' })
    const resumedAt = checkpoints.stored()[0]!.blockNumber
    expect(resumedAt).toBeGreaterThanOrEqual(150n)
    const next = live(chain, checkpoints, { deps: slowly })
    for (let tries = 0; tries < 100; tries++) await chain.logsInRange(0n, 0n, []).catch(() => undefined)
    await next.watcher.backfill(never)
    expect(next.ranges[0]![0]).toBe(resumedAt + 1n)
    expect(checkpoints.saved[0]!.folders[0]!.stage).toBe('history')
    await expectSame(chain, next)
  })

  it('behavior: told to stop, it saves what is done and ends', async () => {
    const chain = await long()
    const checkpoints = createFakeCheckpoints()
    const stopping = new AbortController()
    const life = live(chain, checkpoints, { deps: { saveEveryMs: 3_600_000, firstChunk: 10n } })
    const ending = life.watcher.backfill(stopping.signal, ({ done }) => {
      if (done >= 100n) stopping.abort()
    })
    const reason = await ending.catch((error: unknown) => error)
    expect(reason).toBe(stopping.signal.reason)
    expect(checkpoints.saved).toHaveLength(1)
    expect(checkpoints.stored()[0]!.blockNumber).toBeGreaterThanOrEqual(100n)
  })

  it('behavior: two strategies and a venue: each goes on from its own block', async () => {
    const chain = await long()
    for (let n = 0; n < 60; n++) chain.mine({ logs: [ping(SHOP), ping()] })
    for (let after = 1; after < 60; after += 7) {
      const checkpoints = createFakeCheckpoints()
      const options = (): LifeOptions => {
        const venue = createEchoBook({ address: market(77), name: 'venue' })
        return { homes: [HOME, SHOP], deps: { ...slowly, venues: [venue] } }
      }
      const dying = live(chain, checkpoints, options())
      let calls = 0
      await dying.watcher
        .backfill(never, () => {
          calls += 1
          if (calls === after) chain.failNext('logsInRange', 1)
        })
        .catch(() => undefined)
      const next = live(chain, checkpoints, options())
      await next.watcher.backfill(never)
      await expectSame(chain, next, [HOME, SHOP])
    }
  })
})

describe('any life', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('mine' as const), blocks: fc.integer({ min: 1, max: 14 }), logs: fc.nat(3) }),
    fc.record({
      kind: fc.constant('reorg' as const),
      depth: fc.integer({ min: 1, max: 14 }),
      blocks: fc.integer({ min: 1, max: 16 }),
    }),
    fc.record({ kind: fc.constant('save' as const) }),
    fc.record({ kind: fc.constant('restart' as const), isKilled: fc.boolean() }),
  )
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

  const mine = (chain: FakeChain, from: Block, blocks: number, logs: number): void => {
    let tip = from
    for (let n = 0; n < blocks; n++)
      tip = chain.mine({ parent: tip.hash, logs: Array.from({ length: (n + logs) % 4 }, () => ping()), isHead: false })
    chain.setHead(tip.hash)
  }

  const below = async (chain: FakeChain, depth: number): Promise<Block> => {
    const { number } = chain.head()
    return (await chain.blockByNumber(number > BigInt(depth) ? number - BigInt(depth) : 0n))!
  }

  it('default: blocks, reorgs deeper and not, savings, ends of every kind: what is held is always the chain that stands', async () => {
    const seen = { resumed: 0, refused: 0, foreign: 0 }
    const play = async (steps: readonly Step[]): Promise<void> => {
      const chain = createFakeChain()
      const checkpoints = createFakeCheckpoints()
      mine(chain, chain.head(), 20, 1)
      const begin = async (): Promise<Life> => {
        const life = live(chain, checkpoints, { deps: { saveEveryMs: 0, firstChunk: 7n } })
        await life.watcher.backfill(never)
        seen.resumed += events(life, 'resumed').length
        seen.refused += events(life, 'checkpoint-refused').length
        return life
      }
      let life = await begin()
      const follow = async (): Promise<void> => {
        for (let tries = 0; tries < 8; tries++) {
          const end = await life.watcher.advance(chain.head()).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'no-common-ancestor' })
            return null
          })
          if (end?.kind === 'advanced') break
          if (end !== null) continue
          seen.foreign += 1
          life = await begin()
        }
        await life.watcher.save('due')
      }
      for (const each of steps) {
        if (each.kind === 'mine') mine(chain, chain.head(), each.blocks, each.logs)
        else if (each.kind === 'reorg') mine(chain, await below(chain, each.depth), each.depth + each.blocks, each.blocks)
        else if (each.kind === 'save') await life.watcher.save('now')
        else {
          if (!each.isKilled) await life.watcher.save('now')
          life = await begin()
        }
        if (each.kind !== 'save') await follow()
        const standing = chain.logsUpTo(chain.head().hash).filter(({ address }) => address === HOME)
        expect(life.books[0]!.logs()).toEqual(standing)
      }
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), play), { seed: 20200312, numRuns: 60 })
    expect(seen.resumed).toBeGreaterThan(60)
    expect(seen.refused).toBeGreaterThan(10)
    expect(seen.foreign).toBeGreaterThan(3)
  })
})
