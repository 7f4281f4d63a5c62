// Checkpoints in a real file: kept whole or not at all, two of them, and whatever is damaged, foreign or newer is refused with a word.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { KeeperError } from '../../src/core/errors'
import type { StatePart } from '../../src/core/folder'
import type { Checkpoint, Checkpoints, FolderMark } from '../../src/ports'
import { createCheckpoints } from '../../src/store/checkpoints'
import { openStateFile, type StateFile } from '../../src/store/state-file'
import { createFakeLog } from '../fakes/store'

const folder = mkdtempSync(join(tmpdir(), 'bulwark-state-'))
afterAll(() => rmSync(folder, { recursive: true }))

const CHAIN = 1
const APART = 64n
let path: string
let count = 0
const open: StateFile[] = []
beforeEach(() => {
  count += 1
  path = join(folder, `${count}`, 'deep', 'state.sqlite')
})
afterEach(() => {
  for (const file of open.splice(0)) file.close()
})

const opened = (options: { chain?: number; isReadOnly?: boolean; log?: ReturnType<typeof createFakeLog> } = {}): Checkpoints => {
  const file = openStateFile(path, { isReadOnly: options.isReadOnly ?? false, log: options.log ?? createFakeLog() })
  open.push(file)
  return createCheckpoints(file, options.chain ?? CHAIN, APART)
}
const closeAll = (): void => {
  for (const file of open.splice(0)) file.close()
}

const bytes = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, n) => (n * 31 + seed) & 255)
const markOf = (name: string, number: bigint): FolderMark => ({
  name,
  fingerprint: `${name} 1`,
  block: { number, hash: `0x${number.toString(16).padStart(64, '0')}` },
  stage: name === 'venue' ? 'history' : 'live',
})
const checkpointAt = (number: bigint, size = 300_000): Checkpoint => ({
  note: `at ${number}`,
  folders: [
    {
      ...markOf('book', number),
      state: new Map<string, StatePart>([
        ['text', `{"ä":"${number}"}`],
        ['pages', bytes(size, Number(number))],
        ['nothing', new Uint8Array(0)],
        ['silence', ''],
      ]),
    },
    { ...markOf('venue', number - 1n), state: new Map([['pools', 'none']]) },
  ],
})

const blocks = (checkpoints: Checkpoints): bigint[] => checkpoints.stored().map(({ blockNumber }) => blockNumber)
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return error instanceof KeeperError ? `${error.code}: ${error.message}` : String(error)
  }
  return 'nothing was thrown'
}

