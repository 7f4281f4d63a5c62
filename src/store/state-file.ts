// The embedded store: one SQLite file, opened, checked and mended. Knows no rows: what is in it belongs to those who ask.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { KeeperError } from '../core/errors'
import type { LogSink } from '../ports'

export type Db = Database.Database

export interface StateFile {
  readonly path: string
  readonly isReadOnly: boolean
  /** Runs `work`. Throws KeeperError bad-checkpoint where the file can't do it; one that is damaged is set aside and begun anew before. */
  use<T>(what: string, work: (db: Db) => T): T
  close(): void
}

export interface StateFileOptions {
  /** Looks into a file that somebody else may be writing, and changes nothing. */
  readonly isReadOnly?: boolean
  readonly log: LogSink
}

/** In the file's header: "Bulw". */
const APPLICATION_ID = 0x42756c77
/** Raised with each change of the tables below; there is no older one to upgrade from yet. */
const SCHEMA_VERSION = 1
/** Patience with a lock of another process: at the start, and later, when the keeper waits meanwhile. */
const BUSY_MS = { opening: 2_000, later: 200 }

/**
 * A checkpoint counts once it has a digest: of all that describes it, its parts' hashes included. Parts lie in slices, in the order of their
 * ids; hashes stand before the bytes, so that reading them touches no other page.
 */
const SCHEMA = `
  CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY AUTOINCREMENT, chain INTEGER NOT NULL, block INTEGER NOT NULL, note TEXT NOT NULL, digest BLOB
  ) STRICT;
  CREATE TABLE folder (
    checkpoint INTEGER NOT NULL, name TEXT NOT NULL, fingerprint TEXT NOT NULL, block INTEGER NOT NULL, hash TEXT NOT NULL,
    stage TEXT NOT NULL, PRIMARY KEY (checkpoint, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE part (
    id INTEGER PRIMARY KEY, checkpoint INTEGER NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
    sha256 BLOB NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE INDEX part_of ON part (checkpoint, folder);
`

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const badConfig = (message: string, cause: unknown): KeeperError =>
  new KeeperError('bad-config', message, { retryable: false, cause })
const badCheckpoint = (message: string, cause: unknown): KeeperError =>
  new KeeperError('bad-checkpoint', message, { retryable: true, cause })

/** By its code: the driver throws the error class of whoever loaded it first, which need not be ours. */
const sqliteCode = (error: unknown): string | null => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : null
}

const isDamage = (error: unknown): boolean => /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ)/.test(sqliteCode(error) ?? '')

/** Null: ours and of this version, or empty and to be filled. Else why its content is not ours to read. */
const strangeness = (db: Db, isReadOnly: boolean): { readonly isOurs: boolean; readonly why: string } | null => {
  const tables = Number(db.prepare('SELECT count(*) FROM sqlite_master').pluck().get())
  if (tables === 0) return isReadOnly ? { isOurs: true, why: 'is empty so far' } : null
  const application = Number(db.pragma('application_id', { simple: true }))
  const version = Number(db.pragma('user_version', { simple: true }))
  if (application !== APPLICATION_ID) return { isOurs: false, why: 'is a database of another program' }
  if (version === SCHEMA_VERSION) return null
  return { isOurs: true, why: `has schema ${version}, and this version knows only ${SCHEMA_VERSION}` }
}

const createTables = (db: Db): void =>
  db
    .transaction(() => {
      if (Number(db.prepare('SELECT count(*) FROM sqlite_master').pluck().get()) > 0) return
      db.exec(SCHEMA)
      db.pragma(`application_id = ${APPLICATION_ID}`)
      db.pragma(`user_version = ${SCHEMA_VERSION}`)
    })
    .immediate()

const prepared = (db: Db, isReadOnly: boolean): Db => {
  db.defaultSafeIntegers(true)
  if (isReadOnly) return db
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  createTables(db)
  db.pragma(`busy_timeout = ${BUSY_MS.later}`)
  return db
}

/** Out of the way, not lost: the one set aside before goes. */
const setAside = (path: string): string => {
  const aside = `${path}.refused`
  for (const end of ['', '-wal', '-shm']) {
    rmSync(`${aside}${end}`, { force: true })
    if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${aside}${end}`)
  }
  return aside
}

const open = (path: string, isReadOnly: boolean): Db => {
  try {
    if (!isReadOnly) mkdirSync(dirname(path), { recursive: true })
    return new Database(path, { readonly: isReadOnly, fileMustExist: isReadOnly, timeout: BUSY_MS.opening })
  } catch (cause) {
    throw badConfig(`the state can't be kept in ${path}: ${reasonOf(cause)}`, cause)
  }
}

/**
 * Opens `path`, folders included. What is damaged or of a newer version is set aside with a warning, and a new file begun. Throws
 * KeeperError bad-config where the file can't be written, or is another program's database.
 */
export const openStateFile = (path: string, { isReadOnly = false, log }: StateFileOptions): StateFile => {
  const begin = (): Db => {
    const db = open(path, isReadOnly)
    try {
      const strange = strangeness(db, isReadOnly)
      if (strange === null) return prepared(db, isReadOnly)
      if (!strange.isOurs) throw badConfig(`${path} ${strange.why}: name another file in \`store\``, undefined)
      db.close()
      return replace(strange.why)
    } catch (error) {
      db.close()
      if (error instanceof KeeperError) throw error
      if (isDamage(error)) return replace(`can't be read: ${reasonOf(error)}`)
      throw badConfig(`the state can't be kept in ${path}: ${reasonOf(error)}`, error)
    }
  }

  const replace = (why: string): Db => {
    if (isReadOnly) throw badCheckpoint(`${path} ${why}`, undefined)
    const aside = setAside(path)
    log.log('warn', 'state-refused', {
      message: `${path} ${why}. It lies in ${aside} now; a new file is begun, history is read again`,
    })
    return prepared(open(path, false), false)
  }

  let db = begin()
  let isClosed = false
  return {
    path,
    isReadOnly,
    use: (what, work) => {
      if (isClosed) throw badCheckpoint(`can't ${what} in ${path}: it is closed`, undefined)
      try {
        return work(db)
      } catch (error) {
        if (sqliteCode(error) === null) throw error
        if (isDamage(error) && !isReadOnly) {
          db.close()
          db = replace(`is damaged: ${reasonOf(error)}`)
        }
        throw badCheckpoint(`can't ${what} in ${path}: ${reasonOf(error)}`, error)
      }
    },
    close: () => {
      isClosed = true
      db.close()
    },
  }
}
