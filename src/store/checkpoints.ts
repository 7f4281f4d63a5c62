// One chain's checkpoints in the state file: written in slices between which others have their turn, whole or not at all, and read back only
// if every byte is what was written. Decides nothing about which one is used.
import { createHash } from 'node:crypto'
import { KeeperError } from '../core/errors'
import type { SavedState, StatePart } from '../core/folder'
import type { Hex } from '../core/primitives'
import type { Checkpoint, Checkpoints, FolderMark, StoredCheckpoint } from '../ports'
import type { Db, StateFile } from './state-file'

/** Bytes written at a time. */
const SLICE = 2 ** 18

interface Slice {
  readonly folder: string
  readonly name: string
  readonly kind: 'text' | 'bytes'
  readonly bytes: Uint8Array
}

/** What identifies a stored slice, as the digest covers it. */
interface SliceMark {
  readonly folder: string
  readonly name: string
  readonly kind: string
  readonly sha256: Buffer
}

interface CheckpointRow {
  readonly id: bigint
  readonly block: bigint
  readonly note: string
  readonly digest: Buffer
}

const bad = (message: string, cause?: unknown): KeeperError =>
  new KeeperError('bad-checkpoint', message, { retryable: true, cause })

const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest()

const byName = (a: FolderMark, b: FolderMark): number => (a.name < b.name ? -1 : 1)

const markOf = ({ name, fingerprint, block, stage }: FolderMark) => [name, fingerprint, `${block.number}`, block.hash, stage]

/** Covers everything that is read back. */
const digestOf = (
  chainId: number,
  block: bigint,
  note: string,
  folders: readonly FolderMark[],
  slices: readonly SliceMark[],
): Buffer =>
  sha256(
    JSON.stringify([
      chainId,
      block.toString(),
      note,
      [...folders].sort(byName).map(markOf),
      slices.map(({ folder, name, kind, sha256: hash }) => [folder, name, kind, hash.toString('hex')]),
    ]),
  )

/** A part of no bytes is a slice too: it must come back. */
function* slicesOf({ folders }: Checkpoint): Iterable<Slice> {
  for (const { name: folder, state } of folders) {
    for (const [name, part] of state) {
      const kind = typeof part === 'string' ? 'text' : 'bytes'
      const bytes = typeof part === 'string' ? Buffer.from(part) : part
      for (let at = 0; at === 0 || at < bytes.length; at += SLICE)
        yield { folder, name, kind, bytes: bytes.subarray(at, at + SLICE) }
    }
  }
}

const newestBlock = (folders: readonly FolderMark[]): bigint =>
  folders.reduce((newest, { block }) => (block.number > newest ? block.number : newest), 0n)

const pause = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const insertHead = (db: Db, chainId: number, { folders, note }: Checkpoint): bigint => {
  const insert = db.prepare('INSERT INTO checkpoint (chain, block, note, digest) VALUES (?, ?, ?, NULL)')
  const id = BigInt(insert.run(chainId, newestBlock(folders), note).lastInsertRowid)
  const add = db.prepare('INSERT INTO folder (checkpoint, name, fingerprint, block, hash, stage) VALUES (?, ?, ?, ?, ?, ?)')
  for (const { name, fingerprint, block, stage } of folders) add.run(id, name, fingerprint, block.number, block.hash, stage)
  return id
}

const insertSlice = (db: Db, id: bigint, { folder, name, kind, bytes }: Slice): SliceMark => {
  const hash = sha256(bytes)
  // Not yet durable, slice by slice: the end is, and all before it with it.
  db.pragma('synchronous = NORMAL')
  db.prepare('INSERT INTO part (checkpoint, folder, name, kind, sha256, bytes) VALUES (?, ?, ?, ?, ?, ?)').run(
    id,
    folder,
    name,
    kind,
    hash,
    bytes,
  )
  return { folder, name, kind, sha256: hash }
}

const finish = (db: Db, id: bigint, digest: Buffer): void => {
  db.pragma('synchronous = FULL')
  const { changes } = db.prepare('UPDATE checkpoint SET digest = ? WHERE id = ?').run(digest, id)
  if (changes !== 1) throw bad('another process removed the checkpoint that was being saved: two must not keep the same chain')
}

/** One slice less, or in the end the checkpoint itself. Returns whether anything is left of it. */
const shrink = (db: Db, id: bigint): boolean => {
  db.pragma('synchronous = NORMAL')
  const { changes } = db.prepare('DELETE FROM part WHERE id IN (SELECT id FROM part WHERE checkpoint = ? LIMIT 4)').run(id)
  if (changes > 0) return true
  db.prepare('DELETE FROM folder WHERE checkpoint = ?').run(id)
  db.prepare('DELETE FROM checkpoint WHERE id = ?').run(id)
  return false
}

