import { nextBaseFeeWei } from '../../src/core/base-fee'
import { describeWithShared, readShared } from '../fixtures/shared'

const at = (base: bigint | null, used: bigint, limit: bigint) =>
  nextBaseFeeWei({ baseFeePerGasWei: base, gasUsed: used, gasLimit: limit })

describe('nextBaseFeeWei', () => {
  test('default: at target it stays, full it rises an eighth, empty it falls an eighth', () => {
    expect(at(1_000_000_000n, 15_000_000n, 30_000_000n)).toBe(1_000_000_000n)
    expect(at(1_000_000_000n, 30_000_000n, 30_000_000n)).toBe(1_125_000_000n)
    expect(at(1_000_000_000n, 0n, 30_000_000n)).toBe(875_000_000n)
  })
  test('behavior: it rises by at least one wei, and zero gas limit or no EIP-1559 do not break it', () => {
    expect(at(1n, 15_000_001n, 30_000_000n)).toBe(2n)
    expect(at(7n, 0n, 0n)).toBe(7n)
    expect(at(null, 1n, 2n)).toBe(0n)
  })
})

describeWithShared('nextBaseFeeWei over 1,000 mainnet blocks', ['data/gas/mainnet_blocks_24337593_1000_basefee.csv.gz'], () => {
  test('default: every base fee follows from its parent', () => {
    const [header, ...lines] = readShared('data/gas/mainnet_blocks_24337593_1000_basefee.csv.gz').trim().split('\n')
    const column = (name: string): number => header!.split(',').indexOf(name)
    const rows = lines.map(line => line.split(','))
    const value = (row: string[], name: string): bigint => BigInt(row[column(name)]!)
    expect(rows.length).toBeGreaterThan(900)
    for (let i = 1; i < rows.length; i += 1) {
      expect(at(value(rows[i - 1]!, 'base_fee_per_gas'), value(rows[i - 1]!, 'gas_used'), value(rows[i - 1]!, 'gas_limit'))).toBe(
        value(rows[i]!, 'base_fee_per_gas'),
      )
    }
  })
})
