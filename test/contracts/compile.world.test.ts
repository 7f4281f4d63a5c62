// The generated modules are what the pinned compiler makes of the sources: slow, hence among the world tests.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { compileContracts } from '../../contracts/compile'
import { BatchReader } from '../../src/chain/batch-reader-artifact'
import { Liquidator } from '../../src/executor/liquidator-artifact'

describe('compileContracts', () => {
  test('default', () => {
    const fresh = compileContracts()
    expect(fresh.size).toBe(4)
    for (const [path, text] of fresh) {
      const committed = readFileSync(resolve(__dirname, '../..', path), 'utf8')
      expect([path, committed === text]).toEqual([path, true])
    }
  }, 120_000)

  test('behavior: within the limits of every chain', () => {
    // EIP-170 for what is deployed; EIP-3860 leaves the reader's requests their room.
    expect(Liquidator.bytecode.length / 2).toBeLessThan(24_576)
    expect(BatchReader.bytecode.length / 2).toBeLessThan(1_024)
    // No metadata trailer (its CBOR names the compiler): the same bytes whatever the paths and comments.
    expect(Liquidator.bytecode).not.toContain('64736f6c63')
    expect(BatchReader.bytecode).not.toContain('64736f6c63')
  })
})
