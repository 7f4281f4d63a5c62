// Exit codes that tell a supervisor what to do. Decides only; ending the process is shutdown.ts and the entry files.
import { KeeperError, type KeeperErrorCode } from '../core/errors'

export const EXIT = {
  done: 0,
  /** A bug of ours. */
  bug: 70,
  /** The world failed: restart. */
  world: 75,
  /** The configuration is wrong: do not restart. */
  config: 78,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What a person must mend before a restart can help, whatever `retryable` says. */
const FOR_A_PERSON: readonly KeeperErrorCode[] = ['bad-config', 'wrong-chain', 'no-code', 'no-transient-storage', 'no-funds']

/** What an error that ended the process means: 78 for what a person must mend, 75 for other KeeperErrors, 70 for InvariantError and the unknown. */
export const exitCodeOf = (error: unknown): ExitCode => {
  if (!(error instanceof KeeperError)) return EXIT.bug
  return FOR_A_PERSON.includes(error.code) && !error.retryable ? EXIT.config : EXIT.world
}
