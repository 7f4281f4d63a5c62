// Stale local state (K14) on the real chain: a node that never tells of a borrower's logs. What the keeper then believes is wrong; it finds
// out by the contract, holds the market back, reads it anew and goes on, while the other market is closed as ever.
import { encodeFunctionData } from 'viem'
import { wordAt } from '../../src/core/abi-words'
import type { Address, Hex, Log, LogFilter } from '../../src/core/primitives'
import type { UnsignedCall } from '../../src/lab/builder/transaction'
import { morphoAbi, tokenAbi } from '../../src/lab/world/abis'
import { readWorld } from '../../src/lab/world/accounting'
import type { WorldMarket } from '../../src/lab/world/world'
import type { Chain } from '../../src/ports'
import { TOPIC } from '../../strategies/morpho-blue/abi'
import { CROWD, type CrowdLab, openCrowd, playDrop } from './crowd'
import { leftovers, type Run } from './lab'

const EACH = 5
const NEWCOMER: Address = `0x${'ab'.repeat(20)}`

let lab: CrowdLab
let first: WorldMarket
let second: WorldMarket

beforeAll(async () => {
  lab = await openCrowd({ ...CROWD, each: EACH, depthUsd: 400_000 }, 4)
  first = lab.world.markets[0]!
  second = lab.world.markets[1]!
}, 60_000)

afterAll(() => lab?.close())

/** `loses` says which logs are left out of the answer to which question. */
const forgetful =
  (loses: (log: Log, filters: readonly LogFilter[], how: 'block' | 'range') => boolean) =>
  (chain: Chain): Chain => ({
    ...chain,
    logsOfBlock: async (hash, filters) => (await chain.logsOfBlock(hash, filters)).filter(log => !loses(log, filters, 'block')),
    logsInRange: async (from, to, filters, onProgress) =>
      (await chain.logsInRange(from, to, filters, onProgress)).filter(log => !loses(log, filters, 'range')),
    receiptsOfBlock: async () => null,
  })

const isOf = (log: Log, account: Address, ...events: readonly Hex[]): boolean =>
  events.some(event => event === log.topics[0]) && log.topics.slice(1).some(topic => topic.endsWith(account.slice(2)))

const isBorrow = (log: Log, account: Address): boolean => isOf(log, account, TOPIC.borrow)

const callOf = (from: Address, data: Hex, to: Address = lab.world.contracts.morpho): UnsignedCall => ({
  from,
  to,
  data,
  gas: 1_000_000n,
})

/** What the first borrower of the first market has, and the call by which it borrows a little more. */
const someBorrower = async () => {
  const state = (await readWorld(lab.world, { block: 'latest' })).find(({ market }) => market.id === first.id)!
  const { account, debtAssets, collateralAssets } = state.positions[0]!
  const args = [first.params, debtAssets / 500n, 0n, account, account] as const
  const call = callOf(account, encodeFunctionData({ abi: morphoAbi, functionName: 'borrow', args }))
  return { account, debtAssets, collateralAssets, call }
}

const enrich = (account: Address): Promise<unknown> => lab.world.rpc.request('anvil_setBalance', account, '0x3635c9adc5dea00000')

const sharesOnChain = async (market: WorldMarket, account: Address): Promise<bigint> => {
  const data = encodeFunctionData({ abi: morphoAbi, functionName: 'position', args: [market.id, account] })
  return wordAt(await lab.world.rpc.request<Hex>('eth_call', { to: lab.world.contracts.morpho, data }, 'latest'), 1)
}

const lines = (run: Run, event: string) => run.quiet.lines.filter(line => line.event === event)
const marketsOf = (positions: readonly { readonly market: Hex }[]): ReadonlySet<Hex> =>
  new Set(positions.map(({ market }) => market))

/** All is as the contract has it, and nothing is held back any more. */
const expectWhole = async (run: Run, closed: number): Promise<void> => {
  expect(run.closed()).toHaveLength(closed)
  expect(run.composed.watcher.quarantined()).toEqual([])
  expect(run.composed.books.flatMap(book => book.faults())).toEqual([])
  expect(await leftovers(lab)).toEqual([])
}

