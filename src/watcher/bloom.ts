// Membership in a header's logsBloom: what is not in it is certainly not in the block's logs. A hit proves nothing.
import { keccak256 } from 'viem'
import type { Hex, LogFilter } from '../core/primitives'

/** The three bits of an item, as positions in the header's hex text and masks within that digit. */
type Bits = readonly { readonly at: number; readonly mask: number }[]

const HEX_DIGITS = 512
const BYTES_USED = [0, 2, 4]

/** Yellow Paper, 4.4.3: the low 11 bits of the first three pairs of bytes of the item's hash. */
const bitsOf = (item: Hex): Bits => {
  const hash = keccak256(item, 'bytes')
  return BYTES_USED.map(byte => {
    const bit = ((hash[byte]! << 8) | hash[byte + 1]!) & 2047
    return { at: 2 + HEX_DIGITS - 1 - (bit >> 2), mask: 1 << (bit & 3) }
  })
}

const digitAt = (text: string, at: number): number => {
  const code = text.charCodeAt(at)
  return code <= 57 ? code - 48 : code - 87
}

const holds = (bloom: Hex, bits: Bits): boolean => bits.every(({ at, mask }) => (digitAt(bloom, at) & mask) !== 0)

export interface BloomTest {
  /** False: no log of the block matches. `bloom` is lower case, 256 bytes; null means unknown, so it may. */
  mayMatch(bloom: Hex | null): boolean
}

/** Remembers the bits of items it has seen: hashing an address costs more than testing it a hundred times. */
export const createBloomTests = (): ((filters: readonly LogFilter[]) => BloomTest) => {
  const seen = new Map<Hex, Bits>()
  const bits = (item: Hex): Bits => {
    const known = seen.get(item)
    if (known !== undefined) return known
    const found = bitsOf(item)
    seen.set(item, found)
    return found
  }
  return filters => {
    const prepared = filters.map(filter => ({
      addresses: filter.addresses.map(bits),
      topics: filter.topics.flatMap(accepted => (accepted === null ? [] : [accepted.map(bits)])),
    }))
    const mayMatchOne = (bloom: Hex, { addresses, topics }: (typeof prepared)[number]): boolean =>
      topics.every(accepted => accepted.some(each => holds(bloom, each))) && addresses.some(each => holds(bloom, each))
    return { mayMatch: bloom => bloom === null || prepared.some(each => mayMatchOne(bloom, each)) }
  }
}
