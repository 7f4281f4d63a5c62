// What the contracts of Aave v3 say: topics, selectors, encoders, and the records that their words make, as hand-sliced hex. Checked against the
// official ABIs by tests.
import { addressAt, addressWord, numberOf, word, wordAt, wordsOf, ZERO_ADDRESS } from '../../src/core/abi-words'
import type { ReadCall, ReadResult } from '../../src/core/folder'
import type { Address, Hex, LogFilter } from '../../src/core/primitives'

/** Groups of pool releases that decide alike. */
export type AaveRules = 'v3.0' | 'v3.6' | 'v3.7'

/** 3 is v3.0.2 as mainnet had it in March 2024: checked against its recorded state. */
const RULES: ReadonlyMap<bigint, AaveRules> = new Map([
  [1n, 'v3.0'],
  [3n, 'v3.0'],
  [10n, 'v3.6'],
  [11n, 'v3.7'],
])

/** Rules of a pool by its POOL_REVISION; null for a release that these maths have not been checked against. */
export const rulesOfRevision = (revision: bigint): AaveRules | null => RULES.get(revision) ?? null

// What the pool writes down of its reserves and e-modes.

/** What a reserve last wrote down. Rates in ray a year. */
export interface ReserveIndices {
  readonly liquidityIndexRay: bigint
  readonly variableBorrowIndexRay: bigint
  readonly liquidityRateRay: bigint
  readonly variableBorrowRateRay: bigint
  readonly updatedSec: bigint
}

export interface Reserve extends ReserveIndices {
  /** The pool's own number: its place in every bitmap. */
  readonly id: number
  readonly asset: Address
  readonly aToken: Address
  readonly debtToken: Address
  /** Null where there is none, as since v3.2. */
  readonly stableDebtToken: Address | null
  readonly decimals: number
  readonly ltvBps: bigint
  readonly thresholdBps: bigint
  readonly bonusBps: bigint
  readonly protocolFeeBps: bigint
  readonly isActive: boolean
  readonly isFrozen: boolean
  readonly isPaused: boolean
  /** 0n: none, as before v3.1. */
  readonly graceUntilSec: bigint
  /** v3.0's e-mode of the reserve; 0: none. */
  readonly category: number
  /** Debt of accounts that are not known, in scaled units, when last looked: they have not borrowed since `fromBlock`. */
  readonly unseenScaled: bigint
  /** Something changed that must be read before the reserve is judged. */
  readonly isUnread: boolean
}

export interface Category {
  readonly id: number
  readonly thresholdBps: bigint
  readonly bonusBps: bigint
  /** v3.0: whose price the oracle tells for all of the category; null: each reserve's own, as always since. */
  readonly priceSource: Address | null
  /** By reserve id, lowest bit first; since v3.2. Before, each reserve names its category. */
  readonly collateralBitmap: bigint
  readonly borrowableBitmap: bigint
}

/** What counts for this reserve as collateral of an account in `category` (null: none). Mirrors GenericLogic of either version. */
export const termsIn = (
  rules: AaveRules,
  reserve: Reserve,
  category: Category | null,
): { readonly isInCategory: boolean; readonly thresholdBps: bigint; readonly bonusBps: bigint } => {
  const isListed = category !== null && ((category.collateralBitmap >> BigInt(reserve.id)) & 1n) === 1n
  const isInCategory = rules === 'v3.0' ? category !== null && reserve.category === category.id : isListed
  const { thresholdBps, bonusBps } = isInCategory && category !== null ? category : reserve
  // v3.0 leaves out reserves without a threshold of their own, in an e-mode, too.
  return { isInCategory, thresholdBps: rules === 'v3.0' && reserve.thresholdBps === 0n ? 0n : thresholdBps, bonusBps }
}

/** What of the pool itself decides. */
export interface PoolState {
  /** Null until read. */
  readonly revision: bigint | null
  /** Null until read, and for a revision that is not known. */
  readonly rules: AaveRules | null
  /** Null until read. */
  readonly provider: Address | null
  readonly configurator: Address | null
  readonly oracle: Address | null
  /** Null: there is none. */
  readonly sentinel: Address | null
  /** The revision and the addresses above must be read. */
  readonly isUnread: boolean
  readonly isListUnread: boolean
  readonly areCategoriesUnread: boolean
  /** Why nothing is acted on until all was read anew; null otherwise. */
  readonly held: string | null
}

