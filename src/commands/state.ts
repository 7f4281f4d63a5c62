// Where commands find the state that `run` keeps: opened for writing by the daemon, looked into by the others.
import { existsSync } from 'node:fs'
import { KeeperError } from '../core/errors'
import type { Shutdown } from '../ops/shutdown'
import type { LogSink } from '../ports'
import { openStateFile, type StateFile } from '../store/state-file'

/** The daemon's own. Throws bad-config where it can't be written. */
export const openState = (path: string, log: LogSink, shutdown: Shutdown): StateFile => {
  const file = openStateFile(path, { log })
  shutdown.onRelease('state', file.close)
  return file
}

/** What a daemon left there, or is keeping there now; null where there is nothing that can be read: then history is. */
export const openSavedState = (path: string, log: LogSink, shutdown: Shutdown): StateFile | null => {
  if (!existsSync(path)) return null
  try {
    const file = openStateFile(path, { isReadOnly: true, log })
    shutdown.onRelease('state', file.close)
    return file
  } catch (error) {
    if (!(error instanceof KeeperError)) throw error
    log.log('warn', 'state-unread', { message: `${error.message}; history is read from its start` })
    return null
  }
}
