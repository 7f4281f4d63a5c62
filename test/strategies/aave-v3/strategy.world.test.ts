// The book against official pools: who is liquidatable, what each close takes and gives, at the bounds and one unit beyond.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { encodeFunctionData, parseAbi } from 'viem'
import type { Opportunity } from '../../../src/core/opportunity'
import type { Block, Hex } from '../../../src/core/primitives'
import type { Step } from '../../../src/core/program'
import type { Book } from '../../../src/core/strategy'
import { readAaveHealth } from '../../../src/lab/world/aave/accounting'
import { createRandom } from '../../../src/lab/world/random'
import { EVERYTHING, openPoolBook, type PoolBook, targetAfter } from './pool-book'

const WAD = 10n ** 18n

const configuratorAbi = parseAbi([
  'function configureReserveAsCollateral(address asset, uint256 ltv, uint256 threshold, uint256 bonus)',
])
const pauseAbi = parseAbi(['function setReservePause(address asset, bool paused)'])
const graceAbi = parseAbi(['function setReservePause(address asset, bool paused, uint40 gracePeriod)'])
const oracleAbi = parseAbi(['function setAssetSources(address[] assets, address[] sources)'])
const NOBODY = `0x${'0'.repeat(40)}` as const
const word = (value: bigint): string => value.toString(16).padStart(64, '0')
const keyOf = ({ position }: Opportunity): string => position.account

/** All of them times `depth`, but what follows another feed. */
const pricesAt = ({ world }: PoolBook, depth: number): Readonly<Record<string, number>> =>
  Object.fromEntries(world.feeds.map(({ id }) => [id, id.includes('STETH') ? 1 : depth]))

/** Prices from a crash to a rise; the book has to say of every account what the pool says. */
const SCENES = 8

