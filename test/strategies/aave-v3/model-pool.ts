// An Aave pool in memory: balances and logs by the contracts' own formulas, views of any block; forks, upgrades and failing views at will.
import { concatHex, encodeAbiParameters, type Hex, numberToHex, pad, toFunctionSelector } from 'viem'
import { mulDivDown, mulDivUp } from '../../../src/core/fixed-point'
import type { Reader, ReadResult } from '../../../src/core/folder'
import type { Address, Block, Log } from '../../../src/core/primitives'
import type { Random } from '../../../src/lab/world/random'
import {
  type AaveRules,
  CATEGORY_TOPIC,
  LIST_TOPIC,
  POOL_TOPIC,
  PROVIDER_TOPIC,
  RESERVE_TOPIC,
  TOKEN_TOPIC,
  TOPIC_UPGRADED,
} from '../../../strategies/aave-v3/abi'
import { collateralBalance, debtBalance, RAY, rayDiv } from '../../../strategies/aave-v3/math'

const at = (kind: string, n: number): Address => `0x${kind.repeat(19)}${n.toString(16).padStart(2, '0')}`
export const POOL = at('a0', 0)
const PROVIDER = at('b0', 0)
const CONFIGURATOR = at('b1', 0)
export const userOf = (n: number): Address => at('e0', n)
const RATE = RAY / 10n

interface Holding {
  scaled: bigint
  index: bigint
}

interface ModelUser {
  eMode: number
  readonly used: Set<number>
  readonly collateral: Map<number, Holding>
  readonly debt: Map<number, Holding>
}

interface ModelReserve {
  liquidityIndex: bigint
  debtIndex: bigint
  updatedSec: bigint
  thresholdBps: bigint
}

interface State {
  revision: bigint
  oracle: Address
  readonly reserves: ModelReserve[]
  readonly users: Map<Address, ModelUser>
  categoryThresholdBps: bigint
}

const copy = (state: State): State => ({
  ...state,
  reserves: state.reserves.map(reserve => ({ ...reserve })),
  users: new Map(
    [...state.users].map(([user, { eMode, used, collateral, debt }]) => {
      const clone = (holdings: Map<number, Holding>) => new Map([...holdings].map(([id, each]) => [id, { ...each }]))
      return [user, { eMode, used: new Set(used), collateral: clone(collateral), debt: clone(debt) }]
    }),
  ),
})

interface Mined {
  readonly block: Block
  readonly logs: readonly Log[]
  readonly state: State
}

export interface ModelPool {
  /** Mines a block of some random actions; `fork` tells chains of the same height apart. */
  mine(random: Random, fork: number): Mined
  /** Forgets blocks >= number. */
  rewind(number: number): void
  head(): number
  at(number: number): Mined
  /** Calls that `fails` says fail. */
  readerAt(number: number, fails?: (data: Hex, to: Address) => boolean): Reader
  /** The next block upgrades the pool to this revision. */
  upgradeNext(revision: bigint): void
}

const word = (value: bigint): Hex => pad(numberToHex(value), { size: 32 })
const words = (...values: readonly (bigint | Address)[]): Hex =>
  concatHex(values.map(value => (typeof value === 'bigint' ? word(value) : pad(value, { size: 32 }))))
const selector = (signature: string): Hex => toFunctionSelector(signature)

const rulesOf = (revision: bigint): AaveRules => (revision === 1n ? 'v3.0' : 'v3.6')

