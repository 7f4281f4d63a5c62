import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { encodeFunctionData, parseAbi } from 'viem'
import { nextBaseFeeWei } from '../../src/core/base-fee'
import type { Address } from '../../src/core/primitives'
import { type AaveReferee, createAaveReferee } from '../../src/lab/aave-referee'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { type Prices, pricesAt } from '../../src/lab/prices/rounds'
import { bestAaveClose } from '../../src/lab/referee/aave-best-close'
import { readAaveBalances, readAaveHealth } from '../../src/lab/world/aave/accounting'
import { aaveActionsAbi } from '../../src/lab/world/aave/accounts'
import { tokenAbi } from '../../src/lab/world/abis'
import { badDebtUsd } from '../../src/lab/world/accounting'
import { createWorld, worldAnvilArgs } from '../../src/lab/world/create-world'
import { aaveWorld } from '../../src/lab/world/demo-world'
import { amountForUsd, priceOf, toWad } from '../../src/lab/world/market-price'
import { fundAccount, type LabBlock, mineCalls, readHead } from '../../src/lab/world/play'
import { seededAddress } from '../../src/lab/world/random'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { World, WorldAave, WorldToken } from '../../src/lab/world/world'

const WAD = 10n ** 18n
const MAX_UINT256 = (1n << 256n) - 1n
const LIQUIDATOR: Address = `0x${'5'.repeat(40)}`
const poolAbi = parseAbi(['function liquidationCall(address, address, address, uint256, bool)'])

/** Amounts in USD at opening, by token. */
interface HandMade {
  readonly name: string
  readonly collateral: Readonly<Record<string, number>>
  readonly debt: Readonly<Record<string, number>>
  readonly eMode?: number
}

const ACCOUNTS: readonly HandMade[] = [
  { name: 'healthy', collateral: { WETH: 40_000 }, debt: { USDC: 16_000 } },
  { name: 'half', collateral: { WETH: 40_000 }, debt: { USDC: 32_000 } },
  { name: 'dust', collateral: { WETH: 1 }, debt: { USDC: 0.8 } },
  { name: 'e-mode', collateral: { wstETH: 50_000 }, debt: { WETH: 46_000 }, eMode: 1 },
  { name: 'bad', collateral: { WBTC: 10_000 }, debt: { DAI: 7_200 } },
  { name: 'dry', collateral: { LINK: 60_000, WETH: 20_000 }, debt: { USDC: 55_000 } },
  { name: 'whale', collateral: { USDC: 4_000_000 }, debt: {} },
]

