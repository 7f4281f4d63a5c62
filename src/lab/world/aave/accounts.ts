// Draws the accounts of an Aave pool from a seed and opens them: collateral of one to three kinds, debts of one or two, some in an e-mode.
import { encodeFunctionData, parseAbi } from 'viem'
import type { Address, Hex } from '../../../core/primitives'
import type { Prices } from '../../prices/rounds'
import { tokenAbi } from '../abis'
import { drawDebtUsd } from '../draw-debt'
import { amountForUsd, priceOf, toWad } from '../market-price'
import type { Outbox } from '../outbox'
import { createRandom, type Random, seededAddress } from '../random'
import type { AaveSpec } from '../spec'
import type { WorldAave, WorldAaveReserve } from '../world'

type OpenPool = Omit<WorldAave, 'accounts'>

export interface AccountsPlan {
  readonly aave: OpenPool
  readonly seed: number
  readonly prices: Prices
  /** Lends whatever it holds. */
  readonly flashLender: Address
  readonly deployer: Address
  readonly outbox: Outbox
}

export const aaveActionsAbi = parseAbi([
  'function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode)',
  'function withdraw(address asset, uint256 amount, address to) returns (uint256)',
  'function borrow(address asset, uint256 amount, uint256 rateMode, uint16 referralCode, address onBehalfOf)',
  'function setUserEMode(uint8 categoryId)',
])

interface Amount {
  readonly reserve: WorldAaveReserve
  readonly assets: bigint
}

export interface DrawnAccount {
  readonly account: Address
  /** 0: none. */
  readonly eMode: number
  readonly collaterals: readonly Amount[]
  readonly debts: readonly Amount[]
}

const MAX_UINT256 = (1n << 256n) - 1n
const GAS = 1_500_000n
const VARIABLE = 2n
const BORROWER_WEI = 10n ** 18n
/** This share of the accounts owes two tokens. */
const TWO_DEBTS = 0.3

type Weigh = (reserve: WorldAaveReserve) => number

/** `count` of the list, each with a chance by its weight; all of weight above 0 if there are fewer. */
const pick = (list: readonly WorldAaveReserve[], count: number, weigh: Weigh, random: Random): readonly WorldAaveReserve[] => {
  const picked: WorldAaveReserve[] = []
  for (let left = list.filter(each => weigh(each) > 0); picked.length < count && left.length > 0; ) {
    const draw = random.unit() * left.reduce((sum, each) => sum + weigh(each), 0)
    const upTo = left.map((_, at) => left.slice(0, at + 1).reduce((sum, each) => sum + weigh(each), 0))
    const chosen = left[upTo.findIndex(sum => draw < sum)] ?? left[0]!
    picked.push(chosen)
    left = left.filter(each => each !== chosen)
  }
  return picked
}

/** Shares that add up to one, none of them tiny. */
const shares = (count: number, random: Random): readonly number[] => {
  const raw = Array.from({ length: count }, () => random.between(0.2, 1))
  const sum = raw.reduce((total, share) => total + share, 0)
  return raw.map(share => share / sum)
}

/** One collateral mostly, two often, three seldom. */
const collateralCount = (random: Random): number => {
  const draw = random.unit()
  return draw < 0.5 ? 1 : draw < 0.85 ? 2 : 3
}

const ltvIn = (spec: AaveSpec, eMode: number, { token, spec: reserve }: WorldAaveReserve): number => {
  const mode = spec.eModes[eMode - 1]
  return (mode?.members.includes(token.symbol) ? mode.ltvBps : reserve.ltvBps) / 10_000
}

const drawAccount = ({ aave, seed, prices }: AccountsPlan, index: number, random: Random): DrawnAccount => {
  const { spec, reserves, name } = aave
  const { eModeShare, borrowShare } = spec.borrowers
  const usd = drawDebtUsd(spec.borrowers, random)
  const eMode = random.unit() < eModeShare ? Math.ceil(random.unit() * spec.eModes.length) : 0
  const members = eMode === 0 ? null : spec.eModes[eMode - 1]!.members
  const inMode = reserves.filter(({ token }) => members?.includes(token.symbol) ?? true)
  const collateralWeight: Weigh = each => (ltvIn(spec, eMode, each) > 0 ? each.spec.demand.collateral : 0)
  const kinds = pick(inMode, members === null ? collateralCount(random) : 1, collateralWeight, random)
  const rest = inMode.filter(reserve => !kinds.includes(reserve))
  const owed = pick(rest, members === null && random.unit() < TWO_DEBTS ? 2 : 1, each => each.spec.demand.debt, random)
  const weights = shares(kinds.length, random)
  const ltv = kinds.reduce((sum, reserve, at) => sum + weights[at]! * ltvIn(spec, eMode, reserve), 0)
  const collateralUsd = usd / (ltv * random.between(...borrowShare))
  const amountOf = (reserve: WorldAaveReserve, worth: number): Amount => ({
    reserve,
    assets: amountForUsd(toWad(worth), priceOf(prices, reserve.token), reserve.token.decimals),
  })
  const debtShares = shares(owed.length, random)
  return {
    account: seededAddress(seed, `${name} account ${index}`),
    eMode,
    collaterals: kinds.map((reserve, at) => amountOf(reserve, collateralUsd * weights[at]!)),
    debts: owed.map((reserve, at) => amountOf(reserve, usd * debtShares[at]!)),
  }
}

