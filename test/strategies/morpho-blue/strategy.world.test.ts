// The book against the real contract: same state, same verdicts, same amounts, now and some slots later.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { wordAt } from '../../../src/core/abi-words'
import type { Address, Hex, TargetBlock } from '../../../src/core/primitives'
import type { Step } from '../../../src/core/program'
import type { Book, Scope } from '../../../src/core/strategy'
import { createRandom, seededAddress } from '../../../src/lab/world/random'
import { encodeBorrowRateView, type MarketParams, readMarket, TOPIC } from '../../../strategies/morpho-blue/abi'
import { createLedger, createLogFold } from '../../../strategies/morpho-blue/ledger'
import { accrue, adaptiveRate, toAssetsUp } from '../../../strategies/morpho-blue/math'
import { configSchema, morphoBlue } from '../../../strategies/morpho-blue/strategy'
import {
  type ChainReceipt,
  type Follower,
  follow,
  idOfMarket,
  logsBetween,
  type MorphoChain,
  readerOf,
  startMorphoChain,
} from './chain'

const SEED = 20200312
const WAD = 10n ** 18n
const PERCENT = 10n ** 16n
const NOBODY: Address = `0x${'0'.repeat(40)}`
const EVERYTHING: Scope = { markets: { allow: [], deny: [] }, accounts: { allow: [], deny: [] }, minDebtAssets: {} }
/** Collateral and loan decimals (indices of DECIMALS), LLTV in percent, and whether interest accrues. */
const DECIMALS = [18, 6, 8, 18]
const PLANS = [
  { collateral: 0, loan: 1, lltv: 860n, hasIrm: true },
  { collateral: 2, loan: 0, lltv: 770n, hasIrm: true },
  { collateral: 1, loan: 2, lltv: 625n, hasIrm: true },
  { collateral: 0, loan: 3, lltv: 945n, hasIrm: true },
  { collateral: 2, loan: 1, lltv: 915n, hasIrm: false },
] as const
const BORROWERS = 8

interface Subject {
  readonly id: Hex
  readonly params: MarketParams
  /** Price at which one whole token of each is worth the same: 1e36 scaled. */
  readonly par: bigint
}

let chain: MorphoChain
let subjects: Subject[]
let borrowers: Address[]
let live: { readonly book: Book; readonly follower: Follower }
const random = createRandom(SEED, 'morpho world')

const bookOf = (scope = EVERYTHING): Book => morphoBlue.createBook(configSchema.parse({ address: chain.morpho }), scope)
const open = (scope = EVERYTHING): { readonly book: Book; readonly follower: Follower } => {
  const book = bookOf(scope)
  return { book, follower: follow(chain, book) }
}
const snapshot = (): Promise<Hex> => chain.rpc.request<Hex>('evm_snapshot')
const revert = async (id: Hex): Promise<void> => void (await chain.rpc.request('evm_revert', id))
const targetAt = (number: bigint, timestampSec: bigint): TargetBlock => ({ number, timestampSec, baseFeePerGasWei: 0n })
const nextAt = (timestampSec: bigint): Promise<unknown> => chain.rpc.request('evm_setNextBlockTimestamp', Number(timestampSec))
const succeeded = (receipt: ChainReceipt): boolean => receipt.status === '0x1'
const stateOf = async (id: Hex) => readMarket(await chain.call('market', [id]))
const positionOf = async (id: Hex, account: Address) => {
  const data = await chain.call('position', [id, account])
  return { borrowShares: wordAt(data, 1), collateral: wordAt(data, 2) }
}
const chance = (share: number): boolean => random.unit() < share
const fraction = (whole: bigint, low: number, high: number): bigint =>
  (whole * BigInt(Math.floor(random.between(low, high) * 1e6))) / 1_000_000n

const openSubject = async (plan: (typeof PLANS)[number]): Promise<Subject> => {
  const [collateral, loan] = [chain.tokens[plan.collateral]!, chain.tokens[plan.loan]!]
  const par = 10n ** BigInt(36 + loan.decimals - collateral.decimals)
  const oracle = await chain.deployOracle(par)
  const params = {
    loanToken: loan.address,
    collateralToken: collateral.address,
    oracle,
    irm: plan.hasIrm ? chain.irm : NOBODY,
    lltvWad: plan.lltv * 10n ** 15n,
  }
  const id = await chain.createMarket(params)
  await chain.send(
    chain.owner,
    chain.morpho,
    chain.encode('supply', params, 10n ** BigInt(loan.decimals) * 10_000n, 0n, chain.owner, '0x'),
  )
  return { id, params, par }
}

