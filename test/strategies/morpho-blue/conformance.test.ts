// Morpho Blue keeps the contract that every strategy keeps.

import { wordAt } from '../../../src/core/abi-words'
import type { ReadResult } from '../../../src/core/folder'
import { encodePrice } from '../../../strategies/morpho-blue/abi'
import { configSchema, morphoBlue } from '../../../strategies/morpho-blue/strategy'
import { conformance } from '../conformance'
import { EVERYTHING } from '../conformance-world'
import { addressOf, MORPHO, word } from './history'
import { morphoWorld, tokensByOracle } from './model'

const WAD = 10n ** 18n

conformance('morpho-blue', {
  seeds: [1, 2],
  world: seed => morphoWorld(seed),
  createBook: scope => morphoBlue.createBook(configSchema.parse({ address: MORPHO }), scope),
  createOtherBook: () => morphoBlue.createBook(configSchema.parse({ address: addressOf(9) }), EVERYTHING),
  resultsAfter: (calls, results, factorWad) =>
    calls.map(({ to, data }, i): ReadResult => {
      const [result, tokens] = [results[i]!, tokensByOracle.get(to)]
      if (data !== encodePrice() || result.kind === 'failed' || tokens === undefined) return result
      const [up, down] = [factorWad.get(tokens.collateral) ?? WAD, factorWad.get(tokens.loan) ?? WAD]
      return { kind: 'ok', data: `0x${word((wordAt(result.data, 0) * up + down - 1n) / down)}` }
    }),
})
