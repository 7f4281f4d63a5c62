// The loop's own decisions, with all around it scripted: what it plans anew when the executor finds positions unfit.
import type { PositionRef } from '../src/core/opportunity'
import type { Address, Block } from '../src/core/primitives'
import { createSlotClock } from '../src/core/slot-clock'
import type { Book, VenueBook } from '../src/core/strategy'
import type { Plan, Skip } from '../src/core/verdict'
import type { ExecutionReport, Executor } from '../src/executor/executor'
import { createKeeper } from '../src/keeper'
import type { Chain } from '../src/ports'
import { DEFAULT_GAS_MODEL } from '../src/profitability/gas-model'
import { createMemoryStore } from '../src/store/memory'
import type { Watcher } from '../src/watcher/watcher'
import { fakeOpportunity } from './fakes/opportunity'
import { fakePool } from './fakes/pool'
import { createFakeLog, createFakeMeter } from './fakes/store'

const ETHER = 10n ** 18n
const account = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const [WETH, USD] = [account(0xe1), account(0xd1)]
const head: Block = {
  chainId: 31_337,
  number: 100n,
  hash: '0x64',
  parentHash: '0x63',
  timestampSec: 1_000n,
  baseFeePerGasWei: 10n ** 9n,
  gasUsed: 0n,
  gasLimit: 30_000_000n,
  logsBloom: null,
}

const owing = (n: number, market: PositionRef['market']) => {
  const priceWad = (5n * 10n ** 15n * ETHER) / 10n ** 6n
  const made = fakeOpportunity({
    account: account(n),
    payToken: USD,
    receiveToken: WETH,
    maxPay: 10n ** 9n,
    priceWad,
    bonusBps: 500n,
  })
  return { ...made, position: { ...made.position, market } }
}

/** `judge` names the accounts of a plan that are unfit; null: all is sent. */
const createWorld = (
  positions: readonly ReturnType<typeof owing>[],
  judge: (accounts: readonly Address[]) => readonly Address[],
) => {
  const planned: (readonly Address[])[] = []
  const execute = async (
    plans: readonly Plan[],
    _parent: Block,
    options?: { readonly mayReplan?: boolean },
  ): Promise<ExecutionReport> => {
    const takes = plans.flatMap(plan => plan.takes)
    planned.push(takes.map(take => take.position.account))
    const bad = options?.mayReplan === true ? judge(takes.map(take => take.position.account)) : []
    const unfit = takes
      .filter(take => bad.includes(take.position.account))
      .map(({ position }): Skip => ({ kind: 'skip', position, reason: 'failed-simulation', message: 'transfer reverted' }))
    return { sent: [], skips: [], unfit, isSimulated: true, elapsedMs: { simulate: 1, sign: 0, send: 0 } }
  }
  const store = createMemoryStore()
  const keeper = createKeeper({
    chain: {} as Chain,
    watcher: {
      advance: async () => ({ kind: 'advanced', block: head, logs: [], reorgFrom: null, receipts: null, isCatchingUp: false }),
      isQuarantined: () => false,
      mend: async () => undefined,
    } as Partial<Watcher> as Watcher,
    books: [{ opportunities: () => positions } as Partial<Book> as Book],
    venues: [
      {
        pools: () => [
          fakePool({ address: account(0xa1), tokens: [WETH, USD], reserves: [100_000n * ETHER, 20_000_000n * 10n ** 6n] }),
        ],
      } as Partial<VenueBook> as VenueBook,
    ],
    executor: {
      execute,
      settle: async () => [],
      inFlight: () => ({ count: 0, positions: [], ceilingWei: 0n }),
      isInFlight: () => false,
    } as Partial<Executor> as Executor,
    slotClock: createSlotClock(12n),
    hubs: () => [],
    assess: { wrappedNative: WETH, executor: account(0xbeef), gasModel: DEFAULT_GAS_MODEL, maxHops: 3 },
    policy: {
      bidShareBps: 0n,
      payee: { kind: 'none' },
      floorShareBps: 9_000n,
      minProfitWei: 0n,
      maxGasPerTransaction: 12_000_000n,
      graceSec: 60n,
    },
    maxPriorityFeePerGasWei: 0n,
    log: createFakeLog(),
    meter: createFakeMeter(),
    store,
    nowMs: () => 0,
  })
  return { keeper, planned, store }
}

describe('keeper', () => {
  test('default: one plan where all is fit', async () => {
    const { keeper, planned } = createWorld([owing(1, '0x01'), owing(2, '0x02')], () => [])
    expect((await keeper.tick(head)).end).toBe('done')
    expect(planned).toEqual([[account(1), account(2)]])
  })

  test('behavior: what is unfit is left out of a second plan, with its reason', async () => {
    const { keeper, planned } = createWorld([owing(1, '0x01'), owing(2, '0x02')], accounts =>
      accounts.filter(each => each === account(1)),
    )
    const tick = await keeper.tick(head)
    expect(planned).toEqual([[account(1), account(2)], [account(2)]])
    expect(tick.decision.skips).toEqual([expect.objectContaining({ reason: 'failed-simulation', message: 'transfer reverted' })])
  })

  test('behavior: one market that spoils plan after plan is left out whole: it hides no other', async () => {
    const hostile = [1, 2, 3, 4, 5, 6].map(n => owing(n, '0x01'))
    const judge = (accounts: readonly Address[]) => accounts.filter(each => each <= account(6)).slice(0, 1)
    const { keeper, planned } = createWorld([...hostile, owing(7, '0x02')], judge)
    const tick = await keeper.tick(head)
    expect(planned.at(-1)).toEqual([account(7)])
    expect(planned).toHaveLength(3)
    expect(tick.decision.skips).toHaveLength(6)
  })

  test('behavior: it stops planning anew: the last plan is carried out as it is', async () => {
    const positions = [1, 2, 3, 4, 5, 6].map(n => owing(n, `0x0${n}`))
    const { keeper, planned } = createWorld(positions, accounts => accounts.slice(0, 1))
    await keeper.tick(head)
    expect(planned.map(accounts => accounts.length)).toEqual([6, 5, 4, 3])
  })
})
