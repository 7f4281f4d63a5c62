// Positions under water and the ways to close them, as every protocol describes them to profitability.
import type { Address, Hex } from './primitives'
import type { Step } from './program'

/** One borrow position as people and verdicts name it. */
export interface PositionRef {
  readonly strategy: string
  /** The protocol's own market id (Morpho: bytes32). */
  readonly market: Hex
  readonly account: Address
}

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
  /** What the contract would take and give if asked for `pay`: paid <= pay. Exact to the unit. */
  amountsFor(pay: bigint): { readonly paid: bigint; readonly received: bigint }
  /**
   * The protocol call. It first hands out the collateral, then runs `inside` (which must leave the debt token in the executor),
   * then takes the payment from the executor. Inside, the exact payment is the callback argument `paidWord`.
   * The call stays valid when it lands some slots later.
   */
  encode(pay: bigint, inside: readonly Step[]): readonly Step[]
  readonly paidWord: number
  /** Gas of the protocol's part, without swaps: an estimate for ranking; the simulation has the last word. */
  readonly gas: bigint
}

export interface Opportunity {
  readonly position: PositionRef
  readonly closes: readonly Close[]
  /** Debt in payToken units that no collateral covers, after the best close; 0n if none. For ranking and reports. */
  readonly debtAssets: bigint
}