export const createModelPool = (revision: bigint, reserves: number): ModelPool => {
  const blocks: Mined[] = []
  const first: State = {
    revision,
    oracle: at('c0', 0),
    reserves: Array.from({ length: reserves }, () => ({
      liquidityIndex: RAY,
      debtIndex: RAY,
      updatedSec: 1_000n,
      thresholdBps: 8_000n,
    })),
    users: new Map(),
    categoryThresholdBps: 9_300n,
  }
  let upgradeTo: bigint | null = null

  const mine = (random: Random, fork: number): Mined => {
    const number = blocks.length
    const state = copy(blocks.at(-1)?.state ?? first)
    const timestampSec = (blocks.at(-1)?.block.timestampSec ?? 1_000n) + 1n + BigInt(Math.floor(random.unit() * 1e5))
    const hash = word((BigInt(fork) << 64n) | BigInt(number + 1))
    const logs: Log[] = []
    const emit = (address: Address, topics: readonly Hex[], data: Hex): void => {
      logs.push({
        address,
        topics,
        data,
        blockNumber: BigInt(number),
        blockHash: hash,
        logIndex: logs.length,
        transactionHash: hash,
      })
    }
    act(random, state, timestampSec, emit)
    if (upgradeTo !== null) {
      state.revision = upgradeTo
      upgradeTo = null
      emit(POOL, [TOPIC_UPGRADED, word(1n)], '0x')
    }
    const block: Block = {
      chainId: 1,
      number: BigInt(number),
      hash,
      parentHash: blocks.at(-1)?.block.hash ?? word(0n),
      timestampSec,
      baseFeePerGasWei: null,
      gasUsed: 0n,
      gasLimit: 0n,
      logsBloom: null,
    }
    blocks.push({ block, logs, state })
    return blocks.at(-1)!
  }

  return {
    mine,
    rewind: number => {
      blocks.length = number
    },
    head: () => blocks.length - 1,
    at: number => blocks[number]!,
    readerAt: (number, fails = () => false) => ({
      block: blocks[number]!.block,
      read: async calls =>
        calls.map(({ to, data }): ReadResult => {
          const answer = fails(data, to) ? null : view(blocks[number]!.state, to, data)
          return answer === null ? { kind: 'failed', why: 'reverted' } : { kind: 'ok', data: answer }
        }),
    }),
    upgradeNext: to => {
      upgradeTo = to
    },
  }
}

type Emit = (address: Address, topics: readonly Hex[], data: Hex) => void
type Side = 'collateral' | 'debt'

const tokenOf = (side: Side, id: number): Address => at(side === 'collateral' ? 'd0' : 'd1', id)
const assetOf = (id: number): Address => at('d9', id)
const balanceOf = (rules: AaveRules, side: Side, scaled: bigint, index: bigint): bigint =>
  side === 'debt' ? debtBalance(rules, scaled, index) : collateralBalance(rules, scaled, index)

const holdingOf = (user: ModelUser, side: Side, id: number): Holding => {
  const known = user[side].get(id) ?? { scaled: 0n, index: RAY }
  user[side].set(id, known)
  return known
}

const userIn = (state: State, name: Address): ModelUser => {
  const user = state.users.get(name) ?? { eMode: 0, used: new Set(), collateral: new Map(), debt: new Map() }
  state.users.set(name, user)
  return user
}

/** Adds scaled units, or takes them, and says so as _mintScaled or _burnScaled do. `amount`: what v3.0 was asked for. */
const change = (state: State, emit: Emit, name: Address, side: Side, id: number, by: bigint, amount: bigint): void => {
  const rules = rulesOf(state.revision)
  const holding = holdingOf(userIn(state, name), side, id)
  const { liquidityIndex, debtIndex } = state.reserves[id]!
  const index = side === 'debt' ? debtIndex : liquidityIndex
  const before = balanceOf(rules, side, holding.scaled, holding.index)
  const increase = balanceOf(rules, side, holding.scaled, index) - before
  const next = holding.scaled + by
  const moved = rules === 'v3.0' ? amount + increase : balanceOf(rules, side, next, index) - before
  holding.scaled = next
  holding.index = index
  const topic = pad(name, { size: 32 })
  // The caller stands in another topic: it must not be mistaken for the holder.
  if (by > 0n || moved > 0n) emit(tokenOf(side, id), [TOKEN_TOPIC.mint, word(7n), topic], words(moved, increase, index))
  else emit(tokenOf(side, id), [TOKEN_TOPIC.burn, topic, word(7n)], words(-moved, increase, index))
}

