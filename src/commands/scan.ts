// `bulwark scan`: every open position by distance to liquidation, or who would be liquidatable at other prices. Reads only; needs no key.
import type { PositionView } from '../core/opportunity'
import type { Io } from '../ops/terminal'
import { type Command, jsonLine, type ScanOptions } from './options'
import { type ChainView, readChains, warnOfFaults } from './read-chains'
import { scanRow, scanTable } from './scan-table'
import { type Change, scenarioOf, scenarioText } from './scenario'
import { hitRow, hitsTable } from './what-if-table'

/** Closest first: the lowest health factor, then what can't be priced. */
const byDistance = (a: PositionView, b: PositionView): number => {
  if (a.healthFactorWad === null) return b.healthFactorWad === null ? 0 : 1
  if (b.healthFactorWad === null) return -1
  return a.healthFactorWad < b.healthFactorWad ? -1 : a.healthFactorWad > b.healthFactorWad ? 1 : 0
}

const showPositions = (view: ChainView, options: ScanOptions, io: Io): void => {
  const { id, reading, target, tokens } = view
  const positions = reading.books
    .flatMap(book => book.positions(target, options.limit))
    .sort(byDistance)
    .slice(0, options.limit)
  if (options.json === true) {
    for (const position of positions) io.out(jsonLine({ chain: id, block: target.number - 1n, ...scanRow(position) }))
    return
  }
  const total = reading.books.reduce((sum, book) => sum + book.size(), 0)
  io.out(scanTable(id, target.number - 1n, positions, total, tokens, io.isOutTerminal && io.hasColour))
  warnOfFaults(view, io)
}

const showHits = (view: ChainView, changes: readonly Change[], options: ScanOptions, io: Io): void => {
  const { id, reading, target, tokens } = view
  const whatIf = scenarioOf(changes, view)
  const hits = reading.books.flatMap(book => book.opportunities(target, whatIf))
  if (options.json === true) {
    for (const hit of hits.slice(0, options.limit)) io.out(jsonLine({ chain: id, block: target.number - 1n, ...hitRow(hit) }))
    return
  }
  const title = `chain ${id}, block ${target.number - 1n}, if ${scenarioText(changes)}`
  io.out(hitsTable(title, hits, options.limit, tokens, io.isOutTerminal && io.hasColour))
  warnOfFaults(view, io)
}

/** Prints the positions of the configured chains at their next block. 130 if interrupted. */
export const scan: Command<ScanOptions> = (options, io) =>
  readChains(options, io, view => {
    if (options.if === undefined) showPositions(view, options, io)
    else showHits(view, options.if, options, io)
  })