/** Deposits and borrows at a random share of the limit; now and then dust. */
const openPosition = async ({ params, par }: Subject, borrower: Address, index: number): Promise<void> => {
  const collateral =
    index % 4 === 3
      ? BigInt(1 + Math.floor(random.between(0, 5_000)))
      : fraction(par < 10n ** 36n ? 10n ** 20n : 10n ** 9n, 0.01, 1)
  await chain.send(borrower, chain.morpho, chain.encode('supplyCollateral', params, collateral, borrower, '0x'))
  const limit = (((collateral * par) / 10n ** 36n) * params.lltvWad) / WAD
  const debt = fraction(limit, 0.6, 1)
  if (debt > 0n) await chain.send(borrower, chain.morpho, chain.encode('borrow', params, debt, 0n, borrower, borrower))
}

/** One random act of anybody; it may revert, as on any chain. */
const actAtRandom = async (subject: Subject): Promise<void> => {
  const { params, id } = subject
  const borrower = borrowers[Math.floor(random.between(0, BORROWERS))]!
  const { borrowShares, collateral } = await positionOf(id, borrower)
  const acts: readonly (() => Hex)[] = [
    () => chain.encode('supplyCollateral', params, fraction(collateral, 0.1, 1) + 1n, borrower, '0x'),
    () => chain.encode('withdrawCollateral', params, fraction(collateral, 0.01, 0.2) + 1n, borrower, borrower),
    () => chain.encode('borrow', params, 0n, fraction(borrowShares, 0.01, 0.3) + 1n, borrower, borrower),
    () => chain.encode('repay', params, 0n, chance(0.2) ? borrowShares : fraction(borrowShares, 0.1, 0.9) + 1n, borrower, '0x'),
    () => chain.encode('supply', params, BigInt(Math.floor(random.between(1, 1e9))), 0n, borrower, '0x'),
    () => chain.encode('withdraw', params, 0n, BigInt(Math.floor(random.between(1, 1e9))), borrower, borrower),
    () => chain.encode('accrueInterest', params),
    () => chain.encode('liquidate', params, borrower, 0n, fraction(borrowShares, 0.1, 0.9) + 1n, '0x'),
    () => chain.encode('liquidate', params, borrower, collateral, 0n, '0x'),
  ]
  if (chance(0.5))
    await nextAt((await chain.head()).timestampSec + BigInt(Math.floor(random.between(1, chance(0.2) ? 5_000_000 : 600))))
  if (chance(0.15)) await chain.setPrice(params.oracle, fraction(subject.par, 0.4, 1.3))
  const act = acts[Math.floor(random.between(0, acts.length))]!
  await chain.send(chance(0.5) ? borrower : chain.owner, chain.morpho, act())
}

beforeAll(async () => {
  chain = await startMorphoChain(DECIMALS, [...new Set(PLANS.map(({ lltv }) => lltv * 10n ** 15n))])
  borrowers = Array.from({ length: BORROWERS }, (_, i) => seededAddress(SEED, `borrower ${i}`))
  for (const borrower of borrowers) await chain.enrich(borrower)
  live = open()
  subjects = []
  for (const plan of PLANS) subjects.push(await openSubject(plan))
  await chain.send(chain.owner, chain.morpho, chain.encode('setFee', subjects[0]!.params, 20n * PERCENT))
  for (const subject of subjects) for (const [i, borrower] of borrowers.entries()) await openPosition(subject, borrower, i)
  await live.follower.advance('live')
}, 60_000)

afterAll(async () => {
  await chain?.close()
})

/** What the book says of a market, by its own accrual at `timestampSec`: debt of each account. */
const debtsOf = (book: Book, id: Hex, target: TargetBlock): ReadonlyMap<Address, bigint> =>
  new Map(book.positions(target).flatMap(view => (view.market === id ? [[view.account, view.debtAssets] as const] : [])))

