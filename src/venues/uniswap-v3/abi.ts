// Selectors, topics and hex slicing for Uniswap v3's pool and factory. Hand-sliced: decoding a log costs a microsecond, not fifty.
import type { Address, Hex } from '../../core/primitives'

export const SELECTORS = {
  token0: '0x0dfe1681',
  token1: '0xd21220a7',
  fee: '0xddca3f43',
  tickSpacing: '0xd0c93a7c',
  slot0: '0x3850c7bd',
  liquidity: '0x1a686502',
  /** tickBitmap(int16) */
  tickBitmap: '0x5339c296',
  /** ticks(int24) */
  ticks: '0xf30dba93',
  /** getPool(address,address,uint24) */
  getPool: '0x1698ee82',
  /** swap(address,bool,int256,uint160,bytes) */
  swap: '0x128acb08',
} as const

export const TOPICS = {
  /** PoolCreated(address,address,uint24,int24,address) */
  poolCreated: '0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118',
  /** Initialize(uint160,int24) */
  initialize: '0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95',
  /** Mint(address,address,int24,int24,uint128,uint256,uint256) */
  mint: '0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde',
  /** Burn(address,int24,int24,uint128,uint256,uint256) */
  burn: '0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c',
  /** Swap(address,address,int256,int256,uint160,uint128,int24) */
  swap: '0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67',
  /** Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128): PancakeSwap's fork; the words that matter stand alike. */
  swapPancake: '0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83',
} as const

/** The 32-byte word at `index` of some ABI-encoded bytes, as an unsigned integer. Null where the data ends before. */
export const uintAt = (data: Hex, index: number): bigint | null => {
  const end = 2 + 64 * (index + 1)
  return data.length < end ? null : BigInt(`0x${data.slice(end - 64, end)}`)
}

/** The same as an int24: its low 32 bits are sign-extended by the ABI. */
export const int24At = (data: Hex, index: number): number => int24Of(data.slice(2 + 64 * index, 2 + 64 * (index + 1)))

/** int24 in a word or topic. */
export const int24Of = (word: string): number => Number.parseInt(word.slice(-8), 16) | 0

/** Address in a word or topic. */
export const addressOf = (word: string): Address => `0x${word.slice(-40).toLowerCase()}`

export const addressAt = (data: Hex, index: number): Address | null =>
  data.length < 2 + 64 * (index + 1) ? null : addressOf(data.slice(2 + 64 * index, 2 + 64 * (index + 1)))

export const bytesLength = (data: Hex): number => (data.length - 2) / 2

/** One ABI word, two's complement for negatives. */
export const word = (value: bigint): string => BigInt.asUintN(256, value).toString(16).padStart(64, '0')

export const addressWord = (address: Address): string => address.slice(2).toLowerCase().padStart(64, '0')

export const addressTopic = (address: Address): Hex => `0x${addressWord(address)}`
