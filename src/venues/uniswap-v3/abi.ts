// Selectors and topics of Uniswap v3's pool and factory.

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
