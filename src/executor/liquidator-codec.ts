// The executor's RunCodec for contracts/Liquidator.sol: only joins encode.ts and run-result.ts to that interface.
import type { Address } from '../core/primitives'
import { encodeRun } from './encode'
import type { RunCodec } from './run-codec'
import { decodeRevert, decodeRunLogs, type LegResult } from './run-result'

const UNREPORTED: LegResult = { index: -1, ok: false, gainedWei: 0n, failure: 'the contract said nothing of it' }

/** Speaks to, and listens to, the Liquidator at `liquidator`. */
export const createLiquidatorCodec = (liquidator: Address): RunCodec => ({
  encode: encodeRun,
  read: (logs, legCount) => {
    const run = decodeRunLogs(logs, liquidator)
    if (run === null) return null
    const legs = Array.from({ length: legCount }, (_, index) => run.legs.find(leg => leg.index === index) ?? UNREPORTED)
    return {
      revenueWei: run.profitWei,
      bidWei: run.bidWei,
      legs: legs.map(leg =>
        leg.ok ? { kind: 'ok', gainWei: leg.gainedWei } : { kind: 'failed', reason: leg.failure ?? 'failed' },
      ),
    }
  },
  revertReason: decodeRevert,
})
