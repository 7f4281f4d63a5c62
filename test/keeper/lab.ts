// A lab world for many runs of the keeper: built once, taken back to its opening before each run, which gets a keeper of its own,
// composed as `bulwark run` does and ticked by the test. Blocks are built by the lab's builder.
import { encodeFunctionData } from 'viem'
import { createChain } from '../../src/chain/chain'
import { type Composed, composeKeeper, startReading } from '../../src/compose'
import type { Address, Hex } from '../../src/core/primitives'
import type { PositionOutcome, Skip } from '../../src/core/verdict'
import type { TickReport } from '../../src/keeper'
import { type Anvil, startAnvil } from '../../src/lab/anvil'
import { type Builder, type BuildOptions, type BuiltBlock, createBuilder } from '../../src/lab/builder/builder'
import { deployLocalExecutor, type LocalExecutor } from '../../src/lab/local-executor'
import { labConfig } from '../../src/lab/stage'
import { readLiquidations, readWorld } from '../../src/lab/world/accounting'
import { createWorld, worldAnvilArgs } from '../../src/lab/world/create-world'
import type { WorldSpec } from '../../src/lab/world/spec'
import type { World, WorldMarket } from '../../src/lab/world/world'
import type { Chain } from '../../src/ports'
import { createFlashbotsRelay, type FlashbotsRelay } from '../../src/relay/flashbots'
import { createMemoryStore, type MemoryStore } from '../../src/store/memory'
import { createQuiet, type Quiet } from '../fakes/quiet'
import { testKey } from '../fakes/signer'

const OWNER: Address = `0x${'0e'.repeat(20)}`
const NO_LIMIT = 100_000

export interface RunOptions {
  /** Operator keys at work; default 4. */
  readonly keys?: number
  /** Further keys of the chain's config. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly onTick?: (tick: TickReport) => void
  /** The chain as the keeper sees it: a node that forgets or lies. */
  readonly wrapChain?: (chain: Chain) => Chain
}

/** One keeper on the world as it opened. */
export interface Run {
  readonly composed: Composed
  readonly store: MemoryStore
  readonly quiet: Quiet
  /** Builds the next block and lets the keeper deal with it. */
  play(build?: BuildOptions): Promise<{ readonly block: BuiltBlock; readonly tick: TickReport }>
  /** Parts of positions that were closed, in order. */
  closed(): readonly PositionOutcome[]
  skips(): readonly Skip[]
  close(): Promise<void>
}

export interface Lab {
  readonly anvil: Anvil
  readonly world: World
  readonly builder: Builder
  readonly executor: LocalExecutor
  /** Takes the world back to its opening; the run before must be closed. */
  run(options?: RunOptions): Promise<Run>
  /** A keeper that starts on the world as it stands now. */
  follow(options?: RunOptions): Promise<Run>
  close(): Promise<void>
}

const startRun = async (lab: Omit<Lab, 'run' | 'follow' | 'close'>, relay: FlashbotsRelay, options: RunOptions): Promise<Run> => {
  const { anvil, world, builder, executor } = lab
  const quiet = createQuiet()
  const { log, meter } = quiet
  const store = createMemoryStore()
  const config = labConfig(world, anvil, builder, executor, { rpc: [anvil.httpUrl], ...options.config })
  const backoffMs = { min: 5, max: 50 }
  const node = await createChain({ id: config.id, rpcUrls: config.rpc, log, meter, requestsPerSecond: NO_LIMIT, backoffMs })
  const chain = options.wrapChain?.(node) ?? node
  const signers = executor.signers.slice(0, options.keys ?? executor.signers.length)
  const ports = {
    chain,
    signers,
    relays: [relay],
    log,
    meter,
    store,
    nowMs: () => performance.now(),
    ...(options.onTick === undefined ? {} : { onTick: options.onTick }),
  }
  const composed = composeKeeper(config, executor.contract, ports)
  await startReading(composed, new AbortController().signal)
  await composed.executor.prepare()
  const play: Run['play'] = async (build = {}) => {
    const block = await builder.buildBlock(build)
    return { block, tick: await composed.keeper.tick(await chain.blockByTag('latest')) }
  }
  return {
    composed,
    store,
    quiet,
    play,
    closed: () => store.outcomes().flatMap(({ positions }) => positions.filter(({ outcome }) => outcome === 'included')),
    skips: () => store.skips().map(({ skip }) => skip),
    close: () => chain.close(),
  }
}

