// Strategy and Venue: what a protocol folder exports. They describe; they never act, wait, log or sign.
import type { Folder, ReadCall, ReadResult } from './folder'
import type { Opportunity, PositionRef, PositionView } from './opportunity'
import type { Pool } from './pool'
import type { Address, Block, Hex, Log, LogFilter, TargetBlock, Token } from './primitives'

/** A market that cannot be judged now, and why; its positions are skipped, the others go on. */
export interface MarketFault {
  readonly market: Hex
  readonly reason: string
}

/** Which markets and accounts to act on. Lists are lower case; an empty allow list allows all. */
export interface Scope {
  readonly markets: { readonly allow: readonly Hex[]; readonly deny: readonly Hex[] }
  readonly accounts: { readonly allow: readonly Address[]; readonly deny: readonly Address[] }
  /** Positions owing less than this many units of the debt token are left alone, by debt token; absent: no minimum. */
  readonly minDebtAssets: Readonly<Record<Address, bigint>>
}

/** Prices that are not on chain, or not yet. */
export type WhatIf =
  /** The value of each token named, times factorWad / WAD; all others keep theirs. */
  | { readonly kind: 'values'; readonly factorWad: ReadonlyMap<Address, bigint> }
  /** What the calls of the last `blockReads` would answer instead (a pending oracle update), in their order. */
  | { readonly kind: 'reads'; readonly results: readonly ReadResult[] }

/** Debt of one market in one token that a fall of some asset would make liquidatable. */
export interface DebtAtRisk {
  readonly market: Hex
  readonly debtToken: Address
  /** Of all positions under water at each fall asked for, in that order: units of the debt token, rounded up. */
  readonly debtAssets: readonly bigint[]
  readonly positions: readonly number[]
}

/** One value that the book and the chain disagree on, at the same block. */
export interface Drift {
  readonly position: PositionRef
  /** What differs, for a person: 'borrow shares', 'scaled debt of 0x…'. */
  readonly field: string
  readonly book: string
  readonly chain: string
}

/** How to check one position against the contract. */
export interface AuditQuestion {
  readonly position: PositionRef
  readonly calls: readonly ReadCall[]
  /** `results` were read at the end of the last folded block. Empty: book and chain agree. Null: the answers say nothing. */
  compare(results: readonly ReadResult[]): readonly Drift[] | null
}

export type Pairs = readonly { readonly from: Address; readonly to: Address }[]

/** The live book of one protocol on one chain. */
export interface Book extends Folder {
  readonly strategy: string
  /** The contract whose code must be there. */
  readonly address: Address
  /** Calls that every block needs (oracle prices, unknown rate models), only for markets with open debt. */
  blockReads(): readonly ReadCall[]
  /** Takes their results, in order, read at the end state of `block`. */
  acceptReads(block: Block, results: readonly ReadResult[]): void
  /**
   * Everything under water at `target`, given the last reads, or at other prices (`whatIf`: nothing in the book changes).
   * Work grows with what is under water and with markets, not with positions.
   */
  opportunities(target: TargetBlock, whatIf?: WhatIf): readonly Opportunity[]
  /** Debt that is liquidatable at `target` if `token` loses each of `fallsBps` (ascending) of its value: one pass, by market and debt token. */
  debtAtRisk(target: TargetBlock, token: Address, fallsBps: readonly bigint[]): readonly DebtAtRisk[]
  /** Markets that can't be judged at the moment. */
  faults(): readonly MarketFault[]
  /**
   * Every open position with debt, for tables, in no order. With a `limit`: at least the `limit` of lowest health factor (those that can't be
   * priced come after all others), and a book that knows its order of risk looks at little more.
   */
  positions(target: TargetBlock, limit?: number): readonly PositionView[]
  /** Pairs that liquidations swap: collateral (from) to debt token (to). */
  pairs(): Pairs
  tokens(): ReadonlyMap<Address, Token>
  /** Open debt positions. */
  size(): number
  has(position: PositionRef): boolean
  /** Whether the position's market is one of this book's, open or not: several contracts of a kind may be kept beside each other. */
  covers(position: PositionRef): boolean
  /** What to read to check these positions; one that has nothing any more is asked about all the same. */
  audit(positions: readonly PositionRef[]): readonly AuditQuestion[]
  /** At most `count` open positions from `cursor` on (0 first), and the cursor after them: in the end everything has its turn, then again. */
  sample(cursor: number, count: number): { readonly positions: readonly PositionRef[]; readonly next: number }
  /** Acts on nothing of the market (a fault says so) until all that it holds was read anew by bootstraps. Undone with `block`. */
  quarantine(market: Hex, block: bigint, reason: string): void
  /** Logs that name the accounts of a market whose debt is more than that of all accounts known, wherever they are; null: nobody is missing. */
  missing?(market: Hex): readonly LogFilter[] | null
  /** Takes up the accounts that such logs name: bootstraps read what they have. Undone with `block`. */
  recall?(market: Hex, block: bigint, logs: readonly Log[]): void
}

/** A protocol: `Settings` is what its part of the config parses to (see configSchema). */
export interface Strategy<Settings> {
  readonly name: string
  createBook(settings: Settings, scope: Scope): Book
}

/** What venues look for pools between: each pair, and each token of a pair with each hub. Grows with markets, not with their square. */
export interface RouteNeeds {
  readonly pairs: Pairs
  /** Tokens that routes may run through; few. */
  readonly hubs: readonly Address[]
}

/** The live pools of one venue on one chain. */
export interface VenueBook extends Folder {
  readonly venue: string
  /**
   * Names the tokens that routes may touch; pools of other tokens are not followed. Called again as they grow, with all of them. With a
   * `block` (none older than what is folded), what is new is forgotten when that block is undone.
   */
  track(needs: RouteNeeds, block?: bigint | null): void
  pools(): readonly Pool[]
  /** Pools that are configured or found but unusable, and why. */
  faults(): readonly { readonly pool: Address; readonly reason: string }[]
}

export interface Venue<Settings> {
  readonly name: string
  createBook(settings: Settings): VenueBook
}
