// ABI words as hex that is sliced by hand: reading a log costs a microsecond, not fifty. Knows no function, no event and no protocol.
import type { ReadResult } from './folder'
import type { Address, Hex } from './primitives'

export const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`

/** Length of `0x` plus `words` 32-byte words. */
export const hexLength = (words: number): number => 2 + 64 * words

export const bytesLength = (data: Hex): number => (data.length - 2) / 2

/** Word `index` of `data` as unsigned integer; throws SyntaxError where the data ends before it begins. */
export const wordAt = (data: Hex, index: number): bigint => BigInt(`0x${data.slice(2 + 64 * index, 66 + 64 * index)}`)

/** The address in the low 20 bytes of word `index`. Lower case as the data is. */
export const addressAt = (data: Hex, index: number): Address => `0x${data.slice(26 + 64 * index, 66 + 64 * index)}`

/** The address that a topic holds, or a word without `0x`. */
export const addressOf = (word: string): Address => `0x${word.slice(-40)}`

/** Word `index` as an int24: its low 32 bits are sign-extended by the ABI. */
export const int24At = (data: Hex, index: number): number => int24Of(data.slice(2 + 64 * index, 66 + 64 * index))

/** int24 in a word or topic. */
export const int24Of = (word: string): number => Number.parseInt(word.slice(-8), 16) | 0

/** The answer's data if it holds at least `words` words. Longer is fine: Solidity's decoder ignores what follows. */
export const wordsOf = (result: ReadResult | undefined, words: number): Hex | null =>
  result?.kind === 'ok' && result.data.length >= hexLength(words) ? result.data : null

/** The answer's first word; null if there is none. */
export const numberOf = (result: ReadResult | undefined): bigint | null => {
  const data = wordsOf(result, 1)
  return data === null ? null : wordAt(data, 0)
}

/** The address in the answer's first word; null if there is none. */
export const addressIn = (result: ReadResult | undefined): Address | null => {
  const data = wordsOf(result, 1)
  return data === null ? null : addressAt(data, 0)
}

/** Addresses of a dynamic array that is all of the answer; null where the answer is not one, or has more than `most`. */
export const addressesIn = (result: ReadResult | undefined, most: number): readonly Address[] | null => {
  const head = wordsOf(result, 2)
  if (head === null || wordAt(head, 0) !== 32n) return null
  const count = wordAt(head, 1)
  if (count > BigInt(most) || wordsOf(result, 2 + Number(count)) === null) return null
  return Array.from({ length: Number(count) }, (_, at) => addressAt(head, 2 + at))
}

/** One ABI word, two's complement for negatives; without `0x`. */
export const word = (value: bigint): string => BigInt.asUintN(256, value).toString(16).padStart(64, '0')

export const addressWord = (address: Address): string => address.slice(2).padStart(64, '0')

export const addressTopic = (address: Address): Hex => `0x${addressWord(address)}`
