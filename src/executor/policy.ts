// What the executor may risk, as numbers. Values only.

export interface ExecutorPolicy {
  /** Share of the predicted net profit that the contract insists on. */
  readonly floorShareBps: bigint
  /** A transaction that nets less is not sent. */
  readonly minProfitWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
  /** maxFeePerGas over the target block's base fee. */
  readonly feeCeilingBps: bigint
  /** Gas limit over simulated gas: refunds hide up to a fifth of the peak, and each nested call keeps back 1/64. */
  readonly gasMarginBps: bigint
  /** EIP-7825's cap on one transaction's gas limit. */
  readonly maxGasPerTransaction: bigint
  /** A leg whose simulated gain is further than this from our own maths is not sent: one of the two is wrong. */
  readonly simulateDeviationBps: bigint
  /** A key that holds less raises an alarm; 0n: only when it holds something back. */
  readonly lowBalanceWei: bigint
  /** Settled transactions are watched for reorgs for so many blocks. */
  readonly finalityDepth: bigint
  /** So many equal failures in a row in simulation are taken as chance; then a position waits, twice as long each time. */
  readonly backoffAfter: number
  readonly backoffMaxBlocks: bigint
  /** How long a shutdown waits for the target blocks of what is in flight. */
  readonly drainTimeoutMs: number
}

export const DEFAULT_EXECUTOR_POLICY: ExecutorPolicy = {
  floorShareBps: 9_000n,
  minProfitWei: 0n,
  maxPriorityFeePerGasWei: 10_000_000n,
  feeCeilingBps: 11_250n,
  gasMarginBps: 13_000n,
  maxGasPerTransaction: 1n << 24n,
  simulateDeviationBps: 200n,
  lowBalanceWei: 0n,
  finalityDepth: 64n,
  backoffAfter: 3,
  backoffMaxBlocks: 256n,
  drainTimeoutMs: 30_000,
}
