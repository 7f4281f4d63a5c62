// Everything that a keeper folds (Morpho, Aave, Uniswap), through a crash: who went on from a checkpoint made before it, who never stopped
// and who read it all afterwards hold the same and see the same.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createChain } from '../../src/chain/chain'
import { composeReading, type Reading, startReading } from '../../src/compose'
import type { Address } from '../../src/core/primitives'
import { createSlotClock } from '../../src/core/slot-clock'
import { pricesAt } from '../../src/lab/prices/rounds'
import { labConfig } from '../../src/lab/stage'
import { aaveWorld, smallWorld } from '../../src/lab/world/demo-world'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { Chain } from '../../src/ports'
import { createCheckpoints } from '../../src/store/checkpoints'
import { openStateFile, type StateFile } from '../../src/store/state-file'
import type { PoolState } from '../../src/venues/uniswap-v3/pool'
import { createQuiet, type Quiet } from '../fakes/quiet'
import { type Lab, openLab, type Run } from './lab'

const CRASH_BARS = [190, 200, 230]
const folder = mkdtempSync(join(tmpdir(), 'bulwark-crash-'))
const chains: Chain[] = []
let lab: Lab
let keeper: Run
let file: StateFile

interface Reader {
  readonly reading: Reading
  readonly quiet: Quiet
}

/** What reads, with a chain of its own, up to the head. */
const read = async (isRemembering: boolean): Promise<Reader> => {
  const quiet = createQuiet()
  const { log, meter } = quiet
  const config = labConfig(lab.world, lab.anvil, lab.builder, lab.executor, { rpc: [lab.anvil.httpUrl] })
  const chain = await createChain({ id: config.id, rpcUrls: config.rpc, log, meter, requestsPerSecond: 100_000 })
  chains.push(chain)
  const saved = isRemembering ? { checkpoints: createCheckpoints(file, config.id, 4n) } : {}
  const reading = composeReading(config, { chain, log, meter, ...saved })
  await startReading(reading, new AbortController().signal)
  return { reading, quiet }
}

/** How far around its price a pool is known depends on when it was read. */
const withoutWindow = ({ table, ...rest }: PoolState) => ({ ...rest, ticks: table.entries })

const plain = (part: string | Uint8Array): string => (typeof part === 'string' ? part : Buffer.from(part).toString('hex'))

const held = async ({ books, venues }: Reading) => {
  const head = await chains[0]!.blockByTag('latest')
  const clock = createSlotClock(12n)
  clock.observe(head)
  const target = clock.targetAfter(head)
  const statesOf = (venue: Reading['venues'][number]) =>
    (venue as unknown as { stateOf(pool: Address): PoolState | null }).stateOf
  return {
    saved: books.map(book => [...book.save()].map(([name, part]) => [name, plain(part)])),
    opportunities: books.map(book =>
      book
        .opportunities(target)
        .map(({ position, closes }) => [position.account, closes.map(({ minPay, maxPay }) => [minPay, maxPay])] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    sizes: books.map(book => book.size()),
    pools: venues.map(venue =>
      venue
        .pools()
        .map(({ address }) => ({ address, state: withoutWindow(statesOf(venue)(address)!) }))
        .sort((a, b) => (a.address < b.address ? -1 : 1)),
    ),
  }
}

beforeAll(async () => {
  const spec = { ...smallWorld(4), aave: [...(aaveWorld(16).aave ?? []), ...(aaveWorld(10, 'v3.0').aave ?? [])] }
  lab = await openLab(spec, 7)
  file = openStateFile(join(folder, 'state.sqlite'), { log: createQuiet().log })
}, 60_000)

afterAll(async () => {
  for (const chain of chains) await chain.close()
  await keeper?.close()
  file?.close()
  await lab?.close()
  rmSync(folder, { recursive: true })
})

describe('a restart after a crash', () => {
  it('default: the same state, the same verdicts', async () => {
    const before = await read(true)
    await before.reading.watcher.save('now')
    const opened = await held(before.reading)
    keeper = await lab.follow()
    for (const bar of CRASH_BARS) {
      const prices = pricesAt(lab.world.spec.prices, bar)
      const feeds = lab.world.feeds.map(({ id }) => id)
      await keeper.play({ topOfBlock: [...postTransactions(lab.world, prices, feeds), arbitrageTransaction(lab.world, prices)] })
      await keeper.play()
      await keeper.play()
    }
    expect(new Set(keeper.closed().map(({ position }) => position.strategy))).toEqual(new Set(['morpho-blue', 'aave-v3']))
    const [resumed, fresh] = [await read(true), await read(false)]
    expect(resumed.quiet.lines.filter(({ event }) => /^(resumed|checkpoint)/.test(event))).toMatchObject([
      { event: 'resumed', fields: { folders: before.reading.books.map(({ name }) => name).concat('uniswap-v3') } },
    ])
    const [one, other] = [await held(resumed.reading), await held(fresh.reading)]
    expect(one).not.toEqual(opened)
    expect(one).toEqual(other)
    expect(await held(keeper.composed)).toEqual(other)
  }, 60_000)
})
