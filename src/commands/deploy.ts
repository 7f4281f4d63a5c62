// `bulwark deploy`: the executor contract at its deterministic address on the configured chains. Doing it again costs nothing.
import { privateKeyToAccount } from 'viem/accounts'
import { createTransport, type Transport } from '../chain/transport'
import type { ChainConfig } from '../config/config'
import type { Environment } from '../config/environment'
import { wrongChecksum } from '../config/hex'
import type { Secret } from '../config/secret'
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'
import { EXIT } from '../ops/exit-code'
import { createMetricsBook } from '../ops/meter'
import type { Io } from '../ops/terminal'
import type { LogSink } from '../ports'
import { type SetupReport, setUpExecutor } from './executor-setup'
import { chosenChains, openFrame } from './frame'
import { type Command, type DeployOptions, jsonLine } from './options'
import { createSender } from './sender'

const REQUEST_TIMEOUT_MS = 10_000

const badConfig = (message: string): KeeperError => new KeeperError('bad-config', message, { retryable: false })

const ownerOf = (options: DeployOptions, config: ChainConfig): Address => {
  if (options.owner === undefined) {
    if (config.owner !== null) return config.owner
    throw badConfig(`chain ${config.id} names no "owner": give --owner, or name it in the configuration.`)
  }
  const right = wrongChecksum(options.owner)
  if (!/^0x[0-9a-fA-F]{40}$/.test(options.owner))
    throw badConfig(`--owner ${options.owner}: must be an address, 0x and 40 hex digits.`)
  if (right !== null)
    throw badConfig(`--owner ${options.owner}: the checksum is wrong. If the digits are right, write it in lower case.`)
  const owner = options.owner.toLowerCase() as Address
  if (config.owner !== null && config.owner !== owner)
    throw badConfig(
      `--owner ${owner} is not the owner in the configuration (${config.owner}): the keeper would look for another contract.`,
    )
  return owner
}

const keyOf = (environment: Environment): Secret => {
  const key = environment.deployerKey ?? environment.operatorKeys[0]
  if (key !== undefined) return key
  throw badConfig('No key to pay with: set BULWARK_DEPLOYER_KEY in .env or in the environment (see .env.example).')
}

const openTransport = (config: ChainConfig, log: LogSink): Transport =>
  createTransport({
    chainId: config.id,
    urls: config.rpc,
    timeoutMs: REQUEST_TIMEOUT_MS,
    requestsPerSecond: config.limits.requestsPerSecond,
    rounds: 3,
    backoff: { minMs: 250, maxMs: 4_000 },
    log,
    meter: createMetricsBook({ hasProcessMetrics: false }).meter,
    random: Math.random,
    nowMs: () => performance.now(),
  })

const deployOn = async (
  config: ChainConfig,
  options: DeployOptions,
  environment: Environment,
  log: LogSink,
): Promise<SetupReport> => {
  const transport = openTransport(config, log)
  try {
    const operators = environment.operatorKeys.map(
      key => privateKeyToAccount(key.reveal() as Hex).address.toLowerCase() as Address,
    )
    const sender = createSender(transport, config.id, keyOf(environment))
    return await setUpExecutor(transport, sender, {
      chainId: config.id,
      owner: ownerOf(options, config),
      operators,
      recipient: config.recipient,
    })
  } finally {
    transport.close()
  }
}

const nextStep = (report: SetupReport, operators: number): string => {
  if (report.pending.length > 0) return 'Next: the owner makes the calls above (any wallet; data as given), then `bulwark run`.'
  return operators === 0
    ? 'Next: set BULWARK_OPERATOR_KEYS and deploy again to allow them, then `bulwark run`.'
    : 'Next: give the operators gas money, then `bulwark run`.'
}

const show = (config: ChainConfig, report: SetupReport, operators: number, io: Io): void => {
  io.out(`chain ${config.id}: executor ${report.address} ${report.status === 'deployed' ? 'deployed' : 'stands already'}\n`)
  for (const { what, hash, gasUsed, costWei } of report.transactions)
    io.out(`  ${what}: ${gasUsed} gas, ${costWei} wei, ${hash}\n`)
  for (const { what, to, data } of report.pending) io.out(`  to do by the owner: ${what}: to ${to} data ${data}\n`)
  if (config.executor !== null && config.executor !== report.address)
    io.err(`  the configuration names another executor, ${config.executor}: remove "executor" to use this one\n`)
  io.out(`  ${nextStep(report, operators)}\n`)
}

/** Deploys on each chosen chain in turn; stops at the first that fails. */
export const deploy: Command<DeployOptions> = async (options, io) => {
  const { config, environment, log } = await openFrame(options, io, 'warn')
  for (const chain of chosenChains(config, options.chain)) {
    const report = await deployOn(chain, options, environment, log)
    if (options.json === true) io.out(jsonLine({ chain: chain.id, ...report }))
    else show(chain, report, environment.operatorKeys.length, io)
  }
  return EXIT.done
}
