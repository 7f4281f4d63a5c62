// A seeded stretch of one Aave v3.6 pool's life as a node would send it, and a ledger that stands where it begins: 20 reserves, 20,000 accounts
// that owe something. Balances are those of the contracts, to the unit. The mix is that of a busy day: indices move with almost every action,
// suppliers without debt come and go.
import type { Address, Hex, Log } from '../../src/core/primitives'
import { createRandom, type Random } from '../../src/lab/world/random'
import {
  collateralColumn,
  debtColumn,
  NOTHING_READ,
  POOL_TOPIC,
  type Reserve,
  TOKEN_TOPIC,
  type TokenSide,
} from '../../strategies/aave-v3/abi'
import { createLedger, type Ledger } from '../../strategies/aave-v3/ledger'
import { collateralBalance, debtBalance, RAY } from '../../strategies/aave-v3/math'
import { addressOf, blockAt, logOf, word } from '../../test/strategies/morpho-blue/history'
import { digits } from '../pairs/book'
import { textOf } from '../pairs/logs'

const POOL = addressOf(0xaa7e)
const RULES = 'v3.6'
const RESERVES = 20
const ACCOUNTS = 20_000
const COLLATERALS = 2
const LOGS_PER_BLOCK = 12
const FIRST_BLOCK = 10n
/** Actions of suppliers who owe nothing: nobody that the ledger knows. */
const STRANGERS = 0.3

export interface AaveHistory {
  readonly texts: readonly string[]
  readonly logs: number
  /** As of the block before the first log. */
  openLedger(): Ledger
}

interface Entry {
  readonly id: number
  readonly side: TokenSide
  scaled: bigint
}

interface Holder {
  readonly address: Address
  readonly entries: readonly Entry[]
}

const reserveOf = (random: Random, id: number): Reserve => ({
  id,
  asset: `0x${digits(random, 40)}`,
  aToken: `0x${digits(random, 40)}`,
  debtToken: `0x${digits(random, 40)}`,
  stableDebtToken: null,
  decimals: 18,
  ltvBps: 7_500n,
  thresholdBps: 8_000n,
  bonusBps: 10_500n,
  protocolFeeBps: 1_000n,
  isActive: true,
  isFrozen: false,
  isPaused: false,
  graceUntilSec: 0n,
  category: 0,
  unseenScaled: 0n,
  isUnread: false,
  liquidityIndexRay: RAY + BigInt(Math.floor(random.unit() * 1e15)) * 10n ** 11n,
  liquidityRateRay: RAY / 50n,
  variableBorrowIndexRay: RAY + BigInt(Math.floor(random.unit() * 1e15)) * 10n ** 11n,
  variableBorrowRateRay: RAY / 25n,
  updatedSec: blockAt(FIRST_BLOCK - 1n).timestampSec,
})

const drawHolder = (random: Random): Holder => {
  const first = Math.floor(RESERVES * random.unit() ** 2)
  const scaled = (): bigint => BigInt(Math.floor(1e15 * (1 + random.unit()))) * BigInt(Math.floor(1e6 * random.unit() + 1))
  const entries = Array.from(
    { length: COLLATERALS + 1 },
    (_, at): Entry => ({ id: (first + at) % RESERVES, side: at < COLLATERALS ? 'collateral' : 'debt', scaled: scaled() }),
  )
  return { address: `0x${digits(random, 40)}`, entries }
}

const openLedger = (reserves: readonly Reserve[], holders: readonly Holder[]): (() => Ledger) => {
  const starts = holders.map(({ address, entries }) => ({
    address,
    entries: entries.map(({ id, side, scaled }) => ({
      column: side === 'collateral' ? collateralColumn(id) : debtColumn(id),
      amount: scaled,
    })),
  }))
  return () => {
    const ledger = createLedger(POOL)
    const read = { isUnread: false, isListUnread: false, areCategoriesUnread: false }
    ledger.setPool(1n, {
      ...NOTHING_READ,
      ...read,
      revision: 9n,
      rules: RULES,
      provider: addressOf(1),
      configurator: addressOf(2),
    })
    for (const reserve of reserves) ledger.setReserve(1n, reserve.id, reserve)
    for (const { address, entries } of starts) {
      ledger.track(1n, address)
      ledger.setAccount(1n, ledger.accounts.find(address), 0, entries)
    }
    ledger.finalise(FIRST_BLOCK)
    return ledger
  }
}