describe('a node that forgets', () => {
  test('K14: positions about to be closed differ from the chain: cut with both values, read anew, closed; the others at once', async () => {
    let account = NEWCOMER
    const run = await lab.run({
      config: { auditPerBlock: 0, finalityDepth: 8 },
      wrapChain: forgetful(log => isBorrow(log, account)),
    })
    // What the backfill read is final by now.
    for (let block = 0; block < 10; block++) await run.play()
    const borrower = await someBorrower()
    account = borrower.account
    await enrich(account)
    const before = await sharesOnChain(first, account)
    await run.play({ topOfBlock: [borrower.call] })
    const now = await sharesOnChain(first, account)
    expect([now > before, lines(run, 'drift')]).toEqual([true, []])

    const { tick } = await playDrop(lab, run)
    // One request more than ever would tell; this one rode along with the simulation.
    expect(marketsOf(tick.execution?.sent.flatMap(({ positions }) => positions) ?? [])).toEqual(new Set([second.id]))
    const skips = run.skips().filter(({ reason }) => reason === 'drifted')
    expect([skips.length, marketsOf(skips.map(({ position }) => position))]).toEqual([EACH, new Set([first.id])])
    expect(lines(run, 'drift').map(({ level, fields }) => [level, fields])).toContainEqual([
      'error',
      expect.objectContaining({ market: first.id, account, field: 'borrow shares', book: `${before}`, chain: `${now}` }),
    ])
    expect(run.composed.watcher.quarantined().map(({ market }) => market)).toEqual([first.id])
    expect(run.composed.books[0]?.faults().map(({ market }) => market)).toEqual([first.id])
    // What can be undone was folded anew, in vain: the node goes on forgetting.
    expect([lines(run, 'refold').length, lines(run, 'released').length]).toEqual([1, 0])

    const next = await run.play()
    expect(marketsOf(run.closed().map(({ position }) => position))).toEqual(new Set([second.id]))
    expect(lines(run, 'released').map(({ fields }) => [fields.market, fields.how])).toEqual([[first.id, 'all of it read anew']])
    expect(marketsOf(next.tick.execution?.sent.flatMap(({ positions }) => positions) ?? [])).toEqual(new Set([first.id]))
    await run.play()
    await expectWhole(run, 2 * EACH)
    await run.close()
  })

  test('K14: found by the sample before anything hangs on it, and mended by folding anew', async () => {
    let account = NEWCOMER
    let hasForgotten = false
    const run = await lab.run({
      wrapChain: forgetful((log, _filters, how) => {
        const isLost = how === 'block' && isBorrow(log, account)
        hasForgotten ||= isLost
        return isLost
      }),
    })
    const borrower = await someBorrower()
    account = borrower.account
    await enrich(account)
    await run.play({ topOfBlock: [borrower.call] })
    for (let block = 0; block < 6 && lines(run, 'released').length === 0; block++) await run.play()
    expect(hasForgotten).toBe(true)
    expect(new Set(lines(run, 'drift').map(({ fields }) => fields.market))).toEqual(new Set([first.id]))
    expect(lines(run, 'released').map(({ fields }) => [fields.market, fields.how])).toEqual([[first.id, 'its logs folded anew']])
    const { tick } = await playDrop(lab, run)
    expect(tick.execution?.sent.flatMap(({ positions }) => positions)).toHaveLength(2 * EACH)
    await run.play()
    await expectWhole(run, 2 * EACH)
    await run.close()
  })

  test('K14: a borrower who was never heard of is found by what the market owes in all, and closed with the others', async () => {
    const { collateral, params } = first
    const { morpho } = lab.world.contracts
    // Only a search for this one market's borrowers finds what the node's index of everything has lost.
    const wrapChain = forgetful(
      (log, filters) =>
        isOf(log, NEWCOMER, TOPIC.supplyCollateral, TOPIC.borrow) && !filters.some(({ topics }) => topics[1]?.includes(first.id)),
    )
    const run = await lab.run({ wrapChain })
    const other = await someBorrower()
    // There is little left to borrow.
    const [collateralAssets, debtAssets] = [other.collateralAssets / 10n, other.debtAssets / 10n]
    await enrich(NEWCOMER)
    await run.play({
      topOfBlock: [
        callOf(
          NEWCOMER,
          encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [NEWCOMER, collateralAssets] }),
          collateral.address,
        ),
        callOf(
          NEWCOMER,
          encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [morpho, collateralAssets] }),
          collateral.address,
        ),
        callOf(
          NEWCOMER,
          encodeFunctionData({
            abi: morphoAbi,
            functionName: 'supplyCollateral',
            args: [params, collateralAssets, NEWCOMER, '0x'],
          }),
        ),
        callOf(
          NEWCOMER,
          encodeFunctionData({ abi: morphoAbi, functionName: 'borrow', args: [params, debtAssets, 0n, NEWCOMER, NEWCOMER] }),
        ),
      ],
    })
    expect(await sharesOnChain(first, NEWCOMER)).toBeGreaterThan(0n)
    const book = run.composed.books[0]!
    const isKnown = (): boolean => book.has({ strategy: 'morpho-blue', market: first.id, account: NEWCOMER })
    for (let block = 0; block < 10 && !isKnown(); block++) await run.play()
    expect(isKnown()).toBe(true)
    expect(lines(run, 'drift').map(({ fields }) => fields.field)).toContain('total borrow shares')
    const { tick } = await playDrop(lab, run)
    expect(tick.execution?.sent.flatMap(({ positions }) => positions)).toHaveLength(2 * EACH + 1)
    await run.play()
    await expectWhole(run, 2 * EACH + 1)
    await run.close()
  })

  test('K14: no false alarm over a whole crash: every audit finds book and contract equal', async () => {
    const run = await lab.run({ config: { auditPerBlock: 64 } })
    for (let block = 0; block < 3; block++) await run.play()
    await playDrop(lab, run)
    await run.play()
    await expectWhole(run, 2 * EACH)
    for (let block = 0; block < 3; block++) await run.play()
    expect(run.quiet.count('audits')).toBeGreaterThanOrEqual(5 * 2 * EACH)
    expect([lines(run, 'drift'), run.quiet.count('drifts')]).toEqual([[], 0])
    await run.close()
  })
})
