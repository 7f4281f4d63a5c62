// Real local signers with keys that only tests know.
import type { Hex } from '../../src/core/primitives'
import { createLocalSigner } from '../../src/executor/signer'
import type { Signer } from '../../src/ports'

/** Key number `n` (from 1). */
export const testKey = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`

export const testSigners = (count: number): readonly Signer[] =>
  Array.from({ length: count }, (_, index) => createLocalSigner(testKey(index + 1)))