describe.each(['v3.0', 'v3.6'] as const)('the referee of an Aave %s pool', version => {
  const spec = aaveWorld(0, version)
  const opening = pricesAt(spec.prices, spec.openAtBar)
  const fall = (asset: string, share: number): bigint => ((opening[asset] ?? 0n) * BigInt(share * 1_000)) / 1_000n
  const crashed: Prices = { ETH: fall('ETH', 0.95), BTC: fall('BTC', 0.6), STETH: fall('STETH', 0.91), LINK: fall('LINK', 0.9) }

  let anvil: Anvil
  let world: World
  let aave: WorldAave
  let referee: AaveReferee
  let head: LabBlock

  const accountOf = (name: string): Address => seededAddress(9, name)
  const token = (symbol: string): WorldToken => world.tokens.find(each => each.symbol === symbol)!
  const amount = (symbol: string, usd: number): bigint =>
    amountForUsd(toWad(usd), priceOf(opening, token(symbol)), token(symbol).decimals)
  const mine = async (calls: Parameters<typeof mineCalls>[1]): Promise<void> => {
    head = await mineCalls(world, calls, head.timestampSec + 12n)
  }
  const give = (to: Address, symbol: string, assets: bigint) => ({
    from: world.actors.deployer,
    to: token(symbol).address,
    data:
      symbol === 'WETH'
        ? encodeFunctionData({ abi: tokenAbi, functionName: 'transfer', args: [to, assets] })
        : encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [to, assets] }),
  })
  const allow = (from: Address, symbol: string) => ({
    from,
    to: token(symbol).address,
    data: encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [aave.pool, MAX_UINT256] }),
  })
  const supply = (from: Address, symbol: string, assets: bigint) => {
    const args = [token(symbol).address, assets, from, 0] as const
    return { from, to: aave.pool, data: encodeFunctionData({ abi: aaveActionsAbi, functionName: 'supply', args }) }
  }
  const borrow = (from: Address, symbol: string, assets: bigint) => {
    const args = [token(symbol).address, assets, 2n, 0, from] as const
    return { from, to: aave.pool, data: encodeFunctionData({ abi: aaveActionsAbi, functionName: 'borrow', args }) }
  }
  const liquidate = (collateral: string, debt: string, name: string) => {
    const args = [token(collateral).address, token(debt).address, accountOf(name), MAX_UINT256, false] as const
    return { from: LIQUIDATOR, to: aave.pool, data: encodeFunctionData({ abi: poolAbi, functionName: 'liquidationCall', args }) }
  }

  const open = async ({ name, collateral, debt, eMode }: HandMade): Promise<void> => {
    const account = accountOf(name)
    await fundAccount(world, account, 10n ** 22n)
    await mine([
      ...Object.entries(collateral).flatMap(([symbol, usd]) => [
        give(account, symbol, amount(symbol, usd)),
        allow(account, symbol),
        supply(account, symbol, amount(symbol, usd)),
      ]),
      ...(eMode === undefined
        ? []
        : [
            {
              from: account,
              to: aave.pool,
              data: encodeFunctionData({ abi: aaveActionsAbi, functionName: 'setUserEMode', args: [eMode] }),
            },
          ]),
      ...Object.entries(debt).map(([symbol, usd]) => borrow(account, symbol, amount(symbol, usd))),
    ])
  }

  const bestOf = async (name: string) => {
    const at = { stateBlock: head.number, timestampSec: head.timestampSec + 12n, baseFeePerGasWei: nextBaseFeeWei(head) }
    const reading = { block: head.number, timestampSec: at.timestampSec }
    const [balances] = await readAaveBalances(world, aave, [accountOf(name)], reading)
    return bestAaveClose({ world, aave, balances: balances!, prices: crashed, at, enoughWei: null })
  }

  beforeAll(async () => {
    anvil = await startAnvil({ args: worldAnvilArgs(spec) })
    world = await createWorld(anvil, spec, 3)
    aave = { ...world.aave[0]!, accounts: ACCOUNTS.map(({ name }) => accountOf(name)) }
    head = await readHead(world)
    const lender = seededAddress(9, 'lender')
    await fundAccount(world, lender, 10n ** 22n)
    await fundAccount(world, LIQUIDATOR, 10n ** 22n)
    for (const symbol of ['USDC', 'DAI', 'WETH'])
      await mine([
        give(lender, symbol, amount(symbol, 500_000)),
        allow(lender, symbol),
        supply(lender, symbol, amount(symbol, 400_000)),
        give(world.contracts.morpho, symbol, amount(symbol, 500_000)),
        give(LIQUIDATOR, symbol, amount(symbol, 500_000)),
        allow(LIQUIDATOR, symbol),
      ])
    for (const account of ACCOUNTS) await open(account)
    // All LINK is lent out: whoever seizes it can't be paid.
    const link = token('LINK').address
    const held = await world.rpc.request<string>(
      'eth_call',
      {
        to: link,
        data: encodeFunctionData({ abi: tokenAbi, functionName: 'balanceOf', args: [aave.reserves[5]!.aToken] }),
      },
      'latest',
    )
    await mine([borrow(accountOf('whale'), 'LINK', BigInt(held))])
    referee = createAaveReferee(world, aave, { isThorough: true })
    await referee.judge(head, opening)
  }, 60_000)

  afterAll(async () => {
    world?.rpc.close()
    await anvil?.stop()
  })

  test('behavior: calls nobody unhealthy before the crash, and right after it those whom the pool does', async () => {
    expect(referee.verdicts()).toEqual([])
    const feeds = spec.feeds.map(feed => feed.id)
    await mine([...postTransactions(world, crashed, feeds), arbitrageTransaction(world, crashed)])
    await referee.judge(head, crashed)
    const health = await readAaveHealth(world, aave, aave.accounts, { block: 'latest' })
    const under = ACCOUNTS.filter((_, index) => health[index]!.healthFactorWad < WAD).map(({ name }) => name)
    expect(under).toEqual(['half', 'dust', 'e-mode', 'bad', 'dry'])
    for (const { name } of ACCOUNTS)
      expect([name, referee.verdict(accountOf(name)) !== null]).toEqual([name, under.includes(name)])
    const eligible = referee.verdicts().filter(verdict => verdict.firstEligibleBlock === head.number + 1n)
    expect(eligible.map(({ account }) => account)).toEqual(['half', 'e-mode', 'bad', 'dry'].map(accountOf))
    expect(referee.verdict(accountOf('dust'))).toMatchObject({ firstEligibleBlock: null, idleBlock: null })
  })

  test('behavior: the best close of half a debt earns the bonus on it, less fee and swaps', async () => {
    const best = await bestOf('half')
    // Above a health of 0.95 half of 32,000 may be repaid at once; 4.5 % of that is the liquidator's: 720 dollars.
    const bonusWei = (720n * WAD * WAD) / crashed.ETH!
    expect(best!.profitWei).toBeGreaterThan((bonusWei * 80n) / 100n)
    // In two calls it may be more than half in all.
    expect(best!.profitWei).toBeLessThan((bonusWei * (best!.repays.length === 1 ? 100n : 150n)) / 100n)
    expect(referee.verdict(accountOf('half'))!.bestProfitWei).toBe(best!.profitWei)
    expect(referee.verdict(accountOf('half'))!.unpayableUsdWad).toBe(0n)
  })

  test('behavior: an e-mode account is closed at its own threshold and bonus', async () => {
    const best = await bestOf('e-mode')
    const debtWei = amount('WETH', 46_000)
    expect(best!.profitWei).toBeGreaterThan(0n)
    expect(best!.profitWei).toBeLessThan((debtWei * 1n) / 100n)
  })

  test('behavior: where a collateral cannot be paid out, another one is taken', async () => {
    const best = await bestOf('dry')
    expect(best!.collateral).toBe(token('WETH').address)
  })

  test('behavior: in time is who is closed in every block for which it could be; what nobody touched is idle', async () => {
    await mine([liquidate('WETH', 'USDC', 'half'), liquidate('WBTC', 'DAI', 'bad')])
    await referee.judge(head, crashed)
    expect(referee.verdict(accountOf('half'))!.idleBlock).toBeNull()
    expect(referee.verdict(accountOf('bad'))!.idleBlock).toBeNull()
    expect(referee.verdict(accountOf('e-mode'))!.idleBlock).toBe(head.number)
    expect(referee.verdict(accountOf('dry'))!.idleBlock).toBe(head.number)
    expect(referee.verdict(accountOf('dust'))!.idleBlock).toBeNull()
  })

  test('behavior: the least bad debt is what a close in time leaves: deficit or debt without collateral', async () => {
    // 10,000 of collateral fell to 6,000 and pays for 1 / 1.05 of that.
    const lost = 7_200 - 6_000 / 1.05
    const minimum = Number((await referee.minimumBadDebtUsd(head.number, crashed)) / 10n ** 15n) / 1e3
    expect(Math.abs(minimum - lost)).toBeLessThan(lost / 500)
    const { openUsdWad, socialisedUsdWad, totalUsdWad } = await badDebtUsd({ ...world, aave: [aave] }, head.number, crashed)
    expect(Math.abs(Number(totalUsdWad / 10n ** 15n) / 1e3 - lost)).toBeLessThan(lost / 500)
    expect([openUsdWad > 0n, socialisedUsdWad > 0n]).toEqual(version === 'v3.0' ? [true, false] : [false, true])
  })
})
