// Forks of a real chain under real contracts, up to 64 deep: Morpho Blue, an Aave pool and Uniswap v3, followed the way the product does. After
// each fork everything that the books answer must be what a fresh fold of the chain answers.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { encodeFunctionData, parseAbi } from 'viem'
import { createChain } from '../../src/chain/chain'
import { composeReading, type Reading } from '../../src/compose'
import type { ChainConfig } from '../../src/config/config'
import { parseConfig } from '../../src/config/parse'
import type { Block, Hex, TargetBlock } from '../../src/core/primitives'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import type { UnsignedCall } from '../../src/lab/builder/transaction'
import { pricesAt } from '../../src/lab/prices/rounds'
import { aaveActionsAbi } from '../../src/lab/world/aave/accounts'
import { createWorld, worldAnvilArgs } from '../../src/lab/world/create-world'
import { aaveWorld, smallWorld } from '../../src/lab/world/demo-world'
import { fundAccount, mineCalls, readHead } from '../../src/lab/world/play'
import { createRandom } from '../../src/lab/world/random'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { World } from '../../src/lab/world/world'
import type { Chain } from '../../src/ports'
import { venues } from '../../src/venues/registry'
import { strategies } from '../../strategies'
import { createQuiet } from '../fakes/quiet'

const PARAMS = '(address loanToken, address collateralToken, address oracle, address irm, uint256 lltv) params'
const morphoAbi = parseAbi([
  `function accrueInterest(${PARAMS})`,
  `function borrow(${PARAMS}, uint256 assets, uint256 shares, address onBehalf, address receiver)`,
  `function withdrawCollateral(${PARAMS}, uint256 assets, address onBehalf, address receiver)`,
])

const SEED = 11
const random = createRandom(SEED, 'reorgs of a real chain')
const below = (limit: number): number => Math.floor(random.unit() * limit)
const pick = <T>(items: readonly T[]): T => items[below(items.length)]!

let anvil: Anvil
let world: World
let chain: Chain
let config: ChainConfig
let reading: Reading
const quiet = createQuiet()

const actMorpho = (): UnsignedCall => {
  const { params, borrowers, loan } = pick(world.markets)
  const account = pick(borrowers)
  const args = [params, 10n ** BigInt(loan.decimals) / 100n, 0n, account, account] as const
  const kind = below(3)
  const data =
    kind === 0
      ? encodeFunctionData({ abi: morphoAbi, functionName: 'accrueInterest', args: [params] })
      : kind === 1
        ? encodeFunctionData({ abi: morphoAbi, functionName: 'borrow', args })
        : encodeFunctionData({ abi: morphoAbi, functionName: 'withdrawCollateral', args: [params, 1_000n, account, account] })
  return { from: account, to: world.contracts.morpho, data, gas: 1_000_000n }
}

const actAave = (): UnsignedCall => {
  const { pool, accounts, reserves } = world.aave[0]!
  const account = pick(accounts)
  const { token } = pick(reserves)
  const assets = 10n ** BigInt(token.decimals) / 100n
  const data =
    below(2) === 0
      ? encodeFunctionData({ abi: aaveActionsAbi, functionName: 'borrow', args: [token.address, assets, 2n, 0, account] })
      : encodeFunctionData({ abi: aaveActionsAbi, functionName: 'withdraw', args: [token.address, assets, account] })
  return { from: account, to: pool, data, gas: 3_000_000n }
}

/** Prices of a random bar: feeds post, and pools are swapped there. */
const moveMarket = (): readonly UnsignedCall[] => {
  const prices = pricesAt(world.spec.prices, below(120))
  const feeds = world.feeds.filter(() => random.unit() < 0.5).map(({ id }) => id)
  return [...postTransactions(world, prices, feeds), arbitrageTransaction(world, prices)]
}

const mineOne = async (): Promise<Block> => {
  const calls = [
    ...(random.unit() < 0.15 ? moveMarket() : []),
    ...(random.unit() < 0.4 ? [actMorpho()] : []),
    ...(random.unit() < 0.4 ? [actAave()] : []),
  ]
  const { timestampSec } = await readHead(world)
  const { hash } = await mineCalls(world, calls, timestampSec + 12n)
  return (await chain.blockByHash(hash))!
}

