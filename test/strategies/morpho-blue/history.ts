// Random but consistent histories of a Morpho Blue contract, as logs. A small model keeps balances from going negative.
import type { Address, Block, Hex, Log } from '../../../src/core/primitives'
import { type MarketParams, TOPIC, TOPIC_BORROW_RATE_UPDATE } from '../../../strategies/morpho-blue/abi'

export const MORPHO: Address = `0x${'b'.repeat(40)}`
export const addressOf = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
export const idOf = (n: number): Hex => `0x${n.toString(16).padStart(64, 'c')}`
export const hashOf = (number: bigint, fork = 0): Hex =>
  `0x${number.toString(16).padStart(60, '0')}${fork.toString(16).padStart(4, '0')}`

export const paramsOf = (n: number): MarketParams => ({
  loanToken: addressOf(1000 + n),
  collateralToken: addressOf(2000 + n),
  oracle: addressOf(3000 + n),
  irm: addressOf(4000),
  lltvWad: 860_000_000_000_000_000n,
})

export const word = (value: bigint): string => value.toString(16).padStart(64, '0')
export const wordOf = (address: Address): string => address.slice(2).padStart(64, '0')
const topicOf = (address: Address): Hex => `0x${wordOf(address)}`

export const blockAt = (number: bigint, fork = 0): Block => ({
  chainId: 1,
  number,
  hash: hashOf(number, fork),
  parentHash: hashOf(number - 1n, fork),
  timestampSec: 1_700_000_000n + number * 12n,
  baseFeePerGasWei: 1n,
  gasUsed: 0n,
  gasLimit: 30_000_000n,
  logsBloom: null,
})

/** One log of `block`; `words` are the data. */
export const logOf = (
  block: Block,
  logIndex: number,
  topics: readonly Hex[],
  words: readonly string[],
  address = MORPHO,
): Log => ({
  address,
  topics,
  data: `0x${words.join('')}`,
  blockNumber: block.number,
  blockHash: block.hash,
  logIndex,
  transactionHash: hashOf(block.number, logIndex),
})

const CALLER = addressOf(77)

/** Every event of one market, by name: amounts in the contract's order. */
export const events = (block: Block, id: Hex) => {
  let index = 0
  const log = (topics: readonly Hex[], words: readonly string[], address = MORPHO): Log =>
    logOf(block, index++, topics, words, address)
  const caller = topicOf(CALLER)
  return {
    create: (params: MarketParams) =>
      log(
        [TOPIC.createMarket, id],
        [
          wordOf(params.loanToken),
          wordOf(params.collateralToken),
          wordOf(params.oracle),
          wordOf(params.irm),
          word(params.lltvWad),
        ],
      ),
    setFee: (feeWad: bigint) => log([TOPIC.setFee, id], [word(feeWad)]),
    supply: (who: Address, assets: bigint, shares: bigint) =>
      log([TOPIC.supply, id, caller, topicOf(who)], [word(assets), word(shares)]),
    withdraw: (who: Address, assets: bigint, shares: bigint) =>
      log([TOPIC.withdraw, id, topicOf(who), caller], [wordOf(CALLER), word(assets), word(shares)]),
    borrow: (who: Address, assets: bigint, shares: bigint) =>
      log([TOPIC.borrow, id, topicOf(who), caller], [wordOf(CALLER), word(assets), word(shares)]),
    repay: (who: Address, assets: bigint, shares: bigint) =>
      log([TOPIC.repay, id, caller, topicOf(who)], [word(assets), word(shares)]),
    deposit: (who: Address, assets: bigint) => log([TOPIC.supplyCollateral, id, caller, topicOf(who)], [word(assets)]),
    take: (who: Address, assets: bigint) =>
      log([TOPIC.withdrawCollateral, id, topicOf(who), caller], [wordOf(CALLER), word(assets)]),
    liquidate: (who: Address, amounts: readonly [bigint, bigint, bigint, bigint, bigint]) =>
      log([TOPIC.liquidate, id, caller, topicOf(who)], amounts.map(word)),
    accrue: (interest: bigint, feeShares: bigint) => log([TOPIC.accrueInterest, id], [word(1n), word(interest), word(feeShares)]),
    rate: (rateAtTarget: bigint, irm: Address) => log([TOPIC_BORROW_RATE_UPDATE, id], [word(1n), word(rateAtTarget)], irm),
  }
}

interface Held {
  shares: bigint
  collateral: bigint
}

export interface HistoryBlock {
  readonly block: Block
  readonly logs: readonly Log[]
  /** Whether the header is announced before the logs. */
  readonly isLive: boolean
}

/** `draws` are the random numbers: one history for each list. */
export const randomHistory = (draws: readonly number[], markets = 3, fork = 0): readonly HistoryBlock[] => {
  let at = 0
  const next = (below: number): number => (draws[at++ % draws.length] ?? 0) % below
  const held = new Map<string, Held>()
  const created = new Set<number>()
  return Array.from({ length: draws.length }, (_, i) => {
    const block = blockAt(BigInt(10 + i), fork)
    const market = next(markets)
    const on = events(block, idOf(market))
    const logs: Log[] = []
    if (!created.has(market)) {
      created.add(market)
      logs.push(on.create(paramsOf(market)), on.supply(addressOf(1), 10n ** 12n, 10n ** 18n))
    }
    for (let n = next(4); n > 0; n--) {
      const who = addressOf(100 + next(6))
      const key = `${market} ${who}`
      const position = held.get(key) ?? { shares: 0n, collateral: 0n }
      held.set(key, position)
      const amount = BigInt(1 + next(1_000_000))
      switch (next(9)) {
        case 0:
          logs.push(on.accrue(amount, amount / 10n), on.rate(amount, paramsOf(market).irm))
          break
        case 1:
        case 2:
          position.shares += amount * 1000n
          logs.push(on.borrow(who, amount, amount * 1000n))
          break
        case 3:
          if (position.shares === 0n) break
          logs.push(on.repay(who, position.shares / 1000n + 1n, position.shares))
          position.shares = 0n
          break
        case 4:
        case 5:
          position.collateral += amount
          logs.push(on.deposit(who, amount))
          break
        case 6:
          logs.push(on.take(who, position.collateral / 2n))
          position.collateral -= position.collateral / 2n
          break
        case 7:
          if (position.shares === 0n || position.collateral === 0n) break
          logs.push(
            on.liquidate(who, [
              position.shares / 4000n,
              position.shares / 2n,
              position.collateral,
              1n,
              position.shares - position.shares / 2n,
            ]),
          )
          position.shares = 0n
          position.collateral = 0n
          break
        default:
          logs.push(on.setFee(amount), on.supply(who, amount, amount), on.withdraw(who, amount / 2n, amount / 2n))
      }
    }
    return { block, logs, isLive: next(2) === 0 }
  })
}