export const NOTHING_READ: PoolState = {
  revision: null,
  rules: null,
  provider: null,
  configurator: null,
  oracle: null,
  sentinel: null,
  isUnread: true,
  isListUnread: true,
  areCategoriesUnread: true,
  held: null,
}

/** What a stable debt has besides its principal, which is in the accounts. */
export interface StableDebt {
  readonly rateRay: bigint
  readonly sinceSec: bigint
}

/** One entry of an account as the contracts tell it. */
export interface ReadEntry {
  readonly column: number
  readonly amount: bigint
  readonly stable?: StableDebt
}

/** Events of the pool. */
export const POOL_TOPIC = {
  borrow: '0xb3d084820fb1a9decffb176436bd02558d15fac9b0ddfed8c465bc7359d7dce0',
  liquidationCall: '0xe413a321e8681d831f4dbccbca790d2952b56f977908e45be37335533e005286',
  userEModeSet: '0xd728da875fc88944cbf17638bcbe4af0eedaef63becd1d1c57cc097eb4608d84',
  reserveUsedAsCollateralEnabled: '0x00058a56ea94653cdf4f152d227ace22d4c00ad99e2a43f58cb7d9e3feb295f2',
  reserveUsedAsCollateralDisabled: '0x44c58d81365b66dd4b1a7f36c25aa97b8c71c361ee4937adc1a00000227db5dd',
  reserveDataUpdated: '0x804c9b842b2748a22bb64b345453a3de7ca54a6ca45ce00d415894979e22897a',
} as const satisfies Record<string, Hex>

/** Event of every proxy. */
export const TOPIC_UPGRADED: Hex = '0xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b'

/** Events of aTokens and variable debt tokens; these transfer nothing. */
export const TOKEN_TOPIC = {
  mint: '0x458f5fa412d0f69b08dd84872b0215675cc67bc1d5b6fd93300a1c3878b86196',
  burn: '0x4cf25bc1d991c17529c25213d3cc0cda295eeaad5f13f361969b12ea48015f90',
  balanceTransfer: '0x4beccb90f994c31aced7a23b5611020728a23d8ec5cddd1a3e9d97b96fda8666',
} as const satisfies Record<string, Hex>

/** Events of stable debt tokens. */
export const STABLE_TOPIC = {
  mint: '0xc16f4e4ca34d790de4c656c72fd015c667d688f20be64eea360618545c4c530f',
  burn: '0x44bd20a79e993bdcc7cbedf54a3b4d19fb78490124b6b90d04fe3242eea579e8',
} as const satisfies Record<string, Hex>

/** Events of the configurator about one reserve, named in topic 1: what it says is read again. */
export const RESERVE_TOPIC = {
  collateralConfigurationChanged: '0x637febbda9275aea2e85c0ff690444c8d87eb2e8339bbede9715abcc89cb0995',
  liquidationProtocolFeeChanged: '0xb5b0a963825337808b6e3154de8e98027595a5cad4219bb3a9bc55b192f4b391',
  reserveActive: '0xc36c7d11ba01a5869d52aa4a3781939dab851cbc9ee6e7fdcedc7d58898a3f1e',
  reserveFrozen: '0x0c4443d258a350d27dc50c378b2ebf165e6469725f786d21b30cab16823f5587',
  reservePaused: '0xe188d542a5f11925d3a3af33703cdd30a43cb3e8066a3cf68b1b57f61a5a94b5',
  liquidationGracePeriodChanged: '0xdf4f96448786bcd6fecc9f1fa25f1fbbbee6a5c9e76d635a615ac57bb5983d10',
  liquidationGracePeriodDisabled: '0x1df36dc1651d06d990805068d22811a3a9ca4396190787ef59f9102e61868fff',
  eModeAssetCategoryChanged: '0x5bb69795b6a2ea222d73a5f8939c23471a1f85a99c7ca43c207f1b71f10c6264',
} as const satisfies Record<string, Hex>

/** Events of the configurator about the list of reserves. */
export const LIST_TOPIC = {
  reserveInitialized: '0x3a0ca721fc364424566385a1aa271ed508cc2c0949c2272575fb3013a163a45f',
  reserveDropped: '0xeeec4c06f7adad215cbdb4d2960896c83c26aedce02dde76d36fa28588d62da4',
} as const satisfies Record<string, Hex>

