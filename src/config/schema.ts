// The one schema of the configuration file. Every key is described here: docs/configuration.md is made from these words.
import { z } from 'zod'
import type { ChainConfig, Config, ConfigPart, Registry } from './config'
import { outline } from './outline'
import { addressValue, bidShareValue, bpsValue, countValue, marketValue, payeeValue, urlValue, wholeValue } from './values'

const listOf = <T extends z.ZodType>(item: T) => z.array(item).readonly().prefault([])

const marketRules = z
  .strictObject({
    allow: listOf(marketValue).describe('Act on these markets only; empty: on all.'),
    deny: listOf(marketValue).describe('Never act on these markets, whatever `allow` says.'),
  })
  .prefault({})
  .describe('Which markets to act on.')

const accountRules = z
  .strictObject({
    allow: listOf(addressValue).describe('Close positions of these accounts only; empty: of all.'),
    deny: listOf(addressValue).describe('Never close positions of these accounts, whatever `allow` says.'),
  })
  .prefault({})
  .describe('Which borrowers to act on.')

const limits = z
  .strictObject({
    requestsPerSecond: countValue(1, 100_000).prefault(100).describe('Most requests per second to each RPC endpoint.'),
    readGasCap: countValue(30_000, 1_000_000_000)
      .prefault(1_000_000)
      .describe(
        'Gas that one call of a shared read (an oracle, a rate model) may burn, so that one hostile contract blinds no other market.',
      ),
    readMaxBytes: countValue(32, 1_048_576).prefault(4_096).describe('Most bytes that one call of a shared read may return.'),
    backfillRange: countValue(1, 1_000_000)
      .prefault(10_000)
      .describe('Most blocks that one `eth_getLogs` asks for; it adapts below this.'),
  })
  .prefault({})
  .describe('Bounds on what the keeper asks of the RPC endpoints.')

const relay = z.strictObject({
  name: z.string().min(1).describe('Its name in logs, metrics and the journal.'),
  url: urlValue(['https', 'http']).describe('Its JSON-RPC address.'),
  kind: z
    .literal('flashbots', { error: 'must be "flashbots", the only kind there is so far' })
    .prefault('flashbots')
    .describe('The protocol it speaks.'),
})

const partsOf = (parts: readonly ConfigPart[], accepted: (part: ConfigPart) => z.ZodType = part => part.configSchema) =>
  z.strictObject(
    Object.fromEntries(
      parts.map(part => [
        part.name,
        accepted(part)
          .optional()
          .describe(part.configSchema.description ?? `Settings of ${part.name}.`),
      ]),
    ),
  )

const addressOf = (settings: unknown): unknown =>
  typeof settings === 'object' && settings !== null && 'address' in settings ? settings.address : undefined

/** One section, or a list of them: another for each contract of the kind on the chain. No contract twice. */
const oneOrMore = ({ configSchema: one }: ConfigPart): z.ZodType => {
  const list = z.array(one).min(1, { error: 'must list at least one, or be left out' })
  const shape = outline(one)
  return z
    .unknown()
    .transform((value, context): unknown => {
      // Not a union: that would say of both forms what is wrong with them, whichever was meant.
      const parsed = Array.isArray(value) ? list.safeParse(value) : one.safeParse(value)
      if (!parsed.success) {
        for (const issue of parsed.error.issues) context.addIssue({ ...issue })
        return z.NEVER
      }
      const addresses = Array.isArray(parsed.data) ? parsed.data.map(addressOf) : []
      addresses.forEach((address, at) => {
        const first = addresses.indexOf(address)
        if (address === undefined || first === at) return
        const message = `is the address of entry ${first} already: each contract is listed once`
        context.addIssue({ code: 'custom', path: [at, 'address'], message })
      })
      return parsed.data
    })
    .meta({ ...shape, anyOf: [{ items: shape }], typeText: 'section, or list of sections' })
}

const strategiesOf = (parts: readonly ConfigPart[]) =>
  partsOf(parts, oneOrMore)
    .refine(value => Object.values(value).some(settings => settings !== undefined), {
      error: `must name at least one strategy (known: ${parts.map(part => part.name).join(', ')})`,
    })
    .describe('The lending protocols to watch, by name.')

