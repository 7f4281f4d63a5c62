// One chain's port, made from its part of the configuration. Opens connections; whoever calls closes them.
import { createChain } from '../chain/chain'
import type { ChainConfig, Limits } from '../config/config'
import type { ReadCall } from '../core/folder'
import type { Chain, LogSink, Meter } from '../ports'

/** Calls that name no bounds of their own get the configuration's. */
export const withBounds = (chain: Chain, { readGasCap, readMaxBytes }: Limits): Chain => {
  const bounded = (call: ReadCall): ReadCall => ({ gasCap: readGasCap, maxReturnBytes: readMaxBytes, ...call })
  return { ...chain, read: (calls, blockHash) => chain.read(calls.map(bounded), blockHash) }
}

/** Connects and checks the chain id. Rejects as createChain does. */
export const openChain = async (config: ChainConfig, log: LogSink, meter: Meter): Promise<Chain> => {
  const { limits } = config
  const chain = await createChain({
    id: config.id,
    rpcUrls: config.rpc,
    log,
    meter,
    requestsPerSecond: limits.requestsPerSecond,
    firstLogSpan: BigInt(limits.backfillRange),
  })
  return withBounds(chain, limits)
}
