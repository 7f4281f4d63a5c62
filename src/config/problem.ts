// What is wrong with a configuration, as values: all of it is collected, then thrown once as one KeeperError.
import { KeeperError } from '../core/errors'

export interface Problem {
  readonly path: readonly PropertyKey[]
  /** What stands there; undefined where nothing does or where it must not be shown. */
  readonly value?: unknown
  /** What is wrong and what to do. */
  readonly message: string
}

/** `chains[0].venues.uniswap-v3.pools[2]`, as a person would write it. */
export const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`),
    '',
  )

const shown = (value: unknown): string => {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

const line = ({ path, value, message }: Problem): string => {
  const place = path.length === 0 ? '(the whole file)' : pathText(path)
  return value === undefined ? `  - ${place}: ${message}` : `  - ${place} = ${shown(value)}: ${message}`
}

/** One bad-config error (exit code 78, never retried) that lists every problem of `source`. */
export const badConfig = (source: string, problems: readonly Problem[], cause?: unknown): KeeperError => {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return new KeeperError('bad-config', [`${source} has ${count}:`, ...problems.map(line)].join('\n'), { retryable: false, cause })
}

const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The known name that `name` was probably meant to be; null if none is near. */
export const nearest = (name: string, known: readonly string[]): string | null => {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_ ]/g, '')
  const ranked = known
    .map(candidate => ({ candidate, far: distance(plain(name), plain(candidate)) }))
    .sort((a, b) => a.far - b.far)
  const best = ranked[0]
  return best !== undefined && best.far <= Math.max(2, Math.floor(best.candidate.length / 3)) ? best.candidate : null
}
