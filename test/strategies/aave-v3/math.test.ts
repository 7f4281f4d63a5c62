// Rounding, indices and health of Aave v3 by hand-made vectors, and scaled balances from events of a model of the tokens; the contracts themselves
// are asked in pool-*.world.test.ts.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type AaveRules, type ReserveIndices, rulesOfRevision, type TokenSide } from '../../../strategies/aave-v3/abi'
import {
  accountHealth,
  type BalanceEvent,
  collateralBalance,
  debtBalance,
  debtIndexAt,
  debtValue,
  liquidityIndexAt,
  percentDiv,
  percentDivDown,
  percentDivUp,
  percentMul,
  percentMulDown,
  percentMulUp,
  RAY,
  rayDiv,
  rayMul,
  scaledAfter,
  wadDiv,
} from '../../../strategies/aave-v3/math'

const WAD = 10n ** 18n
const ETHER = WAD

describe('rulesOfRevision', () => {
  it('default', () => {
    expect([1n, 3n, 10n, 11n].map(rulesOfRevision)).toEqual(['v3.0', 'v3.0', 'v3.6', 'v3.7'])
  })
  it('behavior: a release that was not checked has no rules', () => {
    expect([0n, 2n, 9n, 12n].map(rulesOfRevision)).toEqual([null, null, null, null])
  })
})

describe('rounding', () => {
  it('default', () => {
    expect([rayMul(1n, RAY / 2n), rayMul(1n, RAY / 2n - 1n), rayDiv(1n, 2n * RAY), rayDiv(1n, 3n * RAY)]).toEqual([
      1n,
      0n,
      1n,
      0n,
    ])
    expect([wadDiv(1n, 3n), wadDiv(2n, 3n)]).toEqual([333333333333333333n, 666666666666666667n])
  })
  it('behavior: percentages go half up, down or up', () => {
    expect([percentMul(1n, 5_000n), percentMulDown(1n, 5_000n), percentMulUp(1n, 1n)]).toEqual([1n, 0n, 1n])
    expect([percentDiv(21n, 10_500n), percentDivDown(22n, 10_500n), percentDivUp(22n, 10_500n)]).toEqual([20n, 20n, 21n])
  })
  it('behavior: balances and values, by version', () => {
    const index = RAY + RAY / 2n
    expect([collateralBalance('v3.0', 1n, index), collateralBalance('v3.6', 1n, index)]).toEqual([2n, 1n])
    expect([debtBalance('v3.0', 1n, RAY + 1n), debtBalance('v3.6', 1n, RAY + 1n)]).toEqual([1n, 2n])
    expect([debtValue('v3.0', 1n, 3n, 2n), debtValue('v3.7', 1n, 3n, 2n)]).toEqual([1n, 2n])
  })
})

describe('indices', () => {
  const reserve: ReserveIndices = {
    liquidityIndexRay: RAY,
    variableBorrowIndexRay: RAY,
    liquidityRateRay: RAY / 10n,
    variableBorrowRateRay: RAY / 10n,
    updatedSec: 1_000n,
  }
  it('default', () => {
    expect(liquidityIndexAt(reserve, 1_000n + 31_536_000n)).toBe(RAY + RAY / 10n)
    // 1 + 0.1 + 0.1^2/2 + 0.1^3/6
    expect(debtIndexAt('v3.6', reserve, 1_000n + 31_536_000n)).toBe(1_105_166_666_666_666_666_666_666_667n)
    const binomial = debtIndexAt('v3.0', reserve, 1_000n + 31_536_000n)
    expect(binomial < debtIndexAt('v3.6', reserve, 1_000n + 31_536_000n)).toBe(true)
    expect(binomial > RAY + (RAY * 10516n) / 100_000n).toBe(true)
  })
  it('behavior: within the block of the last update nothing has accrued', () => {
    expect(liquidityIndexAt(reserve, 1_000n)).toBe(RAY)
    expect(debtIndexAt('v3.0', reserve, 999n)).toBe(RAY)
  })
  it('behavior: one and two seconds have no later terms in the binomial', () => {
    expect(debtIndexAt('v3.0', reserve, 1_001n)).toBe(RAY + RAY / 10n / 31_536_000n)
  })
})

