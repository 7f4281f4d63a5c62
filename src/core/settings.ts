// Parts of settings that strategies and venues share. Descriptions, which the documents repeat, are the caller's.
import { z } from 'zod'
import type { Address } from './primitives'

/** An address in any case; lower case inside. */
export const addressSetting = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, { error: 'must be an address' })
  .transform((text): Address => `0x${text.slice(2).toLowerCase()}`)

/** A whole number of something from 0 up, as a bigint. */
export const countSetting = (byDefault: number) => z.number().int().nonnegative().prefault(byDefault).transform(BigInt)

/** Gas that one read may burn; absent: the reader's own limit. */
export const gasSetting = z.number().int().positive().optional()
