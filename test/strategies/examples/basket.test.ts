// The basket example finds exactly those whom plain arithmetic finds, at any prices, and after an undo.
import { describe, expect, it } from '@jest/globals'
import type { Address } from '../../../src/core/primitives'
import { createRandom } from '../../../src/lab/world/random'
import { createExamplePool, type PoolToken } from './basket'

const WAD = 10n ** 18n
const address = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const TOKENS: readonly PoolToken[] = [
  { address: address(1), thresholdBps: 8_000n, priceWad: 2_000n * WAD },
  { address: address(2), thresholdBps: 9_000n, priceWad: WAD },
  { address: address(3), thresholdBps: 7_500n, priceWad: WAD / 3n },
]

type Holding = readonly (readonly [collateral: bigint, debt: bigint])[]

const isUnder = (holding: Holding, fallen: number, fallBps: bigint): boolean => {
  let [limit, owed] = [0n, 0n]
  holding.forEach(([collateral, debt], n) => {
    const { priceWad, thresholdBps } = TOKENS[n]!
    const price = n === fallen ? (priceWad * (10_000n - fallBps) + 9_999n) / 10_000n : priceWad
    limit += (((collateral * price) / WAD) * thresholdBps) / 10_000n
    owed += (debt * price + WAD - 1n) / WAD
  })
  return limit < owed
}

const drawHolding = (unit: () => number): Holding => {
  const size = 10 ** (1 + 14 * unit())
  const collaterals = TOKENS.map(() => (unit() < 0.5 ? 0n : BigInt(Math.floor(size * unit())) + 1n))
  const room = collaterals.reduce(
    (sum, each, n) => sum + (each * TOKENS[n]!.priceWad * TOKENS[n]!.thresholdBps) / WAD / 10_000n,
    0n,
  )
  const owedIn = Math.floor(unit() * TOKENS.length)
  const debt = (room * BigInt(Math.floor(700 + 310 * unit())) * WAD) / 1_000n / TOKENS[owedIn]!.priceWad
  return collaterals.map((each, n) => [each, n === owedIn ? debt : 0n])
}

describe('the basket example', () => {
  it('default: as plain arithmetic says, at the prices and after falls; undo takes changes back', () => {
    const { unit } = createRandom(20200312, 'basket example')
    const pool = createExamplePool(TOKENS)
    const holdings = new Map<Address, Holding>()
    const fill = (block: bigint): void => {
      for (let n = 0; n < 300; n++) {
        const [account, holding] = [address(1_000 + Math.floor(unit() * 400)), drawHolding(unit)]
        if (block === 1n) holdings.set(account, holding)
        for (const [token, [collateral, debt]] of holding.entries()) pool.set(block, account, token, collateral, debt)
      }
    }
    fill(1n)
    const naive = (fallen: number, fallBps: bigint): readonly Address[] =>
      [...holdings].flatMap(([account, holding]) => (isUnder(holding, fallen, fallBps) ? [account] : [])).sort()
    expect([...pool.underWater()].sort()).toEqual(naive(-1, 0n))
    fill(2n)
    pool.undo(2n)
    expect([...pool.underWater()].sort()).toEqual(naive(-1, 0n))
    const falls = [0n, 100n, 1_000n, 4_000n]
    for (const [n, token] of TOKENS.entries()) {
      const rows = pool.debtAtRisk(token.address, falls)
      for (const [i, fall] of falls.entries()) {
        const factors = new Map([[token.address, ((10_000n - fall) * WAD) / 10_000n]])
        const under = naive(n, fall)
        expect([...pool.underWater(factors)].sort()).toEqual(under)
        for (const { debtToken, debtAssets, positions } of rows) {
          const at = TOKENS.findIndex(each => each.address === debtToken)
          const owing = under.map(account => holdings.get(account)![at]![1]).filter(debt => debt > 0n)
          expect([debtAssets[i], positions[i]]).toEqual([owing.reduce((sum, debt) => sum + debt, 0n), owing.length])
        }
      }
      expect(rows.length).toBeGreaterThan(1)
    }
    expect(naive(0, 4_000n).length).toBeGreaterThan(naive(-1, 0n).length)
  })
})
