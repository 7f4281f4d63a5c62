// Which pools a factory has for the routes that are needed: by its PoolCreated logs and, where logs may be missing, by asking it.
import { addressIn, addressTopic } from '../../core/abi-words'
import type { Reader } from '../../core/folder'
import type { Address, LogFilter } from '../../core/primitives'
import { readLists } from '../../core/read-lists'
import type { RouteNeeds } from '../../core/strategy'
import { TOPICS } from './abi'
import { getPoolCall } from './reading'

/** What one round of questions found; `forget` asks the same again (a reorg took the block away). */
export interface Asked {
  readonly pools: readonly Address[]
  /** Why the factory could not be asked, if so. */
  readonly fault: string | null
  readonly forget: () => void
}

export interface Discovery {
  /** Null if nothing is new; else whether the filters have changed, and how to forget it again. */
  track(needs: RouteNeeds): { readonly isFiltering: boolean; readonly forget: () => void } | null
  isTracked(token: Address): boolean
  /** PoolCreated between tracked tokens: the same filter for history and for live blocks. Of many tokens: of all, to be sorted out here. */
  filters(): readonly LogFilter[]
  hasQuestions(): boolean
  /** Asks the factory about all needed pairs not asked yet, in one aggregated read; null if there are none. */
  ask(reader: Reader): Promise<Asked | null>
  save(): SavedQuestions
  /** In place of nothing. */
  restore(saved: SavedQuestions): void
}

/** Tokens and hubs tracked, pairs that the factory was asked about and those it is still to be. */
export interface SavedQuestions {
  readonly tokens: readonly Address[]
  readonly hubs: readonly Address[]
  readonly asked: readonly TokenPair[]
  readonly open: readonly TokenPair[]
}

const ZERO_ADDRESS = `0x${'0'.repeat(40)}`

/** Nodes refuse long lists of topics, and matching them costs more than it spares. */
const MAX_TOPICS = 200

type TokenPair = readonly [Address, Address]

const sorted = (a: Address, b: Address): TokenPair => (a < b ? [a, b] : [b, a])

/** Questions already put, and those still to be. Each token is held against each hub once, however often it is named. */
const createQuestions = () => {
  const tokens = new Set<Address>()
  const hubs = new Set<Address>()
  const asked = new Map<string, TokenPair>()
  const open = new Map<string, TokenPair>()
  /** How to take back what came since `takeNews`. */
  let news: (() => void)[] = []
  const want = (a: Address, b: Address): void => {
    if (a === b) return
    const pair = sorted(a, b)
    const key = pair.join()
    if (asked.has(key) || open.has(key)) return
    open.set(key, pair)
    news.push(() => {
      open.delete(key)
      asked.delete(key)
    })
  }
  const addToken = (token: Address): void => {
    if (tokens.has(token)) return
    tokens.add(token)
    news.push(() => tokens.delete(token))
    for (const hub of hubs) want(token, hub)
  }
  return {
    tokens,
    want,
    addToken,
    /** How to take back all that is new since the last call, newest first. */
    takeNews: (): readonly (() => void)[] => {
      const taken = news.reverse()
      news = []
      return taken
    },
    addHub: (hub: Address): void => {
      if (hubs.has(hub)) return
      addToken(hub)
      hubs.add(hub)
      news.push(() => hubs.delete(hub))
      for (const token of tokens) want(token, hub)
    },
    open: (): readonly TokenPair[] => [...open.values()],
    hasOpen: (): boolean => open.size > 0,
    save: (): SavedQuestions => ({ tokens: [...tokens], hubs: [...hubs], asked: [...asked.values()], open: [...open.values()] }),
    restore: (saved: SavedQuestions): void => {
      for (const token of saved.tokens) tokens.add(token)
      for (const hub of saved.hubs) hubs.add(hub)
      for (const pair of saved.asked) asked.set(pair.join(), pair)
      for (const pair of saved.open) open.set(pair.join(), pair)
    },
    settle: (pairs: readonly TokenPair[]): void => {
      for (const pair of pairs) {
        asked.set(pair.join(), pair)
        open.delete(pair.join())
      }
    },
    reopen: (pairs: readonly TokenPair[]): void => {
      for (const pair of pairs) {
        asked.delete(pair.join())
        open.set(pair.join(), pair)
      }
    },
  }
}

/** Without a factory it finds nothing and asks nothing. */
export const createDiscovery = (factory: Address | null, feeTiers: readonly number[]): Discovery => {
  const questions = createQuestions()
  const { tokens } = questions
  const hasQuestions = (): boolean => factory !== null && questions.hasOpen()

  return {
    track: needs => {
      const before = tokens.size
      questions.takeNews()
      for (const hub of needs.hubs) questions.addHub(hub)
      for (const { from, to } of needs.pairs) {
        questions.addToken(from)
        questions.addToken(to)
        questions.want(from, to)
      }
      const news = questions.takeNews()
      if (news.length === 0) return null
      const forget = (): void => {
        for (const takeBack of news) takeBack()
      }
      return { isFiltering: factory !== null && tokens.size > before, forget }
    },
    isTracked: token => tokens.has(token),
    filters: () => {
      if (factory === null || tokens.size < 2) return []
      if (tokens.size > MAX_TOPICS) return [{ addresses: [factory], topics: [[TOPICS.poolCreated]] }]
      const topics = [...tokens].map(addressTopic)
      return [{ addresses: [factory], topics: [[TOPICS.poolCreated], topics, topics] }]
    },
    hasQuestions,
    save: questions.save,
    restore: questions.restore,
    ask: async reader => {
      if (factory === null || !hasQuestions()) return null
      const pairs = questions.open()
      const answers = await readLists(
        reader,
        pairs.map(([a, b]) => feeTiers.map(tier => getPoolCall(factory, a, b, tier))),
      )
      questions.settle(pairs)
      const results = answers.flat()
      const found = results.map(addressIn)
      const failed = results.find((result, i) => result.kind === 'failed' || found[i] === null)
      return {
        pools: found.filter(pool => pool !== null && pool !== ZERO_ADDRESS) as Address[],
        fault:
          failed === undefined ? null : `getPool of the factory ${failed.kind === 'failed' ? failed.why : 'answered no address'}`,
        forget: () => questions.reopen(pairs),
      }
    },
  }
}
