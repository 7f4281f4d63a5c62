// A seeded history of Morpho Blue as a node would send it: responses of eth_getLogs as JSON text. Amounts are consistent: nobody repays more
// than is owed. The mix is that of a busy year: accruals with almost everything, suppliers, borrowers, now and then a liquidation.
import type { Address, Hex, Log } from '../../src/core/primitives'
import { createRandom, type Random } from '../../src/lab/world/random'
import { blockAt, events, paramsOf } from '../../test/strategies/morpho-blue/history'
import { digits } from './book'

export interface HistorySize {
  readonly markets: number
  readonly accounts: number
  readonly logs: number
  readonly logsPerResponse: number
}

interface Held {
  shares: bigint
  collateral: bigint
}

const LOGS_PER_BLOCK = 12
/** Accounts that ever come to one market; most are in several. */
const PER_MARKET = 400

/** Up to 24 decimal digits, as amounts of 18 decimals have. */
const amount = ({ unit }: Random): bigint => BigInt(Math.floor(1 + unit() * 1e15)) * BigInt(Math.floor(1 + unit() * 1e9))

const quantity = (value: bigint | number): Hex => `0x${value.toString(16)}`

const wireLog = (log: Log): object => ({
  address: log.address,
  topics: log.topics,
  data: log.data,
  blockHash: log.blockHash,
  blockNumber: quantity(log.blockNumber),
  blockTimestamp: quantity(1_700_000_000n + log.blockNumber),
  transactionHash: log.transactionHash,
  transactionIndex: quantity(log.logIndex >> 2),
  logIndex: quantity(log.logIndex),
  removed: false,
})

/** A node's answer to one eth_getLogs. */
export const textOf = (logs: readonly Log[]): string => JSON.stringify({ jsonrpc: '2.0', id: 1, result: logs.map(wireLog) })

const createHistory = (random: Random, { markets, accounts }: HistorySize) => {
  const { unit } = random
  const ids = Array.from({ length: markets }, (): Hex => `0x${digits(random, 64)}`)
  const names = Array.from({ length: accounts }, (): Address => `0x${digits(random, 40)}`)
  const held = new Map<string, Held>()
  const supplied = ids.map(() => 0n)

  const act = (on: ReturnType<typeof events>, market: number): Log => {
    const [id, who] = [ids[market]!, names[(31 * market + Math.floor(PER_MARKET * unit() * unit())) % accounts]!]
    const key = `${id}${who}`
    const position = held.get(key) ?? { shares: 0n, collateral: 0n }
    held.set(key, position)
    const [roll, assets] = [unit(), amount(random)]
    if (roll < 0.1) {
      supplied[market]! += assets
      return on.supply(who, assets, assets * 1_000_000n)
    }
    if (roll < 0.15) {
      const taken = supplied[market]! / 4n
      supplied[market]! -= taken
      return on.withdraw(who, taken, taken * 1_000_000n)
    }
    if (roll < 0.5 || position.collateral === 0n) {
      position.collateral += assets
      return on.deposit(who, assets)
    }
    if (roll < 0.75 || position.shares === 0n) {
      position.shares += assets * 900_000n
      return on.borrow(who, assets, assets * 900_000n)
    }
    const [shares, collateral] = [position.shares / 2n, position.collateral / 3n]
    position.shares -= roll < 0.92 || roll >= 0.99 ? shares : 0n
    position.collateral -= roll < 0.92 ? 0n : collateral
    if (roll < 0.92) return on.repay(who, shares / 900_000n, shares)
    return roll < 0.99 ? on.take(who, collateral) : on.liquidate(who, [shares / 900_000n, shares, collateral, 0n, 0n])
  }

  return {
    creations: (): Log[] => ids.map((id, n) => events(blockAt(1n), id).create(paramsOf(n))),
    blockOf: (number: bigint, size: number): Log[] => {
      const logs: Log[] = []
      while (logs.length < size) {
        const market = Math.floor(markets * unit() * unit())
        const on = events(blockAt(number), ids[market]!)
        if (unit() < 0.7) logs.push(on.accrue(amount(random) / 1_000_000n, amount(random)))
        logs.push(act(on, market))
      }
      return logs.map((log, logIndex) => ({ ...log, logIndex }))
    },
  }
}

/** Responses, each a JSON-RPC answer to one eth_getLogs, and how many logs they hold. */
export const createResponses = (
  seed: number,
  size: HistorySize,
): { readonly texts: readonly string[]; readonly logs: number } => {
  const history = createHistory(createRandom(seed, 'pair logs'), size)
  const texts: string[] = []
  let [logs, waiting] = [0, history.creations()]
  for (let number = 2n; logs < size.logs; number++) {
    waiting.push(...history.blockOf(number, LOGS_PER_BLOCK))
    if (waiting.length < size.logsPerResponse) continue
    texts.push(textOf(waiting))
    logs += waiting.length
    waiting = []
  }
  return { texts, logs }
}
