// What `bulwark run` needs before its first block: an executor contract, keys that it knows, money for gas. Reads only.
import type { ChainConfig } from '../config/config'
import type { Secret } from '../config/secret'
import { KeeperError } from '../core/errors'
import type { Address, Hex } from '../core/primitives'
import { liquidatorAddress } from '../executor/deployment'
import { createLocalSigner } from '../executor/signer'
import type { Chain, LogSink, Signer } from '../ports'

export const badConfig = (message: string): KeeperError => new KeeperError('bad-config', message, { retryable: false })

/** The executor that the config names, or the one that `bulwark deploy` would have made for its owner. */
export const executorOf = (config: ChainConfig): Address => {
  if (config.executor !== null) return config.executor
  if (config.owner !== null) return liquidatorAddress(config.owner)
  throw badConfig(
    `chains[${config.id}]: name \`executor\`, or \`owner\` so that its address is known; \`bulwark deploy\` deploys it`,
  )
}

/** Throws bad-config where there is no key. */
export const signersOf = (keys: readonly Secret[]): readonly Signer[] => {
  if (keys.length === 0)
    throw badConfig(
      'no key: set BULWARK_OPERATOR_KEYS in the environment or in .env (a key that the executor knows as operator, with gas money)',
    )
  return keys.map(key => createLocalSigner(key.reveal() as Hex))
}

const IS_OPERATOR_SELECTOR = '0x6d70f7ae'

/** Contract deployed, keys allowed and funded: else nothing that is sent could ever land. Rejects with no-code, bad-config, no-funds. */
export const checkReadiness = async (
  config: ChainConfig,
  chain: Chain,
  contract: Address,
  signers: readonly Signer[],
  log: LogSink,
): Promise<void> => {
  if ((await chain.code(contract)) === '0x')
    throw new KeeperError('no-code', `executor ${contract} has no code on chain ${config.id}: run \`bulwark deploy\``, {
      retryable: false,
    })
  const head = await chain.blockByTag('latest')
  const calls = signers.map(({ address }) => ({
    to: contract,
    data: `${IS_OPERATOR_SELECTOR}${address.slice(2).padStart(64, '0')}` as Hex,
  }))
  const allowed = await chain.read(calls, head.hash)
  const balances = await Promise.all(signers.map(({ address }) => chain.balance(address)))
  signers.forEach(({ address }, i) => {
    const answer = allowed[i]
    if (answer?.kind !== 'ok' || BigInt(answer.data) !== 1n)
      throw badConfig(
        `${address} is no operator of executor ${contract} on chain ${config.id}: its owner must call setOperator(${address}, true)`,
      )
    if ((balances[i] ?? 0n) < config.lowBalanceWei)
      log.log('warn', 'low-balance', {
        account: address,
        balanceWei: (balances[i] ?? 0n).toString(),
        alarmBelowWei: config.lowBalanceWei.toString(),
      })
  })
  if (balances.every(balance => balance === 0n))
    throw new KeeperError(
      'no-funds',
      `no operator key has money for gas on chain ${config.id}: fund ${signers.map(signer => signer.address).join(', ')}`,
      { retryable: false },
    )
}
