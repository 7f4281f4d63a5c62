// Membership in a header's logsBloom: what is not in it is certainly not in the block's logs. A hit proves nothing.
import { keccak256 } from 'viem'
import { logMatches } from '../core/log-filter'
import type { Hex, Log, LogFilter } from '../core/primitives'

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
  /**
   * Whether `logs`, said to be all of the block that match, probably are not: the bloom names an address together with a topic, none of its
   * logs is here, and so many bits are not set by chance. A doubt, no proof: two other logs may have set them. False for a full bloom.
   */
  seemsToLack(bloom: Hex | null, logs: readonly Log[]): boolean
}

/** Doubts that chance would raise more often than in one block of so many are no doubts. */
const RARE = 1 / 64

const BITS = 2048

const bitCount = (digit: number): number => (digit & 1) + ((digit >> 1) & 1) + ((digit >> 2) & 1) + (digit >> 3)

/** The chance that an item which is not there seems to be. */
const chanceOf = (bloom: Hex): number => {
  let set = 0
  for (let at = 2; at < bloom.length; at++) set += bitCount(digitAt(bloom, at))
  return (set / BITS) ** 3
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
      filter,
      addresses: filter.addresses.map(address => ({ address, bits: bits(address) })),
      topics: filter.topics.flatMap(accepted => (accepted === null ? [] : [accepted.map(bits)])),
    }))
    type Prepared = (typeof prepared)[number]
    const holdsTopics = (bloom: Hex, { topics }: Prepared): boolean =>
      topics.every(accepted => accepted.some(each => holds(bloom, each)))
    const mayMatchOne = (bloom: Hex, each: Prepared): boolean =>
      holdsTopics(bloom, each) && each.addresses.some(address => holds(bloom, address.bits))
    /** How many addresses would be taken for present although they are not, on average. */
    const expected = (bloom: Hex): number => {
      const chance = chanceOf(bloom)
      const ofTopics = (accepted: readonly Bits[]): number => Math.min(1, accepted.length * chance)
      return prepared.reduce(
        (sum, { addresses, topics }) => sum + addresses.length * topics.reduce((all, each) => all * ofTopics(each), chance),
        0,
      )
    }
    const lacks = (bloom: Hex, each: Prepared, logs: readonly Log[]): boolean =>
      holdsTopics(bloom, each) &&
      each.addresses.some(
        ({ address, bits }) => holds(bloom, bits) && !logs.some(log => log.address === address && logMatches(each.filter, log)),
      )
    return {
      mayMatch: bloom => bloom === null || prepared.some(each => mayMatchOne(bloom, each)),
      seemsToLack: (bloom, logs) => bloom !== null && prepared.some(each => lacks(bloom, each, logs)) && expected(bloom) <= RARE,
    }
  }
}
