// A process of trials: FIRST STEP END. Reports each to its parent.
import { runTrial, type TrialEnd } from './trial'

export interface Report extends Pick<TrialEnd, 'difference' | 'isBitwise' | 'blocks' | 'deepestFork'> {
  readonly seed: number
  /** Counters of the watcher, and faults that the node played, as `played_…`. */
  readonly counted: readonly (readonly [string, number])[]
}

const reportOf = async (seed: number): Promise<Report> => {
  try {
    const { difference, isBitwise, blocks, deepestFork, counted, faults } = await runTrial(seed)
    const played = [...faults].map(([name, count]) => [`played_${name.replace('-', '_')}`, count] as const)
    return { seed, difference, isBitwise, blocks, deepestFork, counted: [...counted, ...played] }
  } catch (error) {
    const difference = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { seed, difference, isBitwise: false, blocks: 0, deepestFork: 0, counted: [] }
  }
}

const main = async ([first, step, end]: readonly number[]): Promise<void> => {
  for (let seed = first!; seed < end!; seed += step!) {
    const report = await reportOf(seed)
    await new Promise(resolve => process.send!(report, resolve))
  }
  process.disconnect()
}

main(process.argv.slice(2).map(Number)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(70)
})
