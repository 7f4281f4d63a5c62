// What a lab world is made of, as plain values. Everything else in this folder is derived from a spec and a seed.
import type { PriceSeries } from '../prices/series'

export interface TokenSpec {
  readonly symbol: string
  readonly name: string
  readonly decimals: number
  /** Asset of the price series that it is worth; null: one US dollar. */
  readonly asset: string | null
  /** wrapped-native: WETH9 itself. contract: a token of the lab's contracts with `mint(to, amount)` and no constructor arguments. */
  readonly kind:
    | { readonly kind: 'lab' }
    | { readonly kind: 'wrapped-native' }
    | { readonly kind: 'contract'; readonly artifact: string }
}

export interface FeedSpec {
  readonly id: string
  readonly decimals: number
  readonly base: string
  /** null: US dollar. */
  readonly quote: string | null
  readonly thresholdBps: number
}

export type OracleSpec =
  /** MorphoChainlinkOracle over at most two feeds a side, by feed id. No feeds: says 1. */
  | { readonly kind: 'feeds'; readonly base: readonly string[]; readonly quote: readonly string[] }
  /** HostileOracle: honest at the market's first price until told otherwise. */
  | { readonly kind: 'hostile' }

/** How positions of a market are drawn. */
export interface BorrowersSpec {
  readonly count: number
  /** LTV as a share of the LLTV at opening: uniform between the two. */
  readonly ltvShare: readonly [number, number]
  /** Debt in USD: log-normal around the median, cut to [min, max]. */
  readonly debtUsd: { readonly median: number; readonly sigma: number; readonly min: number; readonly max: number }
  /** This share of the accounts owes less than `maxDebtUsd` instead, uniformly. */
  readonly dust?: { readonly share: number; readonly maxDebtUsd: number }
}

export interface MarketSpec {
  readonly name: string
  readonly collateral: string
  readonly loan: string
  readonly lltvPercent: number
  readonly oracle: OracleSpec
  readonly borrowers: BorrowersSpec
  /** Share of the supply that is borrowed at opening, e.g. 0.9. */
  readonly utilisation: number
}

export interface AaveReserveSpec {
  readonly token: string
  /** Most that may be borrowed against it; 0: it is no collateral. */
  readonly ltvBps: number
  readonly thresholdBps: number
  /** 10_500: 5 %. */
  readonly bonusBps: number
  /** The treasury's share of the bonus. */
  readonly protocolFeeBps: number
  /** Feeds whose product is its price in USD, the last one in USD itself; at most two. None: says 1. */
  readonly feeds: readonly string[]
  /** Share of what others supplied that nobody borrowed at opening; what borrowers bring as collateral comes on top. */
  readonly idle: number
  /** How often accounts have it as collateral and as debt, compared with the other reserves. */
  readonly demand: { readonly collateral: number; readonly debt: number }
}

export interface AaveEModeSpec {
  readonly label: string
  readonly ltvBps: number
  readonly thresholdBps: number
  readonly bonusBps: number
  /** Reserves that are collateral and may be borrowed in it, by token. */
  readonly members: readonly string[]
}

/** How accounts of an Aave pool are drawn: 1-3 collaterals, 1-2 debts. */
export interface AaveBorrowersSpec extends Omit<BorrowersSpec, 'ltvShare'> {
  /** Debt as a share of the most that the account may borrow: uniform between the two. */
  readonly borrowShare: readonly [number, number]
  /** This share of the accounts is in an e-mode, if there are any: its members are collateral and debt then. */
  readonly eModeShare: number
}

/** A pool of its own with its reserves. v3.0: an older fork; v3.6: the present line. */
export interface AaveSpec {
  readonly name: string
  readonly version: 'v3.0' | 'v3.6'
  readonly reserves: readonly AaveReserveSpec[]
  readonly eModes: readonly AaveEModeSpec[]
  readonly borrowers: AaveBorrowersSpec
}

