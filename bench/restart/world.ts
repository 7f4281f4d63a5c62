// A made-up chain with a seeded Morpho Blue on it: its whole history as logs, made when they are asked for, and the views that a book needs at
// the head. Every process that is given the same seed sees the same chain.

import { wordAt } from '../../src/core/abi-words'
import type { ReadCall, ReadResult } from '../../src/core/folder'
import { logMatches } from '../../src/core/log-filter'
import type { Address, Block, Hex, Log } from '../../src/core/primitives'
import { createRandom } from '../../src/lab/world/random'
import type { Chain } from '../../src/ports'
import {
  encodeDecimals,
  encodeMarket,
  encodePrice,
  encodeRateAtTarget,
  encodeSymbol,
  type MarketParams,
  readMarket,
  readParams,
} from '../../strategies/morpho-blue/abi'
import { adaptiveRate } from '../../strategies/morpho-blue/math'
import { blockAt, events, MORPHO, word } from '../../test/strategies/morpho-blue/history'
import { digits } from '../pairs/book'

export const SIZE = { positions: 1_000_000, markets: 2_000 }
/** Logs lie this far apart, as a busy deployment's do; what comes after the first head is dense. */
const BLOCKS_PER_LOG = 2n
const NEW_LOGS_PER_BLOCK = 4
const IRM: Address = `0x${'9'.repeat(40)}`
const PRICE_SCALE = 10n ** 36n
const WAD = 10n ** 18n
const LLTVS = [770n, 860n, 915n].map(each => each * 10n ** 15n)
const SUPPLIER: Address = `0x${'5'.repeat(40)}`

interface Plan {
  readonly id: Hex
  readonly params: MarketParams
  readonly price: bigint
  readonly rateAtTarget: bigint
  readonly positions: number
}

/** What `market(id)` says. */
interface Totals {
  supplyAssets: bigint
  supplyShares: bigint
  borrowAssets: bigint
  borrowShares: bigint
  lastUpdateSec: bigint
}

/** By market: the totals at the first head. JSON, so that a process need not read all history to know them. */
export type TotalsText = string

export interface PretendChain extends Chain {
  /** The block up to which `history` goes. */
  readonly firstHead: bigint
  setHead(number: bigint): void
  /** Once all history was asked for. */
  totals(): TotalsText
}

const scaled = (value: number, unit: bigint): bigint => (BigInt(Math.round(value * 1e6)) * unit) / 1_000_000n

const planOf = (seed: number, number: number, positions: number): Plan => {
  const random = createRandom(seed, `restart market ${number}`)
  const price = scaled(0.01 + 5_000 * random.unit() ** 4, PRICE_SCALE)
  return {
    id: `0x${digits(random, 64)}`,
    params: {
      loanToken: `0x${digits(random, 38)}01`,
      collateralToken: `0x${digits(random, 38)}02`,
      oracle: `0x${digits(random, 40)}`,
      irm: IRM,
      lltvWad: LLTVS[Math.floor(random.unit() * LLTVS.length)]!,
    },
    price,
    rateAtTarget: BigInt(Math.round(1.3e9 * Math.exp(0.8 * random.normal()))),
    positions,
  }
}

const plansOf = (seed: number): readonly Plan[] => {
  const harmonic = Array.from({ length: SIZE.markets }, (_, i) => 1 / (i + 1)).reduce((sum, each) => sum + each, 0)
  const plans: Plan[] = []
  let left = SIZE.positions
  for (let number = 0; number < SIZE.markets; number++) {
    const isLast = number === SIZE.markets - 1
    const size = isLast ? left : Math.min(left, Math.max(1, Math.round(SIZE.positions / (number + 1) / harmonic)))
    left -= size
    plans.push(planOf(seed, number, size))
  }
  return plans
}

