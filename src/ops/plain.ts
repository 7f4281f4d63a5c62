// Any value as plain JSON data for a log line: bigints as decimal strings, errors with code and cause, secret-named keys hidden.
const HIDDEN = '[secret]'
const SECRET_NAME = /^(.*_)?(private_?key|secret|password|mnemonic|authorization|api_?key)$/i
const MAX_DEPTH = 6
const MAX_ITEMS = 100

const isSecretName = (key: string): boolean => SECRET_NAME.test(key.replace(/([a-z])([A-Z])/g, '$1_$2'))

const plainError = (error: Error, depth: number): object => {
  const { code } = error as { readonly code?: unknown }
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code: plain(code, depth + 1) }),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth + 1) }),
  }
}

const plainObject = (value: object, depth: number): unknown => {
  if (depth >= MAX_DEPTH) return '[deep]'
  if (value instanceof Error) return plainError(value, depth)
  if (value instanceof Map) return plainObject(Object.fromEntries([...value].map(([key, item]) => [String(key), item])), depth)
  if (value instanceof Set) return plain([...value], depth)
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map(item => plain(item, depth + 1))
    return value.length > MAX_ITEMS ? [...items, `... ${value.length - MAX_ITEMS} more`] : items
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return value.toJSON()
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isSecretName(key) ? HIDDEN : plain(item, depth + 1)]),
  )
}

/** A copy of `value` that JSON can hold; never throws for want of a JSON form, never longer than a line should be. */
export const plain = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`
  return typeof value === 'object' && value !== null ? plainObject(value, depth) : value
}