const accrue = (state: State, emit: Emit, id: number, nowSec: bigint, random: Random): void => {
  const reserve = state.reserves[id]!
  reserve.liquidityIndex += mulDivDown(reserve.liquidityIndex, BigInt(Math.floor(random.unit() * 1e6)), 10n ** 9n)
  reserve.debtIndex += mulDivUp(reserve.debtIndex, BigInt(Math.floor(random.unit() * 2e6)), 10n ** 9n)
  reserve.updatedSec = nowSec
  emit(
    POOL,
    [POOL_TOPIC.reserveDataUpdated, pad(assetOf(id), { size: 32 })],
    words(RATE, 0n, 2n * RATE, reserve.liquidityIndex, reserve.debtIndex),
  )
}

const scaledFor = (rules: AaveRules, index: bigint, amount: bigint): bigint =>
  rules === 'v3.0' ? rayDiv(amount, index) : mulDivUp(amount, RAY, index)

const setUsed = (user: ModelUser, emit: Emit, name: Address, id: number, isUsed: boolean): void => {
  if (isUsed) user.used.add(id)
  else user.used.delete(id)
  const topic = isUsed ? POOL_TOPIC.reserveUsedAsCollateralEnabled : POOL_TOPIC.reserveUsedAsCollateralDisabled
  emit(POOL, [topic, pad(assetOf(id), { size: 32 }), pad(name, { size: 32 })], '0x')
}

const add = (state: State, emit: Emit, name: Address, side: Side, id: number, random: Random): void => {
  const rules = rulesOf(state.revision)
  const index = side === 'debt' ? state.reserves[id]!.debtIndex : state.reserves[id]!.liquidityIndex
  const amount = BigInt(Math.floor(10 ** random.between(0, 24)))
  const scaled = scaledFor(rules, index, amount)
  if (scaled === 0n) return
  change(state, emit, name, side, id, scaled, amount)
  const user = userIn(state, name)
  if (side === 'collateral' && !user.used.has(id) && random.unit() < 0.7) setUsed(user, emit, name, id, true)
  if (side === 'debt')
    emit(
      POOL,
      [POOL_TOPIC.borrow, pad(assetOf(id), { size: 32 }), pad(name, { size: 32 }), word(0n)],
      words(PROVIDER, amount, 2n, RATE),
    )
}

const take = (state: State, emit: Emit, name: Address, side: Side, id: number, random: Random): void => {
  const rules = rulesOf(state.revision)
  const user = userIn(state, name)
  const holding = holdingOf(user, side, id)
  const index = side === 'debt' ? state.reserves[id]!.debtIndex : state.reserves[id]!.liquidityIndex
  const all = balanceOf(rules, side, holding.scaled, index)
  const amount = random.unit() < 0.4 ? all : (all * BigInt(Math.floor(random.unit() * 1e6))) / 1_000_000n
  const wanted = amount === all ? holding.scaled : scaledFor(rules, index, amount)
  const scaled = wanted > holding.scaled ? holding.scaled : wanted
  if (scaled === 0n) return
  change(state, emit, name, side, id, -scaled, -amount)
  if (side === 'collateral' && holding.scaled === 0n && user.used.has(id)) setUsed(user, emit, name, id, false)
}

const transfer = (state: State, emit: Emit, from: Address, to: Address, id: number, random: Random): void => {
  const holding = holdingOf(userIn(state, from), 'collateral', id)
  const scaled = (holding.scaled * BigInt(Math.floor(random.unit() * 1e6))) / 999_999n
  holding.scaled -= scaled
  holdingOf(userIn(state, to), 'collateral', id).scaled += scaled
  const topics = [TOKEN_TOPIC.balanceTransfer, pad(from, { size: 32 }), pad(to, { size: 32 })]
  emit(tokenOf('collateral', id), topics, words(scaled, state.reserves[id]!.liquidityIndex))
}

