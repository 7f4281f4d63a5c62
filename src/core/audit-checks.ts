// Audits as lists of checks: a call, what the book expects of its answer, what the chain says. Knows no protocol.
import type { ReadCall, ReadResult } from './folder'
import type { PositionRef } from './opportunity'
import type { AuditQuestion } from './strategy'

/** A value in the book, and the chain's. */
export interface Comparison {
  /** For a person, see Drift. */
  readonly field: string
  readonly book: string
  readonly chain: string
}

export interface Check {
  readonly call: ReadCall
  /** All that the answer tells and the book holds, alike or not; null: the answer says nothing. */
  compare(result: ReadResult | undefined): readonly Comparison[] | null
}

/** A check of one value; `read` takes it from the answer, null: there is none. */
export const checkOf = (
  call: ReadCall,
  field: string,
  book: string,
  read: (result: ReadResult | undefined) => string | null,
): Check => ({
  call,
  compare: result => {
    const chain = read(result)
    return chain === null ? null : [{ field, book, chain }]
  },
})

export interface Checks {
  readonly checks: readonly Check[]
  /** The book itself is sure of what it holds: it waits for no reads. */
  readonly isSure: boolean
}

const isSameCall = (a: ReadCall, b: ReadCall | undefined): boolean => a.to === b?.to && a.data === b.data

/**
 * The question that these checks make. It may be asked before the block is folded at whose end its calls are answered: what the book expects
 * is looked up, by `checksNow` again, when the answers are there. They say nothing where other calls would be made by then.
 */
export const auditQuestion = (position: PositionRef, checksNow: () => Checks): AuditQuestion => {
  const calls = checksNow().checks.map(({ call }) => call)
  return {
    position,
    calls,
    compare: results => {
      const { checks, isSure } = checksNow()
      const isSame = checks.length === calls.length && checks.every(({ call }, at) => isSameCall(call, calls[at]))
      const compared = checks.map((check, at) => check.compare(results[at]))
      if (!isSure || !isSame || compared.includes(null)) return null
      return compared.flatMap(each => (each ?? []).flatMap(drift => (drift.book === drift.chain ? [] : [{ position, ...drift }])))
    },
  }
}
