// Follows Uniswap v3 pools on one chain: finds them, reads each once, then folds their logs. Quotes and calls are pool.ts's.
import { addressAt, addressOf, hexLength } from '../../core/abi-words'
import { maxOf, minOf } from '../../core/fixed-point'
import type { Reader, SavedState } from '../../core/folder'
import type { Pool } from '../../core/pool'
import type { Address, Log, LogFilter } from '../../core/primitives'
import type { VenueBook } from '../../core/strategy'
import { createUndoJournal } from '../../core/undo-journal'
import { TOPICS } from './abi'
import { createDiscovery } from './discovery'
import { POOL_TOPICS, stateAfter, stateFromInitialize } from './events'
import { createPool, type PoolKey, type PoolState, VENUE } from './pool'
import { isNearUnknown, type PoolReading, readPools, readTicks, windowAround, wordsMissing } from './reading'
import { fingerprintOf, readBook, type SavedStatus, saveBook } from './saved'
import { widened } from './tick-table'

export interface BookSettings {
  readonly pools: readonly Address[]
  readonly factory: Address | null
  readonly fromBlock: bigint
  readonly feeTiers: readonly number[]
}

export interface UniswapV3Book extends VenueBook {
  /** What a followed pool's quotes rest on; null where it is not followed or not read yet. For checks against the contract. */
  stateOf(pool: Address): PoolState | null
}

/** How far a pool is known. `readAt`: the block whose end state was read; earlier logs are in it. */
type Status =
  | { readonly kind: 'unread' }
  | { readonly kind: 'fault'; readonly reason: string }
  | { readonly kind: 'dormant'; readonly key: PoolKey; readonly readAt: bigint }
  | { readonly kind: 'live'; readonly key: PoolKey; readonly state: PoolState; readonly pool: Pool; readonly readAt: bigint }

/**
 * The live pools of `settings`: those configured, always, and those of the factory between tracked tokens. History is wanted only
 * with a factory; without its logs (a fork, a pruned node) the factory's getPool still finds the pools of needed pairs and known tiers.
 */
