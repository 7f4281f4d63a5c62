// The pair example keeps the contract: whoever copies it starts from something that works, and the suite is tried on a second protocol.

import { word } from '../../../src/core/abi-words'
import type { ReadCall, ReadResult } from '../../../src/core/folder'
import type { Address, Block, Hex, Log } from '../../../src/core/primitives'
import { createRandom } from '../../../src/lab/world/random'
import { conformance } from '../conformance'
import { EVERYTHING, type World, type WorldBlock } from '../conformance-world'
import { pawn, SELECTOR, TOPIC } from './pair'

const WAD = 10n ** 18n
const PAWN: Address = `0x${'aa'.repeat(20)}`
const MARKETS = 3
const address = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const topic = (account: Address): Hex => `0x${account.slice(2).padStart(64, '0')}`
/** The first two markets have their debt token in common. */
const tokensOf = (n: number) => ({ collateral: address(2_000 + n), debt: address(1_000 + (n >> 1)), oracle: address(3_000 + n) })

interface State {
  readonly opened: Set<number>
  readonly held: Map<string, readonly [debt: bigint, collateral: bigint]>
  readonly prices: Map<Address, bigint>
}

const answer = ({ opened, held, prices }: State, { to, data }: ReadCall): ReadResult => {
  const ok = (...words: readonly bigint[]): ReadResult => ({ kind: 'ok', data: `0x${words.map(word).join('')}` })
  if (to !== PAWN) return prices.has(to) ? ok(prices.get(to)!) : { kind: 'failed', why: 'no code' }
  const n = Number(BigInt(`0x${data.slice(10, 74)}`)) - 1
  const { collateral, debt, oracle } = tokensOf(n)
  if (!opened.has(n)) return { kind: 'failed', why: 'reverted' }
  if (data.startsWith(SELECTOR.params))
    return ok(BigInt(collateral), BigInt(debt), BigInt(oracle), (8n * WAD) / 10n, (105n * WAD) / 100n)
  return ok(...(held.get(`${n} 0x${data.slice(98, 138)}`) ?? [0n, 0n]))
}

/** Absolute amounts in the events make the model short: whatever is drawn becomes so. */
const worldOf = (seed: number): World => {
  const { unit, between } = createRandom(seed, 'pawn')
  let state: State = { opened: new Set(), held: new Map(), prices: new Map() }
  const states = new Map<Hex, State>()
  const blocks: WorldBlock[] = []
  for (let at = 0; at < 40; at++) {
    const block: Block = {
      chainId: 1,
      number: BigInt(100 + at),
      hash: hash(100 + at),
      parentHash: hash(99 + at),
      timestampSec: 1_700_000_000n + 12n * BigInt(at),
      baseFeePerGasWei: 1n,
      gasUsed: 0n,
      gasLimit: 30_000_000n,
      logsBloom: null,
    }
    const logs: Log[] = []
    const emit = (from: Address, topics: readonly Hex[], ...words: readonly bigint[]): void => {
      const place = { blockNumber: block.number, blockHash: block.hash, logIndex: logs.length, transactionHash: block.hash }
      logs.push({ address: from, topics, data: `0x${words.map(word).join('')}`, ...place })
    }
    if (at % 4 === 0 && at / 4 < MARKETS) {
      state.opened.add(at / 4)
      emit(PAWN, [TOPIC.opened, hash(at / 4 + 1)])
    }
    for (const n of state.opened) {
      const { oracle } = tokensOf(n)
      if (unit() < 0.5 || !state.prices.has(oracle))
        state.prices.set(oracle, (10n ** 36n * BigInt(Math.floor(between(700, 1_300)))) / 1_000n)
    }
    for (let acts = Math.floor(between(0, 4)); acts > 0; acts--) {
      const n = [...state.opened][Math.floor(unit() * state.opened.size)]!
      const account = address(100 + Math.floor(unit() * 12))
      const collateral = unit() < 0.15 ? 0n : BigInt(Math.floor(10 ** between(0, 15)))
      const debt =
        unit() < 0.15 ? 0n : (collateral * BigInt(Math.floor(between(300, 850)))) / 1_000n + BigInt(Math.floor(unit() * 3))
      state.held.set(`${n} ${account}`, [debt, collateral])
      emit(PAWN, [TOPIC.moved, hash(n + 1), topic(account)], debt, collateral)
      if (unit() < 0.2) emit(address(666), [TOPIC.moved, hash(n + 1), topic(account)], 1n, 1n)
    }
    blocks.push({ block, logs })
    states.set(block.hash, state)
    state = structuredClone(state)
  }
  const readerAt = (block: Block) => ({
    block,
    read: async (calls: readonly ReadCall[]) => calls.map(call => answer(states.get(block.hash)!, call)),
  })
  return { blocks, readerAt }
}

conformance('the pair example', {
  seeds: [1],
  world: worldOf,
  createBook: scope => pawn.createBook({ address: PAWN }, scope),
  createOtherBook: () => pawn.createBook({ address: address(9) }, EVERYTHING),
  resultsAfter: (calls, results, factorWad) =>
    calls.map(({ to }, i): ReadResult => {
      const { collateral, debt } = tokensOf(Number(BigInt(to)) - 3_000)
      const result = results[i]!
      if (result.kind === 'failed') return result
      const [up, down] = [factorWad.get(collateral) ?? WAD, factorWad.get(debt) ?? WAD]
      return { kind: 'ok', data: `0x${word((BigInt(result.data) * up + down - 1n) / down)}` }
    }),
})
