import fc from 'fast-check'
import { keccak256, recoverTransactionAddress, type TransactionSerialized } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Address, Hex } from '../../src/core/primitives'
import { keccakOfBytes, keccakOfHex } from '../../src/executor/keccak'
import { createLocalSigner } from '../../src/executor/signer'
import { transactionBytes } from '../../src/executor/transaction-bytes'
import type { UnsignedTransaction } from '../../src/ports'

const KEY: Hex = `0x${'07'.repeat(32)}`
const account = privateKeyToAccount(KEY)
const signer = createLocalSigner(KEY)

const byViem = ({ maxFeePerGasWei, maxPriorityFeePerGasWei, ...rest }: UnsignedTransaction): Promise<Hex> =>
  account.signTransaction({
    ...rest,
    type: 'eip1559',
    maxFeePerGas: maxFeePerGasWei,
    maxPriorityFeePerGas: maxPriorityFeePerGasWei,
  })

const hexOf = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`

const transactions = fc.record({
  chainId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  nonce: fc.integer({ min: 0, max: 2 ** 40 }),
  to: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes): Address => hexOf(bytes)),
  // The lengths at which RLP's prefixes change, and all bytes that stand for themselves.
  data: fc
    .oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc.uint8Array({ minLength: 54, maxLength: 58 }),
      fc.uint8Array({ minLength: 253, maxLength: 260 }),
      fc.integer({ min: 65_530, max: 65_540 }).map(length => new Uint8Array(length).fill(171)),
    )
    .map(hexOf),
  gas: fc.bigInt({ min: 0n, max: 1n << 63n }),
  maxFeePerGasWei: fc.bigInt({ min: 0n, max: 1n << 100n }),
  maxPriorityFeePerGasWei: fc.bigInt({ min: 0n, max: 1n << 100n }),
})

describe('keccak', () => {
  test('default: as viem has it, at any length around a block of the sponge (property)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        expect(keccakOfBytes(bytes)).toBe(keccak256(bytes))
        expect(keccakOfHex(hexOf(bytes))).toBe(keccak256(bytes))
      }),
      { seed: 8, numRuns: 300 },
    )
  })
})

describe('createLocalSigner', () => {
  test('default: byte for byte what viem signs (property)', async () => {
    await fc.assert(
      fc.asyncProperty(transactions, async drawn => {
        const transaction = { ...drawn, maxFeePerGasWei: drawn.maxFeePerGasWei + drawn.maxPriorityFeePerGasWei }
        expect(await signer.signTransaction(transaction)).toBe(await byViem(transaction))
      }),
      { seed: 7, numRuns: 150 },
    )
  })

  test('behavior: the address is the lower-case one of the key, and the signature is its', async () => {
    const raw = await signer.signTransaction({
      chainId: 1,
      nonce: 3,
      to: signer.address,
      data: '0x00',
      gas: 21_000n,
      maxFeePerGasWei: 2n,
      maxPriorityFeePerGasWei: 1n,
    })
    expect(signer.address).toBe(account.address.toLowerCase())
    expect((await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerialized })).toLowerCase()).toBe(
      signer.address,
    )
  })

  test('behavior: a signature whose r begins with zeros is written without them', () => {
    const { signed, unsigned } = transactionBytes({
      chainId: 1,
      nonce: 0,
      to: signer.address,
      data: '0x',
      gas: 0n,
      maxFeePerGasWei: 0n,
      maxPriorityFeePerGasWei: 0n,
    })
    const short = signed({ r: 1n << 240n, s: 5n, yParity: 0 })
    // Signature: yParity as the empty string, r with a prefix and 31 bytes, s as itself.
    expect(short.subarray(-(1 + 32 + 1)).toString('hex')).toBe(`809f01${'00'.repeat(30)}05`)
    expect(keccak256(unsigned)).toMatch(/^0x[0-9a-f]{64}$/)
  })
})
