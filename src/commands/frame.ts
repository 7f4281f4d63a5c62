// What commands with a configuration begin with: environment, config, log, each secret known to the scrubber before anything is printed.
import { strategies } from '../../strategies'
import type { ChainConfig, Config } from '../config/config'
import { type Environment, readEnvironment } from '../config/environment'
import { loadConfig, secretsOf } from '../config/load'
import { KeeperError } from '../core/errors'
import { createLog } from '../ops/log'
import type { Io } from '../ops/terminal'
import type { LogLevel, LogSink } from '../ports'
import { venues } from '../venues/registry'
import type { CommonOptions } from './options'

export interface Frame {
  readonly environment: Environment
  readonly config: Config
  readonly file: string
  readonly log: LogSink
}

/** A log for this terminal: coloured lines for people, JSON where asked for or where nobody looks. */
export const openLog = (options: CommonOptions, io: Io, level: LogLevel): LogSink =>
  createLog({ level, write: io.err, isPretty: io.isErrTerminal && options.json !== true, hasColour: io.hasColour })

/** Reads environment and configuration. `level`: instead of the configuration's. Rejects with bad-config. */
export const openFrame = async (options: CommonOptions, io: Io, level?: LogLevel): Promise<Frame> => {
  const environment = readEnvironment(io.directory)
  for (const secret of secretsOf(null, environment)) io.scrubber.add(secret)
  const { config, file } = await loadConfig({
    file: options.config,
    directory: io.directory,
    registry: { strategies, venues },
    environment,
  })
  for (const secret of secretsOf(config, environment)) io.scrubber.add(secret)
  return { environment, config, file, log: openLog(options, io, level ?? config.log.level) }
}

/** The chain that --chain names, or all of them. Throws bad-config where the configuration has no such chain. */
export const chosenChains = (config: Config, id: number | undefined): readonly ChainConfig[] => {
  if (id === undefined) return config.chains
  const chosen = config.chains.filter(chain => chain.id === id)
  if (chosen.length > 0) return chosen
  const known = config.chains.map(chain => chain.id).join(', ')
  throw new KeeperError('bad-config', `--chain ${id}: the configuration has no such chain (it has ${known}).`, {
    retryable: false,
  })
}
