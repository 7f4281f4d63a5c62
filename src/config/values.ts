// The kinds of value that a config file holds: what is accepted, what it becomes, and what a person is told when it is wrong.
import { z } from 'zod'
import type { Address, Hex } from '../core/primitives'
import type { Payee } from '../core/program'

/** Shown as the key's type in docs/configuration.md. */
const typed = <T extends z.ZodType>(schema: T, typeText: string): T => schema.meta({ typeText }) as T

const ADDRESS_HELP = 'must be an address: 0x and 40 hex digits (20 bytes)'

/** 20 bytes; the file's hex is lower-cased and its checksums are checked before the schema runs (hex.ts). */
export const addressValue = typed(
  z.string({ error: ADDRESS_HELP }).regex(/^0x[0-9a-f]{40}$/, { error: ADDRESS_HELP }),
  'address',
).transform(text => text as Address)

const MARKET_HELP = 'must be a market id: 0x and hex digits, as the protocol names it (Morpho: 32 bytes)'

/** A protocol's own market id. */
export const marketValue = typed(
  z.string({ error: MARKET_HELP }).regex(/^0x([0-9a-f]{2})+$/, { error: MARKET_HELP }),
  'market id',
).transform(text => text as Hex)

const WHOLE_HELP = 'must be a whole number, 0 or more: digits, in quotes if above 9007199254740991'

const isWhole = (value: unknown): boolean => {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0
  if (typeof value === 'bigint') return value >= 0n
  return typeof value === 'string' && /^\d{1,78}$/.test(value)
}

/** 0 or more, as a safe integer, a bigint or a decimal text; a bigint inside. */
export const wholeValue = typed(z.custom<number | bigint | string>(isWhole, { error: WHOLE_HELP }), 'whole number').transform(
  value => BigInt(value),
)

/** Shares in basis points, `from`..10000; a bigint inside. */
export const bpsValue = (from: number) => {
  const error = `must be between ${from} and 10000 basis points (10000 = all of it)`
  return typed(z.int({ error }).min(from, { error }).max(10_000, { error }), `${from}..10000`).transform(value => BigInt(value))
}

const BID_HELP =
  'must be between 0 and 9999 basis points: with all of the profit bid (10000) nothing would be left, and nothing ever sent'

/** The share of the profit that is bid: never all of it, since a plan that keeps nothing is not worth its gas and is never sent. */
export const bidShareValue = typed(
  z.int({ error: BID_HELP }).min(0, { error: BID_HELP }).max(9_999, { error: BID_HELP }),
  '0..9999',
).transform(value => BigInt(value))

/** A small whole number that no money hangs on: a port, a count. */
export const countValue = (from: number, to: number) => {
  const error = `must be a whole number between ${from} and ${to}`
  return typed(z.int({ error }).min(from, { error }).max(to, { error }), `${from}..${to}`)
}

const isUrl = (text: string, schemes: readonly string[]): boolean => {
  const scheme = URL_SCHEME.exec(text)?.[1]
  return scheme !== undefined && schemes.includes(scheme.toLowerCase()) && URL.canParse(text)
}
const URL_SCHEME = /^([a-z]+):\/\/[^\s]+$/i

/** A URL of one of `schemes`. */
export const urlValue = (schemes: readonly string[]) => {
  const error = `must be a URL that starts with ${schemes.map(scheme => `${scheme}://`).join(', ')}`
  return typed(
    z.string({ error }).refine(text => isUrl(text, schemes), { error }),
    'URL',
  )
}

const isPayee = (value: unknown): boolean => typeof value === 'string' && /^(coinbase|none|0x[0-9a-f]{40})$/.test(value)

/** `coinbase`, `none` or an address. */
export const payeeValue = typed(
  z.custom<'coinbase' | 'none' | Address>(isPayee, { error: 'must be "coinbase", "none" or an address' }),
  'coinbase, none or address',
).transform((value): Payee => (value === 'coinbase' || value === 'none' ? { kind: value } : { kind: 'address', address: value }))
