// An Aave v3.0 pool of few reserves and accounts: scaled balances, indices and events are the contract's to the unit, and views answer from the
// same state. Rates, prices and a reserve's threshold wander.

import { addressAt, wordAt } from '../../../src/core/abi-words'
import type { ReadResult } from '../../../src/core/folder'
import type { Address, Hex } from '../../../src/core/primitives'
import { POOL_TOPIC, RESERVE_TOPIC, TOKEN_TOPIC } from '../../../strategies/aave-v3/abi'
import { RAY, rayDiv, rayMul } from '../../../strategies/aave-v3/math'
import type { Picking } from './picking'
import { answered, type Model, madeUp, REVERTED, type Said, words } from './world'

export const AAVE = madeUp('7a', 0)
const PROVIDER = madeUp('7b', 0)
const CONFIGURATOR = madeUp('7c', 0)
const ORACLE = madeUp('7d', 0)
const RESERVES = 4
const USERS = 5
const YEAR = 31_536_000n

const assetOf = (id: number): Address => madeUp('70', id)
const aTokenOf = (id: number): Address => madeUp('71', id)
const debtTokenOf = (id: number): Address => madeUp('72', id)
const userOf = (n: number): Address => madeUp('7e', n)
const numberIn = (address: Address | Hex): number => Number(BigInt(address) & 0xffffn)
const topicOf = (address: Address): Hex => `0x${address.slice(2).padStart(64, '0')}`
const NOBODY = topicOf(madeUp('00', 0))

/** A scaled balance, and the index at which it last moved. */
interface Scaled {
  readonly amount: bigint
  readonly indexRay: bigint
}

interface ReserveNow {
  readonly liquidityIndexRay: bigint
  readonly variableIndexRay: bigint
  readonly liquidityRateRay: bigint
  readonly variableRateRay: bigint
  readonly updatedSec: bigint
  readonly thresholdBps: bigint
  readonly price: bigint
}

interface UserNow {
  readonly collateral: readonly Scaled[]
  readonly debt: readonly Scaled[]
  readonly isUsed: readonly boolean[]
  readonly eMode: bigint
}

export interface AaveNow {
  readonly reserves: readonly ReserveNow[]
  readonly users: readonly UserNow[]
}

const all = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value)
const at = <T>(items: readonly T[], index: number, value: T): readonly T[] => items.map((each, n) => (n === index ? value : each))

const genesis: AaveNow = {
  reserves: all(RESERVES, {
    liquidityIndexRay: RAY,
    variableIndexRay: RAY,
    liquidityRateRay: RAY / 50n,
    variableRateRay: RAY / 20n,
    updatedSec: 1_700_000_000n,
    thresholdBps: 8_000n,
    price: 10n ** 8n,
  }),
  users: all(USERS, {
    collateral: all(RESERVES, { amount: 0n, indexRay: RAY }),
    debt: all(RESERVES, { amount: 0n, indexRay: RAY }),
    isUsed: all(RESERVES, false),
    eMode: 0n,
  }),
}

/** A state on its way, and what was said on it. */
interface Step {
  readonly state: AaveNow
  readonly said: readonly Said[]
}

const withUser = (state: AaveNow, n: number, change: Partial<UserNow>): AaveNow => ({
  ...state,
  users: at(state.users, n, { ...state.users[n]!, ...change }),
})

/** Indices grow to this block, rates are set anew. */
const touch = (state: AaveNow, id: number, timestampSec: bigint, picking: Picking): Step => {
  const reserve = state.reserves[id]!
  const elapsedSec = timestampSec - reserve.updatedSec
  const grown = (indexRay: bigint, rateRay: bigint): bigint => rayMul(indexRay, RAY + (rateRay * elapsedSec) / YEAR)
  const next = {
    ...reserve,
    liquidityIndexRay: grown(reserve.liquidityIndexRay, reserve.liquidityRateRay),
    variableIndexRay: grown(reserve.variableIndexRay, reserve.variableRateRay),
    liquidityRateRay: (RAY * BigInt(picking.below(500))) / 10_000n,
    variableRateRay: (RAY * BigInt(picking.below(1_500))) / 10_000n,
    updatedSec: timestampSec,
  }
  const { liquidityRateRay, variableRateRay, liquidityIndexRay, variableIndexRay } = next
  return {
    state: { ...state, reserves: at(state.reserves, id, next) },
    said: [
      {
        address: AAVE,
        topics: [POOL_TOPIC.reserveDataUpdated, topicOf(assetOf(id))],
        data: words(liquidityRateRay, 0n, variableRateRay, liquidityIndexRay, variableIndexRay),
      },
    ],
  }
}