describe('save and load', () => {
  it('default: all comes back, after the file was closed and opened again', async () => {
    await opened().save(checkpointAt(100n))
    closeAll()
    const [stored, ...others] = opened().stored()
    expect(others).toEqual([])
    expect(stored!.blockNumber).toBe(100n)
    expect(stored!.read()).toEqual({ note: 'at 100', folders: [markOf('book', 100n), markOf('venue', 99n)] })
    const state = stored!.load('book')
    expect([...state.keys()]).toEqual(['text', 'pages', 'nothing', 'silence'])
    expect([state.get('text'), state.get('silence')]).toEqual(['{"ä":"100"}', ''])
    expect(Buffer.compare(state.get('pages') as Uint8Array, bytes(300_000, 100))).toBe(0)
    expect(state.get('nothing')).toHaveLength(0)
    expect(stored!.load('venue')).toEqual(new Map([['pools', 'none']]))
  })

  it('behavior: two are kept, and if possible so that they are far apart', async () => {
    const checkpoints = opened()
    const seen: bigint[][] = []
    for (const number of [10n, 20n, 100n, 110n, 200n, 300n, 301n, 302n]) {
      await checkpoints.save(checkpointAt(number, 10))
      seen.push(blocks(checkpoints))
    }
    expect(seen).toEqual([[10n], [20n, 10n], [100n, 20n], [110n, 20n], [200n, 110n], [300n, 200n], [301n, 200n], [302n, 200n]])
  })

  it('behavior: after a chain began anew the old ones go', async () => {
    const checkpoints = opened()
    for (const number of [5000n, 5100n, 10n, 100n, 200n]) await checkpoints.save(checkpointAt(number, 10))
    expect(blocks(checkpoints)).toEqual([200n, 100n])
  })

  it('behavior: chains share a file and know nothing of each other', async () => {
    await opened().save(checkpointAt(1n, 10))
    const other = opened({ chain: 8453 })
    expect(other.stored()).toEqual([])
    await other.save(checkpointAt(2n, 10))
    expect([blocks(opened()), blocks(other)]).toEqual([[1n], [2n]])
  })

  it('behavior: others have their turn while it is written, and what is not whole does not count', async () => {
    const [writing, reading] = [opened(), opened()]
    await writing.save(checkpointAt(1n, 10))
    let turns = 0
    let isDone = false
    const saving = writing.save(checkpointAt(200n, 2_000_000)).then(() => {
      isDone = true
    })
    while (!isDone) {
      await new Promise(resolve => setImmediate(resolve))
      turns += 1
      if (!isDone) expect(blocks(reading).at(-1)).toBe(1n)
    }
    await saving
    expect(turns).toBeGreaterThan(8)
    expect(blocks(reading)).toEqual([200n, 1n])
  })

  it('behavior: what a process that was killed left half written is cleared away', async () => {
    const dying = openStateFile(path, { log: createFakeLog() })
    createCheckpoints(dying, CHAIN, APART)
      .save(checkpointAt(100n))
      .catch(() => undefined)
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
    const db = new Database(path)
    expect(db.prepare('SELECT count(*) FROM checkpoint').pluck().get()).toBe(1)
    dying.close()
    const checkpoints = opened()
    expect(checkpoints.stored()).toEqual([])
    await checkpoints.save(checkpointAt(200n, 10))
    expect(blocks(checkpoints)).toEqual([200n])
    expect(db.prepare('SELECT count(DISTINCT checkpoint) FROM part').pluck().get()).toBe(1)
    db.close()
  })

  it('error: a file that another process has locked: it says so soon, and can be saved to later', async () => {
    const checkpoints = opened()
    await checkpoints.save(checkpointAt(100n, 10))
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(checkpoints.save(checkpointAt(200n, 10))).rejects.toMatchObject({
      code: 'bad-checkpoint',
      message: expect.stringContaining('database is locked') as string,
    })
    other.exec('ROLLBACK')
    other.close()
    await checkpoints.save(checkpointAt(200n, 10))
    expect(blocks(checkpoints)).toEqual([200n, 100n])
  })

  it('behavior: dropped, it is gone', async () => {
    const checkpoints = opened()
    await checkpoints.save(checkpointAt(100n))
    checkpoints.drop(checkpoints.stored()[0]!.id)
    checkpoints.drop(77)
    expect(checkpoints.stored()).toEqual([])
  })

  it('behavior: read only, it reads and changes nothing', async () => {
    await opened().save(checkpointAt(100n))
    const reader = opened({ isReadOnly: true })
    expect(reader.stored()[0]!.load('venue').get('pools')).toBe('none')
    await reader.save(checkpointAt(200n))
    reader.drop(reader.stored()[0]!.id)
    expect(blocks(reader)).toEqual([100n])
  })
})

