// The rival in a small world: takes positions in public, by bundle, and before somebody else's bundle.
import type { Hex } from '../../src/core/primitives'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { type Builder, createBuilder } from '../../src/lab/builder/builder'
import { pricesAt } from '../../src/lab/prices/rounds'
import { createRival, type Rival, type RivalTarget } from '../../src/lab/rival'
import { readLiquidations, readWorld } from '../../src/lab/world/accounting'
import { createWorld, worldAnvilArgs } from '../../src/lab/world/create-world'
import { smallWorld } from '../../src/lab/world/demo-world'
import { arbitrageTransaction, postTransactions } from '../../src/lab/world/transactions'
import type { World } from '../../src/lab/world/world'

const GWEI = 10n ** 9n
const FEES = { maxFeePerGasWei: 500n * GWEI, tipWei: 2n * GWEI }
// Deep in the crash: most positions are under water, some beyond their collateral.
const CRASH_BAR = 200

let anvil: Anvil
let world: World
let builder: Builder
let rival: Rival
let slower: Rival
let targets: readonly RivalTarget[]
let snapshot: Hex

const newRival = (key: Hex): Rival => createRival({ rpc: world.rpc, morpho: world.contracts.morpho, chainId: world.chainId, key })

const equip = async (who: Rival): Promise<void> => {
  const loans = [...new Map(world.markets.map(market => [market.loan.address, market.loan])).values()]
  const calls = await who.equip(
    loans.map(({ address, kind, decimals }) =>
      kind.kind === 'wrapped-native'
        ? { token: address, amount: 10n ** 23n, source: 'deposit' as const }
        : { token: address, amount: 10n ** BigInt(decimals + 9), source: 'mint' as const },
    ),
  )
  const block = await builder.buildBlock({ topOfBlock: calls })
  expect(block.included.every(({ ok }) => ok)).toBe(true)
}

beforeAll(async () => {
  const spec = smallWorld(4)
  anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  world = await createWorld(anvil, spec, 7)
  builder = await createBuilder({ rpcUrl: anvil.httpUrl })
  rival = newRival(`0x${'7'.repeat(64)}`)
  slower = newRival(`0x${'8'.repeat(64)}`)
  await equip(rival)
  await equip(slower)
  const prices = pricesAt(spec.prices, CRASH_BAR)
  const ids = world.feeds.map(({ id }) => id)
  await builder.buildBlock({ topOfBlock: [...postTransactions(world, prices, ids), arbitrageTransaction(world, prices)] })
  targets = (await readWorld(world, { block: 'latest' })).flatMap(({ market, positions, oraclePrice }) =>
    positions
      .filter(({ collateralAssets, debtAssets }) => {
        const value = (collateralAssets * oraclePrice) / 10n ** 36n
        // Under water, but with room for the whole incentive: closing by all shares works.
        return debtAssets * 10n ** 18n > value * market.params.lltv && debtAssets * 116n < value * 100n
      })
      .map(({ account, borrowShares }) => ({
        params: market.params,
        borrower: account,
        repaidShares: borrowShares,
        seizedAssets: 0n,
      })),
  )
})

beforeEach(async () => {
  snapshot = await world.rpc.request<Hex>('evm_snapshot')
})

afterEach(async () => {
  await world.rpc.request('evm_revert', snapshot)
})

afterAll(async () => {
  await builder?.close()
  world?.rpc.close()
  await anvil?.stop()
})

const headNumber = async (): Promise<bigint> => BigInt(await world.rpc.request<Hex>('eth_blockNumber'))

const takenBy = async (): Promise<readonly string[]> => {
  const head = await headNumber()
  return (await readLiquidations(world, head, head)).map(({ caller }) => caller.toLowerCase())
}

describe('createRival', () => {
  test('default: a bundle with a bid takes all its targets and pays the builder', async () => {
    expect(targets.length).toBeGreaterThanOrEqual(2)
    const targetBlock = (await headNumber()) + 1n
    const bid = { builderUrl: builder.url, targetBlock, bidWei: 10n ** 16n, coinbase: builder.coinbase }
    const bundleHash = await rival.sendBundle(targets, FEES, bid)
    const block = await builder.buildBlock()
    expect(block.bundles).toMatchObject([{ bundleHash }])
    expect(block.bundles[0]?.paidWei).toBeGreaterThan(10n ** 16n)
    expect(await takenBy()).toEqual(targets.map(() => rival.address))
  })

  test('behavior: of two rivals the higher bid takes the position', async () => {
    const targetBlock = (await headNumber()) + 1n
    const bid = { builderUrl: builder.url, targetBlock, coinbase: builder.coinbase }
    const lost = await slower.sendBundle(targets.slice(0, 1), FEES, { ...bid, bidWei: 10n ** 15n })
    await rival.sendBundle(targets.slice(0, 1), FEES, { ...bid, bidWei: 10n ** 16n })
    const block = await builder.buildBlock()
    expect(await takenBy()).toEqual([rival.address])
    expect(block.rejected).toMatchObject([{ bundleHash: lost, reason: expect.stringMatching(/^after 0x/) }])
  })

  test('behavior: in public by tip, and reverting where another was first', async () => {
    const [theirs] = await slower.sign(targets.slice(0, 1), { ...FEES, tipWei: GWEI })
    const [ours] = await rival.sign(targets.slice(0, 1), { ...FEES, tipWei: 3n * GWEI })
    await builder.submitPublic(theirs as Hex)
    await builder.submitPublic(ours as Hex)
    const block = await builder.buildBlock()
    expect(block.included.map(({ ok }) => ok)).toEqual([true, false])
    expect(await takenBy()).toEqual([rival.address])
  })

  test("behavior: at the top of the block it is before anybody's bundle", async () => {
    const targetBlock = (await headNumber()) + 1n
    const bid = { builderUrl: builder.url, targetBlock, coinbase: builder.coinbase, bidWei: 10n ** 18n }
    const lost = await slower.sendBundle(targets.slice(0, 1), FEES, bid)
    const block = await builder.buildBlock({ topOfBlock: rival.calls(targets.slice(0, 1)) })
    expect(await takenBy()).toEqual([rival.address])
    expect(block.rejected).toMatchObject([{ bundleHash: lost, reason: expect.stringMatching(/^alone: reverts/) }])
  })
})