export interface LiquidityRange {
  /** Edges as factors of the opening price of token A in token B, e.g. 0.2 and 3. */
  readonly from: number
  readonly to: number
  /** USD that move the price by 1 % at opening, from this range alone. */
  readonly depthUsd: number
}

export interface PoolSpec {
  readonly a: string
  readonly b: string
  /** In hundredths of a basis point: 100, 500, 3000 or 10000. */
  readonly fee: number
  readonly liquidity: readonly LiquidityRange[]
}

export interface BaseFeeSpec {
  readonly quietWei: bigint
  readonly maxWei: bigint
  /** Added times the relative price range (high / low - 1) of the lead asset over the last hour. */
  readonly weiPerRange: bigint
  readonly leadAsset: string
}

export interface WorldSpec {
  readonly name: string
  readonly prices: PriceSeries
  /** First close of the series to open at. */
  readonly openAtBar: number
  readonly tokens: readonly TokenSpec[]
  readonly feeds: readonly FeedSpec[]
  readonly markets: readonly MarketSpec[]
  /** Default: none. */
  readonly aave?: readonly AaveSpec[]
  readonly pools: readonly PoolSpec[]
  readonly blockGasLimit: bigint
  /** null: no competition for block space is played; the base fee decays as it would. */
  readonly baseFee: BaseFeeSpec | null
}

interface Names {
  unique(what: string, names: readonly string[]): ReadonlySet<string>
  known(what: string, names: ReadonlySet<string>, name: string): void
}

const namesOf = (spec: WorldSpec): Names => ({
  unique: (what, names) => {
    if (new Set(names).size !== names.length) throw new RangeError(`world ${spec.name}: two ${what} share a name`)
    return new Set(names)
  },
  known: (what, names, name) => {
    if (!names.has(name)) throw new RangeError(`world ${spec.name}: no ${what} ${name}`)
  },
})

const checkAave = (pools: readonly AaveSpec[], feeds: ReadonlySet<string>, tokens: ReadonlySet<string>, names: Names): void => {
  const { unique, known } = names
  unique(
    'Aave pools',
    pools.map(pool => pool.name),
  )
  for (const { name, reserves, eModes } of pools) {
    const listed = unique(
      `reserves of ${name}`,
      reserves.map(reserve => reserve.token),
    )
    for (const reserve of reserves) {
      known('token', tokens, reserve.token)
      for (const id of reserve.feeds) known('feed', feeds, id)
    }
    for (const member of eModes.flatMap(mode => mode.members)) known(`reserve of ${name}`, listed, member)
  }
}

/** Throws RangeError when two things share a name or something names what is not there. */
export const checkSpec = (spec: WorldSpec): void => {
  const { unique, known } = namesOf(spec)
  const tokens = unique(
    'tokens',
    spec.tokens.map(token => token.symbol),
  )
  const feeds = unique(
    'feeds',
    spec.feeds.map(feed => feed.id),
  )
  const assets = new Set(Object.keys(spec.prices.closes))
  unique(
    'markets',
    spec.markets.map(market => market.name),
  )
  for (const token of spec.tokens) if (token.asset !== null) known('asset', assets, token.asset)
  for (const feed of spec.feeds) for (const asset of [feed.base, feed.quote ?? feed.base]) known('asset', assets, asset)
  for (const market of spec.markets) {
    for (const symbol of [market.collateral, market.loan]) known('token', tokens, symbol)
    if (market.oracle.kind === 'feeds') for (const id of [...market.oracle.base, ...market.oracle.quote]) known('feed', feeds, id)
  }
  checkAave(spec.aave ?? [], feeds, tokens, { unique, known })
  for (const pool of spec.pools) for (const symbol of [pool.a, pool.b]) known('token', tokens, symbol)
  if (spec.tokens.filter(token => token.kind.kind === 'wrapped-native').length !== 1) {
    throw new RangeError(`world ${spec.name}: exactly one token is the wrapped native`)
  }
}
