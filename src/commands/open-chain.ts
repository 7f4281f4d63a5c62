// One chain's port, made from its part of the configuration. Opens connections; whoever calls closes them.
import { createChain } from '../chain/chain'
import type { ChainConfig } from '../config/config'
import type { Chain, LogSink, Meter } from '../ports'

/** Connects and checks the chain id. Rejects as createChain does. */
export const openChain = (config: ChainConfig, log: LogSink, meter: Meter): Promise<Chain> =>
  createChain({
    id: config.id,
    rpcUrls: config.rpc,
    log,
    meter,
    requestsPerSecond: config.limits.requestsPerSecond,
    firstLogSpan: BigInt(config.limits.backfillRange),
  })