/** Events of the configurator about one e-mode: named in topic 1, else in the first word. */
export const CATEGORY_TOPIC = {
  eModeCategoryAdded: '0x0acf8b4a3cace10779798a89a206a0ae73a71b63acdd3be2801d39c2ef7ab3cb',
  assetCollateralInEModeChanged: '0x79409190108b26fcb0e4570f8e240f627bf18fd01a55f751010224d5bd486098',
  assetBorrowableInEModeChanged: '0x60087ca045be9d8d1301445e67d6248eddba97629c80284fa4910c0e52f103ab',
} as const satisfies Record<string, Hex>

/** Events of the addresses provider: its addresses are read again. */
export const PROVIDER_TOPIC = {
  priceOracleUpdated: '0x56b5f80d8cac1479698aa7d01605fd6111e90b15fc4d2b377417f46034876cbd',
  priceOracleSentinelUpdated: '0x5326514eeca90494a14bedabcff812a0e683029ee85d1e23824d44fd14cd6ae7',
  poolConfiguratorUpdated: '0x8932892569eba59c8382a089d9b732d1f49272878775235761a2a6b0309cd465',
  addressSet: '0x9ef0e8c8e52743bb38b83b17d9429141d494b8041ca6d616a6c77cebae9cd8b7',
} as const satisfies Record<string, Hex>

type Known = Pick<Reserve, 'aToken' | 'debtToken' | 'stableDebtToken'>

/** Logs that may change the state: of the pool, its tokens, its configurator and its provider, as far as they are known. */
export const filtersFor = (
  pool: Address,
  configurator: Address | null,
  provider: Address | null,
  reserves: readonly Known[],
): readonly LogFilter[] => {
  const filter = (addresses: readonly (Address | null)[], ...topics: readonly Readonly<Record<string, Hex>>[]): LogFilter => ({
    addresses: addresses.flatMap(address => (address === null ? [] : [address])),
    topics: [topics.flatMap(group => Object.values(group))],
  })
  const upgraded = { upgraded: TOPIC_UPGRADED }
  return [
    filter([pool], POOL_TOPIC, upgraded),
    filter(
      reserves.flatMap(({ aToken, debtToken }) => [aToken, debtToken]),
      TOKEN_TOPIC,
      upgraded,
    ),
    filter(
      reserves.map(({ stableDebtToken }) => stableDebtToken),
      STABLE_TOPIC,
      upgraded,
    ),
    filter([configurator], RESERVE_TOPIC, LIST_TOPIC, CATEGORY_TOPIC),
    filter([provider], PROVIDER_TOPIC),
  ].filter(({ addresses }) => addresses.length > 0)
}

/** Whether `topic` is one of a group. */
export const isOneOf = (topics: Readonly<Record<string, Hex>>, topic: Hex): boolean => Object.values(topics).includes(topic)

type Sources = Known & Pick<Reserve, 'asset'>

/** Whether logs of both come from the same contracts: filters change where they don't. Asked at almost every log: compares, builds nothing. */
export const haveSameSources = (a: Sources | undefined, b: Sources | undefined): boolean =>
  a?.asset === b?.asset && a?.aToken === b?.aToken && a?.debtToken === b?.debtToken && a?.stableDebtToken === b?.stableDebtToken

const SELECTOR = {
  poolRevision: '0x0148170e',
  addressesProvider: '0x0542975c',
  reservesList: '0xd1946dbc',
  reserveData: '0x35ea6a75',
  userConfiguration: '0x4417a583',
  userEMode: '0xeddf1b79',
  userAccountData: '0xbf92857c',
  gracePeriod: '0x5c9a8b18',
  categoryData: '0x6c6f6ae1',
  categoryConfig: '0xb286f467',
  categoryCollaterals: '0xb0771dba',
  categoryBorrowables: '0x903a2c71',
  virtualBalance: '0x6fb07f96',
  configurator: '0x631adfca',
  oracle: '0xfca513a8',
  sentinel: '0x5eb88d3d',
  scaledBalance: '0x1da24f3e',
  scaledTotalSupply: '0xb1bf962d',
  principalBalance: '0xc634dfaa',
  stableRate: '0xe78c9b3b',
  stableSince: '0x79ce6b8c',
  assetPrice: '0xb3596f07',
  liquidationAllowed: '0x7a5d20ea',
  balance: '0x70a08231',
  liquidationCall: '0x00a718a9',
} as const satisfies Record<string, Hex>