/** ScaledBalanceTokenBase: `assets` > 0 are minted, < 0 burnt. The balance after, and the event. */
const moved = (token: Address, user: number, before: Scaled, assets: bigint, indexRay: bigint) => {
  const amount = assets > 0n ? before.amount + rayDiv(assets, indexRay) : before.amount - rayDiv(-assets, indexRay)
  const increase = rayMul(before.amount, indexRay) - rayMul(before.amount, before.indexRay)
  const value = assets + increase
  const holder = topicOf(userOf(user))
  const said: Said =
    value >= 0n
      ? { address: token, topics: [TOKEN_TOPIC.mint, holder, holder], data: words(value, increase, indexRay) }
      : { address: token, topics: [TOKEN_TOPIC.burn, holder, NOBODY], data: words(-value, increase, indexRay) }
  return { after: { amount, indexRay }, said }
}

const toggled = (id: number, user: number, isOn: boolean): Said => ({
  address: AAVE,
  topics: [
    isOn ? POOL_TOPIC.reserveUsedAsCollateralEnabled : POOL_TOPIC.reserveUsedAsCollateralDisabled,
    topicOf(assetOf(id)),
    topicOf(userOf(user)),
  ],
  data: '0x',
})

type Act = (state: AaveNow, id: number, user: number, picking: Picking) => Step | null

const supply: Act = (state, id, user, picking) => {
  const { collateral, isUsed } = state.users[user]!
  const before = collateral[id]!
  const done = moved(
    aTokenOf(id),
    user,
    before,
    BigInt(1 + picking.below(10 ** 9)) * 10n ** 12n,
    state.reserves[id]!.liquidityIndexRay,
  )
  const isFirst = before.amount === 0n
  const change = { collateral: at(collateral, id, done.after), isUsed: isFirst ? at(isUsed, id, true) : isUsed }
  return { state: withUser(state, user, change), said: isFirst ? [done.said, toggled(id, user, true)] : [done.said] }
}

/** Some of a scaled balance, or all of it, in token units. */
const someOf = ({ amount }: Scaled, indexRay: bigint, picking: Picking): bigint => {
  const balance = rayMul(amount, indexRay)
  return picking.chance(0.4) ? balance : balance / BigInt(2 + picking.below(5))
}

const withdraw: Act = (state, id, user, picking) => {
  const { collateral, isUsed } = state.users[user]!
  const { liquidityIndexRay } = state.reserves[id]!
  const assets = someOf(collateral[id]!, liquidityIndexRay, picking)
  if (assets === 0n) return null
  const done = moved(aTokenOf(id), user, collateral[id]!, -assets, liquidityIndexRay)
  const isLast = done.after.amount === 0n && isUsed[id]!
  const change = { collateral: at(collateral, id, done.after), isUsed: isLast ? at(isUsed, id, false) : isUsed }
  return { state: withUser(state, user, change), said: isLast ? [toggled(id, user, false), done.said] : [done.said] }
}

const borrow: Act = (state, id, user, picking) => {
  const { debt, isUsed } = state.users[user]!
  if (!isUsed.includes(true)) return null
  const assets = BigInt(1 + picking.below(10 ** 9)) * 10n ** 12n
  const done = moved(debtTokenOf(id), user, debt[id]!, assets, state.reserves[id]!.variableIndexRay)
  const topics = [POOL_TOPIC.borrow, topicOf(assetOf(id)), topicOf(userOf(user)), words(0n)]
  const told: Said = { address: AAVE, topics, data: words(BigInt(userOf(user)), assets, 2n, 0n) }
  return { state: withUser(state, user, { debt: at(debt, id, done.after) }), said: [done.said, told] }
}

