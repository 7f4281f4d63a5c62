// A local key that signs type-2 transactions. The key is held by the closure only: no field, no log, no error shows it.
import { privateKeyToAccount } from 'viem/accounts'
import type { Address, Hex } from '../core/primitives'
import type { Signer } from '../ports'

/** Signs with `privateKey` (from the config's secret). The first signature of a process builds tables for 20 ms or so: made here, not on the hot path. */
export const createLocalSigner = (privateKey: Hex): Signer => {
  const account = privateKeyToAccount(privateKey)
  const signer: Signer = {
    address: account.address.toLowerCase() as Address,
    signTransaction: ({ maxFeePerGasWei, maxPriorityFeePerGasWei, ...rest }) =>
      account.signTransaction({
        ...rest,
        type: 'eip1559',
        maxFeePerGas: maxFeePerGasWei,
        maxPriorityFeePerGas: maxPriorityFeePerGasWei,
      }),
  }
  warm(signer)
  return signer
}

const warm = (signer: Signer): void => {
  const nothing = {
    chainId: 1,
    nonce: 0,
    to: signer.address,
    data: '0x',
    gas: 0n,
    maxFeePerGasWei: 0n,
    maxPriorityFeePerGasWei: 0n,
  } as const
  signer.signTransaction(nothing).catch(() => undefined)
}