export const encodePoolRevision = (): Hex => SELECTOR.poolRevision
export const encodeAddressesProvider = (): Hex => SELECTOR.addressesProvider
export const encodeReservesList = (): Hex => SELECTOR.reservesList
export const encodeConfigurator = (): Hex => SELECTOR.configurator
export const encodeOracle = (): Hex => SELECTOR.oracle
export const encodeSentinel = (): Hex => SELECTOR.sentinel
export const encodeLiquidationAllowed = (): Hex => SELECTOR.liquidationAllowed
export const encodeScaledTotalSupply = (): Hex => SELECTOR.scaledTotalSupply
export const encodeReserveData = (asset: Address): Hex => `${SELECTOR.reserveData}${addressWord(asset)}`
export const encodeGracePeriod = (asset: Address): Hex => `${SELECTOR.gracePeriod}${addressWord(asset)}`
export const encodeVirtualBalance = (asset: Address): Hex => `${SELECTOR.virtualBalance}${addressWord(asset)}`
export const encodeAssetPrice = (asset: Address): Hex => `${SELECTOR.assetPrice}${addressWord(asset)}`
export const encodeUserConfiguration = (user: Address): Hex => `${SELECTOR.userConfiguration}${addressWord(user)}`
export const encodeUserAccountData = (user: Address): Hex => `${SELECTOR.userAccountData}${addressWord(user)}`
export const encodeUserEMode = (user: Address): Hex => `${SELECTOR.userEMode}${addressWord(user)}`
export const encodeBalance = (of: Address): Hex => `${SELECTOR.balance}${addressWord(of)}`
/** `liquidationCall(collateral, debt, borrower, debtToCover, receiveAToken)`. */
export const encodeLiquidationCall = (
  collateral: Address,
  debt: Address,
  borrower: Address,
  debtToCover: bigint,
  receiveAToken: boolean,
): Hex =>
  `${SELECTOR.liquidationCall}${addressWord(collateral)}${addressWord(debt)}${addressWord(borrower)}${word(debtToCover)}${word(
    receiveAToken ? 1n : 0n,
  )}`

/** Argument of `liquidationCall` that says how much to repay. */
export const DEBT_TO_COVER_WORD = 3

/** Words of `getReserveData`, the same in all versions. */
export const RESERVE_WORDS = 15

/** What one such answer tells; the zero address where there is no stable debt token. */
export type ReserveAnswer = Omit<Reserve, 'asset' | 'stableDebtToken' | 'graceUntilSec' | 'unseenScaled' | 'isUnread'> & {
  readonly stableDebtToken: Address
}

/** What a ReserveDataUpdated log tells: all but the time. */
export const readDataUpdated = (data: Hex): Omit<ReserveIndices, 'updatedSec'> => ({
  liquidityRateRay: wordAt(data, 0),
  variableBorrowRateRay: wordAt(data, 2),
  liquidityIndexRay: wordAt(data, 3),
  variableBorrowIndexRay: wordAt(data, 4),
})

const bitsOf = (value: bigint, from: bigint, width: bigint): bigint => (value >> from) & ((1n << width) - 1n)

/** Mirrors DataTypes.ReserveData (v3.0), ReserveDataLegacy (since), and the bits of ReserveConfigurationMap. */
export const readReserve = (data: Hex): ReserveAnswer => {
  const configuration = wordAt(data, 0)
  return {
    ltvBps: bitsOf(configuration, 0n, 16n),
    thresholdBps: bitsOf(configuration, 16n, 16n),
    bonusBps: bitsOf(configuration, 32n, 16n),
    decimals: Number(bitsOf(configuration, 48n, 8n)),
    isActive: bitsOf(configuration, 56n, 1n) === 1n,
    isFrozen: bitsOf(configuration, 57n, 1n) === 1n,
    isPaused: bitsOf(configuration, 60n, 1n) === 1n,
    protocolFeeBps: bitsOf(configuration, 152n, 16n),
    category: Number(bitsOf(configuration, 168n, 8n)),
    liquidityIndexRay: wordAt(data, 1),
    liquidityRateRay: wordAt(data, 2),
    variableBorrowIndexRay: wordAt(data, 3),
    variableBorrowRateRay: wordAt(data, 4),
    updatedSec: wordAt(data, 6),
    id: Number(wordAt(data, 7) & 0xffffn),
    aToken: addressAt(data, 8),
    stableDebtToken: addressAt(data, 9),
    debtToken: addressAt(data, 10),
  }
}

