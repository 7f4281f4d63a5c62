// A small world for the executor's tests: a chain whose simulation and receipts are scripted leg by leg, and a codec whose calldata
// and logs are readable JSON. The contract's real language is tested on a real chain (executor.world.test.ts).
import { hexToString, keccak256, parseTransaction, stringToHex } from 'viem'
import { nextBaseFeeWei } from '../../src/core/base-fee'
import type { Address, Block, Hex, Log, TargetBlock } from '../../src/core/primitives'
import type { Leg } from '../../src/core/program'
import type { Outcome, Plan, Take } from '../../src/core/verdict'
import { createExecutor, type Executor } from '../../src/executor/executor'
import type { ExecutorPolicy } from '../../src/executor/policy'
import type { PositionAudit } from '../../src/executor/preflight'
import { profitAfterBid } from '../../src/executor/pricing'
import type { LegReading, RunCodec, RunOrder, RunReading } from '../../src/executor/run-codec'
import type { Advance } from '../../src/executor/settle'
import type { Chain, Receipt, Relay, SimulatedCall, SimulatedResult } from '../../src/ports'
import { createMemoryStore, type MemoryStore } from '../../src/store/memory'
import { createFakeRelay, type FakeRelay } from '../fakes/relay'
import { testSigners } from '../fakes/signer'
import { createFakeLog, createFakeMeter, type FakeLog, type FakeMeter } from '../fakes/store'

export const ETHER = 10n ** 18n
export const GWEI = 10n ** 9n
export const CONTRACT: Address = `0x${'c0'.repeat(20)}`
const NATIVE: Address = `0x${'ee'.repeat(20)}`

const asJson = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each))
const fromJson = (text: string): unknown =>
  JSON.parse(text, (_key, each: unknown) =>
    typeof each === 'string' && /^-?\d+n$/.test(each) ? BigInt(each.slice(0, -1)) : each,
  )

export interface DecodedRun {
  readonly order: RunOrder
  /** The account that each leg is for. */
  readonly accounts: readonly Address[]
}

export const decodeRun = (data: Hex): DecodedRun => fromJson(hexToString(data)) as DecodedRun

const codec: RunCodec = {
  encode: (order, legs: readonly Leg[]) => stringToHex(asJson({ order, accounts: legs.map(leg => leg.tokens[0]) })),
  read: logs => {
    const log = logs.find(each => each.address === CONTRACT)
    return log === undefined ? null : (fromJson(hexToString(log.data)) as RunReading)
  },
  revertReason: data => hexToString(data),
}