const expectSameAsChain = async (book: Book): Promise<void> => {
  const head = await chain.head()
  for (const { id } of subjects) {
    const { totals } = await stateOf(id)
    const views = book.positions(targetAt(head.number, head.timestampSec)).filter(view => view.market === id)
    for (const borrower of borrowers) {
      const { borrowShares, collateral } = await positionOf(id, borrower)
      const view = views.find(({ account }) => account === borrower)
      expect(view?.collateralAssets ?? null).toBe(borrowShares > 0n ? collateral : null)
      expect(book.has({ strategy: 'morpho-blue', market: id, account: borrower })).toBe(borrowShares > 0n)
    }
    expect(views.length).toBe(
      [...(await Promise.all(borrowers.map(each => positionOf(id, each))))].filter(each => each.borrowShares > 0n).length,
    )
    expect(totals.borrowAssets > 0n || views.length === 0).toBe(true)
  }
}

/** Logs alone, without any read, must give the totals in storage. */
const expectFoldedTotals = async (): Promise<void> => {
  const ledger = createLedger(() => undefined)
  const fold = createLogFold(chain.morpho, ledger, () => true)
  for (const log of await logsBetween(chain, live.book, 0n, (await chain.head()).number, true)) fold.fold(log)
  for (const { id } of subjects) expect(ledger.byId.get(id)?.state).toMatchObject((await stateOf(id)).totals)
}

/** After an accrual on the chain at `timestampSec`, debts must be what the book predicted for that time before it. */
const expectPredictedAccrual = async (book: Book, timestampSec: bigint): Promise<void> => {
  const head = await chain.head()
  const predicted = subjects.map(({ id }) => debtsOf(book, id, targetAt(head.number + 1n, timestampSec)))
  const before = await snapshot()
  for (const { params } of subjects)
    await chain.rpc.request('eth_sendTransaction', {
      from: chain.owner,
      to: chain.morpho,
      data: chain.encode('accrueInterest', params),
      gas: '0x1c9c380',
      gasPrice: '0x77359400',
    })
  await nextAt(timestampSec)
  await chain.rpc.request('evm_mine')
  for (const [i, { id }] of subjects.entries()) {
    const { totals } = await stateOf(id)
    for (const borrower of borrowers) {
      const { borrowShares } = await positionOf(id, borrower)
      if (borrowShares > 0n)
        expect(predicted[i]!.get(borrower)).toBe(toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares))
    }
  }
  await revert(before)
}

describe('state', () => {
  it('default: debts accrue as on the chain, to the unit, after any time', async () => {
    const { timestampSec } = await chain.head()
    for (const jump of [1n, 12n, 3_600n, 86_400n * 30n, 86_400n * 365n * 3n])
      await expectPredictedAccrual(live.book, timestampSec + jump)
  }, 60_000)

  it('behavior: after a random history, the same by logs and by backfill, with totals as in storage', async () => {
    for (let i = 0; i < 160; i++) {
      await actAtRandom(subjects[i % subjects.length]!)
      if (i % 20 === 19) await live.follower.advance('live')
    }
    await live.follower.advance('live')
    const late = open()
    await late.follower.advance('backfill')
    await expectFoldedTotals()
    const { timestampSec } = await chain.head()
    for (const { book } of [live, late]) {
      expect(book.needsBootstrap()).toBe(false)
      expect(book.faults()).toEqual([])
      await expectSameAsChain(book)
      await expectPredictedAccrual(book, timestampSec + 777n)
    }
    const target = targetAt(1n, timestampSec + 12n)
    const byKey = (book: Book) =>
      [...book.positions(target)].sort((a, b) => (a.market + a.account < b.market + b.account ? -1 : 1))
    expect(byKey(live.book)).toEqual(byKey(late.book))
    expect(live.book.size()).toBe(late.book.size())
  }, 90_000)

  it('behavior: a book that starts late reads what it has not seen, and says what it can not know', async () => {
    const late = open()
    const head = await chain.head()
    const silent = subjects[0]!
    // Only one account of one market moves after the book's start.
    const start = await snapshot()
    await chain.send(
      borrowers[0]!,
      chain.morpho,
      chain.encode('supplyCollateral', silent.params, 1_000_000n, borrowers[0]!, '0x'),
    )
    await chain.send(borrowers[0]!, chain.morpho, chain.encode('borrow', silent.params, 0n, 1n, borrowers[0]!, borrowers[0]!))
    const logs = await chain.rpc.request<
      readonly {
        topics: Hex[]
        data: Hex
        address: Address
        blockNumber: Hex
        blockHash: Hex
        logIndex: Hex
        transactionHash: Hex
      }[]
    >('eth_getLogs', { fromBlock: `0x${(head.number + 1n).toString(16)}`, toBlock: 'latest', address: chain.morpho })
    for (const log of logs) late.book.fold({ ...log, blockNumber: BigInt(log.blockNumber), logIndex: Number(log.logIndex) })
    const now = await chain.head()
    expect(late.book.needsBootstrap()).toBe(true)
    await late.book.bootstrap(readerOf(chain, now))
    late.book.acceptReads(now, await readerOf(chain, now).read(late.book.blockReads()))
    const real = await positionOf(silent.id, borrowers[0]!)
    const views = late.book.positions(targetAt(now.number, now.timestampSec))
    expect(views.map(({ account, collateralAssets }) => ({ account, collateralAssets }))).toEqual([
      { account: borrowers[0], collateralAssets: real.collateral },
    ])
    expect(late.book.faults()).toEqual([{ market: silent.id, reason: expect.stringContaining('judged in part') }])
    await revert(start)
  }, 30_000)
})

