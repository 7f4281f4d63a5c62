// What the composition root makes of a configuration: one book for each contract.
import { describe, expect, it } from '@jest/globals'
import { composeReading } from '../src/compose'
import type { ChainConfig } from '../src/config/config'
import { parseConfig } from '../src/config/parse'
import type { Hex } from '../src/core/primitives'
import { venues } from '../src/venues/registry'
import { strategies } from '../strategies'
import { createFakeChain } from './fakes/chain'
import { createQuiet } from './fakes/quiet'

const address = (digits: string): Hex => `0x${digits.repeat(20)}`

const configWith = (morpho: unknown): ChainConfig => {
  const chain = { id: 1, rpc: ['ws://127.0.0.1:1'], wrappedNative: address('ee'), strategies: { 'morpho-blue': morpho } }
  return parseConfig({ chains: [chain] }, 'a test', { strategies, venues }).chains[0]!
}

const booksOf = (morpho: unknown) => composeReading(configWith(morpho), { chain: createFakeChain(), ...createQuiet() }).books

describe('composeReading', () => {
  it('default: one section, one book by the name of its strategy', () => {
    for (const settings of [{ address: address('aa') }, [{ address: address('aa') }]])
      expect(booksOf(settings).map(({ name, strategy, address: at }) => [name, strategy, at])).toEqual([
        ['morpho-blue', 'morpho-blue', address('aa')],
      ])
  })

  it('behavior: a list makes a book of each, with names that differ, whose state is not mixed up', () => {
    const books = booksOf([{ address: address('AA') }, { address: address('bb'), fromBlock: 7 }])
    expect(books.map(({ name, strategy, fromBlock }) => [name, strategy, fromBlock])).toEqual([
      [`morpho-blue ${address('aa')}`, 'morpho-blue', 0n],
      [`morpho-blue ${address('bb')}`, 'morpho-blue', 7n],
    ])
    expect(new Set(books.map(book => book.fingerprint())).size).toBe(2)
  })
})
