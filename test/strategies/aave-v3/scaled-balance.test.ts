// Events of a model of the tokens, by the contracts' own formulas, turned back into scaled balances.
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { AaveRules, TokenSide } from '../../../strategies/aave-v3/abi'
import { type BalanceEvent, collateralBalance, debtBalance, RAY, rayDiv, scaledAfter } from '../../../strategies/aave-v3/math'

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
