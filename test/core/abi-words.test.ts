// Words sliced by hand, against viem's encoder.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { encodeAbiParameters, parseAbiParameters } from 'viem'
import {
  addressAt,
  addressesIn,
  addressIn,
  addressOf,
  addressTopic,
  addressWord,
  bytesLength,
  hexLength,
  int24At,
  int24Of,
  numberOf,
  word,
  wordAt,
  wordsOf,
} from '../../src/core/abi-words'
import type { Address, Hex } from '../../src/core/primitives'

const address = fc.bigInt({ min: 0n, max: (1n << 160n) - 1n }).map((n): Address => `0x${n.toString(16).padStart(40, '0')}`)
const ok = (data: Hex) => ({ kind: 'ok' as const, data })
const failed = { kind: 'failed' as const, why: 'reverted' }

describe('abi words', () => {
  it('default: what the encoder wrote is read, and written alike', () => {
    const amount = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n })
    const tick = fc.integer({ min: -(2 ** 23), max: 2 ** 23 - 1 })
    fc.assert(
      fc.property(amount, address, tick, (value, who, at) => {
        const data = encodeAbiParameters(parseAbiParameters('uint256, address, int24'), [value, who, at])
        expect([wordAt(data, 0), addressAt(data, 1), int24At(data, 2)]).toEqual([value, who, at])
        expect(`0x${word(value)}${addressWord(who)}${word(BigInt(at))}`).toBe(data)
        expect([addressOf(addressTopic(who)), addressOf(addressWord(who)), int24Of(word(BigInt(at)))]).toEqual([who, who, at])
        expect([data.length, bytesLength(data)]).toEqual([hexLength(3), 96])
      }),
      { seed: 20251122, numRuns: 300 },
    )
  })
  it('behavior: answers that are too short or failed are none; longer ones are fine', () => {
    const two: Hex = `0x${word(7n)}${word(8n)}`
    expect([wordsOf(ok(two), 2), wordsOf(ok(two), 3), wordsOf(failed, 1), wordsOf(undefined, 1)]).toEqual([two, null, null, null])
    expect([numberOf(ok(two)), numberOf(ok('0x')), numberOf(failed)]).toEqual([7n, null, null])
    expect([addressIn(ok(two)), addressIn(ok('0x12'))]).toEqual([`0x${'0'.repeat(39)}7`, null])
  })
  it('behavior: a list of addresses is read whole, or not where it is longer than allowed or cut off', () => {
    fc.assert(
      fc.property(fc.array(address, { maxLength: 6 }), list => {
        const data = encodeAbiParameters(parseAbiParameters('address[]'), [list])
        expect(addressesIn(ok(data), 6)).toEqual(list)
        if (list.length > 0) {
          expect(addressesIn(ok(data), list.length - 1)).toBeNull()
          expect(addressesIn(ok(data.slice(0, -2) as Hex), 6)).toBeNull()
        }
      }),
      { seed: 20251122, numRuns: 100 },
    )
    expect(addressesIn(ok(`0x${word(64n)}${word(0n)}`), 6)).toBeNull()
  })
  it('error: a word that is not there', () => {
    expect(() => wordAt('0x12', 1)).toThrow(SyntaxError)
  })
})
