// The search for accounts that no folded log named: in stretches beside the blocks, one at a time, over failures and reorgs.
import { describe, expect, it } from '@jest/globals'
import type { Address, Hex, Log, LogFilter } from '../../src/core/primitives'
import type { Book } from '../../src/core/strategy'
import { createRecall } from '../../src/watcher/recall'
import { createFakeChain } from '../fakes/chain'
import { createQuiet } from '../fakes/quiet'

const HOME: Address = `0x${'11'.repeat(20)}`
const BORROWED: Hex = `0x${'bb'.repeat(32)}`
const MARKET: Hex = '0x01'
const FILTERS: readonly LogFilter[] = [{ addresses: [HOME], topics: [[BORROWED]] }]

/** A book that misses somebody in each market until it is told of logs, and writes down when. */
const createWorld = (fromBlock = 0n) => {
  const chain = createFakeChain(31_337, fromBlock)
  const ranges: (readonly [bigint, bigint])[] = []
  const told: { readonly market: Hex; readonly block: bigint; readonly logs: readonly Log[] }[] = []
  const book = {
    fromBlock,
    missing: market => (told.some(each => each.market === market) ? null : FILTERS),
    recall: (market, block, logs) => void told.push({ market, block, logs }),
  } as Partial<Book> as Book
  const quiet = createQuiet()
  const recall = createRecall(
    {
      ...chain,
      logsInRange: async (from, to, filters) => {
        ranges.push([from, to])
        return chain.logsInRange(from, to, filters)
      },
    },
    quiet.log,
    8n,
  )
  const step = async (tip: bigint): Promise<void> => {
    recall.step(tip)
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  return { chain, book, recall, quiet, ranges, told, step }
}

describe('recall', () => {
  it('default: searches history up to the tip and hands over what names them, at the next block', async () => {
    const { chain, book, recall, told, step } = createWorld()
    const { number } = chain.mine({ logs: [{ address: HOME, topics: [BORROWED] }, { address: HOME }] })
    chain.mine()
    recall.begin(book, MARKET, 2n)
    await step(2n)
    expect(told).toEqual([])
    await step(3n)
    expect(told).toEqual([
      { market: MARKET, block: 3n, logs: [expect.objectContaining({ blockNumber: number, topics: [BORROWED] })] },
    ])
    await step(4n)
    expect(told).toHaveLength(1)
    expect(chain.counts()).toEqual({ logsInRange: 1 })
  })

  it('behavior: nothing where nobody is missing, and each market once', async () => {
    const { chain, book, recall, step } = createWorld()
    recall.begin({ ...book, missing: () => null }, MARKET, 5n)
    const { missing: _, ...silent } = book
    recall.begin(silent, MARKET, 5n)
    await step(5n)
    expect(chain.counts()).toEqual({})
    recall.begin(book, MARKET, 5n)
    recall.begin(book, MARKET, 6n)
    await step(6n)
    await step(7n)
    await step(8n)
    expect(chain.counts()).toEqual({ logsInRange: 1 })
  })

  it('behavior: a long history in stretches, one for each block, one market after the other', async () => {
    const { book, recall, ranges, told, step } = createWorld(1_000n)
    recall.begin(book, MARKET, 250_500n)
    recall.begin(book, '0x02', 1_500n)
    for (let tip = 250_501n; tip < 250_508n; tip++) await step(tip)
    expect(ranges).toEqual([
      [1_000n, 100_999n],
      [101_000n, 200_999n],
      [201_000n, 250_500n],
      [1_000n, 1_500n],
    ])
    expect(told.map(({ market, block }) => [market, block])).toEqual([
      [MARKET, 250_504n],
      ['0x02', 250_505n],
    ])
  })

  it('error: a search that fails is made again', async () => {
    const { chain, book, recall, quiet, told, step } = createWorld()
    recall.begin(book, MARKET, 0n)
    chain.failNext('logsInRange', 2)
    for (let tip = 1n; tip < 6n; tip++) await step(tip)
    expect(told).toHaveLength(1)
    expect(quiet.lines.filter(({ event }) => event === 'recall-failed')).toHaveLength(2)
  })

  it('behavior: after a reorg that undid it, it is handed over again, until it is final', async () => {
    const { chain, book, recall, told, step } = createWorld()
    recall.begin(book, MARKET, 0n)
    await step(1n)
    await step(2n)
    recall.undone(2n)
    await step(2n)
    expect(told.map(({ block }) => block)).toEqual([2n, 2n])
    recall.undone(3n)
    await step(3n)
    expect(told).toHaveLength(2)
    await step(11n)
    recall.undone(1n)
    await step(12n)
    expect(told).toHaveLength(2)
    expect(chain.counts()).toEqual({ logsInRange: 1 })
  })
})