describe.each(['v3.0', 'v3.6'] as const)('the book of a %s pool', version => {
  let pool: PoolBook
  let head: Block
  const random = createRandom(20200312, version)
  beforeAll(async () => {
    pool = await openPoolBook(version, 60, 7)
    head = await pool.follow(pool.book)
  }, 60_000)
  afterAll(async () => {
    await pool?.close()
  })

  it('default: what is liquidatable at the target, and every health factor, is what the pool says', async () => {
    let [states, under] = [0, 0]
    for (let scene = 0; scene < SCENES; scene++) {
      const depth = random.between(0.5, 1.1)
      const factors = Object.fromEntries(
        pool.world.feeds.map(({ id }) => [id, id.includes('STETH') ? 1 : depth * random.between(0.9, 1.1)]),
      )
      head = await pool.move(factors, Math.round(10 ** random.between(1, 6)))
      const target = targetAfter(head)
      const told = await readAaveHealth(pool.world, pool.aave, pool.aave.accounts, {
        block: 'latest',
        timestampSec: target.timestampSec,
      })
      const views = new Map(pool.book.positions(target).map(view => [view.account, view]))
      for (const { account, healthFactorWad } of told) expect(views.get(account)?.healthFactorWad).toBe(healthFactorWad)
      const found = pool.book.opportunities(target).map(({ position }) => position.account)
      expect([...found].sort()).toEqual(
        told
          .filter(each => each.healthFactorWad < WAD)
          .map(({ account }) => account)
          .sort(),
      )
      states += told.length
      under += found.length
    }
    expect(states).toBe(SCENES * 60)
    expect(under).toBeGreaterThan(60)
  }, 60_000)

  it('behavior: every close is accepted for exactly what it says, and still is some slots later', async () => {
    let [tried, twice] = [0, 0]
    for (const depth of [0.9, 0.74, 0.6]) {
      head = await pool.move(pricesAt(pool, depth), 3_600)
      const target = targetAfter(head)
      const late = { ...target, timestampSec: target.timestampSec + 600n }
      for (const { closes, obstacle, position } of pool.book.opportunities(target)) {
        expect(closes.length > 0 || obstacle !== null).toBe(true)
        for (const close of closes) {
          const context = `${position.account} ${close.payToken} for ${close.receiveToken}`
          const span = close.maxPay - close.minPay
          const some = close.minPay + (span * BigInt(Math.floor(random.unit() * 1e6))) / 1_000_000n
          for (const pay of new Set(tried % 3 === 0 ? [close.maxPay, close.minPay, some] : [close.maxPay])) {
            const { paid, received, needed } = close.amountsFor(pay)
            const steps = close.encode(pay, [])
            expect([context, await pool.attempt(steps, head, target)]).toEqual([context, { paid, received }])
            const later = await pool.attempt(steps, head, late)
            expect([context, later !== null && later.paid <= needed]).toEqual([context, true])
            tried += 1
            if (steps.length > 2) twice += 1
          }
        }
      }
    }
    expect(tried).toBeGreaterThan(90)
    expect(twice).toBeGreaterThan(0)
  }, 60_000)

  it(
    'behavior: at health 0.96, threshold 82.5 % and bonus 5 %, two calls in one repay 29.9 % more than one',
    () =>
      pool.apart(async () => {
        const { world, aave, debtor, book } = pool
        const [weth, usdc] = ['WETH', 'USDC'].map(symbol => aave.reserves.find(({ token }) => token.symbol === symbol)!)
        const configure = encodeFunctionData({
          abi: configuratorAbi,
          functionName: 'configureReserveAsCollateral',
          args: [weth!.token.address, 8_050n, 8_250n, 10_500n],
        })
        const governance = { from: world.actors.deployer, to: aave.configurator, data: configure, gas: '0x16e360' }
        await world.rpc.request('eth_sendTransaction', governance)
        await pool.move(pricesAt(pool, 1), 12)
        // At the opening price of 1: worth 100 times what is owed, so that the price of 0.96 * debt / (threshold * collateral) can be set.
        const price = BigInt(await world.rpc.request<Hex>('eth_call', { to: weth!.source, data: '0x50d25bcd' }, 'latest'))
        const ether = 100n * WAD
        const owed = (ether * price * 80n) / 100n / WAD / 100n
        await pool.borrow(weth!, ether, usdc!, owed)
        const depth = (0.96 * 0.8) / 0.825
        head = await pool.move(pricesAt(pool, depth), 12)
        const target = targetAfter(head)
        const [view] = book.positions(target).filter(({ account }) => account === debtor)
        expect(Number(view!.healthFactorWad) / 1e18).toBeCloseTo(0.96, 4)
        const { closes } = book.opportunities(target).find(({ position }) => position.account === debtor)!
        const [single, twice] = [closes[0]!, closes.at(-1)!]
        expect(twice.encode(twice.maxPay, []).filter(({ kind }) => kind === 'call')).toHaveLength(2)
        expect(Number((twice.maxPay * 1_000n) / single.maxPay) / 10).toBeCloseTo(129.9, 1)
        for (const close of [single, twice]) {
          const { paid, received } = close.amountsFor(close.maxPay)
          expect(await pool.attempt(close.encode(close.maxPay, []), head, target)).toEqual({ paid, received })
        }
      }),
    60_000,
  )

  it('behavior: one unit more than the largest size is refused or changes nothing', async () => {
    let [refused, unchanged] = [0, 0]
    head = await pool.move(pricesAt(pool, 0.8), 3_600)
    const target = targetAfter(head)
    for (const { closes } of pool.book.opportunities(target)) {
      for (const close of closes) {
        const [, call, second] = close.encode(close.maxPay, [])
        if (call?.kind !== 'call' || second !== undefined) continue
        const { paid, received } = close.amountsFor(close.maxPay)
        const asked = BigInt(`0x${call.data.slice(10 + 3 * 64, 10 + 4 * 64)}`)
        const more: Step = {
          ...call,
          data: `0x${call.data.slice(2, 10 + 3 * 64)}${word(asked + 1n)}${call.data.slice(10 + 4 * 64)}`,
        }
        const end = await pool.attempt([more], head, target)
        if (end === null) refused += 1
        else {
          expect(end).toEqual({ paid, received })
          unchanged += 1
        }
      }
    }
    expect(unchanged).toBeGreaterThan(5)
    if (version === 'v3.6') expect(refused).toBeGreaterThan(2)
  }, 60_000)

  it(
    'behavior: what has nothing to hand out is left, said why, and other collateral taken',
    () =>
      pool.apart(async () => {
        const { world, aave, book, chain } = pool
        head = await pool.move(pricesAt(pool, 0.7), 3_600)
        const before = book.opportunities(targetAfter(head))
        const weth = aave.reserves.find(({ token }) => token.symbol === 'WETH')!
        const fresh = async (): Promise<readonly Opportunity[]> => {
          await world.rpc.request('evm_mine')
          const again = pool.newBook()
          return again.opportunities(targetAfter(await pool.follow(again)))
        }
        // Somebody borrows all that is there.
        const usdc = aave.reserves.find(({ token }) => token.symbol === 'USDC')!
        const held = await pool.liquidityOf(weth)
        await pool.borrow(usdc, 10n ** 16n, weth, held)
        await world.rpc.request('evm_mine')
        expect(await pool.liquidityOf(weth)).toBe(0n)
        const dried = await fresh()
        expect(dried.map(keyOf).sort()).toEqual(before.map(keyOf).sort())
        const ofWeth = (found: readonly Opportunity[]): number =>
          found.flatMap(({ closes }) => closes).filter(({ receiveToken }) => receiveToken === weth.token.address).length
        expect(ofWeth(before)).toBeGreaterThan(3)
        expect(ofWeth(dried)).toBe(0)
        const bare = dried.filter(({ closes }) => closes.length === 0)
        expect(bare.length).toBeGreaterThan(0)
        for (const { obstacle } of bare) expect(obstacle).toContain(`reserve ${weth.token.address} can hand out 0 units`)
        const head2 = await chain.blockByTag('latest')
        for (const { closes } of dried.slice(0, 6))
          for (const close of closes.slice(0, 2))
            expect(await pool.attempt(close.encode(close.maxPay, []), head2, targetAfter(head2))).not.toBeNull()
      }),
    60_000,
  )

  it(
    'behavior: paused reserves, and those in their grace period, bar their pairs and nothing else',
    () =>
      pool.apart(async () => {
        const { world, aave, book } = pool
        const usdc = aave.reserves.find(({ token }) => token.symbol === 'USDC')!
        const tell = (data: Hex): Promise<unknown> =>
          world.rpc.request('eth_sendTransaction', { from: world.actors.deployer, to: aave.configurator, data, gas: '0x16e360' })
        head = await pool.move(pricesAt(pool, 0.7), 3_600)
        const before = book.opportunities(targetAfter(head))
        const usesOf = (found: readonly Opportunity[]): number =>
          found
            .flatMap(({ closes }) => closes)
            .filter(({ payToken, receiveToken }) => [payToken, receiveToken].includes(usdc.token.address)).length
        const others = (found: readonly Opportunity[]): number => found.flatMap(({ closes }) => closes).length - usesOf(found)
        expect(usesOf(before)).toBeGreaterThan(3)
        await tell(encodeFunctionData({ abi: pauseAbi, functionName: 'setReservePause', args: [usdc.token.address, true] }))
        head = await pool.move({}, 12)
        const paused = book.opportunities(targetAfter(head))
        expect(paused.map(keyOf).sort()).toEqual(before.map(keyOf).sort())
        expect([usesOf(paused), others(paused)]).toEqual([0, others(before)])
        const barred = paused.filter(({ obstacle }) => obstacle?.includes(usdc.token.address) && obstacle.includes('paused'))
        expect(barred.length).toBeGreaterThan(3)
        if (version === 'v3.0') return
        await tell(
          encodeFunctionData({ abi: graceAbi, functionName: 'setReservePause', args: [usdc.token.address, false, 3_600] }),
        )
        head = await pool.move({}, 12)
        const graced = book.opportunities(targetAfter(head))
        expect(usesOf(graced)).toBe(0)
        expect(graced.some(({ obstacle }) => obstacle?.includes('grace period until'))).toBe(true)
        head = await pool.move({}, 3_600)
        expect(usesOf(book.opportunities(targetAfter(head)))).toBeGreaterThan(3)
      }),
    60_000,
  )

  it(
    'behavior: without a price for one reserve, who uses it is not judged, says a fault; all others are as before',
    () =>
      pool.apart(async () => {
        const { world, aave, book } = pool
        const link = aave.reserves.find(({ token }) => token.symbol === 'LINK')!
        head = await pool.move(pricesAt(pool, 0.6), 3_600)
        const before = book.opportunities(targetAfter(head))
        const uses = ({ closes }: Opportunity): boolean =>
          closes.some(({ payToken, receiveToken }) => [payToken, receiveToken].includes(link.token.address))
        expect(before.some(uses)).toBe(true)
        const data = encodeFunctionData({
          abi: oracleAbi,
          functionName: 'setAssetSources',
          args: [[link.token.address], [NOBODY]],
        })
        await world.rpc.request('eth_sendTransaction', { from: world.actors.deployer, to: aave.oracle, data, gas: '0x16e360' })
        head = await pool.move({}, 12)
        const left = book.opportunities(targetAfter(head))
        expect(left.some(uses)).toBe(false)
        const views = book.positions(targetAfter(head))
        const unjudged = new Set(views.filter(({ healthFactorWad }) => healthFactorWad === null).map(({ account }) => account))
        expect(unjudged.size).toBeGreaterThan(1)
        expect(left.map(keyOf).sort()).toEqual(
          before
            .map(({ position }) => position.account)
            .filter(account => !unjudged.has(account))
            .sort(),
        )
        expect(book.faults().map(({ market, reason }) => [market, reason.includes(link.token.address)])).toContainEqual([
          aave.pool,
          true,
        ])
      }),
    60_000,
  )

  it('behavior: accounts from before the first folded block are missing, and known once they are recalled', async () => {
    const { aave, chain } = pool
    head = await pool.move(pricesAt(pool, 0.7), 12)
    const target = targetAfter(head)
    const late = pool.newBook(EVERYTHING, head.number)
    await pool.follow(late)
    expect(late.opportunities(target)).toEqual([])
    expect(late.faults().some(({ reason }) => reason.includes('judged in part'))).toBe(true)
    const filters = late.missing!(aave.pool)!
    late.recall!(aave.pool, head.number, await chain.logsInRange(pool.world.fromBlock, head.number, filters))
    await pool.follow(late)
    expect(late.missing!(aave.pool)).toBeNull()
    expect(late.faults()).toEqual([])
    const found = (book: Book): readonly string[] => book.opportunities(target).map(keyOf).sort()
    expect(found(late)).toEqual(found(pool.book))
    expect(found(late).length).toBeGreaterThan(5)
    late.undo(head.number)
    expect(late.size()).toBe(0)
  }, 60_000)
})
