// Morpho Blue's ABI as hand-sliced hex: topics, selectors, readers and encoders. Checked against the official ABI by tests.
import { addressAt, addressWord, word, wordAt } from '../../src/core/abi-words'
import type { Address, Hex } from '../../src/core/primitives'
import type { Totals } from './math'

/** keccak256 of the event signatures; CreateMarket's is over (bytes32,(address,address,address,address,uint256)), and so on. */
export const TOPIC = {
  createMarket: '0xac4b2400f169220b0c0afdde7a0b32e775ba727ea1cb30b35f935cdaab8683ac',
  setFee: '0x139d6f58e9a127229667c8e3b36e88890a66cfc8ab1024ddc513e189e125b75b',
  supply: '0xedf8870433c83823eb071d3df1caa8d008f12f6440918c20d75a3602cda30fe0',
  withdraw: '0xa56fc0ad5702ec05ce63666221f796fb62437c32db1aa1aa075fc6484cf58fbf',
  borrow: '0x570954540bed6b1304a87dfe815a5eda4a648f7097a16240dcd85c9b5fd42a43',
  repay: '0x52acb05cebbd3cd39715469f22afbf5a17496295ef3bc9bb5944056c63ccaa09',
  supplyCollateral: '0xa3b9472a1399e17e123f3c2e6586c23e504184d504de59cdaa2b375e880c6184',
  withdrawCollateral: '0xe80ebd7cc9223d7382aab2e0d1d6155c65651f83d53c8b9b06901d167e321142',
  liquidate: '0xa4946ede45d0c6f06a0f5ce92c9ad3b4751452d2fe0e25010783bcab57a67e41',
  accrueInterest: '0x9d9bd501d0657d7dfe415f779a620a62b78bc508ddc0891fbbd8b7ac0f8fce87',
} as const satisfies Record<string, Hex>

/** BorrowRateUpdate(bytes32 indexed id, uint256 avgBorrowRate, uint256 rateAtTarget) of the AdaptiveCurveIrm. */
export const TOPIC_BORROW_RATE_UPDATE: Hex = '0x7120161a7b3d31251e01294ab351ef15a41b91659a36032e4641bb89b121e321'

const SELECTOR = {
  market: '0x5c60e39a',
  position: '0x93c52062',
  idToMarketParams: '0x2c3c9157',
  price: '0xa035b1fe',
  rateAtTarget: '0x01977b57',
  borrowRateView: '0x8c00bf6b',
  liquidate: '0xd8eabcb8',
  decimals: '0x313ce567',
  symbol: '0x95d89b41',
} as const satisfies Record<string, Hex>

export interface MarketParams {
  readonly loanToken: Address
  readonly collateralToken: Address
  readonly oracle: Address
  readonly irm: Address
  readonly lltvWad: bigint
}

const paramsWords = (params: MarketParams): string =>
  addressWord(params.loanToken) +
  addressWord(params.collateralToken) +
  addressWord(params.oracle) +
  addressWord(params.irm) +
  word(params.lltvWad)

/** MarketParams from five words starting at `from`. */
export const readParams = (data: Hex, from: number): MarketParams => ({
  loanToken: addressAt(data, from),
  collateralToken: addressAt(data, from + 1),
  oracle: addressAt(data, from + 2),
  irm: addressAt(data, from + 3),
  lltvWad: wordAt(data, from + 4),
})

/** `market(id)`'s six words. */
export const readMarket = (data: Hex): { readonly totals: Totals; readonly lastUpdateSec: bigint } => ({
  totals: {
    supplyAssets: wordAt(data, 0),
    supplyShares: wordAt(data, 1),
    borrowAssets: wordAt(data, 2),
    borrowShares: wordAt(data, 3),
    feeWad: wordAt(data, 5),
  },
  lastUpdateSec: wordAt(data, 4),
})

export const encodePrice = (): Hex => SELECTOR.price
export const encodeDecimals = (): Hex => SELECTOR.decimals
export const encodeSymbol = (): Hex => SELECTOR.symbol
export const encodeMarket = (id: Hex): Hex => `${SELECTOR.market}${id.slice(2)}`
export const encodeIdToMarketParams = (id: Hex): Hex => `${SELECTOR.idToMarketParams}${id.slice(2)}`
export const encodeRateAtTarget = (id: Hex): Hex => `${SELECTOR.rateAtTarget}${id.slice(2)}`
export const encodePosition = (id: Hex, account: Address): Hex => `${SELECTOR.position}${id.slice(2)}${addressWord(account)}`

/** `borrowRateView(MarketParams, Market)`. */
export const encodeBorrowRateView = (params: MarketParams, totals: Totals, lastUpdateSec: bigint): Hex =>
  `${SELECTOR.borrowRateView}${paramsWords(params)}${[
    totals.supplyAssets,
    totals.supplyShares,
    totals.borrowAssets,
    totals.borrowShares,
    lastUpdateSec,
    totals.feeWad,
  ]
    .map(word)
    .join('')}`

/** Number of the `bytes` argument's head word in `liquidate`: five of the params, then borrower, seized, repaid. */
export const LIQUIDATE_DATA_WORD = 8

/** `liquidate(MarketParams, address borrower, uint256 seizedAssets, uint256 repaidShares, bytes data)` with empty data. */
export const encodeLiquidate = (params: MarketParams, borrower: Address, seizedAssets: bigint, repaidShares: bigint): Hex =>
  `${SELECTOR.liquidate}${paramsWords(params)}${addressWord(borrower)}${word(seizedAssets)}${word(repaidShares)}${word(
    BigInt(32 * (LIQUIDATE_DATA_WORD + 1)),
  )}${word(0n)}`
