// Holds the books against the chain: in each block a few positions, round robin, and those that are under suspicion. Asks nothing
// itself: its calls ride in the block's aggregated read, and it compares once the block is folded.
import type { ReadResult } from '../core/folder'
import type { Block } from '../core/primitives'
import type { AuditQuestion, Book } from '../core/strategy'
import type { Meter } from '../ports'
import type { Quarantine } from './quarantine'

export interface Answered {
  readonly question: AuditQuestion
  readonly results: readonly ReadResult[]
}

export interface Audit {
  /** What to ask in the read of the next block. Where nothing else is read (`isRead` false) only about markets under suspicion. */
  questions(isRead: boolean): readonly AuditQuestion[]
  /** Answers of the end of `block`, with all folded and bootstrapped up to it. */
  compare(block: Block, answers: readonly Answered[]): void
}

export interface AuditDeps {
  readonly books: readonly Book[]
  readonly quarantine: Quarantine
  readonly meter: Meter
  /** Positions of each book in each block; 0: none. */
  readonly perBlock: number
}

/** Of each book, where the configuration says nothing. */
export const DEFAULT_AUDIT_PER_BLOCK = 4

export const createAudit = ({ books, quarantine, meter, perBlock }: AuditDeps): Audit => {
  const cursors = new Map<Book, number>()

  const sampleOf = (book: Book): readonly AuditQuestion[] => {
    const { positions, next } = book.sample(cursors.get(book) ?? 0, perBlock)
    cursors.set(book, next)
    return book.audit(positions)
  }

  return {
    questions: isRead =>
      books.flatMap(book => {
        const suspects = quarantine.suspects(book)
        return [...(suspects.length === 0 ? [] : book.audit(suspects)), ...(isRead && perBlock > 0 ? sampleOf(book) : [])]
      }),
    compare: (block, answers) => {
      const verdicts = answers.map(({ question, results }) => ({ question, drifts: question.compare(results) }))
      const counted = verdicts.filter(({ drifts }) => drifts !== null).length
      if (counted > 0) meter.count('audits', counted)
      quarantine.judge(verdicts, block.number)
    },
  }
}
