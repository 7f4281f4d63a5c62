// `npm run bench -- NAME`: runs one benchmark and prints its line on stdout; everything else goes to stderr.
import { writeFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { KeeperError } from '../src/core/errors'
import { EXIT, exitCodeOf } from '../src/ops/exit-code'
import { basketBench } from './basket'
import type { Bench } from './bench'
import { built } from './built'
import { foldBench } from './fold'
import { gasBench } from './gas'
import { growthBench } from './growth'
import { latencyBench } from './latency'
import { pairIndexBench } from './pair-index'
import { restartBench } from './restart'
import { verdictsBench } from './verdicts'

const BENCHES: readonly Bench[] = [
  gasBench,
  latencyBench,
  verdictsBench,
  built(pairIndexBench),
  built(basketBench),
  built(foldBench),
  restartBench,
  built(growthBench),
]

const listed = (): string => BENCHES.map(({ name, describe }) => `${name}\t${describe}\n`).join('')

const wholeNumber = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

const benchOf = (name: string | undefined): Bench => {
  const found = BENCHES.find(bench => bench.name === name)
  if (found !== undefined) return found
  const known = BENCHES.map(bench => bench.name).join(', ')
  const what = name === undefined ? 'name a benchmark' : `no benchmark ${name}`
  throw new KeeperError('bad-config', `${what}: there are ${known} (--list describes them)`, { retryable: false })
}

interface Options {
  readonly list?: boolean
  readonly seed: number
  readonly profile?: string
  readonly svg?: string
}

const main = async (args: readonly string[]): Promise<number> => {
  const program = new Command('bench')
    .argument('[name]', 'which benchmark')
    .option('--list', 'name them all')
    .option('--seed <n>', 'seed of the world', wholeNumber, 1)
    .option('--profile <dir>', 'write CPU profiles of the measured process here')
    .option('--svg <file>', 'draw what was measured into this file, where the benchmark can')
    .exitOverride()
    .configureOutput({ writeOut: text => void process.stderr.write(text) })
    .parse([...args], { from: 'user' })
  const options = program.opts<Options>()
  if (options.list === true) {
    process.stdout.write(listed())
    return EXIT.done
  }
  const bench = benchOf(program.args[0])
  if (options.svg !== undefined && bench.plot === undefined)
    throw new KeeperError('bad-config', `--svg: ${bench.name} draws nothing`, { retryable: false })
  const line = await bench.run({
    seed: options.seed,
    progress: message => void process.stderr.write(`${message}\n`),
    profileDir: options.profile ?? null,
  })
  process.stdout.write(`${JSON.stringify(line)}\n`)
  if (options.svg !== undefined && bench.plot !== undefined) writeFileSync(options.svg, bench.plot(line))
  return EXIT.done
}

const codeOf = (error: unknown): number => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.config
  process.stderr.write(
    `bench: ${error instanceof Error ? (error instanceof KeeperError ? error.message : error.stack) : String(error)}\n`,
  )
  return exitCodeOf(error)
}

main(process.argv.slice(2)).then(
  code => process.exit(code),
  (error: unknown) => process.exit(codeOf(error)),
)
