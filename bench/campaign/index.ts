// `npm run campaign -- NAME --trials N --seed S`: runs one campaign and prints its line on stdout; everything else goes to stderr.
import { SingleBar } from 'cli-progress'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { KeeperError } from '../../src/core/errors'
import { EXIT, exitCodeOf } from '../../src/ops/exit-code'
import type { Campaign } from './campaign'
import { reorgCampaign } from './reorg'

const CAMPAIGNS: readonly Campaign[] = [reorgCampaign]

const wholeNumber = (text: string): number => {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('It must be a whole number above zero.')
  return Number(text)
}

const campaignOf = (name: string | undefined): Campaign => {
  const found = CAMPAIGNS.find(campaign => campaign.name === name)
  if (found !== undefined) return found
  const known = CAMPAIGNS.map(campaign => campaign.name).join(', ')
  const what = name === undefined ? 'name a campaign' : `no campaign ${name}`
  throw new KeeperError('bad-config', `${what}: there are ${known} (--list describes them)`, { retryable: false })
}

interface Options {
  readonly list?: boolean
  readonly trials: number
  readonly seed: number
}

const say = (message: string): void => void process.stderr.write(`${message}\n`)

/** A bar where somebody watches, else a line now and then. */
const createProgress = (name: string, trials: number): { readonly update: (done: number) => void; readonly stop: () => void } => {
  if (!process.stderr.isTTY) {
    let told = 0
    const update = (done: number): void => {
      if (done - told < trials / 10) return
      told = done
      say(`${name}: ${done} of ${trials}`)
    }
    return { update, stop: () => undefined }
  }
  const bar = new SingleBar({
    format: `${name} {bar} {percentage} % of {total}, {eta} s left`,
    hideCursor: true,
    clearOnComplete: true,
  })
  bar.start(trials, 0)
  return { update: done => bar.update(done), stop: () => bar.stop() }
}

const main = async (args: readonly string[]): Promise<number> => {
  const program = new Command('campaign')
    .argument('[name]', 'which campaign')
    .option('--list', 'name them all')
    .option('--trials <n>', 'how many trials', wholeNumber, 1_000)
    .option('--seed <n>', 'seed of the first trial', wholeNumber, 1)
    .exitOverride()
    .configureOutput({ writeOut: text => void process.stderr.write(text) })
    .parse([...args], { from: 'user' })
  const { list, trials, seed } = program.opts<Options>()
  if (list === true) {
    process.stdout.write(CAMPAIGNS.map(({ name, describe }) => `${name}\t${describe}\n`).join(''))
    return EXIT.done
  }
  const campaign = campaignOf(program.args[0])
  const progress = createProgress(campaign.name, trials)
  const { line, isPassed } = await campaign.run({ trials, seed, progress: progress.update, say }).finally(progress.stop)
  process.stdout.write(`${JSON.stringify(line)}\n`)
  return isPassed ? EXIT.done : EXIT.bug
}

const codeOf = (error: unknown): number => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.config
  say(`campaign: ${error instanceof Error ? (error instanceof KeeperError ? error.message : error.stack) : String(error)}`)
  return exitCodeOf(error)
}

main(process.argv.slice(2)).then(
  code => process.exit(code),
  (error: unknown) => process.exit(codeOf(error)),
)