/** Builds the world of `spec`; `prepare` may change it before it counts as opened. */
export const openLab = async (
  spec: WorldSpec,
  seed: number,
  prepare: (lab: Omit<Lab, 'run' | 'follow' | 'close'>) => Promise<void> = async () => undefined,
): Promise<Lab> => {
  const anvil = await startAnvil({ args: worldAnvilArgs(spec) })
  const world = await createWorld(anvil, spec, seed)
  const executor = await deployLocalExecutor(world.rpc, {
    owner: OWNER,
    operators: [1, 2, 3, 4].map(n => testKey(1_000 + n)),
    relayKey: testKey(2_000),
  })
  const builder = await createBuilder({ rpcUrl: anvil.httpUrl })
  const { log, meter } = createQuiet()
  const relay = createFlashbotsRelay({
    name: 'lab',
    url: builder.url,
    authKey: executor.relayKey,
    chainId: world.chainId,
    timeoutMs: 5_000,
    requestsPerSecond: NO_LIMIT,
    log,
    meter,
  })
  const lab = { anvil, world, builder, executor }
  await prepare(lab)
  let opening = await world.rpc.request<Hex>('evm_snapshot')
  return {
    ...lab,
    run: async (options = {}) => {
      await world.rpc.request('evm_revert', opening)
      opening = await world.rpc.request<Hex>('evm_snapshot')
      builder.misbehave('ok')
      return startRun(lab, relay, options)
    },
    follow: (options = {}) => startRun(lab, relay, options),
    close: async () => {
      relay.close()
      await builder.close()
      world.rpc.close()
      await anvil.stop()
    },
  }
}

export interface UnderWater {
  readonly market: WorldMarket
  readonly account: Address
  readonly borrowShares: bigint
  readonly collateralAssets: bigint
  readonly debtAssets: bigint
  readonly oraclePrice: bigint
}

/** Positions that the contract would let be liquidated at the head's state, as a lens contract reads them. */
export const readUnderWater = async (world: World): Promise<readonly UnderWater[]> =>
  (await readWorld(world, { block: 'latest' })).flatMap(({ market, oraclePrice, positions }) =>
    positions
      .filter(({ collateralAssets, debtAssets, borrowShares }) => {
        const value = (collateralAssets * oraclePrice) / 10n ** 36n
        return borrowShares > 0n && debtAssets * 10n ** 18n > value * market.params.lltv
      })
      .map(position => ({ market, oraclePrice, ...position })),
  )

/** Who liquidated whom in block `number`, in order. */
export const liquidatedIn = async (world: World, number: bigint) => {
  const liquidations = await readLiquidations(world, number, number)
  return liquidations.map(each => ({ ...each, caller: each.caller.toLowerCase() as Address }))
}

const wordAbi = (name: string, ...types: readonly string[]) => [
  {
    type: 'function',
    name,
    stateMutability: 'view',
    inputs: types.map((type, index) => ({ type, name: `a${index}` })),
    outputs: [{ type: 'uint256', name: '' }],
  },
]

/** Balances and allowances of the executor contract that are not zero, in words: nothing may rest there. */
export const leftovers = async ({ world, executor }: Pick<Lab, 'world' | 'executor'>): Promise<readonly string[]> => {
  const spenders = [world.contracts.morpho, world.contracts.router, ...world.pools.map(pool => pool.address)]
  const asked = world.tokens.flatMap(token => [
    { what: `${token.symbol} balance`, to: token.address, name: 'balanceOf', args: [executor.contract] },
    ...spenders.map(spender => ({
      what: `${token.symbol} allowance of ${spender}`,
      to: token.address,
      name: 'allowance',
      args: [executor.contract, spender],
    })),
  ])
  const answers = await world.rpc.batch<Hex>(
    asked.map(({ to, name, args }) => ({
      method: 'eth_call',
      params: [
        { to, data: encodeFunctionData({ abi: wordAbi(name, ...args.map(() => 'address')), functionName: name, args }) },
        'latest',
      ],
    })),
  )
  const native = BigInt(await world.rpc.request<Hex>('eth_getBalance', executor.contract, 'latest'))
  return [
    ...asked.flatMap(({ what }, index) =>
      BigInt(answers[index] ?? '0x0') === 0n ? [] : [`${what}: ${BigInt(answers[index] ?? '0x0')}`],
    ),
    ...(native === 0n ? [] : [`native: ${native}`]),
  ]
}
