import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { decodeFunctionResult, encodeFunctionData, parseAbi } from 'viem'
import { nextBaseFeeWei } from '../../../src/core/base-fee'
import { minOf } from '../../../src/core/fixed-point'
import type { Address, Hex } from '../../../src/core/primitives'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import type { Prices } from '../../../src/lab/prices/rounds'
import { createReferee, type Referee } from '../../../src/lab/referee'
import { isUnhealthy } from '../../../src/lab/referee/health'
import { morphoAbi, tokenAbi } from '../../../src/lab/world/abis'
import { badDebtUsd, type PositionState, readLiquidations, readWorld } from '../../../src/lab/world/accounting'
import { createWorld, worldAnvilArgs } from '../../../src/lab/world/create-world'
import { smallWorld } from '../../../src/lab/world/demo-world'
import { fundAccount, type LabBlock, mineCalls, mineRound, readHead, worldRounds } from '../../../src/lab/world/play'
import type { WorldSpec } from '../../../src/lab/world/spec'
import type { World, WorldMarket } from '../../../src/lab/world/world'

const small = smallWorld(12)
const spec: WorldSpec = {
  ...small,
  openAtBar: 270,
  // Dust in every market, so that "never worth it" happens.
  markets: small.markets.map(market => ({ ...market, borrowers: { ...market.borrowers, dust: { share: 0.3, maxDebtUsd: 5 } } })),
}
const LIQUIDATOR: Address = `0x${'5'.repeat(40)}`

let anvil: Anvil
let world: World
let head: LabBlock
let prices: Prices
/** Watches every block, as in a demo. */
let watching: Referee

beforeAll(async () => {
  anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  world = await createWorld(anvil, spec, 5)
  await fundAccount(world, LIQUIDATOR, 10n ** 24n)
  head = await readHead(world)
}, 30_000)

afterAll(async () => {
  world?.rpc.close()
  await anvil?.stop()
})

/** The liquidator's own money in the loan token, allowed to Morpho. */
const endow = async (market: WorldMarket): Promise<void> => {
  const { morpho, wrappedNative } = world.contracts
  const amount = 10n ** 23n
  const isNative = market.loan.address === wrappedNative
  const data = isNative
    ? encodeFunctionData({ abi: tokenAbi, functionName: 'deposit' })
    : encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [LIQUIDATOR, amount] })
  const approve = encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [morpho, (1n << 256n) - 1n] })
  const to = market.loan.address
  const calls = [
    { from: LIQUIDATOR, to, data, valueWei: isNative ? amount : 0n },
    { from: LIQUIDATOR, to, data: approve },
  ]
  head = await mineCalls(world, calls, head.timestampSec + 12n)
}

const liquidateData = (market: WorldMarket, borrower: Address, shares: bigint): Hex =>
  encodeFunctionData({ abi: morphoAbi, functionName: 'liquidate', args: [market.params, borrower, 0n, shares, '0x'] })

/** Whether Morpho itself would let the position be liquidated: tries one share. */
const contractSaysUnhealthy = async (market: WorldMarket, positions: readonly PositionState[]): Promise<readonly boolean[]> => {
  const time = `0x${(head.timestampSec + 12n).toString(16)}`
  const replies = await world.rpc.batchSettled(
    positions.map(({ account }) => ({
      method: 'eth_call',
      params: [
        { from: LIQUIDATOR, to: world.contracts.morpho, data: liquidateData(market, account, 1n) },
        'latest',
        {},
        { time },
      ],
    })),
  )
  return replies.map(reply => {
    if (reply.kind === 'failed' && !reply.message.includes('position is healthy')) throw new Error(reply.message)
    return reply.kind === 'ok'
  })
}

const askLiquidation = async (market: WorldMarket, borrower: Address, shares: bigint) => {
  const call = { from: LIQUIDATOR, to: world.contracts.morpho, data: liquidateData(market, borrower, shares) }
  const time = `0x${(head.timestampSec + 12n).toString(16)}`
  const data = await world.rpc.request<Hex>('eth_call', call, 'latest', {}, { time })
  return decodeFunctionResult({ abi: morphoAbi, functionName: 'liquidate', data })
}

const quoterAbi = parseAbi([
  'function quoteExactOutputSingle((address tokenIn, address tokenOut, uint256 amount, uint24 fee, uint160 limit) params) returns (uint256 amountIn, uint160, uint32, uint256)',
])

