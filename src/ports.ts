// Every way the program touches the world, on one page. Rooms get these as arguments; lab and tests give their own.
import type { ReadCall, Reader, ReadResult, SavedState } from './core/folder'
import type { Address, Block, Hex, Log, LogFilter, TargetBlock } from './core/primitives'
import type { Outcome, Skip } from './core/verdict'

export interface Receipt {
  readonly transactionHash: Hex
  readonly status: 'success' | 'reverted'
  readonly blockNumber: bigint
  readonly blockHash: Hex
  readonly transactionIndex: number
  readonly gasUsed: bigint
  readonly effectiveGasPriceWei: bigint
  readonly logs: readonly Log[]
}

/** One call of a simulated block. */
export interface SimulatedCall {
  readonly from: Address
  readonly to: Address
  readonly data: Hex
  readonly gas: bigint
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
  /** Only its answer matters: no gas is estimated for it where that takes a request of its own. */
  readonly isView?: boolean
}

export interface SimulatedResult {
  readonly status: 'success' | 'reverted'
  readonly gasUsed: bigint
  readonly returnData: Hex
  readonly logs: readonly Log[]
}

/** One chain's node(s). Every method rejects with KeeperError (rpc-failed retryable, rpc-refused, rpc-malformed). */
export interface Chain {
  readonly id: number
  /** Calls `onHead` for each new head until `signal` aborts; reconnects by itself; never two watchers. Heads may skip or repeat. */
  followHeads(onHead: (head: Block) => void, signal: AbortSignal): void
  blockByTag(tag: 'latest' | 'finalized'): Promise<Block>
  /** Null if the node does not have it. */
  blockByHash(hash: Hex): Promise<Block | null>
  blockByNumber(number: bigint): Promise<Block | null>
  /** Logs that match any filter, in chain order. By hash: exact; the node must know the block. */
  logsOfBlock(hash: Hex, filters: readonly LogFilter[]): Promise<readonly Log[]>
  /** Bounded, adaptive ranges inside; `onProgress` gets the last block done. */
  logsInRange(
    from: bigint,
    to: bigint,
    filters: readonly LogFilter[],
    onProgress?: (done: bigint) => void,
  ): Promise<readonly Log[]>
  /** One aggregated request (split only if it would not fit); no helper contract needs to exist. */
  read(calls: readonly ReadCall[], blockHash: Hex): Promise<readonly ReadResult[]>
  /** Runs `calls` in order, on the end state of `parent`, as transactions of `target`. */
  simulate(calls: readonly SimulatedCall[], parent: Block, target: TargetBlock): Promise<readonly SimulatedResult[]>
  /** Receipts of one block, or null where the node has no such method. */
  receiptsOfBlock(hash: Hex): Promise<readonly Receipt[] | null>
  receipt(transactionHash: Hex): Promise<Receipt | null>
  nonce(account: Address): Promise<number>
  balance(account: Address): Promise<bigint>
  code(address: Address): Promise<Hex>
  /** Requests made so far; a batch counts by its entries. */
  requestCount(): number
  close(): Promise<void>
}

export const readerAt = (chain: Chain, block: Block): Reader => ({ block, read: calls => chain.read(calls, block.hash) })

/** An account that signs. */
export interface Signer {
  readonly address: Address
  signTransaction(transaction: UnsignedTransaction): Promise<Hex>
}

export interface UnsignedTransaction {
  readonly chainId: number
  readonly nonce: number
  readonly to: Address
  readonly data: Hex
  readonly gas: bigint
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

export interface BundleRequest {
  readonly rawTransactions: readonly Hex[]
  readonly targetBlock: bigint
  /** Hashes that may revert without killing the bundle. */
  readonly revertingHashes: readonly Hex[]
  /** Aborted once the target block is no longer to come: ends requests and retries. Absent: one attempt, no retry. */
  readonly signal?: AbortSignal
}

export type RelayReply =
  | { readonly kind: 'accepted'; readonly bundleHash: string | null }
  | { readonly kind: 'refused'; readonly class: 'retry' | 'auth' | 'invalid' | 'stale' | 'unsupported'; readonly message: string }

/** One private submission path. Never rejects: a failure is a reply. */
export interface Relay {
  readonly name: string
  send(bundle: BundleRequest): Promise<RelayReply>
}

/** Where ends are remembered. */
export interface Store {
  recordOutcome(outcome: Outcome): void
  recordSkip(block: bigint, skip: Skip): void
}

/** What one folder held at the end of a block. */
export interface FolderMark {
  readonly name: string
  readonly fingerprint: string
  readonly block: { readonly number: bigint; readonly hash: Hex }
  /** history: what comes next is asked for as history, and nothing was read yet. live: as of live blocks. */
  readonly stage: 'history' | 'live'
}

/** All folders of one chain, to go on from after a restart. */
export interface Checkpoint {
  readonly folders: readonly (FolderMark & { readonly state: SavedState })[]
  /** The saver's own words about it. */
  readonly note: string
}

export interface StoredCheckpoint {
  readonly id: number
  /** Of the newest folder in it. */
  readonly blockNumber: bigint
  /** Throws KeeperError bad-checkpoint where it is damaged. */
  read(): { readonly folders: readonly FolderMark[]; readonly note: string }
  /** Checked against what was written. Throws KeeperError bad-checkpoint where it is damaged. */
  load(folder: string): SavedState
}

/** Where one chain's state is kept: the last two checkpoints, far enough apart that one of them is final. */
export interface Checkpoints {
  /** Written a little at a time; counts once it is whole. Rejects with KeeperError bad-checkpoint: then it does not. One at a time. */
  save(checkpoint: Checkpoint): Promise<void>
  /** Newest first. Throws KeeperError bad-checkpoint where they can't be looked up. */
  stored(): readonly StoredCheckpoint[]
  /** Forgets a checkpoint that is of no use. Never throws. */
  drop(id: number): void
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
/** Structured lines; amounts of money as strings. */
export interface LogSink {
  log(level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>): void
}

/** Counters and gauges by name. */
export interface Meter {
  count(name: string, by?: number, labels?: Readonly<Record<string, string>>): void
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void
}