/** Amounts of the Liquidate event, or null where the transaction reverted. */
const liquidatedIn = (
  receipt: ChainReceipt,
): { readonly paid: bigint; readonly received: bigint; readonly badDebt: bigint } | null => {
  if (!succeeded(receipt)) return null
  const log = receipt.logs.find(({ topics }) => topics[0] === TOPIC.liquidate)!
  return { paid: wordAt(log.data, 0), received: wordAt(log.data, 2), badDebt: wordAt(log.data, 3) }
}

const liquidateAt = async (timestampSec: bigint, data: Hex): Promise<ChainReceipt> => {
  const before = await snapshot()
  await nextAt(timestampSec)
  const receipt = await chain.send(chain.owner, chain.morpho, data)
  await revert(before)
  return receipt
}

describe('opportunities', () => {
  let gas: bigint[] = []
  const dataOf = ([step]: readonly Step[]): Hex => {
    if (step?.kind !== 'call') throw new Error('no call')
    return step.data
  }

  it('default: exactly those whom the contract lets be liquidated, at exactly the amounts it takes and gives', async () => {
    gas = []
    let [found, healthy, badDebts] = [0, 0, 0]
    for (const drop of [0.98, 0.85, 0.6]) {
      const beforeDrop = await snapshot()
      for (const { params, par } of subjects) await chain.setPrice(params.oracle, (par * BigInt(Math.round(drop * 1000))) / 1000n)
      const { book, follower } = open()
      const head = await follower.advance('backfill')
      const target = targetAt(head.number + 1n, head.timestampSec + 12n)
      const opportunities = new Map(book.opportunities(target).map(each => [each.position.market + each.position.account, each]))
      for (const { id, params } of subjects)
        for (const borrower of borrowers) {
          const { borrowShares, collateral } = await positionOf(id, borrower)
          const opportunity = opportunities.get(id + borrower)
          if (opportunity === undefined) {
            if (borrowShares === 0n || collateral === 0n) continue
            healthy += 1
            for (const ask of [
              [0n, 1n],
              [1n, 0n],
            ])
              expect(
                succeeded(await liquidateAt(target.timestampSec, chain.encode('liquidate', params, borrower, ...ask, '0x'))),
              ).toBe(false)
            continue
          }
          found += 1
          const close = opportunity.closes[0]!
          const full = await liquidateAt(target.timestampSec, dataOf(close.encode(close.maxPay, [])))
          expect(liquidatedIn(full)).toEqual({
            paid: close.maxPay,
            received: close.amountsFor(close.maxPay).received,
            badDebt: opportunity.debtAssets,
          })
          if (opportunity.debtAssets > 0n) badDebts += 1
          gas.push(BigInt(full.gasUsed))
          const part = fraction(close.maxPay, 0.01, 1)
          if (part >= close.minPay) {
            const { paid, received } = close.amountsFor(part)
            expect(liquidatedIn(await liquidateAt(target.timestampSec, dataOf(close.encode(part, []))))).toMatchObject({
              paid,
              received,
            })
          }
          // One unit more than everything is refused; the same call some slots later is not.
          const words: Hex = `0x${dataOf(close.encode(close.maxPay, [])).slice(10)}`
          const [seized, shares] = [wordAt(words, 6), wordAt(words, 7)]
          const more = chain.encode(
            'liquidate',
            params,
            borrower,
            seized > 0n ? seized + 1n : 0n,
            shares > 0n ? shares + 1n : 0n,
            '0x',
          )
          expect(succeeded(await liquidateAt(target.timestampSec, more))).toBe(false)
          for (const later of [12n, 120n])
            expect(succeeded(await liquidateAt(target.timestampSec + later, dataOf(close.encode(close.maxPay, []))))).toBe(true)
        }
      await revert(beforeDrop)
    }
    expect(found).toBeGreaterThan(15)
    expect(healthy).toBeGreaterThan(5)
    expect(badDebts).toBeGreaterThan(3)
  }, 120_000)

  it('behavior: the gas estimate is near what the contract uses', () => {
    const own = gas.map(used => used - 21_000n).sort((a, b) => Number(a - b))
    expect(own[own.length >> 1]! > 60_000n && own[own.length >> 1]! < 160_000n).toBe(true)
  })

  it('behavior: an interval in which only time passes makes a position an opportunity in the right second', async () => {
    const start = await snapshot()
    const { params: near, par } = subjects[1]!
    await chain.setPrice(near.oracle, par)
    const collateral = 10n ** 9n
    const debt = ((((collateral * par) / 10n ** 36n) * near.lltvWad) / WAD / 10_000n) * 9_999n
    await chain.send(borrowers[2]!, chain.morpho, chain.encode('supplyCollateral', near, collateral, chain.owner, '0x'))
    await chain.send(chain.owner, chain.morpho, chain.encode('borrow', near, debt, 0n, chain.owner, chain.owner))
    const { book, follower } = open()
    const head = await follower.advance('backfill')
    const openAt = (timestampSec: bigint): ReadonlySet<string> =>
      new Set(
        book.opportunities(targetAt(head.number + 1n, timestampSec)).map(({ position }) => position.market + position.account),
      )
    let [low, high] = [head.timestampSec, head.timestampSec + 86_400n * 3_650n]
    const [openNow, openThen] = [openAt(low), openAt(high)]
    const nearest = book
      .positions(targetAt(head.number + 1n, low))
      .find(view => openThen.has(view.market + view.account) && !openNow.has(view.market + view.account))!
    const isOpen = (timestampSec: bigint): boolean => openAt(timestampSec).has(nearest.market + nearest.account)
    while (high - low > 1n) {
      const middle = (low + high) / 2n
      if (isOpen(middle)) high = middle
      else low = middle
    }
    const { params } = subjects.find(({ id }) => id === nearest.market)!
    const { borrowShares } = await positionOf(nearest.market, nearest.account)
    const data = chain.encode('liquidate', params, nearest.account, 0n, borrowShares / 100n, '0x')
    expect(succeeded(await liquidateAt(high, data))).toBe(true)
    if (low > head.timestampSec) expect(succeeded(await liquidateAt(low, data))).toBe(false)
    await revert(start)
  }, 60_000)
})

