// Positions under water and the ways to close them, as every protocol describes them to profitability; and the names of positions.
import type { Address, Hex } from './primitives'
import type { Step } from './program'

/** One borrow position as people and verdicts name it. */
export interface PositionRef {
  readonly strategy: string
  /** The protocol's own market id (Morpho: bytes32). */
  readonly market: Hex
  readonly account: Address
}

/** One text for each market, and for each position, of all strategies: to look things up by. */
export const marketKey = ({ strategy, market }: Pick<PositionRef, 'strategy' | 'market'>): string => `${strategy}|${market}`
export const positionKey = (position: PositionRef): string => `${marketKey(position)}|${position.account}`

/** For tables: where a position stands at a target block. */
export interface PositionView extends PositionRef {
  readonly collateralToken: Address
  readonly debtToken: Address
  readonly collateralAssets: bigint
  /** Rounded up, interest accrued to the target block. */
  readonly debtAssets: bigint
  /** Health factor in WAD, rounded down; null where the market can't be priced. Below WAD: liquidatable. */
  readonly healthFactorWad: bigint | null
}

/** One way to close (part of) a position, exact at the opportunity's target block. */
export interface Close {
  readonly kind: 'repay'
  readonly payToken: Address
  readonly receiveToken: Address
  /** Bounds of `pay`, in payToken units. minPay <= maxPay; maxPay is accepted by the contract, one unit more is not (or changes nothing). */
  readonly minPay: bigint
  readonly maxPay: bigint
  /**
   * callback: the protocol hands out the collateral, runs `inside`, then takes the payment.
   * upfront: it takes the payment from the executor at once, so the debt token has to be there before; `inside` must be empty.
   */
  readonly funding: 'callback' | 'upfront'
  /**
   * What the contract would take and give if asked for `pay`: paid <= pay. Exact to the unit.
   * `needed` >= paid: debt tokens that must be in the executor, since interest may make the call dearer until it lands; what is over stays there.
   */
  amountsFor(pay: bigint): { readonly paid: bigint; readonly received: bigint; readonly needed: bigint }
  /**
   * The protocol's calls. With a callback, `inside` must leave the debt token in the executor; there the exact payment is the argument
   * `paidWord`. They stay valid when they land some slots later.
   */
  encode(pay: bigint, inside: readonly Step[]): readonly Step[]
  readonly paidWord: number
  /** What is received comes out of what others of the block may draw on too: whose `id` is the same. Absent: it is the position's own. */
  readonly source?: { readonly id: string; readonly available: bigint }
  /** Gas of the protocol's part, without swaps: an estimate for ranking; the simulation has the last word. */
  readonly gas: bigint
}

export interface Opportunity {
  readonly position: PositionRef
  /** Empty: it can't be closed now, and `obstacle` says why. */
  readonly closes: readonly Close[]
  /** For a person, with the numbers: why some or all ways to close are barred at present (paused, in grace, no liquidity); null: none is. */
  readonly obstacle: string | null
  /** Pools to go without if any other way is worth it: a leg through them has just failed. Absent: none. */
  readonly avoid?: ReadonlySet<Address>
  /** Debt in payToken units that no collateral covers, after the best close; 0n if none. For ranking and reports. */
  readonly debtAssets: bigint
}
