// A pretend chain for the book: pools as plain data, read through the Reader port, with logs made from the same data.
import { addressOf, addressTopic, addressWord, int24At, word, wordAt } from '../../../src/core/abi-words'
import type { ReadCall, Reader, ReadResult } from '../../../src/core/folder'
import type { Address, Hex, Log } from '../../../src/core/primitives'
import { SELECTORS, TOPICS } from '../../../src/venues/uniswap-v3/abi'

export interface PretendPool {
  readonly token0: Address
  readonly token1: Address
  readonly fee: number
  readonly tickSpacing: number
  sqrtPriceX96: bigint
  tick: number
  liquidity: bigint
  readonly ticks: Map<number, { gross: bigint; net: bigint }>
  /** Words of its slot0 and of its ticks, as forks have more or fewer. */
  readonly slot0Words?: number
  readonly tickWords?: number
}

const ok = (...values: readonly bigint[]): ReadResult => ({ kind: 'ok', data: `0x${values.map(word).join('')}` })
const padded = (values: readonly bigint[], length: number): ReadResult => ok(...Array.from({ length }, (_, i) => values[i] ?? 0n))

const answer = (pool: PretendPool | undefined, data: Hex): ReadResult => {
  if (pool === undefined) return { kind: 'failed', why: 'no code' }
  const argument = `0x${data.slice(10)}` as Hex
  switch (data.slice(0, 10)) {
    case SELECTORS.token0:
      return ok(BigInt(pool.token0))
    case SELECTORS.token1:
      return ok(BigInt(pool.token1))
    case SELECTORS.fee:
      return ok(BigInt(pool.fee))
    case SELECTORS.tickSpacing:
      return ok(BigInt(pool.tickSpacing))
    case SELECTORS.slot0:
      return padded([pool.sqrtPriceX96, BigInt(pool.tick)], pool.slot0Words ?? 7)
    case SELECTORS.liquidity:
      return ok(pool.liquidity)
    case SELECTORS.tickBitmap: {
      const at = int24At(argument, 0)
      let bits = 0n
      for (const tick of pool.ticks.keys()) {
        const compressed = Math.floor(tick / pool.tickSpacing)
        if (compressed >> 8 === at) bits |= 1n << BigInt(compressed & 255)
      }
      return ok(bits)
    }
    case SELECTORS.ticks: {
      const info = pool.ticks.get(int24At(argument, 0))
      return padded([info?.gross ?? 0n, info?.net ?? 0n], pool.tickWords ?? 8)
    }
    default:
      return { kind: 'failed', why: 'execution reverted' }
  }
}

export interface PretendChain {
  readonly pools: Map<Address, PretendPool>
  readonly factory: Address
  /** Calls of each read made so far. */
  readonly reads: (readonly ReadCall[])[]
  readerAt(block: bigint): Reader
}

export const createPretendChain = (factory: Address): PretendChain => {
  const pools = new Map<Address, PretendPool>()
  const reads: (readonly ReadCall[])[] = []
  const getPool = (data: Hex): ReadResult => {
    const [a, b] = [0, 1].map(i => addressOf(data.slice(10 + 64 * i, 74 + 64 * i))) as [Address, Address]
    const fee = Number(wordAt(`0x${data.slice(10)}`, 2))
    const found = [...pools].find(([, pool]) => pool.fee === fee && [a, b].includes(pool.token0) && [a, b].includes(pool.token1))
    return ok(found === undefined ? 0n : BigInt(found[0]))
  }
  return {
    pools,
    factory,
    reads,
    readerAt: number => ({
      block: {
        chainId: 1,
        number,
        hash: `0x${number.toString(16).padStart(64, '0')}`,
        parentHash: `0x${(number - 1n).toString(16).padStart(64, '0')}`,
        timestampSec: number * 12n,
        baseFeePerGasWei: 1n,
        gasUsed: 0n,
        gasLimit: 30_000_000n,
        logsBloom: null,
      },
      read: async calls => {
        reads.push(calls)
        return calls.map(({ to, data }) => (to === factory && pools.size > 0 ? getPool(data) : answer(pools.get(to), data)))
      },
    }),
  }
}

let logs = 0
const log = (address: Address, block: bigint, topics: readonly Hex[], ...values: readonly bigint[]): Log => ({
  address,
  topics,
  data: `0x${values.map(word).join('')}`,
  blockNumber: block,
  blockHash: `0x${block.toString(16).padStart(64, '0')}`,
  logIndex: logs++,
  transactionHash: `0x${'0'.repeat(64)}`,
})

const tickTopic = (tick: number): Hex => `0x${word(BigInt(tick))}`
const OWNER = addressTopic(`0x${'9'.repeat(40)}`)

export const swapLog = (pool: Address, block: bigint, after: Pick<PretendPool, 'sqrtPriceX96' | 'liquidity' | 'tick'>): Log =>
  log(pool, block, [TOPICS.swap, OWNER, OWNER], 1n, -1n, after.sqrtPriceX96, after.liquidity, BigInt(after.tick))

export const mintLog = (pool: Address, block: bigint, lower: number, upper: number, amount: bigint): Log =>
  log(pool, block, [TOPICS.mint, OWNER, tickTopic(lower), tickTopic(upper)], 9n, amount, 1n, 1n)

export const burnLog = (pool: Address, block: bigint, lower: number, upper: number, amount: bigint): Log =>
  log(pool, block, [TOPICS.burn, OWNER, tickTopic(lower), tickTopic(upper)], amount, 1n, 1n)

export const initializeLog = (pool: Address, block: bigint, sqrtPriceX96: bigint, tick: number): Log =>
  log(pool, block, [TOPICS.initialize], sqrtPriceX96, BigInt(tick))

export const createdLog = (factory: Address, block: bigint, pool: Address, token0: Address, token1: Address): Log =>
  log(
    factory,
    block,
    [TOPICS.poolCreated, addressTopic(token0), addressTopic(token1), `0x${word(500n)}`],
    10n,
    BigInt(`0x${addressWord(pool)}`),
  )

/** What the pool itself does on a mint (amount > 0) or a burn (amount < 0). */
export const changePosition = (pool: PretendPool, lower: number, upper: number, amount: bigint): void => {
  for (const [tick, net] of [
    [lower, amount],
    [upper, -amount],
  ] as const) {
    const before = pool.ticks.get(tick) ?? { gross: 0n, net: 0n }
    const after = { gross: before.gross + amount, net: before.net + net }
    if (after.gross === 0n) pool.ticks.delete(tick)
    else pool.ticks.set(tick, after)
  }
  if (lower <= pool.tick && pool.tick < upper) pool.liquidity += amount
}
