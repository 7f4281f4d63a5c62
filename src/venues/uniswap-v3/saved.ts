// The book's pools and questions as parts of a saved state, and back. What could not be read is not kept: a restart tries it again.
import { z } from 'zod'
import { KeeperError } from '../../core/errors'
import type { SavedState } from '../../core/folder'
import type { Address } from '../../core/primitives'
import type { SavedQuestions } from './discovery'
import { type PoolKey, type PoolState, poolKey } from './pool'
import { entryOf, type TickTable } from './tick-table'

/** Raised whenever the parts below change their meaning. */
const FORMAT = 1

/** See Folder.fingerprint: which pools are followed and how they are found. */
export const fingerprintOf = (settings: object): string =>
  JSON.stringify({ format: `uniswap-v3-${FORMAT}`, ...settings }, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )

/** How far a pool is known, without what can be made again. */
export type SavedStatus =
  | { readonly kind: 'unread' }
  | { readonly kind: 'dormant'; readonly key: PoolKey; readonly readAt: bigint }
  | { readonly kind: 'live'; readonly key: PoolKey; readonly state: PoolState; readonly readAt: bigint }

export interface SavedBook {
  readonly pools: ReadonlyMap<Address, SavedStatus>
  readonly questions: SavedQuestions
}

const address = z.string().regex(/^0x[0-9a-f]{40}$/) as unknown as z.ZodType<Address>
const integer = z
  .string()
  .regex(/^-?\d+$/)
  .transform(text => BigInt(text))
const whole = z
  .string()
  .regex(/^\d+$/)
  .transform(text => BigInt(text))
const tick = z.int().min(-887_272).max(887_272)

const keyRow = z.strictObject({ token0: address, token1: address, feePips: whole, tickSpacing: z.int().positive() })
const stateRow = z.strictObject({
  sqrtPriceX96: whole,
  tick,
  liquidity: whole,
  words: z.tuple([z.int(), z.int()]),
  /** Tick, gross and net liquidity. */
  ticks: z.array(z.tuple([tick, whole, integer])),
})
const poolRows = z.array(
  z.discriminatedUnion('kind', [
    z.strictObject({ address, kind: z.literal('unread') }),
    z.strictObject({ address, kind: z.literal('dormant'), readAt: whole, key: keyRow }),
    z.strictObject({ address, kind: z.literal('live'), readAt: whole, key: keyRow, state: stateRow }),
  ]),
)
const questionRows = z.strictObject({
  tokens: z.array(address),
  hubs: z.array(address),
  asked: z.array(z.tuple([address, address])),
  open: z.array(z.tuple([address, address])),
})

const rowOfKey = ({ token0, token1, feePips, tickSpacing }: PoolKey) => ({ token0, token1, feePips, tickSpacing })
const rowOfState = ({ sqrtPriceX96, tick: at, liquidity, table }: PoolState) => ({
  sqrtPriceX96,
  tick: at,
  liquidity,
  words: [table.words.low, table.words.high],
  ticks: table.entries.map(entry => [entry.tick, entry.liquidityGross, entry.liquidityNet]),
})

const rowOf = (pool: Address, status: SavedStatus): object => {
  if (status.kind === 'unread') return { address: pool, kind: status.kind }
  const row = { address: pool, kind: status.kind, readAt: status.readAt, key: rowOfKey(status.key) }
  return status.kind === 'dormant' ? row : { ...row, state: rowOfState(status.state) }
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? each.toString() : each))

/** Copies. Pools stay in the order in which they were found. */
export const saveBook = ({ pools, questions }: SavedBook): SavedState =>
  new Map([
    ['pools', textOf([...pools].map(([pool, status]) => rowOf(pool, status)))],
    ['questions', textOf(questions)],
  ])

const tableOf = (row: z.output<typeof stateRow>, tickSpacing: number): TickTable => ({
  tickSpacing,
  words: { low: row.words[0], high: row.words[1] },
  entries: row.ticks.map(([at, gross, net]) => entryOf(at, gross, net)),
})

const statusOf = (row: z.output<typeof poolRows>[number]): SavedStatus => {
  if (row.kind === 'unread') return { kind: 'unread' }
  const key = poolKey({ address: row.address, ...row.key })
  if (row.kind === 'dormant') return { kind: 'dormant', key, readAt: row.readAt }
  const { sqrtPriceX96, liquidity } = row.state
  const state = { sqrtPriceX96, tick: row.state.tick, liquidity, table: tableOf(row.state, key.tickSpacing) }
  return { kind: 'live', key, state, readAt: row.readAt }
}

const parsed = <T>(state: SavedState, name: string, schema: z.ZodType<T>): T => {
  const text = state.get(name)
  try {
    return schema.parse(JSON.parse(typeof text === 'string' ? text : ''))
  } catch (cause) {
    throw new KeeperError('bad-checkpoint', `the saved ${name} of uniswap-v3 can't be read`, { retryable: true, cause })
  }
}

/** What `saveBook` saved. Throws KeeperError bad-checkpoint. */
export const readBook = (state: SavedState): SavedBook => ({
  pools: new Map(parsed(state, 'pools', poolRows).map(row => [row.address, statusOf(row)])),
  questions: parsed(state, 'questions', questionRows),
})
