// What the folders (and others) want to hear of at present: one filter list to ask with, one bloom test, one routing of answers.
import type { Folder } from '../core/folder'
import { createLogMatcher } from '../core/log-filter'
import type { Block, Log, LogFilter } from '../core/primitives'
import { createBloomTests } from './bloom'

export interface Interest {
  readonly filters: readonly LogFilter[]
  /** Whether the block may hold a log that anybody wants. */
  mayTouch(block: Block): boolean
  /** Whether the block probably holds more of the wanted logs than these: see BloomTest. */
  seemsToLack(block: Block, logs: readonly Log[]): boolean
  /** The folders that want this log. */
  foldersOf(log: Log): readonly Folder[]
  isWanted(log: Log): boolean
}

export interface InterestSource {
  /** The present interest; the same object as long as no filter changes. */
  current(): Interest
  /** From now on blooms are not believed: this chain's do not hold its logs. */
  distrustBlooms(): void
}

export const createInterestSource = (folders: readonly Folder[], extraFilters: () => readonly LogFilter[]): InterestSource => {
  const bloomTest = createBloomTests()
  let isTrusting = true
  let cached: { readonly key: string; readonly interest: Interest } | null = null

  const build = (extras: readonly LogFilter[]): Interest => {
    const owned = folders.flatMap(folder => folder.filters().map(filter => ({ folder, filter })))
    const filters = [...owned.map(each => each.filter), ...extras]
    const matchesOf = createLogMatcher(filters)
    const all = bloomTest(filters)
    const bloomOf = (block: Block) => (isTrusting ? block.logsBloom : null)
    return {
      filters,
      mayTouch: block => filters.length > 0 && all.mayMatch(bloomOf(block)),
      seemsToLack: (block, logs) => all.seemsToLack(bloomOf(block), logs),
      foldersOf: log => [...new Set(matchesOf(log).flatMap(index => owned[index]?.folder ?? []))],
      isWanted: log => matchesOf(log).length > 0,
    }
  }

  return {
    current: () => {
      const extras = extraFilters()
      const key = `${folders.map(folder => folder.filtersVersion()).join()} ${JSON.stringify(extras)}`
      if (cached?.key !== key) cached = { key, interest: build(extras) }
      return cached.interest
    },
    distrustBlooms: () => {
      isTrusting = false
    },
  }
}
