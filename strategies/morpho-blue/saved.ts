// The ledger and what was learnt beside it as parts of a saved state, and back. Knows no files: what is damaged is found here only if it
// makes no sense.
import { z } from 'zod'
import { KeeperError } from '../../src/core/errors'
import type { SavedState, StatePart } from '../../src/core/folder'
import { imageFrom, PAIR_IMAGE_FORMAT, partsOf } from '../../src/core/pair-image'
import type { Address, Hex } from '../../src/core/primitives'
import type { Scope } from '../../src/core/strategy'
import type { Lore } from './bootstrap'
import type { Ledger, LedgerImage, SavedMarket } from './ledger'

/** Raised whenever the parts below change their meaning. */
const FORMAT = 1

/** See Folder.fingerprint: the contract, where its history begins, and which markets are followed. */
export const fingerprintOf = (address: Address, fromBlock: bigint, { markets }: Scope): string =>
  JSON.stringify({
    format: `morpho-blue-${FORMAT} ${PAIR_IMAGE_FORMAT}`,
    address,
    fromBlock: fromBlock.toString(),
    allow: [...markets.allow].sort(),
    deny: [...markets.deny].sort(),
  })

const hex = z.string().regex(/^0x[0-9a-f]*$/) as unknown as z.ZodType<Hex>
const amount = z
  .string()
  .regex(/^\d+$/)
  .transform(text => BigInt(text))

const marketRow = z.strictObject({
  id: hex,
  state: z.strictObject({
    params: z.strictObject({ loanToken: hex, collateralToken: hex, oracle: hex, irm: hex, lltvWad: amount }).nullable(),
    supplyAssets: amount,
    supplyShares: amount,
    borrowAssets: amount,
    borrowShares: amount,
    feeWad: amount,
    lastUpdateSec: amount.nullable(),
    rateAtTarget: amount.nullable(),
    complete: z.boolean(),
  }),
  unread: z.array(hex),
})

const loreRows = z.strictObject({
  models: z.array(z.tuple([hex, z.enum(['none', 'adaptive', 'viewed'])])),
  tokens: z.array(z.strictObject({ address: hex, decimals: z.number().nullable(), symbol: z.string().nullable() })),
})

const asText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Copies, in an order that does not depend on how the state came about. */
export const saveState = (ledger: Ledger, lore: Lore): SavedState => {
  const { markets, pairs } = ledger.save()
  const known = {
    models: [...lore.models].sort(([a], [b]) => byText(a, b)),
    tokens: [...lore.tokens.values()].sort((a, b) => byText(a.address, b.address)),
  }
  return new Map<string, StatePart>([
    ['markets', JSON.stringify(markets, asText)],
    ['lore', JSON.stringify(known)],
    ...partsOf(pairs),
  ])
}

const parsed = <T>(state: SavedState, name: string, schema: z.ZodType<T>): T => {
  const text = state.get(name)
  try {
    return schema.parse(JSON.parse(typeof text === 'string' ? text : ''))
  } catch (cause) {
    const message = `the saved ${name} of morpho-blue can't be read`
    throw new KeeperError('bad-checkpoint', message, { retryable: true, cause })
  }
}

/** What `saveState` saved. Throws KeeperError bad-checkpoint. */
export const readState = (state: SavedState): { readonly image: LedgerImage; readonly lore: Lore } => {
  const markets: readonly SavedMarket[] = parsed(state, 'markets', z.array(marketRow))
  const { models, tokens } = parsed(state, 'lore', loreRows)
  return {
    image: { markets, pairs: imageFrom(state) },
    lore: { models: new Map(models), tokens: new Map(tokens.map(token => [token.address, token])) },
  }
}
