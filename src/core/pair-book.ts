// All positions of a protocol's markets with one collateral and one debt, a million and more, in typed arrays: amounts by account, sums by
// market, each market ordered by risk, every change undoable. Knows no prices and no protocol; pair-query asks it who is under water.
import {
  ADDRESS_LIMBS,
  AMOUNT_LIMBS,
  addAmount,
  addressDigits,
  amountAt,
  copyLimbs,
  floatAt,
  isZeroAt,
  readAddress,
  subtractAmount,
  writeAmount,
} from './limbs'
import { imageOf, type PairImage, recordsFrom } from './pair-image'
import {
  createPairIndex,
  indexBytes,
  insertPair,
  movePair,
  type PairIndex,
  pairKey,
  rebuildPairs,
  removePair,
} from './pair-index'
import { createPairLookup } from './pair-lookup'
import {
  ACCOUNT,
  baseOf,
  COLLATERAL,
  createPairRecords,
  DEBT,
  freeSlot,
  MARKET,
  NEXT,
  NONE,
  PREVIOUS,
  pageOf,
  recordBytes,
  takeSlot,
} from './pair-records'
import type { Address } from './primitives'
import { createUndoLog } from './undo-log'

/** Marks an entry of the index whose debt is so small that rounding weighs in its key: see `ranked`. */
export const DUST = 0x8000_0000
/** Debt of at least this many pads is no dust: its key is off by less than 1 / DUST_PADS. */
export const DUST_PADS = 2 ** 14

/** Registers for one change, the start of a record: debt (4 words), collateral (4), account (5), at DEBT, COLLATERAL and ACCOUNT. */
export type PairMove = Uint32Array
export const createPairMove = (): PairMove => new Uint32Array(MARKET + 1)

export interface PairBook {
  /** The number of a new, empty market: one more than the last. */
  addMarket(): number
  /** Takes back the newest market, which must be empty. */
  dropMarket(): void
  /** How many there are. */
  markets(): number
  /** The slot of a position that is not empty, or NONE. Valid until the next change of that position. */
  find(market: number, account: Address): number
  debtAt(slot: number): bigint
  collateralAt(slot: number): bigint
  accountAt(slot: number): Address
  marketAt(slot: number): number
  /** Sets both amounts. RangeError unless 0 <= amount < 2^128. A position of nothing is no position. */
  put(blockNumber: bigint, market: number, account: Address, debt: bigint, collateral: bigint): void
  /** Adds the move's amounts to the account's position. RangeError above 128 bits; then nothing is changed. */
  raise(blockNumber: bigint, market: number, move: PairMove): void
  /** Subtracts them. RangeError below zero; then nothing is changed. */
  lower(blockNumber: bigint, market: number, move: PairMove): void
  /** Takes back all changes of blocks >= fromBlock, newest first; `onUndone` hears of each one's market. */
  undo(fromBlock: bigint, onUndone: (market: number) => void): void
  /** Changes of blocks < `block` are not undone any more. */
  finalise(block: bigint): void
  /** Changes that can be undone. */
  undoable(): number
  /** All positions. `slots`: all of their slots are below it, and those that hold none have no debt. */
  size(): number
  slots(): number
  /** Positions of the market, in ascending order. */
  slotsOf(market: number): Uint32Array
  positionsOf(market: number): number
  /** Positions with debt. */
  borrowersOf(market: number): number
  debtOf(market: number): bigint
  collateralOf(market: number): bigint
  /** In float, relative error below 4e-16. */
  roughDebtAt(slot: number): number
  roughCollateralAt(slot: number): number
  /** Adds the four limbs of the debt at `slot` to four floats: exact for up to 2^20 positions. */
  addDebtLimbs(slot: number, sums: Float64Array): void
  /**
   * The market's positions with both debt and collateral by (debt + pad) / collateral, pad >= `rounding`: entries are slots, with DUST set
   * where debt < DUST_PADS * pad. Sorted anew only after many changes, or when `rounding` outgrew the pad. A view until the next change.
   */
  ranked(market: number, rounding: number): PairIndex
  /** By market: the pad of its keys, and its highest key (-Infinity if empty, NaN until `ranked` has sorted it). Read only. */
  columns(): { readonly pads: Float64Array; readonly tops: Float64Array }
  /** A copy of all positions, without what can be undone. */
  save(): PairImage
  /**
   * Takes up what `save` gave: no position so far, and as many markets as then. Throws KeeperError bad-checkpoint, or what `verify` throws
   * once all is in, and has changed nothing then.
   */
  restore(image: PairImage, verify?: () => void): void
  /** Bytes in typed arrays. */
  byteLength(): number
}

