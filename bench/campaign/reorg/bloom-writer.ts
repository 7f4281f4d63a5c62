// Blooms of made-up headers, written down from the Yellow Paper: the product's own reading of blooms is what is tried here.
import { keccak_256 } from 'js-sha3'
import type { Hex } from '../../../src/core/primitives'
import type { Said } from './world'

/** Remembers the bits of what it has hashed. */
export const bloomWriter = (): ((logs: readonly Said[]) => Hex) => {
  const seen = new Map<Hex, readonly number[]>()
  const bitsOf = (item: Hex): readonly number[] => {
    const known = seen.get(item)
    if (known !== undefined) return known
    const hash = keccak_256.array(Buffer.from(item.slice(2), 'hex'))
    const bits = [0, 2, 4].map(at => ((hash[at]! << 8) | hash[at + 1]!) & 2047)
    seen.set(item, bits)
    return bits
  }
  return logs => {
    const bytes = Buffer.alloc(256)
    for (const { address, topics } of logs)
      for (const item of [address, ...topics]) for (const bit of bitsOf(item)) bytes[255 - (bit >> 3)]! |= 1 << (bit & 7)
    return `0x${bytes.toString('hex')}`
  }
}
