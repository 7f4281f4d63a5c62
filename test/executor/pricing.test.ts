// What a run costs whatever fails, and the floor that leaves room for rivals.
import fc from 'fast-check'
import { DEFAULT_EXECUTOR_POLICY } from '../../src/executor/policy'
import { profitAfterBid, runCost, totalFloorWei } from '../../src/executor/pricing'

const GWEI = 10n ** 9n
const ETHER = 10n ** 18n
const policy = DEFAULT_EXECUTOR_POLICY

describe('runCost', () => {
  test('default: with all legs closed it is the whole gas, each leg by its estimate', () => {
    const { fixedWei, legGas } = runCost(1_070_000n, 70_000n, [300_000n, 100_000n], GWEI)
    expect(legGas).toEqual([450_000n, 150_000n])
    expect(fixedWei).toBe(470_000n * GWEI)
  })

  test('behavior: a leg alone has no part of its own: if it fails, so does the run', () => {
    expect(runCost(200_000n, 70_000n, [300_000n], GWEI)).toEqual({ fixedWei: 200_000n * GWEI, legGas: [0n] })
  })

  test('behavior: the parts sum to the gas used, and none is negative', () => {
    const gas = fc.bigInt({ min: 21_000n, max: 1n << 24n })
    fc.assert(
      fc.property(gas, fc.array(gas, { minLength: 1, maxLength: 40 }), (gasUsed, estimates) => {
        const { fixedWei, legGas } = runCost(gasUsed, 70_000n, estimates, 7n)
        expect(fixedWei + legGas.reduce((sum, each) => sum + each, 0n) * 7n).toBe(gasUsed * 7n)
        expect([fixedWei, ...legGas].every(each => each >= 0n)).toBe(true)
      }),
      { seed: 5, numRuns: 300 },
    )
  })
})

describe('totalFloorWei', () => {
  /** As the contract judges a run in which only the legs `alive` closed. */
  const passes = (
    gainsWei: readonly bigint[],
    cost: ReturnType<typeof runCost>,
    floorWei: bigint,
    alive: readonly number[],
  ): boolean => {
    const costWei = alive.reduce((sum, index) => sum + (cost.legGas[index] ?? 0n) * GWEI, cost.fixedWei)
    const profitWei = alive.reduce((sum, index) => sum + (gainsWei[index] ?? 0n), 0n)
    return profitAfterBid(profitWei, costWei, 2_500n).netWei >= floorWei
  }

  test('default: a leg alone: 90 % of what it nets, not below the minimum profit', () => {
    const cost = runCost(200_000n, 70_000n, [300_000n], GWEI)
    const { netWei } = profitAfterBid(ETHER, cost.fixedWei, 2_500n)
    expect(totalFloorWei([ETHER], cost, GWEI, 2_500n, policy)).toBe((netWei * 9n) / 10n)
    expect(totalFloorWei([ETHER], cost, GWEI, 2_500n, { ...policy, minProfitWei: ETHER })).toBe(ETHER)
  })

  test('behavior: whichever leg is left alone by rivals, it lands if it can pay for the run', () => {
    const gain = fc.bigInt({ min: 10n ** 15n, max: ETHER })
    fc.assert(
      fc.property(fc.array(gain, { minLength: 1, maxLength: 20 }), gainsWei => {
        const cost = runCost(
          100_000n + 165_000n * BigInt(gainsWei.length),
          70_000n,
          gainsWei.map(() => 300_000n),
          GWEI,
        )
        const floorWei = totalFloorWei(gainsWei, cost, GWEI, 2_500n, policy)
        const canPay = gainsWei.every((gainWei, index) => gainWei > cost.fixedWei + (cost.legGas[index] ?? 0n) * GWEI + 2n)
        fc.pre(canPay)
        for (const index of gainsWei.keys()) expect(passes(gainsWei, cost, floorWei, [index])).toBe(true)
      }),
      { seed: 6, numRuns: 300 },
    )
  })

  test('behavior: never zero, and a run that would not pay its gas never passes', () => {
    const cost = runCost(4_000_000n, 70_000n, Array(24).fill(300_000n), 100n * GWEI)
    const gainsWei = Array<bigint>(24).fill(ETHER / 50n)
    const floorWei = totalFloorWei(gainsWei, cost, 100n * GWEI, 2_500n, policy)
    expect(floorWei).toBe(1n)
    expect(cost.fixedWei).toBeGreaterThan(gainsWei[0]!)
  })
})
