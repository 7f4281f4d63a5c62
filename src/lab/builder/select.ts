// Chooses the bundles of one block: highest payment first, each kept only if it still works on top of those before it.
// It decides by simulation and sends nothing.
import { decodeErrorResult } from 'viem'
import { KeeperError } from '../../core/errors'
import type { Address, Hex } from '../../core/primitives'
import type { LabRpc } from '../rpc'
import type { PooledBundle } from './bundle-pool'
import { type BlockFrame, type Simulation, simulateEach, type TransactionResult } from './simulation'
import { effectiveTip, type PoolTransaction } from './transaction'

export interface Rejection {
  readonly bundleHash: Hex
  readonly reason: string
}

export interface ChosenBundle {
  readonly bundle: PooledBundle
  readonly paidWei: bigint
  readonly gasUsed: bigint
}

export interface Selection {
  /** In block order. */
  readonly chosen: readonly ChosenBundle[]
  readonly rejected: readonly Rejection[]
}

export interface SelectInput {
  readonly rpc: LabRpc
  readonly frame: BlockFrame
  /** What stands before the bundles. */
  readonly top: readonly PoolTransaction[]
  readonly bundles: readonly PooledBundle[]
  /** Account nonces at the parent's end state. */
  readonly nonces: ReadonlyMap<Address, bigint>
  readonly minPaymentWei: bigint
  /** Per transaction, as EIP-7825 does. */
  readonly transactionGasCap: bigint
}

/** Nonces and gas as the block fills. */
interface Room {
  readonly nonces: ReadonlyMap<Address, bigint>
  readonly gasUsed: bigint
}

interface Ranked extends ChosenBundle {
  /** Of each of its transactions, run alone behind the top. */
  readonly gasUsedEach: readonly bigint[]
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)

/** Moves the nonces past `transactions`; says why one of them can't come next. */
export const advance = (
  nonces: ReadonlyMap<Address, bigint>,
  transactions: readonly PoolTransaction[],
):
  | { readonly kind: 'fits'; readonly nonces: ReadonlyMap<Address, bigint> }
  | { readonly kind: 'conflict'; readonly why: string } => {
  const next = new Map(nonces)
  for (const transaction of transactions) {
    const expected = next.get(transaction.from) ?? 0n
    const nonce = transaction.nonce ?? expected
    if (nonce !== expected) {
      const word = nonce < expected ? 'low' : 'high'
      return { kind: 'conflict', why: `nonce too ${word}: address ${transaction.from}, tx: ${nonce} state: ${expected}` }
    }
    next.set(transaction.from, nonce + 1n)
  }
  return { kind: 'fits', nonces: next }
}

/** What can be said without running anything; null if nothing speaks against the bundle. */
const objection = (bundle: PooledBundle, input: SelectInput): string | null => {
  const { frame } = input
  if (bundle.minTimestampSec > frame.timestampSec) return 'block timestamp below minTimestamp'
  if (bundle.maxTimestampSec !== 0n && bundle.maxTimestampSec < frame.timestampSec) return 'block timestamp above maxTimestamp'
  for (const transaction of bundle.transactions) {
    if (transaction.isCreation) return 'contract creation is not supported in bundles'
    if (transaction.gas > input.transactionGasCap) return `transaction gas limit above ${input.transactionGasCap}`
    if (effectiveTip(transaction, frame.baseFeePerGasWei) === null) {
      return `max fee per gas less than block base fee: maxFeePerGas: ${transaction.maxFeePerGasWei}, baseFee: ${frame.baseFeePerGasWei}`
    }
  }
  return null
}

const revertText = (data: Hex): string => {
  if (data.length < 10) return 'reverts'
  try {
    const { errorName, args } = decodeErrorResult({ data })
    return `reverts: ${errorName}(${args.join(', ')})`
  } catch {
    return `reverts: ${data.slice(0, 10)}`
  }
}

/** Why a bundle can't be taken, given how its transactions went; null if it can. */
const failure = (bundle: PooledBundle, results: readonly TransactionResult[], minPaymentWei: bigint): string | null => {
  for (const [index, result] of results.entries()) {
    const hash = bundle.transactions[index]?.hash ?? ''
    if (!result.ok && !bundle.revertingHashes.has(hash)) return `${revertText(result.returnData)} (${hash})`
  }
  const paidWei = sum(results.map(result => result.paidWei))
  return paidWei < minPaymentWei ? `pays ${paidWei} wei, the minimum is ${minPaymentWei}` : null
}

/** Adds a bundle to the block if nonces and gas allow: each transaction's limit must fit behind what those before it use. */
const enter = (room: Room, candidate: Ranked, gasLimit: bigint): Room | string => {
  const moved = advance(room.nonces, candidate.bundle.transactions)
  if (moved.kind === 'conflict') return moved.why
  let gasUsed = room.gasUsed
  for (const [index, transaction] of candidate.bundle.transactions.entries()) {
    const wanted = gasUsed + transaction.gas
    if (wanted > gasLimit) return `no room: gas ${wanted} of ${gasLimit}`
    gasUsed += candidate.gasUsedEach[index] ?? transaction.gas
  }
  return { nonces: moved.nonces, gasUsed }
}

const simulatable = (transactions: readonly PoolTransaction[]): readonly PoolTransaction[] =>
  transactions.filter(transaction => !transaction.isCreation)