export const accountOf = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`

/** Position number `n`: earns 1 ether, 300,000 gas. */
export const takeOf = (n: number, more: Partial<Take> = {}): Take => ({
  kind: 'take',
  position: { strategy: 'test', market: '0x01', account: accountOf(n) },
  payToken: '0x0a',
  receiveToken: '0x0b',
  payAssets: 1_000_000n,
  receiveAssets: 2_000_000n,
  revenueWei: ETHER,
  gas: 300_000n,
  leg: { steps: [], tokens: [accountOf(n)], floorWei: 1n, gasLimit: 1_200_000n },
  route: [],
  ...more,
})

export const blockAt = (number: bigint, more: Partial<Block> = {}): Block => ({
  chainId: 31_337,
  number,
  hash: keccak256(stringToHex(`block ${number}`)),
  parentHash: keccak256(stringToHex(`block ${number - 1n}`)),
  timestampSec: 1_700_000_000n + number * 12n,
  baseFeePerGasWei: 10n * GWEI,
  gasUsed: 15_000_000n,
  gasLimit: 30_000_000n,
  logsBloom: null,
  ...more,
})

export const planOf = (takes: readonly Take[], parent: Block, more: Partial<Plan> = {}): Plan => {
  const target: TargetBlock = {
    number: parent.number + 1n,
    timestampSec: parent.timestampSec + 12n,
    baseFeePerGasWei: nextBaseFeeWei(parent),
  }
  const gas = takes.reduce((sum, take) => sum + take.gas, 70_000n)
  const revenueWei = takes.reduce((sum, take) => sum + take.revenueWei, 0n)
  const expected = profitAfterBid(revenueWei, gas * target.baseFeePerGasWei, 2_500n)
  return {
    target,
    takes,
    bidShareBps: 2_500n,
    payee: { kind: 'coinbase' },
    lastBlock: target.number,
    deadlineSec: target.timestampSec + 60n,
    expected,
    gas,
    ...more,
  }
}

/** How a leg ends, by account. Default: it gains what its take says, 1 ether. */
export type LegScript = LegReading | { readonly kind: 'poison'; readonly reason: string }

export interface World {
  readonly executor: Executor
  readonly relays: readonly FakeRelay[]
  readonly log: FakeLog
  readonly meter: FakeMeter
  readonly store: MemoryStore
  readonly simulated: readonly (readonly SimulatedCall[])[]
  readonly asked: readonly string[]
  readonly receipts: Map<Hex, Receipt>
  script(account: number, end: LegScript): void
  breakNext(method: 'simulate' | 'receipt'): void
  /** Includes a sent transaction in `block` as the script has it now; `reverted` lets it revert. */
  include(hash: Hex, block: Block, reverted?: boolean): Receipt
  settle(block: Block, more?: Partial<Advance>): Promise<readonly Outcome[]>
  /** Raw transactions of all bundles that relay `index` got, by hash. */
  rawOf(hash: Hex): Hex
  setBalance(wei: bigint): void
  setNonce(nonce: number): void
}

export interface WorldOptions {
  readonly keys?: number
  readonly relays?: readonly FakeRelay[]
  readonly policy?: Partial<ExecutorPolicy>
  readonly balanceWei?: bigint
  readonly hasEvents?: boolean
  readonly audit?: PositionAudit
  /** What views in front of the transactions answer; default: nothing. */
  readonly answerView?: (call: SimulatedCall) => SimulatedResult
}

const NO_ANSWER: SimulatedResult = { status: 'success', gasUsed: 21_000n, returnData: '0x', logs: [] }

const GAS_PER_LEG = 280_000n
const GAS_PER_RUN = 60_000n

export const createWorld = (options: WorldOptions = {}): World => {
  const scripts = new Map<Address, LegScript>()
  const receipts = new Map<Hex, Receipt>()
  const simulated: (readonly SimulatedCall[])[] = []
  const asked: string[] = []
  const broken = new Set<string>()
  let balanceWei = options.balanceWei ?? 100n * ETHER
  let nonce = 5
  const ask = (method: string): void => {
    asked.push(method)
    if (broken.delete(method)) throw new Error(`${method} broke`)
  }

  const legsOf = (accounts: readonly Address[]): readonly LegScript[] =>
    accounts.map(account => scripts.get(account) ?? { kind: 'ok', gainWei: ETHER })
  const readingOf = ({ order, accounts }: DecodedRun): RunReading | string => {
    const ends = legsOf(accounts)
    const poison = ends.find(end => end.kind === 'poison')
    if (poison?.kind === 'poison') return poison.reason
    const legs = ends.filter(end => end.kind !== 'poison')
    const revenueWei = legs.reduce((sum, leg) => sum + (leg.kind === 'ok' ? leg.gainWei : 0n), 0n)
    const failed = legs.find(leg => leg.kind === 'failed')
    if (revenueWei === 0n && failed?.kind === 'failed') return failed.reason
    const { bidWei, netWei } = profitAfterBid(revenueWei, order.costWei, order.bidShareBps)
    return netWei < order.floorWei ? 'TotalFloor' : { revenueWei, bidWei, legs }
  }
  const logOf = (reading: RunReading): Log => ({
    address: CONTRACT,
    topics: [],
    data: stringToHex(asJson(reading)),
    blockNumber: 0n,
    blockHash: '0x',
    logIndex: 0,
    transactionHash: '0x',
  })
  const run = (data: Hex): SimulatedResult => {
    const decoded = decodeRun(data)
    const reading = readingOf(decoded)
    const gasUsed = GAS_PER_RUN + GAS_PER_LEG * BigInt(decoded.accounts.length)
    if (typeof reading === 'string') return { status: 'reverted', gasUsed, returnData: stringToHex(reading), logs: [] }
    return { status: 'success', gasUsed, returnData: '0x', logs: options.hasEvents === false ? [] : [logOf(reading)] }
  }

  const unused = (): never => {
    throw new Error('the executor has no business asking this')
  }
  const chain: Chain = {
    id: 31_337,
    followHeads: unused,
    blockByTag: async () => {
      ask('blockByTag')
      return blockAt(1_000n)
    },
    blockByHash: unused,
    blockByNumber: unused,
    logsOfBlock: unused,
    logsInRange: unused,
    read: unused,
    simulate: async calls => {
      ask('simulate')
      simulated.push(calls)
      return calls.map(call => (call.isView === true ? (options.answerView?.(call) ?? NO_ANSWER) : run(call.data)))
    },
    receiptsOfBlock: unused,
    receipt: async hash => {
      ask('receipt')
      return receipts.get(hash) ?? null
    },
    nonce: async () => {
      ask('nonce')
      return nonce
    },
    balance: async () => {
      ask('balance')
      return balanceWei
    },
    code: unused,
    requestCount: () => asked.length,
    close: async () => undefined,
  }
  const relays = options.relays ?? [createFakeRelay('one')]
  const log = createFakeLog()
  const meter = createFakeMeter()
  const store = createMemoryStore()
  const executor = createExecutor({
    chain,
    signers: testSigners(options.keys ?? 1),
    relays: relays as readonly Relay[],
    contract: CONTRACT,
    wrappedNative: NATIVE,
    policy: { drainTimeoutMs: 0, ...options.policy },
    codec,
    ...(options.audit === undefined ? {} : { audit: options.audit }),
    log,
    meter,
    store,
  })
  const rawOf = (hash: Hex): Hex => {
    const raws = relays.flatMap(relay => relay.bundles.flatMap(bundle => bundle.rawTransactions))
    const raw = raws.find(each => keccak256(each) === hash)
    if (raw === undefined) throw new Error(`no relay got ${hash}`)
    return raw
  }
  const include = (hash: Hex, block: Block, reverted = false): Receipt => {
    const { data, maxPriorityFeePerGas } = parseTransaction(rawOf(hash))
    const result = run(data ?? '0x')
    const isSuccess = result.status === 'success' && !reverted
    const receipt: Receipt = {
      transactionHash: hash,
      status: isSuccess ? 'success' : 'reverted',
      blockNumber: block.number,
      blockHash: block.hash,
      transactionIndex: 0,
      gasUsed: result.gasUsed,
      effectiveGasPriceWei: (block.baseFeePerGasWei ?? 0n) + (maxPriorityFeePerGas ?? 0n),
      logs: isSuccess ? result.logs : [],
    }
    receipts.set(hash, receipt)
    return receipt
  }
  return {
    executor,
    relays,
    log,
    meter,
    store,
    simulated,
    asked,
    receipts,
    script: (account, end) => {
      scripts.set(accountOf(account), end)
    },
    breakNext: method => {
      broken.add(method)
    },
    include,
    settle: (block, more = {}) => executor.settle({ block, logs: [], receipts: null, stillOpen: () => true, ...more }),
    rawOf,
    setBalance: wei => {
      balanceWei = wei
    },
    setNonce: next => {
      nonce = next
    },
  }
}
