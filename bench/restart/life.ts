// One life of a keeper's reading part, as a process: SEED DIRECTORY. Finds a saved state there or folds all history, finds who is under
// water, saves, and says on stdout how long all of it took since the process began.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { composeReading, type Reading, startReading } from '../../src/compose'
import { parseConfig } from '../../src/config/parse'
import type { Opportunity } from '../../src/core/opportunity'
import type { Block } from '../../src/core/primitives'
import { createSlotClock } from '../../src/core/slot-clock'
import type { LogSink, Meter } from '../../src/ports'
import { createCheckpoints } from '../../src/store/checkpoints'
import { openStateFile } from '../../src/store/state-file'
import { venues } from '../../src/venues/registry'
import { strategies } from '../../strategies'
import { MORPHO } from '../../test/strategies/morpho-blue/history'
import { createPretendChain } from './world'

/** Blocks that came while the keeper was down, and the one before. */
const MISSED = 21n

export interface LifeLine {
  readonly resumed: boolean
  readonly firstVerdictS: number
  /** What all threads of the process had of the processors until then. */
  readonly cpuS: number
  readonly rssMb: number
  readonly peakRssMb: number
  readonly requests: number
  readonly positions: number
  readonly underWater: number
  /** Of the state and the verdicts at the head: the same in both lives. */
  readonly digest: string
  readonly saveMs: number
  readonly copyMs: number
  /** Longest that nobody else had a turn while it was written, the copy left out. */
  readonly longestBlockMs: number
  readonly fileMb: number
}

const megabytes = (bytes: number): number => bytes / 2 ** 20

const configOf = () =>
  parseConfig(
    {
      chains: [
        {
          id: 1,
          rpc: ['http://127.0.0.1:9'],
          wrappedNative: `0x${'e'.repeat(40)}`,
          strategies: { 'morpho-blue': { address: MORPHO } },
          slotSec: 12,
        },
      ],
    },
    'bench',
    { strategies, venues },
  ).chains[0]!

const verdictsAt = ({ books }: Reading, head: Block): readonly Opportunity[] => {
  const clock = createSlotClock(12n)
  clock.observe(head)
  const target = clock.targetAfter(head)
  return books.flatMap(book => book.opportunities(target))
}

const digestOf = ({ books }: Reading, verdicts: readonly Opportunity[]): string => {
  const hash = createHash('sha256')
  for (const { position, closes } of verdicts) {
    hash.update(`${position.market} ${position.account}`)
    for (const { minPay, maxPay } of closes) hash.update(` ${minPay} ${maxPay}`)
  }
  for (const book of books) for (const [name, part] of book.save()) hash.update(name).update(part)
  return hash.digest('hex')
}

/** Longest time between two turns of the event loop until `work` is done. */
const watched = async (work: Promise<unknown>): Promise<number> => {
  let [longest, last, isDone] = [0, performance.now(), false]
  const done = work.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await new Promise(resolve => setImmediate(resolve))
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }
  await done
  return longest
}

const NOT_SAVED = { saveMs: 0, copyMs: 0, longestBlockMs: 0 }

const save = async ({ watcher }: Reading): Promise<typeof NOT_SAVED> => {
  const fromMs = performance.now()
  const saving = watcher.save('now')
  const copyMs = performance.now() - fromMs
  const longestBlockMs = await watched(saving)
  return { saveMs: performance.now() - fromMs, copyMs, longestBlockMs }
}

const sizeOf = (path: string): number =>
  ['', '-wal', '-shm'].reduce((sum, end) => sum + (existsSync(path + end) ? statSync(path + end).size : 0), 0)

const live = async (seed: number, directory: string): Promise<LifeLine> => {
  const [path, totalsPath] = [join(directory, 'state.sqlite'), join(directory, 'totals.json')]
  const resumed = existsSync(totalsPath)
  const warnings: string[] = []
  const log: LogSink = {
    log: (level, event, fields) => void (level === 'warn' && warnings.push(`${event} ${JSON.stringify(fields)}`)),
  }
  const meter: Meter = { count: () => undefined, gauge: () => undefined, observe: () => undefined }
  const chain = createPretendChain(seed, resumed ? readFileSync(totalsPath, 'utf8') : null)
  if (resumed) chain.setHead(chain.firstHead + MISSED)
  const config = configOf()
  const file = openStateFile(path, { log })
  const checkpoints = createCheckpoints(file, 1, config.finalityDepth)
  const reading = composeReading(config, { chain, log, meter, checkpoints })
  const head = await startReading(reading, new AbortController().signal)
  let verdicts = verdictsAt(reading, head)
  const firstVerdictS = performance.now() / 1_000
  const { user, system } = process.cpuUsage()
  const [rss, peak] = [process.memoryUsage.rss(), process.resourceUsage().maxRSS * 1_024]
  const advance = async (number: bigint): Promise<Block> => {
    chain.setHead(number)
    const next = await chain.blockByTag('latest')
    const end = await reading.watcher.advance(next)
    if (end.kind !== 'advanced') throw new Error(end.reason)
    return next
  }
  let saved = NOT_SAVED
  if (!resumed) {
    // Whatever the backfill still writes comes first; what is measured is the saving of a keeper at work.
    await reading.watcher.save('now')
    await advance(chain.firstHead + 1n)
    saved = await save(reading)
    writeFileSync(totalsPath, chain.totals())
    verdicts = verdictsAt(reading, await advance(chain.firstHead + MISSED))
  }
  const positions = reading.books.reduce((sum, book) => sum + book.size(), 0)
  const digest = digestOf(reading, verdicts)
  file.close()
  if (warnings.length > 0) throw new Error(warnings.join('\n'))
  return {
    resumed,
    firstVerdictS,
    cpuS: (user + system) / 1e6,
    rssMb: megabytes(rss),
    peakRssMb: megabytes(peak),
    requests: chain.requestCount(),
    positions,
    underWater: verdicts.length,
    digest,
    ...saved,
    fileMb: megabytes(sizeOf(path)),
  }
}

const [seed = '1', directory = '.'] = process.argv.slice(2)
if (require.main === module)
  live(Number(seed), directory).then(
    line => process.stdout.write(JSON.stringify(line)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
      process.exitCode = 70
    },
  )
