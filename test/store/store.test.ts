// Ends are kept in order, and a file of them can be read back line by line.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KeeperError } from '../../src/core/errors'
import type { Outcome, Skip } from '../../src/core/verdict'
import { createJsonlStore } from '../../src/store/jsonl'
import { createMemoryStore } from '../../src/store/memory'

const position = { strategy: 'morpho-blue', market: '0x01', account: '0x02' } as const
const outcome: Outcome = {
  kind: 'missed',
  reason: 'not in block 12',
  transactionHash: '0xaa',
  targetBlock: 12n,
  block: null,
  gasUsed: 0n,
  predicted: { revenueWei: 10n ** 18n, gasWei: 1n, bidWei: 2n, netWei: 3n },
  realised: null,
  positions: [],
}
const skip: Skip = { kind: 'skip', position, reason: 'unprofitable', message: 'nets -1 wei' }

const folder = mkdtempSync(join(tmpdir(), 'bulwark-store-'))
afterAll(() => rmSync(folder, { recursive: true }))

const linesOf = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)

describe('createMemoryStore', () => {
  test('default: keeps outcomes and skips in order', () => {
    const store = createMemoryStore()
    store.recordOutcome(outcome)
    store.recordSkip(11n, skip)
    expect(store.outcomes()).toEqual([outcome])
    expect(store.skips()).toEqual([{ block: 11n, skip }])
  })
})

describe('createJsonlStore', () => {
  test('default: a line each, bigints as decimal strings, all there after close', () => {
    const path = join(folder, 'new', 'ends.jsonl')
    const store = createJsonlStore(path)
    store.recordOutcome(outcome)
    store.recordSkip(11n, skip)
    store.close()
    expect(linesOf(path)).toEqual([
      expect.objectContaining({
        type: 'outcome',
        kind: 'missed',
        targetBlock: '12',
        predicted: { revenueWei: '1000000000000000000', gasWei: '1', bidWei: '2', netWei: '3' },
      }),
      expect.objectContaining({ type: 'skip', block: '11', reason: 'unprofitable', position }),
    ])
  })

  test('behavior: what was there stays', () => {
    const path = join(folder, 'ends.jsonl')
    for (let run = 0; run < 2; run++) {
      const store = createJsonlStore(path)
      store.recordOutcome(outcome)
      store.close()
    }
    expect(linesOf(path)).toHaveLength(2)
  })

  test('error: a path that is a folder', () => {
    expect(() => createJsonlStore(folder)).toThrow(KeeperError)
  })
})
