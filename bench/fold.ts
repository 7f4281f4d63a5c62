// `fold`: logs into the book of Morpho Blue and the ledger of Aave v3, as the watcher hands them over and from a node's JSON text, on one core.
// Beside it a generic ABI decoder, which does nothing but decode.
import { decodeEventLog, type Hex, parseAbi } from 'viem'
import { toLogs } from '../src/chain/decode'
import type { Log } from '../src/core/primitives'
import type { Book } from '../src/core/strategy'
import type { Ledger } from '../strategies/aave-v3/ledger'
import { configSchema, morphoBlue } from '../strategies/morpho-blue/strategy'
import { blockAt, MORPHO } from '../test/strategies/morpho-blue/history'
import { createAaveHistory } from './aave/history'
import { type Bench, type BenchLine, type BenchOptions, type BenchResult, compared, percentile } from './bench'
import { createResponses } from './pairs/logs'

const HISTORY = { markets: 500, accounts: 100_000, logs: 150_000, logsPerResponse: 2_000 }
const AAVE = { logs: 100_000, logsPerResponse: 2_000 }
/** The first rounds warm the engine up. */
const ROUNDS = { warmUp: 3, measured: 9 }
const DECODED = 20_000

/** What a generic decoder needs to know. */
const ABI = parseAbi([
  'event CreateMarket(bytes32 indexed id, (address loanToken, address collateralToken, address oracle, address irm, uint256 lltv) marketParams)',
  'event AccrueInterest(bytes32 indexed id, uint256 prevBorrowRate, uint256 interest, uint256 feeShares)',
  'event Supply(bytes32 indexed id, address indexed caller, address indexed onBehalf, uint256 assets, uint256 shares)',
  'event Withdraw(bytes32 indexed id, address caller, address indexed onBehalf, address indexed receiver, uint256 assets, uint256 shares)',
  'event Borrow(bytes32 indexed id, address caller, address indexed onBehalf, address indexed receiver, uint256 assets, uint256 shares)',
  'event Repay(bytes32 indexed id, address indexed caller, address indexed onBehalf, uint256 assets, uint256 shares)',
  'event SupplyCollateral(bytes32 indexed id, address indexed caller, address indexed onBehalf, uint256 assets)',
  'event WithdrawCollateral(bytes32 indexed id, address caller, address indexed onBehalf, address indexed receiver, uint256 assets)',
  'event Liquidate(bytes32 indexed id, address indexed caller, address indexed borrower, uint256 repaidAssets, uint256 repaidShares, uint256 seizedAssets, uint256 badDebtAssets, uint256 badDebtShares)',
])

const openBook = (): Book =>
  morphoBlue.createBook(configSchema.parse({ address: MORPHO }), {
    markets: { allow: [], deny: [] },
    accounts: { allow: [], deny: [] },
    minDebtAssets: {},
  })

const parse = (text: string): readonly Log[] => toLogs((JSON.parse(text) as { readonly result: unknown }).result)

/** Folds response by response, as backfill does, and so that no block is kept undoable. Returns seconds. */
const fold = (book: Book, responses: readonly (readonly Log[])[]): number => {
  const from = performance.now()
  for (const logs of responses) {
    for (const log of logs) book.fold(log)
    book.finalise(logs.at(-1)!.blockNumber)
  }
  return (performance.now() - from) / 1_000
}

const foldText = (book: Book, texts: readonly string[]): number => {
  const from = performance.now()
  for (const text of texts) {
    const logs = parse(text)
    for (const log of logs) book.fold(log)
    book.finalise(logs.at(-1)!.blockNumber)
  }
  return (performance.now() - from) / 1_000
}

const decode = (logs: readonly Log[]): number => {
  const from = performance.now()
  for (const { data, topics } of logs) decodeEventLog({ abi: ABI, data, topics: [...topics] as [Hex, ...Hex[]] })
  return (performance.now() - from) / 1_000
}

interface Rate {
  /** Logs a second: the median of the measured rounds. */
  readonly wall: number
  /** The same by processor time of the whole process, its garbage collector's threads included: preemption does not touch it. */
  readonly cpu: number
}

/** `prepare` is not timed; what it returns is, and says how many seconds it took. */
const rateOf = (logs: number, prepare: () => () => number): Rate => {
  const wall: number[] = []
  const cpu: number[] = []
  for (let round = 0; round < ROUNDS.warmUp + ROUNDS.measured; round++) {
    const run = prepare()
    const before = process.cpuUsage()
    const seconds = run()
    const { user, system } = process.cpuUsage(before)
    if (round < ROUNDS.warmUp) continue
    wall.push(seconds)
    cpu.push((user + system) / 1e6)
  }
  return { wall: logs / percentile(wall, 0.5), cpu: logs / percentile(cpu, 0.5) }
}

const both = (name: string, rate: Rate, decoded: Rate | null): readonly BenchResult[] => [
  compared(`${name}_logs_per_s`, rate.wall, 'logs/s', decoded?.wall ?? null),
  compared(`${name}_logs_per_cpu_s`, rate.cpu, 'logs/s', decoded?.cpu ?? null),
]

/** Folds block by block, as heads come: headers tell the time. Returns seconds. */
const foldBlocks = (ledger: Ledger, responses: Iterable<readonly Log[]>): number => {
  const from = performance.now()
  let number = -1n
  for (const logs of responses) {
    for (const log of logs) {
      if (log.blockNumber !== number) {
        number = log.blockNumber
        ledger.beginBlock(blockAt(number))
      }
      ledger.fold(log)
    }
    ledger.finalise(number)
  }
  return (performance.now() - from) / 1_000
}

/** Logs of an Aave pool, which has a ledger of another shape. Throws where an amount does not follow from its logs. */
const measureAave = (seed: number): readonly BenchResult[] => {
  const { texts, logs, openLedger } = createAaveHistory(seed, AAVE)
  const parsed = texts.map(parse)
  globalThis.gc?.()
  const parsedRate = rateOf(logs, () => {
    const ledger = openLedger()
    return () => {
      const seconds = foldBlocks(ledger, parsed)
      if (ledger.unread().size > 0) throw new Error(`${ledger.unread().size} accounts of Aave must be read again`)
      return seconds
    }
  })
  parsed.length = 0
  const parsing = function* (): Iterable<readonly Log[]> {
    for (const text of texts) yield parse(text)
  }
  const textRate = rateOf(logs, () => {
    const ledger = openLedger()
    return () => foldBlocks(ledger, parsing())
  })
  return [...both('aave_parsed', parsedRate, null), ...both('aave_json', textRate, null)]
}

const run = async ({ seed, progress }: BenchOptions): Promise<BenchLine> => {
  progress(`a history of ${HISTORY.logs} logs`)
  const { texts, logs } = createResponses(seed, HISTORY)
  progress('folding')
  const parsed = texts.map(parse)
  globalThis.gc?.()
  const parsedRate = rateOf(logs, () => () => fold(openBook(), parsed))
  const sample = parsed.flat().slice(0, DECODED)
  const decodedRate = rateOf(sample.length, () => () => decode(sample))
  const book = openBook()
  fold(book, parsed)
  parsed.length = 0
  const textRate = rateOf(logs, () => () => foldText(openBook(), texts))
  progress(`${book.size()} positions with debt`)
  return {
    bench: 'fold',
    results: [...both('parsed', parsedRate, decodedRate), ...both('json', textRate, decodedRate), ...measureAave(seed)],
  }
}

export const foldBench: Bench = {
  name: 'fold',
  describe: 'logs a second into the books of Morpho Blue and Aave v3, parsed and from JSON text, against a generic ABI decoder',
  run,
}