const chainKeys = (registry: Registry) => ({
  id: countValue(1, Number.MAX_SAFE_INTEGER).describe(
    'Chain id. Checked against what the endpoint says before anything is signed.',
  ),
  rpc: z
    .array(urlValue(['ws', 'wss', 'http', 'https']))
    .min(1, { error: 'must list at least one RPC endpoint' })
    .readonly()
    .describe(
      'RPC endpoints, best first; the others are for failover. A WebSocket endpoint gives heads and logs at once, HTTP is polled. `BULWARK_RPC_<id>` overrides it.',
    ),
  wrappedNative: addressValue.describe('The wrapped native token (WETH and its kin): profit is counted and kept in it.'),
  strategies: strategiesOf(registry.strategies),
  venues: partsOf(registry.venues).prefault({}).describe('Where collateral may be sold, by name.'),
  owner: addressValue
    .optional()
    .describe('Owner of the executor contract: it sets the operators and may move funds. Not needed by dry-run and scan.'),
  executor: addressValue
    .optional()
    .describe('The deployed executor contract. Default: the deterministic address that belongs to `owner` (`bulwark deploy`).'),
  recipient: addressValue
    .optional()
    .describe('Who gets the profit; `deploy` sets it in the contract when the owner signs. Default: the owner.'),
  relays: z
    .array(relay)
    .readonly()
    .prefault([])
    .describe('Where bundles are sent, all of them at once. `run` needs one; `dry-run` and `scan` send nothing.'),
  bidShareBps: bidShareValue
    .prefault(2_500)
    .describe('Share of the profit after gas that is bid for inclusion. Never all of it: what keeps nothing is never sent.'),
  payee: payeeValue
    .prefault('coinbase')
    .describe("Who gets the bid: the block's coinbase (wrong on most L2s and on BSC), nobody, or an address."),
  floorShareBps: bpsValue(1)
    .prefault(9_000)
    .describe(
      'The contract reverts unless it earns this share of the predicted profit. Never zero: it is what stops a sandwich.',
    ),
  minProfitWei: wholeValue
    .prefault(0)
    .describe('Least net profit, after gas and bid, worth acting for. In wei of the native token.'),
  maxPriorityFeePerGasWei: wholeValue
    .prefault(10_000_000)
    .describe(
      'Priority fee per gas, in wei. Next to nothing suits bundles, which pay by their bid; chains without bundles need more.',
    ),
  slotSec: wholeValue.optional().describe('Seconds between blocks. Default: inferred from the heads.'),
  markets: marketRules,
  accounts: accountRules,
  minDebt: z
    .record(addressValue, wholeValue)
    .prefault({})
    .describe(
      "Positions that owe less than this are left alone. By debt token, in the token's smallest units (USDC: 1000000 is one dollar).",
    ),
  hopTokens: listOf(addressValue).describe(
    'Tokens through which a swap may pass on its way. The wrapped native token is always one of them.',
  ),
  maxHops: countValue(1, 4).prefault(3).describe('Most pools that one swap may pass through.'),
  limits,
  lowBalanceWei: wholeValue.prefault('10000000000000000').describe("Alarm when an operator key's balance falls below this."),
  finalityDepth: wholeValue
    .prefault(64)
    .describe('Blocks after which a block counts as final where the node does not say so itself.'),
  auditPerBlock: countValue(0, 64)
    .prefault(4)
    .describe(
      'Positions of each protocol that are held against the contract in each block, in turn; they ride in the read that the block costs anyway. 0: none. What is about to be closed is checked in any case.',
    ),
})

type ChainInput = z.output<z.ZodObject<ReturnType<typeof chainKeys>>>

const chainOf = ({ markets, accounts, minDebt, ...chain }: ChainInput): ChainConfig => ({
  ...chain,
  owner: chain.owner ?? null,
  executor: chain.executor ?? null,
  recipient: chain.recipient ?? null,
  slotSec: chain.slotSec ?? null,
  scope: { markets, accounts, minDebtAssets: minDebt },
})

const isSetOf = (ids: readonly number[]): boolean => new Set(ids).size === ids.length

/** The whole file's schema for one registry. Unknown keys are refused at every level. */
export const configSchema = (registry: Registry) =>
  z
    .strictObject({
      chains: z
        .array(z.strictObject(chainKeys(registry)).transform(chainOf))
        .min(1, { error: 'must list at least one chain' })
        .refine(chains => isSetOf(chains.map(chain => chain.id)), { error: 'lists the same chain id twice' })
        .readonly()
        .describe('One entry for each chain to keep.'),
      log: z
        .strictObject({
          level: z
            .enum(['debug', 'info', 'warn', 'error'], { error: 'must be "debug", "info", "warn" or "error"' })
            .prefault('info')
            .describe('Least level that is logged.'),
        })
        .prefault({})
        .describe('Logging. Lines go to stderr as JSON, or in colour on a terminal.'),
      journal: z
        .string()
        .min(1)
        .optional()
        .describe('File to which every outcome and skip is appended, one JSON object a line. Default: the log only.'),
      store: z
        .string()
        .min(1)
        .prefault('.bulwark/state.sqlite')
        .describe(
          'File in which `run` keeps what it folded, so that a restart reads only what is new; `scan` looks into it too. "none": nothing is kept.',
        ),
      metrics: z
        .strictObject({
          host: z.string().min(1).prefault('127.0.0.1').describe('Address to listen on. Keep it on loopback: there is no login.'),
          port: countValue(0, 65_535).describe('Port to listen on; 0 takes any free one.'),
        })
        .optional()
        .describe('Serves `/metrics` (Prometheus) and `/health`. Default: no server.'),
    })
    .transform(
      ({ journal, metrics, store, ...rest }): Config => ({
        ...rest,
        journal: journal ?? null,
        metrics: metrics ?? null,
        store: store === 'none' ? null : store,
      }),
    )