const govern = (state: State, emit: Emit, random: Random): void => {
  const kind = Math.floor(random.unit() * 4)
  const id = Math.floor(random.unit() * state.reserves.length)
  if (kind === 0) {
    state.reserves[id]!.thresholdBps = 7_000n + BigInt(Math.floor(random.unit() * 1_000))
    emit(CONFIGURATOR, [RESERVE_TOPIC.collateralConfigurationChanged, pad(assetOf(id), { size: 32 })], words(0n, 0n, 0n))
  }
  if (kind === 1) {
    state.categoryThresholdBps = 9_000n + BigInt(Math.floor(random.unit() * 500))
    emit(CONFIGURATOR, [CATEGORY_TOPIC.eModeCategoryAdded, word(1n)], '0x')
  }
  if (kind === 2) {
    state.oracle = at('c0', Math.floor(random.unit() * 200))
    emit(PROVIDER, [PROVIDER_TOPIC.priceOracleUpdated, word(0n), pad(state.oracle, { size: 32 })], '0x')
  }
  if (kind === 3 && state.reserves.length < 6) {
    const { updatedSec } = state.reserves[0]!
    state.reserves.push({ liquidityIndex: RAY, debtIndex: RAY, updatedSec, thresholdBps: 8_000n })
    emit(CONFIGURATOR, [LIST_TOPIC.reserveInitialized, pad(assetOf(state.reserves.length - 1), { size: 32 }), word(0n)], '0x')
  }
}

const USERS = 5

/** Zero to five actions; logs in the order of the contracts: indices, tokens, then the pool's own. */
const act = (random: Random, state: State, nowSec: bigint, emit: Emit): void => {
  for (let left = Math.floor(random.unit() * 6); left > 0; left--) {
    const name = userOf(Math.floor(random.unit() * USERS))
    const id = Math.floor(random.unit() * state.reserves.length)
    const kind = random.unit()
    if (kind < 0.75) accrue(state, emit, id, nowSec, random)
    if (kind < 0.2) add(state, emit, name, 'collateral', id, random)
    else if (kind < 0.4) add(state, emit, name, 'debt', id, random)
    else if (kind < 0.55) take(state, emit, name, 'debt', id, random)
    else if (kind < 0.7) take(state, emit, name, 'collateral', id, random)
    else if (kind < 0.8) transfer(state, emit, name, userOf(Math.floor(random.unit() * USERS)), id, random)
    else if (kind < 0.85) setUsed(userIn(state, name), emit, name, id, !userIn(state, name).used.has(id))
    else if (kind < 0.92) {
      userIn(state, name).eMode = Math.floor(random.unit() * 2)
      emit(POOL, [POOL_TOPIC.userEModeSet, pad(name, { size: 32 })], word(BigInt(userIn(state, name).eMode)))
    } else govern(state, emit, random)
  }
}

const isOwing = (user: ModelUser, id: number): boolean => (user.debt.get(id)?.scaled ?? 0n) > 0n

const configurationOf = (state: State, user: ModelUser): bigint =>
  state.reserves.reduce(
    (bits, _, id) => bits | (isOwing(user, id) ? 1n << BigInt(2 * id) : 0n) | (user.used.has(id) ? 2n << BigInt(2 * id) : 0n),
    0n,
  )

const reserveWords = (reserve: ModelReserve, id: number): Hex =>
  words(
    7_500n | (reserve.thresholdBps << 16n) | (10_500n << 32n) | (18n << 48n) | (1n << 56n) | (1_000n << 152n),
    reserve.liquidityIndex,
    RATE,
    reserve.debtIndex,
    2n * RATE,
    0n,
    reserve.updatedSec,
    BigInt(id),
    tokenOf('collateral', id),
    0n,
    tokenOf('debt', id),
    ...Array.from({ length: 4 }, () => 0n),
  )

