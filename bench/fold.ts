// `fold`: history into the book of Morpho Blue, from logs as the watcher hands them over and from a node's JSON text, on one core. Beside it
// a generic ABI decoder, which does nothing but decode.
import { decodeEventLog, type Hex, parseAbi } from 'viem'
import { toLogs } from '../src/chain/decode'
import type { Log } from '../src/core/primitives'
import type { Book } from '../src/core/strategy'
import { configSchema, morphoBlue } from '../strategies/morpho-blue/strategy'
import { MORPHO } from '../test/strategies/morpho-blue/history'
import { type Bench, type BenchLine, type BenchOptions, compared, percentile } from './bench'
import { createResponses } from './pairs/logs'

const HISTORY = { markets: 500, accounts: 100_000, logs: 150_000, logsPerResponse: 2_000 }
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

/** Logs a second: the median of the measured rounds. */
const rateOf = (logs: number, run: () => number): number => {
  const seconds = Array.from({ length: ROUNDS.warmUp + ROUNDS.measured }, run).slice(ROUNDS.warmUp)
  return logs / percentile(seconds, 0.5)
}

const run = async ({ seed, progress }: BenchOptions): Promise<BenchLine> => {
  progress(`a history of ${HISTORY.logs} logs`)
  const { texts, logs } = createResponses(seed, HISTORY)
  progress('folding')
  const parsed = texts.map(parse)
  globalThis.gc?.()
  const parsedRate = rateOf(logs, () => fold(openBook(), parsed))
  const sample = parsed.flat().slice(0, DECODED)
  const decodedRate = rateOf(sample.length, () => decode(sample))
  const book = openBook()
  fold(book, parsed)
  parsed.length = 0
  const textRate = rateOf(logs, () => foldText(openBook(), texts))
  progress(`${book.size()} positions with debt`)
  return {
    bench: 'fold',
    results: [
      compared('parsed_logs_per_s', parsedRate, 'logs/s', decodedRate),
      compared('json_logs_per_s', textRate, 'logs/s', decodedRate),
    ],
  }
}

export const foldBench: Bench = {
  name: 'fold',
  describe: "logs a second into Morpho Blue's book, parsed and from JSON text, against a generic ABI decoder",
  run,
}