/** The same accounts for the same seed. */
export const drawAccounts = (plan: AccountsPlan): readonly DrawnAccount[] => {
  const random = createRandom(plan.seed, `accounts of ${plan.aave.name}`)
  return Array.from({ length: plan.aave.spec.borrowers.count }, (_, index) => drawAccount(plan, index, random))
}

const totalOf = (reserve: WorldAaveReserve, amounts: readonly Amount[]): bigint =>
  amounts.reduce((sum, amount) => (amount.reserve === reserve ? sum + amount.assets : sum), 0n)

const supply = (asset: Address, amount: bigint, onBehalfOf: Address): Hex =>
  encodeFunctionData({ abi: aaveActionsAbi, functionName: 'supply', args: [asset, amount, onBehalfOf, 0] })

/**
 * Everybody else's money in the reserve: enough for all that is borrowed and the share idle that the spec wants, so that collateral brought can
 * always be seized; and as much as is borrowed with a flash lender, as there is no lack of those.
 */
const stockReserve = (
  { aave, flashLender, deployer, outbox }: AccountsPlan,
  reserve: WorldAaveReserve,
  accounts: readonly DrawnAccount[],
): void => {
  const { token, spec } = reserve
  const label = `${token.symbol} in ${aave.name}`
  const brought = totalOf(
    reserve,
    accounts.flatMap(account => account.collaterals),
  )
  const borrowed = totalOf(
    reserve,
    accounts.flatMap(account => account.debts),
  )
  const others = (borrowed * 10_000n) / BigInt(Math.round((1 - spec.idle) * 10_000)) + 10n ** BigInt(token.decimals)
  const send = (to: Address, data: Hex): void => void outbox.add({ from: deployer, to, data, label: `supply of ${label}` })
  if (token.kind.kind !== 'wrapped-native')
    send(
      token.address,
      encodeFunctionData({ abi: tokenAbi, functionName: 'mint', args: [deployer, others + brought + borrowed] }),
    )
  send(token.address, encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [aave.pool, MAX_UINT256] }))
  send(aave.pool, supply(token.address, others, deployer))
  send(token.address, encodeFunctionData({ abi: tokenAbi, functionName: 'transfer', args: [flashLender, borrowed] }))
}

/** Opens all accounts and mines everything queued so far. Borrowing is done by the accounts themselves, as the contract demands. */
export const openAccounts = async (plan: AccountsPlan): Promise<WorldAave> => {
  const { aave, deployer, outbox } = plan
  const drawn = drawAccounts(plan)
  for (const reserve of aave.reserves) stockReserve(plan, reserve, drawn)
  const send = (from: Address, data: Hex, label: string): void =>
    void outbox.add({ from, to: aave.pool, data, gas: GAS, label: `${label} in ${aave.name}` })
  for (const { account, collaterals } of drawn)
    for (const { reserve, assets } of collaterals) send(deployer, supply(reserve.token.address, assets, account), 'collateral')
  const accounts = drawn.map(({ account }) => account)
  await outbox.fund(accounts, BORROWER_WEI)
  for (const { account, eMode } of drawn)
    if (eMode > 0)
      send(account, encodeFunctionData({ abi: aaveActionsAbi, functionName: 'setUserEMode', args: [eMode] }), 'e-mode')
  await outbox.mine()
  for (const { account, debts } of drawn)
    for (const { reserve, assets } of debts) {
      const args = [reserve.token.address, assets, VARIABLE, 0, account] as const
      send(account, encodeFunctionData({ abi: aaveActionsAbi, functionName: 'borrow', args }), 'borrow')
    }
  await outbox.mine()
  return { ...aave, accounts }
}
