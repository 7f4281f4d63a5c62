// Saved state as text and bytes: JSON that holds bigints (a bigint is its digits followed by `n`; texts that look so are not to be saved).
import { KeeperError } from './errors'
import type { SavedState } from './folder'

export const badCheckpoint = (why: string, cause?: unknown): KeeperError =>
  new KeeperError('bad-checkpoint', `saved state: ${why}`, { retryable: false, cause })

export const writeJson = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each))

/** What `writeJson` made of the part. Throws KeeperError 'bad-checkpoint' where it is absent or no JSON object. */
export const readJsonPart = (state: SavedState, key: string): object => {
  const text = state.get(key)
  if (typeof text !== 'string') throw badCheckpoint(`no text named ${key}`)
  try {
    const value: unknown = JSON.parse(text, (_, each: unknown) =>
      typeof each === 'string' && /^-?\d+n$/.test(each) ? BigInt(each.slice(0, -1)) : each,
    )
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw badCheckpoint(`${key} is no JSON`, cause)
  }
  throw badCheckpoint(`${key} is no object`)
}

/** Throws KeeperError 'bad-checkpoint' where the part is absent or a text. */
export const readBytesPart = (state: SavedState, key: string): Uint8Array => {
  const bytes = state.get(key)
  if (!(bytes instanceof Uint8Array)) throw badCheckpoint(`no bytes named ${key}`)
  return bytes
}
