// Signs what passed its simulation and hands it to the relays: the end of the hot path. Asks the chain for nothing.
import { maxOf, minOf, zeroFloorSub } from '../core/fixed-point'
import type { Address, TargetBlock } from '../core/primitives'
import type { Take } from '../core/verdict'
import type { LogSink, Relay, Signer } from '../ports'
import { bundlesFor, type Carried } from './bundles'
import { roomFor, totalLimit } from './draft'
import type { InFlight } from './in-flight'
import { keccakOfHex } from './keccak'
import type { FreeKey } from './key-ring'
import type { ExecutorPolicy } from './policy'
import { type Fees, totalFloorWei } from './pricing'
import { costOf, orderOf, type Passed } from './rounds'
import type { RunCodec } from './run-codec'
import { recordsOf, type Submission, submit } from './submit'

export interface DispatchContext {
  readonly chainId: number
  readonly contract: Address
  readonly wrappedNative: Address
  readonly codec: RunCodec
  readonly policy: ExecutorPolicy
  readonly fees: Fees
  /** Gas that each transaction's limit may claim beyond its need: there is room for it in the block. */
  readonly spareGas: bigint
  readonly relays: readonly Relay[]
  readonly signal: AbortSignal
  readonly log: LogSink
}

interface Signed extends Carried {
  readonly passed: Passed
  readonly nonce: number
  readonly gasLimit: bigint
}

export interface Dispatched {
  readonly flights: readonly InFlight[]
  /** Resolves when each bundle was accepted somewhere or refused everywhere. */
  readonly answered: Promise<unknown>
  readonly signMs: number
}

/** The most that one leg may burn. */
const greediestLeg = (takes: readonly Take[]): bigint => takes.reduce((most, take) => maxOf(most, take.leg.gasLimit), 0n)

const sign = async (
  signer: Signer,
  nonce: number,
  gasLimit: bigint,
  passed: Passed,
  context: DispatchContext,
): Promise<Signed> => {
  const { codec, fees, policy } = context
  const { draft, profit } = passed
  const cost = costOf(draft, passed.gasUsed, fees)
  const floorWei = totalFloorWei(passed.gainsWei, cost, fees.effectiveWei, draft.plan.bidShareBps, policy)
  const legs = draft.takes.map(take => take.leg)
  const raw = await signer.signTransaction({
    chainId: context.chainId,
    nonce,
    to: context.contract,
    data: codec.encode(orderOf(draft, cost, floorWei, context.wrappedNative), legs),
    gas: gasLimit,
    maxFeePerGasWei: fees.maxFeePerGasWei,
    maxPriorityFeePerGasWei: fees.maxPriorityFeePerGasWei,
  })
  return {
    raw,
    hash: keccakOfHex(raw),
    netWei: profit.netWei,
    worstRevertWei: minOf(gasLimit * fees.effectiveWei, cost.fixedWei + greediestLeg(draft.takes) * fees.effectiveWei),
    gasLimit,
    passed,
    nonce,
  }
}

/** The most that the legs of one market may burn together. */
const greediestMarket = (takes: readonly Take[]): bigint => {
  const byMarket = new Map<string, bigint>()
  for (const { position, leg } of takes) byMarket.set(position.market, (byMarket.get(position.market) ?? 0n) + leg.gasLimit)
  return [...byMarket.values()].reduce(maxOf, 0n)
}

/** All transactions together may claim this part of what they leave of a block: others' transactions need room too. */
const SPARE_PARTS = 2n

/** Gas that each of the block's transactions may claim beyond its need; in the worst case all of them use it. */
export const spareGasOf = (passed: readonly Passed[], blockGasLimit: bigint): bigint =>
  passed.length === 0
    ? 0n
    : zeroFloorSub(blockGasLimit, roomFor(passed.map(({ draft }) => draft))) / SPARE_PARTS / BigInt(passed.length)

/**
 * Limits with room for one hostile market, whose legs fail in the worst way by the time they run and burn all that they may: the legs
 * after them must not starve. As far as cap, balance, block and what the transaction earns allow; a single leg needs no such room.
 */
const roomyLimits = (key: FreeKey, passed: readonly Passed[], { fees, policy, spareGas }: DispatchContext): readonly bigint[] => {
  const plain = totalLimit(passed.map(({ draft }) => draft))
  const spare = spareGas * BigInt(passed.length)
  let freeGas = fees.maxFeePerGasWei === 0n ? spare : zeroFloorSub(key.balanceWei / fees.maxFeePerGasWei, plain)
  return passed.map(({ draft, profit }) => {
    const greediest = draft.takes.length < 2 ? 0n : greediestMarket(draft.takes)
    const paidFor = fees.effectiveWei === 0n ? greediest : profit.netWei / fees.effectiveWei
    const extra = [policy.maxGasPerTransaction - draft.gasLimit, freeGas, spareGas, paidFor].reduce(minOf, greediest)
    freeGas -= extra
    return draft.gasLimit + extra
  })
}

const flightOf = (signed: Signed, target: TargetBlock, fees: Fees, submissions: readonly Submission[]): InFlight => ({
  hash: signed.hash,
  key: signed.passed.draft.key,
  nonce: signed.nonce,
  targetBlock: target.number,
  takes: signed.passed.draft.takes,
  predicted: signed.passed.profit,
  gainsWei: signed.passed.gainsWei,
  gasUsed: signed.passed.gasUsed,
  ceilingWei: signed.gasLimit * fees.maxFeePerGasWei,
  replies: () => recordsOf(submissions, signed.raw),
})

/** One key's transactions, in nonce order: signed, and their bundles on the way when it resolves. */
export const dispatch = async (
  key: FreeKey,
  passed: readonly Passed[],
  target: TargetBlock,
  context: DispatchContext,
): Promise<Dispatched> => {
  const startMs = performance.now()
  const signed: Signed[] = []
  const limits = roomyLimits(key, passed, context)
  for (const [index, each] of passed.entries())
    signed.push(await sign(key.signer, key.nonce + index, limits[index] ?? each.draft.gasLimit, each, context))
  const signMs = performance.now() - startMs
  const submissions = bundlesFor(signed).map(shape => submit(context.relays, shape, target.number, context.signal, context.log))
  return {
    flights: signed.map(each => flightOf(each, target, context.fees, submissions)),
    answered: Promise.all(submissions.map(submission => submission.answered)),
    signMs,
  }
}
