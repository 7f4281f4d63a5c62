#!/usr/bin/env node
// The command line: parses, calls one command, turns its end into an exit code. Commands load when they are called, so that --help is quick.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { DemoOptions, DeployOptions, DryRunOptions, RunOptions, ScanOptions, WhatIfOptions } from './commands/options'
import { type Change, parseChange, parseFalls } from './commands/scenario'
import { KeeperError } from './core/errors'
import { EXIT, exitCodeOf } from './ops/exit-code'
import { createTerminal, type Io } from './ops/terminal'

const versionOf = (folder: string): string => {
  const file = join(folder, 'package.json')
  if (!existsSync(file)) return versionOf(dirname(folder))
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}

const wholeNumber = (text: string): number => {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

const blockNumber = (text: string): bigint => {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('It must be a block number.')
  return BigInt(text)
}

const endpoint = (text: string): string => {
  if (!/^(wss?|https?):\/\/\S+$/i.test(text))
    throw new InvalidArgumentError('It must be a ws://, wss://, http:// or https:// URL.')
  return text
}

const change = (text: string, before: readonly Change[] = []): readonly Change[] => {
  const parsed = parseChange(text)
  if (parsed === null) throw new InvalidArgumentError('It must look like WETH=-10% or 0x...=+5%, and leave something.')
  return [...before, parsed]
}

const falls = (text: string): readonly bigint[] => {
  const parsed = parseFalls(text)
  if (parsed === null) throw new InvalidArgumentError('It must list falls in per cent, each below 100: 1,2.5,10.')
  return parsed
}

type Finish = (code: number) => void

const configOption = (): Option =>
  new Option('-c, --config <file>', 'configuration file (default: bulwark.config.ts or .json here)')
const jsonOption = (): Option => new Option('--json', 'one JSON object a line on stdout, logs as JSON on stderr')

const command = (program: Command, name: string, description: string, examples: readonly string[]): Command =>
  program
    .command(name)
    .description(description)
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', `\nExamples:\n${examples.map(example => `  $ bulwark ${example}`).join('\n')}`)

const addKeeping = (program: Command, io: Io, finish: Finish): void => {
  command(program, 'demo', 'play a real crash on a local chain and watch the keeper close positions; needs nothing', [
    'demo',
    'demo --json > outcomes.jsonl',
    'demo --page crash.html --seed 7',
  ])
    .option('--page <file>', 'where to write the HTML page', 'bulwark-demo.html')
    .option('--seed <n>', 'seed of the world', wholeNumber, 1)
    .action(async (options: DemoOptions) => finish(await (await import('./commands/demo')).demo(options, io)))
  command(
    program,
    'run',
    'the daemon: watch the configured chains and close positions; needs a configuration and keys in the environment',
    ['run', 'run --config mainnet.json', 'run --json 2> keeper.log'],
  ).action(async (options: RunOptions) => finish(await (await import('./commands/run')).run(options, io)))
  command(program, 'dry-run', 'the same keeper on a fork of a chain: bundles land on the fork only; needs no key', [
    'dry-run --fork-url wss://node.example/key --config mainnet.json',
    'dry-run --fork-url http://127.0.0.1:8545 --block 19163600 --json',
  ])
    .requiredOption('--fork-url <url>', 'RPC endpoint to fork from', endpoint)
    .option('--block <number>', 'fork at this block, make one pass and end; without it, follow the head', blockNumber)
    .action(async (options: DryRunOptions) => finish(await (await import('./commands/dry-run')).dryRun(options, io)))
}

const addReading = (program: Command, io: Io, finish: Finish): void => {
  command(program, 'scan', 'list positions by distance to liquidation; needs no key', [
    'scan',
    'scan --config mainnet.json --limit 10',
    'scan --json | jq -r .account',
    'scan --if WETH=-10% --if WBTC=-12.5%',
  ])
    .option('--chain <id>', 'this chain only', wholeNumber)
    .option('--limit <rows>', 'most rows per chain', wholeNumber, 30)
    .option('--if <token=change>', 'list what would be liquidatable at another price of a token; repeatable', change)
    .action(async (options: ScanOptions) => finish(await (await import('./commands/scan')).scan(options, io)))
  command(program, 'what-if', 'list the debt that becomes liquidatable if a token falls, by market; needs no key', [
    'what-if --token WETH',
    'what-if --token 0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2 --falls 1,2,5,10,20,30',
    'what-if --token WETH --falls 10 --json | jq -r .debtAssets[0]',
  ])
    .requiredOption('--token <token>', 'the token that falls: its address, or its symbol if only one has it')
    .option('--chain <id>', 'this chain only', wholeNumber)
    .addOption(
      new Option('--falls <percents>', 'by how much it falls, in per cent')
        .argParser(falls)
        .default([100n, 200n, 500n, 1_000n, 2_000n, 3_000n], '1,2,5,10,20,30'),
    )
    .action(async (options: WhatIfOptions) => finish(await (await import('./commands/what-if')).whatIf(options, io)))
  command(program, 'deploy', 'deploy the executor contract to its deterministic address; does nothing where it stands already', [
    'deploy --owner 0x00000000000000000000000000000000000000aa',
    'deploy --config mainnet.json --chain 1',
  ])
    .option('--owner <address>', "owner of the contract (default: the configuration's)")
    .option('--chain <id>', 'this chain only', wholeNumber)
    .action(async (options: DeployOptions) => finish(await (await import('./commands/deploy')).deploy(options, io)))
}

const EXIT_CODES_HELP = `
Exit codes: 0 done, 78 bad configuration (do not restart), 75 the world failed (restart), 70 a bug, 130 interrupted.
Start with: bulwark demo`

/** The parser with every command; `finish` gets the exit code of the command that ran. */
export const createProgram = (io: Io, finish: Finish): Command => {
  const program = new Command('bulwark')
    .description(
      'Liquidation keeper: closes under-water positions of isolated lending markets, at a profit, before they become bad debt.',
    )
    .version(versionOf(__dirname))
    .addHelpText('after', EXIT_CODES_HELP)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHasColors: () => io.isOutTerminal && io.hasColour })
  addKeeping(program, io, finish)
  addReading(program, io, finish)
  for (const each of program.commands) each.exitOverride()
  return program
}

const explained = (error: unknown, isJson: boolean): string => {
  const code = error instanceof KeeperError ? error.code : 'bug'
  const message = error instanceof Error ? error.message : String(error)
  // What a person must mend needs no stack; a bug is found by nothing else.
  const stack = error instanceof Error && !(error instanceof KeeperError) ? { stack: error.stack } : {}
  if (isJson) return `${JSON.stringify({ level: 'error', event: 'failed', code, message, ...stack })}\n`
  if (error instanceof KeeperError) return `bulwark: ${message}\n`
  return `bulwark: this is a bug of ours, please report it:\n${error instanceof Error ? (error.stack ?? message) : message}\n`
}

/** Parses `args` (without node and script), runs one command and gives its exit code. Never rejects. */
export const runCli = async (args: readonly string[], io: Io): Promise<number> => {
  let code: number = EXIT.done
  try {
    await createProgram(io, done => {
      code = done
    }).parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.config
    io.err(explained(error, args.includes('--json')))
    return exitCodeOf(error)
  }
}

if (require.main === module) void createTerminal(process).finish(io => runCli(process.argv.slice(2), io))
