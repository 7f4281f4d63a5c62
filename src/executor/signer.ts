// A local key that signs type-2 transactions. The key is held by the closure only: no field, no log, no error shows it.
import { privateKeyToAddress, sign } from 'viem/accounts'
import type { Address, Hex } from '../core/primitives'
import type { Signer } from '../ports'
import { keccakOfBytes } from './keccak'
import { transactionBytes } from './transaction-bytes'

/** Signs with `privateKey` (from the config's secret). The first signature of a process builds tables for 20 ms or so: made here, not on the hot path. */
export const createLocalSigner = (privateKey: Hex): Signer => {
  const signer: Signer = {
    address: privateKeyToAddress(privateKey).toLowerCase() as Address,
    signTransaction: async transaction => {
      const { unsigned, signed } = transactionBytes(transaction)
      const { r, s, yParity } = await sign({ hash: keccakOfBytes(unsigned), privateKey })
      return `0x${signed({ r: BigInt(r), s: BigInt(s), yParity: yParity ?? 0 }).toString('hex')}`
    },
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
