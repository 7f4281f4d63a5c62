import { createBalanceCheck, createFacts, factsBefore } from '../../src/commands/chain-facts'
import type { ChainConfig } from '../../src/config/config'
import { parseConfig } from '../../src/config/parse'
import { judgeHealth } from '../../src/ops/health'
import type { Signer } from '../../src/ports'
import { venues } from '../../src/venues/registry'
import { strategies } from '../../strategies'
import { createFakeChain, rpcFailed } from '../fakes/chain'
import { testSigners } from '../fakes/signer'

const ADDRESS = `0x${'11'.repeat(20)}`
const configOf = (more: Readonly<Record<string, unknown>> = {}): ChainConfig => {
  const chain = {
    id: 31337,
    rpc: ['http://127.0.0.1:1'],
    wrappedNative: ADDRESS,
    strategies: { 'morpho-blue': { address: ADDRESS } },
    ...more,
  }
  return parseConfig({ chains: [chain] }, 'the test', { strategies, venues }).chains[0] as ChainConfig
}

const doneTick = {
  end: 'done',
  isCatchingUp: false,
  target: null,
  opportunities: [],
  decision: { plans: [], skips: [] },
  execution: null,
  outcomes: [],
  elapsedMs: { advance: 0, decide: 0, execute: 0 },
} as const

describe('createBalanceCheck', () => {
  const signer = testSigners(1)[0] as Signer
  const scene = () => {
    const chain = createFakeChain()
    chain.setAccount(signer.address, { balance: 5n })
    let nowMs = 0
    const low = createBalanceCheck(configOf({ lowBalanceWei: 10 }), chain, [signer], () => nowMs)
    const pass = (ms: number): void => {
      nowMs += ms
    }
    return { chain, low, pass }
  }

  it('default: names the accounts below the alarm, and asks again only after a while', async () => {
    const { chain, low, pass } = scene()
    expect(await low()).toEqual([signer.address])
    chain.setAccount(signer.address, { balance: 10n })
    expect(await low()).toEqual([signer.address])
    expect(chain.counts().balance).toBe(1)
    pass(60_000)
    expect(await low()).toEqual([])
  })

  it('error: a node that does not answer is no proof of money, and is asked again the next time', async () => {
    const { chain, low } = scene()
    chain.setAccount(signer.address, { balance: 10n })
    chain.failNext('balance', 1, rpcFailed())
    expect(await low()).toEqual([expect.stringContaining('does not answer')])
    expect(await low()).toEqual([])
  })

  it('error: a node that hangs does not hang the answer', async () => {
    const { chain } = scene()
    const hung = { ...chain, balance: () => new Promise<bigint>(() => undefined) }
    const low = createBalanceCheck(configOf(), hung, [signer], () => 0)
    expect(await low()).toEqual([expect.stringContaining('does not answer')])
  })
})

describe('factsBefore and createFacts', () => {
  it('default: a chain whose history is still being read is down, and says so', () => {
    expect(judgeHealth([factsBefore(configOf())], 0)).toMatchObject({
      status: 'down',
      chains: [{ reasons: ['no head seen yet'] }],
    })
  })

  it('behavior: failed ticks are counted until one is done', async () => {
    const chain = createFakeChain()
    const head = chain.mine()
    const facts = createFacts(
      configOf(),
      () => 1_000,
      async () => ({ inFlight: 0, faults: [], lowBalances: [] }),
    )
    const tick = (end: 'done' | 'failed'): void => facts.onTick({ ...doneTick, head, end })
    tick('done')
    tick('failed')
    tick('failed')
    expect(await facts.read()).toMatchObject({ failedTicks: 2, lastHead: { number: head.number, seenAtMs: 1_000 } })
    tick('done')
    expect(await facts.read()).toMatchObject({ failedTicks: 0 })
  })

  it.each([
    ['a chain of two seconds', 2n, 20_000],
    ['a chain of twelve', 12n, 120_000],
    ['a chain of a quarter: not before 15 s', 0n, 15_000],
  ])('behavior: how long silence is borne goes by the heads seen: %s', async (_, afterSec, maxHeadAgeMs) => {
    const chain = createFakeChain()
    const facts = createFacts(
      configOf(),
      () => 0,
      async () => ({ inFlight: 0, faults: [], lowBalances: [] }),
    )
    for (let n = 0; n < 3; n += 1) facts.onTick({ ...doneTick, head: chain.mine({ afterSec }) })
    expect(await facts.read()).toMatchObject({ maxHeadAgeMs })
  })
})