const repay: Act = (state, id, user, picking) => {
  const { debt } = state.users[user]!
  const { variableIndexRay } = state.reserves[id]!
  const assets = someOf(debt[id]!, variableIndexRay, picking)
  if (assets === 0n) return null
  const done = moved(debtTokenOf(id), user, debt[id]!, -assets, variableIndexRay)
  return { state: withUser(state, user, { debt: at(debt, id, done.after) }), said: [done.said] }
}

/** aTokens go to another account: what they say of it differs between builds, so that books read it. */
const send: Act = (state, id, user, picking) => {
  const to = (user + 1 + picking.below(USERS - 1)) % USERS
  const { liquidityIndexRay: indexRay } = state.reserves[id]!
  const [from, onto] = [state.users[user]!, state.users[to]!]
  const amount = from.collateral[id]!.amount / BigInt(1 + picking.below(3))
  if (amount === 0n) return null
  const [left, got] = [from.collateral[id]!.amount - amount, onto.collateral[id]!.amount + amount]
  const [isEmptied, isFirst] = [left === 0n && from.isUsed[id]!, onto.collateral[id]!.amount === 0n]
  const sent = withUser(state, user, {
    collateral: at(from.collateral, id, { amount: left, indexRay }),
    isUsed: isEmptied ? at(from.isUsed, id, false) : from.isUsed,
  })
  const topics = [TOKEN_TOPIC.balanceTransfer, topicOf(userOf(user)), topicOf(userOf(to))]
  return {
    state: withUser(sent, to, {
      collateral: at(onto.collateral, id, { amount: got, indexRay }),
      isUsed: isFirst ? at(onto.isUsed, id, true) : onto.isUsed,
    }),
    said: [
      { address: aTokenOf(id), topics, data: words(amount, indexRay) },
      ...(isEmptied ? [toggled(id, user, false)] : []),
      ...(isFirst ? [toggled(id, to, true)] : []),
    ],
  }
}

const toggle: Act = (state, id, user) => {
  const { isUsed, collateral } = state.users[user]!
  if (collateral[id]!.amount === 0n) return null
  const isOn = !isUsed[id]!
  return { state: withUser(state, user, { isUsed: at(isUsed, id, isOn) }), said: [toggled(id, user, isOn)] }
}

const enterEMode: Act = (state, _id, user) => {
  const eMode = 1n - state.users[user]!.eMode
  const said = { address: AAVE, topics: [POOL_TOPIC.userEModeSet, topicOf(userOf(user))], data: words(eMode) }
  return { state: withUser(state, user, { eMode }), said: [said] }
}

const configure: Act = (state, id, _user, picking) => {
  const thresholdBps = BigInt(7_000 + picking.below(1_500))
  const said: Said = {
    address: CONFIGURATOR,
    topics: [RESERVE_TOPIC.collateralConfigurationChanged, topicOf(assetOf(id))],
    data: words(7_000n, thresholdBps, 10_500n),
  }
  return { state: { ...state, reserves: at(state.reserves, id, { ...state.reserves[id]!, thresholdBps }) }, said: [said] }
}

const ACTS: readonly Act[] = [supply, supply, withdraw, borrow, borrow, borrow, repay, repay, send, toggle, enterEMode, configure]

const move: Model<AaveNow>['move'] = (given, timestampSec, picking) => {
  let state = given
  const said: Said[] = []
  for (let left = 2 + picking.below(5); left > 0; left--) {
    const id = picking.below(RESERVES)
    const touched = touch(state, id, timestampSec, picking)
    const done = picking.pick(ACTS)(touched.state, id, picking.below(USERS), picking)
    if (done === null) continue
    state = done.state
    said.push(...touched.said, ...done.said)
  }
  const id = picking.below(RESERVES)
  const reserve = state.reserves[id]!
  const price = (reserve.price * BigInt(80 + picking.below(41))) / 100n
  return { state: { ...state, reserves: at(state.reserves, id, { ...reserve, price }) }, said }
}