type View = (state: State, argument: bigint, to: Address) => Hex | null

const EMPTY: ModelUser = { eMode: 0, used: new Set(), collateral: new Map(), debt: new Map() }
const named = (state: State, argument: bigint): ModelUser => state.users.get(pad(numberToHex(argument), { size: 20 })) ?? EMPTY
const reserveAt = (state: State, argument: bigint): number =>
  state.reserves.findIndex((_, id) => BigInt(assetOf(id)) === argument)
const sideAt = (to: Address): Side => (to.startsWith('0xd0') ? 'collateral' : 'debt')
const idAt = (to: Address): number => Number(BigInt(to) & 0xffn)
const bare: View = () => word(0n)

const VIEWS: Readonly<Record<Hex, View>> = {
  [selector('POOL_REVISION()')]: ({ revision }) => word(revision),
  [selector('ADDRESSES_PROVIDER()')]: () => pad(PROVIDER, { size: 32 }),
  [selector('getPoolConfigurator()')]: () => pad(CONFIGURATOR, { size: 32 }),
  [selector('getPriceOracle()')]: ({ oracle }) => pad(oracle, { size: 32 }),
  [selector('getPriceOracleSentinel()')]: bare,
  [selector('getReservesList()')]: ({ reserves }) =>
    encodeAbiParameters([{ type: 'address[]' }], [reserves.map((_, id) => assetOf(id))]),
  [selector('getReserveData(address)')]: (state, asset) => {
    const id = reserveAt(state, asset)
    return id === -1 ? null : reserveWords(state.reserves[id]!, id)
  },
  [selector('getLiquidationGracePeriod(address)')]: bare,
  [selector('getUserConfiguration(address)')]: (state, user) => word(configurationOf(state, named(state, user))),
  [selector('getUserEMode(address)')]: (state, user) => word(BigInt(named(state, user).eMode)),
  [selector('getUserAccountData(address)')]: (state, user) => {
    const owed = state.reserves.filter((_, id) => isOwing(named(state, user), id)).length
    return words(0n, BigInt(owed), 0n, 0n, 0n, 0n)
  },
  [selector('scaledBalanceOf(address)')]: (state, user, to) => word(named(state, user)[sideAt(to)].get(idAt(to))?.scaled ?? 0n),
  [selector('scaledTotalSupply()')]: (state, _, to) =>
    word([...state.users.values()].reduce((sum, user) => sum + (user[sideAt(to)].get(idAt(to))?.scaled ?? 0n), 0n)),
  [selector('getEModeCategoryData(uint8)')]: ({ categoryThresholdBps }, id) =>
    id === 1n ? words(32n, 9_000n, categoryThresholdBps, 10_200n, 0n, 160n, 0n) : words(32n, 0n, 0n, 0n, 0n, 160n, 0n),
  [selector('getEModeCategoryCollateralConfig(uint8)')]: ({ categoryThresholdBps }, id) =>
    id === 1n ? words(9_000n, categoryThresholdBps, 10_200n) : words(0n, 0n, 0n),
  [selector('getEModeCategoryCollateralBitmap(uint8)')]: (_, id) => word(id === 1n ? 3n : 0n),
  [selector('getEModeCategoryBorrowableBitmap(uint8)')]: (_, id) => word(id === 1n ? 1n : 0n),
  [selector('getAssetPrice(address)')]: () => word(10n ** 8n),
  [selector('getVirtualUnderlyingBalance(address)')]: () => word(10n ** 30n),
  [selector('balanceOf(address)')]: () => word(10n ** 30n),
  [selector('symbol()')]: () => null,
}

const view = (state: State, to: Address, data: Hex): Hex | null =>
  VIEWS[data.slice(0, 10) as Hex]?.(state, data.length > 10 ? BigInt(`0x${data.slice(10, 74)}`) : 0n, to) ?? null