describe('rate models', () => {
  it('default: the adaptive one is recognised and its live rate equals ours', async () => {
    const { book, follower } = open()
    await follower.advance('backfill')
    expect(book.filters().some(({ addresses }) => addresses.includes(chain.irm))).toBe(true)
    expect(book.filtersVersion()).toBe(1)
    expect(book.blockReads().every(call => call.to !== chain.irm)).toBe(true)
    const { id, params } = subjects[0]!
    const head = await chain.head()
    const { totals, lastUpdateSec } = await stateOf(id)
    const said = await chain.rpc.request<Hex>(
      'eth_call',
      { to: chain.irm, data: encodeBorrowRateView(params, totals, lastUpdateSec) },
      { blockHash: head.hash },
    )
    const rateAtTarget = BigInt(
      await chain.rpc.request<Hex>('eth_call', { to: chain.irm, data: `0x01977b57${id.slice(2)}` }, 'latest'),
    )
    const elapsedSec = head.timestampSec - lastUpdateSec
    expect(BigInt(said)).toBe(adaptiveRate(totals, rateAtTarget, elapsedSec).averageRateWad)
    expect(accrue(totals, BigInt(said), elapsedSec)).not.toBeNull()
  }, 30_000)

  it('behavior: an unknown one is asked each block', async () => {
    const start = await snapshot()
    // Runtime that answers 1e9 to anything: PUSH4, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
    const irm = seededAddress(SEED, 'constant rate')
    await chain.rpc.request('anvil_setCode', irm, '0x633b9aca005f5260205ff3')
    await chain.send(chain.owner, chain.morpho, `0x5a64f51e${irm.slice(2).padStart(64, '0')}`)
    const params: MarketParams = { ...subjects[0]!.params, irm }
    const id = await chain.createMarket(params)
    await chain.send(chain.owner, chain.morpho, chain.encode('supply', params, 10n ** 12n, 0n, chain.owner, '0x'))
    await openPosition({ id, params, par: subjects[0]!.par }, borrowers[1]!, 0)
    const { book, follower } = open()
    const head = await follower.advance('backfill')
    expect(book.blockReads().filter(call => call.to === irm).length).toBe(1)
    const target = targetAt(head.number + 1n, head.timestampSec + 86_400n * 100n)
    const predicted = debtsOf(book, id, target).get(borrowers[1]!)
    await nextAt(target.timestampSec)
    await chain.send(chain.owner, chain.morpho, chain.encode('accrueInterest', params))
    const { totals } = await stateOf(id)
    const { borrowShares } = await positionOf(id, borrowers[1]!)
    expect(predicted).toBe(toAssetsUp(borrowShares, totals.borrowAssets, totals.borrowShares))
    await revert(start)
  }, 30_000)
})