const topicOf = (address: Address): Hex => `0x${address.slice(2).padStart(64, '0')}`

/** What the pool and its tokens say of one action, in the contracts' order. */
const createActs = (random: Random, reserves: readonly Reserve[], holders: readonly Holder[]) => {
  const { unit } = random
  const indices = reserves.map(({ liquidityIndexRay, variableBorrowIndexRay }) => ({
    collateral: liquidityIndexRay,
    debt: variableBorrowIndexRay,
  }))

  const change = (entry: Entry, indexRay: bigint): { readonly isMint: boolean; readonly words: readonly string[] } => {
    const balanceOf = entry.side === 'collateral' ? collateralBalance : debtBalance
    const before = balanceOf(RULES, entry.scaled, indexRay)
    entry.scaled += (entry.scaled * BigInt(Math.floor(400 * unit()) - 195)) / 1_000n
    const added = balanceOf(RULES, entry.scaled, indexRay) - before
    const interest = before / 1_000_000n
    const isMint = added + interest >= 0n
    const value = isMint ? added + interest : -added - interest
    return { isMint, words: [word(value), word(interest), word(indexRay)] }
  }

  return (number: bigint, firstIndex: number): readonly Log[] => {
    const block = blockAt(number)
    const stranger: Holder = { address: `0x${digits(random, 40)}`, entries: [{ id: 3, side: 'collateral', scaled: 10n ** 20n }] }
    const { address, entries } = unit() < STRANGERS ? stranger : holders[Math.floor(unit() * holders.length)]!
    const entry = entries[Math.floor(unit() * entries.length)]!
    const [reserve, index] = [reserves[entry.id]!, indices[entry.id]!]
    index.collateral += index.collateral / 1_000_000_000n
    index.debt += index.debt / 500_000_000n
    const rates = [RAY / 50n, 0n, RAY / 25n, index.collateral, index.debt].map(word)
    const updated = logOf(block, firstIndex, [POOL_TOPIC.reserveDataUpdated, topicOf(reserve.asset)], rates, POOL)
    const { isMint, words } = change(entry, index[entry.side])
    const parties = isMint ? [topicOf(POOL), topicOf(address)] : [topicOf(address), topicOf(POOL)]
    const topics = [isMint ? TOKEN_TOPIC.mint : TOKEN_TOPIC.burn, ...parties]
    const token = entry.side === 'collateral' ? reserve.aToken : reserve.debtToken
    const moved = logOf(block, firstIndex + 1, topics, words, token)
    if (entry.side === 'collateral' || !isMint) return [updated, moved]
    const borrowed = [topicOf(reserve.asset), topicOf(address), word(0n)].map((each): Hex => `0x${each.replace('0x', '')}`)
    return [
      moved,
      updated,
      logOf(block, firstIndex + 2, [POOL_TOPIC.borrow, ...borrowed], [word(1n), word(2n), words[0]!, word(4n)], POOL),
    ]
  }
}

/** Responses to eth_getLogs, in order. */
export const createAaveHistory = (
  seed: number,
  size: { readonly logs: number; readonly logsPerResponse: number },
): AaveHistory => {
  const random = createRandom(seed, 'aave history')
  const reserves = Array.from({ length: RESERVES }, (_, id) => reserveOf(random, id))
  const holders = Array.from({ length: ACCOUNTS }, () => drawHolder(random))
  const open = openLedger(reserves, holders)
  const act = createActs(random, reserves, holders)
  const texts: string[] = []
  let [logs, waiting]: [number, Log[]] = [0, []]
  for (let number = FIRST_BLOCK; logs < size.logs; number++) {
    const block: Log[] = []
    while (block.length < LOGS_PER_BLOCK) block.push(...act(number, block.length))
    waiting.push(...block)
    if (waiting.length < size.logsPerResponse) continue
    texts.push(textOf(waiting))
    logs += waiting.length
    waiting = []
  }
  return { texts, logs, openLedger: open }
}
