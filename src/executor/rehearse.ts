// Encodes and signs plans that are never sent, so that the first real one finds this code compiled. Asks and tells nobody anything.
import type { Plan } from '../core/verdict'
import type { Signer } from '../ports'
import type { ExecutorParts } from './parts'

/** Nothing that is signed here could be used: no gas, no fee, and a deadline in 1970. */
export const rehearse = async (
  { codec, chain, contract, wrappedNative }: ExecutorParts,
  signer: Signer,
  plans: readonly Plan[],
): Promise<void> => {
  for (const { takes, bidShareBps, payee } of plans) {
    const order = { lastBlock: 0n, deadlineSec: 0n, wrappedNative, costWei: 0n, floorWei: 1n, bidShareBps, payee }
    const data = codec.encode(
      order,
      takes.map(take => take.leg),
    )
    await signer.signTransaction({
      chainId: chain.id,
      nonce: 0,
      to: contract,
      data,
      gas: 0n,
      maxFeePerGasWei: 0n,
      maxPriorityFeePerGasWei: 0n,
    })
  }
}
