import { describe, expect, test } from '@jest/globals'
import { nextBaseFeeWei } from '../../../src/core/base-fee'
import { march2020Crash } from '../../../src/lab/prices/series'
import { fillerGas, hourRange, wantedBaseFeeWei } from '../../../src/lab/world/base-fee'

const GWEI = 10n ** 9n
const GAS_LIMIT = 60_000_000n
const sum = (parts: readonly bigint[]): bigint => parts.reduce((total, part) => total + part, 0n)

/** Base fees of blocks that hold the filler and `others` gas. */
const follow = (wanted: bigint, start: bigint, blocks: number, others: bigint): readonly bigint[] => {
  const fees = [start]
  let parent = { baseFeePerGasWei: start, gasUsed: GAS_LIMIT / 2n, gasLimit: GAS_LIMIT }
  for (let i = 0; i < blocks; i++) {
    const gasUsed = sum(fillerGas(wanted, parent)) + others
    parent = { baseFeePerGasWei: nextBaseFeeWei(parent), gasUsed, gasLimit: GAS_LIMIT }
    fees.push(parent.baseFeePerGasWei)
  }
  return fees
}

describe('fillerGas', () => {
  test('default', () => {
    for (const wanted of [200n * GWEI, 8n * GWEI, 2n * GWEI]) {
      const settled = follow(wanted, 20n * GWEI, 120, 1_500_000n).at(-1)!
      expect(Number(settled) / Number(wanted)).toBeGreaterThan(0.9)
      expect(Number(settled) / Number(wanted)).toBeLessThan(1.1)
    }
  })

  test('behavior: no transaction above the cap of EIP-7825, and room left for others', () => {
    const parts = fillerGas(10n ** 15n, { baseFeePerGasWei: GWEI, gasUsed: 30_000_000n, gasLimit: GAS_LIMIT })
    expect(parts.every(part => part <= 1n << 24n)).toBe(true)
    expect(sum(parts)).toBeLessThanOrEqual(GAS_LIMIT - 16_000_000n)
  })

  test('behavior: no filler where the fee has to fall, or where there is none', () => {
    expect(fillerGas(GWEI, { baseFeePerGasWei: 100n * GWEI, gasUsed: 30_000_000n, gasLimit: GAS_LIMIT })).toEqual([])
    expect(fillerGas(GWEI, { baseFeePerGasWei: null, gasUsed: 0n, gasLimit: GAS_LIMIT })).toEqual([])
  })
})

describe('wantedBaseFeeWei', () => {
  test('default', () => {
    const series = march2020Crash()
    const spec = { quietWei: 8n * GWEI, maxWei: 220n * GWEI, weiPerRange: 600n * GWEI, leadAsset: 'ETH' }
    const fees = (series.closes.ETH ?? []).map((_, bar) => wantedBaseFeeWei(spec, series, bar))
    expect(fees[0]).toBe(8n * GWEI)
    expect(fees.some(fee => fee > 150n * GWEI)).toBe(true)
    expect(fees.every(fee => fee >= spec.quietWei && fee <= spec.maxWei)).toBe(true)
    expect(hourRange(series, 'ETH', 0)).toBe(0)
    expect(hourRange(series, 'NONE', 5)).toBe(0)
  })
})