const cheapestWethFor = async (usdc: bigint): Promise<bigint> => {
  const tokenOut = world.tokens.find(token => token.symbol === 'USDC')!.address
  const quotes = await Promise.all(
    [500, 3_000].map(async fee => {
      const args = [{ tokenIn: world.contracts.wrappedNative, tokenOut, amount: usdc, fee, limit: 0n }] as const
      const data = encodeFunctionData({ abi: quoterAbi, functionName: 'quoteExactOutputSingle', args })
      const reply = await world.rpc.request<Hex>('eth_call', { to: world.contracts.quoter, data }, 'latest')
      return decodeFunctionResult({ abi: quoterAbi, functionName: 'quoteExactOutputSingle', data: reply })[0]
    }),
  )
  return quotes.reduce(minOf)
}

describe('the referee', () => {
  test('behavior: says unhealthy exactly where Morpho does, through the crash', async () => {
    for (const market of world.markets) await endow(market)
    watching = createReferee(world)
    const counts = { healthy: 0, unhealthy: 0 }
    for (const round of worldRounds(world, 314)) {
      if (roundDone(round.offsetSec)) continue
      head = await mineRound(world, round, head)
      prices = round.prices
      await watching.judge(head, prices)
      if (round.index % 30 !== 0) continue
      for (const { market, oraclePrice, positions } of await readWorld(world, {
        block: head.number,
        timestampSec: head.timestampSec + 12n,
      })) {
        const expected = await contractSaysUnhealthy(market, positions)
        expect(positions.map(position => isUnhealthy(position, oraclePrice, market.params.lltv))).toEqual(expected)
        for (const unhealthy of expected) counts[unhealthy ? 'unhealthy' : 'healthy']++
      }
    }
    expect(counts.healthy).toBeGreaterThan(50)
    expect(counts.unhealthy).toBeGreaterThan(20)
  }, 30_000)

  test('behavior: finds what pays, leaves dust, and its profit is what the contracts give', async () => {
    const referee = createReferee(world)
    await referee.judge(head, prices)
    const verdicts = referee.verdicts()
    const eligible = verdicts.filter(verdict => verdict.firstEligibleBlock !== null)
    expect(eligible.length).toBeGreaterThan(5)
    expect(
      eligible.every(verdict => verdict.firstEligibleBlock === head.number + 1n && verdict.unhealthySince === head.number),
    ).toBe(true)
    expect(verdicts.length).toBeGreaterThan(eligible.length)

    const states = await readWorld(world, { block: head.number, timestampSec: head.timestampSec + 12n })
    const stateOf = (market: WorldMarket, account: Address) => {
      const state = states.find(other => other.market === market)!
      return { oraclePrice: state.oraclePrice, position: state.positions.find(position => position.account === account)! }
    }
    for (const { market, account } of verdicts.filter(verdict => verdict.firstEligibleBlock === null)) {
      expect(Number(stateOf(market, account).position.debtAssets) / 10 ** market.loan.decimals).toBeLessThan(100)
    }
    // Seized at the incentive, sold near the market: profit is a few per cent of the debt, never more than the incentive and a fee.
    for (const { market, account, bestProfitWei } of eligible.filter(
      ({ market: { collateral } }) => collateral.symbol === 'WETH',
    )) {
      const { oraclePrice, position } = stateOf(market, account)
      const debtInCollateral = (Number(position.debtAssets) * 1e36) / Number(oraclePrice)
      const share = Number(bestProfitWei) / debtInCollateral
      expect(share).toBeGreaterThan(0)
      expect(share).toBeLessThan(0.135)
    }
  }, 30_000)

  test('behavior: the profit is seizure minus what QuoterV2 asks for the debt, minus gas', async () => {
    const referee = createReferee(world)
    await referee.judge(head, prices)
    const market = world.markets.find(({ name }) => name === 'WETH/USDC')!
    const { positions } = (await readWorld(world, { block: head.number })).find(state => state.market === market)!
    let compared = 0
    for (const { account, borrowShares } of positions) {
      const verdict = referee.verdict(market.id, account)
      if (verdict === null || verdict.firstEligibleBlock === null || verdict.unpayableAssets > 0n) continue
      const [seized, repaid] = await askLiquidation(market, account, borrowShares)
      const cheapest = await cheapestWethFor(repaid)
      const gasWei = seized - cheapest - verdict.bestProfitWei!
      // Between the least and the most that a liquidation with one swap has been seen to use.
      expect(gasWei).toBeGreaterThan(200_000n * nextBaseFeeWei(head))
      expect(gasWei).toBeLessThan(600_000n * nextBaseFeeWei(head))
      compared++
    }
    expect(compared).toBeGreaterThan(0)
  }, 30_000)

  test('behavior: one pass later nothing is known anew, and the minimum is what dust leaves', async () => {
    const referee = createReferee(world)
    await referee.judge(head, prices)
    const before = referee.cost().tries
    const known = referee.verdicts().map(verdict => verdict.firstEligibleBlock)
    await referee.judge(head, prices)
    expect(referee.verdicts().map(verdict => verdict.firstEligibleBlock)).toEqual(known)
    expect(referee.cost().tries - before).toBeLessThanOrEqual(known.filter(block => block === null).length)
    const [minimum, unattended] = [
      await watching.minimumBadDebtUsd(head.number, prices),
      await badDebtUsd(world, head.number, prices),
    ]
    expect(minimum).toBeLessThan(unattended.totalUsdWad / 20n)
    expect(unattended.totalUsdWad).toBeGreaterThan(10n ** 21n)
    const [first] = referee.verdicts()
    expect(referee.verdict(first!.market.id, first!.account)).toEqual(first)
    expect(referee.verdict(first!.market.id, LIQUIDATOR)).toBeNull()
  }, 30_000)

  test('behavior: what a liquidation writes off counts as bad debt', async () => {
    const states = await readWorld(world, { block: head.number })
    const drowned = states
      .flatMap(({ market, oraclePrice, positions }) => positions.map(position => ({ market, oraclePrice, position })))
      .find(({ market, oraclePrice, position }) => {
        const collateralValue = (position.collateralAssets * oraclePrice) / 10n ** 36n
        return market.loan.symbol === 'USDC' && collateralValue > 0n && position.debtAssets > (collateralValue * 11n) / 10n
      })
    expect(drowned).toBeDefined()
    const { market, position } = drowned!
    const before = await badDebtUsd(world, head.number, prices)
    const minimumBefore = await watching.minimumBadDebtUsd(head.number, prices)
    // To this one no close is worth its gas, so it is somebody else's loss to write the debt off.
    const strict = createReferee(world, { epsilonWei: 10n ** 24n })
    await strict.judge(head, prices)
    expect(strict.verdict(market.id, position.account)?.firstEligibleBlock ?? null).toBeNull()
    const strictBefore = await strict.minimumBadDebtUsd(head.number, prices)
    const args = [market.params, position.account, position.collateralAssets, 0n, '0x'] as const
    const data = encodeFunctionData({ abi: morphoAbi, functionName: 'liquidate', args })
    head = await mineCalls(world, [{ from: LIQUIDATOR, to: world.contracts.morpho, data }], head.timestampSec + 12n)
    const [liquidation] = await readLiquidations(world, world.fromBlock, head.number)
    expect(liquidation).toMatchObject({ borrower: position.account, id: market.id })
    expect(liquidation!.badDebtAssets).toBeGreaterThan(0n)
    const after = await badDebtUsd(world, head.number, prices)
    expect(after.socialisedUsdWad).toBe(liquidation!.badDebtAssets * 10n ** 12n)
    expect(after.openUsdWad).toBeLessThan(before.openUsdWad)
    // Open before, written off now: the minimum of who never found it worth closing stays, save what the close paid back.
    const strictAfter = await strict.minimumBadDebtUsd(head.number, prices)
    expect(strictBefore).toBeLessThanOrEqual(before.openUsdWad)
    expect(strictAfter - (strictBefore - (before.openUsdWad - after.openUsdWad))).toBe(after.socialisedUsdWad)
    // Who found it eligible in time counts it as of then.
    expect(watching.verdict(market.id, position.account)?.firstEligibleBlock).not.toBeNull()
    expect(await watching.minimumBadDebtUsd(head.number, prices)).toBe(minimumBefore)
  })
})

/** Endowing took blocks: rounds that would lie before them are left out. */
const roundDone = (offsetSec: number): boolean => world.startSec + BigInt(offsetSec) <= head.timestampSec
