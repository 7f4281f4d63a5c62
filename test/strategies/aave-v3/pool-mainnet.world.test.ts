// The real mainnet Pool, as recorded in March 2024: its rules are v3.0's, in random states and in what its logs say.
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { decodeFunctionResult, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { createRandom } from '../../../src/lab/world/random'
import { rulesOfRevision } from '../../../strategies/aave-v3/abi'
import { faultsOf } from '../../../strategies/aave-v3/strategy'
import { compareStates } from '../../fixtures/aave-comparison'
import { compareWithPool, createFollower } from '../../fixtures/aave-follow'
import { AAVE_GENESIS, type AaveMainnet, MAINNET_E_MODES, startAaveMainnet } from '../../fixtures/aave-mainnet'
import { createPoolProbe } from '../../fixtures/aave-states'
import { firstLoans, step, type Walk } from '../../fixtures/aave-walk'
import { describeWithShared } from '../../fixtures/shared'

/** Slices; AAVE_STATES=1500 and AAVE_STEPS=500 make them campaigns. */
const STATES = Number(process.env.AAVE_STATES ?? 40)
const STEPS = Number(process.env.AAVE_STEPS ?? 24)

const abi = parseAbi(['function POOL_REVISION() view returns (uint256)'])

describeWithShared('mainnet Pool of Aave v3', [AAVE_GENESIS], () => {
  let mainnet: AaveMainnet
  beforeAll(async () => {
    mainnet = await startAaveMainnet()
  }, 120_000)
  afterAll(async () => {
    await mainnet?.stop()
  })

  it('default: its revision has the rules that it is found to have', async () => {
    const { rpc, world, sources, users } = mainnet
    const data = encodeFunctionData({ abi, functionName: 'POOL_REVISION' })
    const answer = await rpc.request<Hex>('eth_call', { to: world.pool, data }, 'latest')
    const revision = decodeFunctionResult({ abi, functionName: 'POOL_REVISION', data: answer })
    expect([revision, rulesOfRevision(revision)]).toEqual([3n, 'v3.0'])
    const probe = await createPoolProbe(rpc, world, users[0]!, sources)
    const tally = await compareStates(probe, world, 'v3.0', MAINNET_E_MODES, createRandom(20240319, 'aave-mainnet'), STATES)
    expect(tally.done).toBeGreaterThan(STATES)
  }, 300_000)

  it('behavior: its logs say what it does', async () => {
    const { rpc, world, deployer, users, setPrice } = mainnet
    const walk: Walk = { rpc, deployer, world, version: 'v3.0', users, random: createRandom(1, 'mainnet walk'), setPrice }
    await firstLoans(walk)
    const follower = createFollower(rpc, world.pool)
    await follower.start()
    const started = follower.done()
    expect(await compareWithPool(rpc, follower, world.pool, [deployer.owner, ...users])).toBe(users.length + 1)
    // Who borrowed before the recording is not known, and is told of.
    const told = faultsOf(follower.ledger, follower.reading.quotes()).map(reason => reason.split(':')[0])
    expect(told).toEqual(world.reserves.map(({ asset }) => `reserve ${asset}`))
    let done = 0
    for (let at = 0; at < STEPS; at++) {
      if (await step(walk)) done += 1
      await follower.advance()
      await compareWithPool(rpc, follower, world.pool, [deployer.owner, ...users])
    }
    expect(done).toBeGreaterThan(STEPS / 3)
    const saved = follower.saved()
    follower.undo(started + 1n)
    await follower.advance(true)
    expect(follower.saved()).toEqual(saved)
  }, 300_000)
})
