// Uniswap v3 and its plain forks as a venue: the config's part and the book.
import { z } from 'zod'
import type { Address } from '../../core/primitives'
import type { Venue } from '../../core/strategy'
import { createUniswapV3Book } from './book'
import { VENUE } from './pool'

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'an address is 0x and 40 hex digits')
  .transform(text => text.toLowerCase() as Address)

/** Tiers that the canonical factory has enabled, in hundredths of a basis point. */
const DEFAULT_FEE_TIERS = [100, 500, 3000, 10000]

/** `pools` are always followed; with a `factory`, also its pools between the tokens that liquidations touch. */
export const configSchema = z.strictObject({
  pools: z.array(address).default([]).describe('Pools to follow, whatever their tokens'),
  factory: address.optional().describe('Factory whose pools between the tracked tokens are found and followed'),
  fromBlock: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe("Block of the factory's deployment: its logs are read from there"),
  feeTiers: z
    .array(z.number().int().positive().max(999_999))
    .default(DEFAULT_FEE_TIERS)
    .describe('Fee tiers to ask the factory for, in hundredths of a basis point; others are found by its logs only'),
})

export type UniswapV3Settings = z.output<typeof configSchema>

export const uniswapV3 = {
  name: VENUE,
  configSchema,
  createBook: (settings: UniswapV3Settings) =>
    createUniswapV3Book({
      pools: settings.pools,
      factory: settings.factory ?? null,
      fromBlock: BigInt(settings.fromBlock),
      feeTiers: settings.feeTiers,
    }),
} satisfies Venue<UniswapV3Settings> & { readonly configSchema: typeof configSchema }
