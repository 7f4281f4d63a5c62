// Appends ends to a file, one JSON object a line, bigints as decimal strings. Never reads or rewrites what is there.
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { KeeperError } from '../core/errors'
import type { Store } from '../ports'

export interface JsonlStore extends Store {
  /** Writes what is buffered and closes the file; calls after it are refused with an error. */
  close(): void
}

/** How long a line may wait in memory: ends are no part of the hot path, and one write takes many of them. */
const FLUSH_AFTER_MS = 50

const asText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

const openForAppend = (path: string): number => {
  try {
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, 'a')
  } catch (cause) {
    throw new KeeperError('bad-config', `cannot append to ${path}`, { retryable: false, cause })
  }
}

/** Opens `path` for appending, folders included. Throws KeeperError bad-config if it can't be written. */
export const createJsonlStore = (path: string): JsonlStore => {
  const file = openForAppend(path)
  let pending: string[] = []
  let timer: NodeJS.Timeout | null = null
  const flush = () => {
    timer = null
    if (pending.length === 0) return
    const text = pending.join('')
    pending = []
    writeSync(file, text)
  }
  const append = (line: object) => {
    pending.push(`${JSON.stringify(line, asText)}\n`)
    timer ??= setTimeout(flush, FLUSH_AFTER_MS)
  }
  return {
    recordOutcome: outcome => append({ type: 'outcome', ...outcome }),
    recordSkip: (block, skip) => append({ type: 'skip', block, ...skip }),
    close: () => {
      if (timer !== null) clearTimeout(timer)
      flush()
      fsyncSync(file)
      closeSync(file)
    },
  }
}