describe('accountHealth', () => {
  const weth = { price: 3_300n * 10n ** 8n, unit: ETHER, liquidationThresholdBps: 8_000n, collateral: 3n * ETHER, debt: 0n }
  const usdc = { price: 10n ** 8n, unit: 10n ** 6n, liquidationThresholdBps: 0n, collateral: 0n, debt: 8_400n * 10n ** 6n }

  it('default', () => {
    const expected = {
      collateralBase: 9_900n * 10n ** 8n,
      debtBase: 8_400n * 10n ** 8n,
      averageThresholdBps: 8_000n,
    }
    expect(accountHealth('v3.0', [weth, usdc])).toEqual({ ...expected, healthFactorWad: 942_857_142_857_142_857n })
    expect(accountHealth('v3.6', [weth, usdc])).toEqual({ ...expected, healthFactorWad: 942_857_142_857_142_857n })
  })
  it('behavior: v3.0 cuts the average threshold to whole basis points, v3.6 does not', () => {
    const wbtc = { price: 10n ** 8n, unit: 1n, liquidationThresholdBps: 7_501n, collateral: 10_000n, debt: 0n }
    const dai = { price: 10n ** 8n, unit: 1n, liquidationThresholdBps: 7_500n, collateral: 10_000n, debt: 15_000n }
    expect(accountHealth('v3.0', [wbtc, dai]).healthFactorWad).toBe(WAD)
    expect(accountHealth('v3.6', [wbtc, dai]).healthFactorWad).toBe(1_000_066_666_666_666_666n)
  })
  it('behavior: collateral without a threshold counts in v3.6 only', () => {
    const idle = { price: 10n ** 8n, unit: 1n, liquidationThresholdBps: 0n, collateral: 7n, debt: 0n }
    expect(accountHealth('v3.0', [idle, usdc]).collateralBase).toBe(0n)
    expect(accountHealth('v3.6', [idle, usdc]).collateralBase).toBe(7n * 10n ** 8n)
    expect(accountHealth('v3.6', [idle, usdc]).healthFactorWad).toBe(0n)
  })
  it('behavior: no debt, no health factor', () => {
    expect(accountHealth('v3.7', [weth]).healthFactorWad).toBeNull()
    expect(accountHealth('v3.7', [])).toEqual({
      collateralBase: 0n,
      debtBase: 0n,
      averageThresholdBps: 0n,
      healthFactorWad: null,
    })
  })
})

// Events of a model of the tokens, by the contracts' own formulas, turned back into scaled balances.

const balanceOf = (rules: AaveRules, side: TokenSide, scaled: bigint, index: bigint): bigint =>
  side === 'debt' ? debtBalance(rules, scaled, index) : collateralBalance(rules, scaled, index)

const mintOrBurn = (change: bigint, balanceIncrease: bigint, indexRay: bigint): BalanceEvent =>
  change > 0n
    ? { kind: 'mint', value: change, balanceIncrease, indexRay }
    : { kind: 'burn', value: -change, balanceIncrease, indexRay }

interface Move {
  readonly scaled: bigint
  readonly was: bigint
  readonly index: bigint
  readonly amount: bigint
}

/** v3.0: `amount` token units added or taken. */
const eventV30 = ({ scaled, was, index, amount }: Move): { readonly event: BalanceEvent; readonly after: bigint } => {
  const increase = balanceOf('v3.0', 'debt', scaled, index) - balanceOf('v3.0', 'debt', scaled, was)
  const size = amount < 0n ? -amount : amount
  const part = rayDiv(size, index)
  if (amount >= 0n)
    return { event: { kind: 'mint', value: size + increase, balanceIncrease: increase, indexRay: index }, after: scaled + part }
  return { event: mintOrBurn(increase - size, increase, index), after: scaled - part }
}

