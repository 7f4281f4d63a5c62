// Builds one block: reads the parent, chooses bundles, puts everything in order, has it mined. Takes no requests.
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc } from '../rpc'
import type { BundlePool } from './bundle-pool'
import { nextBaseFee, type ParentBlock, readParent } from './head-state'
import { type Dropped, type Entry, type Included, mineInOrder } from './mine'
import type { Misbehaviour } from './misbehaviour'
import type { PublicPool } from './public-pool'
import { type ChosenBundle, type Rejection, type Selection, selectBundles } from './select'
import type { BlockFrame } from './simulation'
import { type LabTransaction, type PoolTransaction, toPoolTransaction } from './transaction'

export interface BuildOptions {
  /** Default: the parent's plus the slot. */
  readonly timestampSec?: bigint
  /** Default: what EIP-1559 makes of the parent. */
  readonly baseFeePerGasWei?: bigint
  /** Before everything else, in this order: oracle updates, arbitrage. Every simulation runs it: keep what only burns gas out of it. */
  readonly topOfBlock?: readonly LabTransaction[]
  /** After everything else, in this block or never, as far as there is room. Never simulated: here belongs what only burns gas. */
  readonly endOfBlock?: readonly LabTransaction[]
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
  /** Transactions outside of bundles that were tried and are not in the block. */
  readonly dropped: readonly Dropped[]
  /** Bundles for earlier blocks that were found waiting. */
  readonly stale: number
}

export interface AssembleDeps {
  readonly rpc: LabRpc
  readonly bundles: BundlePool
  readonly publics: PublicPool
  readonly coinbase: Address
  readonly minPaymentWei: bigint
  readonly transactionGasCap: bigint
  readonly slotSec: bigint
  readonly mode: () => Misbehaviour
}

/** What a block is built from, bundles aside. */
interface Ground {
  readonly frame: BlockFrame
  readonly top: readonly PoolTransaction[]
  readonly end: readonly PoolTransaction[]
  readonly nonces: ReadonlyMap<Address, bigint>
}

const frameOf = (parent: ParentBlock, build: BuildOptions, { slotSec, coinbase }: AssembleDeps): BlockFrame => ({
  number: parent.number + 1n,
  timestampSec: build.timestampSec ?? parent.timestampSec + slotSec,
  baseFeePerGasWei: build.baseFeePerGasWei ?? nextBaseFee(parent),
  gasLimit: parent.gasLimit,
  coinbase,
})

const choose = async (deps: AssembleDeps, ground: Ground, barred: ReadonlySet<Hex>): Promise<Selection> => {
  const { rpc, minPaymentWei, transactionGasCap } = deps
  const candidates = deps.bundles.forBlock(ground.frame.number).filter(bundle => !barred.has(bundle.bundleHash))
  if (deps.mode() === 'never-includes') {
    return { chosen: [], rejected: candidates.map(({ bundleHash }) => ({ bundleHash, reason: 'the builder never includes' })) }
  }
  return selectBundles({ rpc, ...ground, bundles: candidates, minPaymentWei, transactionGasCap })
}

const arrange = (
  top: readonly PoolTransaction[],
  chosen: readonly ChosenBundle[],
  tail: readonly PoolTransaction[],
  mode: Misbehaviour,
): readonly Entry[] => {
  const placed =
    (place: Entry['place']) =>
    (transaction: PoolTransaction): Entry => ({ transaction, place, bundle: null })
  const own = ({ bundle }: ChosenBundle): readonly Entry[] =>
    bundle.transactions.map(transaction => ({ transaction, place: 'bundle' as const, bundle }))
  const [head, middle, end] = [top.map(placed('top')), chosen.map(own), tail.map(placed('public'))]
  return mode === 'other-order' ? [...head, ...end, ...[...middle].reverse().flat()] : [...head, ...middle.flat(), ...end]
}

const groundFor = async (deps: AssembleDeps, build: BuildOptions): Promise<Ground & { readonly stale: number }> => {
  const { rpc, bundles, publics } = deps
  const given = await Promise.all((build.topOfBlock ?? []).map(toPoolTransaction))
  const end = await Promise.all((build.endOfBlock ?? []).map(toPoolTransaction))
  const top = [...given, ...publics.top()]
  const accounts = new Set([...bundles.senders(), ...publics.senders(), ...top.map(({ from }) => from)])
  const { parent, nonces } = await readParent(rpc, [...accounts])
  return { frame: frameOf(parent, build, deps), top, end, nonces, stale: bundles.forget(parent.number) }
}

/** Builds the next block. Not to be called twice at once. Throws KeeperError 'lab-failed'. */
export const assembleBlock = async (deps: AssembleDeps, build: BuildOptions): Promise<BuiltBlock> => {
  const { stale, ...ground } = await groundFor(deps, build)
  const { frame, top, nonces } = ground
  const offended: Rejection[] = []
  for (;;) {
    const { chosen, rejected } = await choose(deps, ground, new Set(offended.map(({ bundleHash }) => bundleHash)))
    const ahead = [...top, ...chosen.flatMap(({ bundle }) => bundle.transactions)]
    const gasAhead = chosen.reduce((gas, { gasUsed }) => gas + gasUsed, 0n)
    const tail = deps.publics.ordered(frame, nonces, ahead, gasAhead)
    const entries = arrange(top, chosen, [...tail, ...ground.end], deps.mode())
    const { timestampSec, baseFeePerGasWei } = frame
    const mined = await mineInOrder({ rpc: deps.rpc, entries, timestampSec, baseFeePerGasWei, coinbase: deps.coinbase })
    if (mined.kind === 'offended') {
      offended.push({ bundleHash: mined.bundle.bundleHash, reason: mined.why })
      continue
    }
    deps.publics.settle(entries, mined.dropped)
    deps.bundles.forget(mined.number)
    const { kind: _, ...facts } = mined
    const bundles = chosen.map(({ bundle: { bundleHash }, paidWei, gasUsed }) => ({ bundleHash, paidWei, gasUsed }))
    return { ...facts, timestampSec, bundles, rejected: [...rejected, ...offended], stale }
  }
}