/** All logs up to the first head, in order; the totals grow along. */
function* history(seed: number, plans: readonly Plan[], totals: ReadonlyMap<Hex, Totals>): Generator<Log> {
  let count = 0n
  const next = (): ((id: Hex) => ReturnType<typeof events>) => {
    count += 1n
    return id => events(blockAt(count * BLOCKS_PER_LOG), id)
  }
  for (const [number, { id, params, price, positions }] of plans.entries()) {
    const random = createRandom(seed, `restart positions ${number}`)
    const sums = totals.get(id)!
    yield next()(id).create(params)
    for (let n = 0; n < positions; n++) {
      const who: Address = `0x${digits(random, 40)}`
      const debt = scaled(Math.exp(6 + 2.5 * random.normal()) + 0.01, WAD) + 1n
      const health = random.unit() < 0.08 ? 1.0001 + 0.0499 * random.unit() : 1.05 + 5 * random.unit() ** 2
      const collateral = (scaled(health, debt) * PRICE_SCALE * WAD) / (price * params.lltvWad) + 2n
      yield next()(id).deposit(who, collateral)
      yield next()(id).borrow(who, debt, debt * 1_000_000n)
      sums.borrowAssets += debt
      sums.borrowShares += debt * 1_000_000n
    }
    const supplied = 2n * sums.borrowAssets
    yield next()(id).supply(SUPPLIER, supplied, supplied * 1_000_000n)
    sums.supplyAssets = supplied
    sums.supplyShares = supplied * 1_000_000n
  }
}

/** What happens in a block after the first head: interest, and somebody new. */
const newLogs = (plans: readonly Plan[], number: bigint): readonly Log[] =>
  Array.from({ length: NEW_LOGS_PER_BLOCK / 2 }, (_, n) => {
    const { id } = plans[Number(number * 7n + BigInt(n)) % plans.length]!
    const on = events(blockAt(number), id)
    const who: Address = `0x${word(number * 16n + BigInt(n) + 1n).slice(24)}`
    return [on.accrue(5n, 0n), on.borrow(who, 1_000n, 1_000_000_000n)]
  })
    .flat()
    .map((log, logIndex) => ({ ...log, logIndex }))

const withNewLogs = (totals: Totals, logs: readonly Log[], id: Hex): Totals => {
  const changed = { ...totals }
  for (const log of logs) {
    if (log.topics[1] !== id) continue
    const isAccrual = log.topics.length === 2
    changed.borrowAssets += wordAt(log.data, 1)
    if (isAccrual) changed.supplyAssets += wordAt(log.data, 1)
    else changed.borrowShares += wordAt(log.data, 2)
    changed.lastUpdateSec = blockAt(log.blockNumber).timestampSec
  }
  return changed
}

const ok = (...words: readonly bigint[]): ReadResult => ({ kind: 'ok', data: `0x${words.map(word).join('')}` })
const selector = (data: Hex): string => data.slice(0, 10)
const ID = `0x${'0'.repeat(64)}` as const
const SELECTOR = {
  market: selector(encodeMarket(ID)),
  rateAtTarget: selector(encodeRateAtTarget(ID)),
  price: selector(encodePrice()),
  decimals: selector(encodeDecimals()),
  symbol: selector(encodeSymbol()),
}
const argumentsOf = (data: Hex): Hex => `0x${data.slice(10)}`

const missing = (what: string) => (): never => {
  throw new Error(`nobody should ask the made-up chain for ${what}`)
}