/** What `readCategory` needs, in its order. */
export const categoryCalls = (rules: AaveRules, id: number): readonly Hex[] => {
  const category = word(BigInt(id))
  const selectors =
    rules === 'v3.0'
      ? [SELECTOR.categoryData]
      : [SELECTOR.categoryConfig, SELECTOR.categoryCollaterals, SELECTOR.categoryBorrowables]
  return selectors.map((selector): Hex => `${selector}${category}`)
}

/** An e-mode from the answers to its calls; 'none' where it was never set, null where an answer is missing. */
export const readCategory = (rules: AaveRules, id: number, answers: readonly ReadResult[]): Category | 'none' | null => {
  const isOld = rules === 'v3.0'
  const data = wordsOf(answers[0], isOld ? 5 : 3)
  const [collateralBitmap, borrowableBitmap] = isOld ? [0n, 0n] : [numberOf(answers[1]), numberOf(answers[2])]
  if (data === null || collateralBitmap === null || borrowableBitmap === null) return null
  // v3.0's answer is a struct with a text: one more word before it.
  const first = isOld ? 1 : 0
  const [thresholdBps, bonusBps] = [wordAt(data, first + 1), wordAt(data, first + 2)]
  if ((thresholdBps | bonusBps | collateralBitmap | borrowableBitmap) === 0n) return 'none'
  const source = isOld ? addressAt(data, 4) : ZERO_ADDRESS
  return { id, thresholdBps, bonusBps, priceSource: source === ZERO_ADDRESS ? null : source, collateralBitmap, borrowableBitmap }
}

export type TokenSide = 'collateral' | 'debt'
/** Side of an account's entry in a reserve. */
export type Side = TokenSide | 'stable'

/** Columns of the accounts: three a reserve, by the pool's own ids. */
export const collateralColumn = (id: number): number => 3 * id
/** Variable debt, scaled. */
export const debtColumn = (id: number): number => 3 * id + 1
/** Stable debt: its principal. */
export const stableColumn = (id: number): number => 3 * id + 2
export const reserveOfColumn = (column: number): number => Math.floor(column / 3)
export const isCollateralColumn = (column: number): boolean => column % 3 === 0
export const isStableColumn = (column: number): boolean => column % 3 === 2

/** Columns that an account has by its configuration: two bits a reserve, borrowed and used as collateral. */
export const columnsOf = (configuration: bigint, reserves: readonly (Reserve | null)[]): readonly number[] =>
  reserves.flatMap(reserve => {
    if (reserve === null) return []
    const bits = (configuration >> BigInt(2 * reserve.id)) & 3n
    const debts = [debtColumn(reserve.id), ...(reserve.stableDebtToken === null ? [] : [stableColumn(reserve.id)])]
    return [...((bits & 2n) === 0n ? [] : [collateralColumn(reserve.id)]), ...((bits & 1n) === 0n ? [] : debts)]
  })

/** What `readEntry` needs, in its order. */
export const entryCalls = (reserve: Reserve, column: number, account: Address): readonly ReadCall[] => {
  const isStable = isStableColumn(column)
  const token = isCollateralColumn(column) ? reserve.aToken : isStable ? reserve.stableDebtToken : reserve.debtToken
  const selectors = isStable ? [SELECTOR.principalBalance, SELECTOR.stableRate, SELECTOR.stableSince] : [SELECTOR.scaledBalance]
  return token === null ? [] : selectors.map(selector => ({ to: token, data: `${selector}${addressWord(account)}` as const }))
}

/** Scaled units, or the principal of a stable debt; null where an answer is missing or no amount. */
export const readEntry = (column: number, answers: readonly ReadResult[]): ReadEntry | null => {
  const [amount, rateRay, sinceSec] = [numberOf(answers[0]), numberOf(answers[1]), numberOf(answers[2])]
  if (amount === null || amount >= 1n << 128n) return null
  if (!isStableColumn(column)) return { column, amount }
  return rateRay === null || sinceSec === null ? null : { column, amount, stable: { rateRay, sinceSec } }
}