describe('hostile oracles', () => {
  it('behavior: each is a fault of its own market; the others go on', async () => {
    const start = await snapshot()
    for (const { params, par } of subjects) await chain.setPrice(params.oracle, par / 2n)
    const { book, follower } = open()
    const bad = subjects[0]!
    for (const [mode, reason] of [
      [1, 'oracle: reverted'],
      [2, 'oracle: price is zero'],
      [3, "overflows the contract's maths"],
      [4, 'oracle: reverted'],
      [5, 'oracle: '],
      [6, 'oracle: answered 5 bytes'],
    ] as const) {
      await chain.setMode(bad.params.oracle, mode)
      const head = await follower.advance('live')
      const opportunities = book.opportunities(targetAt(head.number + 1n, head.timestampSec + 12n))
      expect(book.faults()).toEqual([{ market: bad.id, reason: expect.stringContaining(reason) }])
      expect(opportunities.some(({ position }) => position.market === bad.id)).toBe(false)
      expect(opportunities.length).toBeGreaterThan(3)
      expect(
        book
          .positions(targetAt(head.number + 1n, head.timestampSec))
          .filter(view => view.market === bad.id)
          .every(view => view.healthFactorWad === null),
      ).toBe(true)
    }
    await chain.setMode(bad.params.oracle, 0)
    const head = await follower.advance('live')
    expect(book.faults()).toEqual([])
    expect(
      book.opportunities(targetAt(head.number + 1n, head.timestampSec + 12n)).some(({ position }) => position.market === bad.id),
    ).toBe(true)
    await revert(start)
  }, 60_000)
})

describe('tokens and pairs', () => {
  it('default: as the tokens say', () => {
    for (const [i, { address, decimals }] of chain.tokens.entries())
      expect(live.book.tokens().get(address)).toEqual({ address, decimals, symbol: `TKN${i}` })
    for (const { params } of subjects)
      expect(live.book.pairs()).toContainEqual({ from: params.collateralToken, to: params.loanToken })
    expect(subjects.map(({ params }) => idOfMarket(params))).toEqual(subjects.map(({ id }) => id))
  })
})