describe('damage', () => {
  /** Runs SQL on a closed file, as a stranger would. */
  const tamper = (sql: string): void => {
    closeAll()
    const db = new Database(path)
    db.exec(sql)
    db.close()
  }
  beforeEach(async () => {
    await opened().save(checkpointAt(100n))
  })

  it.each([
    ['a byte of a part', "UPDATE part SET bytes = zeroblob(length(bytes)) WHERE name = 'pages' AND id = 2"],
    ['a byte of a text', "UPDATE part SET bytes = x'7b7d' WHERE name = 'text'"],
  ])('error: %s has changed', (_, sql) => {
    tamper(sql)
    const [stored] = opened().stored()
    expect(codeOf(() => stored!.load('book'))).toMatch(/^bad-checkpoint: the saved (pages|text) of book is damaged/)
  })

  it.each([
    ['a hash', "UPDATE part SET sha256 = x'00' WHERE name = 'pools'"],
    ['a part that is missing', "DELETE FROM part WHERE name = 'pools'"],
    ['a folder', "UPDATE folder SET fingerprint = 'other' WHERE name = 'book'"],
    ['a block', "UPDATE folder SET hash = '0x00' WHERE name = 'book'"],
    ['a stage', "UPDATE folder SET stage = 'live'"],
    ['a note', "UPDATE checkpoint SET note = ''"],
    ['another chain', 'UPDATE checkpoint SET chain = 10'],
  ])('error: %s', (what, sql) => {
    tamper(sql)
    const [stored] = opened({ chain: what === 'another chain' ? 10 : CHAIN }).stored()
    expect(codeOf(() => stored!.read())).toBe('bad-checkpoint: the checkpoint of block 100 is damaged: its digest does not fit')
  })

  it('error: bytes flipped anywhere never come back as good', async () => {
    await opened().save(checkpointAt(200n))
    closeAll()
    const whole = readFileSync(path)
    let refused = 0
    for (let n = 0; n < 40; n++) {
      const flipped = Buffer.from(whole)
      const at = Math.floor(((n + 0.5) / 40) * flipped.length)
      flipped[at]! ^= 0x55
      writeFileSync(path, flipped)
      const log = createFakeLog()
      let good = 0
      try {
        for (const stored of opened({ log }).stored()) {
          const { folders } = stored.read()
          for (const { name } of folders) stored.load(name)
          good += 1
          expect(codeOf(() => stored.load('book'))).toBe('nothing was thrown')
          expect(Buffer.compare(stored.load('book').get('pages') as Uint8Array, bytes(300_000, Number(stored.blockNumber)))).toBe(
            0,
          )
        }
      } catch (error) {
        expect(error).toBeInstanceOf(KeeperError)
      }
      if (good < 2) refused += 1
      closeAll()
    }
    expect(refused).toBeGreaterThan(25)
  })

  it.each([0.05, 0.3, 0.7])(
    'error: cut off after %d of its length, it is set aside or refused, and a new one can be saved',
    async share => {
      closeAll()
      truncateSync(path, Math.floor(statSync(path).size * share))
      const log = createFakeLog()
      const checkpoints = opened({ log })
      const readAll = (): void => {
        for (const stored of checkpoints.stored()) for (const { name } of stored.read().folders) stored.load(name)
      }
      if (log.lines.length === 0) expect(readAll).toThrow(expect.objectContaining({ code: 'bad-checkpoint' }))
      else expect([log.lines[0]!.event, checkpoints.stored()]).toEqual(['state-refused', []])
      for (let tries = 0; tries < 2; tries++) await checkpoints.save(checkpointAt(300n)).catch(() => undefined)
      expect(blocks(checkpoints)[0]).toBe(300n)
      expect(checkpoints.stored()[0]!.load('venue').get('pools')).toBe('none')
    },
  )

  it('error: no database at all, and one of a newer version, are set aside with a warning', async () => {
    for (const spoil of [
      () => writeFileSync(path, 'something else, and long enough to be no header of a database file at all\n'.repeat(20)),
      () => tamper('PRAGMA user_version = 2'),
      () => writeSync(openSync(path, 'r+'), 'x', 3),
    ]) {
      closeAll()
      spoil()
      const log = createFakeLog()
      const checkpoints = opened({ log })
      expect(checkpoints.stored()).toEqual([])
      await checkpoints.save(checkpointAt(100n))
      expect(blocks(checkpoints)).toEqual([100n])
      expect(log.lines.map(({ level, event }) => `${level} ${event}`)).toEqual(['warn state-refused'])
      expect(existsSync(`${path}.refused`)).toBe(true)
    }
  })

  it('error: read only, what can not be read is left where it is', () => {
    tamper('PRAGMA user_version = 2')
    expect(codeOf(() => opened({ isReadOnly: true }))).toMatch(/^bad-checkpoint: .* has schema 2, and this version knows only 1$/)
    expect(existsSync(`${path}.refused`)).toBe(false)
  })
})

describe('where it can not be', () => {
  it('error: a folder, a file in the way, a file of somebody else', () => {
    mkdirSync(path, { recursive: true })
    expect(codeOf(() => opened())).toMatch(/^bad-config: the state can't be kept in /)
    const blocked = join(folder, 'blocked')
    writeFileSync(blocked, '')
    path = join(blocked, 'state.sqlite')
    expect(codeOf(() => opened())).toMatch(/^bad-config: the state can't be kept in /)
    path = join(folder, 'foreign.sqlite')
    const db = new Database(path)
    db.exec('CREATE TABLE diary (entry TEXT)')
    db.close()
    expect(codeOf(() => opened())).toMatch(/^bad-config: .* is a database of another program: name another file in `store`$/)
    path = join(folder, 'missing.sqlite')
    expect(codeOf(() => opened({ isReadOnly: true }))).toMatch(/^bad-config: the state can't be kept in /)
  })
})