/** Runs each bundle alone behind the top of the block. */
const rank = async (input: SelectInput, bundles: readonly PooledBundle[], rejected: Rejection[]) => {
  const top = simulatable(input.top)
  const runs = await simulateEach(
    input.rpc,
    input.frame,
    bundles.map(bundle => [...top, ...bundle.transactions]),
  )
  if (top.length > 0 && runs.some(run => run.kind === 'refused')) await requireRunnable(input, top)
  const ranked: Ranked[] = []
  let topGas = 0n
  for (const [index, bundle] of bundles.entries()) {
    const run = runs[index] as Simulation
    if (run.kind === 'refused') {
      rejected.push({ bundleHash: bundle.bundleHash, reason: `alone: ${run.message}` })
      continue
    }
    const own = run.results.slice(top.length)
    topGas = sum(run.results.slice(0, top.length).map(result => result.gasUsed))
    const why = failure(bundle, own, input.minPaymentWei)
    if (why !== null) rejected.push({ bundleHash: bundle.bundleHash, reason: `alone: ${why}` })
    else {
      const gasUsedEach = own.map(result => result.gasUsed)
      ranked.push({ bundle, paidWei: sum(own.map(result => result.paidWei)), gasUsed: sum(gasUsedEach), gasUsedEach })
    }
  }
  ranked.sort((a, b) => (a.paidWei < b.paidWei ? 1 : a.paidWei > b.paidWei ? -1 : 0))
  return { ranked, topGas }
}

/** A top of the block that can't run is the lab's own mistake, not the bundles'. */
const requireRunnable = async (input: SelectInput, top: readonly PoolTransaction[]): Promise<void> => {
  const [run] = await simulateEach(input.rpc, input.frame, [top])
  if (run?.kind === 'refused') throw new KeeperError('lab-failed', `top of the block: ${run.message}`, { retryable: false })
}

/** One look at how far the ranked bundles go together: those that fit, those that must wait, and the results. */
const attempt = async (input: SelectInput, start: Room, settled: readonly Ranked[], waiting: readonly Ranked[]) => {
  let room: Room = start
  const tried: Ranked[] = []
  const skipped: { readonly candidate: Ranked; readonly why: string }[] = []
  for (const candidate of [...settled, ...waiting]) {
    const next = enter(room, candidate, input.frame.gasLimit)
    if (typeof next === 'string') skipped.push({ candidate, why: next })
    else {
      room = next
      tried.push(candidate)
    }
  }
  // A single bundle behind the top ran exactly so when it was ranked.
  if (tried.length <= 1) return { tried, skipped, bad: null }
  const top = simulatable(input.top)
  const [run] = await simulateEach(input.rpc, input.frame, [[...top, ...tried.flatMap(({ bundle }) => bundle.transactions)]])
  return { tried, skipped, bad: firstBad(input, tried, run, top.length) }
}

const firstBad = (input: SelectInput, tried: readonly Ranked[], run: Simulation | undefined, from: number) => {
  if (run === undefined || run.kind === 'refused') {
    // The node names no transaction: give up the lowest payer and try again.
    return { index: tried.length - 1, why: run?.message ?? 'no simulation' }
  }
  let at = from
  for (const [index, { bundle }] of tried.entries()) {
    const own = run.results.slice(at, at + bundle.transactions.length)
    at += bundle.transactions.length
    const why = failure(bundle, own, input.minPaymentWei)
    if (why !== null) return { index, why }
  }
  return null
}

const afterWhom = (before: readonly Ranked[]): string => {
  const last = before.at(-1)
  return last === undefined ? 'alone' : `after ${last.bundle.bundleHash}`
}

/** The bundles of the block, in order of payment, and a reason for each that is left out. */
export const selectBundles = async (input: SelectInput): Promise<Selection> => {
  const rejected: Rejection[] = []
  const base = advance(input.nonces, input.top)
  const nonces = base.kind === 'fits' ? base.nonces : input.nonces
  const eligible = input.bundles.filter(bundle => {
    const moved = advance(nonces, bundle.transactions)
    const why = objection(bundle, input) ?? (moved.kind === 'conflict' ? moved.why : null)
    if (why !== null) rejected.push({ bundleHash: bundle.bundleHash, reason: `alone: ${why}` })
    return why === null
  })
  if (eligible.length === 0) return { chosen: [], rejected }
  const { ranked, topGas } = await rank(input, eligible, rejected)
  let settled: readonly Ranked[] = []
  let waiting: readonly Ranked[] = ranked
  for (;;) {
    const { tried, skipped, bad } = await attempt(input, { nonces, gasUsed: topGas }, settled, waiting)
    if (bad === null) {
      for (const { candidate, why } of skipped) {
        rejected.push({ bundleHash: candidate.bundle.bundleHash, reason: `${afterWhom(tried)}: ${why}` })
      }
      return { chosen: tried, rejected }
    }
    const out = tried[bad.index] as Ranked
    settled = tried.slice(0, bad.index)
    rejected.push({ bundleHash: out.bundle.bundleHash, reason: `${afterWhom(settled)}: ${bad.why}` })
    waiting = ranked.filter(
      candidate =>
        candidate !== out && !settled.includes(candidate) && !rejected.some(r => r.bundleHash === candidate.bundle.bundleHash),
    )
  }
}
