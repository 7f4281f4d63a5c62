// The lab's block builder and relay in one: takes bundles and public transactions, builds each next block from them on request.
// It stands for the outside world: the keeper reaches it only over HTTP.
import type { Address, Hex } from '../../core/primitives'
import type { LogSink } from '../../ports'
import { createLabRpc, type LabRpc } from '../rpc'
import { type AssembleDeps, assembleBlock, type BuildOptions, type BuiltBlock } from './assemble'
import { createBundlePool, type PooledBundle } from './bundle-pool'
import { callBundle } from './call-bundle'
import type { Misbehaviour, MisbehaviourSettings } from './misbehaviour'
import { createPublicPool, type PublicPlace } from './public-pool'
import { type BundleReceived, type RelayServerDeps, startRelayServer } from './relay-server'
import { type BuilderStats, EMPTY_STATS, withBlock } from './stats'
import { type LabTransaction, toPoolTransaction } from './transaction'

export type { BuildOptions, BuiltBlock, BuiltBundle } from './assemble'
export type { BuilderStats } from './stats'

export interface BuilderOptions {
  /** anvil with `--no-mining --order fifo` and at least `--prune-history 16`. */
  readonly rpcUrl: string
  /** Default 0: any free port. */
  readonly port?: number
  readonly log?: LogSink
  /** The fee recipient. Default: one of the builder's own, so that payments are seen apart. */
  readonly coinbase?: Address
  /** Bundles that pay less are left out. Default 1 wei: no real builder includes for nothing. */
  readonly minPaymentWei?: bigint
  /** Default 2^24 (EIP-7825). */
  readonly transactionGasCap?: bigint
  /** Between blocks when no timestamp is given. Default 12. */
  readonly slotSec?: bigint
}

export interface Builder {
  /** Where bundles go. */
  readonly url: string
  readonly coinbase: Address
  /** Hash of a signed transaction; null for an unsigned one. 'tip' (default): after the bundles, best tip first; 'top': before them. */
  submitPublic(transaction: LabTransaction, place?: PublicPlace): Promise<Hex | null>
  /** Builds the next block. Calls are served one after the other. */
  buildBlock(options?: BuildOptions): Promise<BuiltBlock>
  /** Calls back for each bundle that was accepted; returns the way to stop it. */
  onBundle(listener: (received: BundleReceived) => void): () => void
  misbehave(mode: Misbehaviour, settings?: MisbehaviourSettings): void
  stats(): BuilderStats
  close(): Promise<void>
}

const DEFAULT_COINBASE: Address = '0xb1d0000000000000000000000000000000b1dbed'
const EIP7825_GAS_CAP = 1n << 24n

const prepareCoinbase = async (rpc: LabRpc, coinbase: Address): Promise<void> => {
  const balance = await rpc.request<Hex>('eth_getBalance', coinbase, 'latest')
  // An account that exists: paying an empty one would cost the gas of a new account.
  if (BigInt(balance) === 0n) await rpc.request('anvil_setBalance', coinbase, '0x1')
}

const rulesOf = ({ minPaymentWei = 1n, transactionGasCap = EIP7825_GAS_CAP, slotSec = 12n }: BuilderOptions) => ({
  minPaymentWei,
  transactionGasCap,
  slotSec,
})

/** Starts the builder's server and takes over block building of the chain at `rpcUrl`. Throws KeeperError 'lab-failed'. */
export const createBuilder = async (options: BuilderOptions): Promise<Builder> => {
  const rpc = createLabRpc(options.rpcUrl)
  const coinbase = options.coinbase ?? DEFAULT_COINBASE
  await prepareCoinbase(rpc, coinbase)
  const bundles = createBundlePool()
  const publics = createPublicPool()
  const listeners = new Set<(received: BundleReceived) => void>()
  let misbehaviour: { readonly mode: Misbehaviour; readonly settings: MisbehaviourSettings } = { mode: 'ok', settings: {} }
  let stats = EMPTY_STATS
  let queue: Promise<unknown> = Promise.resolve()

  const takeBundle = (bundle: PooledBundle, receivedAtMs: number): void => {
    const { bundleHash, targetBlock, signer, transactions } = bundle
    stats = { ...stats, bundlesReceived: stats.bundlesReceived + 1 }
    if (transactions.length === 0) bundles.cancel(signer, bundle.replacementUuid ?? '')
    else bundles.add(bundle)
    const transactionHashes = transactions.map(transaction => transaction.hash as Hex)
    for (const listener of listeners) listener({ receivedAtMs, targetBlock, bundleHash, transactionHashes, signer })
  }

  const submitPublic = async (transaction: LabTransaction, place: PublicPlace = 'tip'): Promise<Hex | null> => {
    const decoded = await toPoolTransaction(transaction)
    publics.add(decoded, place)
    return decoded.hash
  }

  const serverDeps: RelayServerDeps = {
    onBundle: takeBundle,
    onCancel: bundles.cancel,
    onRawTransaction: raw => submitPublic(raw),
    callBundle: call => callBundle(rpc, call, coinbase),
    onRefusal: () => {
      stats = { ...stats, requestsRefused: stats.requestsRefused + 1 }
    },
    misbehaviour: () => misbehaviour,
  }
  const server = await startRelayServer(serverDeps, options.port ?? 0)

  const deps: AssembleDeps = {
    rpc,
    bundles,
    publics,
    coinbase,
    ...rulesOf(options),
    mode: () => misbehaviour.mode,
  }

  const build = async (request: BuildOptions): Promise<BuiltBlock> => {
    const block = await assembleBlock(deps, request)
    stats = withBlock(stats, block)
    const { number, hash, included, rejected } = block
    options.log?.log('debug', 'block-built', { number: String(number), hash, transactions: included.length, rejected })
    return block
  }

  return {
    url: server.url,
    coinbase,
    submitPublic,
    buildBlock: (request = {}) => {
      const result = queue.then(() => build(request))
      queue = result.catch(() => undefined)
      return result
    },
    onBundle: listener => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    misbehave: (mode, settings = {}) => {
      misbehaviour = { mode, settings }
    },
    stats: () => stats,
    close: async () => {
      await server.close()
      await queue
      rpc.close()
    },
  }
}