export const createUniswapV3Book = (settings: BookSettings): UniswapV3Book => {
  const journal = createUndoJournal()
  const discovery = createDiscovery(settings.factory, settings.feeTiers)
  const statuses = new Map<Address, Status>(settings.pools.map(address => [address, { kind: 'unread' }]))
  let newestBlock = 0n
  let version = 0
  let poolsNow: readonly Pool[] | null = null
  let filtersNow: readonly LogFilter[] | null = null

  /** `followed`: whether the set of addresses to listen to may have changed with it. */
  const changed = (followed: boolean): void => {
    poolsNow = null
    if (!followed) return
    filtersNow = null
    version++
  }

  const record = (block: bigint, takeBack: () => void): void => {
    newestBlock = maxOf(newestBlock, block)
    journal.record(block, takeBack)
  }

  const setStatus = (block: bigint, address: Address, next: Status): void => {
    const before = statuses.get(address)
    const isNewlyFollowed = before?.kind !== next.kind
    statuses.set(address, next)
    changed(isNewlyFollowed)
    record(block, () => {
      if (before === undefined) statuses.delete(address)
      else statuses.set(address, before)
      changed(isNewlyFollowed)
    })
  }

  /** History read late (tokens tracked later) is older than what the journal holds: then a find is kept, a reorg only has it read again. */
  const discover = (block: bigint, address: Address): void => {
    if (statuses.has(address)) return
    if (block >= newestBlock) setStatus(block, address, { kind: 'unread' })
    else statuses.set(address, { kind: 'unread' })
  }

  const unread = (): Address[] => [...statuses].filter(([, status]) => status.kind === 'unread').map(([address]) => address)

  const narrow = () =>
    [...statuses.values()].filter(status => status.kind === 'live').filter(({ state }) => isNearUnknown(state.tick, state.table))

  const accept = (block: bigint, address: Address, reading: PoolReading): void => {
    if (statuses.get(address)?.kind !== 'unread') return
    setStatus(block, address, statusAt(block, reading))
  }

  const askFactory = async (reader: Reader): Promise<void> => {
    const asked = await discovery.ask(reader)
    if (asked === null) return
    const { number } = reader.block
    record(number, asked.forget)
    for (const address of asked.pools) discover(number, address)
    if (asked.fault !== null && settings.factory !== null)
      setStatus(number, settings.factory, { kind: 'fault', reason: asked.fault })
  }

  const readUnread = async (reader: Reader): Promise<void> => {
    const addresses = unread()
    const readings = await readPools(reader, addresses)
    for (const [i, address] of addresses.entries()) accept(reader.block.number, address, readings[i]!)
  }

  const widen = async (reader: Reader): Promise<void> => {
    const wider = narrow().map(status => ({ status, key: status.key, ...widerWords(status.state) }))
    const ticks = await readTicks(reader, wider)
    for (const [i, { status, range }] of wider.entries()) {
      const found = ticks[i]!
      const { key, state } = status
      if (statuses.get(key.address) !== status) continue
      if (found.kind === 'fault') setStatus(reader.block.number, key.address, found)
      else {
        const table = widened(state.table, range, found.entries)
        setStatus(reader.block.number, key.address, liveAt(reader.block.number, key, { ...state, table }))
      }
    }
  }

  const foldPool = (log: Log): void => {
    const status = statuses.get(log.address)
    if (status?.kind === 'live' && log.blockNumber > status.readAt) {
      const state = stateAfter(status.state, log)
      if (state !== status.state) setStatus(log.blockNumber, log.address, liveAt(status.readAt, status.key, state))
    }
    if (status?.kind === 'dormant' && log.blockNumber > status.readAt && log.topics[0] === TOPICS.initialize) {
      const state = stateFromInitialize(log, status.key.tickSpacing)
      setStatus(log.blockNumber, log.address, liveAt(status.readAt, status.key, state))
    }
  }

  const foldCreated = (log: Log): void => {
    const address = log.data.length < hexLength(2) ? null : addressAt(log.data, 1)
    const [token0, token1] = [addressOf(log.topics[1] ?? ''), addressOf(log.topics[2] ?? '')]
    if (address !== null && discovery.isTracked(token0) && discovery.isTracked(token1)) discover(log.blockNumber, address)
  }

  /** What can't be read is left out, and so are the answers of a factory that could not be asked: a restart tries again. */
  const save = (): SavedState => {
    const kept = [...statuses].filter(([address, { kind }]) => kind !== 'fault' || address !== settings.factory)
    const questions = discovery.save()
    const wasAsked = settings.factory === null || statuses.get(settings.factory)?.kind !== 'fault'
    return saveBook({
      pools: new Map(kept.map(([address, status]) => [address, savedStatus(status)])),
      questions: wasAsked ? questions : { ...questions, asked: [], open: [...questions.asked, ...questions.open] },
    })
  }

  const restore = (saved: SavedState): void => {
    const { pools, questions } = readBook(saved)
    statuses.clear()
    for (const [address, status] of pools)
      statuses.set(address, status.kind === 'live' ? liveAt(status.readAt, status.key, status.state) : status)
    discovery.restore(questions)
    changed(true)
  }

  const followedFilters = (): readonly LogFilter[] => {
    const addresses = [...statuses].filter(([, { kind }]) => kind === 'live' || kind === 'dormant').map(([address]) => address)
    const ofPools = addresses.length === 0 ? [] : [{ addresses, topics: [POOL_TOPICS] }]
    return [...ofPools, ...discovery.filters()]
  }

  return {
    name: VENUE,
    venue: VENUE,
    fromBlock: settings.factory === null ? null : settings.fromBlock,
    historyFilters: () => discovery.filters(),
    filters: () => {
      filtersNow ??= followedFilters()
      return filtersNow
    },
    filtersVersion: () => version,
    track: (needs, block = null) => {
      const news = discovery.track(needs)
      if (news === null) return
      if (news.isFiltering) changed(true)
      if (block === null) return
      record(block, () => {
        news.forget()
        changed(news.isFiltering)
      })
    },
    needsBootstrap: () => discovery.hasQuestions() || unread().length > 0 || narrow().length > 0,
    bootstrap: async reader => {
      await askFactory(reader)
      await readUnread(reader)
      await widen(reader)
    },
    fold: log => {
      if (log.address === settings.factory) {
        if (log.topics[0] === TOPICS.poolCreated) foldCreated(log)
      } else foldPool(log)
    },
    undo: fromBlock => {
      journal.undo(fromBlock)
      newestBlock = minOf(newestBlock, fromBlock - 1n)
    },
    // A pool can be read whole.
    distrust: ({ address, blockNumber }) => {
      const kind = statuses.get(address)?.kind
      if (kind === 'live' || kind === 'dormant') setStatus(blockNumber, address, { kind: 'unread' })
    },
    finalise: block => journal.finalise(block),
    fingerprint: () => fingerprintOf(settings),
    save,
    restore,
    pools: () => {
      poolsNow ??= [...statuses.values()].filter(status => status.kind === 'live').map(({ pool }) => pool)
      return poolsNow
    },
    stateOf: pool => {
      const status = statuses.get(pool)
      return status?.kind === 'live' ? status.state : null
    },
    faults: () => [...statuses].flatMap(([pool, status]) => (status.kind === 'fault' ? [{ pool, reason: status.reason }] : [])),
  }
}

const savedStatus = (status: Status): SavedStatus => (status.kind === 'fault' ? { kind: 'unread' } : status)

const statusAt = (block: bigint, reading: PoolReading): Status => {
  if (reading.kind === 'fault') return reading
  return reading.kind === 'dormant' ? { ...reading, readAt: block } : liveAt(block, reading.key, reading.state)
}

const liveAt = (readAt: bigint, key: PoolKey, state: PoolState): Status => ({
  kind: 'live',
  key,
  state,
  pool: createPool(key, state),
  readAt,
})

/** The words to know around the present price, grown from what is known, and those of them still to read. */
const widerWords = ({ tick, table }: PoolState) => {
  const around = windowAround(tick, table.tickSpacing)
  const range = { low: Math.min(around.low, table.words.low), high: Math.max(around.high, table.words.high) }
  return { range, words: wordsMissing(range, table.words) }
}
