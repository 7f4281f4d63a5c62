// Which pools a factory has between the tracked tokens: by its PoolCreated logs and, where logs may be missing, by asking it.
import type { Reader } from '../../core/folder'
import type { Address, LogFilter } from '../../core/primitives'
import { addressAt, addressTopic, TOPICS } from './abi'
import { getPoolCall, readEach } from './reading'

/** What one round of questions found; `forget` asks the same again (a reorg took the block away). */
export interface Asked {
  readonly pools: readonly Address[]
  /** Why the factory could not be asked, if so. */
  readonly fault: string | null
  readonly forget: () => void
}

export interface Discovery {
  /** True if a token is new and it matters. */
  track(tokens: readonly Address[]): boolean
  isTracked(token: Address): boolean
  /** PoolCreated between tracked tokens: the same filter for history and for live blocks. */
  filters(): readonly LogFilter[]
  hasQuestions(): boolean
  /** Asks the factory about all pairs not asked yet, in one aggregated read; null if there are none. */
  ask(reader: Reader): Promise<Asked | null>
}

const ZERO_ADDRESS = `0x${'0'.repeat(40)}`

/** Without a factory it finds nothing and asks nothing. */
export const createDiscovery = (factory: Address | null, feeTiers: readonly number[]): Discovery => {
  const tokens = new Set<Address>()
  const asked = new Set<string>()

  const openPairs = (): (readonly [Address, Address])[] => {
    const list = [...tokens]
    const pairs = list.flatMap((a, i) => list.slice(i + 1).map(b => [a, b] as const))
    return pairs.filter(pair => !asked.has(pair.join()))
  }

  const hasQuestions = (): boolean => factory !== null && asked.size < (tokens.size * (tokens.size - 1)) / 2

  return {
    track: added => {
      const before = tokens.size
      for (const token of added) tokens.add(token)
      return factory !== null && tokens.size > before
    },
    isTracked: token => tokens.has(token),
    filters: () => {
      if (factory === null || tokens.size < 2) return []
      const topics = [...tokens].map(addressTopic)
      return [{ addresses: [factory], topics: [[TOPICS.poolCreated], topics, topics] }]
    },
    hasQuestions,
    ask: async reader => {
      if (factory === null || !hasQuestions()) return null
      const pairs = openPairs()
      const answers = await readEach(reader, pairs, ([a, b]) => feeTiers.map(tier => getPoolCall(factory, a, b, tier)))
      for (const pair of pairs) asked.add(pair.join())
      const results = answers.flat()
      const found = results.map(result => (result.kind === 'ok' ? addressAt(result.data, 0) : null))
      const failed = results.find((result, i) => result.kind === 'failed' || found[i] === null)
      return {
        pools: found.filter(pool => pool !== null && pool !== ZERO_ADDRESS) as Address[],
        fault:
          failed === undefined ? null : `getPool of the factory ${failed.kind === 'failed' ? failed.why : 'answered no address'}`,
        forget: () => {
          for (const pair of pairs) asked.delete(pair.join())
        },
      }
    },
  }
}
