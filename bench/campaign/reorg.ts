// `reorg`: random histories with forks, gaps and a lying node through the real watcher and books; each must end equal to a fresh fold. Trials
// are spread over processes, since they are nothing but computing.
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { compared } from '../bench'
import { compile, compiledFile } from '../built'
import type { Campaign, CampaignEnd, CampaignOptions } from './campaign'
import type { Report } from './reorg/process'

const MOST_PROCESSES = 8
/** So many failures are told in full. */
const TOLD = 5

interface Sums {
  done: number
  failed: number
  bitwise: number
  blocks: number
  deepest: number
  readonly counted: Map<string, number>
}

const add = (sums: Sums, report: Report): void => {
  sums.done += 1
  sums.failed += report.difference === null ? 0 : 1
  sums.bitwise += report.isBitwise ? 1 : 0
  sums.blocks += report.blocks
  sums.deepest = Math.max(sums.deepest, report.deepestFork)
  for (const [name, count] of report.counted) sums.counted.set(name, (sums.counted.get(name) ?? 0) + count)
}

/** Trials first, first + step, ... below `end`, in a process of their own. */
const runProcess = (first: number, step: number, end: number, onReport: (report: Report) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const args = [first, step, end].map(String)
    const child = fork(compiledFile('campaign', 'reorg', 'process.js'), args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
    })
    child.on('message', message => onReport(message as Report))
    child.on('error', reject)
    child.on('close', code => (code === 0 ? resolve() : reject(new Error(`a process of trials ended with ${code}`))))
  })

const run = async ({ trials, seed, progress, say }: CampaignOptions): Promise<CampaignEnd> => {
  const sums: Sums = { done: 0, failed: 0, bitwise: 0, blocks: 0, deepest: 0, counted: new Map() }
  const processes = Math.min(MOST_PROCESSES, availableParallelism(), trials)
  const onReport = (report: Report): void => {
    add(sums, report)
    if (report.difference !== null && sums.failed <= TOLD) say(`trial of seed ${report.seed} failed: ${report.difference}`)
    progress(sums.done)
  }
  say('compiling')
  await compile()
  const start = performance.now()
  await Promise.all(Array.from({ length: processes }, (_, at) => runProcess(seed + at, processes, seed + trials, onReport)))
  const count = (name: string): number => sums.counted.get(name) ?? 0
  const results = [
    compared('trials', sums.done, 'trials', trials),
    compared('unequal', sums.failed, 'trials', null),
    compared('bit_for_bit', sums.bitwise, 'trials', null),
    compared('blocks', sums.blocks, 'blocks', null),
    compared('deepest_fork', sums.deepest, 'blocks', null),
    compared('reorgs', count('reorgs'), 'reorgs', null),
    ...[...sums.counted]
      .filter(([name]) => name !== 'reorgs')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => compared(name, value, 'times', null)),
    compared('ms_per_trial', (performance.now() - start) / trials, 'ms', null),
  ]
  return { line: { bench: 'reorg', results }, isPassed: sums.failed === 0 && sums.done === trials }
}

export const reorgCampaign: Campaign = {
  name: 'reorg',
  describe:
    'random histories with forks 1 to 64 deep, gaps and a lying node: books and venues must equal a fresh fold, bit for bit',
  run,
}