/** Opens the chain at the first head, or, with the totals at it, so that history need not be asked for. */
export const createPretendChain = (seed: number, known: TotalsText | null): PretendChain => {
  const plans = plansOf(seed)
  const firstHead = BLOCKS_PER_LOG * BigInt(2 * SIZE.positions + 2 * SIZE.markets)
  const byId = new Map(plans.map(plan => [plan.id, plan]))
  const byOracle = new Map(plans.map(plan => [plan.params.oracle, plan]))
  const lastUpdateSec = blockAt(firstHead).timestampSec - 600n
  const zero = (): Totals => ({ supplyAssets: 0n, supplyShares: 0n, borrowAssets: 0n, borrowShares: 0n, lastUpdateSec })
  const asBigint = (_key: string, value: unknown): unknown => (typeof value === 'string' ? BigInt(value) : value)
  const totals = new Map<Hex, Totals>(
    known === null
      ? plans.map(({ id }) => [id, zero()])
      : (JSON.parse(known, asBigint) as Totals[]).map((each, n) => [plans[n]!.id, each]),
  )
  const past = history(seed, plans, totals)
  let waiting: Log | null = null
  let head = firstHead
  let requests = 0

  const block = (number: bigint): Block | null => (number >= 0n && number <= head ? blockAt(number) : null)

  const pastLogs = (to: bigint): Log[] => {
    const logs: Log[] = []
    if (waiting !== null && waiting.blockNumber > to) return logs
    if (waiting !== null) logs.push(waiting)
    waiting = null
    for (let next = past.next(); next.done !== true; next = past.next()) {
      if (next.value.blockNumber > to) {
        waiting = next.value
        break
      }
      logs.push(next.value)
    }
    return logs
  }

  const logsIn = (from: bigint, to: bigint): Log[] => {
    const logs = from <= firstHead ? pastLogs(to) : []
    for (let number = from > firstHead ? from : firstHead + 1n; number <= to; number++) logs.push(...newLogs(plans, number))
    return logs
  }

  const marketNow = (id: Hex): Totals => {
    let now = totals.get(id)!
    for (let number = firstHead + 1n; number <= head; number++) now = withNewLogs(now, newLogs(plans, number), id)
    return now
  }

  /** AdaptiveCurveIrm.borrowRateView(MarketParams, Market). */
  const borrowRate = (data: Hex): ReadResult => {
    const params = readParams(data, 0)
    const { totals: given, lastUpdateSec: since } = readMarket(`0x${data.slice(2 + 5 * 64)}`)
    const plan = byOracle.get(params.oracle)!
    const rateAtTarget = plan.params.lltvWad === params.lltvWad ? plan.rateAtTarget : 0n
    return ok(adaptiveRate(given, rateAtTarget, blockAt(head).timestampSec - since).averageRateWad)
  }

  const answer = ({ to, data }: ReadCall): ReadResult => {
    const given = argumentsOf(data)
    switch (selector(data)) {
      case SELECTOR.price:
        return ok(byOracle.get(to)!.price)
      case SELECTOR.decimals:
        return ok(18n)
      case SELECTOR.symbol:
        return ok(32n, 3n, BigInt(`0x${'414243'.padEnd(64, '0')}`))
      case SELECTOR.rateAtTarget:
        return ok(byId.get(given)!.rateAtTarget)
      case SELECTOR.market: {
        const now = marketNow(given)
        return ok(now.supplyAssets, now.supplyShares, now.borrowAssets, now.borrowShares, now.lastUpdateSec, 0n)
      }
      default:
        return borrowRate(given)
    }
  }

  const asked = async (): Promise<void> => {
    requests += 1
    await new Promise(resolve => setImmediate(resolve))
  }

  return {
    id: 1,
    firstHead,
    setHead: number => {
      head = number
    },
    totals: () =>
      JSON.stringify([...totals.values()], (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    followHeads: missing('heads'),
    blockByTag: async () => {
      await asked()
      return blockAt(head)
    },
    blockByHash: async hash => {
      await asked()
      return block(BigInt(`0x${hash.slice(2, 62)}`))
    },
    blockByNumber: async number => {
      await asked()
      return block(number)
    },
    logsOfBlock: async (hash, filters) => {
      await asked()
      const number = BigInt(`0x${hash.slice(2, 62)}`)
      return logsIn(number, number).filter(log => filters.some(filter => logMatches(filter, log)))
    },
    logsInRange: async (from, to, filters, onProgress) => {
      await asked()
      const logs = logsIn(from, to)
      onProgress?.(to)
      return filters.some(({ addresses }) => addresses.includes(MORPHO)) ? logs : []
    },
    read: async calls => {
      await asked()
      return calls.map(answer)
    },
    simulate: missing('simulations'),
    receiptsOfBlock: missing('receipts'),
    receipt: missing('receipts'),
    nonce: missing('nonces'),
    balance: missing('balances'),
    code: async () => '0x00',
    requestCount: () => requests,
    close: async () => undefined,
  }
}