const rowsOf = (db: Db, chainId: number): readonly CheckpointRow[] =>
  db
    .prepare('SELECT id, block, note, digest FROM checkpoint WHERE chain = ? AND digest IS NOT NULL ORDER BY id DESC')
    .all(chainId) as CheckpointRow[]

const foldersOf = (db: Db, id: bigint): readonly FolderMark[] =>
  (
    db.prepare('SELECT name, fingerprint, block, hash, stage FROM folder WHERE checkpoint = ?').all(id) as {
      name: string
      fingerprint: string
      block: bigint
      hash: Hex
      stage: FolderMark['stage']
    }[]
  ).map(({ name, fingerprint, block, hash, stage }) => ({ name, fingerprint, block: { number: block, hash }, stage }))

const marksOf = (db: Db, id: bigint): readonly SliceMark[] =>
  db.prepare('SELECT folder, name, kind, sha256 FROM part WHERE checkpoint = ? ORDER BY id').all(id) as SliceMark[]

const joined = (pieces: readonly Buffer[]): Buffer => (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))

const loadFolder = (db: Db, id: bigint, folder: string): SavedState => {
  const pieces = new Map<string, { readonly kind: string; readonly bytes: Buffer[] }>()
  const rows = db.prepare('SELECT name, kind, sha256, bytes FROM part WHERE checkpoint = ? AND folder = ? ORDER BY id')
  for (const row of rows.iterate(id, folder) as Iterable<SliceMark & { readonly bytes: Buffer }>) {
    if (!sha256(row.bytes).equals(row.sha256)) throw bad(`the saved ${row.name} of ${folder} is damaged: its hash does not fit`)
    const piece = pieces.get(row.name)
    if (piece === undefined) pieces.set(row.name, { kind: row.kind, bytes: [row.bytes] })
    else piece.bytes.push(row.bytes)
  }
  const state = new Map<string, StatePart>()
  for (const [name, { kind, bytes }] of pieces) {
    const whole = joined(bytes)
    state.set(name, kind === 'text' ? whole.toString() : whole)
    pieces.delete(name)
  }
  return state
}

/** Which of those there were stays beside a new checkpoint at `block`: the newest that is `apart` blocks older, else the oldest. */
const companionOf = (older: readonly CheckpointRow[], block: bigint, apart: bigint): CheckpointRow | undefined =>
  older.find(row => row.block + apart <= block) ?? older.at(-1)

/** Of the chain `chainId`. `apart`: blocks by which the two that are kept differ where that is possible. */
export const createCheckpoints = (file: StateFile, chainId: number, apart: bigint): Checkpoints => {
  const { use } = file

  const remove = async (id: bigint): Promise<void> => {
    while (use('remove an old checkpoint', db => shrink(db, id))) await pause()
  }

  /** What a process that ended too early left half written. */
  const clean = async (): Promise<void> => {
    const halves = use('look for old checkpoints', db =>
      db.prepare('SELECT id FROM checkpoint WHERE chain = ? AND digest IS NULL').pluck().all(chainId),
    ) as bigint[]
    for (const id of halves) await remove(id)
  }

  const write = async (checkpoint: Checkpoint): Promise<bigint> => {
    const what = 'save a checkpoint'
    const id = use(what, db => db.transaction(() => insertHead(db, chainId, checkpoint)).immediate())
    const marks: SliceMark[] = []
    for (const slice of slicesOf(checkpoint)) {
      await pause()
      marks.push(use(what, db => insertSlice(db, id, slice)))
    }
    await pause()
    const { folders, note } = checkpoint
    use(what, db => finish(db, id, digestOf(chainId, newestBlock(folders), note, folders, marks)))
    return id
  }

  const save = async (checkpoint: Checkpoint): Promise<void> => {
    await clean()
    const id = await write(checkpoint)
    const older = use('look for old checkpoints', db => rowsOf(db, chainId)).filter(row => row.id !== id)
    const kept = companionOf(older, newestBlock(checkpoint.folders), apart)
    for (const row of older) if (row !== kept) await remove(row.id)
  }

  const stored = ({ id, block, note, digest }: CheckpointRow): StoredCheckpoint => ({
    id: Number(id),
    blockNumber: block,
    read: () =>
      use('read a checkpoint', db => {
        const folders = foldersOf(db, id)
        if (!digestOf(chainId, block, note, folders, marksOf(db, id)).equals(digest))
          throw bad(`the checkpoint of block ${block} is damaged: its digest does not fit`)
        return { folders, note }
      }),
    load: folder => use('read a checkpoint', db => loadFolder(db, id, folder)),
  })

  return {
    save: checkpoint => (file.isReadOnly ? Promise.resolve() : save(checkpoint)),
    stored: () => use('look for checkpoints', db => rowsOf(db, chainId)).map(stored),
    drop: id => {
      if (file.isReadOnly) return
      try {
        while (use('remove a checkpoint', db => shrink(db, BigInt(id))));
      } catch (error) {
        if (!(error instanceof KeeperError)) throw error
      }
    },
  }
}