const configurationOf = ({ thresholdBps }: ReserveNow): bigint =>
  7_000n | (thresholdBps << 16n) | (10_500n << 32n) | (18n << 48n) | (1n << 56n) | (1n << 58n) | (1n << 168n)

const reserveWords = (id: number, reserve: ReserveNow): ReadResult =>
  answered(
    configurationOf(reserve),
    reserve.liquidityIndexRay,
    reserve.liquidityRateRay,
    reserve.variableIndexRay,
    reserve.variableRateRay,
    0n,
    reserve.updatedSec,
    BigInt(id),
    BigInt(aTokenOf(id)),
    0n,
    BigInt(debtTokenOf(id)),
    ...all(4, 0n),
  )

const bitmapOf = ({ debt, isUsed }: UserNow): bigint =>
  debt.reduce((bits, { amount }, id) => bits | (((amount > 0n ? 1n : 0n) | (isUsed[id]! ? 2n : 0n)) << BigInt(2 * id)), 0n)

/** A book asks for all 255 e-modes. */
const CATEGORY = answered(32n, 9_000n, 9_300n, 10_100n, 0n, 160n, 0n)
const NO_CATEGORY = answered(32n, 0n, 0n, 0n, 0n, 160n, 0n)

const ofPool = (state: AaveNow, data: Hex): ReadResult => {
  const body: Hex = `0x${data.slice(10)}`
  switch (data.slice(0, 10)) {
    case '0x0148170e':
      return answered(1n)
    case '0x0542975c':
      return answered(BigInt(PROVIDER))
    case '0xd1946dbc':
      return answered(32n, BigInt(RESERVES), ...state.reserves.map((_, id) => BigInt(assetOf(id))))
    case '0x35ea6a75':
      return reserveWords(numberIn(addressAt(body, 0)), state.reserves[numberIn(addressAt(body, 0))]!)
    case '0x4417a583':
      return answered(bitmapOf(state.users[numberIn(addressAt(body, 0))]!))
    case '0xeddf1b79':
      return answered(state.users[numberIn(addressAt(body, 0))]!.eMode)
    case '0x6c6f6ae1':
      return wordAt(body, 0) === 1n ? CATEGORY : NO_CATEGORY
    default:
      return REVERTED
  }
}

const ofProvider = (data: Hex): ReadResult => {
  if (data === '0x631adfca') return answered(BigInt(CONFIGURATOR))
  if (data === '0xfca513a8') return answered(BigInt(ORACLE))
  return data === '0x5eb88d3d' ? answered(0n) : REVERTED
}

const ofScaledToken = (state: AaveNow, side: 'collateral' | 'debt', id: number, data: Hex): ReadResult => {
  const amountOf = (user: UserNow): bigint => user[side][id]!.amount
  if (data === '0xb1bf962d') return answered(state.users.reduce((sum, user) => sum + amountOf(user), 0n))
  if (!data.startsWith('0x1da24f3e')) return REVERTED
  return answered(amountOf(state.users[numberIn(addressAt(`0x${data.slice(10)}`, 0))]!))
}

const answer: Model<AaveNow>['answer'] = (state, { to, data }) => {
  if (to === AAVE) return ofPool(state, data)
  if (to === PROVIDER) return ofProvider(data)
  if (to === ORACLE) return answered(state.reserves[numberIn(addressAt(`0x${data.slice(10)}`, 0))]!.price)
  if (to.startsWith('0x71')) return ofScaledToken(state, 'collateral', numberIn(to), data)
  if (to.startsWith('0x72')) return ofScaledToken(state, 'debt', numberIn(to), data)
  if (!to.startsWith('0x70')) return null
  // What the aToken holds of it: enough.
  if (data.startsWith('0x70a08231')) return answered(10n ** 27n)
  return data === '0x95d89b41' ? { kind: 'ok', data: `0x${'41'.padEnd(64, '0')}` } : REVERTED
}

export const aaveModel: Model<AaveNow> = { genesis, move, answer }