interface Market {
  readonly index: PairIndex
  head: number
  positions: number
  borrowers: number
  /** Five limbs each: a sum of amounts may leave 128 bits. */
  readonly debt: Uint32Array
  readonly collateral: Uint32Array
  /** The index does not follow: it is sorted when next asked for. So history is folded without it. */
  isStale: boolean
  /** Changes of the index since it was asked for. */
  changes: number
}

const createMarket = (): Market => ({
  index: createPairIndex(),
  head: NONE,
  positions: 0,
  borrowers: 0,
  debt: new Uint32Array(AMOUNT_LIMBS + 1),
  collateral: new Uint32Array(AMOUNT_LIMBS + 1),
  isStale: true,
  changes: 0,
})

const addToSum = (sum: Uint32Array, page: Uint32Array, at: number): void => {
  sum[AMOUNT_LIMBS]! += addAmount(sum, 0, page, at)
}

const takeFromSum = (sum: Uint32Array, page: Uint32Array, at: number): void => {
  sum[AMOUNT_LIMBS]! -= subtractAmount(sum, 0, page, at)
}

const sumOf = (sum: Uint32Array): bigint => (BigInt(sum[AMOUNT_LIMBS]!) << 128n) | amountAt(sum, 0)

/** More changes than this between two questions, and sorting anew is cheaper. */
const mostChanges = (count: number): number => 32 + count / 16

const grown = (old: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
  const larger = new Float64Array(old.length * 2)
  larger.set(old)
  return larger
}

