// `restart`: a million positions folded by one process and saved; others go on from there. Each life is a process of its own, compiled as
// the product is, on a made-up chain that answers at once: what is measured is ours alone.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Bench, type BenchLine, type BenchOptions, type BenchResult, compared, percentile } from './bench'
import { compile, compiledFile } from './built'
import type { LifeLine } from './restart/life'
import { SIZE } from './restart/world'

const RESTARTS = 5

const live = async (seed: number, directory: string): Promise<LifeLine> => {
  const { stdout } = await promisify(execFile)(process.execPath, [compiledFile('restart', 'life.js'), seed.toString(), directory])
  return JSON.parse(stdout) as LifeLine
}

const check = (fresh: LifeLine, lives: readonly LifeLine[]): void => {
  if (fresh.resumed || fresh.positions < SIZE.positions) throw new Error(`the first life had ${fresh.positions} positions`)
  for (const each of lives) {
    if (!each.resumed || each.digest !== fresh.digest)
      throw new Error(`a restart holds something else than the process that never stopped: ${JSON.stringify([fresh, each])}`)
  }
}

const run = async ({ seed, progress }: BenchOptions): Promise<BenchLine> => {
  progress('compiling')
  await compile()
  const directory = await mkdtemp(join(tmpdir(), 'bulwark-restart-'))
  try {
    progress(`a fresh fold of ${SIZE.positions} positions in ${SIZE.markets} markets`)
    const fresh = await live(seed, directory)
    progress(
      `first verdict after ${fresh.firstVerdictS.toFixed(2)} s, saved in ${fresh.saveMs.toFixed(0)} ms; ${RESTARTS} restarts`,
    )
    const lives: LifeLine[] = []
    for (let n = 0; n < RESTARTS; n++) lives.push(await live(seed, directory))
    check(fresh, lives)
    progress(`${fresh.underWater} under water, the same in every life; state and verdicts equal bit for bit`)
    /** The median restart beside the first life. */
    const against = (what: string, unit: string, pick: (line: LifeLine) => number): BenchResult =>
      compared(what, percentile(lives.map(pick), 0.5), unit, pick(fresh))
    return {
      bench: 'restart',
      results: [
        against('first_verdict_s', 's', each => each.firstVerdictS),
        against('first_verdict_cpu_s', 's', each => each.cpuS),
        against('rss_mb', 'MB', each => each.rssMb),
        against('peak_rss_mb', 'MB', each => each.peakRssMb),
        against('requests', 'requests', each => each.requests),
        compared('save_ms', fresh.saveMs, 'ms', null),
        compared('save_copy_ms', fresh.copyMs, 'ms', null),
        compared('save_longest_block_ms', fresh.longestBlockMs, 'ms', null),
        compared('state_file_mb', fresh.fileMb, 'MB', null),
      ],
    }
  } finally {
    await rm(directory, { recursive: true })
  }
}

export const restartBench: Bench = {
  name: 'restart',
  describe:
    'a million positions saved and taken up again: seconds from the start of the process to the first verdict, memory, saving',
  run,
}
