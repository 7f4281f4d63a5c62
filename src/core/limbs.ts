// Unsigned 128-bit amounts as four 32-bit limbs, lowest first, read straight from hex: no bigint where sums and floats will do.
// Whatever does not fit throws RangeError, whatever is too short SyntaxError; digits are taken as checked by whoever received them.

/** Limbs of one amount, and of one address. */
export const AMOUNT_LIMBS = 4
export const ADDRESS_LIMBS = 5

const MAX_AMOUNT = (1n << 128n) - 1n
const LIMB = 2 ** 32

/** Eight hex digits, either case. */
const readLimb = (hex: string, from: number): number => {
  let value = 0
  for (let at = from; at < from + 8; at++) {
    const code = hex.charCodeAt(at)
    value = (value << 4) | ((code & 15) + (code >> 6) * 9)
  }
  return value
}

/** The 32-byte word at character `from` of `hex` as an amount. */
export const readAmount = (hex: string, from: number, into: Uint32Array, at: number): void => {
  if (hex.length < from + 64) throw new SyntaxError(`a word is missing at digit ${from} of ${hex.length}`)
  let high = 0
  for (let digit = from; digit < from + 32; digit++) high |= hex.charCodeAt(digit) ^ 48
  if (high !== 0) throw new RangeError(`an amount leaves 128 bits: 0x${hex.slice(from, from + 64)}`)
  into[at + 3] = readLimb(hex, from + 32)
  into[at + 2] = readLimb(hex, from + 40)
  into[at + 1] = readLimb(hex, from + 48)
  into[at] = readLimb(hex, from + 56)
}

/** The 20 bytes at character `from` of `hex`. */
export const readAddress = (hex: string, from: number, into: Uint32Array, at: number): void => {
  if (hex.length < from + 40) throw new SyntaxError(`an address is missing at digit ${from} of ${hex.length}`)
  for (let limb = 0; limb < ADDRESS_LIMBS; limb++) into[at + limb] = readLimb(hex, from + 8 * limb)
}

/** Forty digits, lower case, without prefix. */
export const addressDigits = (from: Uint32Array, at: number): string => {
  let digits = ''
  for (let limb = at; limb < at + ADDRESS_LIMBS; limb++) digits += from[limb]!.toString(16).padStart(8, '0')
  return digits
}

export const writeAmount = (amount: bigint, into: Uint32Array, at: number): void => {
  if (amount < 0n || amount > MAX_AMOUNT) throw new RangeError(`an amount leaves 128 bits: ${amount}`)
  scratch64[0] = amount
  scratch64[1] = amount >> 64n
  for (let limb = 0; limb < AMOUNT_LIMBS; limb++) into[at + limb] = scratch[limb]!
}

const scratch64 = new BigUint64Array(2)
const scratch = new Uint32Array(scratch64.buffer)

export const amountAt = (from: Uint32Array, at: number): bigint => {
  for (let limb = 0; limb < AMOUNT_LIMBS; limb++) scratch[limb] = from[at + limb]!
  const low = scratch64[0]!
  return scratch[2] === 0 && scratch[3] === 0 ? low : (scratch64[1]! << 64n) | low
}

/** In float: relative error below 4e-16. */
export const floatAt = (from: Uint32Array, at: number): number =>
  ((from[at + 3]! * LIMB + from[at + 2]!) * LIMB + from[at + 1]!) * LIMB + from[at]!

export const isZeroAt = (from: Uint32Array, at: number): boolean =>
  (from[at]! | from[at + 1]! | from[at + 2]! | from[at + 3]!) === 0

/** `into` += `from`, over four limbs. Returns what is carried out: 0 or 1. */
export const addAmount = (into: Uint32Array, at: number, from: Uint32Array, start: number): number => {
  let carry = 0
  for (let limb = 0; limb < AMOUNT_LIMBS; limb++) {
    const sum = into[at + limb]! + from[start + limb]! + carry
    into[at + limb] = sum
    carry = sum >= LIMB ? 1 : 0
  }
  return carry
}

/** `into` -= `from`, over four limbs. Returns what is borrowed: 0 or 1. */
export const subtractAmount = (into: Uint32Array, at: number, from: Uint32Array, start: number): number => {
  let borrow = 0
  for (let limb = 0; limb < AMOUNT_LIMBS; limb++) {
    const difference = into[at + limb]! - from[start + limb]! - borrow
    into[at + limb] = difference
    borrow = difference < 0 ? 1 : 0
  }
  return borrow
}

export const copyLimbs = (into: Uint32Array, at: number, from: Uint32Array, start: number, limbs: number): void => {
  for (let limb = 0; limb < limbs; limb++) into[at + limb] = from[start + limb]!
}