export const createPairBook = (): PairBook => {
  const records = createPairRecords()
  const lookup = createPairLookup(records)
  const undos = createUndoLog(MARKET + 1)
  const markets: Market[] = []
  let pads = new Float64Array(16)
  let tops = new Float64Array(16)
  const account = new Uint32Array(ADDRESS_LIMBS)
  const target = createPairMove()
  const before = createPairMove()

  const link = (market: Market, slot: number): void => {
    pageOf(records, slot).set([market.head, NONE], baseOf(slot) + NEXT)
    if (market.head !== NONE) pageOf(records, market.head)[baseOf(market.head) + PREVIOUS] = slot
    market.head = slot
    market.positions += 1
  }

  const unlink = (market: Market, slot: number): void => {
    const [page, base] = [pageOf(records, slot), baseOf(slot)]
    const [next, previous] = [page[base + NEXT]!, page[base + PREVIOUS]!]
    if (next !== NONE) pageOf(records, next)[baseOf(next) + PREVIOUS] = previous
    if (previous === NONE) market.head = next
    else pageOf(records, previous)[baseOf(previous) + NEXT] = next
    market.positions -= 1
  }

  const open = (words: Uint32Array, at: number): number => {
    const slot = takeSlot(records)
    copyLimbs(pageOf(records, slot), baseOf(slot) + ACCOUNT, words, at + ACCOUNT, ADDRESS_LIMBS + 1)
    lookup.add(slot)
    link(markets[words[at + MARKET]!]!, slot)
    return slot
  }

  const close = (slot: number): void => {
    lookup.remove(slot)
    unlink(markets[pageOf(records, slot)[baseOf(slot) + MARKET]!]!, slot)
    freeSlot(records, slot)
  }

  /** NaN: not in the index. */
  const keyAt = (page: Uint32Array, base: number, pad: number): number =>
    isZeroAt(page, base + DEBT) || isZeroAt(page, base + COLLATERAL)
      ? Number.NaN
      : pairKey(floatAt(page, base + DEBT), pad, floatAt(page, base + COLLATERAL))

  const entryAt = (page: Uint32Array, base: number, pad: number, slot: number): number =>
    floatAt(page, base + DEBT) < DUST_PADS * pad ? (slot | DUST) >>> 0 : slot

  const mark = (number: number, { index }: Market): void => {
    tops[number] = index.count === 0 ? Number.NEGATIVE_INFINITY : index.keys[index.count - 1]!
  }

  const neglect = (number: number, market: Market): void => {
    market.isStale = true
    market.index.count = 0
    tops[number] = Number.NaN
  }

  const reindex = (market: Market, number: number, oldKey: number, oldEntry: number, key: number, entry: number): void => {
    if (Number.isNaN(oldKey) && Number.isNaN(key)) return
    if (++market.changes > mostChanges(market.index.count)) {
      neglect(number, market)
      return
    }
    if (Number.isNaN(oldKey)) insertPair(market.index, key, entry)
    else if (Number.isNaN(key)) removePair(market.index, oldKey, oldEntry)
    else movePair(market.index, oldKey, oldEntry, key, entry)
    mark(number, market)
  }

  const count = (market: Market, page: Uint32Array, base: number, sign: 1 | -1): void => {
    const change = sign === 1 ? addToSum : takeFromSum
    change(market.debt, page, base + DEBT)
    change(market.collateral, page, base + COLLATERAL)
    if (!isZeroAt(page, base + DEBT)) market.borrowers += sign
  }

  /** Gives the position of the entry at `at` of `words` the amounts that stand there. `found` is its slot so far. */
  const write = (found: number, words: Uint32Array, at: number): void => {
    const isEmpty = isZeroAt(words, at + DEBT) && isZeroAt(words, at + COLLATERAL)
    if (isEmpty && found === NONE) return
    const number = words[at + MARKET]!
    const market = markets[number]!
    const slot = found === NONE ? open(words, at) : found
    const [page, base, pad] = [pageOf(records, slot), baseOf(slot), pads[number]!]
    const oldKey = market.isStale ? Number.NaN : keyAt(page, base, pad)
    const oldEntry = entryAt(page, base, pad, slot)
    count(market, page, base, -1)
    copyLimbs(page, base + DEBT, words, at + DEBT, 2 * AMOUNT_LIMBS)
    count(market, page, base, 1)
    if (!market.isStale) reindex(market, number, oldKey, oldEntry, keyAt(page, base, pad), entryAt(page, base, pad, slot))
    if (isEmpty) close(slot)
  }

  /** What `target`'s account has now, into `before`. Returns its slot. */
  const look = (market: number): number => {
    target[MARKET] = market
    const slot = lookup.find(market, target, ACCOUNT)
    copyLimbs(before, ACCOUNT, target, ACCOUNT, ADDRESS_LIMBS + 1)
    if (slot === NONE) before.fill(0, DEBT, DEBT + 2 * AMOUNT_LIMBS)
    else copyLimbs(before, DEBT, pageOf(records, slot), baseOf(slot) + DEBT, 2 * AMOUNT_LIMBS)
    return slot
  }

  const commit = (blockNumber: bigint, slot: number): void => {
    undos.record(blockNumber, before, 0)
    write(slot, target, 0)
  }

  const shift = (blockNumber: bigint, market: number, move: PairMove, change: typeof addAmount, complaint: string): void => {
    copyLimbs(target, ACCOUNT, move, ACCOUNT, ADDRESS_LIMBS)
    const slot = look(market)
    copyLimbs(target, DEBT, before, DEBT, 2 * AMOUNT_LIMBS)
    const overflow = change(target, DEBT, move, DEBT) | change(target, COLLATERAL, move, COLLATERAL)
    if (overflow !== 0) throw new RangeError(`${complaint}: 0x${addressDigits(move, ACCOUNT)} in market ${market}`)
    commit(blockNumber, slot)
  }

  const slotsOf = (number: number): Uint32Array => {
    const { head, positions } = markets[number]!
    const slots = new Uint32Array(positions)
    for (let slot = head, i = 0; slot !== NONE; slot = pageOf(records, slot)[baseOf(slot) + NEXT]!) slots[i++] = slot
    return slots.sort()
  }

  const sort = (number: number, market: Market): void => {
    const pad = pads[number]!
    const indexed = slotsOf(number).filter(slot => !Number.isNaN(keyAt(pageOf(records, slot), baseOf(slot), pad)))
    const entries = indexed.map(slot => entryAt(pageOf(records, slot), baseOf(slot), pad, slot))
    rebuildPairs(market.index, entries, entry => {
      const slot = (entry & ~DUST) >>> 0
      return keyAt(pageOf(records, slot), baseOf(slot), pad)
    })
    market.isStale = false
    mark(number, market)
  }

  const ranked = (number: number, rounding: number): PairIndex => {
    const market = markets[number]!
    // A pad that is far too large costs exact checks: shares got much dearer, or the market started again.
    if (pads[number]! < rounding || pads[number]! > 64 * rounding) {
      neglect(number, market)
      pads[number] = (4 / 3) * rounding
    }
    if (market.isStale) sort(number, market)
    market.changes = 0
    return market.index
  }

  const empty = (): void => {
    Object.assign(records, createPairRecords())
    lookup.clear()
    for (const market of markets) Object.assign(market, createMarket())
  }

  const restore = (image: PairImage, verify: () => void = () => undefined): void => {
    Object.assign(records, recordsFrom(image, markets.length))
    lookup.reserve(records.count)
    for (let slot = 0; slot < records.used; slot++) {
      const [page, base] = [pageOf(records, slot), baseOf(slot)]
      if (isZeroAt(page, base + DEBT) && isZeroAt(page, base + COLLATERAL)) continue
      const market = markets[page[base + MARKET]!]!
      lookup.add(slot)
      link(market, slot)
      count(market, page, base, 1)
    }
    try {
      verify()
    } catch (error) {
      empty()
      throw error
    }
  }

  const fieldAt = (slot: number, field: number): bigint => amountAt(pageOf(records, slot), baseOf(slot) + field)

  return {
    addMarket: () => {
      const number = markets.push(createMarket()) - 1
      if (number === pads.length) {
        pads = grown(pads)
        tops = grown(tops)
      }
      pads[number] = 0
      tops[number] = Number.NaN
      return number
    },
    dropMarket: () => {
      if (markets.at(-1)?.positions !== 0) throw new RangeError('a market with positions stays')
      markets.pop()
    },
    markets: () => markets.length,
    find: (market, address) => {
      readAddress(address, 2, account, 0)
      return lookup.find(market, account, 0)
    },
    debtAt: slot => fieldAt(slot, DEBT),
    collateralAt: slot => fieldAt(slot, COLLATERAL),
    accountAt: slot => `0x${addressDigits(pageOf(records, slot), baseOf(slot) + ACCOUNT)}`,
    marketAt: slot => pageOf(records, slot)[baseOf(slot) + MARKET]!,
    put: (blockNumber, market, address, debt, collateral) => {
      readAddress(address, 2, target, ACCOUNT)
      writeAmount(debt, target, DEBT)
      writeAmount(collateral, target, COLLATERAL)
      commit(blockNumber, look(market))
    },
    raise: (blockNumber, market, move) => shift(blockNumber, market, move, addAmount, 'a position leaves 128 bits'),
    lower: (blockNumber, market, move) => shift(blockNumber, market, move, subtractAmount, 'a position falls below zero'),
    undo: (fromBlock, onUndone) =>
      undos.undo(fromBlock, (words, at) => {
        const market = words[at + MARKET]!
        write(lookup.find(market, words, at + ACCOUNT), words, at)
        onUndone(market)
      }),
    finalise: undos.finalise,
    undoable: undos.size,
    size: () => records.count,
    slots: () => records.used,
    slotsOf,
    positionsOf: number => markets[number]!.positions,
    borrowersOf: number => markets[number]!.borrowers,
    debtOf: number => sumOf(markets[number]!.debt),
    collateralOf: number => sumOf(markets[number]!.collateral),
    roughDebtAt: slot => floatAt(pageOf(records, slot), baseOf(slot) + DEBT),
    roughCollateralAt: slot => floatAt(pageOf(records, slot), baseOf(slot) + COLLATERAL),
    addDebtLimbs: (slot, sums) => {
      const [page, base] = [pageOf(records, slot), baseOf(slot)]
      for (let limb = 0; limb < AMOUNT_LIMBS; limb++) sums[limb]! += page[base + DEBT + limb]!
    },
    ranked,
    columns: () => ({ pads, tops }),
    save: () => imageOf(records),
    restore,
    byteLength: () =>
      recordBytes(records) +
      lookup.byteLength() +
      undos.byteLength() +
      pads.byteLength +
      tops.byteLength +
      markets.reduce((sum, { index, debt, collateral }) => sum + indexBytes(index) + debt.byteLength + collateral.byteLength, 0),
  }
}
