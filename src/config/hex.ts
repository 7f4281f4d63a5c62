// Hex values of a config file, before the schema sees them: checksums checked, then lower-cased for the whole house.
import { keccak256, toBytes } from 'viem'
import type { Problem } from './problem'

const HEX = /^0x[0-9a-fA-F]*$/i
const ADDRESS = /^0x[0-9a-fA-F]{40}$/

/** EIP-55 form of 40 hex digits (no `0x`), any case. */
const checksummed = (digits: string): string => {
  const lower = digits.toLowerCase()
  const hash = keccak256(toBytes(lower)).slice(2)
  return [...lower].map((digit, i) => (Number.parseInt(hash[i] ?? '0', 16) >= 8 ? digit.toUpperCase() : digit)).join('')
}

/** The address as its checksum wants it, if it is mixed-case and wrong; null if all is well or it is no address. */
export const wrongChecksum = (text: string): string | null => {
  if (!ADDRESS.test(text)) return null
  const digits = text.slice(2)
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return null
  const right = checksummed(digits)
  return right === digits ? null : `0x${right}`
}

const lowered = (text: string): string => (HEX.test(text) ? text.toLowerCase() : text)

const normaliseText = (text: string, path: readonly PropertyKey[], problems: Problem[]): string => {
  const right = wrongChecksum(text)
  if (right === null) return lowered(text)
  problems.push({
    path,
    value: text,
    message: `the address's checksum is wrong: a digit may be mistyped. If the digits are right, write it in lower case (its checksum form is ${right})`,
  })
  return text.toLowerCase()
}

/** A copy of `raw` with every hex text (keys included) in lower case. Mixed-case addresses whose checksum fails land in `problems`. */
export const normaliseHex = (raw: unknown, path: readonly PropertyKey[], problems: Problem[]): unknown => {
  if (typeof raw === 'string') return normaliseText(raw, path, problems)
  if (Array.isArray(raw)) return raw.map((item, i) => normaliseHex(item, [...path, i], problems))
  if (typeof raw !== 'object' || raw === null) return raw
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => {
      const here = [...path, key]
      return [normaliseText(key, here, problems), normaliseHex(value, here, problems)]
    }),
  )
}
