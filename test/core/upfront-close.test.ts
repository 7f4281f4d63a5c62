// Closes that are paid for at once: bounds, amounts, one approval for all calls.
import { describe, expect, it } from '@jest/globals'
import type { Address } from '../../src/core/primitives'
import { type UpfrontAsk, upfrontClose } from '../../src/core/upfront-close'

const at = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const terms = { spender: at(1), payToken: at(2), receiveToken: at(3), source: { id: 'x', available: 900n }, gas: 7n }
const ask = (paid: bigint, needed = paid): UpfrontAsk => ({
  step: { kind: 'call', to: at(1), data: `0x${paid.toString(16)}`, fills: [], callback: null },
  paid,
  received: 2n * paid,
  needed,
})
const approve = (value: bigint) => ({ kind: 'approve', token: at(2), spender: at(1), amount: { kind: 'exact', value } })

describe('upfrontClose', () => {
  it('default: a range of sizes, and the largest with what it may come to need', () => {
    const close = upfrontClose(terms, [ask(100n, 110n)], 10n, pay => ask(pay - 1n, pay))
    expect([close.funding, close.minPay, close.maxPay]).toEqual(['upfront', 10n, 100n])
    expect(close.amountsFor(100n)).toEqual({ paid: 100n, received: 200n, needed: 110n })
    expect(close.amountsFor(101n)).toEqual(close.amountsFor(100n))
    expect(close.amountsFor(50n)).toEqual({ paid: 49n, received: 98n, needed: 50n })
    expect(close.encode(50n, [])).toEqual([approve(50n), ask(49n).step])
    expect(close.encode(100n, [])).toEqual([approve(110n), ask(100n).step])
  })
  it('behavior: several calls have one approval, and their amounts are summed', () => {
    const close = upfrontClose(terms, [ask(30n), ask(20n, 25n)], 0n, () => null)
    expect([close.minPay, close.maxPay]).toEqual([50n, 50n])
    expect(close.amountsFor(50n)).toEqual({ paid: 50n, received: 100n, needed: 55n })
    expect(close.encode(50n, [])).toEqual([approve(55n), ask(30n).step, ask(20n).step])
  })
  it('behavior: a size that has no call takes nothing; where the least has none, all is the least', () => {
    const close = upfrontClose(terms, [ask(100n)], 10n, pay => (pay < 50n ? null : ask(pay)))
    expect([close.minPay, close.amountsFor(20n)]).toEqual([100n, { paid: 0n, received: 0n, needed: 0n }])
    expect(upfrontClose(terms, [ask(5n)], 10n, ask).minPay).toBe(5n)
  })
})
