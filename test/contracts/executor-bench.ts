// A Liquidator with tokens that anybody mints, for tests that need no market: profit is counted in GEM, one mint away.
import { parseAbi } from 'viem'
import type { Address, Hex } from '../../src/core/primitives'
import type { Fill, Leg, Step } from '../../src/core/program'
import { encodeRun } from '../../src/executor/encode'
import { Liquidator } from '../../src/executor/liquidator-artifact'
import type { RunOrder } from '../../src/executor/run-codec'
import { decodeRevert, decodeRunLogs } from '../../src/executor/run-result'
import { LabToken } from '../../src/lab/world/lab-artifacts'
import { type ChainKit, calldata, startChainKit } from '../fixtures/chain-kit'

export const TOKEN_ABI = parseAbi([
  'function mint(address to, uint256 amount)',
  'function balanceOf(address account) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function approve(address spender, uint256 amount)',
  'function transfer(address to, uint256 amount)',
  'function transferFrom(address from, address to, uint256 amount)',
])

export interface ExecutorBench {
  readonly kit: ChainKit
  readonly owner: Address
  readonly operator: Address
  readonly stranger: Address
  readonly liquidator: Address
  /** Profit is counted in it. */
  readonly gem: Address
  readonly coin: Address
  order(changes?: Partial<RunOrder>): RunOrder
  /** 'ok', or why the run reverts; with `isMined` it is sent too. */
  tryRun(legs: readonly Leg[], changes?: Partial<RunOrder>): Promise<string>
  run(legs: readonly Leg[], changes?: Partial<RunOrder>): Promise<string>
  mint(token: Address, to: Address, amount: bigint): Promise<void>
  held(token: Address, account: Address): Promise<bigint>
  allowed(token: Address, spender: Address): Promise<bigint>
  /** Mints `amount` of GEM to the executor: a leg's profit. */
  earn(amount?: bigint): Step
}

export const step = (to: Address, data: Hex, fills: readonly Fill[] = []): Step => ({
  kind: 'call',
  to,
  data,
  fills,
  callback: null,
})

export const leg = (steps: readonly Step[], tokens: readonly Address[] = [], floorWei = 0n): Leg => ({
  steps,
  tokens,
  floorWei,
  gasLimit: 0n,
})

export const exact = (value: bigint) => ({ kind: 'exact', value }) as const

const build = async (kit: ChainKit): Promise<ExecutorBench> => {
  const [, owner, operator, stranger] = kit.accounts as [Address, Address, Address, Address]
  const liquidator = await kit.deploy(Liquidator, [owner])
  await kit.act(liquidator, calldata(Liquidator.abi, 'setOperator', [operator, true]), { from: owner })
  const gem = await kit.deploy(LabToken, ['Gem', 'GEM', 18])
  const coin = await kit.deploy(LabToken, ['Coin', 'COIN', 6])
  const order = (changes: Partial<RunOrder> = {}): RunOrder => ({
    lastBlock: 0n,
    deadlineSec: 1n << 40n,
    wrappedNative: gem,
    costWei: 0n,
    floorWei: 1n,
    bidShareBps: 0n,
    payee: { kind: 'none' },
    ...changes,
  })
  const tryRun: ExecutorBench['tryRun'] = async (legs, changes) => {
    const reply = await kit.call(liquidator, encodeRun(order(changes), legs), operator)
    return reply.ok ? 'ok' : decodeRevert(reply.data)
  }
  return {
    kit,
    owner,
    operator,
    stranger,
    liquidator,
    gem,
    coin,
    order,
    tryRun,
    run: async (legs, changes) => {
      const receipt = await kit.send(liquidator, encodeRun(order(changes), legs), { from: operator })
      if (receipt.status === 'reverted') return tryRun(legs, changes)
      return decodeRunLogs(receipt.logs, liquidator)?.legs.find(one => !one.ok)?.failure ?? 'ok'
    },
    mint: async (token, to, amount) => {
      await kit.act(token, calldata(TOKEN_ABI, 'mint', [to, amount]))
    },
    held: (token, account) => kit.read(token, TOKEN_ABI, 'balanceOf', [account]),
    allowed: (token, spender) => kit.read(token, TOKEN_ABI, 'allowance', [liquidator, spender]),
    earn: (amount = 10n) => step(gem, calldata(TOKEN_ABI, 'mint', [liquidator, amount])),
  }
}

/** Starts anvil; account 1 owns, 2 operates. `kit.stop()` ends it. */
export const createExecutorBench = async (): Promise<ExecutorBench> => {
  const kit = await startChainKit()
  try {
    return await build(kit)
  } catch (error) {
    await kit.stop()
    throw error
  }
}
