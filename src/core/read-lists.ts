// Several lists of reads as one request.
import type { ReadCall, Reader, ReadResult } from './folder'

/** Reads all lists in one request and hands each its own answers. */
export const readLists = async (
  reader: Reader,
  lists: readonly (readonly ReadCall[])[],
): Promise<readonly (readonly ReadResult[])[]> => {
  const calls = lists.flat()
  const results = calls.length === 0 ? [] : await reader.read(calls)
  let from = 0
  return lists.map(list => {
    const part = results.slice(from, from + list.length)
    from += list.length
    return part
  })
}
