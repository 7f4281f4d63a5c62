// Audits as lists of checks: what differs is told, and when nothing can be said.
import { describe, expect, it } from '@jest/globals'
import { numberOf, word } from '../../src/core/abi-words'
import { auditQuestion, type Checks, checkOf } from '../../src/core/audit-checks'
import type { Address, Hex } from '../../src/core/primitives'

const at = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const position = { strategy: 'made-up', market: at(1), account: at(2) }
const ok = (value: bigint) => ({ kind: 'ok' as const, data: `0x${word(value)}` as Hex })
const failed = { kind: 'failed' as const, why: 'reverted' }
const amountCheck = (to: Address, book: bigint) =>
  checkOf({ to, data: '0x12' }, `amount at ${to}`, String(book), result => numberOf(result)?.toString() ?? null)

describe('auditQuestion', () => {
  let now: Checks
  const asked = (checks: Checks) => {
    now = checks
    return auditQuestion(position, () => now)
  }
  const both = (a: bigint, b: bigint): Checks => ({ checks: [amountCheck(at(8), a), amountCheck(at(9), b)], isSure: true })

  it('default: what differs, with both values; nothing where all agree', () => {
    const question = asked(both(5n, 6n))
    expect([question.position, question.calls.map(({ to }) => to)]).toEqual([position, [at(8), at(9)]])
    expect(question.compare([ok(5n), ok(7n)])).toEqual([{ position, field: `amount at ${at(9)}`, book: '6', chain: '7' }])
    expect(question.compare([ok(5n), ok(6n)])).toEqual([])
  })
  it('behavior: the book is looked up when the answers are there', () => {
    const question = asked(both(5n, 6n))
    now = both(5n, 7n)
    expect(question.compare([ok(5n), ok(7n)])).toEqual([])
  })
  it('behavior: says nothing where an answer is missing, the book waits for reads, or other calls would be made', () => {
    const question = asked(both(5n, 6n))
    expect([question.compare([ok(5n), failed]), question.compare([ok(5n)])]).toEqual([null, null])
    now = { ...both(5n, 6n), isSure: false }
    expect(question.compare([ok(5n), ok(6n)])).toBeNull()
    now = { checks: [amountCheck(at(8), 5n)], isSure: true }
    expect(question.compare([ok(5n), ok(6n)])).toBeNull()
    now = { checks: [amountCheck(at(8), 5n), amountCheck(at(7), 6n)], isSure: true }
    expect(question.compare([ok(5n), ok(6n)])).toBeNull()
  })
})
