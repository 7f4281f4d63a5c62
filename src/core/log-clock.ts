// The time of a log, which carries none: known for blocks whose header was announced. See Folder.beginBlock.
import type { Block, Log } from './primitives'

export interface LogClock {
  begin(block: Block): void
  /** Null where the header of the log's block was not announced, as in history. */
  timeOf(log: Log): bigint | null
}

export const createLogClock = (): LogClock => {
  let header: Block | null = null
  return {
    begin: block => {
      header = block
    },
    timeOf: log =>
      header !== null && header.number === log.blockNumber && header.hash === log.blockHash ? header.timestampSec : null,
  }
}
