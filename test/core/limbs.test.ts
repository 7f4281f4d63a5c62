// Limbs against bigints.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  addAmount,
  addressDigits,
  amountAt,
  floatAt,
  isZeroAt,
  readAddress,
  readAmount,
  subtractAmount,
  writeAmount,
} from '../../src/core/limbs'

const TOP = 1n << 128n
const amount = fc.oneof(
  fc.bigInt({ min: 0n, max: TOP - 1n }),
  fc.nat(128).chain(bits => fc.constantFrom((1n << BigInt(bits)) - 1n, (1n << BigInt(bits)) % TOP)),
)
const word = (value: bigint): string => value.toString(16).padStart(64, '0')
const of = (value: bigint): Uint32Array => {
  const limbs = new Uint32Array(4)
  writeAmount(value, limbs, 0)
  return limbs
}

describe('limbs', () => {
  it('default: what is read and written is what bigints say', () => {
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        const limbs = new Uint32Array(6)
        readAmount(`0x${word(b)}${word(a)}`, 66, limbs, 1)
        expect([amountAt(limbs, 1), limbs[0], limbs[5]]).toEqual([a, 0, 0])
        expect(amountAt(of(a), 0)).toBe(a)
        expect(Math.abs(floatAt(of(a), 0) - Number(a))).toBeLessThanOrEqual(Number(a) * 4e-16)
        expect(isZeroAt(of(a), 0)).toBe(a === 0n)
        const [sum, difference] = [of(a), of(a)]
        expect(addAmount(sum, 0, of(b), 0)).toBe(a + b >= TOP ? 1 : 0)
        expect(amountAt(sum, 0)).toBe((a + b) % TOP)
        expect(subtractAmount(difference, 0, of(b), 0)).toBe(a < b ? 1 : 0)
        expect(amountAt(difference, 0)).toBe((a - b + TOP) % TOP)
      }),
      { seed: 20200312, numRuns: 500 },
    )
  })
  it('behavior: addresses, either case', () => {
    const limbs = new Uint32Array(5)
    readAddress(`0x00112233445566778899AABBCCDDEEFF01abcdef`, 2, limbs, 0)
    expect(addressDigits(limbs, 0)).toBe('00112233445566778899aabbccddeeff01abcdef')
  })
  it('error: more than 128 bits, less than nothing, too few digits', () => {
    const limbs = new Uint32Array(5)
    for (const value of [TOP, 1n << 255n]) expect(() => readAmount(word(value), 0, limbs, 0)).toThrow(RangeError)
    for (const value of [TOP, -1n]) expect(() => writeAmount(value, limbs, 0)).toThrow(RangeError)
    expect(() => readAmount(word(1n), 1, limbs, 0)).toThrow(SyntaxError)
    expect(() => readAddress('0x1234', 2, limbs, 0)).toThrow(SyntaxError)
  })
})