const move = fc
  .record({
    scaled: fc.bigInt({ min: 0n, max: 10n ** 26n }),
    first: fc.bigInt({ min: 0n, max: RAY }),
    second: fc.bigInt({ min: 0n, max: 3n * RAY }),
    share: fc.bigInt({ min: -1_000_000n, max: 1_000_000n }),
    isSmall: fc.boolean(),
  })
  .map(({ scaled, first, second, share, isSmall }) => ({
    scaled: isSmall ? scaled % 100n : scaled,
    was: RAY + first,
    index: RAY + first + second,
    share,
  }))

describe('scaledAfter', () => {
  it('default', () => {
    const event = { kind: 'mint', value: 150n, balanceIncrease: 50n, indexRay: 2n * RAY } as const
    expect(scaledAfter('v3.0', 'collateral', 50n, event)).toBe(100n)
    expect(scaledAfter('v3.6', 'collateral', 50n, event)).toBe(100n)
  })
  it('behavior: a Mint of just the interest changes nothing', () => {
    const event = { kind: 'mint', value: 7n, balanceIncrease: 7n, indexRay: RAY + 1n } as const
    expect((['v3.0', 'v3.6', 'v3.7'] as const).map(rules => scaledAfter(rules, 'collateral', 999n, event))).toEqual([
      999n,
      999n,
      999n,
    ])
  })
  it('behavior: a burn below the interest comes as a Mint', () => {
    const event = { kind: 'mint', value: 30n, balanceIncrease: 50n, indexRay: 2n * RAY } as const
    expect(scaledAfter('v3.0', 'debt', 50n, event)).toBe(40n)
    expect(scaledAfter('v3.6', 'debt', 50n, event)).toBe(40n)
  })
  it('behavior: whatever v3.0 did is found again', () => {
    fc.assert(
      fc.property(move, ({ share, ...drawn }) => {
        const amount = (balanceOf('v3.0', 'debt', drawn.scaled, drawn.index) * share) / 1_000_000n
        const { event, after } = eventV30({ ...drawn, amount })
        // The contract itself refuses to take more than there is.
        if (after >= 0n) expect(scaledAfter('v3.0', 'debt', drawn.scaled, event)).toBe(after)
      }),
      { seed: 30, numRuns: 5_000 },
    )
  })
  it('behavior: whatever the v3.6 line did is found again', () => {
    const side = fc.constantFrom<TokenSide>('collateral', 'debt')
    fc.assert(
      fc.property(move, side, fc.constantFrom<AaveRules>('v3.6', 'v3.7'), ({ scaled, was, index, share }, of, rules) => {
        const after = scaled + (scaled * share) / 1_000_000n
        const previous = balanceOf(rules, of, scaled, was)
        const increase = balanceOf(rules, of, scaled, index) - previous
        const event = mintOrBurn(balanceOf(rules, of, after, index) - previous, increase, index)
        expect(scaledAfter(rules, of, scaled, event)).toBe(after)
      }),
      { seed: 36, numRuns: 5_000 },
    )
  })
  it('behavior: null where event and balance contradict each other', () => {
    const burn = { kind: 'burn', value: 100n, balanceIncrease: 0n, indexRay: RAY } as const
    expect(scaledAfter('v3.0', 'debt', 50n, burn)).toBeNull()
    expect(scaledAfter('v3.6', 'debt', 50n, burn)).toBeNull()
    expect(scaledAfter('v3.6', 'collateral', 0n, { kind: 'mint', value: 1n, balanceIncrease: 0n, indexRay: 2n * RAY })).toBeNull()
    expect(scaledAfter('v3.0', 'debt', 50n, { ...burn, indexRay: RAY - 1n })).toBeNull()
  })
})
