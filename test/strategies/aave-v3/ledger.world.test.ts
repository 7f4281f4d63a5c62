// The ledger on official pools of both versions: after each step of a random walk it holds what the contracts hold, to the last unit.
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Address } from '../../../src/core/primitives'
import { type Anvil, startAnvil } from '../../../src/lab/anvil'
import { createLabRpc } from '../../../src/lab/rpc'
import { v30Artifacts } from '../../../src/lab/world/aave/artifact'
import { v36Artifacts } from '../../../src/lab/world/aave/compile-v36'
import { createRandom } from '../../../src/lab/world/random'
import { addEModesV30, addEModesV36, E_MODES, RESERVES } from '../../fixtures/aave-comparison'
import { createDeployer } from '../../fixtures/aave-deployer'
import { compareWithPool, createFollower } from '../../fixtures/aave-follow'
import { deployPoolV30 } from '../../fixtures/aave-pool-v30'
import { deployPoolV36 } from '../../fixtures/aave-pool-v36'
import {
  allowStableRates,
  busyBlock,
  listReserve,
  replaceOracle,
  startWalk,
  step,
  type Walk,
  type WalkVersion,
} from '../../fixtures/aave-walk'

/** A slice; AAVE_STEPS=1000 makes it a campaign. */
const STEPS = Number(process.env.AAVE_STEPS ?? 36)
const SEED = Number(process.env.AAVE_SEED ?? 3)

const FIRST = RESERVES.slice(0, 3)

const startPool = async (anvil: Anvil, version: WalkVersion): Promise<Walk> => {
  const rpc = createLabRpc(anvil.httpUrl)
  const accounts = await rpc.request<readonly string[]>('eth_accounts')
  const [owner, ...users] = accounts.slice(0, 5).map(account => account.toLowerCase() as Address)
  const isOld = version === 'v3.0'
  const deployer = createDeployer(rpc, owner!, isOld ? v30Artifacts : v36Artifacts(resolve(__dirname, '../../../.cache')))
  const world = await (isOld ? deployPoolV30 : deployPoolV36)(deployer, FIRST)
  const eModes = E_MODES.map(each => ({ ...each, members: each.members.filter(member => member < FIRST.length) }))
  await (isOld ? addEModesV30 : addEModesV36)(deployer, world, eModes)
  const walk: Walk = { rpc, deployer, world, version, users, random: createRandom(SEED, `walk ${version}`) }
  if (isOld) await allowStableRates(walk)
  await startWalk(walk)
  return walk
}

describe.each(['v3.0', 'v3.6'] as const)('ledger on the %s pool', version => {
  let anvil: Anvil
  let walk: Walk

  beforeAll(async () => {
    anvil = await startAnvil({ args: ['--disable-code-size-limit'] })
    walk = await startPool(anvil, version)
  }, 120_000)
  afterAll(async () => {
    walk?.rpc.close()
    await anvil?.stop()
  })

  it('default', async () => {
    const { rpc, world } = walk
    const { pool } = world
    const everybody = [walk.deployer.owner, ...walk.users]
    const follower = createFollower(rpc, pool)
    const laggard = createFollower(rpc, pool)
    await follower.start()
    await laggard.start()
    const started = follower.done()
    expect(await compareWithPool(rpc, follower, pool, everybody)).toBe(walk.users.length)
    let done = 0
    let owing = 0
    for (let at = 0; at < STEPS; at++) {
      if (at === Math.floor(STEPS / 2)) await listReserve(walk, RESERVES[3]!)
      if (at === Math.floor(STEPS / 3)) await replaceOracle(walk)
      if (at === Math.floor((2 * STEPS) / 3)) await busyBlock(walk)
      if (await step(walk)) done += 1
      await follower.advance()
      owing += await compareWithPool(rpc, follower, pool, everybody)
      if (at % 9 === 8) await laggard.advance(true)
    }
    expect([done > STEPS / 3, owing > STEPS]).toEqual([true, true])
    // Whoever comes later, or by leaps, or twice, knows the same.
    await laggard.advance(true)
    expect(laggard.saved()).toEqual(follower.saved())
    const late = createFollower(rpc, pool)
    await late.start()
    expect(late.saved()).toEqual(follower.saved())
    const saved = follower.saved()
    follower.undo(started + 1n + (follower.done() - started) / 3n)
    await follower.advance()
    expect(follower.saved()).toEqual(saved)
    follower.undo(started + 1n)
    await follower.advance(true)
    expect(follower.saved()).toEqual(saved)
  }, 300_000)
})