/** Mines `count` blocks; the watcher hears of some, and of the last. */
const play = async (count: number, heard: number): Promise<void> => {
  for (let n = 0; n < count; n++) {
    const head = await mineOne()
    if (n < count - 1 && random.unit() >= heard) continue
    expect((await reading.watcher.advance(head)).kind).toBe('advanced')
    await reading.watcher.mend()
  }
}

const startReading = async (): Promise<Reading> => {
  const started = composeReading(config, { chain, log: quiet.log, meter: quiet.meter })
  await started.watcher.backfill(new AbortController().signal)
  return started
}

const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)
const lines = (values: readonly unknown[]): readonly string[] => values.map(value => JSON.stringify(value, plain)).sort()

const answersOf = ({ books, venues: pools }: Reading, target: TargetBlock): readonly string[] => [
  ...books.flatMap(book => [
    `${book.name} ${book.size()}`,
    ...lines(book.positions(target)),
    ...lines(book.faults()),
    ...lines(
      book
        .opportunities(target)
        .map(({ position, closes }) => [
          position,
          closes.map(({ minPay, maxPay, amountsFor }) => [minPay, maxPay, amountsFor(maxPay)]),
        ]),
    ),
  ]),
  ...lines(
    pools
      .flatMap(venue => venue.pools())
      .map(pool => {
        const [a, b] = pool.tokens
        const quotes = [10n ** 6n, 10n ** 12n, 10n ** 18n].flatMap(amount => [
          pool.quoteExactIn(a!, b!, amount)?.amountOut ?? null,
          pool.quoteExactIn(b!, a!, amount)?.amountOut ?? null,
        ])
        return [pool.address, quotes]
      }),
  ),
]

const expectAsFresh = async (): Promise<void> => {
  const head = await chain.blockByTag('latest')
  const target = { number: head.number + 1n, timestampSec: head.timestampSec + 12n, baseFeePerGasWei: 10n ** 9n }
  expect(reading.watcher.health().tip?.hash).toBe(head.hash)
  const fresh = await startReading()
  const answers = answersOf(fresh, target)
  expect(answersOf(reading, target)).toEqual(answers)
  expect(answers.length).toBeGreaterThan(20)
}

beforeAll(async () => {
  const spec = { ...smallWorld(4), aave: aaveWorld(12, 'v3.0').aave ?? [] }
  anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  world = await createWorld(anvil, spec, SEED)
  for (const account of [...world.markets.flatMap(market => market.borrowers), ...world.aave.flatMap(each => each.accounts)])
    await fundAccount(world, account, 10n ** 21n)
  chain = await createChain({
    id: world.chainId,
    rpcUrls: [anvil.httpUrl],
    log: quiet.log,
    meter: quiet.meter,
    requestsPerSecond: 100_000,
  })
  const fromBlock = Number(world.fromBlock)
  const parts = {
    id: world.chainId,
    rpc: [anvil.httpUrl],
    wrappedNative: world.contracts.wrappedNative,
    strategies: {
      'morpho-blue': { address: world.contracts.morpho, fromBlock },
      'aave-v3': world.aave.map(({ pool }) => ({ address: pool, fromBlock })),
    },
    venues: { 'uniswap-v3': { factory: world.contracts.factory, fromBlock } },
  }
  config = parseConfig({ chains: [parts] }, 'a test', { strategies, venues }).chains[0]!
  reading = await startReading()
}, 60_000)

afterAll(async () => {
  await chain?.close()
  world?.rpc.close()
  await anvil?.stop()
})

describe('forks of a real chain', () => {
  it.each([
    [2, 1],
    [17, 0.5],
    [64, 0.2],
  ])(
    'behavior: %i blocks deep, other transactions',
    async (depth, heard) => {
      await play(3, 1)
      const snapshot = await world.rpc.request<Hex>('evm_snapshot')
      await play(depth, heard)
      await world.rpc.request('evm_revert', snapshot)
      const before = reading.watcher.health().reorgs
      for (let n = 0; n < depth; n++) await mineOne()
      await play(1, 1)
      expect(reading.watcher.health().reorgs).toBe(before + 1)
      await expectAsFresh()
      await play(4, 0.5)
      await expectAsFresh()
    },
    60_000,
  )

  it('behavior: 40 blocks emptied by anvil_reorg', async () => {
    await play(45, 0.3)
    await world.rpc.request('anvil_reorg', 40, [])
    await play(1, 1)
    await expectAsFresh()
    expect(quiet.lines.filter(({ event }) => ['log-refused', 'drift', 'logs-missing'].includes(event))).toEqual([])
  }, 60_000)
})
