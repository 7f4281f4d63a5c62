import type { Address, Hex } from '../../core/primitives'
import type { LogSink } from '../../ports'
import { createLabRpc, type LabRpc } from '../rpc'
import { createBundlePool, type PooledBundle } from './bundle-pool'
import { callBundle } from './call-bundle'
import { nextBaseFee, type ParentBlock, readParent } from './head-state'
import { type Dropped, type Entry, type Included, mineInOrder } from './mine'
import type { Misbehaviour, MisbehaviourSettings } from './misbehaviour'
import { createPublicPool, type PublicPlace } from './public-pool'
import { type BundleReceived, startRelayServer } from './relay-server'
import { type ChosenBundle, type Rejection, selectBundles } from './select'
import type { BlockFrame } from './simulation'
import { type LabTransaction, type PoolTransaction, toPoolTransaction } from './transaction'

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

export interface BuildOptions {
  /** Default: the parent's plus the slot. */
  readonly timestampSec?: bigint
  /** Default: what EIP-1559 makes of the parent. */
  readonly baseFeePerGasWei?: bigint
  /** Before everything else, in this order: oracle updates, arbitrage. */
  readonly topOfBlock?: readonly LabTransaction[]
}

export interface BuiltBundle {
  readonly bundleHash: Hex
  readonly paidWei: bigint
  readonly gasUsed: bigint
}

export interface BuiltBlock {
  readonly number: bigint
  readonly hash: Hex
  readonly timestampSec: bigint
  readonly baseFeePerGasWei: bigint
  /** In block order. */
  readonly included: readonly Included[]
  readonly bundles: readonly BuiltBundle[]
  readonly rejected: readonly Rejection[]
  /** Transactions outside of bundles that the block has not taken for good. */
  readonly dropped: readonly Dropped[]
}

export interface BuilderStats {
  readonly blocks: number
  readonly bundlesReceived: number
  readonly bundlesIncluded: number
  readonly bundlesRejected: number
  /** Arrived for a block that had already been built. */
  readonly bundlesStale: number
  readonly requestsRefused: number
  readonly publicIncluded: number
  readonly paidWei: bigint
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

const EMPTY_STATS: BuilderStats = {
  blocks: 0,
  bundlesReceived: 0,
  bundlesIncluded: 0,
  bundlesRejected: 0,
  bundlesStale: 0,
  requestsRefused: 0,
  publicIncluded: 0,
  paidWei: 0n,
}

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

  const server = await startRelayServer(
    {
      onBundle: takeBundle,
      onCancel: bundles.cancel,
      onRawTransaction: raw => submitPublic(raw),
      callBundle: call => callBundle(rpc, call, coinbase),
      onRefusal: () => {
        stats = { ...stats, requestsRefused: stats.requestsRefused + 1 }
      },
      misbehaviour: () => misbehaviour,
    },
    options.port ?? 0,
  )

  const frameOf = (parent: ParentBlock, build: BuildOptions): BlockFrame => ({
    number: parent.number + 1n,
    timestampSec: build.timestampSec ?? parent.timestampSec + (options.slotSec ?? 12n),
    baseFeePerGasWei: build.baseFeePerGasWei ?? nextBaseFee(parent),
    gasLimit: parent.gasLimit,
    coinbase,
  })

  const choose = async (
    frame: BlockFrame,
    top: readonly PoolTransaction[],
    nonces: ReadonlyMap<Address, bigint>,
    barred: ReadonlySet<Hex>,
  ) => {
    const candidates = bundles.forBlock(frame.number).filter(bundle => !barred.has(bundle.bundleHash))
    if (misbehaviour.mode === 'never-includes') {
      return { chosen: [], rejected: candidates.map(({ bundleHash }) => ({ bundleHash, reason: 'the builder never includes' })) }
    }
    const minPaymentWei = options.minPaymentWei ?? 1n
    const transactionGasCap = options.transactionGasCap ?? EIP7825_GAS_CAP
    return selectBundles({ rpc, frame, top, bundles: candidates, nonces, minPaymentWei, transactionGasCap })
  }

  /** The order of the block. */
  const arrange = (top: readonly PoolTransaction[], chosen: readonly ChosenBundle[], tail: readonly PoolTransaction[]) => {
    const entry =
      (place: Entry['place']) =>
      (transaction: PoolTransaction): Entry => ({ transaction, place, bundle: null })
    const own = ({ bundle }: ChosenBundle): readonly Entry[] =>
      bundle.transactions.map(transaction => ({ transaction, place: 'bundle' as const, bundle }))
    const [head, middle, end] = [top.map(entry('top')), chosen.map(own), tail.map(entry('public'))]
    return misbehaviour.mode === 'other-order'
      ? [...head, ...end, ...[...middle].reverse().flat()]
      : [...head, ...middle.flat(), ...end]
  }

  const record = (block: BuiltBlock): void => {
    bundles.forget(block.number)
    stats = {
      ...stats,
      blocks: stats.blocks + 1,
      bundlesIncluded: stats.bundlesIncluded + block.bundles.length,
      bundlesRejected: stats.bundlesRejected + block.rejected.length,
      publicIncluded: stats.publicIncluded + block.included.filter(({ place }) => place === 'public').length,
      paidWei: block.bundles.reduce((total, { paidWei }) => total + paidWei, stats.paidWei),
    }
    const { number, hash, included, rejected } = block
    options.log?.log('debug', 'block-built', { number: String(number), hash, transactions: included.length, rejected })
  }

  const build = async (request: BuildOptions): Promise<BuiltBlock> => {
    const given = await Promise.all((request.topOfBlock ?? []).map(toPoolTransaction))
    const top = [...given, ...publics.top()]
    const accounts = new Set([...bundles.senders(), ...publics.senders(), ...top.map(({ from }) => from)])
    const { parent, nonces } = await readParent(rpc, [...accounts])
    stats = { ...stats, bundlesStale: stats.bundlesStale + bundles.forget(parent.number) }
    const frame = frameOf(parent, request)
    const offended: Rejection[] = []
    for (;;) {
      const barred = new Set(offended.map(({ bundleHash }) => bundleHash))
      const { chosen, rejected } = await choose(frame, top, nonces, barred)
      const ahead = [...top, ...chosen.flatMap(({ bundle }) => bundle.transactions)]
      const tail = publics.ordered(
        frame,
        nonces,
        ahead,
        chosen.reduce((gas, { gasUsed }) => gas + gasUsed, 0n),
      )
      const entries = arrange(top, chosen, tail)
      const { timestampSec } = frame
      const mined = await mineInOrder({ rpc, entries, timestampSec, baseFeePerGasWei: frame.baseFeePerGasWei, coinbase })
      if (mined.kind === 'offended') {
        offended.push({ bundleHash: mined.bundle.bundleHash, reason: mined.why })
        continue
      }
      publics.settle(entries, mined.dropped)
      const { kind: _, ...facts } = mined
      const landed = chosen.map(({ bundle: { bundleHash }, paidWei, gasUsed }) => ({ bundleHash, paidWei, gasUsed }))
      const block = { ...facts, timestampSec, bundles: landed, rejected: [...rejected, ...offended] }
      record(block)
      return block
    }
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
