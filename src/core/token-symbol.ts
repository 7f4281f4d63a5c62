// A token's symbol for display, from whatever it answers: hostile tokens answer anything.
import { wordAt } from './abi-words'
import type { ReadCall, ReadResult } from './folder'
import type { Address } from './primitives'

const SYMBOL = '0x95d89b41'
const LONGEST = 32

/** Little gas, few bytes: it is only a name. */
export const symbolCall = (token: Address): ReadCall => ({ to: token, data: SYMBOL, gasCap: 100_000, maxReturnBytes: 256 })

const printable = (bytes: string): string => {
  let text = ''
  for (let at = 0; at + 1 < bytes.length && text.length < LONGEST; at += 2) {
    const code = Number.parseInt(bytes.slice(at, at + 2), 16)
    if (code === 0) break
    text += code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '?'
  }
  return text.trim()
}

/** An ABI string or a bytes32, as printable ASCII of at most 32 characters; null where it is neither or empty. */
export const symbolOf = (result: ReadResult | undefined): string | null => {
  if (result?.kind !== 'ok' || result.data.length < 66) return null
  const { data } = result
  const isString = data.length >= 130 && wordAt(data, 0) === 32n
  const length = isString ? wordAt(data, 1) : 32n
  const from = isString ? 130 : 2
  const text = printable(data.slice(from, from + 2 * Number(length < 64n ? length : 64n)))
  return text === '' ? null : text
}
